"""Register the emulator of the other architecture with the kernel, so that RUN steps of both platforms run.

The registration belongs to the whole machine: the environments that use it are noted, and the last one that goes takes
away what was made here. What was there before is used and left alone.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from local_engine.errors import EngineError
from local_engine.folders import Folders, locked, run_root
from local_engine.processes import run, say

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_NAME = "docker-push"
_MACHINES = {"arm64": 0xB7, "amd64": 0x3E}  # e_machine of the ELF specification
_NATIVE = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def foreign() -> str:
    """Name the architecture that has to be emulated here."""
    return "amd64" if _NATIVE.get(platform.machine()) == "arm64" else "arm64"


def is_registered(architecture: str) -> bool:
    """Tell whether the kernel runs programs of the architecture, in containers too (flag F: the emulator is held open)."""
    return any(_emulates(text, architecture) for text in _entries())


def register(folders: Folders, emulator: Path) -> None:
    """Make programs of the other architecture run, and note that this environment uses it.

    Raises:
        EngineError: the kernel does not allow it.
    """
    with locked(_lock()):
        users = _users()
        users.mkdir(parents=True, exist_ok=True)
        (users / folders.marker).touch()
        if is_registered(foreign()):
            return
        _mount()
        say(f"registering the emulator of {foreign()} with the kernel")
        rule = f":{_NAME}:M::{_escaped(_magic(foreign()))}:{_escaped(_MASK)}:{emulator}:POCF"
        try:
            (_BINFMT / "register").write_text(rule, encoding="ascii")
        except (OSError, UnicodeError) as error:
            raise EngineError(f"the kernel does not take the emulator of {foreign()}: {error}") from error


def release(folders: Folders) -> None:
    """Take the registration away where this environment was the last that used it."""
    if not _users().is_dir():
        return
    with locked(_lock(), remove=True):
        (_users() / folders.marker).unlink(missing_ok=True)
        if any(path.name != _MOUNTED for path in _users().iterdir()):
            return
        entry = _BINFMT / _NAME
        if entry.exists():
            entry.write_text("-1")
        if (_users() / _MOUNTED).exists():
            run(["umount", str(_BINFMT)])
        shutil.rmtree(_users())


_MOUNTED = ".mounted-here"
_IDENT = b"\x7fELF\x02\x01\x01\x00" + bytes(8)
_MASK = b"\xff" * 7 + b"\x00" + b"\xff" * 8 + b"\xfe\xff\xff\xff"  # any ABI; executables and shared objects


def _magic(architecture: str) -> bytes:
    return _IDENT + b"\x02\x00" + bytes([_MACHINES[architecture], 0])


def _escaped(raw: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in raw)


def _emulates(text: str, architecture: str) -> bool:
    lines = text.splitlines()
    fields = dict(line.split(" ", 1) for line in lines if " " in line)
    magic, flags = fields.get("magic", ""), fields.get("flags:", "")
    return lines[:1] == ["enabled"] and "F" in flags and magic[36:40] == f"{_MACHINES[architecture]:02x}00"


def _entries() -> Iterator[str]:
    for path in _BINFMT.iterdir() if _BINFMT.is_dir() else ():
        if path.name not in {"register", "status"}:
            yield path.read_text()


def _mount() -> None:
    if (_BINFMT / "register").exists():
        return
    run(["modprobe", "binfmt_misc"])  # built into many kernels, and then there may be no modprobe: the mount tells
    status, output = run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(_BINFMT)])
    if status != 0:
        raise EngineError(f"cannot emulate {foreign()}: binfmt_misc cannot be mounted ({output})")
    (_users() / _MOUNTED).touch()


def _users() -> Path:
    return run_root() / "docker-push-emulation"


def _lock() -> Path:
    return run_root() / "docker-push-emulation.lock"
