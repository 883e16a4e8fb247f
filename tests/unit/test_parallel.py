"""Several pieces of work at once: results, the first error, and which pieces are begun and ended when something stops them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from docker_push.errors import InterruptedRunError, RegistryError
from docker_push.parallel import IN_FLIGHT, in_parallel

LONG = 30.0  # seconds: more than any of these tests takes

FAILURE = RegistryError("no answer", hint="")
SIGNAL = InterruptedRunError("terminated", hint="", signal_number=15)


class Gate:
    """Work that waits to be let through; ``busy`` counts what has begun, ``ended`` is what was let through."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.busy = threading.Semaphore(0)
        self.begun: list[str] = []
        self.ended: list[str] = []

    def __call__(self, item: str) -> str:
        self.begun.append(item)
        self.busy.release()
        assert self.open.wait(LONG)
        self.ended.append(item)
        return item.upper()

    def await_busy(self, count: int) -> None:
        for _ in range(count):
            assert self.busy.acquire(timeout=LONG)


@contextmanager
def gate() -> Iterator[Gate]:
    made = Gate()
    try:
        yield made
    finally:
        made.open.set()


def raised(error: BaseException) -> str:
    raise error


def test_results_come_in_the_order_of_the_items():
    assert in_parallel(str.upper, "abcdefghij") == list("ABCDEFGHIJ")
    assert in_parallel(str.upper, []) == []


def test_only_a_few_are_in_flight():
    with gate() as work:
        thread = threading.Thread(target=in_parallel, args=(work, "abcdefgh"))
        thread.start()
        work.await_busy(IN_FLIGHT)
        assert not work.busy.acquire(timeout=0.1)
        work.open.set()
        thread.join(LONG)


def test_the_first_error_is_raised_and_the_rest_is_not_started():
    started: list[int] = []

    def work(item: int) -> None:
        started.append(item)
        if item == 0:
            raise FAILURE
        threading.Event().wait(0.02)

    with pytest.raises(RegistryError, match="no answer"):
        in_parallel(work, range(1000))

    assert len(started) < 1000


@pytest.mark.parametrize(("error", "seconds"), [(FAILURE, {"settle": LONG}), (SIGNAL, {"finish": LONG})])
def test_what_is_in_flight_may_finish(error: BaseException, seconds: dict[str, float]):
    with gate() as work:

        def some(item: str) -> str:
            if item == "a":
                work.await_busy(1)
                threading.Timer(0.1, work.open.set).start()
                raise error
            return work(item)

        with pytest.raises(type(error)):
            in_parallel(some, "ab", **seconds)

        assert work.ended == ["b"]


@pytest.mark.parametrize(("error", "seconds"), [(FAILURE, {"finish": LONG}), (SIGNAL, {"settle": LONG})])
def test_a_signal_s_seconds_are_not_those_of_an_error(error: BaseException, seconds: dict[str, float]):
    with gate() as work:
        with pytest.raises(type(error)):
            in_parallel(lambda item: work(item) if item == "b" else raised(error), "ba", **seconds)

        assert work.ended == []


def test_a_signal_is_told_rather_than_an_error_before_it():
    both = threading.Barrier(2)

    def work(item: str) -> str:
        both.wait(LONG)
        if item == "b":
            threading.Event().wait(0.1)  # so that the error is first
        return raised(FAILURE if item == "a" else SIGNAL)

    with pytest.raises(InterruptedRunError):
        in_parallel(work, "ab", settle=LONG)


@pytest.fixture
def signalled() -> Iterator[threading.Event]:
    """Have SIGUSR1 raise in the main thread what a run's signals do; the event tells that it did."""
    came = threading.Event()

    def handle(*_: object) -> None:
        came.set()
        raise SIGNAL

    before = signal.signal(signal.SIGUSR1, handle)
    yield came
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("finish", [0.0, LONG])
def test_a_signal_in_the_waiting_thread_starts_nothing_new(signalled: threading.Event, finish: float):
    with gate() as work:

        def let_through() -> None:
            assert signalled.wait(LONG)
            threading.Event().wait(0.5)  # until the waiting thread has seen to it that nothing starts
            work.open.set()

        def some(item: str) -> str:
            if item == "a":
                work.await_busy(IN_FLIGHT - 1)
                os.kill(os.getpid(), signal.SIGUSR1)
                if finish:
                    threading.Thread(target=let_through).start()
            return work(item)

        with pytest.raises(InterruptedRunError):
            in_parallel(some, "abcdefgh", finish=finish)

        assert set(work.begun) <= set("abcd")
        assert set(work.ended) == (set("abcd") if finish else set())


@pytest.mark.usefixtures("signalled")
def test_a_signal_shortens_the_wait_after_an_error():
    with gate() as work:

        def some(item: str) -> str:
            if item == "a":
                work.await_busy(1)
                threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
                raise FAILURE
            return work(item)

        with pytest.raises(InterruptedRunError):
            in_parallel(some, "ab", settle=LONG)

        assert work.ended == []


def test_no_thread_holds_up_the_end_of_the_process():
    with gate() as work:
        with pytest.raises(RegistryError):
            in_parallel(lambda item: work(item) if item == "b" else raised(FAILURE), "ba")
        assert all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread())


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_is_in_flight_than_the_limit_says(limit: int):
    lock, now, most = threading.Lock(), 0, 0
    full = threading.Barrier(limit)

    def work(_item: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        full.wait(10)  # all that may be in flight are
        with lock:
            now -= 1

    in_parallel(work, range(limit * 4), limit=limit)

    assert most == limit
