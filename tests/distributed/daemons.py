"""BuildKit's programs: built once from their Go module into the user's cache, or those on the PATH."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from registry_process import unavailable

MODULE = Path(__file__).with_name("buildkitd")
_PROGRAMS = ("buildkitd", "buildctl")
_BUILD = 1800  # seconds: six minutes on two cores


def program(name: str) -> Path:
    """Return a program; where it cannot be had, fail in CI, and skip elsewhere."""
    folder = _cached()
    if not folder.is_dir() and shutil.which("go"):
        _build(folder)
    found = folder / name if folder.is_dir() else shutil.which(name)
    if not found:
        unavailable(f"There is neither {name} on the PATH nor Go to build it with.")
        raise AssertionError
    return Path(found)


def _cached() -> Path:
    """Return where the programs of this version of the module are kept."""
    version = hashlib.sha256((MODULE / "go.mod").read_bytes() + (MODULE / "go.sum").read_bytes()).hexdigest()[:12]
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "docker-push" / f"buildkit-{version}"


def _build(folder: Path) -> None:
    """Build the programs, and put them in place whole: another run may be building them too."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    packages = [f"github.com/moby/buildkit/cmd/{name}" for name in _PROGRAMS]
    done = subprocess.run(
        [
            "go",
            "build",
            "-mod=readonly",
            "-buildvcs=false",
            "-trimpath",
            "-ldflags",
            "-s -w",
            "-o",
            f"{partial}/",
            *packages,
        ],
        cwd=MODULE,
        env={**os.environ, "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=_BUILD,
        check=False,
    )
    if done.returncode == 0 and not folder.is_dir():
        partial.rename(folder)
    shutil.rmtree(partial, ignore_errors=True)
    if done.returncode != 0:
        pytest.fail(f"BuildKit cannot be built:\n{done.stderr[-3000:]}", pytrace=False)
