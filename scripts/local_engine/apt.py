"""Take packages out of Debian's archive without touching this machine's package system.

apt-get works here on sources, lists, caches and a package status of its own. What the machine's administrator configured
for reaching the archive (mirror, proxy, certificates, credentials) stays in force; hooks of the machine do not run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_engine.errors import EngineError
from local_engine.processes import run, say

SUITES = ("trixie", "forky")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_GLIBC = re.compile(r"\blibc6 \(>= (\d+)\.(\d+)")


@dataclass(frozen=True)
class Package:
    """Name one version of a binary package, with the packages it depends on and its size in bytes."""

    name: str
    architecture: str
    version: str
    depends: tuple[str, ...]
    size: int
    glibc: tuple[int, int]


class PrivateApt:
    """Run apt-get on a folder of its own."""

    def __init__(self, folder: Path, architectures: Sequence[str]) -> None:
        self._folder = folder
        self._architectures = architectures
        self._environ = {**os.environ, "APT_CONFIG": str(folder / "apt.conf"), "LC_ALL": "C.UTF-8"}

    def update(self) -> None:
        """Read the archive's lists, from the machine's own mirror where it carries the suites.

        Raises:
            EngineError: no archive could be read.
        """
        failures = []
        for archive in archives():
            self._configure(archive)
            say(f"reading Debian's package lists ({', '.join(self._suites())}) from {archive}")
            status, output = run(["apt-get", "update", "-qq", "--error-on=any"], self._environ, seconds=900)
            if status == 0:
                return
            failures.append(f"{archive}: {_first_error(output)}")
        if not failures:
            raise EngineError("no Debian archive is named in /etc/apt/sources.list: add one, then try again")
        raise EngineError(
            f"cannot download Debian's package lists ({'; '.join(failures)}): "
            "check the network, the proxy settings and the free space, then try again"
        )

    def newest(self, name: str, architecture: str, version: str = "") -> Package:
        """Choose the newest version that runs with this machine's C library; `version` is a prefix that it must have.

        Raises:
            EngineError: there is none.
        """
        _, output = run(["apt-cache", "show", f"{name}:{architecture}"], self._environ)
        for stanza in output.split("\n\n"):
            package = _package(stanza, architecture)
            if package and package.name == name and package.version.startswith(version) and package.glibc <= glibc():
                return package
        raise EngineError(
            f"Debian's archive has no {name}:{architecture} for this machine (C library {glibc()[0]}.{glibc()[1]}): "
            "Debian 12 or later is needed, or install Docker (https://docs.docker.com/engine/install/)"
        )

    def download(self, packages: Iterable[Package]) -> list[Path]:
        """Download and verify packages; their files, in the same order.

        Raises:
            EngineError: a download failed.
        """
        wanted = list(packages)
        size = sum(package.size for package in wanted) / 1e6
        say(f"downloading {', '.join(package.name for package in wanted)} ({size:.0f} MB)")
        folder = self._folder / "packages"
        folder.mkdir(parents=True, exist_ok=True)
        names = [f"{package.name}:{package.architecture}={package.version}" for package in wanted]
        self._run_in(folder, ["apt-get", "download", "-qq", *names])
        return [self._file(folder, package) for package in wanted]

    def _run_in(self, folder: Path, argv: Sequence[str]) -> None:
        done = subprocess.run(
            argv, check=False, cwd=folder, env=self._environ, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0:
            raise EngineError(
                f"cannot download from Debian's archive: {_first_error(done.stderr)}; "
                "check the network and the free space, then try again"
            )

    def _file(self, folder: Path, package: Package) -> Path:
        escaped = package.version.replace(":", "%3a")
        for architecture in (package.architecture, "all"):
            file = folder / f"{package.name}_{escaped}_{architecture}.deb"
            if file.is_file():
                return file
        raise EngineError(f"apt-get download left no file for {package.name} {package.version} in {folder}")

    def _suites(self) -> list[str]:
        return list(dict.fromkeys((codename(), *SUITES)))

    def _configure(self, archive: str) -> None:
        """Write the private configuration: the machine's own parts first, then ours, which decide."""
        for part in ("lists/partial", "cache/archives/partial", "apt.conf.d", "preferences.d"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        parts = self._folder / "apt.conf.d"
        for file in (*sorted(Path("/etc/apt/apt.conf.d").glob("*")), Path("/etc/apt/apt.conf")):
            if file.is_file() and os.access(file, os.R_OK):
                shutil.copyfile(file, parts / file.name)
        signed = f" signed-by={_KEYRING}" if _KEYRING.exists() else ""
        options = f"[arch={','.join(self._architectures)}{signed}]"
        sources = "".join(f"deb {options} {archive} {suite} main\n" for suite in self._suites())
        (self._folder / "sources.list").write_text(sources)
        (self._folder / "status").touch()
        (self._folder / "apt.conf").write_text(f'Dir::Etc::parts "{parts}";\nDir::Etc::main "none";\n')
        (parts / "zz-private").write_text(_PRIVATE.format(folder=self._folder, architectures=self._listed()))

    def _listed(self) -> str:
        return " ".join(f'"{architecture}";' for architecture in self._architectures)


_PRIVATE = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
APT::Architectures {{ {architectures} }};
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Dir::Cache "{folder}/cache";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
Dir::State "{folder}";
Dir::State::lists "lists";
Dir::State::status "{folder}/status";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "{folder}/preferences.d";
"""


def is_debian() -> bool:
    """Tell whether this machine is Debian itself, with its tools for packages."""
    return _os_release().get("ID") == "debian" and bool(shutil.which("apt-get")) and bool(shutil.which("dpkg-deb"))


def codename() -> str:
    """Name this machine's Debian release."""
    return _os_release().get("VERSION_CODENAME", SUITES[0])


def architecture() -> str:
    """Name this machine's architecture as Debian and Docker do (amd64, arm64)."""
    return run(["dpkg", "--print-architecture"])[1]


def glibc() -> tuple[int, int]:
    """Give the version of this machine's C library."""
    _, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "glibc 0.0").partition(" ")
    major, minor, *_ = version.split(".")
    return int(major), int(minor)


