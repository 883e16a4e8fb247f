"""Real docker-registry processes of the tests' own, on loopback, each with a folder and a port of its own."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROGRAM = "docker-registry"
USERNAME, PASSWORD = "pusher", "right-Pa55:word"
# bcrypt at its lowest cost, which is all that docker-registry reads; the salt was drawn once
_HTPASSWD = f"{USERNAME}:$2b$04$otp6195SolKQgychQsdyI.uDbJZTwNPzzeXH7qImpSvyMb.0mW/He\n"
_START = 20.0  # seconds


@dataclass(frozen=True, kw_only=True)
class BasicRegistry:
    """A docker-registry that asks for a user name and a password."""

    address: str
    username: str = USERNAME
    password: str = PASSWORD


def unavailable(what: str) -> None:
    """Fail where the environment promises real parts (CI, DOCKER_PUSH_REQUIRE_ENGINE), skip on a bare laptop."""
    if os.environ.get("CI") == "true" or os.environ.get("DOCKER_PUSH_REQUIRE_ENGINE"):
        pytest.fail(f"{what} Run ./scripts/test, which brings it.", pytrace=False)
    pytest.skip(f"{what} Run ./scripts/test, which brings it.")


@contextmanager
def registry_process(
    folder: Path, *, basic: bool = False, tls: dict[str, str] | None = None, host: str = "127.0.0.1"
) -> Iterator[str]:
    """Run docker-registry in ``folder`` and give its ``host:port``; it is stopped by its process id."""
    program = shutil.which(PROGRAM)
    if program is None:
        unavailable(f"There is no {PROGRAM} on the PATH.")
        raise AssertionError
    port = free_port()
    config = folder / "registry.json"  # JSON is YAML, and quotes any path right
    settings = _config(folder, f"{host}:{port}", basic=basic)
    settings["http"] |= {"tls": tls} if tls else {}
    config.write_text(json.dumps(settings), "utf-8")
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log, env=_environ())
        try:
            _wait(process, f"{host}:{port}", folder / "registry.log")
            yield f"{host}:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _environ() -> dict[str, str]:
    """Return an environment without REGISTRY_*: docker-registry takes each of these for a setting."""
    return {"PATH": os.environ["PATH"], "HOME": "/"}


def _config(folder: Path, address: str, *, basic: bool) -> dict[str, dict[str, Any]]:
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "storage")},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {"addr": address, "secret": secrets.token_hex(16)},
    }
    if basic:
        (folder / "htpasswd").write_text(_HTPASSWD, "utf-8")
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    return config


def free_port() -> int:
    """Return a port on loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + _START
    while not _answers(address):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"{PROGRAM} does not start:\n{log.read_text('utf-8', 'replace')[-2000:]}", pytrace=False)
        time.sleep(0.05)


def _answers(address: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status in {200, 400, 401}  # 400: it wants TLS
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
