"""What a fault proxy does to a request, as values: a rule says to which one, an action what happens to it.

An action is a function of an ``Exchange``: one request that is being answered. It may ask for the answer that the
registry really gives (``exchange.real()``), change it, hold it back, lose it, or send its own.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

FOREVER = 10**9


@dataclass(kw_only=True)
class Seen:
    """A request as it came, in the order of arrival.

    ``authorization`` is the scheme alone; ``headers`` have lower-case names; ``at`` is when, in seconds of
    ``time.monotonic``. ``status`` is what was answered, 0 where nothing was; ``fault`` tells that a rule answered it.
    """

    method: str
    path: str
    authorization: str
    query: dict[str, list[str]]
    form: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    at: float = field(default_factory=time.monotonic)
    status: int = 0
    fault: bool = False

    @property
    def who(self) -> str:
        """Return who asks, by the user agent: ``ours``, ``engine`` (BuildKit, dockerd, docker login) or its own name."""
        agent = self.headers.get("user-agent", "")
        if agent.startswith("docker-push"):
            return "ours"
        return "engine" if re.match(r"docker/|buildkit/|containerd/|Docker-Client/", agent) else agent

    @property
    def reference(self) -> str:
        """Return the tag or digest of a request for a manifest, else nothing."""
        return self.path.rpartition("/manifests/")[2] if "/manifests/" in self.path else ""

    def __str__(self) -> str:
        return f"{self.who}: {self.method} {self.path} -> {self.status}{' (fault)' if self.fault else ''}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer as it goes out; ``length`` is the Content-Length where that is not the body's (of a HEAD)."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None

    def with_header(self, name: str, value: str) -> Answer:
        return replace(
            self,
            headers={key: text for key, text in self.headers.items() if key.lower() != name.lower()} | {name: value},
        )


class Exchange(Protocol):
    """One request that is being answered."""

    seen: Seen

    @property
    def body(self) -> bytes:
        """Return the whole body of the request."""

    def real(self) -> Answer:
        """Return the answer of the token server or the registry, asked now."""

    def remembered(self) -> Answer | None:
        """Return the last real answer to the same request, before this one."""

    def written(self) -> float | None:
        """Return the seconds since the path that is asked for was last written, or ``None``."""

    def send(self, answer: Answer, *, most: int | None = None, pace: Callable[[int], None] | None = None) -> None:
        """Send ``answer``, or the first ``most`` bytes of its body; ``pace`` is called before each piece with its size."""

    def read(self, count: int) -> None:
        """Read so many bytes of the request's body and no more."""

    def drop(self) -> None:
        """Close the connection in order (FIN), with nothing more sent."""

    def reset(self) -> None:
        """Break the connection (RST)."""


Action = Callable[[Exchange], None]


@dataclass(kw_only=True)
class Rule:
    """Which requests an action is for: those that match, from the ``first`` to match on, ``count`` of them.

    ``method`` and ``path`` are regular expressions: of the whole method, and anywhere in the path with its query. ``who``
    is as ``Seen.who``. A request that a rule before took is not counted.
    """

    method: str
    path: str
    action: Action
    first: int = 1
    count: int = FOREVER
    who: str | None = None
    matched: int = 0
    hits: int = 0

    def takes(self, seen: Seen, target: str) -> bool:
        """Count the request where it matches, and tell whether the action is for it; called under the proxy's lock."""
        if not re.fullmatch(self.method, seen.method) or not re.search(self.path, target):
            return False
        if self.who not in {None, seen.who}:
            return False
        self.matched += 1
        taken = self.first <= self.matched < self.first + self.count
        self.hits += taken
        return taken


def errors(code: str, message: str) -> bytes:
    """Return the body of an error as the distribution-spec has it."""
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


def sequence(*actions: Action) -> Action:
    """Meet each request that comes with the next of ``actions``, and all further ones with the last."""
    turns = iter(actions)

    def act(exchange: Exchange) -> None:
        next(turns, actions[-1])(exchange)

    return act


def after(before: Callable[[], object], action: Action | None = None) -> Action:
    """Do something of the test's own first, such as ending all tokens."""

    def act(exchange: Exchange) -> None:
        before()
        (action or passed)(exchange)

    return act


