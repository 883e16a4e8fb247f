"""The tasks that only look: what there is, what would be done, what is published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from docker_push.flags import BUILD, CHANGED, SELECT
from docker_push.tasks.command import as_json, as_text, command

if TYPE_CHECKING:
    from docker_push.options import Flags
    from docker_push.run import Surroundings


@command("list", "format", "debug")
def list_images(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """List the images of build.toml: platforms, Dockerfile, where they go."""
    from docker_push import report  # noqa: PLC0415
    from docker_push.command_line import one_of  # noqa: PLC0415
    from docker_push.observation import make_plan  # noqa: PLC0415
    from docker_push.run import opened  # noqa: PLC0415

    one_of("--format", given["format"], ("text", "json"))
    with opened(surroundings, flags) as run:
        plan = make_plan(run, look=False)
        if given["format"] == "json":
            surroundings.emit(as_json(report.plan_json(plan), run))
        else:
            run.surroundings.emit(report.list_text(plan))


@command("plan", *SELECT, CHANGED, *BUILD, "format", "offline", "debug")
def show_plan(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Show what would be built, tagged and pushed, and why."""
    from docker_push import pipeline, report  # noqa: PLC0415
    from docker_push.command_line import one_of  # noqa: PLC0415
    from docker_push.run import opened  # noqa: PLC0415

    one_of("--format", given["format"], ("text", "json", "bake"))
    with opened(surroundings, flags) as run:
        plan = pipeline.planned(run, look=not given["offline"])
        if given["format"] == "text":
            run.surroundings.emit(report.plan_text(plan))
        else:
            shown = report.plan_json(plan) if given["format"] == "json" else pipeline.definition(plan)
            surroundings.emit(as_json(shown, run))


@command("matrix", *SELECT, CHANGED, "format", "jobs", "debug")
def show_matrix(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Print the jobs that stage the run platform by platform, for a CI; needs neither Docker nor registry."""
    from docker_push import matrix, selection  # noqa: PLC0415
    from docker_push.command_line import one_of, whole_number  # noqa: PLC0415
    from docker_push.run import opened  # noqa: PLC0415

    one_of("--format", given["format"], tuple(form.value for form in matrix.Form))
    form, limit = matrix.Form(given["format"]), whole_number("--jobs", given["jobs"])
    with opened(surroundings, flags) as run:
        platforms = {image.name: image.platforms.value for image in run.options.images}
        images = {name: platforms[name] for name in selection.asked(run.options, run.context)}
        surroundings.emit(matrix.text(matrix.jobs(images, run.options.runners, form, limit), form))


@command("doctor", *SELECT, "builder", "json", "debug")
def doctor(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Check everything a push needs, build nothing, and say what to do next."""
    from docker_push import doctor as examination  # noqa: PLC0415

    checks = examination.examine(surroundings, flags)
    error = examination.outcome(checks)
    surroundings.emit(as_text(examination.document(checks, error)) if given["json"] else examination.text(checks))
    if error:
        error.details = ()  # they stand above
        raise error


@command("verify", *SELECT, "tag", "json", "debug")
def verify(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Read back what is published for this commit, and compare it with the plan; needs no Docker."""
    from docker_push import verification  # noqa: PLC0415
    from docker_push.run import opened  # noqa: PLC0415

    with opened(surroundings, flags) as run:
        found = verification.verify(run)
        if given["json"]:
            surroundings.emit(as_json(verification.verified_json(found), run))
        for line in found.references if not given["json"] else ():
            run.surroundings.emit(line)
        found.check()
