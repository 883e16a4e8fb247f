"""What buildx's words mean when a bake fails: which images, which class of error, whether another try may help. Pure.

BuildKit tells in words alone why a push failed, and in two forms: a registry's error code and message
(``denied: permission_denied: write_package``), or the status of an answer without them (``unexpected status from PUT
request to URL: 502 Bad Gateway``). They are read back into the answer that they come from, so that one place,
``registry.refusals``, says what an answer means. Wordings: containerd ``core/remotes/docker/errcode.go``, ``pusher.go``;
moby/buildkit ``util/resolver``; measured with buildx 0.29 and Docker 28.5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docker_push.builder import Baked
from docker_push.config import RetryTable
from docker_push.errors import (
    AuthenticationError,
    BuilderError,
    BuildError,
    DockerPushError,
    RateLimitError,
    RegistryError,
)
from docker_push.process import one_line
from docker_push.registry import Response, complaint, refusal
from docker_push.registry.complaints import Passing
from docker_push.registry.refusals import Attempt
from docker_push.registry.retry import Progress, Trouble, wait_before

if TYPE_CHECKING:
    from docker_push.progress import Step

_LOG_SHOWN = 20
TRIES = 3  # of a bake or a login
_NO_CHANCE = 0.5  # the middle of a wait's spread: bakes of several runs are apart anyway
_NEXT = "Mend it and run the same command again; no moving tag of it was touched."
_QUERY = re.compile(r"(https?://[^\s\"?]+)\?[^\s\":]*")  # what follows holds the state of an upload, or a signature
_PUSH = re.compile(r"failed to push (?P<reference>[^\s:]+(?::\d+)?/[^\s:]+(?::[^\s:]+)?): (?P<words>.*)", re.DOTALL)
_STATUS = re.compile(
    r"unexpected status from \S+ request to \S+: (?P<status>\d{3})(?: [A-Za-z' -]+)?(?:: (?P<body>.*))?", re.DOTALL
)
_SOURCE = re.compile(
    r"failed to (?:resolve source metadata for|do request|copy|fetch|authorize)|unexpected status|pull access denied"
)
_PROCESS = "did not complete successfully"
# containerd's errcode descriptors in lower case -> the code of distribution-spec v1.1, and the status it comes with
_CODES = {
    "toomanyrequests": ("TOOMANYREQUESTS", 429),
    "denied": ("DENIED", 403),
    "unauthorized": ("UNAUTHORIZED", 401),
    "unavailable": ("UNAVAILABLE", 503),
    "unsupported": ("UNSUPPORTED", 405),
    "unknown": ("UNKNOWN", 500),
}
_MESSAGES = {
    "blob upload unknown": ("BLOB_UPLOAD_UNKNOWN", 404),
    "blob upload invalid": ("BLOB_UPLOAD_INVALID", 400),
    "blob unknown": ("MANIFEST_BLOB_UNKNOWN", 400),
    "manifest blob unknown": ("MANIFEST_BLOB_UNKNOWN", 400),
    "manifest invalid": ("MANIFEST_INVALID", 400),
    "repository name not known": ("NAME_UNKNOWN", 404),
    "insufficient_scope": ("DENIED", 403),
    "authorization failed": ("DENIED", 403),
    "no basic auth credentials": ("UNAUTHORIZED", 401),
    "failed to fetch anonymous token": ("DENIED", 403),
    "failed to fetch oauth token": ("UNAUTHORIZED", 401),
    "authentication required": ("UNAUTHORIZED", 401),
}
# What docker-registry (2.8) says of a write that its disk had no room for: an upload that broke, or nothing but a 500
_NO_ROOM = ("blob upload invalid", "unknown: unknown error")
_FORBIDDEN = 403
_AGAIN = frozenset({"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "MANIFEST_BLOB_UNKNOWN", "UNAVAILABLE"})
_AGAIN_STATUS = frozenset({408, 416, 429, 499, 500, 502, 503, 504, 522})
_NETWORK = (
    "connection reset by peer",
    "connection refused",
    "broken pipe",
    "unexpected eof",
    ": eof",
    "i/o timeout",
    "tls handshake timeout",
    "context deadline exceeded",
    "use of closed network connection",
    "no such host",
    "temporary failure in name resolution",
    "network is unreachable",
    "server closed idle connection",
    "http2: ",
)
_WAITING = "waiting for connection"  # the step in which buildx waits for a remote node
_VANISHED = (
    "error reading from server",
    "code = unavailable",
    "no such job",
    "transport is closing",
    "closing transport",
    "error during connect",
    "cannot connect to the docker daemon",
    "failed to receive status",
)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An image that could not be staged; ``transient``: another try may well succeed.

    ``built``: it was built, and could not be pushed.
    """

    image: str
    error: DockerPushError
    transient: bool
    built: bool = False


