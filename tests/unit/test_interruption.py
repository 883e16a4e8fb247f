"""The signal that ends a run, as every thread sees it."""

from __future__ import annotations

import signal
import threading

import pytest

from docker_push.errors import InterruptedRunError
from docker_push.interruption import FINISH, GRACE, LAST, Interruption

LONG = 30.0  # seconds


def test_nothing_is_raised_before_a_signal():
    interruption = Interruption()

    interruption.check()
    interruption.wait(0)
    interruption.wait(-1)
    assert interruption.number == 0


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "hung up")],
)
def test_each_signal_has_its_status_and_word(number: int, status: int, word: str):
    interruption = Interruption()
    interruption.set(number)

    with pytest.raises(InterruptedRunError, match=word) as raised:
        interruption.check()
    assert raised.value.status == status


def test_the_first_signal_counts():
    interruption = Interruption()
    interruption.set(signal.SIGTERM)
    interruption.set(signal.SIGINT)

    assert interruption.number == signal.SIGTERM


def test_every_wait_in_every_thread_is_woken():
    interruption = Interruption()
    ended: list[int] = []

    def work() -> None:
        try:
            interruption.wait(LONG)
        except InterruptedRunError as error:
            ended.append(error.signal_number)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    interruption.set(signal.SIGTERM)
    for thread in threads:
        thread.join(LONG)

    assert ended == [signal.SIGTERM] * 3


def test_the_handler_raises_once_and_never_into_the_clean_up():
    interruption = Interruption()

    with pytest.raises(InterruptedRunError):
        interruption.signalled(signal.SIGINT)
    interruption.signalled(signal.SIGINT)
    interruption.signalled(signal.SIGTERM)


def test_what_was_raised_by_a_wait_is_not_raised_again_by_the_handler():
    interruption = Interruption()
    interruption.set(signal.SIGTERM)
    with pytest.raises(InterruptedRunError):
        interruption.wait(LONG)

    interruption.signalled(signal.SIGTERM)


def test_steps_that_belong_together_are_done_before_the_signal_is_raised():
    interruption = Interruption()
    done: list[str] = []

    def steps() -> None:
        with interruption.held():
            with interruption.held():
                interruption.signalled(signal.SIGTERM)
                done.append("one")
            done.append("two")
        done.append("never")

    with pytest.raises(InterruptedRunError):
        steps()

    assert done == ["one", "two"]


def test_the_seconds_add_up_to_less_than_the_promise():
    assert FINISH + GRACE < LAST < 5
