"""Planning by what the world holds: builder, registries, and whether the run may push at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from docker_push import plan as planning
from docker_push import publish
from docker_push.errors import BuilderError
from docker_push.facts import BuilderFacts, Facts
from docker_push.plan import Action, Plan, PlannedImage
from docker_push.run import Run


def make_plan(run: Run, *, look: bool, build: bool = True, build_only: str | None = None) -> Plan:
    """Plan the run; with ``look`` by what registries hold now and, where it may ``build``, what the builder can do.

    A first plan without facts tells which names to look for; it never differs from the second in the commit tag.
    ``build_only`` is why nothing may be pushed.
    """
    draft = planning.plan(run.options, run.context, Facts(build_only=build_only))
    if not look:
        return draft
    with ThreadPoolExecutor(1) as pool:
        builder = pool.submit(run.builder.observe) if build else None
        repositories = publish.observe(draft, run.clients) if draft.published else {}
        facts = replace(draft.facts, builder=builder.result() if builder else None, repositories=repositories)
    plan = planning.plan(run.options, run.context, facts)
    if facts.builder:
        refuse_unable(plan, facts.builder)
    return plan


def refuse_unable(plan: Plan, builder: BuilderFacts) -> None:
    """Raise BuilderError where the builder's image store cannot hold what is asked."""
    for image in (image for image in plan.images if image.action is Action.BUILD):
        if error := unable(image, builder):
            raise error


def unable(image: PlannedImage, builder: BuilderFacts) -> BuilderError | None:
    """Return why the builder's image store cannot hold the image, ``None`` where it can; pure.

    A platform that the builder does not list is no reason: an image without RUN steps, or one that is cross-compiled, needs
    no emulation. The plan warns of it.
    """
    if not image.has_index or builder.multi_platform:
        return None
    store = f"the image store of builder {builder.name} holds neither several platforms nor attestations"
    hint = (
        "Turn on Docker's containerd image store, or run: docker buildx create --use"
        " (with one platform, attest = [] does as well)."
    )
    return BuilderError(f"image {image.name}: {store}", hint=hint)
