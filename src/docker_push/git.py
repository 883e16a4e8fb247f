"""What git knows of the work tree: commit, branch, changes, origin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from docker_push.errors import ConfigError
from docker_push.process import Completed, Runner

_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^/:]+):(?P<path>[^/].*)")
_NOT_A_WORK_TREE = ("not a git repository", "must be run in a work tree", "not in a git directory")


@dataclass(frozen=True, kw_only=True)
class GitFacts:
    """What is checked out.

    ``branch`` is ``None`` for a detached head. ``dirty``: tracked files differ from the commit, or there are untracked
    ones that are not ignored. ``created`` is the committer's time in seconds since the epoch. ``origin`` is the URL of
    the remote of that name as git has it: it may hold credentials.
    """

    commit: str
    branch: str | None
    dirty: bool
    created: int
    origin: str | None = None


def read(runner: Runner) -> GitFacts | None:
    """Read git's facts of the runner's folder; ``None`` where it is no work tree, or git is not installed.

    Raises ConfigError for a repository without a commit, or one that git refuses because somebody else owns it.
    """
    if runner.which("git") is None:
        return None
    # one call for commit, branch and changes; porcelain v2 is git's stable format (git-status(1))
    status = _git(runner, "status", "--porcelain=v2", "--branch", "--untracked-files=normal", "-z")
    if status.status != 0:
        _refuse(status)
        return None
    head = {
        words[1]: words[2]
        for line in status.stdout.split("\0")
        if line.startswith("# ") and len(words := line.split(" ", 2)) == 3  # noqa: PLR2004 - "# key value"
    }
    if head.get("branch.oid", "(initial)") == "(initial)":
        hint = "Commit something first: an image is named after its commit."
        raise ConfigError("the git repository has no commit", hint=hint)
    branch = head.get("branch.head", "(detached)")
    created = _git(runner, "log", "-1", "--format=%ct", "--no-show-signature", head["branch.oid"]).stdout.strip()
    origin = _git(runner, "config", "--get", "remote.origin.url").stdout.strip()
    return GitFacts(
        commit=head["branch.oid"],
        branch=None if branch == "(detached)" else branch,
        dirty=any(line and not line.startswith("# ") for line in status.stdout.split("\0")),
        created=int(created or 0),
        origin=origin or None,
    )


def _git(runner: Runner, *arguments: str) -> Completed:
    """Run git without a pager, a watcher of its own or a lock that others would wait for."""
    return runner.run(["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments])


def _refuse(found: Completed) -> None:
    """Raise what git complains of, unless it is that this is no work tree."""
    text = found.stderr.strip()
    if any(mark in text for mark in _NOT_A_WORK_TREE):
        return
    if "dubious ownership" in text:
        hint = "If you trust it, run: git config --global --add safe.directory '*' (or the folder's path)."
        raise ConfigError("git refuses the repository because another user owns its folder", hint=hint)
    cause = text.splitlines()[0] if text else f"exit status {found.status}"
    raise ConfigError(f"git cannot read the repository: {cause}", hint="Run `git status` to see the same error.")


def repository_of(origin: str) -> str | None:
    """Return ``owner/name`` of a remote's URL (git-clone(1), "GIT URLS"); ``None`` for a path on this machine."""
    address = _address(origin)
    return address[1] if address else None


def web_address(origin: str) -> str | None:
    """Return the web address of a remote, without the credentials that its URL may hold."""
    address = _address(origin)
    return f"https://{address[0]}/{address[1]}" if address else None


def _address(origin: str) -> tuple[str, str] | None:
    if "://" in origin:
        parts = urlsplit(origin)
        host, path = parts.hostname or "", parts.path
        if parts.scheme not in {"https", "http", "ssh", "git", "git+ssh"}:
            return None
    else:
        match = _SCP.fullmatch(origin)
        if match is None:
            return None
        host, path = match["host"], match["path"]
    path = path.strip("/").removesuffix(".git").strip("/")
    return (host, path) if host and path else None
