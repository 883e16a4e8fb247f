"""Go out of Debian's packages, for a machine without it: tests build BuildKit's own daemon from its module."""

from __future__ import annotations

import shutil
from pathlib import Path

from local_engine.apt import PrivateApt, architecture
from local_engine.errors import EngineError
from local_engine.unpack import unpack


def add_go(folder: Path, apt: PrivateApt) -> None:
    """Put the newest Go of the archive into `folder`, and `go` into its `bin`; nothing where the machine has one.

    Raises:
        EngineError: the archive has none that runs here, or a download failed.
    """
    if shutil.which("go"):
        return
    native = architecture()
    current = apt.newest("golang-go", native)  # a name for the current version's package: golang-1.27-go
    name = next((each for each in current.depends if each.startswith("golang-") and each.endswith("-go")), None)
    if name is None:
        raise EngineError(f"Debian's package golang-go {current.version} names no version of Go: install Go instead")
    compiler = apt.newest(name, native)
    sources = [apt.newest(each, native) for each in compiler.depends if each.endswith("-src")]
    for file in apt.download((compiler, *sources)):
        unpack(file, folder)
    program = f"usr/lib/go-{name.removeprefix('golang-').removesuffix('-go')}/bin/go"
    if not (folder / program).is_file():
        raise EngineError(f"Debian's package {name} {compiler.version} holds no /{program}: install Go instead")
    (folder / "bin" / "go").symlink_to(Path("..") / program)
