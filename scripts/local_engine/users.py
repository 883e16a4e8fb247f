"""Note which runs use an environment, so that the last one that ends takes it away, and none before."""

from __future__ import annotations

import os

from local_engine.folders import Folders

_KEPT = "kept"  # somebody asked for it without naming a process: it stays until they say otherwise


def add(folders: Folders, process: int | None) -> None:
    """Note that a process uses the environment; without one, that it is to stay."""
    notes = folders.state / "users"
    notes.mkdir(parents=True, exist_ok=True, mode=0o700)
    (notes / (str(process) if process else _KEPT)).touch()


def remaining(folders: Folders, process: int) -> list[str]:
    """Forget a process; the users that are left. Those that ended without a word do not count."""
    notes = folders.state / "users"
    (notes / str(process)).unlink(missing_ok=True)
    names = sorted(path.name for path in notes.glob("*"))
    return [name for name in names if name == _KEPT or _is_alive(int(name))]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's: it is there
    return True
