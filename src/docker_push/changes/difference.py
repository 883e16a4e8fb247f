"""What differs between a commit and the work tree, as git tells it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from docker_push.errors import ConfigError
from docker_push.process import Completed, Runner, one_line
from docker_push.references import quoted

_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NAME = re.compile(r"(?:origin/)?[A-Za-z0-9][A-Za-z0-9._/-]*")
_SUBMODULE = "160000"
_TIMEOUT = 120.0  # seconds: a first look at a very large work tree
_DIFF = ("--raw", "-z", "--no-renames", "--no-abbrev", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What differs between ``commit`` and the work tree; ``ref`` is what the user calls the commit.

    ``paths`` are files, relative to the runner's folder; a renamed one is there with both its names. ``folders`` are paths
    of which git only tells that something in them differs: submodules, and repositories that are no submodule. ``moved``:
    what is checked out is another commit.
    """

    ref: str
    commit: str
    paths: tuple[str, ...]
    folders: tuple[str, ...]
    moved: bool


def compare(runner: Runner, ref: str) -> Difference:
    """Compare the work tree below the runner's folder with a commit.

    Files that git ignores are no part of a change, and do not count. Files that git was told not to look at
    (``update-index --assume-unchanged``) count, since nobody knows. Raises ConfigError where there is no such commit, or
    git cannot compare.
    """
    runner = replace(runner, environ={**runner.environ, "LC_ALL": "C"})
    commit = _commit(runner, ref)
    found = list(_changed(_output(runner, "diff", *_DIFF, "--relative", commit, "--", ".")))
    unknown = _output(runner, "ls-files", "-z", "--others", "--exclude-standard")
    unseen = _output(runner, "ls-files", "-z", "-v")
    paths = [path for path, inside in found if not inside]
    paths += [path for path in unknown.split("\0") if path and not path.endswith("/")]
    paths += [entry[2:] for entry in unseen.split("\0") if entry[:1].islower()]
    folders = [path for path, inside in found if inside]
    folders += [path.rstrip("/") for path in unknown.split("\0") if path.endswith("/")]
    return Difference(
        ref=ref,
        commit=commit,
        paths=tuple(sorted(set(paths))),
        folders=tuple(sorted(set(folders))),
        moved=_output(runner, "rev-parse", "HEAD").strip() != commit,
    )


def content(runner: Runner, commit: str, path: str) -> bytes | None:
    """Return what a file was in a commit; ``None`` where there was none. ``path`` is relative to the runner's folder."""
    kind = _git(runner, "cat-file", "-t", f"{commit}:./{path}")
    if kind.status != 0 or kind.stdout.strip() != "blob":
        return None
    return _output(runner, "cat-file", "blob", f"{commit}:./{path}").encode()


def _changed(raw: str) -> Iterator[tuple[str, bool]]:
    """Yield the paths of ``git diff --raw -z``, with whether each is a submodule, before or now."""
    fields = iter(raw.split("\0"))
    for head in fields:
        if head.startswith(":"):
            yield next(fields), _SUBMODULE in head[1:].split(" ")[:2]


def _commit(runner: Runner, ref: str) -> str:
    if not ref or ref.startswith("-") or not ref.isprintable():
        raise ConfigError(f"{quoted(ref)} names no commit", hint="Give a commit, a tag or a branch, as in origin/main.")
    found = _git(runner, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    commit = found.stdout.strip()
    if found.status == 0 and _OBJECT.fullmatch(commit):
        return commit
    inside = _git(runner, "rev-parse", "--is-shallow-repository")
    if inside.status != 0:
        hint = "Run the command inside a work tree that git can read; `git status` shows the same error."
        raise ConfigError(f"git cannot tell what changed since {quoted(ref)}: {_cause(inside)}", hint=hint)
    shallow = inside.stdout.strip() == "true"
    where = "this clone, whose history is cut off" if shallow else "this repository"
    raise ConfigError(f"there is no commit {quoted(ref)} in {where}", hint=_fetching(ref, shallow=shallow))


def _fetching(ref: str, *, shallow: bool) -> str:
    """Return what brings a commit here."""
    name = ref.removeprefix("origin/")
    if _OBJECT.fullmatch(ref):
        return f"Fetch it: `git fetch --depth=1 origin {ref}`." if shallow else f"Fetch it: `git fetch origin {ref}`."
    if not _NAME.fullmatch(ref):
        return (
            "Fetch the history: `git fetch --unshallow origin`."
            if shallow
            else "Check the name: `git log` lists commits."
        )
    target = f"refs/remotes/origin/{name}" if name != ref else name
    return f"Fetch it: `git fetch {'--depth=1 ' if shallow else ''}origin {name}:{target}`."


def _output(runner: Runner, *arguments: str) -> str:
    found = _git(runner, *arguments)
    if found.status != 0:
        hint = "Run the same command by itself to see what is wrong."
        raise ConfigError(f"`git {arguments[0]}` cannot compare the work tree: {_cause(found)}", hint=hint)
    return found.stdout


def _cause(found: Completed) -> str:
    lines = found.stderr.strip().splitlines()
    return one_line(lines[0]) if lines else f"exit status {found.status}"


def _git(runner: Runner, *arguments: str) -> Completed:
    """Run git without a watcher of the repository's choosing or a lock that others would wait for."""
    return runner.run(["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments], timeout=_TIMEOUT)