def failures(baked: Baked, origins: Mapping[str, str | None]) -> tuple[Failure, ...]:
    """Return what failed by itself in a bake, each image once; all of its images where nobody can tell.

    ``origins`` is registry -> where the credentials for it come from (``None``: there are none). Images that a neighbour's
    failure cancelled are not among them: they are neither built nor broken.
    """
    found: dict[str, Failure] = {}
    if baked.away and any(_is_away(step.step.name, step.step.error) for step in baked.failed):
        return _all_away(baked, baked.away)
    for step in baked.failed:
        for name in (step.image,) if step.image else baked.names:
            found.setdefault(name, _failure(name, step.step, step.log, origins))
    if not found:
        cause = _without_query(next((line for line in reversed(baked.stray) if line.strip()), "buildx gave no reason"))
        if baked.away and _is_away("", cause):
            return _all_away(baked, baked.away)
        error = _classified(cause.removeprefix("ERROR: "), _together(baked.names), origins, baked.stray)
        found = {name: Failure(image=name, error=error, transient=_is_transient(error, cause)) for name in baked.names}
    return tuple(found.values())


def _is_away(step: str, words: str) -> bool:
    """Tell whether a failure may be that a node does not answer: buildx waited for it, or lost it."""
    return _WAITING in step or "deadline exceeded" in words or any(mark in words.lower() for mark in _VANISHED)


def _all_away(baked: Baked, error: DockerPushError) -> tuple[Failure, ...]:
    """Return the failure of every image of a bake that a node was missing in; it may be back for another try."""
    return tuple(Failure(image=name, error=error, transient=True) for name in baked.names)


def pause(error: DockerPushError, tries: int, policy: RetryTable) -> float | None:
    """Return the seconds before something that failed for a while is done again, ``None`` where it is not; pure.

    By the policy of a single request, and never more than three times: what is repeated here repeats by itself already.
    """
    if tries >= TRIES:
        return None
    limit = error if isinstance(error, RateLimitError) else None
    asked = limit.retry_after if limit else None
    passing = Passing.IN_MINUTES if limit and asked is None else Passing.SOON
    trouble = Trouble(why=error.message, passing=passing, asked=asked)
    return wait_before(policy, trouble, Progress(attempts=tries, late=tries - 1, seconds=0.0), _NO_CHANCE)


def _failure(name: str, step: Step, log: Sequence[str], origins: Mapping[str, str | None]) -> Failure:
    words = _without_query(step.error)
    if _PROCESS in words or not _is_remote(words):
        message = f"image {name}: the build failed at {one_line(step.name)}: {one_line(words)}"
        return Failure(
            image=name, error=BuildError(message, hint=_NEXT, details=tuple(log[-_LOG_SHOWN:])), transient=False
        )
    error = _classified(words, f"image {name}", origins, log)
    built = _PUSH.search(words) is not None
    return Failure(image=name, error=error, transient=_is_transient(error, words), built=built)


