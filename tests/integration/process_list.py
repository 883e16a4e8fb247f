"""The processes of this machine, from /proc where it is there: a bare Debian has no ps."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process: its id, its parent's, and its command line."""

    pid: int
    parent: int
    command: str


def processes() -> list[Process]:
    """Return every process that runs now; one that has ended and that nobody looked at yet has no command line."""
    return list(_from_proc() if Path("/proc/self/stat").exists() else _from_ps())


def descendants(pid: int) -> list[Process]:
    """Return every process that came of ``pid`` and whose line of parents is still whole."""
    every = processes()
    found: list[Process] = []
    parents = {pid}
    while parents:
        children = [process for process in every if process.parent in parents]
        found += children
        parents = {process.pid for process in children}
    return found


def _from_proc() -> Iterator[Process]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                after_name = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                command = (folder / "cmdline").read_text(errors="replace").replace("\0", " ").strip()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            yield Process(int(folder.name), int(after_name[1]), command)


def _from_ps() -> Iterator[Process]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        pid, parent, command = [*line.split(None, 2), ""][:3]
        yield Process(int(pid), int(parent), command)
