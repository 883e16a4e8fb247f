"""Faults at random, with a seed: every request fails with some probability, in one of many ways."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import fault_rules
from fault_rules import Action, Answer, Exchange, delayed, errors, passed, status, truncated

# what fails, and how often among 1000 failures: what is final is rare, or no run would ever get through
FAULTS: dict[str, tuple[int, Action]] = {
    "500": (150, status(500, errors("UNKNOWN", "an injected failure"))),
    "429": (120, status(429, errors("TOOMANYREQUESTS", "slow down"), {"Retry-After": "0"})),
    "503": (150, status(503, "<html>unavailable</html>")),
    "403 rate limit": (40, status(403, errors("DENIED", "You have exceeded a secondary rate limit"))),
    "403 denied": (5, status(403, errors("DENIED", "an injected refusal"))),
    "reset": (150, fault_rules.reset),
    "lost answer": (150, fault_rules.lost),
    "truncated answer": (115, truncated(20)),
    "delay": (120, delayed(0.2)),
}
_MOVING = re.compile(r"/([^/]+)/manifests/(main|latest)$")


@dataclass(frozen=True, kw_only=True)
class Touch:
    """A moving tag that the registry was really asked for, or that was really put on ``digest``.

    ``at`` is in seconds of ``time.monotonic``: before the registry was asked to show it, after it had taken it. ``run`` and
    ``commit`` are the numbers of run and commit.
    """

    at: float
    run: int
    commit: int
    image: str
    tag: str
    put: bool
    digest: str


class Chaos:
    """An action that lets a share of the requests fail, and passes the others; ``counts`` is by kind of failure.

    ``run`` and ``commit`` are set before each run, of which there is one at a time; ``touch`` is called with each Touch.
    """

    def __init__(self, seed: str, touch: Callable[[Touch], None], rate: float = 0.3) -> None:
        self.counts: Counter[str] = Counter()
        self.run = self.commit = -1
        self.rate = rate
        self._random = Random(seed)  # noqa: S311 - dice
        self._lock = threading.Lock()
        self._touch = touch

    def __call__(self, exchange: Exchange) -> None:
        with self._lock:
            name = self._drawn()
            self.counts[name] += 1
        action = FAULTS[name][1] if name in FAULTS else passed
        action(_Watched(exchange, self._note))

    def _drawn(self) -> str:
        """Return what happens next; ``none`` is nothing."""
        if self._random.random() >= self.rate:
            return "none"
        return self._random.choices(list(FAULTS), [weight for weight, _ in FAULTS.values()])[0]

    def _note(self, exchange: Exchange, answer: Answer, asked: float) -> None:
        found = _MOVING.search(exchange.seen.path)
        put = exchange.seen.method == "PUT"
        if found and answer.status in {200, 201, 404}:
            digest = answer.headers.get("Docker-Content-Digest", "")
            at = time.monotonic() if put else asked
            self._touch(
                Touch(at=at, run=self.run, commit=self.commit, image=found[1], tag=found[2], put=put, digest=digest)
            )


class _Watched:
    """An exchange that tells what the registry really answered, whatever becomes of the answer."""

    def __init__(self, exchange: Exchange, note: Callable[[Exchange, Answer, float], None]) -> None:
        self._exchange = exchange
        self._note = note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)

    def real(self) -> Answer:
        asked = time.monotonic()
        answer = self._exchange.real()
        self._note(self._exchange, answer, asked)
        return answer
