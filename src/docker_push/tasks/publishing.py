"""The tasks that push: what is staged, put together and published."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from docker_push.flags import BUILD, CHANGED, FILES, RUN, SELECT
from docker_push.tasks.command import as_text, command

if TYPE_CHECKING:
    from docker_push.options import Flags
    from docker_push.outputs import Places
    from docker_push.plan import Plan
    from docker_push.report import RunReport
    from docker_push.run import Run, Surroundings


@command("stage", *SELECT, CHANGED, *BUILD, "part", *FILES, *RUN)
def stage(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Build, push under the commit tag and verify; no moving tag is touched. With --part: one platform, and no tag at all."""
    from docker_push import pipeline, splitting  # noqa: PLC0415
    from docker_push.command_line import as_part  # noqa: PLC0415

    folders = [surroundings.folder / path for path in given["part"] or ()]
    work = functools.partial(splitting.stage_part, folder=folders[0]) if folders else pipeline.stage_only
    _carry_out(work, surroundings, as_part(flags, given["part"] or ()), given)


@command("merge", *SELECT, CHANGED, *BUILD, "part", *FILES, *RUN)
def merge(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Put together the parts that docker.stage --part staged, and move the tags; needs no builder."""
    from docker_push import splitting  # noqa: PLC0415
    from docker_push.command_line import part_paths  # noqa: PLC0415

    paths = part_paths(surroundings.folder, given["part"] or ())
    work, plan = (
        functools.partial(splitting.merge, paths=paths),
        functools.partial(splitting.planned_merge, paths=paths),
    )
    _carry_out(work, surroundings, flags, given, plan=plan)


@command("publish", *SELECT, CHANGED, *BUILD, *FILES, *RUN)
def publish(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Move the tags of what was staged for this commit."""
    from docker_push import pipeline  # noqa: PLC0415

    plan = functools.partial(pipeline.planned, look=True, build=False)
    _carry_out(pipeline.publish_staged, surroundings, flags, given, plan=plan)


@command("push", *SELECT, CHANGED, *BUILD, *FILES, *RUN)
def push(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Log in, build, push, verify, then move the tags: the whole pipeline."""
    from docker_push import pipeline  # noqa: PLC0415

    _carry_out(pipeline.push, surroundings, flags, given)


def _carry_out(
    work: Callable[[Run], RunReport],
    surroundings: Surroundings,
    flags: Flags,
    given: Mapping[str, Any],
    *,
    plan: Callable[[Run], Plan] | None = None,
) -> None:
    """Do the work of a run that pushes, or with ``--dry-run`` say what ``plan`` it would be carried out by."""
    from docker_push import outputs, pipeline, report  # noqa: PLC0415
    from docker_push.run import opened  # noqa: PLC0415

    places = outputs.Places() if given["dry_run"] else outputs.prepared(surroundings, given)
    with opened(surroundings, flags, makes_builder=not given["dry_run"]) as run:
        if given["dry_run"]:
            run.surroundings.say(report.plan_text(plan(run) if plan else pipeline.planned(run, look=True)))
            run.surroundings.say("Dry run: nothing was built, pushed or tagged.")
        else:
            _finish(run, work(run), places)


def _finish(run: Run, done: RunReport, places: Places) -> None:
    """Print what machines read, leave what comes after the run is told, and end as the run did."""
    from docker_push import outputs, report  # noqa: PLC0415

    for line in report.references(done):
        run.surroundings.emit(line)
    unwritten = outputs.leave(run, done, places, as_text)
    errors = [done.error, *unwritten] if done.error else unwritten  # what the run failed of counts more
    if errors:
        errors[0].details += tuple(str(error) for error in errors[1:])
        raise errors[0]
