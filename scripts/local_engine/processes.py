"""Start, find and stop processes of ours on Linux.

A process is ours when its argument list names a file in the environment's own folder and it sees the same processes and
the same root folder as we do. That stays right after a reboot, after a crash between start and note, and when a number was given to
another process, which a pid file alone does not.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from local_engine.errors import EngineError

_HELPERS = {"containerd-shim-runc-v2", "runc"}
_PROC = Path("/proc")
_POLL_SECONDS = 0.05


def say(message: str) -> None:
    """Tell the person at the terminal; standard output is for machines."""
    print(message, file=sys.stderr, flush=True)


def find(program: str, mention: Path) -> list[int]:
    """List the processes of ours that run `program` with `mention` among their arguments."""
    return [pid for pid, argv in _ours() if Path(argv[0]).name == program and str(mention) in argv[1:]]


def find_helpers(folder: Path) -> list[int]:
    """List what engines start beside themselves (shims, runc) with a path in `folder` as an argument.

    Only these programs: a person may read a log there with a program of theirs.
    """
    inside = f"{folder}/"
    return [
        pid
        for pid, argv in _ours()
        if Path(argv[0]).name in _HELPERS and any(argument.startswith(inside) for argument in argv[1:])
    ]


def find_from(folder: Path) -> list[int]:
    """List the processes whose program is in `folder`, whoever started them."""
    return [pid for pid, argv in _ours() if argv[0].startswith(f"{folder}/")]


def find_in_cgroup(marker: str) -> list[int]:
    """List the processes in a control group below the one called `marker`: containers and build steps."""
    return [pid for pid in _pids() if f"/{marker}/" in _read(pid, "cgroup")]


def start(argv: Sequence[str], log: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a daemon in a session of its own, so that Ctrl-C at this terminal is not for it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=dict(environ),
            start_new_session=True,
        )


def wait_for(what: str, daemon: subprocess.Popen[bytes], answers: Callable[[], bool], log: Path, seconds: int) -> None:
    """Wait until the daemon answers.

    Raises:
        EngineError: it ended, or did not answer within `seconds`; the last line of its log says why.
    """
    deadline = time.monotonic() + seconds
    while not answers():
        ended = daemon.poll()
        if ended is not None or time.monotonic() > deadline:
            state = f"ended with status {ended}" if ended is not None else f"did not answer within {seconds} s"
            raise EngineError(f"{what} {state}: {_last_line(log)} (its whole log: {log})")
        time.sleep(_POLL_SECONDS)


def stop(pids: Iterable[int], grace: float) -> None:
    """End processes: SIGTERM, and SIGKILL for those that are there after `grace` seconds."""
    left = [pid for pid in pids if _signal(pid, signal.SIGTERM)]
    if not _gone(left, grace):
        kill(left)


def kill(pids: Iterable[int]) -> None:
    """End processes at once and wait until they are gone."""
    left = [pid for pid in pids if _signal(pid, signal.SIGKILL)]
    if not _gone(left, 10):
        raise EngineError(f"the processes {left} do not end, even by SIGKILL: see what they wait for, then try again")


def run(argv: Sequence[str], environ: Mapping[str, str] | None = None, seconds: int = 60) -> tuple[int, str]:
    """Run a program to its end; its status and all that it said. 127 when it is not there, 124 when it hangs."""
    try:
        done = subprocess.run(
            argv,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=None if environ is None else dict(environ),
            timeout=seconds,
            text=True,
            errors="replace",
        )
    except OSError as error:
        return 127, str(error)
    except subprocess.TimeoutExpired:
        return 124, f"{argv[0]} did not end within {seconds} s"
    return done.returncode, done.stdout.strip()


def _ours() -> list[tuple[int, list[str]]]:
    here = _place(os.getpid())
    found = []
    for pid in _pids():
        argv = _read(pid, "cmdline").split("\0")
        if argv[0] and pid != os.getpid() and _place(pid) == here:
            found.append((pid, argv))
    return found


def _pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()] if _PROC.is_dir() else []


def _read(pid: int, file: str) -> str:
    try:
        return (_PROC / str(pid) / file).read_text(errors="surrogateescape")
    except OSError:
        return ""  # it ended meanwhile, or is another user's


def _place(pid: int) -> tuple[object, ...]:
    """Tell processes of containers and of other roots apart, where the same path is another file."""
    folder = _PROC / str(pid)
    try:
        root = (folder / "root").stat()
        return str((folder / "ns/pid").readlink()), root.st_dev, root.st_ino
    except OSError:
        return ()


def _signal(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _gone(pids: Sequence[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(_is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _is_alive(pid: int) -> bool:
    """Tell whether a process holds anything still: a zombie does not, unless threads of it are on their way out."""
    state = _read(pid, "stat").rpartition(")")[2].split()
    if not state or state[0] not in "ZX":
        return bool(state)
    try:
        return len(list((_PROC / str(pid) / "task").iterdir())) > 1
    except OSError:
        return False


def _last_line(log: Path) -> str:
    try:
        return log.read_text(errors="replace").rstrip().rpartition("\n")[2]
    except OSError:
        return "no log"
