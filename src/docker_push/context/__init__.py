"""What is being built: repository, commit, branch, event; from the seed's variables, the CI's own, then git.

Each CI is a function from its variables to ``Found``; ``derive`` puts what was found together by precedence. An empty
variable is an unset one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from docker_push import git
from docker_push.context import github, gitlab, seed
from docker_push.context.found import Event, Found
from docker_push.errors import ConfigError
from docker_push.git import GitFacts
from docker_push.process import Runner
from docker_push.references import quoted

__all__ = ["Context", "Event", "derive", "observe"]

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_EPOCH = re.compile(r"[0-9]{1,11}")  # eleven digits: the year 5138


@dataclass(frozen=True, kw_only=True)
class Context:
    """What is being built.

    ``branch`` is the raw name where one is known, ``slug_only`` says that only a slug was handed over (the seed's
    GITHUB_BRANCH); it is ``None`` for a tag. ``commit`` is the commit that names the image (a pull request's head),
    ``revision`` the commit that is checked out (its merge), both 40 or 64 hexadecimal digits. ``created`` is the time of
    the commit that is checked out, in seconds since the epoch, UTC (SOURCE_DATE_EPOCH wins), ``None`` where it cannot be
    known. ``trusted`` is false for a pull request from a fork, and on GitLab for a ref that is not protected. ``ci`` is
    ``github``, ``gitlab``, ``seed`` or ``local``. ``source_url`` is the repository's web address. ``notes`` are
    sentences about what was found and does not stop the run.
    """

    repository: str
    commit: str
    revision: str
    branch: str | None
    slug_only: bool = False
    default_branch: str
    tag: str | None = None
    pull_request: int | None = None
    event: Event
    trusted: bool = True
    dirty: bool = False
    ci: str
    created: int | None = None
    source_url: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_fork(self) -> bool:
        """Tell whether a stranger's change is being built: nothing of it may be pushed."""
        return not self.trusted and self.event in {Event.PULL_REQUEST, Event.MERGE_QUEUE}


def observe(repository: str | None, default_branch: str | None, environ: Mapping[str, str], runner: Runner) -> Context:
    """Find out what is being built; raises ConfigError for what cannot be found, and says what would supply it.

    ``repository`` and ``default_branch`` are what command line, build.toml and the seed's variables said, if anything.
    """
    payload = github.read_payload(environ)
    try:
        facts = git.read(runner)
    except ConfigError as refused:
        return _without_git(repository, default_branch, environ, payload, refused)
    return derive(repository, default_branch, environ, payload, facts)


def _without_git(
    repository: str | None,
    default_branch: str | None,
    environ: Mapping[str, str],
    payload: Mapping[str, Any] | None,
    refused: ConfigError,
) -> Context:
    """Do without a git that refuses, where the CI says everything: in a container job it often refuses.

    Where the CI does not, git's own error is the one that helps, and it is raised.
    """
    try:
        context = derive(repository, default_branch, environ, payload, None)
    except ConfigError:
        raise refused from None
    return replace(context, notes=(*context.notes, f"only the CI's variables were used, because {refused}"))


def derive(
    repository: str | None,
    default_branch: str | None,
    environ: Mapping[str, str],
    payload: Mapping[str, Any] | None,
    facts: GitFacts | None,
) -> Context:
    """Put together what the sources say: what the run was told, the seed's variables, the CI, then git.

    ``payload`` is the event that GitHub wrote down, ``None`` where there is none. Raises ConfigError for a fact that no
    source knows or that cannot be, and says what would supply it.
    """
    env = {name: value for name, value in environ.items() if value}
    found = _read(env, payload, facts)
    commit = _commit(found.commit or (facts.commit if facts else None))
    revision = facts.commit if facts else _commit(found.checked_out or commit)
    return Context(
        repository=_repository(repository or found.repository, facts),
        commit=commit,
        revision=revision,
        branch=_branch(found, facts),
        slug_only=found.slug_only,
        default_branch=_default_branch(default_branch, env, found, facts),
        tag=found.tag,
        pull_request=found.pull_request,
        event=found.event,
        trusted=found.trusted,
        dirty=facts.dirty if facts else False,
        ci=found.ci,
        created=_created(env, facts, found),
        source_url=found.source_url or (git.web_address(facts.origin) if facts and facts.origin else None),
        notes=tuple(_notes(found, facts, commit)),
    )


def _read(env: Mapping[str, str], payload: Mapping[str, Any] | None, facts: GitFacts | None) -> Found:
    """Ask the CI that runs this; the seed's variables, and git on a laptop, where none is known."""
    head = facts.commit if facts else None
    if env.get("GITHUB_ACTIONS") == "true":
        found = github.read(env, payload, head)
    elif env.get("GITLAB_CI") == "true":
        found = gitlab.read(env)
    elif all(name in env for name in seed.VARIABLES):
        found = github.read(env, payload, head, ci="seed")
    else:
        found = Found(ci="local", event=Event.LOCAL)
    known = (*github.raw_names(env), env.get("CI_COMMIT_BRANCH"), facts.branch if facts else None)
    return seed.overlay(env, found, known)


def _commit(commit: str | None) -> str:
    if commit is None:
        hint = "Run the command in a git work tree, or set GITHUB_SHA."
        raise ConfigError("the commit is not known: GITHUB_SHA is not set and this is no git work tree", hint=hint)
    if not _COMMIT.fullmatch(commit.lower()):
        hint = "GITHUB_SHA (GitLab: CI_COMMIT_SHA) is the whole commit id: 40 hexadecimal digits, 64 for SHA-256."
        raise ConfigError(f"{quoted(commit)} is not a commit id", hint=hint)
    return commit.lower()


def _branch(found: Found, facts: GitFacts | None) -> str | None:
    branch = found.branch or (facts.branch if facts and not found.tag and not found.settled else None)
    if branch is None and found.tag is None and found.pull_request is None:
        here = "git has a detached head" if facts else "this is no git work tree"
        raise ConfigError(
            f"the branch is not known: no variable names it, and {here}",
            hint="Check a branch out with `git switch NAME`, or set GITHUB_BRANCH.",
        )
    return branch


def _repository(said: str | None, facts: GitFacts | None) -> str:
    origin = facts.origin if facts else None
    name = (said or (git.repository_of(origin) if origin else None) or "").strip("/")
    if not name:
        here = f"git's remote origin is {quoted(origin)}, no server's" if origin else "git has no remote origin"
        raise ConfigError(
            f"the repository's name is not known: no variable names it, and {here}",
            hint='Set repository = "owner/name" under [project] in build.toml, give --repository, or set GITHUB_REPO_REF.',
        )
    return name


def _default_branch(said: str | None, env: Mapping[str, str], found: Found, facts: GitFacts | None) -> str:
    """Return build.toml's, else LATEST_BRANCH, else the CI's, else ``main``.

    What a clone noted once as its remote's default branch decides nothing (nobody keeps it up to date): it only tells
    the raw name behind a slug in LATEST_BRANCH.
    """
    latest = env.get("LATEST_BRANCH")
    if said is not None and said != latest:
        return said
    noted = facts.default_branch if facts else None
    return seed.default_branch(latest, (found.default_branch, noted)) if latest else found.default_branch or "main"


def _created(env: Mapping[str, str], facts: GitFacts | None, found: Found) -> int | None:
    epoch = env.get("SOURCE_DATE_EPOCH")
    if epoch is not None:
        if not _EPOCH.fullmatch(epoch):
            hint = "It is a number of seconds since 1970 (reproducible-builds.org); set it right or unset it."
            raise ConfigError(f"SOURCE_DATE_EPOCH: {quoted(epoch)} is no time", hint=hint)
        return int(epoch)
    return facts.created if facts and facts.created is not None else found.created


def _notes(found: Found, facts: GitFacts | None, commit: str) -> list[str]:
    """Say what is odd and no error; on a laptop the rules for a dirty tree act instead."""
    notes = []
    if facts and facts.dirty and found.ci != "local":
        notes.append("the working tree has changes that the commit does not hold: in CI that is only noted")
    if facts and facts.commit != commit and found.event in {Event.PUSH, Event.TAG}:
        notes.append(f"commit {facts.commit[:12]} is checked out, but the run is named after {commit[:12]}")
    return notes
