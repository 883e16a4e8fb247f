"""What GitHub Actions says: its variables and the event's payload (docs.github.com, "Variables", "Webhook events")."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from docker_push.context.found import Event, Found
from docker_push.errors import ConfigError
from docker_push.git import web_address
from docker_push.references import quoted

_LIMIT = 25 * 1024 * 1024  # bytes: GitHub's own limit of a webhook's payload
_PULL = re.compile(r"refs/pull/([1-9][0-9]*)/.+")
_PUSHES = frozenset({"push", "create"})


def read_payload(env: Mapping[str, str]) -> dict[str, Any] | None:
    """Read the event's file; ``None`` where there is none. Raises ConfigError for one that is broken."""
    name = env.get("GITHUB_EVENT_PATH")
    path = Path(name) if name else None
    if path is None or not path.is_file():
        return None  # as in a container that does not see the runner's folders; what needs the event says so
    hint = "GitHub writes this file; unset GITHUB_EVENT_PATH where it is not GitHub that runs this."
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT + 1)
        if len(content) > _LIMIT:
            raise ConfigError(
                f"GITHUB_EVENT_PATH: {quoted(str(path))} is larger than {_LIMIT // 1024**2} MiB", hint=hint
            )
        payload = json.loads(content)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"GITHUB_EVENT_PATH: {quoted(str(path))} cannot be read as JSON: {error}", hint=hint
        ) from None
    if not isinstance(payload, dict):
        raise ConfigError(f"GITHUB_EVENT_PATH: {quoted(str(path))} holds no JSON object", hint=hint)
    return payload


def read(env: Mapping[str, str], payload: Mapping[str, Any] | None, head: str | None, *, ci: str = "github") -> Found:
    """Return what GitHub's variables and the event's payload say; ``head`` is the commit that git has checked out.

    ``ci`` is another name where GitHub's variables were handed to another CI. Raises ConfigError where the event does not
    say what it must.
    """
    event = payload or {}
    repository, server = env.get("GITHUB_REPOSITORY"), env.get("GITHUB_SERVER_URL", "https://github.com")
    found = Found(
        ci=ci,
        event=Event.PUSH,
        repository=repository,
        commit=env.get("GITHUB_SHA"),
        checked_out=env.get("GITHUB_SHA"),
        default_branch=_text(event, "repository", "default_branch"),
        source_url=web_address(f"{server}/{repository}") if repository else None,
    )
    name = env.get("GITHUB_EVENT_NAME", "push")
    number = _PULL.fullmatch(env.get("GITHUB_REF", ""))
    if name in {"pull_request", "pull_request_target"} or number or isinstance(event.get("pull_request"), dict):
        return _pull_request(found, event, int(number[1]) if number else None, env.get("GITHUB_HEAD_REF"))
    if name == "merge_group":
        return replace(found, event=Event.MERGE_QUEUE, branch=_branch(env), settled=True)
    if name == "workflow_run" and isinstance(event.get("workflow_run"), dict):
        return _workflow_run(_by_ref(found, env, Event.MANUAL), event["workflow_run"], head)
    if name == "release":
        return replace(found, event=Event.TAG, tag=_text(event, "release", "tag_name") or _tag(env))
    return _by_ref(found, env, Event.PUSH if name in _PUSHES else Event.MANUAL)


def raw_names(env: Mapping[str, str]) -> tuple[str | None, ...]:
    """Return the raw names that GitHub's variables know of what is built: one may be that of the seed's slug."""
    return (_branch(env), env.get("GITHUB_HEAD_REF"))


def _by_ref(found: Found, env: Mapping[str, str], event: Event) -> Found:
    tag = _tag(env)
    return replace(found, event=Event.TAG, tag=tag) if tag else replace(found, event=event, branch=_branch(env))


def _tag(env: Mapping[str, str]) -> str | None:
    ref = env.get("GITHUB_REF", "")
    if ref.startswith("refs/tags/"):
        return ref.removeprefix("refs/tags/")
    return env.get("GITHUB_REF_NAME") if env.get("GITHUB_REF_TYPE") == "tag" else None


def _branch(env: Mapping[str, str]) -> str | None:
    ref = env.get("GITHUB_REF", "")
    return ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else env.get("GITHUB_REF_NAME")


def _pull_request(found: Found, event: Mapping[str, Any], number: int | None, branch: str | None) -> Found:
    """Read a pull request: its head commit names the image, a head in another repository is not trusted.

    GITHUB_SHA is the merge with the base, or (pull_request_target) the base: neither is a commit that anybody made.
    """
    named = _number(event, "pull_request", "number") or _number(event, "number") or number
    commit = _text(event, "pull_request", "head", "sha")
    if named is None or commit is None:
        missing = "number" if named is None else "head commit"
        hint = "GitHub's event file names it: run this where GITHUB_EVENT_PATH can be read."
        raise ConfigError(f"the {missing} of the pull request is not known", hint=hint)
    base = _text(event, "pull_request", "base", "repo", "full_name") or found.repository
    return replace(
        found,
        event=Event.PULL_REQUEST,
        pull_request=named,
        commit=commit,
        branch=_text(event, "pull_request", "head", "ref") or branch,
        trusted=_same(_text(event, "pull_request", "head", "repo", "full_name"), base),
        settled=True,
    )


def _workflow_run(found: Found, run: Mapping[str, Any], head: str | None) -> Found:
    """Read a run that another workflow's run started.

    GITHUB_SHA and GITHUB_REF are the default branch's then. Where that is what is checked out, that is what is built;
    else it is the commit of the other run, which may be a fork's: that must not pass for the default branch.
    """
    commit = _text(run, "head_sha")
    if commit is None or (head is not None and head == found.commit != commit):
        return found
    events = {"pull_request": Event.PULL_REQUEST, "pull_request_target": Event.PULL_REQUEST}
    requests = run.get("pull_requests")
    event = events.get(_text(run, "event") or "", Event.PUSH)
    same = _same(_text(run, "head_repository", "full_name"), _text(run, "repository", "full_name") or found.repository)
    return replace(
        found,
        event=event if same else Event.PULL_REQUEST,
        commit=commit,
        checked_out=commit,
        branch=_text(run, "head_branch"),
        tag=None,
        # empty for a fork's: GitHub does not say which one it was
        pull_request=_number(requests[0], "number") if isinstance(requests, list) and requests and same else None,
        trusted=same,
        settled=True,
    )


def _same(head: str | None, base: str | None) -> bool:
    """Tell whether two repositories are one; a head that is gone (``null``) or not named is another."""
    return head is not None and base is not None and head.lower() == base.lower()


def _at(document: object, *path: str) -> object:
    """Return what lies at a path of a JSON document, or ``None``."""
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _text(document: object, *path: str) -> str | None:
    value = _at(document, *path)
    return value if isinstance(value, str) and value else None


def _number(document: object, *path: str) -> int | None:
    value = _at(document, *path)
    return value if isinstance(value, int) and value > 0 else None
