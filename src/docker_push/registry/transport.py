"""Where a request leaves us: one value goes out, one comes back, every wait and every body is bounded.

``Send`` is the seam. ``Connections`` is the real one, over urllib3; tests hand in a function of their own, and the retry
policy is a ``Send`` around another (see ``retry``). Neither redirects nor netrc or cookies are followed here: what is
sent is exactly what the request says, through the proxy that ``Network`` names.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from docker_push.errors import RegistryError
from docker_push.registry.proxies import Proxy
from docker_push.registry.unanswered import unanswered

if TYPE_CHECKING:
    import urllib3

ERROR_LIMIT = 64 * 1024  # bytes of an error, a token answer: more is not one
_CHUNK = 64 * 1024
_POOLS = 16  # hosts whose connections are kept: the registry, its token server, its blob stores
_FIRST_ERROR = 400
_USER_AGENT = "docker-push"


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a request is a part of: the path of the repository, and when it began, by the client's clock."""

    repository: str
    began: float


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of a server.

    ``purpose`` is what a message says cannot be done, as in ``read ghcr.io/acme/api:main``; ``limit`` is the most bytes
    that are read of a good answer's body; ``call`` is one for all requests that a call needs, those for tokens too. The
    representation shows no header, no body and no query: they hold secrets. ``before_again`` is called before the request
    is sent again; what it raises ends the call.
    """

    purpose: str
    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    limit: int = ERROR_LIMIT
    call: Call | None = None
    before_again: Callable[[], None] | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """Return the host and port that are asked, without the rest of the URL."""
        return urlsplit(self.url).netloc.rpartition("@")[2]


@dataclass(frozen=True, kw_only=True)
class Response:
    """What a server answered: header names in lower case, ``complete`` false where the body was cut at the limit.

    ``attempts`` is how often the request was sent, ``seconds`` how long that took, where it was sent more than once.
    """

    status: int
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    complete: bool = True
    attempts: int = 1
    seconds: float = 0.0


Send = Callable[[Request], Response]
"""Deliver one request and return its answer, whatever its status; raises RegistryError where there is none."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of a client: open connections to each host, and seconds to connect, between two reads, and in all."""

    connections: int = 4
    connect: float = 10.0
    read: float = 60.0
    total: float = 300.0


@dataclass(frozen=True, kw_only=True)
class Network:
    """How connections are made: ``tls`` has the certificates, where they are not the system's alone (``certificates``).

    ``proxy`` returns the proxy for a URL, or ``None``; see ``proxies.proxy_for``. ``place`` returns where on the same host a
    URL is really asked for, which differs for a mirror that keeps a registry below a path.
    """

    tls: ssl.SSLContext | None = None
    proxy: Callable[[str], Proxy | None] = field(default=lambda _url: None)
    place: Callable[[str], str] = str


class Routes:
    """Pools of connections for each way out: directly, and through each proxy; safe among threads."""

    def __init__(self, network: Network, **options: Any) -> None:  # noqa: ANN401 - urllib3's
        self.headers = {"User-Agent": _USER_AGENT}
        self._network = network
        self._options = {"ssl_context": network.tls, **options}
        self._lock = threading.Lock()
        self._pools: dict[Proxy | None, urllib3.PoolManager] = {}

    def urlopen(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:  # noqa: ANN401 - urllib3's
        """Send a request on its way."""
        return self._through(self._network.proxy(url)).urlopen(method, self._network.place(url), **options)

    def proxy_of(self, url: str) -> str:
        """Return the proxy that ``url`` is asked through, as ``host:port``, or nothing."""
        proxy = self._network.proxy(url)
        return proxy.address if proxy else ""

    def clear(self) -> None:
        """Close every connection."""
        with self._lock:
            for pools in self._pools.values():
                pools.clear()

    def _through(self, proxy: Proxy | None) -> urllib3.PoolManager:
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = self._made(proxy)
            return self._pools[proxy]

    def _made(self, proxy: Proxy | None) -> urllib3.PoolManager:
        import urllib3  # noqa: PLC0415 - heavy: `invoke --list` must not pay for it

        if proxy is None:
            return urllib3.PoolManager(**self._options)
        headers = {"User-Agent": _USER_AGENT}
        if proxy.username or proxy.password:
            headers["Proxy-Authorization"] = proxy.authorization
        return urllib3.ProxyManager(proxy.url, proxy_headers=headers, **self._options)


class Connections:
    """Send requests over pooled connections (the real ``Send``; see ``pooled``). Nothing is repeated here."""

    def __init__(self, pools: Routes, *, clock: Callable[[], float], limits: Limits) -> None:
        self._pools = pools
        self._clock = clock
        self._limits = limits

    def __call__(self, request: Request) -> Response:
        """Deliver ``request``; raises RegistryError with the host and the next step where no answer comes."""
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            return self._exchange(request)
        except HTTPError as error:
            raise unanswered(request, error, self._limits, self._pools.proxy_of(request.url)) from error

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
                    transient=True,
                )
        return bytes(body), True


def pooled(*, clock: Callable[[], float], limits: Limits, network: Network) -> Connections:
    """Return connections of urllib3: no retry, no redirect."""
    from urllib3 import Timeout  # noqa: PLC0415 - heavy: `invoke --list` must not pay for it

    routes = Routes(
        network,
        num_pools=_POOLS,
        maxsize=limits.connections,
        block=True,
        timeout=Timeout(connect=limits.connect, read=limits.read),
        retries=False,
    )
    return Connections(routes, clock=clock, limits=limits)
