"""Ask again what fails for a while: a ``Send`` around another; one pure decision, and a loop that waits.

This is the one place that repeats a request. urllib3 is told to repeat nothing, ``Connections`` repeats nothing, and a
``Send`` goes through here once, so that a request is sent ``attempts`` times and never a product of several limits. It
goes around the redirects: a repetition begins at the registry, which signs storage URLs anew. Everything that one call
of the client needs (a token, then the request, then both once more after a 401) shares the call's ``total``.

What is repeated is decided by class (``complaints.passing``, ``unanswered``), and by method: GET, HEAD and PUT are
idempotent (RFC 9110, section 9.2.2), the PUT of a manifest too since its name or digest says what it makes. The two POSTs
that this client sends do no harm when they reach the server twice: an upload that was opened for nothing is forgotten by
the registry, and a token server hands out another token. A DELETE only tidies up, and is not worth a wait.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from docker_push.errors import RegistryError
from docker_push.registry.complaints import Passing, complaint, passing, retry_after, span
from docker_push.registry.transport import ERROR_LIMIT, Request, Response, Send
from docker_push.registry.unanswered import is_closed_connection

if TYPE_CHECKING:
    from docker_push.config import RetryTable

_REPEATED = frozenset({"GET", "HEAD", "PUT", "POST"})
_FORBIDDEN, _FIRST_ERROR = 403, 400
_SPREAD = 0.25  # of a wait, up and down: clients that failed together do not come back together
_LATER = 0.1  # of a time that the server names, up alone
_TOLD = 1.0  # seconds; shorter waits are not worth a line


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """An attempt that failed for a while: why, in how many seconds the server wants to be asked again, what it is.

    ``closed``: the connection was closed before an answer came; a pooled one that the server gave up looks like that.
    """

    why: str
    passing: Passing = Passing.SOON
    asked: float | None = None
    closed: bool = False


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the attempts are: ``attempts`` made, ``late`` of them limited for minutes, ``seconds`` since the call began."""

    attempts: int
    late: int
    seconds: float


def wait_before(policy: RetryTable | None, trouble: Trouble, progress: Progress, chance: float) -> float | None:
    """Return the seconds to wait before the next attempt, or ``None`` to stop; pure.

    ``chance`` is a number in [0, 1). A connection that was closed is made anew at once, the first time: that is all that
    is done without a policy. Never longer than the longer of ``longest-wait``, ``longest-asked`` and ``rate-limit-waits``.
    """
    at_once = trouble.closed and progress.attempts == 1
    if policy is None:
        return 0.0 if at_once else None
    if progress.attempts >= policy.attempts:
        return None
    wait = 0.0 if at_once else _wait(policy, trouble, progress, chance)
    return None if wait is None or progress.seconds + wait > policy.total else wait


