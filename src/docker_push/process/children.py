"""The programs that a run started and that have not ended: how they are ended, and that none outlives the run."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from docker_push.interruption import GRACE, Interruption

_STEP = 0.05  # seconds between two looks at programs that were asked to end
_KILLED = 0.5  # seconds in which the kernel takes away what was killed
_PROC = Path("/proc")
# Reads the process groups that live, one line after every change, until its input ends: that is when the run has ended,
# however it did. Then it ends what is left of them, and removes the run's folder ($1).
_GUARD = """
trap '' HUP INT TERM
live=
while read -r line; do live=$line; done
if [ -n "$live" ]; then
  kill -s TERM -- $live
  sleep 1
  kill -s KILL -- $live
fi
rm -rf -- "$1"
"""


class Children:
    """The live programs of a run; each is the leader of a session, in which all is that it started.

    ``guard`` starts a small shell beside the first of them. It notices the end of our process by a pipe, and so does for
    a run that was killed (SIGKILL, out of memory) what nothing inside our process can do any more. Linux'
    PR_SET_PDEATHSIG is no choice: it would have to be set between fork and exec, which is not safe with threads, it ends
    with the *thread* that forked, and no other system has it.
    """

    def __init__(self, interruption: Interruption | None = None) -> None:
        self.interruption = interruption or Interruption()
        self._live: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def guard(self, folder: Path) -> None:
        """Have the programs ended, and ``folder`` removed, even where our process is killed."""
        self._folder = folder

    def add(self, child: subprocess.Popen[bytes]) -> None:
        """Note that a program was started as the leader of a session. To be called while signals are held."""
        with self._lock:
            self._live[child.pid] = child
            self._tell()

    def forget(self, child: subprocess.Popen[bytes]) -> None:
        """Note that a program has ended, or was ended."""
        with self.interruption.held(), self._lock:
            if self._live.pop(child.pid, None):
                self._tell()

    def end(self, child: subprocess.Popen[bytes]) -> None:
        """End a program and all that it started: asked first, killed after the grace."""
        with self.interruption.held():
            _end([child], GRACE)

    def end_all(self, grace: float = GRACE) -> None:
        """End all programs that live, at once; ``grace`` is in seconds."""
        with self.interruption.held():
            _end(list(self._live.values()), grace)

    def close(self) -> None:
        """End what still lives, and the guard."""
        with self.interruption.held():
            _end(list(self._live.values()), GRACE)
            with self._lock:
                self._live.clear()
                guard, self._folder, self._guard = self._guard, None, None
            if guard is not None and guard.stdin is not None:
                with suppress(BrokenPipeError):  # somebody killed it: it is gone all the same
                    guard.stdin.write(b"\n")
                with suppress(BrokenPipeError):
                    guard.stdin.close()
                _reap(guard)

    def _tell(self) -> None:
        if self._folder is None:
            return
        if self._guard is None:
            self._guard = _started_guard(self._folder)
        if self._guard.stdin is not None:
            groups = " ".join(f"-{pid}" for pid in self._live)
            with suppress(BrokenPipeError):  # somebody killed it: the run goes on without
                self._guard.stdin.write(f"{groups}\n".encode())


def _started_guard(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - an argv list; the script is ours, and the folder its argument
        ["/bin/sh", "-c", _GUARD, "docker-push-guard", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env={"PATH": os.defpath},  # no secret, nor the mark by which a CI ends what a job left
        cwd="/",
        start_new_session=True,
    )


def _end(children: Iterable[subprocess.Popen[bytes]], grace: float) -> None:
    left = [child for child in children if _lives(child)]
    _send(left, signal.SIGTERM)
    for _ in range(int(grace / _STEP)):
        left = [child for child in left if _lives(child)]
        if not left:
            return
        time.sleep(_STEP)
    _send(left, signal.SIGKILL)
    for child in left:
        _reap(child)


def _lives(child: subprocess.Popen[bytes]) -> bool:
    """Return whether the program, or anything of its session, still runs."""
    if child.poll() is None:
        return True
    if _PROC.joinpath("self/stat").exists():
        return any(_members(child.pid))
    try:
        os.killpg(child.pid, 0)
    except (ProcessLookupError, PermissionError):  # macOS says the second of a group of zombies
        return False
    return True


def _send(children: Iterable[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    for child in children:
        with suppress(ProcessLookupError, PermissionError):  # it has ended meanwhile
            os.killpg(child.pid, number)
        for pid, group in _members(child.pid):
            if group != child.pid:  # a group of its own, as a shell's jobs have
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)


def _members(session: int) -> Iterator[tuple[int, int]]:
    """Yield process id and group of what runs in a session, where the system tells (proc(5), stat)."""
    for folder in _PROC.glob("[0-9]*"):
        try:
            after_name = folder.joinpath("stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        state, group, its_session = after_name[0], int(after_name[2]), int(after_name[3])
        if its_session == session and state not in "ZX":
            yield int(folder.name), group


def _reap(child: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):  # stuck in the kernel, which ends it when it can
        child.wait(_KILLED)
