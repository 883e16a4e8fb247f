"""What GitLab CI says: its variables (docs.gitlab.com, "Predefined CI/CD variables")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone

from docker_push.context.found import Event, Found
from docker_push.errors import ConfigError
from docker_push.git import web_address
from docker_push.references import quoted

_IID = re.compile(r"[1-9][0-9]*")


def read(env: Mapping[str, str]) -> Found:
    """Return what GitLab's variables say; raises ConfigError for one that is not what GitLab documents.

    Trusted is a protected ref; a merge request's ref is GitLab's own, there it is the project that the source is in.
    """
    event = _event(env)
    number = _number(env)
    request = number is not None
    url = env.get("CI_PROJECT_URL")
    return Found(
        ci="gitlab",
        event=event,
        repository=env.get("CI_PROJECT_PATH"),
        commit=_commit(env, event),
        checked_out=env.get("CI_COMMIT_SHA"),
        branch=env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") if request else env.get("CI_COMMIT_BRANCH"),
        default_branch=env.get("CI_DEFAULT_BRANCH"),
        tag=env.get("CI_COMMIT_TAG"),
        pull_request=number,
        trusted=_same_project(env) if request else env.get("CI_COMMIT_REF_PROTECTED") == "true",
        settled=request,
        created=_moment(env.get("CI_COMMIT_TIMESTAMP")),
        source_url=web_address(url) if url else None,
    )


def _event(env: Mapping[str, str]) -> Event:
    if "CI_MERGE_REQUEST_IID" in env:
        train = env.get("CI_MERGE_REQUEST_EVENT_TYPE") == "merge_train"
        return Event.MERGE_QUEUE if train else Event.PULL_REQUEST
    if "CI_COMMIT_TAG" in env:
        return Event.TAG
    return Event.PUSH if env.get("CI_PIPELINE_SOURCE", "push") == "push" else Event.MANUAL


def _commit(env: Mapping[str, str], event: Event) -> str | None:
    """Return the commit that names the image: of a merge request the head, where CI_COMMIT_SHA is its merge."""
    head = env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") if event is Event.PULL_REQUEST else None
    return head or env.get("CI_COMMIT_SHA")


def _same_project(env: Mapping[str, str]) -> bool:
    target = env.get("CI_MERGE_REQUEST_PROJECT_PATH") or env.get("CI_PROJECT_PATH")
    return target is not None and env.get("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH") == target


def _number(env: Mapping[str, str]) -> int | None:
    text = env.get("CI_MERGE_REQUEST_IID")
    if text is None:
        return None
    if not _IID.fullmatch(text):
        hint = "GitLab sets it to the number of the merge request; unset it where there is none."
        raise ConfigError(f"CI_MERGE_REQUEST_IID: {quoted(text)} is not a number", hint=hint)
    return int(text)


def _moment(text: str | None) -> int | None:
    """Read an ISO 8601 time; Python 3.10 does not know the Z of UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(re.sub(r"Z$", "+00:00", text))
        return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp())
    except ValueError:
        hint = "GitLab sets it to the commit's time, as in 2024-01-31T16:47:55+00:00; unset it to do without."
        raise ConfigError(f"CI_COMMIT_TIMESTAMP: {quoted(text)} is not a time", hint=hint) from None
