"""Where an environment keeps its files, and the lock that makes one `up` or `down` wait for the other."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_engine.errors import EngineError

_EXT4_ROOT = 2
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


@dataclass(frozen=True)
class Folders:
    """Hold the folders of one named environment.

    `state` survives a reboot, `run` (sockets) does not and is short: a unix socket's path has 107 bytes at most.
    """

    name: str
    state: Path
    run: Path
    cache: Path

    @property
    def marker(self) -> str:
        """Name this environment uniquely on this machine, also where two state folders hold the same name."""
        return self.run.name

    @property
    def record(self) -> Path:
        """Point to what was made here, so that `down` knows what to take away."""
        return self.state / "environment.json"

    @property
    def docker_config(self) -> Path:
        """Point to the DOCKER_CONFIG folder of this environment."""
        return self.state / "docker-config"


def folders_of(name: str, environ: Mapping[str, str]) -> Folders:
    """Find the folders of `name` by the XDG base directory rules.

    Raises:
        EngineError: the name is not one for a folder, a cgroup and a container.
    """
    if not _NAME.fullmatch(name):
        raise EngineError(f"the name {name!r} is not allowed: use lower case letters, digits and '-', 31 at most")
    home = Path(environ.get("HOME") or Path.home())
    state = Path(environ.get("XDG_STATE_HOME") or home / ".local/state") / "docker-push/engine" / name
    short = hashlib.sha256(bytes(state) + _root_number()).hexdigest()[:8]
    return Folders(
        name=name,
        state=state,
        run=run_root() / f"docker-push-{name}-{short}",
        cache=Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "docker-push",
    )


def _root_number() -> bytes:
    """Tell a chroot from its host, which share control groups, bridges and emulators; empty for a disk's own root."""
    number = Path("/").stat().st_ino
    return b"" if number == _EXT4_ROOT else str(number).encode()


def run_root() -> Path:
    """Find a folder with a short path that is emptied by a reboot."""
    run = Path("/run")
    return run if os.access(run, os.W_OK) else Path(tempfile.gettempdir())


def load_record(folders: Folders) -> dict[str, Any]:
    """Read what `up` noted; empty where there is nothing, or nothing readable after a crash."""
    try:
        content = json.loads(folders.record.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def save_record(folders: Folders, record: Mapping[str, Any]) -> None:
    """Note what is being made, before it is made."""
    folders.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = folders.record.with_suffix(".new")
    fresh.write_text(json.dumps(record, indent=1) + "\n")
    fresh.replace(folders.record)


@contextlib.contextmanager
def locked(path: Path, belongs_to: Path) -> Iterator[None]:
    """Hold the lock file `path`; it is taken away at the end when the folder that it belongs to is not there.

    A holder may have removed the file while another one waited for it: then the lock is taken again on the new file.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue  # a holder took the empty folder away just now
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_the_file(descriptor, path):
                try:
                    yield
                finally:
                    if not belongs_to.exists():
                        path.unlink(missing_ok=True)
                        _remove_empty(path.parent)
                return
        finally:
            os.close(descriptor)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # others have files there
        folder.rmdir()
        if folder.name == "engine":
            folder.parent.rmdir()


def _is_the_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
