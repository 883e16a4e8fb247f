"""A forward proxy of a test's own: CONNECT and plain requests, with a password where one is asked for."""

from __future__ import annotations

import base64
import http.client
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class ForwardProxy:
    """What tests see and set: ``log`` has ``METHOD target`` of each request, ``names`` maps hosts to where they are."""

    address: str
    login: str = ""
    refuses: int = 0
    log: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


@contextmanager
def forward_proxy() -> Iterator[ForwardProxy]:
    """Run the proxy on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.state = ForwardProxy(address=f"127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.state  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    @property
    def state(self) -> ForwardProxy:
        state: ForwardProxy = self.server.state  # type: ignore[attr-defined]
        return state

    def log_message(self, *_arguments: object) -> None:
        """Stay silent: tests read ``ForwardProxy.log``."""

    def _is_let_in(self) -> bool:
        self.state.log.append(f"{self.command} {self.path}")
        expected = f"Basic {base64.b64encode(self.state.login.encode()).decode()}"
        if self.state.login and self.headers.get("Proxy-Authorization") != expected:
            self._refuse(407, {"Proxy-Authenticate": 'Basic realm="tests"'})
            return False
        if self.state.refuses:
            self._refuse(self.state.refuses, {})
            return False
        return True

    def _refuse(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(key, value)
        self.end_headers()

    def _place(self, host: str) -> tuple[str, int]:
        name, _, port = self.state.names.get(host, host).rpartition(":")
        return name, int(port)

    def do_CONNECT(self) -> None:
        if not self._is_let_in():
            return
        with socket.create_connection(self._place(self.path), timeout=10) as far, suppress(OSError):
            self.send_response(200)
            self.end_headers()
            near = self.connection
            while True:
                readable, _, _ = select.select([near, far], [], [], 30)
                for one, other in ((near, far), (far, near)):
                    if one in readable:
                        data = one.recv(65536)
                        if not data:
                            return
                        other.sendall(data)
                if not readable:
                    return

    def _forward(self) -> None:
        if not self._is_let_in():
            return
        url = urlsplit(self.path)
        name, port = self._place(url.netloc)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        connection = http.client.HTTPConnection(name, port, timeout=30)
        try:
            kept = {key: value for key, value in self.headers.items() if not key.lower().startswith("proxy-")}
            connection.request(self.command, url._replace(scheme="", netloc="").geturl(), body or None, kept)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        self.send_response(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in {"connection", "transfer-encoding"}:
                self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward  # noqa: N815 - http.server's names
