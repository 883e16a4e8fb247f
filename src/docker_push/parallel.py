"""Several requests at once, a few in flight; the first error or a signal stops them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from docker_push.errors import InterruptedRunError

T = TypeVar("T")
R = TypeVar("R")
IN_FLIGHT = 4  # requests to one registry, as go-containerregistry and BuildKit do
# Seconds between two looks for a signal: Python's wait for a lock is not ended by one that comes just before it begins.
_LOOK = 0.1


def in_parallel(
    work: Callable[[T], R],
    items: Iterable[T],
    *,
    limit: int = IN_FLIGHT,
    finish: float = 0.0,
    settle: float = 0.0,
) -> list[R]:
    """Do ``work`` for every item, at most ``limit`` at a time, and return the results in order; the first error is raised.

    After a signal (InterruptedRunError or KeyboardInterrupt in this thread or from ``work``) nothing new is started, and
    what is in flight may finish for at most ``finish`` seconds. After any other error the same holds with ``settle``
    seconds. What is in flight after that is left to itself: its thread holds up neither the caller nor the end of the
    process.
    """
    board = _Board(work, tuple(items), limit)
    try:
        board.start()
        while not board.ended.acquire(timeout=_LOOK):
            pass
        if board.error is not None:
            board.wait(finish if _is_signal(board.error) else settle)
    except BaseException:
        board.close()
        board.wait(finish)
        raise
    if board.error is not None:
        raise board.error
    return board.results()


class _Board(Generic[T, R]):
    """Who does what. Workers write here; the thread that waits reads, and waits for locks that workers release.

    Bare locks: they are taken and released in one step, so that a signal's exception in the waiting thread leaves none
    half-taken. The threads are daemons: one that is stuck in a read holds up no exit, which an executor's would.
    """

    def __init__(self, work: Callable[[T], R], items: Sequence[T], limit: int) -> None:
        self.error: BaseException | None = None
        self.ended = _taken()  # released when nothing is left to wait for, or at the error that stops the work
        self._quiet = _taken()  # released when, after that, nothing is in flight
        self._work = work
        self._items = items
        self._limit = limit
        self._results: dict[int, R] = {}
        self._next = self._in_flight = 0
        self._closed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        workers = min(self._limit, len(self._items))
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

    def results(self) -> list[R]:
        """Return the results in order, where nothing stopped the work."""
        return [self._results[index] for index in range(len(self._items))]

    def _do(self) -> None:
        while (index := self._take()) is not None:
            error: BaseException | None = None
            try:
                self._results[index] = self._work(self._items[index])
            except BaseException as raised:  # noqa: BLE001 - the waiting thread hands it on
                error = raised
            self._put(error)

    def _take(self) -> int | None:
        with self._lock:
            if self._closed or self._next == len(self._items):
                return None
            self._next += 1
            self._in_flight += 1
            return self._next - 1

    def _put(self, error: BaseException | None) -> None:
        with self._lock:
            self._in_flight -= 1
            if error is not None and (self.error is None or _is_signal(error)):
                self.error = self.error if _is_signal(self.error) else error
                self._closed = True
            self._announce()

    def _announce(self) -> None:
        over = self._closed or self._next == len(self._items)
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
