"""The files that a run is told to write: refused before anything is built where they cannot be, and whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

from docker_push.errors import ConfigError


def check(flag: str, path: Path) -> None:
    """Refuse a file that could not be written, before anything is built; raises ConfigError that names the flag."""
    folder = path.parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        message = f"{flag} {path}: {folder} is no folder that can be written to"
        raise ConfigError(message, hint="Name another file.")
    if path.is_dir():
        raise ConfigError(f"{flag} {path}: is a folder", hint="Name a file in it.")


def take_away(flag: str, path: Path) -> None:
    """Remove what an earlier run has left under a name: nobody may take it for this one's. Raises ConfigError."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        message = f"{flag} {path}: an earlier run's cannot be removed: {error.strerror}"
        raise ConfigError(message, hint="Name another file.") from None


def write(flag: str, path: Path, text: str) -> None:
    """Write a file whole or not at all: what stood there stays until then. Raises ConfigError with path and cause."""
    try:
        write_whole(path, text)
    except OSError as error:
        raise _unwritten(f"{flag} {path}", error) from None


def append(name: str, path: Path, text: str) -> None:
    """Add lines to a file that others write to as well, called ``name`` in messages; raises ConfigError.

    A last line that somebody left without its end is ended before.
    """
    try:
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
            is_open = file.read(1) not in {b"", b"\n"}
            file.write(f"{chr(10) * is_open}{text}".encode())
    except OSError as error:
        raise _unwritten(name, error) from None


def _unwritten(name: str, error: OSError) -> ConfigError:
    """Return the error for a file that cannot be written when everything else is done."""
    hint = (
        "What was pushed stands, and is listed above: make room, or name another file, and run the same command again;"
        " nothing is built anew."
    )
    return ConfigError(f"{name}: cannot be written: {error.strerror}", hint=hint)


def write_whole(path: Path, text: str) -> None:
    """Write a file by way of another one beside it, which is gone whatever happens; raises OSError."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        half.write_text(f"{text}\n", "utf-8")
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
