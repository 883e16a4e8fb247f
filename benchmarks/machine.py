"""Where a benchmark ran: machine and versions."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path


def described(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the numbers depend on, by name."""
    return {
        "Machine": f"{_processor()}, {os.cpu_count()} cores, {_memory()}",
        "System": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "Python": f"{platform.python_version()}, Invoke {version('invoke')}, pydantic {version('pydantic')}",
        "docker-push": version("docker-push"),
        "Docker": _said(environ, "docker", "version", "--format", "{{.Client.Version}}, engine {{.Server.Version}}"),
        "Image store": _said(environ, "docker", "info", "--format", "{{.Driver}} {{.DriverStatus}}"),
        "buildx": _said(environ, "docker", "buildx", "version").split(" ")[1:2][0],
        "BuildKit": _buildkit(environ),
        "Registry": _said(environ, "docker-registry", "--version").rpartition(" ")[2] or "as REGISTRY says",
    }


def _said(environ: Mapping[str, str], *argv: str) -> str:
    try:
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def _buildkit(environ: Mapping[str, str]) -> str:
    lines = _said(environ, "docker", "buildx", "inspect").splitlines()
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    return f"{found.get('BuildKit version', 'unknown').strip()}, driver {found.get('Driver', 'unknown').strip()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
