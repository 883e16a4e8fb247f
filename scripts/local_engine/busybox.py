"""Make the base image of this repository's Dockerfiles out of Debian's busybox, as Docker Hub has it.

The image is an OCI layout, the same to the byte each time: times are zero, entries are sorted.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local_engine.errors import EngineError
from local_engine.processes import run
from local_engine.unpack import unpack

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FOLDERS = {"bin": 0o755, "dev": 0o755, "etc": 0o755, "home": 0o755, "proc": 0o555, "root": 0o700, "sys": 0o555}
_MORE_FOLDERS = {"tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755, "usr/sbin": 0o755, "var": 0o755, "var/www": 0o755}
_MISSING_APPLETS = Path(__file__).parent / "busybox_applets"  # Debian's build leaves these out
_ETC = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\n"
    "nobody:x:65534:65534:nobody:/home:/bin/false\n",
    "etc/group": "root:x:0:\nwww-data:x:33:\nnobody:x:65534:\n",
    "etc/shadow": "root:*:::::::\nwww-data:*:::::::\nnobody:*:::::::\n",
}


def write_layout(folder: Path, packages: Mapping[str, Path], native: str) -> None:
    """Write an OCI layout with one image per architecture out of busybox-static packages.

    Raises:
        EngineError: a package does not hold what is expected.
    """
    (folder / "blobs/sha256").mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        binaries = {each: _binary(package, Path(temporary) / each) for each, package in packages.items()}
        applets = _applets(binaries[native])
        manifests = [_image(folder, each, binary, applets) for each, binary in sorted(binaries.items())]
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}
    (folder / "index.json").write_text(json.dumps(index, indent=1))


def digest_of(folder: Path) -> str:
    """Give the digest of the layout's index."""
    return f"sha256:{hashlib.sha256((folder / 'index.json').read_bytes()).hexdigest()}"


def _binary(package: Path, folder: Path) -> Path:
    unpack(package, folder)
    for place in ("usr/bin/busybox", "bin/busybox"):
        if (folder / place).is_file():
            return folder / place
    raise EngineError(f"{package.name} holds no busybox")


def _applets(binary: Path) -> list[str]:
    status, output = run([str(binary), "--list"])
    if status != 0:
        raise EngineError(f"busybox of Debian's package does not run on this machine: {output}")
    return [applet for applet in output.split() if applet != "busybox"]


def _image(folder: Path, architecture: str, binary: Path, applets: list[str]) -> dict[str, Any]:
    layer = _layer(binary, applets)
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": [_PATH], "Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created_by": "Debian's busybox-static"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _blob(folder, json.dumps(config).encode(), _CONFIG),
        "layers": [_blob(folder, gzip.compress(layer, mtime=0), _LAYER)],
    }
    platform = {"os": "linux", "architecture": architecture}
    return {**_blob(folder, json.dumps(manifest).encode(), _MANIFEST), "platform": platform}


def _layer(binary: Path, applets: list[str]) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for entry, content in _entries(binary, applets):
            archive.addfile(entry, io.BytesIO(content))
    return output.getvalue()


def _entries(binary: Path, applets: list[str]) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    for path, mode in (_FOLDERS | _MORE_FOLDERS).items():
        yield _entry(path, mode, tarfile.DIRTYPE), b""
    for path, text in _ETC.items():
        yield _file(path, 0o640 if path.endswith("shadow") else 0o644, text.encode())
    yield _file("bin/busybox", 0o755, binary.read_bytes())
    scripts = sorted(_MISSING_APPLETS.iterdir())
    for script in scripts:
        yield _file(f"bin/{script.name}", 0o755, script.read_bytes())
    for applet in sorted(set(applets) - {script.name for script in scripts}):
        yield _link(f"bin/{applet}", "busybox"), b""
    yield _link("usr/bin/env", "../../bin/busybox"), b""  # where `#!/usr/bin/env sh` looks


def _entry(path: str, mode: int, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode = kind, mode
    return entry


def _file(path: str, mode: int, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    entry = _entry(path, mode, tarfile.REGTYPE)
    entry.size = len(content)
    return entry, content


def _link(path: str, target: str) -> tarfile.TarInfo:
    entry = _entry(path, 0o777, tarfile.SYMTYPE)
    entry.linkname = target
    return entry


def _blob(folder: Path, content: bytes, media_type: str) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    (folder / "blobs/sha256" / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}
