"""The signals that end a run, and the time in which they do: an exception for the main thread, an event for the others.

Python runs a signal's handler in the main thread alone, and only between two steps of it: not inside a name's look-up,
for one. So a thread of ours is told of each signal, too (``signal.set_wakeup_fd``): it wakes what waits, ends the run's
programs, and after the last second the process. In CI it also looks whether our parent is still there, since a shell
that is killed passes nothing on.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from docker_push.interruption import LAST, RESUME, Interruption
from docker_push.process import Children

if TYPE_CHECKING:
    from typing_extensions import Self

_AT_ONCE = 3  # signals: who sends that many does not want to wait for anything
_LOOK = 0.25  # seconds between two looks at our parent
_HANDLER = 0.01  # seconds between two looks whether the handler ran, 20 at most


def watched_parent(environ: Mapping[str, str], parent: int) -> int | None:
    """Return the process whose end ends the run: the parent in CI, nobody on a laptop or where init started us."""
    in_ci = environ.get("CI", "").strip().lower() not in {"", "0", "false", "no"}
    return parent if in_ci and parent > 1 else None


class Signals:
    """Handle the signals that end a run, for as long as it goes on.

    The first raises InterruptedRunError in the main thread, unless ``settle`` was called before, and every later one is
    only noted; the third ends the process at once. SIGHUP stays ignored where it was (nohup). After a run without a
    signal the handlers are what they were; after an interrupted one, another signal just ends the process.

    ``folder`` is what is removed where the process has to be ended by force.
    """

    def __init__(self, interruption: Interruption, children: Children, *, parent: int | None = None) -> None:
        self.folder: Path | None = None
        self._interruption = interruption
        self._children = children
        self._parent = parent
        handled = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            handled.append(signal.SIGHUP)
        self._before = {number: signal.getsignal(number) or signal.SIG_DFL for number in handled}
        self._thread = threading.Thread(target=self._watch, name="docker-push-signals", daemon=True)

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._thread.start()
        for number in self._before:
            signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._interruption.settle()
        for number, before in self._before.items():
            signal.signal(number, self._leave if self._interruption.number else before)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._write)
        self._thread.join()
        os.close(self._read)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._interruption.signalled(number)

    def _leave(self, _number: int, _frame: FrameType | None) -> None:
        os._exit(self._interruption.error().status)  # all is cleaned up and said

    def _watch(self) -> None:
        """Read the number of every signal, until the pipe is closed."""
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        seen, last, parent = 0, 0.0, self._parent
        while True:
            seconds = max(last - time.monotonic(), 0.0) if seen else _LOOK if parent else None
            if poll.poll(None if seconds is None else seconds * 1000):
                numbers = os.read(self._read, 64)
                if not numbers:
                    return
                for number in numbers:
                    if number in self._before:
                        seen += 1
                        if seen == 1:
                            last = time.monotonic() + LAST
                            self._begin(number)
            if parent and not seen and os.getppid() != parent:
                parent = None
                os.kill(os.getpid(), signal.SIGTERM)
            if seen and (seen >= _AT_ONCE or time.monotonic() >= last):
                self._end_by_force()

    def _begin(self, number: int) -> None:
        """Wake all that waits, after the main thread: what others raise must not reach it before its own exception."""
        for _ in range(20):
            if self._interruption.number:
                break
            time.sleep(_HANDLER)
        self._interruption.set(number)
        threading.Thread(target=self._children.end_all, daemon=True).start()

    def _end_by_force(self) -> None:
        self._children.end_all(0)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        error = self._interruption.error()
        poll = select.poll()
        poll.register(2, select.POLLOUT)
        if any(event & select.POLLOUT for _, event in poll.poll(0)):  # else it would hold us up
            os.write(2, f"docker-push: {error.message}, and ended by force. {RESUME}\n".encode())
        os._exit(error.status)
