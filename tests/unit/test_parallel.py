"""Several pieces of work at once: results, the first error, and what became of each piece when something stops them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from docker_push.errors import InterruptedRunError, RegistryError
from docker_push.parallel import IN_FLIGHT, AttemptState, attempt, in_parallel

LONG = 30.0  # seconds: more than any of these tests takes

FAILURE = RegistryError("no answer", hint="")
SIGNAL = InterruptedRunError("terminated", hint="", signal_number=15)


class Gate:
    """Work that waits to be let through; ``busy`` counts what has begun."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.busy = threading.Semaphore(0)

    def __call__(self, item: str) -> str:
        self.busy.release()
        assert self.open.wait(LONG)
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


def test_an_error_tells_what_became_of_each_item():
    with gate() as work:

        def some(item: str) -> str:
            if item == "a":
                work.await_busy(1)
                raise FAILURE
            return work(item)

        found = attempt(some, ["a", "b", *"cdefgh"])

    assert found.stopped is FAILURE
    assert [one.error for one in found.at(AttemptState.FAILED)] == [FAILURE]
    assert "b" in {one.item for one in found.at(AttemptState.IN_FLIGHT)}
    assert "h" in {one.item for one in found.at(AttemptState.NOT_STARTED)}


@pytest.mark.parametrize(("error", "seconds"), [(FAILURE, {"settle": LONG}), (SIGNAL, {"finish": LONG})])
def test_what_is_in_flight_may_finish(error: BaseException, seconds: dict[str, float]):
    with gate() as work:

        def some(item: str) -> str:
            if item == "a":
                work.await_busy(1)
                threading.Timer(0.1, work.open.set).start()
                raise error
            return work(item)

        found = attempt(some, "ab", **seconds)

    assert [(one.state, one.result) for one in found.each] == [(AttemptState.FAILED, None), (AttemptState.DONE, "B")]


@pytest.mark.parametrize(("error", "seconds"), [(FAILURE, {"finish": LONG}), (SIGNAL, {"settle": LONG})])
def test_a_signal_s_seconds_are_not_those_of_an_error(error: BaseException, seconds: dict[str, float]):
    with gate() as work:
        found = attempt(lambda item: work(item) if item == "b" else raised(error), "ba", **seconds)

    assert found.each[0].state is AttemptState.IN_FLIGHT
    assert found.stopped is error


def test_with_keep_going_an_error_stops_nothing_and_is_told_at_the_end():
    found = attempt(lambda item: raised(FAILURE) if item == 3 else item, range(20), keep_going=True)

    assert len(found.at(AttemptState.DONE)) == 19
    with pytest.raises(RegistryError):
        found.results()


def test_with_keep_going_a_signal_stops_all_the_same():
    with gate() as work:
        found = attempt(lambda item: raised(SIGNAL) if item == "a" else work(item), "abcdefgh", keep_going=True)

    assert found.stopped is SIGNAL
    assert found.at(AttemptState.NOT_STARTED)


def test_a_signal_is_told_rather_than_an_error_before_it():
    both = threading.Barrier(2)

    def work(item: str) -> str:
        both.wait(LONG)
        return raised(FAILURE if item == "a" else SIGNAL)

    assert attempt(work, "ab", settle=LONG, keep_going=True).stopped is SIGNAL


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


@pytest.mark.usefixtures("signalled")
@pytest.mark.parametrize(("finish", "state"), [(0.0, AttemptState.IN_FLIGHT), (LONG, AttemptState.DONE)])
def test_a_signal_in_the_waiting_thread_starts_nothing_new(finish: float, state: AttemptState):
    with gate() as work:

        def some(item: str) -> str:
            if item == "a":
                work.await_busy(IN_FLIGHT - 1)
                os.kill(os.getpid(), signal.SIGUSR1)
                if finish:
                    threading.Thread(target=let_through).start()
            return work(item)

        found = attempt(some, "abcdefgh", finish=finish)

    assert found.stopped is SIGNAL
    assert {one.item: one.state for one in found.each[:IN_FLIGHT]} == dict.fromkeys("abcd", state)
    assert {one.item for one in found.at(AttemptState.NOT_STARTED)} == set("efgh")


@pytest.mark.usefixtures("signalled")
def test_a_signal_shortens_the_wait_after_an_error():
    with gate() as work:

        def some(item: str) -> str:
            if item == "a":
                work.await_busy(1)
                threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
                raise FAILURE
            return work(item)

        found = attempt(some, "ab", settle=LONG)

    assert found.stopped is SIGNAL
    assert [one.state for one in found.each] == [AttemptState.FAILED, AttemptState.IN_FLIGHT]


def test_no_thread_holds_up_the_end_of_the_process():
    with gate() as work:
        attempt(lambda item: work(item) if item == "b" else raised(FAILURE), "ba")
        assert all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread())
