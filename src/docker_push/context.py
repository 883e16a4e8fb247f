"""What is being built: repository, commit, branch, event; from the seed's variables, the CI's own, then git.

Each CI is a function from its variables to ``Found``; ``derive`` puts what was found together by precedence. An empty
variable is an unset one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from docker_push import git
from docker_push.errors import ConfigError
from docker_push.git import GitFacts
from docker_push.process import Runner
from docker_push.references import quoted
from docker_push.slugs import slug

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_EVENT_LIMIT = 25 * 1024 * 1024  # bytes: GitHub's own limit of a webhook's payload


class Event(str, Enum):
    """Why the run happens."""

    PUSH = "push"
    TAG = "tag"
    PULL_REQUEST = "pull-request"
    MERGE_QUEUE = "merge-queue"
    MANUAL = "manual"
    LOCAL = "local"


@dataclass(frozen=True, kw_only=True)
class Context:
    """What is being built.

    ``branch`` is the raw name where one is known, ``slug_only`` says that only a slug was handed over (the seed's
    GITHUB_BRANCH). ``commit`` is the commit that names the image (a pull request's head), ``revision`` the commit that
    is checked out (its merge), both 40 or 64 hexadecimal digits. ``created`` is the commit's time in seconds since the
    epoch, UTC (SOURCE_DATE_EPOCH wins), ``None`` where it cannot be known. ``trusted`` is false for a pull request from
    a fork. ``ci`` is ``github``, ``gitlab``, ``seed`` or ``local``. ``source_url`` is the repository's web address.
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


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one source says; ``None`` where it says nothing."""

    ci: str
    event: Event
    repository: str | None = None
    commit: str | None = None
    branch: str | None = None
    slug_only: bool = False
    default_branch: str | None = None
    tag: str | None = None
    pull_request: int | None = None
    trusted: bool = True
    created: int | None = None
    source_url: str | None = None


def observe(repository: str | None, default_branch: str | None, environ: Mapping[str, str], runner: Runner) -> Context:
    """Find out what is being built; raises ConfigError for what cannot be found, and says what would supply it.

    ``repository`` and ``default_branch`` are what command line, build.toml and the seed's variables said, if anything.
    """
    return derive(repository, default_branch, environ, _payload(environ), git.read(runner))


def _payload(environ: Mapping[str, str]) -> Mapping[str, Any]:
    """Read GitHub's event file; empty where there is none."""
    path = environ.get("GITHUB_EVENT_PATH")
    if not path or environ.get("GITHUB_ACTIONS") != "true":
        return {}
    hint = "GitHub writes this file; unset GITHUB_EVENT_PATH where it is not GitHub that runs this."
    try:
        with Path(path).open("rb") as file:
            payload = json.loads(file.read(_EVENT_LIMIT))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"GITHUB_EVENT_PATH: {quoted(path)} cannot be read as JSON: {error}", hint=hint) from None
    if not isinstance(payload, dict):
        raise ConfigError(f"GITHUB_EVENT_PATH: {quoted(path)} holds no JSON object", hint=hint)
    return payload


def derive(
    repository: str | None,
    default_branch: str | None,
    environ: Mapping[str, str],
    payload: Mapping[str, Any],
    facts: GitFacts | None,
) -> Context:
    """Put together what the sources say: what the run was told, then the CI (with the seed's variables), then git."""
    env = {name: value for name, value in environ.items() if value}
    found = _ci(env, payload, facts)
    commit = _commit(found.commit or (facts.commit if facts else None))
    branch = found.branch or (facts.branch if facts and not found.tag else None)
    if branch is None and found.tag is None and found.pull_request is None:
        hint = "Check a branch out with `git switch NAME`, or set GITHUB_BRANCH."
        raise ConfigError(
            "the branch is not known: no variable names it, and git has a detached head or no work tree", hint=hint
        )
    return Context(
        repository=_repository(repository or found.repository, facts),
        commit=commit,
        revision=facts.commit if facts else commit,
        branch=branch,
        slug_only=found.slug_only,
        default_branch=default_branch or found.default_branch or "main",
        tag=found.tag,
        pull_request=found.pull_request,
        event=found.event,
        trusted=found.trusted,
        dirty=facts.dirty if facts else False,
        ci=found.ci,
        created=_created(env, facts, found),
        source_url=found.source_url or (git.web_address(facts.origin) if facts and facts.origin else None),
    )


