"""Turn packages into programs that run from a folder of ours, with libraries beside them where the machine lacks them."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from local_engine.apt import Package, PrivateApt
from local_engine.errors import EngineError
from local_engine.processes import run

_PLACES = ("usr/bin", "usr/sbin", "bin", "sbin", "usr/libexec/docker/cli-plugins", "usr/lib/docker/cli-plugins")
_OF_THE_C_LIBRARY = {"libc6", "libgcc-s1", "libstdc++6"}  # never replaced: they belong to the machine's loader
_OPTIONS = {"skopeo": "--insecure-policy"}  # its policy file is in a package that nothing else here needs
_LEVELS = 5  # how far libraries of libraries are followed


def unpack(file: Path, folder: Path) -> None:
    """Unpack a package into `folder`; nothing of it is run or registered."""
    folder.mkdir(parents=True, exist_ok=True)
    _expect(["dpkg-deb", "-x", str(file), str(folder)], file)


def unpack_one(file: Path, member: str, target: Path) -> None:
    """Unpack a single regular file out of a package.

    Raises:
        EngineError: the package has no such file.
    """
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(file)], stdout=subprocess.PIPE) as archive:
        done = subprocess.run(["tar", "-xO", f"./{member}"], check=False, stdin=archive.stdout, capture_output=True)
    if done.returncode != 0 or not done.stdout:
        raise EngineError(f"{file.name} holds no {member}: Debian may have renamed it")
    target.write_bytes(done.stdout)
    target.chmod(0o755)


def install_program(folder: Path, program: str, package: Package, apt: PrivateApt) -> None:
    """Put a program of an unpacked package into `folder`/bin.

    Raises:
        EngineError: the package has no such program, or a library that it needs is not to be had.
    """
    real = next((folder / place / program for place in _PLACES if (folder / place / program).is_file()), None)
    if real is None:
        raise EngineError(f"Debian's package {package.name} {package.version} holds no program {program}")
    link = folder / "bin" / program
    link.parent.mkdir(exist_ok=True)
    if real == link:  # a package of the time before /bin was /usr/bin
        (folder / "usr/bin").mkdir(parents=True, exist_ok=True)
        real = real.rename(folder / "usr/bin" / program)
    options = _OPTIONS.get(program, "")
    if _missing(real, folder / "libraries"):
        _add_libraries(real, package, apt, folder / "libraries")
    elif not options:
        link.symlink_to(Path("..") / real.relative_to(folder))
        return
    link.write_text(_WRAPPER.format(real=shlex.quote(str(real.relative_to(folder))), options=options))
    link.chmod(0o755)


_WRAPPER = """\
#!/bin/sh
# Libraries that this machine lacks stand beside the program.
tools=$(dirname "$(dirname "$(readlink -f "$0")")")
LD_LIBRARY_PATH=$(printf '%s:' "$tools"/libraries/usr/lib/*-linux-gnu "$tools"/libraries/lib/*-linux-gnu)
export LD_LIBRARY_PATH
exec "$tools"/{real} {options} "$@"
"""


def _add_libraries(real: Path, package: Package, apt: PrivateApt, folder: Path) -> None:
    wanted, known = list(package.depends), set(_OF_THE_C_LIBRARY)
    for _ in range(_LEVELS):
        names = [name for name in dict.fromkeys(wanted) if name.startswith("lib") and name not in known]
        known.update(names)
        packages = [apt.newest(name, package.architecture) for name in names]
        for file in apt.download(packages) if packages else ():
            unpack(file, folder)
        if not _missing(real, folder):
            return
        wanted = [depended for each in packages for depended in each.depends]
    raise EngineError(f"{real.name} needs {', '.join(_missing(real, folder))}, which this machine lacks")


def _missing(real: Path, libraries: Path) -> list[str]:
    places = [str(place) for place in (*libraries.glob("usr/lib/*-linux-gnu"), *libraries.glob("lib/*-linux-gnu"))]
    _, output = run(["ldd", str(real)], {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": ":".join(places)})
    return [line.split()[0] for line in output.splitlines() if "not found" in line]


def _expect(argv: list[str], file: Path) -> None:
    status, output = run(argv, seconds=300)
    if status != 0:
        raise EngineError(f"cannot unpack {file.name}: {output or 'no message'}; is the disk full?")
