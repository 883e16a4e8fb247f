"""The tool as a process of its own while a test goes on: to be held, killed, or raced by another."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from fault_rules import FOREVER, after, held
from process_list import Process, descendants, processes
from proxied_scratch import ProxiedScratch
from scratch import Ran

PROMISE = 5.0  # seconds from a signal to the end of a run
LONG = 120.0  # seconds for anything else, on a busy machine


@dataclass
class StartedRun:
    """A run under way; ``peak`` is the most memory that the tool's own process has used so far, in KiB.

    ``temporary`` is its folder for temporary files: of its own, as another run of the same repository may go on.
    """

    case: ProxiedScratch
    process: subprocess.Popen[bytes]
    temporary: Path
    said: Path
    emitted: Path
    peak: int = 0
    came: set[Process] = field(default_factory=set)

    @property
    def err(self) -> str:
        return self.said.read_text("utf-8", "replace")

    def until(self, condition, what: str, seconds: float = LONG) -> None:
        """Wait until ``condition()`` holds; fail where that takes too long or the run ends before."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, f"the run ended before {what}: {self.err}"
            assert time.monotonic() < deadline, f"{what} did not come about: {self.err}"
            time.sleep(0.02)

    def held_at(self, event: threading.Event, what: str) -> None:
        """Wait until a rule of the proxy has set ``event``."""
        self.until(event.is_set, what)

    def send(self, number: int) -> None:
        """Send a signal, and remember which processes the run has then."""
        self.came |= set(descendants(self.process.pid))
        self.process.send_signal(number)

    def end(self, seconds: float = LONG) -> Ran:
        """Wait for the end, look for the password in all that the run showed and left, and return what it said."""
        self._wait(seconds)
        done = Ran(self.process.returncode, self.emitted.read_text("utf-8", "replace"), self.err)
        self.case.assert_secret(done, set())
        assert list(self.temporary.iterdir()) == []
        return done

    def ended_by(self, number: int, seconds: float = PROMISE) -> Ran:
        """Wait for the end that a signal brings: in its time, with its exit code, and with no program left."""
        self._wait(seconds)
        deadline = time.monotonic() + PROMISE
        while self.left():
            assert time.monotonic() < deadline, f"still running: {self.left()}"
            time.sleep(0.05)
        code = -number if number == signal.SIGKILL else 128 + number
        assert self.process.returncode == code, self.err
        if number == signal.SIGKILL:  # whoever cleans up after it needs a moment
            while list(self.temporary.iterdir()):
                assert time.monotonic() < deadline, "files of the killed run are left"
                time.sleep(0.05)
        return self.end()

    def left(self) -> list[str]:
        """Return the command lines of the run's programs that run still."""
        now = {(one.pid, one.command) for one in processes()}
        return [one.command for one in self.came if one.command and (one.pid, one.command) in now]

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        status = Path(f"/proc/{self.process.pid}/status")
        while self.process.poll() is None:
            with suppress(OSError):
                found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
                self.peak = int(found[1]) if found else self.peak
            assert time.monotonic() < deadline, f"not ended after {seconds:g} s: {self.err}"
            time.sleep(0.02)


class Hold:
    """Requests that are held back until the test lets them go; ``came`` tells that one is there."""

    def __init__(self, case: ProxiedScratch, method: str, path: str, who: str, *, count: int = FOREVER) -> None:
        self.came, self.go = threading.Event(), threading.Event()
        case.proxy.fault(method, path, after(self.came.set, held(self.go)), count=count, who=who)


def published(case: ProxiedScratch) -> dict[str, str]:
    """Publish a first commit and make a second one; return what the tags named in between."""
    done = case.push()
    assert done.code == 0, done.err
    old = case.state()
    case.change()
    case.proxy.clear()
    return old


@contextmanager
def started(
    case: ProxiedScratch, *argv: str, folder: Path | None = None, before: tuple[str, ...] = (), **environ: str
) -> Iterator[StartedRun]:
    """Start the tool in ``folder`` (the repository's own), ``before`` it a program that starts it; end it afterwards."""
    mark = uuid4().hex[:8]
    said, emitted = case.folder / f"said-{mark}", case.folder / f"emitted-{mark}"
    with tempfile.TemporaryDirectory(prefix="docker-push-test-", ignore_cleanup_errors=True) as temporary:
        with said.open("wb") as err, emitted.open("wb") as out:
            process = subprocess.Popen(
                [*before, "docker-push", *argv],
                cwd=folder or case.root,
                env={**case.environ, "RUNNER_TEMP": temporary, **environ},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        run = StartedRun(case, process, Path(temporary), said, emitted)
        try:
            yield run
        finally:
            run.came |= set(descendants(process.pid))
            if process.poll() is None:
                process.kill()
                process.wait(LONG)
            _kill(run.came)


def _kill(came: set[Process]) -> None:
    now = {(one.pid, one.command) for one in processes()}
    for one in came:
        if one.command and (one.pid, one.command) in now:
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
