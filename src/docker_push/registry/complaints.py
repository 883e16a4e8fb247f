"""What an error answer says, read leniently: code, words, when to come back, and whether that passes by itself.

The same status means different things, so the error's code and words count first, the status last. Codes: OCI
distribution-spec v1.1, "Error Codes"; ``TOOMANYREQUESTS`` also comes with other statuses than 429, and GitHub's registry
answers its secondary rate limit with 403 and ``DENIED``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

from docker_push.process import one_line
from docker_push.registry.manifests import json_object
from docker_push.registry.transport import Response

_SCANNED = 4096  # characters of a body that are looked at for its words
_TITLE = re.compile(r"<title[^>]{0,80}>([^<]{1,200})", re.IGNORECASE)
_DURATION = re.compile(r"retry-after:\s*((?:[0-9.]{1,12}(?:h|ms|us|µs|ns|m|s))+)", re.IGNORECASE)
_DURATION_PART = re.compile(r"([0-9.]+)(h|ms|us|µs|ns|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_FIRST_ERROR, _UNAUTHORIZED, _FORBIDDEN, _TOO_LARGE, _TOO_MANY, _STORAGE = 400, 401, 403, 413, 429, 507
# go-containerregistry's list (pkg/v1/remote/options.go), and 416: an upload out of step, which is begun again
_PASSING = frozenset({408, 416, 429, 499, 500, 502, 503, 504, 522})
_PASSING_CODES = frozenset({"UNAVAILABLE", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN"})
_LASTING = frozenset({_UNAUTHORIZED, _TOO_LARGE, _STORAGE})
_LASTING_CODES = frozenset(
    {
        *("DENIED", "UNAUTHORIZED", "UNSUPPORTED", "NAME_INVALID", "NAME_UNKNOWN", "TAG_INVALID", "SIZE_INVALID"),
        *("DIGEST_INVALID", "MANIFEST_INVALID", "MANIFEST_UNKNOWN", "MANIFEST_UNVERIFIED", "MANIFEST_BLOB_UNKNOWN"),
    }
)


class Passing(Enum):
    """Whether an error passes by itself: not, soon, or in minutes."""

    NEVER = "never"
    SOON = "soon"
    IN_MINUTES = "in minutes"


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """What the body of an error answer says: its code in upper case, or empty, and its words, made printable."""

    code: str
    words: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.code, self.words) if part)


def complaint(response: Response, redact: Callable[[str], str] = str) -> Complaint:
    """Read the body of an error answer: the distribution-spec's form, a token server's, a proxy's page, or anything.

    Secrets are taken out before anything is cut or put in upper case: neither half a secret nor a shouted one is known.
    """
    content = json_object(response.body)
    if content is None:
        text = redact(response.body.decode("utf-8", "replace"))[:_SCANNED]
        title = _TITLE.search(text)
        words = title[1] if title else "" if "<html" in text.lower() else text
        return Complaint(code="", words=one_line(words))
    code, words = (redact(text)[:_SCANNED] for text in _first_error(content))
    return Complaint(code=one_line(code).upper()[:64], words=one_line(words))


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
    date = _until(value, headers.get("date", "")) if value else None
    if date is not None:
        return date
    match = _DURATION.search(words)
    return _go_duration(match[1].lower()) if match else None


def date_of(headers: Mapping[str, str]) -> float | None:
    """Return the server's time of day in seconds since the epoch, by the Date of its answer (RFC 9110, section 6.6.1)."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


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


def is_rate_limit(response: Response, said: Complaint) -> bool:
    """Tell whether the answer says that there were too many requests, whatever its status."""
    words = said.words.lower()
    limited = "secondary rate limit" in words or "rate limit exceeded" in words
    return response.status == _TOO_MANY or said.code == "TOOMANYREQUESTS" or limited


def is_immutable(said: Complaint) -> bool:
    """Tell whether the registry refuses to move a tag that never moves."""
    return "immutab" in said.words.lower()


def passing(response: Response, said: Complaint) -> Passing:
    """Tell whether the same request may succeed later with nothing changed by anybody; by class, not by status alone."""
    if response.status < _FIRST_ERROR:
        return Passing.NEVER
    if is_rate_limit(response, said):
        late = response.status == _FORBIDDEN or "secondary rate limit" in said.words.lower()
        return Passing.IN_MINUTES if late else Passing.SOON
    if response.status in _LASTING or said.code in _LASTING_CODES or is_immutable(said):
        return Passing.NEVER
    return Passing.SOON if response.status in _PASSING or said.code in _PASSING_CODES else Passing.NEVER


def span(seconds: float) -> str:
    """Return a time as people say it: ``0.5 s``, ``7 s``, ``5 min``, ``3 h``, ``12 days``; never shorter than it is."""
    for size, most, unit in ((1, 120, "s"), (60, 120, "min"), (3600, 48, "h")):
        if seconds <= size * most:
            exact = size == 1 and seconds < 10 and seconds % 1  # noqa: PLR2004 - tenths of a short wait are worth a word
            return f"{seconds:.1f} {unit}" if exact else f"{math.ceil(seconds / size)} {unit}"
    days = seconds / 86400
    return f"{math.ceil(days)} days" if days < 1000 else "more than 1000 days"  # noqa: PLR2004 - a number with no meaning
