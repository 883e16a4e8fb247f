"""Why GitHub's registry says "denied": five causes behind one word, and the next step of each; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote

from docker_push.errors import AuthenticationError, DockerPushError, PermissionDeniedError, RateLimitError
from docker_push.preflight.model import Check

HOST = "ghcr.io"


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One cause: the class of error it shows as, words of that error's next step, and what is said of it."""

    kind: type[DockerPushError]
    marks: tuple[str, ...]
    text: str


CAUSES = (
    Cause(
        kind=AuthenticationError,
        marks=(),
        text="not logged in, or anonymous: set DOCKER_USER and DOCKER_PASSWORD, or run `docker login ghcr.io`",
    ),
    Cause(
        kind=PermissionDeniedError,
        marks=("packages: write",),
        text="the job's token may not write packages: set `permissions: packages: write`, in the calling workflow too",
    ),
    Cause(
        kind=PermissionDeniedError,
        marks=("Manage Actions",),
        text="the package is not linked to this repository: {settings}, Manage Actions access, add it with the role Write",
    ),
    Cause(
        kind=PermissionDeniedError,
        marks=("write:packages", "expired"),
        text="a personal access token expired or lacks the scope write:packages: make a new one (a classic token)",
    ),
    Cause(
        kind=RateLimitError,
        marks=(),
        text="a secondary rate limit, which looks like a missing permission: run the same command again in some minutes",
    ),
)


def explained(check: Check, repository: str) -> Check:
    """Return the failed check of a push to ``repository`` with the five causes, the one that it is marked first.

    ``repository`` is the path in the registry, as in ``owner/name/image``. Any other check is returned as it is.
    """
    error = check.error
    if error is None or not isinstance(error, (AuthenticationError, PermissionDeniedError, RateLimitError)):
        return check
    owner, _, name = repository.partition("/")
    page = f"https://github.com/orgs/{owner}/packages/container/{quote(name, safe='')}/settings"
    settings = f"open {page} (/users/ for /orgs/ where the owner is a person)"
    likely = [cause for cause in CAUSES if is_of(cause, error)]
    others = [cause for cause in CAUSES if cause not in likely]
    lines = [f"this is: {cause.text}" for cause in likely] + [f"else perhaps: {cause.text}" for cause in others]
    return replace(check, notes=(*check.notes, *(line.replace("{settings}", settings) for line in lines)))


def is_of(cause: Cause, error: DockerPushError) -> bool:
    """Tell whether the error, by its class and its next step, is this cause."""
    said = f"{error.message} {error.hint}"
    return isinstance(error, cause.kind) and (not cause.marks or any(mark in said for mark in cause.marks))
