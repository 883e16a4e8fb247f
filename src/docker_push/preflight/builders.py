"""Whether the builder is there, and able to build what is planned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from docker_push.errors import DockerPushError, InterruptedRunError
from docker_push.facts import BuilderFacts
from docker_push.observation import unable
from docker_push.plan import Action, Plan
from docker_push.preflight.model import Area, Check, failed, good, skipped, warning
from docker_push.run import Run

_EMULATION = (
    "RUN steps for it need emulation: docker run --privileged --rm tonistiigi/binfmt --install all (or a builder with a"
    " node of that architecture)."
)


@dataclass(frozen=True, kw_only=True)
class BuilderSeen:
    """What was found of the builder; ``facts`` is ``None`` where there is none."""

    check: Check
    facts: BuilderFacts | None = None


def look(run: Run, plan: Plan) -> BuilderSeen:
    """Look at the run's builder, unless the plan was made with one that was."""
    subject = f"builder {run.options.builder.value}" if run.options.builder else "builder"
    try:
        facts = plan.facts.builder or run.builder.observe()
    except InterruptedRunError:
        raise
    except DockerPushError as error:
        return BuilderSeen(check=failed(Area.BUILDER, subject, error))
    return BuilderSeen(check=seen(subject, facts), facts=facts)


def seen(subject: str, facts: BuilderFacts) -> Check:
    """Return the check of a builder that was found; pure."""
    if facts.planned:
        return good(
            Area.BUILDER, subject, f"{facts.name} is not there yet, and is made when it is needed: {facts.planned}"
        )
    return good(Area.BUILDER, subject, f"{facts.name}, driver {facts.driver}")


def judge(plan: Plan, facts: BuilderFacts | None) -> Iterable[Check]:
    """Judge whether the builder can build each image that is built; pure."""
    for image in plan.images:
        subject = f"platforms of {image.name}"
        if image.action is not Action.BUILD:
            yield skipped(Area.BUILDER, subject, f"it is not built: {image.why}")
        elif facts is None:
            yield skipped(Area.BUILDER, subject, "there is no builder")
        elif error := unable(image, facts):
            yield failed(Area.BUILDER, subject, error)
        elif facts.planned and not facts.platforms:
            yield skipped(Area.BUILDER, subject, f"builder {facts.name} is not there yet, and says itself what it can")
        elif missing := [str(one) for one in image.platforms if one not in facts.platforms]:
            found = f"builder {facts.name} does not list {', '.join(missing)}"
            yield warning(Area.BUILDER, subject, found, _EMULATION)
        else:
            yield good(Area.BUILDER, subject, ", ".join(map(str, image.platforms)))
