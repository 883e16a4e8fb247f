"""The git repository: what is checked out, where it comes from, how deep its history is."""

from __future__ import annotations

from docker_push import git
from docker_push.errors import ConfigError
from docker_push.git import GitFacts
from docker_push.preflight.model import Area, Check, good, warning
from docker_push.process import Runner

_NO_GIT = "Install git, or run where the CI's variables say everything."
_SHALLOW = "Who is newer is asked of the remote then; actions/checkout with fetch-depth: 0 spares that."
_NO_REMOTE = "Name the repository in [project] repository, and add a remote: who is newer is asked of it."


def check(runner: Runner) -> Check:
    """Look at the work tree; a git that refuses is a warning here, since a CI's variables may say everything."""
    if runner.which("git") is None:
        return warning(Area.GIT, "git", "not installed, or not on the PATH", _NO_GIT)
    try:
        facts = git.read(runner)
    except ConfigError as error:
        return warning(Area.GIT, "git", error.message, error.hint)
    if facts is None:
        return warning(Area.GIT, "git", f"{runner.folder} is in no git repository", _NO_GIT)
    return described(facts)


def described(facts: GitFacts) -> Check:
    """Describe what is checked out; pure."""
    branch = f"branch {facts.branch}" if facts.branch else "detached head"
    parts = [
        f"{branch} at {facts.commit[:12]}",
        f"origin {facts.origin}" if facts.origin else "no remote called origin",
    ]
    parts += ["with changes in the working tree"] if facts.dirty else []
    parts += ["a shallow clone"] if facts.shallow else []
    found = ", ".join(parts)
    if not facts.origin or facts.shallow:
        return warning(Area.GIT, "git", found, _SHALLOW if facts.origin else _NO_REMOTE)
    return good(Area.GIT, "git", found)
