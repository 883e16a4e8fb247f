"""Run a registry of our own on loopback: the one to push to, and Docker Hub's stand-in for an engine of our own."""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import time
import zlib
from pathlib import Path

from local_engine.busybox import digest_of
from local_engine.errors import EngineError
from local_engine.folders import Folders
from local_engine.processes import find, run, start, wait_for
from local_engine.tools import Tools

_FIRST_PORT, _PORTS = 20000, 8000  # below the range that outgoing connections are given
_BUSYBOX = "library/busybox:1.37"


def free_port(folders: Folders) -> int:
    """Choose a free port on loopback; the same one each time where it can be had."""
    begin = zlib.crc32(folders.marker.encode()) % _PORTS
    for offset in range(_PORTS):
        port = _FIRST_PORT + (begin + offset) % _PORTS
        if is_free(port):
            return port
    raise EngineError(f"no port between {_FIRST_PORT} and {_FIRST_PORT + _PORTS} is free on 127.0.0.1")


def is_free(port: int) -> bool:
    """Tell whether a server can be started on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Tell whether a registry answers on the port."""
    return ask(port, "/v2/")[0] == http.client.OK


def ask(port: int, path: str) -> tuple[int, str]:
    """Ask a registry on loopback for a path; HTTP status (0: no answer) and the digest that it names."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Accept": "application/vnd.oci.image.index.v1+json"})
        response = connection.getresponse()
    except (OSError, http.client.HTTPException):
        return 0, ""
    else:
        return response.status, response.getheader("Docker-Content-Digest", "")
    finally:
        connection.close()


def config_file(folders: Folders) -> Path:
    """Point to the configuration; a process with it among its arguments is this environment's registry."""
    return folders.state / "registry.yml"


def running(folders: Folders) -> list[int]:
    """List the processes of this environment's registry."""
    return find("docker-registry", config_file(folders))


def start_registry(folders: Folders, program: str, port: int) -> None:
    """Start docker-registry and wait until it answers.

    Raises:
        EngineError: it does not start.
    """
    config = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(folders.state / "registry")},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {"addr": f"127.0.0.1:{port}", "secret": secrets.token_hex(16)},
    }
    config_file(folders).write_text(json.dumps(config, indent=1))  # JSON is YAML, and quotes any path right
    log = folders.state / "registry.log"
    daemon = start([program, "serve", str(config_file(folders))], log, {"PATH": "/usr/bin:/bin", "HOME": "/"})
    wait_for("the registry", daemon, lambda: answers(port), log, seconds=20)


def wait_until_it_answers(port: int, seconds: int) -> None:
    """Wait for a registry in a container.

    Raises:
        EngineError: it does not answer in time.
    """
    deadline = time.monotonic() + seconds
    while not answers(port):
        if time.monotonic() > deadline:
            raise EngineError(f"the registry's container does not answer on 127.0.0.1:{port}; see `docker logs`")
        time.sleep(0.1)


def seed_busybox(tools: Tools, port: int) -> None:
    """Put busybox into the registry where it is not there.

    Raises:
        EngineError: the registry does not take it.
    """
    repository, _, tag = _BUSYBOX.partition(":")
    if digest_of(tools.busybox) == ask(port, f"/v2/{repository}/manifests/{tag}")[1]:
        return
    status, output = run(
        [tools.program("crane"), "push", "--index", str(tools.busybox), f"127.0.0.1:{port}/{_BUSYBOX}"]
    )
    if status != 0:
        raise EngineError(f"the local registry does not take {_BUSYBOX}: {output}")