def status(code: int, body: bytes | str = b"", headers: Mapping[str, str] | None = None) -> Action:
    """Answer with a status, the request never reaching the registry; a JSON body says that it is one."""
    data = body.encode() if isinstance(body, str) else body
    kind = "application/json" if data.startswith(b"{") else "text/html" if data.startswith(b"<") else "text/plain"
    answer = Answer(status=code, body=data, headers={"Content-Type": kind, **(headers or {})})

    def act(exchange: Exchange) -> None:
        _ = exchange.body
        exchange.send(answer)

    return act


def delayed(seconds: float, action: Action | None = None) -> Action:
    """Wait before the registry is asked (or before ``action``)."""

    def act(exchange: Exchange) -> None:
        time.sleep(seconds)
        (action or passed)(exchange)

    return act


def held(until: threading.Event, most: float = 30.0, action: Action | None = None) -> Action:
    """Hold the request back until a test lets it go, or for ``most`` seconds."""

    def act(exchange: Exchange) -> None:
        until.wait(most)
        (action or passed)(exchange)

    return act


def passed(exchange: Exchange) -> None:
    """Answer as the registry does."""
    exchange.send(exchange.real())


def reset(exchange: Exchange) -> None:
    """Break the connection at once."""
    exchange.reset()


def reset_after(count: int) -> Action:
    """Break the connection after so many bytes of the request's body."""

    def act(exchange: Exchange) -> None:
        exchange.read(count)
        exchange.reset()

    return act


def truncated(count: int) -> Action:
    """Promise the whole answer and end the connection after so many bytes of its body."""

    def act(exchange: Exchange) -> None:
        exchange.send(exchange.real(), most=count)
        exchange.drop()

    return act


def lost(exchange: Exchange) -> None:
    """Let the registry do it, and lose the answer."""
    exchange.real()
    exchange.drop()


def present(size: int = 1) -> Action:
    """Claim that something is there: 200, as an existing blob is answered."""

    def act(exchange: Exchange) -> None:
        digest = exchange.seen.path.rpartition("/")[2]
        headers = {"Docker-Content-Digest": digest, "Content-Type": "application/octet-stream"}
        exchange.send(Answer(status=200, headers=headers, length=size))

    return act


def changed(change: Callable[[Answer], Answer]) -> Action:
    """Change the real answer on its way."""

    def act(exchange: Exchange) -> None:
        exchange.send(change(exchange.real()))

    return act


def wrong_digest(digest: str = f"sha256:{'0' * 64}") -> Action:
    """Claim another digest than the bytes have, in the header alone."""
    return changed(lambda answer: answer.with_header("Docker-Content-Digest", digest))


def altered(old: bytes, new: bytes) -> Action:
    """Change the bytes of the answer, and nothing of what is said of them."""
    return changed(lambda answer: replace(answer, body=answer.body.replace(old, new)))


def lagging(seconds: float) -> Action:
    """Answer 404 to what was written less than so many seconds ago."""

    def act(exchange: Exchange) -> None:
        since = exchange.written()
        if since is None or since > seconds:
            passed(exchange)
        else:
            exchange.send(Answer(status=404, body=errors("MANIFEST_UNKNOWN", "manifest unknown")))

    return act


def stale(seconds: float) -> Action:
    """Answer what was there before, for so many seconds after a write."""

    def act(exchange: Exchange) -> None:
        before, since = exchange.remembered(), exchange.written()
        exchange.send(before if before and since is not None and since <= seconds else exchange.real())

    return act


def redirected(address: str, code: int = 307) -> Action:
    """Send the client to the same path and query of another server."""

    def act(exchange: Exchange) -> None:
        _ = exchange.body
        base = address if "://" in address else f"http://{address}"
        query = "&".join(f"{name}={value}" for name, values in exchange.seen.query.items() for value in values)
        location = f"{base}{exchange.seen.path}{f'?{query}' if query else ''}"
        exchange.send(Answer(status=code, headers={"Location": location}))

    return act


def dripped(rate: float) -> Action:
    """Send the answer's body at so many bytes a second."""

    def act(exchange: Exchange) -> None:
        exchange.send(exchange.real(), pace=lambda count: time.sleep(count / rate))

    return act
