"""A signal that ends the run, as a value that every thread can look at and wait for.

A run ends in under 5 s of its signal. The seconds are divided here, in one place: a request that is under way may finish
(``FINISH``), programs may end by themselves before they are killed (``GRACE``), and the rest is for removing credentials
and saying what happened. At ``LAST`` the process is ended whatever it waits for.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from docker_push.errors import InterruptedRunError

FINISH = 1.5  # seconds for what is under way in a registry
GRACE = 1.5  # seconds between asking a program to end and killing it
LAST = 4.0  # seconds after the first signal: the process ends, even from inside a call that no signal reaches
RESUME = "The same command goes on where this one stopped: what is staged is not built again."
_WORDS = {signal.SIGINT: "interrupted", signal.SIGHUP: "hung up"}


class Interruption:
    """Nothing at first; once set it stays, with the number of the first signal.

    In the main thread the signal's handler raises ``error()`` wherever the thread is, once and never again, so that
    nothing breaks the clean-up; other threads are never thrown into and look here instead: ``wait``, ``check``.
    """

    def __init__(self) -> None:
        self._number = 0
        self._held = 0
        self._raised = False
        self._event = threading.Event()

    @property
    def number(self) -> int:
        """Return the number of the signal that ends the run, 0 as long as there is none."""
        return self._number

    def set(self, number: int) -> None:
        """Note that signal ``number`` ends the run, and wake every ``wait``. Not for a signal's handler: see ``signalled``."""
        self._number = self._number or number
        self._event.set()

    def signalled(self, number: int) -> None:
        """Note signal ``number`` in its handler, in the main thread; raises InterruptedRunError there, the first time.

        It takes no lock, which the main thread itself might hold just then; whoever installs the handler sees to it that
        ``set`` is called from another thread.
        """
        self._number = self._number or number
        self._raise_once()

    def error(self) -> InterruptedRunError:
        """Return the error that says which signal ended the run, and how to go on."""
        words = _WORDS.get(signal.Signals(self._number or signal.SIGINT), "terminated")
        return InterruptedRunError(words, hint=RESUME, signal_number=self._number or int(signal.SIGINT))

    def check(self) -> None:
        """Raise InterruptedRunError where a signal ends the run."""
        if self._number:
            self._raised = self._raised or threading.current_thread() is threading.main_thread()
            raise self.error()

    def wait(self, seconds: float) -> None:
        """Wait for some seconds, in any thread; raises InterruptedRunError as soon as a signal ends the run."""
        with self.held():
            self._event.wait(max(seconds, 0.0))
        self.check()

    def settle(self) -> None:
        """Have the handler raise nothing from now on: the run is ending, and nothing may break its clean-up."""
        self._raised = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the main thread from being thrown into while the body runs; what came meanwhile is raised after it.

        For a few short steps that belong together, such as starting a program and noting that it was started.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if self._number:
            self._raise_once()

    def _raise_once(self) -> None:
        if not self._held and not self._raised:
            self._raised = True
            raise self.error()
