"""The file that ``--report`` names: refused before anything is built where it cannot be, and whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

from docker_push.errors import ConfigError


def check(path: Path) -> None:
    """Refuse a report that could not be written, before anything is built; raises ConfigError."""
    folder = path.parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        message = f"--report {path}: {folder} is no folder that can be written to"
        raise ConfigError(message, hint="Name another file.")


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all: what stood there stays until then. Raises ConfigError with path and cause."""
    try:
        write_whole(path, text)
    except OSError as error:
        hint = (
            "What was pushed stands, and is listed above: make room, or name another file, and run the same command again;"
            " nothing is built anew."
        )
        raise ConfigError(f"--report {path}: cannot be written: {error.strerror}", hint=hint) from None


def write_whole(path: Path, text: str) -> None:
    """Write a file by way of another one beside it, which is gone whatever happens; raises OSError."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        half.write_text(f"{text}\n", "utf-8")
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
