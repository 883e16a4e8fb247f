"""Several requests at once, a few in flight, and what each of them came to when something stops them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar, cast

from docker_push.errors import InterruptedRunError

T = TypeVar("T")
R = TypeVar("R")
IN_FLIGHT = 4  # requests to one registry, as go-containerregistry and BuildKit do


class AttemptState(str, Enum):
    """How far the work for one item got."""

    NOT_STARTED = "not started"
    IN_FLIGHT = "in flight"  # it was begun, and nobody waited for its end: it may still happen
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Attempt(Generic[T, R]):
    """What the work for one item came to: its ``result`` where it is done, its ``error`` where it failed."""

    item: T
    state: AttemptState = AttemptState.NOT_STARTED
    result: R | None = None
    error: BaseException | None = None


@dataclass(frozen=True, kw_only=True)
class Attempts(Generic[T, R]):
    """What every item came to, in the order of the items, and what stopped the work: the first error or a signal."""

    each: tuple[Attempt[T, R], ...]
    stopped: BaseException | None

    def results(self) -> list[R]:
        """Return the results in order; raises what stopped the work."""
        if self.stopped is not None:
            raise self.stopped
        return [cast("R", one.result) for one in self.each]

    def at(self, *states: AttemptState) -> tuple[Attempt[T, R], ...]:
        """Return the attempts that got so far and no further."""
        return tuple(one for one in self.each if one.state in states)


def in_parallel(work: Callable[[T], R], items: Iterable[T], *, finish: float = 0.0, settle: float = 0.0) -> list[R]:
    """Do ``work`` for every item, a few at a time, and return the results in order; the first error is raised.

    ``finish`` and ``settle`` are those of ``attempt``, which also tells what became of each item.
    """
    return attempt(work, items, finish=finish, settle=settle).results()


def attempt(
    work: Callable[[T], R], items: Iterable[T], *, finish: float = 0.0, settle: float = 0.0, keep_going: bool = False
) -> Attempts[T, R]:
    """Do ``work`` for every item, a few at a time, and return what each came to; an error is returned, not raised.

    After a signal (InterruptedRunError or KeyboardInterrupt in this thread or from ``work``) nothing new is started, and
    what is in flight may finish for at most ``finish`` seconds. After any other error the same holds with ``settle``
    seconds, and with ``keep_going`` the rest is done all the same. What is in flight after that is left to itself: its
    thread holds up neither the caller nor the end of the process.
    """
    board = _Board(work, tuple(items), keep_going=keep_going)
    stopped: BaseException | None = None
    try:
        board.start()
        board.ended.acquire()
        if board.error is not None:
            board.wait(finish if _is_signal(board.error) else settle)
        stopped = board.error
    except BaseException as error:  # noqa: BLE001 - it is in the value, and results() raises it
        stopped = error
        board.close()
        board.wait(finish)
    return Attempts(each=board.snapshot(), stopped=stopped)


class _Board(Generic[T, R]):
    """Who does what. Workers write here; the thread that waits reads, and waits for locks that workers release.

    Bare locks: they are taken and released in one step, so that a signal's exception in the waiting thread leaves none
    half-taken. The threads are daemons: one that is stuck in a read holds up no exit, which an executor's would.
    """

    def __init__(self, work: Callable[[T], R], items: Sequence[T], *, keep_going: bool) -> None:
        self.error: BaseException | None = None
        self.ended = _taken()  # released when nothing is left to wait for, or at the error that stops the work
        self._quiet = _taken()  # released when, after that, nothing is in flight
        self._work = work
        self._each: list[Attempt[T, R]] = [Attempt(item=item) for item in items]
        self._keep_going = keep_going
        self._next = self._in_flight = 0
        self._closed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        workers = min(IN_FLIGHT, len(self._each))
        if not workers:
            self.ended.release()
        for _ in range(workers):
            threading.Thread(target=self._do, daemon=True).start()

    def close(self) -> None:
        """Let nothing new start."""
        with self._lock:
            self._closed = True
            self._announce()

    def wait(self, seconds: float) -> None:
        """Wait until nothing is in flight, at most so many seconds."""
        self._quiet.acquire(timeout=max(seconds, 0.0))

    def snapshot(self) -> tuple[Attempt[T, R], ...]:
        return tuple(self._each)

    def _do(self) -> None:
        while (index := self._take()) is not None:
            item = self._each[index].item
            try:
                done: Attempt[T, R] = Attempt(item=item, state=AttemptState.DONE, result=self._work(item))
            except BaseException as error:  # noqa: BLE001 - the waiting thread hands it on
                done = Attempt(item=item, state=AttemptState.FAILED, error=error)
            self._put(index, done)

    def _take(self) -> int | None:
        with self._lock:
            if self._closed or self._next == len(self._each):
                return None
            index = self._next
            self._each[index] = Attempt(item=self._each[index].item, state=AttemptState.IN_FLIGHT)
            self._next += 1
            self._in_flight += 1
            return index

    def _put(self, index: int, done: Attempt[T, R]) -> None:
        with self._lock:
            self._each[index] = done
            self._in_flight -= 1
            if done.error is not None and (self.error is None or _is_signal(done.error)):
                self.error = self.error if _is_signal(self.error) else done.error
                self._closed = self._closed or not self._keep_going or _is_signal(done.error)
            self._announce()

    def _announce(self) -> None:
        over = self._closed or self._next == len(self._each)
        if over and (self._closed or not self._in_flight) and self.ended.locked():
            self.ended.release()
        if over and not self._in_flight and self._quiet.locked():
            self._quiet.release()


def _taken() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


def _is_signal(error: BaseException | None) -> bool:
    return isinstance(error, (InterruptedRunError, KeyboardInterrupt))
