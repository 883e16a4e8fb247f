"""Clear what an engine leaves in the kernel: containers, control groups, mounts."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from local_engine.errors import EngineError
from local_engine.folders import Folders
from local_engine.processes import find_in_cgroup, kill, run

_CGROUPS = Path("/sys/fs/cgroup")


def kill_containers(folders: Folders) -> None:
    """End what runs in containers and build steps of this environment's engine."""
    kill(find_in_cgroup(folders.marker))


def remove_cgroups(folders: Folders) -> None:
    """Remove the engine's control groups, on kernels with one hierarchy and with many."""
    for top in (_CGROUPS / folders.marker, *_CGROUPS.glob(f"*/{folders.marker}")):
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):  # busy for a moment, or gone already: it costs nothing to leave it
                Path(folder).rmdir()


def unmount_all(folders: Folders) -> None:
    """Unmount everything in this environment's folders, the deepest first.

    Raises:
        EngineError: a mount does not go: nothing may be deleted below it then.
    """
    for point in reversed(_mounts(folders)):
        if run(["umount", point])[0] != 0:
            run(["umount", "--lazy", point])
    left = _mounts(folders)
    if left:
        raise EngineError(f"cannot unmount {left[0]}: see who uses it (`fuser -vm`), then try again")


def _mounts(folders: Folders) -> list[str]:
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return []
    points = [line.split(" ")[4].encode().decode("unicode_escape").encode("latin-1").decode() for line in lines]
    return [point for point in points if any(point.startswith(f"{top}/") for top in (folders.state, folders.run))]