def archives() -> list[str]:
    """List the addresses of Debian's archive in this machine's own sources."""
    return list(dict.fromkeys(uri for source in _sources() for uri in source if not uri.startswith("cdrom")))


def _sources() -> Iterator[list[str]]:
    folder = Path("/etc/apt/sources.list.d")
    for file in (Path("/etc/apt/sources.list"), *sorted(folder.glob("*.list"))):
        for line in _lines(file):
            yield _one_line_uris(line)
    for file in sorted(folder.glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", "\n".join(_lines(file))):
            yield _deb822_uris(stanza)


def _lines(file: Path) -> list[str]:
    if not file.is_file() or not os.access(file, os.R_OK):
        return []
    return [line for line in file.read_text(errors="replace").splitlines() if not line.lstrip().startswith("#")]


def _one_line_uris(line: str) -> list[str]:
    match = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.*)", line)
    if not match:
        return []
    options, uri, suite, components = match.groups()
    signed = dict(part.partition("=")[::2] for part in (options or "").split()).get("signed-by", "")
    return [uri.rstrip("/")] if _is_debian_main([suite], components.split(), signed) else []


def _deb822_uris(stanza: str) -> list[str]:
    fields: dict[str, str] = {}
    key = ""
    for line in stanza.splitlines():
        if line[:1].isspace():
            fields[key] = f"{fields.get(key, '')} {line.strip()}"
        elif ":" in line:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            fields[key] = value.strip()
    lists = {key: value.split() for key, value in fields.items()}
    if "deb" not in lists.get("types", []) or fields.get("enabled", "yes").lower() in {"no", "false", "0"}:
        return []
    right = _is_debian_main(lists.get("suites", []), lists.get("components", []), fields.get("signed-by", ""))
    return [uri.rstrip("/") for uri in lists.get("uris", [])] if right else []


def _is_debian_main(suites: Sequence[str], components: Sequence[str], signed: str) -> bool:
    """Tell Debian's archive from those of others, which use its codenames and component names too."""
    known = {codename(), *SUITES, "stable", "testing", "unstable", "sid"}
    return bool(known.intersection(suites)) and "main" in components and (not signed or "debian-archive" in signed)


def _package(stanza: str, architecture: str) -> Package | None:
    fields: Mapping[str, str] = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", stanza, flags=re.MULTILINE))
    if not {"Package", "Version", "Size"} <= fields.keys():
        return None
    depends = ", ".join(fields.get(key, "") for key in ("Pre-Depends", "Depends"))
    needed = [(int(major), int(minor)) for major, minor in _GLIBC.findall(depends)]
    return Package(
        name=fields["Package"],
        architecture=architecture,
        version=fields["Version"],
        depends=tuple(re.findall(r"(?:^|, )([a-z0-9][a-z0-9.+-]+)", depends)),
        size=int(fields["Size"]),
        glibc=max(needed, default=(0, 0)),
    )


def _os_release() -> dict[str, str]:
    pairs = (line.partition("=") for line in _lines(Path("/etc/os-release")))
    return {key: value.strip("\"'") for key, _, value in pairs}


def _first_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith(("E:", "W:"))), lines[0] if lines else "no message")