def _ci(env: Mapping[str, str], payload: Mapping[str, Any], facts: GitFacts | None) -> Found:
    if env.get("GITHUB_ACTIONS") == "true":
        return _seeded(env, _github(env, payload))
    if env.get("GITLAB_CI"):
        return _seeded(env, _gitlab(env))
    if any(name in env for name in ("GITHUB_SHA", "GITHUB_BRANCH", "GITHUB_REPO_REF")):
        return _seeded(env, _typed(env, Found(ci="seed", event=Event.PUSH)))
    return Found(ci="local", event=Event.LOCAL, branch=facts.branch if facts else None)


def _seeded(env: Mapping[str, str], found: Found) -> Found:
    """Let the seed's variables win, but for what a pull request or a tag is known to be.

    GITHUB_BRANCH is a slug: where the CI's own name has that slug, the raw name is known after all.
    """
    given = env.get("GITHUB_BRANCH")
    commit = found.commit if found.pull_request is not None else env.get("GITHUB_SHA") or found.commit
    found = replace(found, commit=commit, repository=env.get("GITHUB_REPO_REF") or found.repository)
    if given is None or found.pull_request is not None or found.tag is not None:
        return found
    if found.branch is not None and slug(found.branch) == slug(given):
        return found
    return replace(found, branch=given, slug_only=True)


def _typed(env: Mapping[str, str], found: Found) -> Found:
    """Read GITHUB_REF and its kin: what kind of name is being built."""
    ref = env.get("GITHUB_REF", "")
    if env.get("GITHUB_REF_TYPE") == "tag" or ref.startswith("refs/tags/"):
        tag = ref.removeprefix("refs/tags/") or env.get("GITHUB_REF_NAME")
        return replace(found, event=Event.TAG, tag=tag)
    branch = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else env.get("GITHUB_REF_NAME")
    return replace(found, branch=branch)


def _github(env: Mapping[str, str], payload: Mapping[str, Any]) -> Found:
    """Read GitHub's variables and event (docs.github.com, "Variables" and "Events that trigger workflows")."""
    name = env.get("GITHUB_EVENT_NAME", "push")
    repository = env.get("GITHUB_REPOSITORY")
    server = env.get("GITHUB_SERVER_URL", "https://github.com")
    found = Found(
        ci="github",
        event=Event.PUSH,
        repository=repository,
        commit=env.get("GITHUB_SHA"),
        default_branch=_text(payload, "repository", "default_branch"),
        source_url=f"{server}/{repository}" if repository else None,
    )
    if name in {"pull_request", "pull_request_target"} or "pull_request" in payload:
        return _pull_request(found, payload, env)
    if name == "merge_group":
        return replace(_typed(env, found), event=Event.MERGE_QUEUE)
    found = _typed(env, found)
    if name in {"workflow_dispatch", "schedule", "repository_dispatch"} and found.tag is None:
        return replace(found, event=Event.MANUAL)
    return found


