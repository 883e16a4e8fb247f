"""The engine's socket: the real engine behind it, and a server of our own that answers badly or not at all."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_push.process import engine_socket

INFO = {"ServerVersion": "28.5.2", "RegistryConfig": {"Mirrors": ["http://localhost:5000/"]}}


def test_the_engine_says_of_registries_what_docker_info_says():
    path = Path(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))
    argv = ["docker", "info", "--format", "{{json .}}"]
    told = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)

    found = engine_socket.info(path)

    for key in ("ServerVersion", "RegistryConfig", "DockerRootDir", "OperatingSystem", "DriverStatus", "Architecture"):
        assert found[key] == told[key]


class Engine:
    """Answer one request after another with the same bytes; ``asked`` are the lines that were asked with."""

    def __init__(self, path: Path) -> None:
        self.path, self.asked, self.answer = path, [], b""
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def says(self, body: bytes, status: str = "200 OK") -> Engine:
        self.answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        return self

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(4096).split(b"\r\n")[0].decode())
                connection.sendall(self.answer)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket may have 107 bytes
        made = Engine(Path(folder, "docker.sock"))
        yield made
        made.close()


def test_the_engine_s_answer_comes_back(engine: Engine):
    engine.says(json.dumps(INFO).encode())

    assert engine_socket.info(engine.path) == INFO
    assert engine.asked == ["GET /info HTTP/1.1"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{}", "500 no"), (b"<html>", "200 OK"), (b"[1]", "200 OK"), (b"[" * 100_000, "200 OK"), (b"\xff", "200 OK")],
)
def test_what_is_no_answer_says_nothing(engine: Engine, body: bytes, status: str):
    assert engine_socket.info(engine.says(body, status).path) == {}


def test_what_speaks_no_http_says_nothing(engine: Engine):
    engine.answer = b"SSH-2.0-OpenSSH\r\n"

    assert engine_socket.info(engine.path) == {}


def test_where_nobody_listens_nothing_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("")

    assert engine_socket.info(tmp_path / "gone") == {}
    assert engine_socket.info(tmp_path / "file") == {}
    assert engine_socket.info(tmp_path / ("long" * 50)) == {}
