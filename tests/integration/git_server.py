"""Repositories over HTTP: git's own http-backend behind a server of this machine that may want an Authorization header."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class GitServer:
    """A server's address, the header it wants, where it sends everybody else, and what it was sent: path and header."""

    url: str
    wanted: str = ""
    redirect: str = ""
    sent: list[tuple[str, str | None]] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    """A server of the repositories below a folder."""

    def __init__(self, folder: Path, wanted: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.state = GitServer(url=f"http://127.0.0.1:{self.server_port}", wanted=wanted)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        given = self.headers.get_all("Authorization") or []
        self.server.state.sent.append((self.path, ", ".join(given) or None))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.state.redirect:
            self.send_response(302)
            self.send_header("Location", self.server.state.redirect + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.server.state.wanted and given != [self.server.state.wanted]:
            self.send_response(401 if len(given) < 2 else 400)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._backend(body)

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        argv = ["git", "http-backend"]
        done = subprocess.run(argv, env=environ, input=body, capture_output=True, check=True, timeout=60)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [line.partition(": ")[::2] for line in head.decode().splitlines()]
        status = next((value for name, value in headers if name == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def git_server(folder: Path, wanted: str = "") -> Iterator[GitServer]:
    """Serve every repository below ``folder`` for reading, until the block ends."""
    server = _Server(folder, wanted)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
