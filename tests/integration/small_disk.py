"""Disks of a few kilobytes, to be full: a tmpfs each, where this machine lets us mount one."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry_process import unavailable


@contextmanager
def small_disk(folder: Path, *, size: str = "64k", inodes: int = 64) -> Iterator[Path]:
    """Mount a disk on ``folder``, which is made, and take it away again with all that is on it."""
    folder.mkdir(parents=True)
    done = _as_root("mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={inodes},mode=1777", "tmpfs", str(folder))
    if done.returncode != 0:
        unavailable(f"No tmpfs can be mounted here ({done.stderr.strip()}).")
    try:
        yield folder
    finally:
        _as_root("umount", "--lazy", str(folder)).check_returncode()


def grow(folder: Path, size: str) -> None:
    """Give a small disk another size."""
    _as_root("mount", "-o", f"remount,size={size}", str(folder)).check_returncode()


def _as_root(*argv: str) -> subprocess.CompletedProcess[str]:
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    try:
        return subprocess.run([*sudo, *argv], capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess(argv, 127, "", str(error))


def fill(folder: Path, *, files: int = 0) -> None:
    """Write into ``folder`` until there is no room for a single byte, but for so many ``files`` of less than a page."""
    page = os.sysconf("SC_PAGE_SIZE")
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * page)
        except OSError as error:
            assert error.errno == errno.ENOSPC
        file.truncate(file.tell() - files * page)


def fill_inodes(folder: Path) -> None:
    """Make files in ``folder`` until no further one can be made."""
    try:
        for number in range(1_000_000):
            (folder / f"filler-{number}").touch()
    except OSError as error:
        assert error.errno == errno.ENOSPC
