"""Hold the programs that an engine of our own needs, out of Debian's packages, in a folder of our own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from local_engine.apt import PrivateApt, architecture, is_debian
from local_engine.busybox import write_layout
from local_engine.errors import EngineError
from local_engine.folders import Folders, locked
from local_engine.go import add_go
from local_engine.processes import find_from, run, say
from local_engine.unpack import install_program, unpack, unpack_one

_FOLDER = "tools-6"  # counted up when what is in it changes: checkouts of other versions keep theirs
_FOREIGN = {"amd64": "arm64", "arm64": "amd64"}
_QEMU = {"amd64": "qemu-x86_64", "arm64": "qemu-aarch64"}
_PROGRAMS = {  # package -> programs taken from it
    "tini-static": ("tini-static",),
    "docker.io": ("dockerd", "docker-proxy", "docker-init"),  # docker-init is a link to tini-static
    "docker-cli": ("docker",),
    "docker-buildx": ("docker-buildx",),
    "containerd": ("containerd", "containerd-shim-runc-v2"),
    "runc": ("runc",),
    "crane": ("crane",),
    "skopeo": ("skopeo",),
    "docker-registry": ("docker-registry",),
    "iproute2": ("ip",),  # network namespaces: the tests of distributed builds
}
_BUSYBOX_VERSION = "1:1.37."  # this repository's Dockerfiles say `FROM busybox:1.37`


@dataclass(frozen=True)
class Tools:
    """Point to the programs (`bin`), and to the image that stands for Docker Hub's busybox, as an OCI layout."""

    folder: Path

    @property
    def bin(self) -> Path:
        """Point to the folder to put before PATH."""
        return self.folder / "bin"

    @property
    def busybox(self) -> Path:
        """Point to the OCI layout of busybox."""
        return self.folder / "busybox"

    def program(self, name: str) -> str:
        """Give the path of a program."""
        return str(self.bin / name)

    @property
    def plugins(self) -> Path:
        """Point to the folder with docker's plugins."""
        return self.folder / "cli-plugins"

    @property
    def emulator(self) -> Path:
        """Point to the static emulator of the other architecture."""
        return self.folder / "emulator"


def existing_tools(folders: Folders) -> Tools | None:
    """Find the tools where they are complete."""
    tools = Tools(folders.cache / _FOLDER)
    return tools if tools.folder.is_dir() else None


def ensure_tools(folders: Folders) -> Tools:
    """Make sure that the tools are there; only the first time downloads.

    Raises:
        EngineError: this is not Debian, a download failed, or a program does not run here.
    """
    with locked(folders.cache / "tools.lock", belongs_to=folders.cache / _FOLDER):
        found = existing_tools(folders)
        if found:
            return found
        if not is_debian():
            raise EngineError("the tools come from Debian's packages, and this is not Debian: install Docker instead")
        work = folders.cache / "tools.partial"
        shutil.rmtree(work, ignore_errors=True)
        try:
            _make(Tools(work / "tools"), work / "apt")
            final = Tools(folders.cache / _FOLDER)
            (work / "tools").rename(final.folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        say(f"the tools are in {final.folder}")
        return final


def remove_tools(folders: Folders) -> None:
    """Remove the tools, unless something still runs from them: another environment, also of another state folder."""
    tools = folders.cache / _FOLDER
    with locked(folders.cache / "tools.lock", belongs_to=tools):
        others = [path.name for path in folders.state.parent.glob("*") if path.is_dir()]
        if others or find_from(tools):
            say(f"the tools in {tools} stay: they are in use{' by ' + ', '.join(sorted(others)) if others else ''}")
            return
        shutil.rmtree(tools, ignore_errors=True)


def _make(tools: Tools, apt_folder: Path) -> None:
    native = architecture()
    if native not in _FOREIGN:
        raise EngineError(f"no engine can be made on {native}, only on amd64 and arm64: install Docker instead")
    architectures = (native, _FOREIGN[native])
    apt = PrivateApt(apt_folder, architectures)
    apt.update()
    packages = [apt.newest(name, native) for name in _PROGRAMS]
    emulator = apt.newest("qemu-user", native)
    busyboxes = [apt.newest("busybox-static", each, _BUSYBOX_VERSION) for each in architectures]
    *files, emulator_file, native_busybox, foreign_busybox = apt.download((*packages, emulator, *busyboxes))
    for package, file in zip(packages, files, strict=True):
        unpack(file, tools.folder)
        for program in _PROGRAMS[package.name]:
            install_program(tools.folder, program, package, apt)
    add_go(tools.folder, apt)
    unpack_one(emulator_file, f"usr/bin/{_QEMU[_FOREIGN[native]]}", tools.emulator)
    write_layout(tools.busybox, {native: native_busybox, _FOREIGN[native]: foreign_busybox}, native)
    tools.plugins.mkdir()
    (tools.plugins / "docker-buildx").symlink_to("../bin/docker-buildx")
    _check(tools)


def _check(tools: Tools) -> None:
    """Run each program once: a missing library or a wrong architecture shows here, not in the middle of a build."""
    for program in (
        "dockerd",
        "docker",
        "docker-buildx",
        "containerd",
        "runc",
        "crane",
        "skopeo",
        "docker-registry",
        "ip",
    ):
        argument = {"crane": "version", "docker-buildx": "version", "ip": "-Version"}.get(program, "--version")
        status, output = run([tools.program(program), argument])
        if status != 0:
            raise EngineError(
                f"{program} of Debian's packages does not run on this machine: {output.splitlines()[-1:]}"
            )
    status, output = run([str(tools.emulator), "--version"])
    if status != 0:
        raise EngineError(f"the emulator of Debian's package qemu-user does not run on this machine: {output}")
