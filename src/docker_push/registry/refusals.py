"""What a registry's refusal means: one pure function from an answer to the error that a reader can act on.

The same status means different things: GitHub's registry answers 403 to a missing permission, to a package of another
repository and to a rate limit. So the error's code and message count first, the status last. Codes: OCI
distribution-spec v1.1, "Error Codes"; ``TOOMANYREQUESTS`` and ``DENIED`` also come with other statuses than 429 and 403.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from docker_push.errors import (
    AuthenticationError,
    DockerPushError,
    OverwriteError,
    PermissionDeniedError,
    RateLimitError,
    RegistryError,
)
from docker_push.process import one_line
from docker_push.registry.challenge import usable
from docker_push.registry.manifests import json_object
from docker_push.registry.transport import Response

_SCANNED = 4096  # characters of a body that are looked at for its words
_TITLE = re.compile(r"<title[^>]{0,80}>([^<]{1,200})", re.IGNORECASE)
_DURATION = re.compile(r"retry-after:\s*((?:[0-9.]{1,12}(?:h|ms|us|µs|ns|m|s))+)", re.IGNORECASE)
_DURATION_PART = re.compile(r"([0-9.]+)(h|ms|us|µs|ns|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_UNAUTHORIZED, _FORBIDDEN, _TOO_LARGE, _TOO_MANY, _SERVER, _STORAGE = 401, 403, 413, 429, 500, 507


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What was tried: ``purpose`` as in ``read ghcr.io/acme/api:main``, on which registry, with whose credentials.

    ``origin`` is where the credentials come from, ``None`` for none; ``server`` is who answered, where that is not the
    registry itself; ``redact`` takes secrets out of foreign text.
    """

    purpose: str
    registry: str
    origin: str | None = None
    server: str = ""
    redact: Callable[[str], str] = str


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """What the body of an error answer says: its code in upper case, or empty, and its words, made printable."""

    code: str
    words: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.code, self.words) if part)


def complaint(response: Response, redact: Callable[[str], str] = str) -> Complaint:
    """Read the body of an error answer: the distribution-spec's form, a token server's, a proxy's page, or anything."""
    content = json_object(response.body)
    if content is None:
        text = response.body[: _SCANNED * 4].decode("utf-8", "replace")
        title = _TITLE.search(text[:_SCANNED])
        words = title[1] if title else "" if "<html" in text.lower() else text[:_SCANNED]
        return Complaint(code="", words=one_line(words, redact))
    code, words = _first_error(content)
    return Complaint(code=one_line(code.upper(), redact)[:64], words=one_line(words[:_SCANNED], redact))


def _first_error(content: Mapping[str, Any]) -> tuple[str, str]:
    errors = content.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else content
    if not isinstance(first, dict):
        return "", first if isinstance(first, str) else ""
    code = first.get("code") if isinstance(first.get("code"), str) else ""
    words = [
        first[key] for key in ("message", "error_description", "details", "error") if isinstance(first.get(key), str)
    ]
    return code or "", words[0] if words else ""


def retry_after(headers: Mapping[str, str], words: str = "") -> float | None:
    """Return the seconds after which the server wants to be asked again, never negative; ``None`` where it is not said.

    RFC 9110, section 10.2.3: seconds, or a date, which is measured against the server's own ``Date`` and not against
    the clock of this machine. GitHub's registry says it in words alone, as a Go duration (``retry-after: 12.5ms``).
    """
    value = headers.get("retry-after", "").strip()[:64]
    if value.isascii() and value.isdigit():
        return float(value)
    if value:
        return _until(value, headers.get("date", ""))
    match = _DURATION.search(words)
    return _go_duration(match[1].lower()) if match else None


