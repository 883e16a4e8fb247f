"""Building into the local engine, and tagging what is there: ``docker.build`` and ``docker.tag``. Nothing is pushed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from docker_push import bake, report
from docker_push import plan as planning
from docker_push.bake import Output
from docker_push.engine import Engine
from docker_push.facts import BuilderFacts, Facts
from docker_push.failures import failures
from docker_push.plan import Plan, PlannedImage
from docker_push.references import Reference
from docker_push.run import Run
from docker_push.staging import BATCH, tell


def load(run: Run, *, dry_run: bool) -> list[str]:
    """Build into the local engine and return the names that the images have there.

    Every platform is built where the image store holds them, else the host's alone, and that is said.
    """
    plan = _local_plan(run)
    run.refuse_arguments(plan)
    say = run.surroundings.say
    say(report.plan_text(plan))
    if dry_run:
        say("Dry run: nothing was built.")
        return []
    origins = run.origins  # docker logs in as they say: from here on they are known, and never shown
    for batch in bake.batches(plan, BATCH):
        say(f"Building {', '.join(image.name for image in batch.images)} into the local engine")
        baked = run.builder.bake(plan, batch, Output.LOAD, lambda step: tell(step, say))
        if not baked.ok:
            raise failures(baked, origins)[0].error
    return [str(image.staged(repository)) for image in _asked(plan) for repository in image.repositories]


def tag(run: Run, *, dry_run: bool) -> list[str]:
    """Put the plan's tags on what was built into the local engine; return the names that were put."""
    plan = planning.plan(run.options, run.context)
    put: list[str] = []
    for image in _asked(plan):
        for repository in image.repositories:
            names = [Reference(repository, tag.tag) for tag in image.tags if tag.tag != image.commit_tag]
            if not dry_run:
                Engine(run.surroundings.environ).tag(image.staged(repository), names)
            put += [str(name) for name in names]
    if dry_run:
        run.surroundings.say("Dry run: these tags were not put.")
    return put


def _asked(plan: Plan) -> Iterable[PlannedImage]:
    return (image for image in plan.images if image.asked)


def _local_plan(run: Run) -> Plan:
    facts = run.builder.observe()
    plan = planning.plan(run.options, run.context, Facts(builder=facts))
    if facts.driver == "docker" and facts.multi_platform:
        return plan
    images = tuple(_one_platform(image, facts) for image in plan.images)
    for before, after in zip(plan.images, images, strict=True):
        if before != after:
            only = after.platforms[0]
            run.surroundings.say(f"{after.name}: {only} alone, the local image store holds one platform of an image")
    return replace(plan, images=images)


def _one_platform(image: PlannedImage, facts: BuilderFacts) -> PlannedImage:
    """Keep the platform that the builder runs natively (buildx lists it first), or else the image's first."""
    only = next((platform for platform in facts.platforms[:1] if platform in image.platforms), image.platforms[0])
    setting = replace(image.options.platforms, value=(only,))
    return replace(image, options=replace(image.options, platforms=setting))
