"""The tasks of a CI's own files: where they disagree with build.toml, and what mends them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docker_push.flags import RUN
from docker_push.tasks.command import as_text, command

if TYPE_CHECKING:
    from docker_push.ci import Ci, Found, Wanted
    from docker_push.options import Flags
    from docker_push.run import Surroundings


@command("check", "ci", "json", "debug")
def check(surroundings: Surroundings, _flags: Flags, given: Mapping[str, Any]) -> None:
    """Say where the files of the CI and build.toml disagree, all at once; needs neither Docker nor network."""
    from docker_push import ci  # noqa: PLC0415
    from docker_push.errors import ConfigError  # noqa: PLC0415

    _, found, wanted = _read(surroundings)
    which = _asked(given["ci"]) or ci.present(found.texts)
    if not which:
        hint = "`docker-push ci.write` writes the first ones; `--ci github` or `--ci gitlab` says for which."
        raise ConfigError("there are no files of a CI: neither .github/workflows nor .gitlab-ci.yml", hint=hint)
    checked = ci.check(found.texts, wanted, which, found.unread)
    if given["json"]:
        surroundings.emit(as_text(ci.document(checked)))
    else:
        for line in ci.lines(checked):
            surroundings.emit(line)
        surroundings.say(ci.summary(checked))
    if error := ci.outcome(checked, ci.mendable(found.texts, wanted, checked, found.unread)):
        raise error


@command("write", "ci", *RUN)
def write(surroundings: Surroundings, _flags: Flags, given: Mapping[str, Any]) -> None:
    """Mend the files of the CI, or write the first ones: a job for each image; what is there stays as it is."""
    from docker_push import ci  # noqa: PLC0415
    from docker_push.errors import ConfigError  # noqa: PLC0415

    root, found, wanted = _read(surroundings)
    if not (found.texts or wanted.images):
        hint = "List each as [images.NAME] there, and run the same command again."
        raise ConfigError(f"{wanted.file} lists no images that a CI could have jobs for", hint=hint)
    which = _asked(given["ci"]) or ci.present(found.texts) or (_hosted(surroundings, root),)
    texts: dict[str, str] = {}
    for one in which:
        written = ci.write({**found.texts, **texts}, wanted, one, found.unread)
        texts |= written.texts
        for file, what in written.done:
            surroundings.say(f"{file}: {what}")
        for line in ci.lines(written.left):
            surroundings.say(f"left: {line}")
    if given["dry_run"]:
        if texts:
            surroundings.emit(ci.difference(found.texts, texts).rstrip("\n"))
        surroundings.say("Dry run: nothing was written.")
        return
    ci.write_files(root, texts)
    for name in texts:
        surroundings.emit(name)
    if not texts:
        surroundings.say("Nothing was written: there is nothing to mend or to add.")


def _asked(name: str | None) -> tuple[Ci, ...]:
    from docker_push.ci import Ci  # noqa: PLC0415
    from docker_push.command_line import one_of  # noqa: PLC0415

    if name is None:
        return ()
    one_of("--ci", name, tuple(ci.value for ci in Ci))
    return (Ci(name),)


def _read(surroundings: Surroundings) -> tuple[Path, Found, Wanted]:
    """Return the top of the repository, what its CI's files say, and what build.toml does."""
    from docker_push import ci  # noqa: PLC0415
    from docker_push.run import FILE, find_root  # noqa: PLC0415

    folder = find_root(surroundings.folder)
    root = ci.top(folder)
    shown = (folder / FILE).relative_to(root).as_posix()
    return root, ci.find(root), ci.wanted(folder / FILE, folder, shown)


def _hosted(surroundings: Surroundings, root: Path) -> Ci:
    """Return the CI of a repository that has no files of one: what this run is in, else what git's origin names."""
    from docker_push import environment, git  # noqa: PLC0415
    from docker_push.ci import Ci  # noqa: PLC0415

    if surroundings.environ.get("GITLAB_CI"):
        return Ci.GITLAB
    if surroundings.environ.get("GITHUB_ACTIONS"):
        return Ci.GITHUB
    environ = environment.for_programs(surroundings.environ, {"DOCKER_PASSWORD"})
    runner = surroundings.runner(environ=environ, folder=root, children=surroundings.children)
    host = (git.web_address(git.origin(runner) or "") or "").partition("://")[2].partition("/")[0]
    return Ci.GITLAB if "gitlab" in host else Ci.GITHUB