def _until(date: str, now: str) -> float | None:
    try:
        seconds = (parsedate_to_datetime(date) - parsedate_to_datetime(now)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(seconds, 0.0)


def _go_duration(text: str) -> float | None:
    try:
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def refusal(response: Response, attempt: Attempt) -> DockerPushError:
    """Return the error for an answer that is a refusal; pure, never raises, whatever the body holds."""
    said = complaint(response, attempt.redact)
    reason = f"{attempt.server or attempt.registry} answered {response.status}" + (f" ({said})" if str(said) else "")
    message = f"cannot {attempt.purpose}: {reason}"
    if _is_rate_limit(response, said):
        return _rate_limit(response, said, message)
    if response.status == _UNAUTHORIZED and not (attempt.origin and lacks_scope(response)):
        return AuthenticationError(message, hint=authentication_hint(attempt))
    if "immutab" in said.words.lower():
        hint = "The registry keeps this tag as it is: publish a new version, or delete the tag there on purpose."
        return OverwriteError(message, hint=hint)
    if response.status in {_UNAUTHORIZED, _FORBIDDEN} or said.code == "DENIED":
        return _denied(said, attempt, message)
    return RegistryError(message, hint=_registry_hint(response, said, attempt))


def lacks_scope(response: Response) -> bool:
    """Tell whether a token was refused for what it does not cover (RFC 6750, section 3.1): known, but not allowed."""
    challenge = usable(response.headers.get("www-authenticate", "")) if response.status == _UNAUTHORIZED else None
    return challenge is not None and challenge.parameters.get("error") == "insufficient_scope"


def authentication_hint(attempt: Attempt) -> str:
    """Return the next step for someone whom the registry does not know."""
    if attempt.origin is None:
        return f"Set DOCKER_USER and DOCKER_PASSWORD, or run `docker login {attempt.registry}`."
    return f"The credentials of {attempt.origin} were refused: renew them, or run `docker login {attempt.registry}`."


def _is_rate_limit(response: Response, said: Complaint) -> bool:
    limited = "secondary rate limit" in said.words.lower() or "rate limit exceeded" in said.words.lower()
    return response.status == _TOO_MANY or said.code == "TOOMANYREQUESTS" or limited


def _rate_limit(response: Response, said: Complaint, message: str) -> RateLimitError:
    seconds = retry_after(response.headers, said.words)
    wait = "in a few minutes" if seconds is None else f"in {max(1, math.ceil(seconds))} s"
    hint = f"This is a rate limit, not a missing permission: run the same command again {wait}."
    return RateLimitError(message, hint=hint, retry_after=seconds)


_GITHUB_CAUSES = {
    "installation not allowed": (
        "Grant the job's token `permissions: packages: write`, in the calling workflow too; a pull request from a fork"
        " never has it."
    ),
    "write_package": (
        "The package belongs to another repository or to none: open the package's settings on GitHub, Manage Actions"
        " access, and add this repository with the role Write."
    ),
    "does not match expected scopes": "Give the personal access token the scope write:packages.",
    "token has expired": "The token has expired: make a new one.",
}


def _denied(said: Complaint, attempt: Attempt, message: str) -> DockerPushError:
    words = said.words.lower()
    if "anonymous" in words or (attempt.origin is None and attempt.registry == "ghcr.io"):
        return AuthenticationError(message, hint=authentication_hint(attempt))
    for cause, hint in _GITHUB_CAUSES.items():
        if cause in words:
            return PermissionDeniedError(message, hint=hint)
    who = f"the user of {attempt.origin}" if attempt.origin else "someone without credentials"
    hint = f"Ask the owner of the repository to let {who} do this, or use credentials that may."
    return PermissionDeniedError(message, hint=hint)


def _registry_hint(response: Response, said: Complaint, attempt: Attempt) -> str:
    if said.code in _CODES:
        return _CODES[said.code]
    if response.status in _STATUSES:
        return _STATUSES[response.status]
    if response.status >= _SERVER:
        return "The registry failed: run the same command again later; nothing that was published is lost."
    return f"Check the name, and that {attempt.registry} is a container registry that takes OCI images."


_CODES = {
    "NAME_UNKNOWN": "Check the repository's name; some registries want it to be created before the first push.",
    "MANIFEST_BLOB_UNKNOWN": "The registry lacks content that it said it had: run the same command with --rebuild.",
    "BLOB_UNKNOWN": "The registry lacks content that it said it had: run the same command with --rebuild.",
}
_STATUSES = {
    _TOO_LARGE: "A proxy before the registry limits the size of a request: raise that limit.",
    _STORAGE: "The registry's storage is full: make room there, then run the same command again.",
}
