"""What is printed: lines for people on standard error, lines for machines on standard output."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress

from docker_push.printable import printable

_WAIT = 0.5  # seconds for a line that another thread is just printing


class Output:
    """Print whole lines, from any thread, until ``close``: a thread that nobody waits for prints nothing after the end.

    What people read, and GitHub's runner reads for commands, is made printable: parts of it are words of others.

    Nor is such a thread inside ``print`` when the interpreter ends, which would be a fatal error of Python's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False

    def say(self, text: str) -> None:
        """Print a line for people."""
        with self._lock:
            if not self._closed:
                print(printable(text), file=sys.stderr, flush=True)  # noqa: T201 - the door to people

    def emit(self, text: str) -> None:
        """Print a line for machines; where there are no such characters, their numbers, as on standard error."""
        encoding = sys.stdout.encoding or "ascii"
        shown = text.encode(encoding, "backslashreplace").decode(encoding)
        with self._lock:
            if not self._closed:
                print(shown, flush=True)  # noqa: T201 - the door to machines

    def close(self, last: str) -> None:
        """Print the last text for people; nothing comes after it."""
        locked = self._lock.acquire(timeout=_WAIT)
        self._closed = True
        try:
            with suppress(OSError):  # the terminal, or whoever read us, is gone: often just what the signal tells
                print(printable(last), file=sys.stderr, flush=True)  # noqa: T201 - the door to people
        finally:
            if locked:
                self._lock.release()
