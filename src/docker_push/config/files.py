"""What build.toml's paths are on disk: inside the repository also after symbolic links, and Dockerfiles that exist."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

from docker_push.config import paths
from docker_push.config.findings import Problem
from docker_push.config.layout import Path as Keys
from docker_push.config.source import Data, build_tables, table_at
from docker_push.errors import ConfigError
from docker_push.references import quoted

_LOOKED_AT = 2000  # folders in the search for Dockerfiles
_SKIPPED = frozenset({"node_modules", "vendor", "venv"})
_OFFERED = 3


def problems(data: Data, root: Path) -> Iterator[Problem]:
    """Find what is wrong on disk with the paths that a file names; what breaks the grammar is a finding of its own."""
    root = root.resolve()
    shared, folders = table_at(data, ("defaults",)).get("context"), Folders(root)
    for table in build_tables(data):
        values = table_at(data, table)
        remote = paths.is_remote(str(values.get("context", shared)))
        for keys, path in _paths(values, table):
            if keys[-1] != "dockerfile":
                found = folders.outside(path)
            else:  # beside a remote context it is in what BuildKit fetches
                found = None if remote else wrong_dockerfile(folders, path)
            if found is not None:
                yield Problem(keys, *found)


def _paths(values: Data, table: Keys) -> Iterator[tuple[Keys, str]]:
    """Return every path on this machine that a table names."""
    secrets = values.get("secret")
    named: list[tuple[Keys, object]] = [((*table, key), values.get(key)) for key in ("dockerfile", "context")]
    named += [((*table, "contexts", key), value) for key, value in table_at(values, ("contexts",)).items()]
    named += [
        ((*table, "secret", index, "src"), table_at({"entry": entry}, ("entry",)).get("src"))
        for index, entry in enumerate(secrets if isinstance(secrets, tuple) else ())
    ]
    for keys, value in named:
        path = _local(value) if isinstance(value, str) else None
        if path is not None:
            yield keys, path


def _local(value: str) -> str | None:
    try:
        return paths.local_folder(paths.named_context(value))
    except ConfigError:
        return None


class Folders:
    """The folders below a root (resolved), each looked at once: a thousand images share most of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ordinary: set[str] = set()

    def outside(self, path: str) -> tuple[str, str] | None:
        """Return what is wrong with a path that leads out of the root by a symbolic link, and what is allowed."""
        allowed = "Name something inside the repository; BuildKit is given nothing from outside."
        try:
            if not self._leads_elsewhere(path) or (self.root / path).resolve().is_relative_to(self.root):
                return None
        except (OSError, RuntimeError):  # RuntimeError: a circle of links, before Python 3.13
            return f"{quoted(path)} cannot be followed", allowed
        return f"{quoted(path)} leads out of the repository by a symbolic link", allowed

    def _leads_elsewhere(self, path: str) -> bool:
        """Tell whether a link is on the way to ``path``, which is in its one spelling."""
        parts = path.split("/")
        for place in ("/".join(parts[:end]) for end in range(1, len(parts) + 1)):
            if place not in self._ordinary:
                if os.path.islink(f"{self.root}/{place}"):  # noqa: PTH114 - a Path costs more than the look
                    return True
                self._ordinary.add(place)
        return False


def wrong_dockerfile(folders: Folders, path: str) -> tuple[str, str] | None:
    """Return what is wrong with a Dockerfile that is outside the root or not there, and which are."""
    found = folders.outside(path)
    if found is not None:
        return found
    try:
        if (folders.root / path).is_file():
            return None
    except OSError as error:
        return f"{quoted(path)} cannot be read: {error.strerror}", "Check its permissions."
    near = _nearest_dockerfiles(folders.root, path)
    allowed = f"There is {' and '.join(near)}." if near else "Create it, or name the one that there is."
    return f"the Dockerfile {quoted(path)} does not exist", allowed


def _nearest_dockerfiles(root: Path, path: str) -> list[str]:
    """Return the Dockerfiles of a repository, those most like ``path`` first."""
    found: list[str] = []
    for count, (folder, folders, files) in enumerate(os.walk(root)):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        found += [
            Path(folder, name).relative_to(root).as_posix()
            for name in files
            if name.startswith(("Dockerfile", "Containerfile")) or name.endswith(".Dockerfile")
        ]
        if count >= _LOOKED_AT:
            break
    return sorted(found, key=lambda name: (-difflib.SequenceMatcher(None, name, path).ratio(), name))[:_OFFERED]
