"""What a registry's refusal means: one pure function from an answer to the error that a reader can act on.

The same status means different things: GitHub's registry answers 403 to a missing permission, to a package of another
repository, to a lost login and to a rate limit. What an answer says is read by ``complaints``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from docker_push.errors import (
    AuthenticationError,
    DockerPushError,
    OverwriteError,
    PermissionDeniedError,
    RateLimitError,
    RegistryError,
)
from docker_push.registry.challenge import usable
from docker_push.registry.complaints import (
    Complaint,
    Passing,
    complaint,
    is_immutable,
    is_rate_limit,
    passing,
    retry_after,
    span,
)
from docker_push.registry.transport import Response

_UNAUTHORIZED, _FORBIDDEN, _PROXY_LOGIN, _TOO_LARGE, _SERVER, _STORAGE = 401, 403, 407, 413, 500, 507
_GITHUB = "ghcr.io"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What was tried: ``purpose`` as in ``read ghcr.io/acme/api:main``, on which registry, with whose credentials.

    ``origin`` is where the credentials come from, ``None`` for none, and ``served`` whether they were accepted before;
    ``server`` is who answered, where that is not the registry itself; ``repository`` is its path, where there is one;
    ``redact`` takes secrets out of foreign text.
    """

    purpose: str
    registry: str
    origin: str | None = None
    served: bool = False
    server: str = ""
    repository: str = ""
    redact: Callable[[str], str] = str


def refusal(response: Response, attempt: Attempt) -> DockerPushError:
    """Return the error for an answer that is a refusal; pure, never raises, whatever the body holds."""
    said = complaint(response, attempt.redact)
    reason = f"{attempt.server or attempt.registry} answered {response.status}" + (f" ({said})" if str(said) else "")
    message = f"cannot {attempt.purpose}: {reason}{_tries(response)}"
    if is_rate_limit(response, said):
        return _rate_limit(response, said, message)
    if response.status == _UNAUTHORIZED and not (attempt.origin and lacks_scope(response)):
        return AuthenticationError(message, hint=authentication_hint(attempt))
    if is_immutable(said):
        hint = "The registry keeps this tag as it is: publish a new version, or delete the tag there on purpose."
        return OverwriteError(message, hint=hint)
    if _is_quota(said):
        return RegistryError(message, hint=_QUOTA)
    if response.status in {_UNAUTHORIZED, _FORBIDDEN} or said.code == "DENIED":
        return _denied(said, attempt, message)
    transient = passing(response, said) is not Passing.NEVER
    return RegistryError(message, hint=_registry_hint(response, said, attempt), transient=transient)


def lacks_scope(response: Response) -> bool:
    """Tell whether a token was refused for what it does not cover (RFC 6750, section 3.1): known, but not allowed."""
    challenge = usable(response.headers.get("www-authenticate", "")) if response.status == _UNAUTHORIZED else None
    return challenge is not None and challenge.parameters.get("error") == "insufficient_scope"


def authentication_hint(attempt: Attempt) -> str:
    """Return the next step for someone whom the registry does not know."""
    if attempt.origin is None:
        return f"Set DOCKER_USER and DOCKER_PASSWORD, or run `docker login {attempt.registry}`."
    if attempt.served:
        return (
            f"The credentials of {attempt.origin} served before and have ended: log in again (renew them, or run"
            f" `docker login {attempt.registry}`), then run the same command; what is staged is not built again."
        )
    return f"The credentials of {attempt.origin} were refused: renew them, or run `docker login {attempt.registry}`."


def _tries(response: Response) -> str:
    """Tell how often the request was sent, where that was more than once."""
    if response.attempts == 1:
        return ""
    return f", the last of {response.attempts} attempts in {span(response.seconds)}"


def _rate_limit(response: Response, said: Complaint, message: str) -> RateLimitError:
    seconds = retry_after(response.headers, said.words)
    wait = "in a few minutes" if seconds is None else f"in {span(max(1.0, seconds))}"
    hint = f"This is a rate limit, not a missing permission: run the same command again {wait}."
    return RateLimitError(message, hint=hint, retry_after=seconds)


