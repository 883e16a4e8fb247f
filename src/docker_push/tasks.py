"""The tasks: ``invoke docker.push --image api``. Parse, one call, report; nothing else happens here.

Everything of weight is imported inside the tasks, so that ``invoke --list`` stays as fast as with an empty tasks.py. A
flag is declared once, in ``FLAGS``; Invoke reads a task's flags from its signature, so the signature is made from the
declarations.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.tasks import Task, task

from docker_push.flags import BUILD, CHANGED, FLAGS, RUN, SELECT

if TYPE_CHECKING:
    from docker_push.options import Flags
    from docker_push.plan import Plan
    from docker_push.report import RunReport
    from docker_push.run import Run, Surroundings

__all__ = ["FLAGS", "docker", "namespace"]


Body = Callable[["Surroundings", "Flags", Mapping[str, Any]], None]


def _command(name: str, *flags: str) -> Callable[[Body], Task[Any]]:
    """Make an Invoke task of a function of (surroundings, flags, everything that was given)."""

    def wrap(body: Body) -> Task[Any]:
        @functools.wraps(body)
        def run(_context: object, **given: Any) -> None:  # noqa: ANN401 - Invoke hands over what it parsed
            from docker_push.byte_code import byte_code_kept  # noqa: PLC0415

            with byte_code_kept():
                from docker_push.boundary import boundary  # noqa: PLC0415
                from docker_push.command_line import flags_of  # noqa: PLC0415

                with boundary(debug=given["debug"]) as surroundings:
                    body(surroundings, flags_of(given), given)

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        defaults = {flag: None if (default := FLAGS[flag].default) == () else default for flag in flags}
        parameters = [inspect.Parameter("context", kind)]
        parameters += [inspect.Parameter(flag, kind, default=default) for flag, default in defaults.items()]
        setattr(run, "__signature__", inspect.Signature(parameters))  # noqa: B010 - inspect's protocol, unknown to mypy
        repeated = [flag for flag in flags if FLAGS[flag].default == ()]
        made: Task[Any] = task(name=name, iterable=repeated, help={flag: FLAGS[flag].help for flag in flags})(run)
        return made

    return wrap


@_command("list", "format", "debug")
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
            surroundings.emit(_json(report.plan_json(plan), run))
        else:
            run.surroundings.emit(report.list_text(plan))


@_command("plan", *SELECT, CHANGED, *BUILD, "format", "offline", "debug")
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
            surroundings.emit(_json(shown, run))


@_command("matrix", *SELECT, CHANGED, "format", "jobs", "debug")
def show_matrix(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Print the jobs that stage the run platform by platform, for a CI; needs neither Docker nor registry."""
    from docker_push import matrix  # noqa: PLC0415
    from docker_push.command_line import one_of, whole_number  # noqa: PLC0415
    from docker_push.observation import make_plan  # noqa: PLC0415
    from docker_push.run import opened  # noqa: PLC0415

    one_of("--format", given["format"], tuple(form.value for form in matrix.Form))
    form, limit = matrix.Form(given["format"]), whole_number("--jobs", given["jobs"])
    with opened(surroundings, flags) as run:
        asked = {image.name: image.platforms for image in make_plan(run, look=False).images if image.asked}
        images = {name: asked[name] for name in run.options.selected if name in asked}
        surroundings.emit(matrix.text(matrix.jobs(images, run.options.runners, form, limit), form))


