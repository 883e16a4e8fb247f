"""One file of a folder, read as BuildKit reads it from its copy of that folder: no link leads out of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from docker_push.errors import ConfigError

_LINKS = 255  # containerd/continuity ``fs.RootPath``


def read(folder: Path, name: str) -> bytes | None:
    """Return the content of a file; links in it are followed with ``folder`` as the root of everything.

    ``None`` where BuildKit finds no file: it is missing, a directory, or its links lead nowhere or round in a circle.
    Raises ConfigError where the file is there and cannot be read.
    """
    place = _place(folder, name)
    if place is None:
        return None
    try:
        return place.read_bytes() if stat.S_ISREG(place.lstat().st_mode) else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unreadable(place, error) from error


def unreadable(place: str | Path, error: OSError) -> ConfigError:
    """Return the error that says which file or directory of an image's inputs could not be read, and why."""
    shown = ascii(str(place))[1:-1] if not str(place).isprintable() else str(place)
    hint = "It belongs to what an image is built from: make it readable, or ignore it in .dockerignore."
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        hint = "Check that it is there, and that nothing else writes to the folder meanwhile; then run the same command again."
    return ConfigError(f"{shown}: cannot read it ({error.strerror})", hint=hint)


def _place(folder: Path, name: str) -> Path | None:
    """Return where a name leads to, with every directory on the way no link."""
    root = Path(os.path.realpath(folder))
    here, waiting, links = root, _names(name), 0
    while waiting:
        part = waiting.pop()
        if part == "..":
            here = here if here == root else here.parent
            continue
        try:
            target = str((here / part).readlink())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:  # EINVAL: no link
            here /= part
            continue
        links += 1
        if links > _LINKS:
            return None
        here = root if target.startswith("/") else here
        waiting += _names(target)
    return here


def _names(path: str) -> list[str]:
    """Return the names of a path, the first one last."""
    return [part for part in reversed(path.split("/")) if part not in {"", "."}]
