"""Register the emulator of the other architecture with the kernel, so that RUN steps of both platforms run.

A registration belongs to the whole machine. Each environment that finds none but those of its kind makes one under its
own name and takes that one away again; what others made is used and left alone.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from pathlib import Path

from local_engine.errors import EngineError
from local_engine.folders import Folders, run_root
from local_engine.processes import run, say

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_PREFIX = "docker-push-"
_MACHINES = {"arm64": 0xB7, "amd64": 0x3E}  # e_machine of the ELF specification
_NATIVE = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def foreign() -> str:
    """Name the architecture that has to be emulated here."""
    return "amd64" if _NATIVE.get(platform.machine()) == "arm64" else "arm64"


def register(folders: Folders, emulator: Path) -> None:
    """Make programs of the other architecture run.

    Raises:
        EngineError: the kernel does not allow it.
    """
    _mount()
    others = (text for path, text in _entries() if not path.name.startswith(_PREFIX))
    if _entry(folders).exists() or any(_emulates(text, foreign()) for text in others):
        return
    say(f"registering the emulator of {foreign()} with the kernel")
    rule = f":{folders.marker}:M::{_escaped(_magic(foreign()))}:{_escaped(_MASK)}:{emulator}:POCF"
    try:
        (_BINFMT / "register").write_text(rule, encoding="ascii")
    except (OSError, UnicodeError) as error:
        raise EngineError(f"the kernel does not take the emulator of {foreign()}: {error}") from error


def release(folders: Folders) -> None:
    """Take away what this environment registered, and the mount when it was made here and nobody uses it."""
    if _entry(folders).exists():
        _entry(folders).write_text("-1")
    if _mounted_here().exists() and not any(_entries()):
        run(["umount", str(_BINFMT)])
        _mounted_here().unlink()


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


def _entry(folders: Folders) -> Path:
    return _BINFMT / folders.marker


def _entries() -> Iterator[tuple[Path, str]]:
    for path in _BINFMT.iterdir() if _BINFMT.is_dir() else ():
        if path.name not in {"register", "status"}:
            with contextlib.suppress(FileNotFoundError):  # another environment takes its own away
                yield path, path.read_text()


def _mount() -> None:
    if (_BINFMT / "register").exists():
        return
    run(["modprobe", "binfmt_misc"])  # built into many kernels, and then there may be no modprobe: the mount tells
    status, output = run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(_BINFMT)])
    if status != 0:
        raise EngineError(f"cannot emulate {foreign()}: binfmt_misc cannot be mounted ({output})")
    _mounted_here().touch()


def _mounted_here() -> Path:
    return run_root() / "docker-push-mounted-binfmt"