@_command("doctor", *SELECT, "builder", "json", "debug")
def doctor(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Check everything a push needs, build nothing, and say what to do next."""
    from docker_push import doctor as examination  # noqa: PLC0415

    checks = examination.examine(surroundings, flags)
    error = examination.outcome(checks)
    surroundings.emit(_text(examination.document(checks, error)) if given["json"] else examination.text(checks))
    if error:
        error.details = ()  # they stand above
        raise error


@_command("login", "domain", *RUN)
def login(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Log in to the registries, from DOCKER_USER and DOCKER_PASSWORD or by asking."""
    from docker_push import login as account  # noqa: PLC0415
    from docker_push.boundary import ask  # noqa: PLC0415

    account.login(surroundings, flags, ask=ask, dry_run=given["dry_run"])


@_command("logout", "domain", *RUN)
def logout(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Forget the registries' credentials in docker's config."""
    from docker_push import login as account  # noqa: PLC0415

    account.logout(surroundings, flags, dry_run=given["dry_run"])


@_command("build", *SELECT, CHANGED, "builder", "allow_secret_arg", *RUN)
def build(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Build into the local engine; nothing is pushed."""
    from docker_push import local_build  # noqa: PLC0415
    from docker_push.run import opened  # noqa: PLC0415

    with opened(surroundings, flags) as run:
        for name in local_build.load(run, dry_run=given["dry_run"]):
            run.surroundings.emit(name)


@_command("tag", *SELECT, "tag", "allow_dirty", *RUN)
def tag(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Put the plan's tags on what docker.build left in the local engine."""
    from docker_push import local_build  # noqa: PLC0415
    from docker_push.run import opened  # noqa: PLC0415

    with opened(surroundings, flags) as run:
        for name in local_build.tag(run, dry_run=given["dry_run"]):
            run.surroundings.emit(name)


@_command("stage", *SELECT, CHANGED, *BUILD, "part", "report", *RUN)
def stage(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Build, push under the commit tag and verify; no moving tag is touched. With --part: one platform, and no tag at all."""
    from docker_push import pipeline, splitting  # noqa: PLC0415
    from docker_push.command_line import as_part  # noqa: PLC0415

    folders = [surroundings.folder / path for path in given["part"] or ()]
    work = functools.partial(splitting.stage_part, folder=folders[0]) if folders else pipeline.stage_only
    _carry_out(work, surroundings, as_part(flags, given["part"] or ()), given)


@_command("merge", *SELECT, CHANGED, *BUILD, "part", "report", *RUN)
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


@_command("publish", *SELECT, CHANGED, *BUILD, "report", *RUN)
def publish(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Move the tags of what was staged for this commit."""
    from docker_push import pipeline  # noqa: PLC0415

    plan = functools.partial(pipeline.planned, look=True, build=False)
    _carry_out(pipeline.publish_staged, surroundings, flags, given, plan=plan)


@_command("push", *SELECT, CHANGED, *BUILD, "report", *RUN)
def push(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Log in, build, push, verify, then move the tags: the whole pipeline."""
    from docker_push import pipeline  # noqa: PLC0415

    _carry_out(pipeline.push, surroundings, flags, given)


@_command("verify", *SELECT, "tag", "json", "debug")
def verify(surroundings: Surroundings, flags: Flags, given: Mapping[str, Any]) -> None:
    """Read back what is published for this commit, and compare it with the plan; needs no Docker."""
    from docker_push import verification  # noqa: PLC0415
    from docker_push.run import opened  # noqa: PLC0415

    with opened(surroundings, flags) as run:
        found = verification.verify(run)
        if given["json"]:
            surroundings.emit(_json(verification.verified_json(found), run))
        for line in found.references if not given["json"] else ():
            run.surroundings.emit(line)
        found.check()


docker = Collection("docker", list_images, show_plan, show_matrix, doctor, login, logout, build, tag)
for further in (stage, merge, publish, push, verify):
    docker.add_task(further)
namespace = Collection(docker)


def _carry_out(
    work: Callable[[Run], RunReport],
    surroundings: Surroundings,
    flags: Flags,
    given: Mapping[str, Any],
    *,
    plan: Callable[[Run], Plan] | None = None,
) -> None:
    """Do the work of a run that pushes, or with ``--dry-run`` say what ``plan`` it would be carried out by."""
    from docker_push import pipeline, report, report_file  # noqa: PLC0415
    from docker_push.run import opened  # noqa: PLC0415

    if given["report"]:
        report_file.check(surroundings.folder / given["report"])
    with opened(surroundings, flags) as run:
        if given["dry_run"]:
            run.surroundings.say(report.plan_text(plan(run) if plan else pipeline.planned(run, look=True)))
            run.surroundings.say("Dry run: nothing was built, pushed or tagged.")
        else:
            _finish(run, work(run), given)


def _finish(run: Run, done: RunReport, given: Mapping[str, Any]) -> None:
    """Print what machines read, write the report, and end as the run did."""
    from docker_push import errors, report, report_file  # noqa: PLC0415

    for line in report.references(done):
        run.surroundings.emit(line)
    try:
        if given["report"]:
            report_file.write(run.surroundings.folder / given["report"], _json(report.run_json(done), run))
    except errors.ConfigError as error:
        if done.error is None:
            raise
        done.error.details += (str(error),)  # what the run failed of counts more
    if done.error is not None:
        raise done.error


def _json(value: object, run: Run) -> str:
    """Return a document of the run as text, without its secrets."""
    return _text(run.runner.redact.document(value))


def _text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
