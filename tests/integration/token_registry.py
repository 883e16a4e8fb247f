"""A registry behind a token server, as GHCR and Docker Hub are: 401 and Bearer, scopes, tokens that end.

A proxy before a real docker-registry. Tokens are opaque; what a token may do is known to this server alone, so a client
can only get in by the rules: distribution's "Token Authentication Specification" and its OAuth2 variant.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SERVICE = "tests.example"
_NAME = re.compile(r"/v2/(?P<name>.+?)/(?:manifests|blobs|tags)/")
_READS = frozenset({"GET", "HEAD"})
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user of the token server, with what it may do in every repository."""

    username: str
    password: str
    actions: frozenset[str]
    identity_token: str = ""


PUSHER = Account(
    username="pusher",
    password="right-Pa55:word",
    actions=frozenset({"pull", "push"}),
    identity_token="identity-of-pusher",
)
READER = Account(username="reader", password="reads-0nly", actions=frozenset({"pull"}))
ACCOUNTS = (PUSHER, READER)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as it came: ``authorization`` is the scheme alone."""

    method: str
    path: str
    authorization: str
    query: dict[str, list[str]]
    form: dict[str, list[str]]


@dataclass
class TokenRegistry:
    """What tests see and set: ``lifetime`` is how long a token is good, ``claimed`` what its answer says of that."""

    address: str
    upstream: str
    lifetime: float = 300.0
    claimed: int | None = 300
    field_name: str = "token"
    anonymous_pull: bool = False
    log: list[Seen] = field(default_factory=list)
    tokens: dict[str, tuple[frozenset[tuple[str, str]], float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def forget_tokens(self) -> None:
        """End every token that was given out."""
        with self.lock:
            self.tokens.clear()

    def reset(self) -> None:
        """Return to the settings of the start, with nothing logged."""
        self.lifetime, self.claimed, self.field_name, self.anonymous_pull = 300.0, 300, "token", False
        self.forget_tokens()
        self.log.clear()

    def token_requests(self) -> list[Seen]:
        return [seen for seen in self.log if seen.path == "/token"]

    def grant(self, scopes: list[str], actions: frozenset[str]) -> str:
        """Return a token for those of the asked scopes that are allowed."""
        granted = frozenset(
            (name, action)
            for scope in scopes
            for kind, name, wanted in [scope.split(":", 1)[:1] + scope.split(":", 1)[1].rsplit(":", 1)]
            if kind == "repository"
            for action in set(wanted.split(",")) & actions
        )
        token = secrets.token_urlsafe(24)
        with self.lock:
            self.tokens[token] = (granted, time.monotonic() + self.lifetime)
        return token

    def allows(self, token: str, name: str | None, action: str) -> tuple[bool, bool]:
        """Tell whether the token is good, and whether it covers the action."""
        with self.lock:
            granted, ends = self.tokens.get(token, (frozenset(), 0.0))
        return ends > time.monotonic(), name is None or (name, action) in granted


@contextmanager
def token_registry_server(upstream: str) -> Iterator[TokenRegistry]:
    """Run the proxy before the registry at ``upstream``, on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.state = TokenRegistry(address=f"127.0.0.1:{server.server_address[1]}", upstream=upstream)  # type: ignore[attr-defined]
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
    default_request_version = "HTTP/1.1"  # an answer to TLS needs a status line: Go turns to plain http by it
    timeout = 30

    @property
    def state(self) -> TokenRegistry:
        state: TokenRegistry = self.server.state  # type: ignore[attr-defined]
        return state

    def handle(self) -> None:
        """Serve a connection; a client may end it at any time, as builders do when they are told no."""
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *_arguments: object) -> None:
        """Stay silent: tests read ``TokenRegistry.log``."""

    def _serve(self) -> None:
        body = self._body()
        url = urlsplit(self.path)
        form = parse_qs(body.decode()) if url.path == "/token" and self.command == "POST" else {}
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        self.state.log.append(
            Seen(method=self.command, path=url.path, authorization=scheme, query=parse_qs(url.query), form=form)
        )
        if url.path == "/token":
            self._token(parse_qs(url.query) or form, scheme, value)
        else:
            self._registry(url.path, body, value if scheme == "Bearer" else "")

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _token(self, asked: dict[str, list[str]], scheme: str, value: str) -> None:
        account = self._account(asked, scheme, value)
        known = account is not None or (scheme == "" and self.command == "GET" and self.state.anonymous_pull)
        if asked.get("service") != [SERVICE] or not known:
            self._json(401, {"details": "incorrect username or password"})
            return
        scopes = [part for text in asked.get("scope", []) for part in text.split(" ")]
        actions = account.actions if account else frozenset({"pull"})
        field_name = "access_token" if self.command == "POST" else self.state.field_name
        answer: dict[str, object] = {field_name: self.state.grant(scopes, actions)}
        if self.state.claimed is not None:
            answer["expires_in"] = self.state.claimed
        self._json(200, answer)

    def _account(self, asked: dict[str, list[str]], scheme: str, value: str) -> Account | None:
        """Return who asks: Basic in a GET, an identity token or a password in a form."""
        pair = base64.b64decode(value).decode() if scheme == "Basic" else ""
        if self.command == "POST":
            pair = ":".join(asked.get(name, [""])[0] for name in ("username", "password"))
        identity = asked.get("refresh_token", [""])[0] if asked.get("grant_type") == ["refresh_token"] else ""
        for account in ACCOUNTS:
            if pair == f"{account.username}:{account.password}" or (identity and identity == account.identity_token):
                return account
        return None

    def _registry(self, path: str, body: bytes, token: str) -> None:
        match = _NAME.match(path)
        name = match["name"] if match else None
        action = "pull" if self.command in _READS else "push"
        good, covered = self.state.allows(token, name, action)
        if good and covered:
            self._forward(body)
            return
        wanted = f',scope="repository:{name}:{"pull" if action == "pull" else "pull,push"}"' if name else ""
        error = ',error="insufficient_scope"' if good else ',error="invalid_token"' if token else ""
        challenge = f'Bearer realm="http://{self.state.address}/token",service="{SERVICE}"{wanted}{error}'
        error_body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        self._json(401, error_body, {"WWW-Authenticate": challenge})

    def _forward(self, body: bytes) -> None:
        connection = http.client.HTTPConnection(self.state.upstream, timeout=30)
        headers = {key: value for key, value in self.headers.items() if key.lower() not in {*_HOP, "authorization"}}
        try:
            connection.request(self.command, self.path, body=body or None, headers=headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        kept = {key: value for key, value in answer.getheaders() if key.lower() not in _HOP}
        length = answer.getheader("Content-Length", str(len(data))) if self.command == "HEAD" else str(len(data))
        self._answer(answer.status, data, {**kept, "Content-Length": length})

    def _json(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(content).encode()
        self._answer(
            status, data, {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}
        )

    def _answer(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        data = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data
