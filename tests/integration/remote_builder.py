"""A builder of another driver than Docker's own: buildx's remote one, and behind it the BuildKit of the engine that is there."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def buildkit_socket(environ: Mapping[str, str]) -> Iterator[str]:
    """Give the endpoint of the engine's BuildKit, as that of a machine elsewhere."""
    with tempfile.TemporaryDirectory(prefix="bk-") as folder:  # a socket's path is short
        path = Path(folder) / "socket"
        dials: list[subprocess.Popen[bytes]] = []
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            thread = threading.Thread(target=_serve, args=(server, environ, dials), daemon=True)
            thread.start()
            try:
                yield f"unix://{path}"
            finally:
                server.shutdown(socket.SHUT_RDWR)
                thread.join(10)
                for dial in dials:
                    dial.terminate()
                    dial.wait(10)


@contextmanager
def remote_builder(environ: Mapping[str, str], config: Path, name: str) -> Iterator[None]:
    """Create a builder in buildx's folder ``config``; programs use it that have this folder as BUILDX_CONFIG."""
    with buildkit_socket(environ) as endpoint:
        argv = ["docker", "buildx", "create", "--name", name, "--driver", "remote", endpoint]
        subprocess.run(argv, env={**environ, "BUILDX_CONFIG": str(config)}, check=True, capture_output=True)
        yield


def _serve(server: socket.socket, environ: Mapping[str, str], dials: list[subprocess.Popen[bytes]]) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        argv = ["docker", "buildx", "--builder", "default", "dial-stdio"]
        dials.append(
            subprocess.Popen(argv, stdin=connection, stdout=connection, stderr=subprocess.DEVNULL, env=dict(environ))
        )
        connection.close()
