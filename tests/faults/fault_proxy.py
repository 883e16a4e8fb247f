"""A proxy before a real registry that fails on purpose, and writes down every request in the order of arrival.

Engine and client both go through it. It keeps the Host header, so that the Locations of uploads lead back through it.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fault_rules import FOREVER, Action, Answer, Rule, Seen, passed
from token_registry import TokenRegistry

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_TIMEOUT = 60.0  # seconds that a client may be silent
_PIECE = 1024
_TLS_HANDSHAKE = b"\x16"
_PLAIN_ON_TLS = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
)


@dataclass(kw_only=True)
class FaultProxy:
    """What tests see and set: ``rules`` are looked at in their order, the first that takes a request answers it.

    ``tokens`` is a token server under ``/token`` whose tokens are then needed for everything; without it all is open.
    ``errors`` are faults of the proxy itself, which no test asked for.
    """

    address: str
    upstream: str
    tokens: TokenRegistry | None = None
    rules: list[Rule] = field(default_factory=list)
    log: list[Seen] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    writes: dict[str, float] = field(default_factory=dict)
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)

    def fault(
        self, method: str, path: str, action: Action, *, first: int = 1, count: int = FOREVER, who: str | None = None
    ) -> Rule:
        """Add a rule and return it, to look at its ``hits``."""
        rule = Rule(method=method, path=path, action=action, first=first, count=count, who=who)
        with self.lock:
            self.rules.append(rule)
        return rule

    def nth(self, number: int, action: Action, *, who: str | None = None) -> Rule:
        """Let the ``number``-th request from now on (1 is the next) meet ``action``."""
        return self.fault(".*", "", action, first=number, count=1, who=who)

    def clear(self) -> None:
        """Go on without faults, with an empty log."""
        with self.lock:
            self.rules.clear()
            self.log.clear()

    def reset(self) -> None:
        """Return to the state of the start."""
        self.clear()
        with self.lock:
            self.writes.clear()
            self.answers.clear()

    def requests(self, method: str = ".*", path: str = "", who: str | None = None) -> list[Seen]:
        """Return the requests that match, in order, as a rule would."""
        rule = Rule(method=method, path=path, action=passed, who=who)
        with self.lock:
            return [seen for seen in self.log if rule.takes(seen, seen.path)]

    def put(self, who: str | None = None) -> list[str]:
        """Return the tags and digests that manifests were really put under, in order."""
        good = range(200, 300)
        return [one.reference for one in self.requests("PUT", "/manifests/", who) if one.status in good]

    def record(self, seen: Seen, target: str) -> Action:
        """Write a request down and return what happens to it."""
        with self.lock:
            self.log.append(seen)
            rule = next((rule for rule in self.rules if rule.takes(seen, target)), None)
            seen.fault = rule is not None
            return rule.action if rule else passed


@contextmanager
def fault_proxy(
    upstream: str, *, tokens: TokenRegistry | None = None, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[FaultProxy]:
    """Run a proxy before the registry at ``upstream``, on a free port of ``host``."""
    server = _Server((host, 0), tls)
    server.proxy = FaultProxy(address=f"{host}:{server.server_address[1]}", upstream=upstream, tokens=tokens)
    if tokens:
        tokens.address, tokens.log = server.proxy.address, server.proxy.log
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.proxy
        assert server.proxy.errors == []
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    proxy: FaultProxy

    def __init__(self, address: tuple[str, int], tls: ssl.SSLContext | None) -> None:
        self.tls = tls
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without looking up the name of the address, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """Keep what went wrong for the test, unless a client merely went away."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, (ConnectionError, TimeoutError, ssl.SSLError)):
            self.proxy.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # an answer to TLS needs a status line: Go turns to plain http by it
    timeout = _TIMEOUT
    server: _Server

    def setup(self) -> None:
        """Speak TLS where this server does; plain http on that port gets the answer that Go's servers give."""
        if self.server.tls:
            if self.request.recv(1, socket.MSG_PEEK) != _TLS_HANDSHAKE:
                with suppress(OSError):
                    self.request.sendall(_PLAIN_ON_TLS)
                raise ConnectionAbortedError
            self.request.settimeout(_TIMEOUT)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        """Close what TLS put around the connection: the server knows of the bare one alone."""
        super().finish()
        if self.server.tls:
            self.request.close()

    def handle(self) -> None:
        """Serve a connection; a client may end it at any time, as builders do when they are told no."""
        with suppress(ConnectionError, TimeoutError, ssl.SSLError):
            super().handle()

    def log_message(self, *_arguments: object) -> None:
        """Stay silent: tests read ``FaultProxy.log``."""

    def _serve(self) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(
            method=self.command,
            path=url.path,
            authorization=headers.get("authorization", "").partition(" ")[0],
            query=parse_qs(url.query, keep_blank_values=True),
            headers=headers,
        )
        action = self.server.proxy.record(seen, self.path)
        exchange = _Exchange(self, seen)
        action(exchange)
        exchange.finish()

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names