def _wait(policy: RetryTable, trouble: Trouble, progress: Progress, chance: float) -> float | None:
    grown = policy.first_wait * 2.0 ** (progress.attempts - 1) * (1 + _SPREAD * (2 * chance - 1))
    backoff = min(grown, policy.longest_wait)
    if trouble.asked is not None:
        if trouble.asked > policy.longest_asked:
            return None
        return max(min(trouble.asked * (1 + _LATER * chance), policy.longest_asked), backoff)
    if trouble.passing is Passing.IN_MINUTES:
        waits = policy.rate_limit_waits
        return waits[progress.late] if progress.late < len(waits) else None
    return backoff


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How a client waits: as ``policy`` says, by ``sleep`` (seconds; what it raises ends the call).

    ``tell`` is given a line before a wait that people notice, from any thread; ``chance`` gives numbers in [0, 1).
    """

    policy: RetryTable
    sleep: Callable[[float], None]
    tell: Callable[[str], None]
    chance: Callable[[], float] = random.random


class Retrying:
    """Send a request until it is answered for good, as often and for as long as the policy says; safe among threads.

    Without ``waiting`` no request waits. ``clock`` counts seconds and only goes forward; ``redact`` takes secrets out of
    what a server said.
    """

    def __init__(
        self,
        send: Send,
        waiting: Waiting | None,
        *,
        clock: Callable[[], float],
        redact: Callable[[str], str] = str,
    ) -> None:
        self._send = send
        self._waiting = waiting
        self._policy = waiting.policy if waiting else None
        self._clock = clock
        self._redact = redact
        self._lock = threading.Lock()
        self._repeated: Counter[str] = Counter()

    def repeated(self, repository: str | None = None) -> int:
        """Return how many requests were sent again, of one repository or of all."""
        with self._lock:
            return self._repeated.total() if repository is None else self._repeated[repository]

    def __call__(self, request: Request) -> Response:
        """Deliver ``request``: the last answer, or the error of the last attempt that got none."""
        first = self._clock()
        began, late = request.call.began if request.call else first, 0
        for attempts in count(1):
            outcome = self._attempt(request)
            now = self._clock()
            trouble = self._trouble(request, outcome)
            progress = Progress(attempts=attempts, late=late, seconds=max(now - began, 0.0))
            wait = wait_before(self._policy, trouble, progress, self._chance()) if trouble else None
            if trouble is None or wait is None:
                return _ended(outcome, attempts, max(now - first, 0.0))
            late += trouble.passing is Passing.IN_MINUTES
            self._pause(request, trouble, wait, attempts)
            if request.before_again:
                request.before_again()
        raise AssertionError("count() does not end")  # pragma: no cover

    def _attempt(self, request: Request) -> Response | RegistryError:
        try:
            response = self._send(request)
            if self._policy and request.method == "HEAD" and response.status == _FORBIDDEN:
                return self._in_words(request)
        except RegistryError as error:
            return error
        return response

    def _in_words(self, request: Request) -> Response:
        """Ask a second time for the words: a HEAD has none, and GitHub's 403 may be a rate limit or a lost login.

        Where reading is allowed after all, the refusal was of a moment, and the HEAD is sent once more.
        """
        told = self._send(replace(request, method="GET", limit=ERROR_LIMIT))
        return told if told.status >= _FIRST_ERROR else self._send(request)

    def _trouble(self, request: Request, outcome: Response | RegistryError) -> Trouble | None:
        """Return what failed for a while, or ``None`` for an answer that stays as it is."""
        if request.method not in _REPEATED:
            return None
        if isinstance(outcome, RegistryError):
            why = outcome.message.removeprefix(f"cannot {request.purpose}: ")
            return Trouble(why=why, closed=is_closed_connection(outcome)) if outcome.transient else None
        if outcome.status < _FIRST_ERROR:
            return None
        said = complaint(outcome, self._redact)
        found = passing(outcome, said)
        if found is Passing.NEVER:
            return None
        why = f"{request.host} answered {outcome.status}" + (f" ({said})" if str(said) else "")
        return Trouble(why=why, passing=found, asked=retry_after(outcome.headers, said.words))

    def _pause(self, request: Request, trouble: Trouble, wait: float, attempts: int) -> None:
        with self._lock:
            self._repeated[request.call.repository if request.call else ""] += 1
        if not self._waiting or not wait:
            return
        if wait > _TOLD:
            of = f"attempt {attempts + 1} of {self._waiting.policy.attempts}"
            self._waiting.tell(f"trying to {request.purpose} again in {span(wait)} ({of}): {trouble.why}")
        self._waiting.sleep(wait)

    def _chance(self) -> float:
        return self._waiting.chance() if self._waiting else 0.0


def _ended(outcome: Response | RegistryError, attempts: int, seconds: float) -> Response:
    if isinstance(outcome, Response):
        return replace(outcome, attempts=attempts, seconds=seconds) if attempts > 1 else outcome
    if attempts == 1:
        raise outcome
    message = f"{outcome.message}, the last of {attempts} attempts in {span(seconds)}"
    raise RegistryError(message, hint=outcome.hint, transient=outcome.transient) from outcome