def _pull_request(found: Found, payload: Mapping[str, Any], env: Mapping[str, str]) -> Found:
    """Read a pull request: its head commit names the image, a head in another repository is not trusted."""
    head = _text(payload, "pull_request", "head", "repo", "full_name")
    base = _text(payload, "pull_request", "base", "repo", "full_name") or found.repository
    number = _at(payload, "pull_request", "number") or _at(payload, "number")
    match = re.fullmatch(r"refs/pull/([0-9]+)/.*", env.get("GITHUB_REF", ""))
    if not isinstance(number, int) and match:
        number = int(match[1])
    if not isinstance(number, int):
        hint = "GitHub's event file (GITHUB_EVENT_PATH) names it; run this in a pull_request workflow."
        raise ConfigError("the number of the pull request is not known", hint=hint)
    return replace(
        found,
        event=Event.PULL_REQUEST,
        pull_request=number,
        commit=_text(payload, "pull_request", "head", "sha") or found.commit,
        branch=_text(payload, "pull_request", "head", "ref") or env.get("GITHUB_HEAD_REF"),
        trusted=head is not None and base is not None and head.lower() == base.lower(),
    )


def _gitlab(env: Mapping[str, str]) -> Found:
    """Read GitLab's variables (docs.gitlab.com, "Predefined CI/CD variables")."""
    number = env.get("CI_MERGE_REQUEST_IID", "")
    tag = env.get("CI_COMMIT_TAG")
    manual = env.get("CI_PIPELINE_SOURCE") in {"web", "schedule", "api", "trigger"}
    event = Event.PULL_REQUEST if number else Event.TAG if tag else Event.MANUAL if manual else Event.PUSH
    project = env.get("CI_PROJECT_PATH")
    source = env.get("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH", project)
    return Found(
        ci="gitlab",
        event=event,
        repository=project,
        commit=env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")
        if number and env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")
        else env.get("CI_COMMIT_SHA"),
        branch=env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") if number else env.get("CI_COMMIT_BRANCH"),
        default_branch=env.get("CI_DEFAULT_BRANCH"),
        tag=tag,
        pull_request=int(number) if number.isdigit() else None,
        trusted=not number or source == project,
        created=_moment(env.get("CI_COMMIT_TIMESTAMP", "")),
        source_url=env.get("CI_PROJECT_URL"),
    )


def _at(payload: object, *path: str) -> object:
    """Return what lies at a path of a JSON document, or ``None``."""
    for key in path:
        payload = payload.get(key) if isinstance(payload, dict) else None
    return payload


def _text(payload: object, *path: str) -> str | None:
    value = _at(payload, *path)
    return value if isinstance(value, str) and value else None


def _commit(commit: str | None) -> str:
    if commit is None:
        hint = "Run the command in a git work tree, or set GITHUB_SHA."
        raise ConfigError("the commit is not known: GITHUB_SHA is not set and this is no git work tree", hint=hint)
    if not _COMMIT.fullmatch(commit.lower()):
        hint = "GITHUB_SHA (GitLab: CI_COMMIT_SHA) is the whole commit id: 40 hexadecimal digits."
        raise ConfigError(f"{quoted(commit)} is not a commit id", hint=hint)
    return commit.lower()


def _repository(said: str | None, facts: GitFacts | None) -> str:
    name = said or (git.repository_of(facts.origin) if facts and facts.origin else None)
    if name is None:
        hint = 'Set repository = "owner/name" under [project] in build.toml, give --repository, or set GITHUB_REPO_REF.'
        raise ConfigError(
            "the repository's name is not known: no variable names it, and git has no remote origin on a server",
            hint=hint,
        )
    return name.strip("/")


def _created(env: Mapping[str, str], facts: GitFacts | None, found: Found) -> int | None:
    epoch = env.get("SOURCE_DATE_EPOCH")
    if epoch is not None:
        if not epoch.isascii() or not epoch.isdigit() or len(epoch) > 11:  # noqa: PLR2004 - the year 5138
            hint = "It is a number of seconds since 1970 (reproducible-builds.org); set it right or unset it."
            raise ConfigError(f"SOURCE_DATE_EPOCH: {quoted(epoch)} is no time", hint=hint)
        return int(epoch)
    return facts.created if facts else found.created


def _moment(text: str) -> int | None:
    try:
        return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
    except ValueError:
        return None
