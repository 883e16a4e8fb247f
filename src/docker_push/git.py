"""What git knows of the work tree: commit, branch, changes, origin."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from docker_push.errors import ConfigError
from docker_push.process import Completed, Runner, one_line

_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^@/:]+):(?P<path>(?!//)[^@]+)")  # git-clone(1): no slash before the colon
_DRIVE = re.compile(r"[A-Za-z]:[\\/].*")
_SCHEMES = frozenset({"https", "http", "ssh", "git", "git+ssh", "ssh+git"})
_NOT_A_WORK_TREE = ("not a git repository", "must be run in a work tree", "cannot use bare repository")
_OWNED_BY_ANOTHER = ("dubious ownership", "unsafe repository")  # git 2.35.3 and later; 2.35.2
_STEP = re.compile(r"git config --global --add safe\.directory \S.*")
_REMOTE = "refs/remotes/origin/"
_QUICK = ("--no-ahead-behind", "--no-renames")  # neither is asked for, and both cost much in a large repository
_TIMEOUT = 120.0  # seconds: a first look at a very large work tree


@dataclass(frozen=True, kw_only=True)
class GitFacts:
    """What is checked out.

    ``branch`` is ``None`` for a detached head. ``dirty``: tracked files differ from the commit, or there are untracked
    ones that are not ignored. ``created`` is the committer's time in seconds since the epoch. ``origin`` is the URL of
    the remote of that name without the credentials that git's own copy may hold; ``default_branch`` is that remote's,
    where a clone has noted it. ``shallow``: the history ends before its beginning.
    """

    commit: str
    branch: str | None
    dirty: bool
    created: int | None = None
    origin: str | None = None
    default_branch: str | None = None
    shallow: bool = False


def read(runner: Runner) -> GitFacts | None:
    """Read git's facts of the runner's folder; ``None`` where it is no work tree, or git is not installed.

    Four processes. Raises ConfigError for a repository without a commit, one that git refuses because somebody else
    owns it, and one that git cannot read.
    """
    if runner.which("git") is None:
        return None
    # messages are told apart by their English words
    runner = replace(runner, environ={**runner.environ, "LC_ALL": "C"})
    # one call for commit, branch and changes; porcelain v2 is git's stable format (git-status(1))
    status = _git(runner, "status", "--porcelain=v2", "--branch", "--untracked-files=normal", *_QUICK)
    if status.status != 0:
        _refuse(status)
        return None
    lines = [line for line in status.stdout.split("\n") if line]
    head = {words[1]: words[2] for line in lines if line.startswith("# ") and len(words := line.split(" ", 2)) > 2}  # noqa: PLR2004
    commit, branch = head.get("branch.oid", "(initial)"), head.get("branch.head", "(detached)")
    if commit == "(initial)":
        hint = "Commit something first: an image is named after its commit."
        raise ConfigError("the git repository has no commit", hint=hint)
    shallow, default_branch = _clone(runner)
    return GitFacts(
        commit=commit,
        branch=None if branch == "(detached)" else branch,
        dirty=any(not line.startswith("# ") for line in lines),
        created=_committed(runner, commit),
        origin=_origin(runner),
        default_branch=default_branch,
        shallow=shallow,
    )


def _git(runner: Runner, *arguments: str) -> Completed:
    """Run git without a watcher of the repository's choosing or a lock that others would wait for."""
    return runner.run(["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments], timeout=_TIMEOUT)


def _refuse(found: Completed) -> None:
    """Raise what git complains of, unless it is that this is no work tree."""
    text = found.stderr.strip()
    if any(mark in text for mark in _NOT_A_WORK_TREE):
        return
    if any(mark in text for mark in _OWNED_BY_ANOTHER):
        step = _STEP.search(text)  # git names the folder, quoted for a shell
        hint = (
            f"If you trust it, run: {one_line(step[0]) if step else 'git config --global --add safe.directory FOLDER'}"
        )
        raise ConfigError("git refuses the repository because another user owns its folder", hint=hint)
    cause = one_line(text.splitlines()[0]) if text else f"exit status {found.status}"
    raise ConfigError(f"git cannot read the repository: {cause}", hint="Run `git status` to see the same error.")


def _clone(runner: Runner) -> tuple[bool, str | None]:
    """Return whether the history is cut off, and the remote's default branch, in one call for both.

    Without that branch git fails after the first answer, and repeats the question as the second.
    """
    found = _git(runner, "rev-parse", "--is-shallow-repository", "--symbolic-full-name", f"{_REMOTE}HEAD")
    shallow, _, head = found.stdout.strip().partition("\n")
    return shallow == "true", head.removeprefix(_REMOTE) if found.status == 0 and head.startswith(_REMOTE) else None


def _committed(runner: Runner, commit: str) -> int | None:
    text = _git(runner, "log", "-1", "--format=%ct", "--no-show-signature", commit).stdout.strip()
    return int(text) if text.isdigit() else None


def origin(runner: Runner) -> str | None:
    """Return the remote that is called origin, without credentials; ``None`` without one, or without git."""
    return _origin(runner) if runner.which("git") else None


def _origin(runner: Runner) -> str | None:
    """Return what the remote is called, not where `url.<base>.insteadOf` would send git for it."""
    urls = _git(runner, "config", "--get-all", "remote.origin.url").stdout.split("\n")
    return _without_credentials(urls[0]) or None


def _without_credentials(url: str) -> str:
    """Return a remote's URL without user, password, query and fragment: tokens travel in all of them."""
    scheme, separator, rest = url.partition("://")
    if separator:
        netloc, slash, path = rest.partition("/")
        return f"{scheme}://{netloc.rpartition('@')[2]}{slash}{re.split('[?#]', path)[0]}"
    if "/" in url.partition(":")[0]:
        return url  # a path on this machine
    match = _SCP.fullmatch(url)
    return f"{match['host']}:{match['path']}" if match else url.rpartition("@")[2]


def repository_of(origin: str) -> str | None:
    """Return ``owner/name`` of a remote's URL (git-clone(1), "GIT URLS"); ``None`` for a path on this machine."""
    address = _address(origin)
    return address[1] if address else None


def web_address(url: str) -> str | None:
    """Return the web address of a remote or a project, without the credentials that its URL may hold.

    ``None`` where none can be told: a path on this machine, or a host that only this machine's SSH configuration knows.
    """
    address = _address(url)
    return f"{address[0]}/{address[1]}" if address and address[0] else None


def _address(url: str) -> tuple[str | None, str] | None:
    """Return the base of the web address and the path of a remote's URL; ``None`` for a path on this machine."""
    base: str | None
    if "://" in url:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:  # a port that is none, half an IPv6 address
            return None
        if parts.scheme not in _SCHEMES or not host:
            return None
        host = f"[{host}]" if ":" in host else host
        base = f"{parts.scheme}://{host}{f':{port}' if port else ''}" if parts.scheme in {"https", "http"} else None
        base, path = base or f"https://{host}", parts.path
    else:
        match = _SCP.fullmatch(url)
        if match is None or _DRIVE.fullmatch(url):
            return None
        base, path = (f"https://{match['host']}" if "." in match["host"] else None), match["path"]
    path = path.strip("/").removesuffix(".git").strip("/")
    return (base, path) if path else None
