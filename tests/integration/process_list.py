"""The processes of this machine, from /proc where it is there: a bare Debian has no ps."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process: its parent's id and its command line."""

    parent: int
    command: str


def processes() -> list[Process]:
    """Return every process that runs now; one that has ended and that nobody looked at yet has no command line."""
    return list(_from_proc() if Path("/proc/self/stat").exists() else _from_ps())


def _from_proc() -> Iterator[Process]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                after_name = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                command = (folder / "cmdline").read_text(errors="replace").replace("\0", " ").strip()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            yield Process(int(after_name[1]), command)


def _from_ps() -> Iterator[Process]:
    listed = subprocess.run(["ps", "-A", "-o", "ppid=,args="], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        parent, _, command = line.strip().partition(" ")
        yield Process(int(parent), command)
