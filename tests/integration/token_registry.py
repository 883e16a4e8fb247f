"""A token server, as GHCR and Docker Hub have one: 401 and Bearer, scopes, tokens that end.

It answers inside a fault proxy, before a real docker-registry that is open. Tokens are opaque; what a token may do is
known to this server alone, so a client can only get in by the rules: distribution's "Token Authentication Specification"
and its OAuth2 variant.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import threading
import time
from dataclasses import dataclass, field, replace

from fault_rules import Answer, Seen

SERVICE = "tests.example"
_NAME = re.compile(r"/v2/(?P<name>.+?)/(?:manifests|blobs|tags)/")
_READS = frozenset({"GET", "HEAD"})


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


@dataclass
class TokenRegistry:
    """What tests see and set: ``lifetime`` is how long a token is good, ``claimed`` and ``issued_at`` what is said of that.

    ``calls`` is after how many good answers every account is revoked; ``realm`` is where clients are sent for a token,
    where that is not this server.
    """

    accounts: tuple[Account, ...] = (PUSHER, READER)
    address: str = ""
    scheme: str = "http"
    lifetime: float = 300.0
    claimed: int | float | str | None = 300
    issued_at: str | None = None
    field_name: str = "token"
    anonymous_pull: bool = False
    calls: int | None = None
    realm: str | None = None
    log: list[Seen] = field(default_factory=list)
    tokens: dict[str, tuple[frozenset[tuple[str, str]], float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def forget_tokens(self) -> None:
        """End every token that was given out."""
        with self.lock:
            self.tokens.clear()

    def reset(self) -> None:
        """Return to the settings of the start, with nothing logged."""
        self.lifetime, self.claimed, self.issued_at, self.field_name = 300.0, 300, None, "token"
        self.anonymous_pull, self.calls, self.realm = False, None, None
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

    def token(self, seen: Seen) -> Answer:
        """Answer a request for a token."""
        asked = seen.query or seen.form
        account = self._account(seen)
        anonymous = seen.authorization == "" and seen.method == "GET" and self.anonymous_pull
        if asked.get("service") != [SERVICE] or not (account or anonymous) or (account and self._is_revoked()):
            return _json(401, {"details": "incorrect username or password"})
        scopes = [part for text in asked.get("scope", []) for part in text.split(" ")]
        actions = account.actions if account else frozenset({"pull"})
        field_name = "access_token" if seen.method == "POST" else self.field_name
        answer: dict[str, object] = {field_name: self.grant(scopes, actions)}
        answer |= {"expires_in": self.claimed} if self.claimed is not None else {}
        answer |= {"issued_at": self.issued_at} if self.issued_at is not None else {}
        return _json(200, answer)

    def refusal(self, seen: Seen) -> Answer | None:
        """Return the challenge for a request of the registry, or ``None`` where its token covers it."""
        match = _NAME.match(seen.path)
        name = match["name"] if match else None
        action = "pull" if seen.method in _READS else "push"
        scheme, _, token = seen.headers.get("authorization", "").partition(" ")
        good, covered = self.allows(token if scheme == "Bearer" else "", name, action)
        if good and covered:
            return None
        wanted = f',scope="repository:{name}:{"pull" if action == "pull" else "pull,push"}"' if name else ""
        error = ',error="insufficient_scope"' if good else ',error="invalid_token"' if scheme == "Bearer" else ""
        realm = self.realm or f"{self.scheme}://{self.address}/token"
        challenge = f'Bearer realm="{realm}",service="{SERVICE}"{wanted}{error}'
        body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        return replace(_json(401, body), headers={"Content-Type": "application/json", "WWW-Authenticate": challenge})

    def _is_revoked(self) -> bool:
        with self.lock:
            if self.calls is None:
                return False
            self.calls -= 1
            return self.calls < 0

    def _account(self, seen: Seen) -> Account | None:
        """Return who asks: Basic in a GET, an identity token or a password in a form."""
        scheme, _, value = seen.headers.get("authorization", "").partition(" ")
        pair = base64.b64decode(value).decode() if scheme == "Basic" else ""
        if seen.method == "POST":
            pair = ":".join(seen.form.get(name, [""])[0] for name in ("username", "password"))
        identity = seen.form.get("refresh_token", [""])[0] if seen.form.get("grant_type") == ["refresh_token"] else ""
        for account in self.accounts:
            if pair == f"{account.username}:{account.password}" or (identity and identity == account.identity_token):
                return account
        return None


def _json(status: int, content: object) -> Answer:
    return Answer(status=status, body=json.dumps(content).encode(), headers={"Content-Type": "application/json"})
