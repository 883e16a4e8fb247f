"""Where a request leaves us: one value goes out, one comes back, every wait and every body is bounded.

``Send`` is the seam. ``Connections`` is the real one, over urllib3; tests hand in a function of their own, and a retry
policy is a ``Send`` around another. Neither redirects nor netrc, cookies or proxies of the environment are followed
here: what is sent is exactly what the request says.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from docker_push.errors import RegistryError

if TYPE_CHECKING:
    import urllib3
    from urllib3.exceptions import HTTPError

ERROR_LIMIT = 64 * 1024  # bytes of an error, a token answer: more is not one
_CHUNK = 64 * 1024
_POOLS = 16  # hosts whose connections are kept: the registry, its token server, its blob stores
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT"})  # RFC 9110, section 9.2.2; POST is not
_FIRST_ERROR = 400


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of a server.

    ``purpose`` is what a message says cannot be done, as in ``read ghcr.io/acme/api:main``; ``limit`` is the most bytes
    that are read of a good answer's body. The representation shows no header, no body and no query: they hold secrets.
    """

    purpose: str
    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    limit: int = ERROR_LIMIT

    @property
    def host(self) -> str:
        """Return the host and port that are asked, without the rest of the URL."""
        return urlsplit(self.url).netloc.rpartition("@")[2]


@dataclass(frozen=True, kw_only=True)
class Response:
    """What a server answered: header names in lower case, ``complete`` false where the body was cut at the limit."""

    status: int
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    complete: bool = True


Send = Callable[[Request], Response]
"""Deliver one request and return its answer, whatever its status; raises RegistryError where there is none."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of a client: open connections to each host, and seconds to connect, between two reads, and in all."""

    connections: int = 4
    connect: float = 10.0
    read: float = 60.0
    total: float = 300.0


class Connections:
    """Send requests over pooled connections (the real ``Send``; see ``pooled``).

    A request that may be repeated is sent once more, at once, where its connection was closed before an answer came:
    a pooled connection that the server gave up in the meantime looks just like that. Nothing else is repeated here.
    """

    def __init__(self, pools: urllib3.PoolManager, *, clock: Callable[[], float], limits: Limits) -> None:
        self._pools = pools
        self._clock = clock
        self._limits = limits

    def __call__(self, request: Request) -> Response:
        """Deliver ``request``; raises RegistryError with the host and the next step where no answer comes."""
        from urllib3.exceptions import HTTPError, ProtocolError  # noqa: PLC0415

        try:
            return self._exchange(request)
        except HTTPError as error:
            if not isinstance(error, ProtocolError) or request.method not in _IDEMPOTENT:
                raise unanswered(request, error, self._limits) from error
        try:
            return self._exchange(request)
        except HTTPError as error:
            raise unanswered(request, error, self._limits) from error

    def close(self) -> None:
        """Close every connection that is kept open."""
        self._pools.clear()

    def _exchange(self, request: Request) -> Response:
        deadline = self._clock() + self._limits.total
        answer = self._pools.urlopen(
            request.method,
            request.url,
            body=request.body,
            headers={**self._pools.headers, **request.headers},
            redirect=False,
            preload_content=False,
            decode_content=False,  # a digest is of the bytes as they were sent
            pool_timeout=self._limits.total,
        )
        limit = request.limit if answer.status < _FIRST_ERROR else ERROR_LIMIT
        try:
            body, complete = self._read(request, answer, limit, deadline)
        except BaseException:
            answer.close()
            raise
        answer.release_conn()
        headers = {name.lower(): value for name, value in answer.headers.itermerged()}
        return Response(status=answer.status, url=request.url, headers=headers, body=body, complete=complete)

    def _read(
        self, request: Request, answer: urllib3.BaseHTTPResponse, limit: int, deadline: float
    ) -> tuple[bytes, bool]:
        """Read at most ``limit`` bytes, each as soon as it comes, so that a slow drip cannot outlast the deadline."""
        body = bytearray()
        while chunk := answer.read1(_CHUNK):
            body += chunk
            if len(body) > limit:
                answer.close()  # the rest is not wanted, and the connection is of no further use
                return bytes(body[:limit]), False
            if self._clock() > deadline:
                hint = "Try again; if it stays so, the registry or the network to it is overloaded."
                raise RegistryError(
                    f"cannot {request.purpose}: {request.host} was still answering after {self._limits.total:g} s",
                    hint=hint,
                )
        return bytes(body), True


def pooled(
    *, user_agent: str, clock: Callable[[], float], limits: Limits, tls: ssl.SSLContext | None = None
) -> Connections:
    """Return connections of urllib3: no retry, no redirect, the system's authorities unless ``tls`` names others."""
    import urllib3  # noqa: PLC0415 - heavy: `invoke --list` must not pay for it

    pools = urllib3.PoolManager(
        num_pools=_POOLS,
        maxsize=limits.connections,
        block=True,
        headers={"User-Agent": user_agent},
        timeout=urllib3.Timeout(connect=limits.connect, read=limits.read),
        retries=False,
        ssl_context=tls,
    )
    return Connections(pools, clock=clock, limits=limits)


def unanswered(request: Request, error: HTTPError, limits: Limits) -> RegistryError:
    """Return the error that says why no answer came, and what to do."""
    cause, hint = _cause(request.host, error, limits)
    return RegistryError(f"cannot {request.purpose}: {cause}", hint=hint)


def _cause(host: str, error: HTTPError, limits: Limits) -> tuple[str, str]:
    from urllib3 import exceptions  # noqa: PLC0415

    address = "Check the registry's address ([registry] domain, DOMAIN) and the network of this machine."
    again = "Run the same command again; this request left nothing half-done."
    if isinstance(error, exceptions.SSLError):
        return _tls_cause(host, str(error))
    causes: tuple[tuple[type[HTTPError], str, str], ...] = (  # a class before those it derives from
        (exceptions.NameResolutionError, f"{host} has no address (DNS)", address),
        (exceptions.NewConnectionError, f"no connection to {host} ({_reason(error)})", address),
        (exceptions.ConnectTimeoutError, f"{host} took no connection within {limits.connect:g} s", address),
        (exceptions.TimeoutError, f"{host} sent nothing for {limits.read:g} s", again),
        (exceptions.ProtocolError, f"{host} closed the connection before its answer was whole", again),
    )
    for kind, cause, hint in causes:
        if isinstance(error, kind):
            return cause, hint
    return f"{host} did not answer as HTTP ({type(error).__name__})", address


def _tls_cause(host: str, text: str) -> tuple[str, str]:
    """Tell what OpenSSL's words mean for the reader: no trust, or no TLS at all on that port."""
    if "CERTIFICATE_VERIFY_FAILED" in text:
        reason = text.partition("verify failed:")[2].partition(" (_ssl")[0].strip() or "it cannot be verified"
        hint = "Add the certificate authority to this machine's trusted ones, or name its file in SSL_CERT_FILE."
        return f"the TLS certificate of {host} is not trusted here ({reason})", hint
    if any(
        word in text for word in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL")
    ):
        hint = (
            "If that network is trusted, set insecure = true in [registry] of build.toml; otherwise use its TLS port."
        )
        return f"{host} does not speak TLS on that port (plain http)", hint
    return f"the TLS handshake with {host} failed", "Check the registry's address and its TLS set-up."


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error.__context__
    return (cause.strerror or "it failed") if isinstance(cause, OSError) else "it failed"
