"""Room on this machine's disks for what a run writes: its temporary folder, and the engine's images."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from docker_push.errors import BuilderError
from docker_push.preflight.engine import EngineInfo
from docker_push.preflight.model import Area, Check, failed, good, skipped, warning

MIB = 1024 * 1024
SCARCE = 1024 * MIB  # bytes: less is worth a warning
LEAST = 200 * MIB  # bytes: with less a build is bound to fail half-way
_TEMPORARY = "Make room there, or set RUNNER_TEMP (else TMPDIR) to a folder on another disk."
_ENGINE = "Make room there: `docker system df` shows what takes it, `docker builder prune` removes old build cache."


def check(temporary: Path, info: EngineInfo | None) -> Iterable[Check]:
    """Check the disks of the run's temporary folder and of the engine's data, where that is on this machine."""
    yield _looked_at("disk for temporary files", temporary, _TEMPORARY)
    root = info.data_root if info else None
    if root is None:
        yield skipped(Area.DISK, "disk of the engine", "the engine's disk is not one of this machine, or none answers")
    else:
        yield _looked_at("disk of the engine", root, _ENGINE)


def _looked_at(subject: str, folder: Path, hint: str) -> Check:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return warning(Area.DISK, subject, f"{folder} cannot be looked at: {error.strerror}", hint)
    return judged(subject, folder, free, hint)


def judged(subject: str, folder: Path, free: int, hint: str) -> Check:
    """Judge ``free`` bytes in ``folder``; pure."""
    found = f"{_shown(free)} free in {folder}"
    if free < LEAST:
        message = f"{subject}: there is no space left to build with: {found}, {_shown(LEAST)} are needed"
        return failed(Area.DISK, subject, BuilderError(message, hint=hint))
    if free < SCARCE:
        return warning(Area.DISK, subject, f"only {found}", hint)
    return good(Area.DISK, subject, found)


def _shown(size: int) -> str:
    return f"{size / MIB / 1024:.1f} GiB" if size >= SCARCE else f"{size // MIB} MiB"