_QUOTA = (
    "The quota of the project or account in the registry is used up: delete what nobody needs there, or raise it, then"
    " run the same command again."
)
_GITHUB_CAUSES = {
    "installation not allowed": (
        "Grant the job's token `permissions: packages: write`, in the calling workflow too; a pull request from a fork"
        " never has it."
    ),
    "write_package": (
        "The package belongs to another repository or to none: open the package's settings on GitHub{page}, Manage"
        " Actions access, and add this repository with the role Write."
    ),
    "create_package": (
        "The organization does not let this account create packages: ask its owner (organization settings, Packages), or"
        " use credentials that may."
    ),
    "does not match expected scopes": "Give the personal access token the scope write:packages.",
    "token has expired": "The token has expired: make a new one.",
    "token is expired": "The token has expired: make a new one.",
}
_GITHUB_DENIAL = (
    "GitHub does not take the credentials of {origin} for this: use the job's GITHUB_TOKEN with `permissions: packages:"
    " write`, or a classic personal access token with write:packages that has not expired."
)


def _is_quota(said: Complaint) -> bool:
    """Harbor says it with DENIED and 403 or 412 ("will exceed the configured upper limit"), others with their own codes."""
    words = said.words.lower()
    return "quota" in words or "configured upper limit" in words or "storage limit" in words


def _denied(said: Complaint, attempt: Attempt, message: str) -> DockerPushError:
    words = said.words.lower()
    if "anonymous" in words and attempt.origin:
        hint = (
            f"It was asked without the credentials of {attempt.origin}: another `docker login` or `docker logout` may have"
            " overwritten docker's configuration meanwhile. Log in again, then run the same command."
        )
        return AuthenticationError(message, hint=hint)
    if "anonymous" in words or (attempt.origin is None and attempt.registry == _GITHUB):
        return AuthenticationError(message, hint=authentication_hint(attempt))
    for cause, hint in _GITHUB_CAUSES.items():
        if cause in words:
            return PermissionDeniedError(message, hint=hint.replace("{page}", _settings_page(attempt)))
    if attempt.registry == _GITHUB and words in {"denied", ""}:
        return PermissionDeniedError(message, hint=_GITHUB_DENIAL.format(origin=attempt.origin))
    who = f"the user of {attempt.origin}" if attempt.origin else "someone without credentials"
    hint = f"Ask the owner of the repository to let {who} do this, or use credentials that may."
    return PermissionDeniedError(message, hint=hint)


def _settings_page(attempt: Attempt) -> str:
    """Return where an organization's package is set up; a user's is below /users/ instead of /orgs/."""
    owner, _, package = attempt.repository.partition("/")
    if attempt.registry != _GITHUB or not package:
        return ""
    return f" (https://github.com/orgs/{owner}/packages/container/{quote(package, safe='')}/settings)"


def _registry_hint(response: Response, said: Complaint, attempt: Attempt) -> str:
    if said.code == "NAME_UNKNOWN" and ".dkr.ecr." in attempt.registry:
        name = f" --repository-name {attempt.repository}" if attempt.repository else ""
        return f"Create the repository first, ECR does not do it by itself: `aws ecr create-repository{name}`."
    if said.code in _CODES:
        return _CODES[said.code]
    if response.status in _STATUSES:
        return _STATUSES[response.status]
    if passing(response, said) is not Passing.NEVER or response.status >= _SERVER:
        seconds = retry_after(response.headers, said.words)
        wait = "later" if seconds is None else f"in {span(max(1.0, seconds))}"
        return f"The registry failed: run the same command again {wait}; nothing that was published is lost."
    return f"Check the name, and that {attempt.registry} is a container registry that takes OCI images."


_CODES = {
    "NAME_UNKNOWN": "Check the repository's name; some registries want it to be created before the first push.",
    "NOT_FOUND": "Check the repository's name; some registries want its project to be created before the first push.",
    "MANIFEST_BLOB_UNKNOWN": "The registry lacks content that it said it had: run the same command with --rebuild.",
    "BLOB_UNKNOWN": "The registry lacks content that it said it had: run the same command with --rebuild.",
    "BLOB_UPLOAD_INVALID": (
        "The registry broke off an upload: run the same command again; if it stays so, its storage may be full."
    ),
    "BLOB_UPLOAD_UNKNOWN": "The registry forgot an upload that was under way: run the same command again.",
}
_STATUSES = {
    _PROXY_LOGIN: "Put the user and the password for the proxy into HTTP_PROXY.",
    _TOO_LARGE: "A proxy before the registry limits the size of a request: raise that limit.",
    _STORAGE: "The registry's storage is full: make room there, then run the same command again.",
}
