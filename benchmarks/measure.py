"""What a command costs: wall time and peak memory; two of them by turns in one run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SHOWN = 20  # lines of the end of what a failed command said


@dataclass(frozen=True)
class Cost:
    """What one run of a command took: ``seconds`` of wall time, ``peak`` KiB of memory of its largest process."""

    seconds: float
    peak: int


Side = Callable[[], Cost]


def cost(argv: Sequence[str | Path], folder: Path, environ: Mapping[str, str]) -> Cost:
    """Run a command and return what it cost; one that fails ends the benchmark with the end of what it said."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        started = time.perf_counter()
        process = subprocess.Popen(argv, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)  # with all that it has waited for: its own programs
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            end = "".join(said.readlines()[-_SHOWN:])
            sys.exit(f"{' '.join(map(str, argv))[:500]} ended with {process.returncode}:\n{end}")
    unit = 1024 if sys.platform == "darwin" else 1  # getrusage(2): bytes on macOS, KiB on Linux
    return Cost(seconds, usage.ru_maxrss // unit)


def by_turns(rounds: int, ours: Side, theirs: Side, *, warm: bool = True) -> tuple[list[Cost], list[Cost]]:
    """Run both sides by turns, each first in every other round, after one round that does not count where ``warm``."""
    found: dict[Side, list[Cost]] = {ours: [], theirs: []}
    for number in range(rounds + warm):
        for side in (ours, theirs) if number % 2 else (theirs, ours):
            found[side].append(side())
    return found[ours][warm:], found[theirs][warm:]
