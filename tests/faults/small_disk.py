"""Disks that are soon full: a small tmpfs each."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry_process import unavailable


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """Mount a disk of so many kilobytes at ``folder``, and take it away again."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={kilobytes}k,mode=1777,uid={os.getuid()}"
    done = _as_root("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    if done.returncode != 0:
        unavailable(f"A small disk cannot be mounted: {done.stderr.strip()}.")
    try:
        yield folder
    finally:
        assert _as_root("umount", "--lazy", str(folder)).returncode == 0


def grow(folder: Path, kilobytes: int) -> None:
    """Give a small disk another size."""
    done = _as_root("mount", "-o", f"remount,size={kilobytes}k", str(folder))
    assert done.returncode == 0, done.stderr


def fill(folder: Path) -> Path:
    """Use up all of a disk and return the file that holds it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
    return filler


def _as_root(*argv: str) -> subprocess.CompletedProcess[str]:
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    try:
        return subprocess.run([*sudo, *argv], capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess(argv, 127, "", str(error))