class _Exchange:
    """One request that is being answered (``fault_rules.Exchange``)."""

    def __init__(self, handler: _Handler, seen: Seen) -> None:
        self.seen = seen
        self._handler = handler
        self._proxy = handler.server.proxy
        self._read: bytes | None = None
        self._before = self._proxy.answers.get((seen.method, seen.path))

    @property
    def body(self) -> bytes:
        if self._read is None:
            self._read = self._chunks() if self._is_chunked() else self._handler.rfile.read(self._length())
            if self.seen.path == "/token" and self.seen.method == "POST":
                self.seen.form = parse_qs(self._read.decode())
        return self._read

    def real(self) -> Answer:
        answer = self._answer()
        with self._proxy.lock:
            if answer.status == http.client.CREATED and self.seen.method == "PUT":
                digest = answer.headers.get("Docker-Content-Digest", "")
                for reference in {self.seen.path, f"{self.seen.path.rpartition('/')[0]}/{digest}"}:
                    self._proxy.writes[reference] = time.monotonic()
            else:
                self._proxy.answers[self.seen.method, self.seen.path] = answer
        return answer

    def remembered(self) -> Answer | None:
        return self._before

    def written(self) -> float | None:
        written = self._proxy.writes.get(self.seen.path)
        return None if written is None else time.monotonic() - written

    def send(self, answer: Answer, *, most: int | None = None, pace: Callable[[int], None] | None = None) -> None:
        handler = self._handler
        self.seen.status = answer.status
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
        handler.end_headers()
        if self.seen.method == "HEAD":
            return
        data = answer.body if most is None else answer.body[:most]
        for start in range(0, len(data), _PIECE if pace else max(len(data), 1)):
            piece = data[start : start + _PIECE] if pace else data
            if pace:
                pace(len(piece))
            handler.wfile.write(piece)

    def read(self, count: int) -> None:
        self._handler.rfile.read(count)
        self._read = b""

    def drop(self) -> None:
        self._handler.close_connection = True

    def reset(self) -> None:
        self._handler.close_connection = True
        connection = self._handler.connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())  # at once: reader and writer of the handler would keep it open

    def finish(self) -> None:
        """Never take what is left of a request's body for the next request."""
        if self._read is None and not self._handler.close_connection:
            _ = self.body

    def _answer(self) -> Answer:
        tokens, body = self._proxy.tokens, self.body
        if tokens is None:
            return self._forward(body)
        if self.seen.path == "/token":
            return tokens.token(self.seen)
        return tokens.refusal(self.seen) or self._forward(body)

    def _forward(self, body: bytes) -> Answer:
        handler = self._handler
        connection = http.client.HTTPConnection(self._proxy.upstream, timeout=_TIMEOUT)
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in _HOP}
        if handler.server.tls:
            headers["X-Forwarded-Proto"] = "https"  # the Locations of uploads are made from it
        if self._proxy.tokens:
            headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        if self._is_chunked() or "content-length" in self.seen.headers:
            headers["Content-Length"] = str(len(body))
        try:
            connection.request(handler.command, handler.path, body=body or None, headers=headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
        length = int(answer.getheader("Content-Length", "0")) if handler.command == "HEAD" else None
        return Answer(status=answer.status, body=data, headers=kept, length=length)

    def _is_chunked(self) -> bool:
        return self.seen.headers.get("transfer-encoding", "").lower() == "chunked"

    def _length(self) -> int:
        return int(self.seen.headers.get("content-length", "0"))

    def _chunks(self) -> bytes:
        source, data = self._handler.rfile, b""
        while size := int(source.readline().split(b";")[0] or b"0", 16):
            data += source.read(size)
            source.readline()
        source.readline()
        return data