def _is_remote(words: str) -> bool:
    """Tell a failure that a registry, the network or the builder caused from one of the Dockerfile's own."""
    text = words.lower()
    return (
        _PUSH.search(words) is not None or _SOURCE.search(text) is not None or any(mark in text for mark in _VANISHED)
    )


def _classified(words: str, who: str, origins: Mapping[str, str | None], log: Sequence[str]) -> DockerPushError:
    """Return the error that BuildKit's words stand for."""
    text = words.lower()
    if any(mark in text for mark in _VANISHED):
        hint = "Look whether the builder runs (`docker buildx inspect`), and at its memory and disk; then run the same command again."
        return BuilderError(f"{who}: the builder went away: {one_line(words)}", hint=hint, transient=True)
    match = _PUSH.search(words)
    said = match["words"] if match else words
    purpose = f"push {match['reference']}" if match else "reach a registry"
    registry = match["reference"].partition("/")[0] if match else "the registry"
    answer = _answer(said)
    if answer is None and any(mark in text for mark in _NETWORK):
        hint = "Run the same command again: no moving tag of it was touched, and what is staged is not built again."
        return RegistryError(f"{who}: cannot {purpose}: {one_line(said)}", hint=hint, transient=True)
    if answer is None:
        kind: type[DockerPushError] = RegistryError if match else BuildError
        detail = f"cannot {purpose}: {one_line(said)}" if match else f"buildx failed: {one_line(words)}"
        return kind(f"{who}: {detail}", hint=_NEXT, details=tuple(log[-_LOG_SHOWN:]))
    error = refusal(answer, Attempt(purpose=purpose, registry=registry, origin=origins.get(registry)))
    error.message = f"{who}: {error.message}"
    return _pointed(error, said, match is not None)


def _pointed(error: DockerPushError, said: str, pushing: bool) -> DockerPushError:  # noqa: FBT001 - what was being done
    """Add what only the words tell: a full registry hides behind a broken upload; a base image is not ours to push."""
    if any(words in f"{said} {error.message}".lower() for words in _NO_ROOM):
        error.hint = f"{error.hint} The registry may be out of disk space: ask its operator if this stays."
    if not pushing and isinstance(error, AuthenticationError):
        error.hint = "A base image asks for a login: log in to its registry, or correct the FROM line."
    return error


def _answer(said: str) -> Response | None:
    """Return the registry's answer that BuildKit's words were made of; ``None`` where they are of something else."""
    status = _STATUS.search(said)
    if status is not None:
        return Response(status=int(status["status"]), url="", body=(status["body"] or "").encode())
    text = said.lower()
    known = next((pair for mark, pair in _MESSAGES.items() if mark in text), None)
    code, colon, words = said.strip().partition(": ")
    if known is None and code.lower() in _CODES:
        known = _CODES[code.lower()]
    if known is None:
        return None
    message = words if colon and code.lower() in _CODES else said
    if "no space" in text or "disk full" in text:
        known = (known[0], 507)
    body = json.dumps({"errors": [{"code": known[0], "message": message}]}).encode()
    return Response(status=known[1], url="", body=body)


def _is_transient(error: DockerPushError, words: str) -> bool:
    if isinstance(error, RateLimitError) or getattr(error, "transient", False):
        return True
    answer = _answer(_push_words(words))
    if answer is not None and answer.status == _FORBIDDEN and not answer.body:
        return True  # without a word it may be the rate limit that a neighbour's 403 tells of
    if answer is None or not isinstance(error, RegistryError):
        return False
    code = complaint(answer).code
    return answer.status in _AGAIN_STATUS or code in _AGAIN


def _push_words(words: str) -> str:
    match = _PUSH.search(words)
    return match["words"] if match else words


def _without_query(text: str) -> str:
    return _QUERY.sub(r"\1", text)


def _together(names: Sequence[str]) -> str:
    return f"{'images' if len(names) > 1 else 'image'} {', '.join(names)}"
