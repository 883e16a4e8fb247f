from __future__ import annotations

import http.client
import io
import itertools
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3
from urllib3 import exceptions

from docker_push.errors import RegistryError
from docker_push.registry.proxies import Proxy
from docker_push.registry.transport import ERROR_LIMIT, Connections, Limits, Network, Request, Routes, pooled
from docker_push.registry.unanswered import is_closed_connection, unanswered

LIMITS = Limits(connect=3, read=4, total=50)
Step = Callable[[], urllib3.HTTPResponse]


def answer(status: int = 200, body: bytes = b"", **headers: str) -> urllib3.HTTPResponse:
    names = urllib3.HTTPHeaderDict({name.replace("_", "-"): value for name, value in headers.items()})
    return urllib3.HTTPResponse(io.BytesIO(body), status=status, headers=names, preload_content=False)


class Pools:
    """Stands where urllib3's pools stand: gives answers of urllib3, or raises its errors; no socket."""

    def __init__(self, *steps: urllib3.HTTPResponse | exceptions.HTTPError) -> None:
        self.headers = {"User-Agent": "tests"}
        self.steps = iter(steps)
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.cleared = False
        self.proxy = ""

    def urlopen(self, method: str, url: str, **options: Any) -> urllib3.HTTPResponse:
        self.asked.append((method, url, options))
        step = next(self.steps)
        if isinstance(step, exceptions.HTTPError):
            raise step
        return step

    def proxy_of(self, _url: str) -> str:
        return self.proxy

    def clear(self) -> None:
        self.cleared = True


def connections(pools: Pools, times: Iterator[float] | None = None) -> Connections:
    clock = times or itertools.repeat(0.0)
    return Connections(pools, clock=lambda: next(clock), limits=LIMITS)  # type: ignore[arg-type]


def request(method: str = "GET", limit: int = 1000) -> Request:
    return Request(purpose="read x", method=method, url="https://ghcr.io:444/v2/?q=s3cret", limit=limit)


def test_a_request_goes_as_it_is_and_its_answer_comes_as_it_is():
    pools = Pools(answer(201, b"body", Content_Type="a/b", WWW_Authenticate="Basic"))
    sent = Request(purpose="x", method="PUT", url="https://ghcr.io/a", headers={"Accept": "y"}, body=b"{}")

    response = connections(pools)(sent)

    assert (response.status, response.body, response.complete, response.url) == (201, b"body", True, sent.url)
    assert response.headers == {"content-type": "a/b", "www-authenticate": "Basic"}
    method, url, options = pools.asked[0]
    assert (method, url, options["body"]) == ("PUT", sent.url, b"{}")
    assert options["headers"] == {"User-Agent": "tests", "Accept": "y"}
    assert options["redirect"] is False


def test_headers_that_come_twice_are_one_list():
    headers = urllib3.HTTPHeaderDict([("WWW-Authenticate", "Negotiate"), ("WWW-Authenticate", "Basic")])
    pools = Pools(urllib3.HTTPResponse(io.BytesIO(), status=401, headers=headers, preload_content=False))

    assert connections(pools)(request()).headers["www-authenticate"] == "Negotiate, Basic"


@pytest.mark.parametrize(
    ("status", "size", "read", "complete"),
    [
        (200, 1000, 1000, True),
        (200, 1001, 1000, False),
        (200, 10**6, 1000, False),
        (404, 5000, 5000, True),
        (404, ERROR_LIMIT + 1, ERROR_LIMIT, False),
    ],
)
def test_no_more_is_read_than_the_limit(status, size, read, complete):
    response = connections(Pools(answer(status, b"x" * size)))(request())

    assert (len(response.body), response.complete) == (read, complete)


def test_a_slow_drip_ends_at_the_deadline():
    times = itertools.count(0.0, 30.0)

    with pytest.raises(RegistryError, match=r"cannot read x: ghcr\.io:444 was still answering after 50 s") as raised:
        connections(Pools(answer(200, b"x" * 500_000)), times)(request(limit=10**6))
    assert raised.value.transient


def closed() -> exceptions.ProtocolError:
    return exceptions.ProtocolError("Connection aborted.", http.client.RemoteDisconnected("closed"))


def test_nothing_is_repeated_here():
    pools = Pools(closed(), answer(200, b"there"))

    with pytest.raises(RegistryError, match="closed the connection before its answer was whole") as raised:
        connections(pools)(request())

    assert len(pools.asked) == 1
    assert is_closed_connection(raised.value)


def test_a_server_that_stays_silent_has_not_closed_the_connection():
    pools = Pools(exceptions.ReadTimeoutError(None, "/", "slow"))  # type: ignore[arg-type]

    with pytest.raises(RegistryError, match="sent nothing for 4 s") as raised:
        connections(pools)(request())

    assert not is_closed_connection(raised.value)


def new_connection_error(cause: OSError | None) -> exceptions.HTTPError:
    error = exceptions.NewConnectionError(None, "failed")  # type: ignore[arg-type]
    error.__cause__ = cause
    return error


TLS = "[SSL: {}] {} (_ssl.c:992)".format


@pytest.mark.parametrize(
    ("error", "said", "hint"),
    [
        (
            exceptions.NameResolutionError("ghcr.io", None, socket.gaierror()),  # type: ignore[arg-type]
            "ghcr.io:444 has no address (DNS)",
            "DOMAIN",
        ),
        (new_connection_error(ConnectionRefusedError(111, "Connection refused")), "(Connection refused)", "DOMAIN"),
        (new_connection_error(OSError("odd")), "(it failed)", "DOMAIN"),
        (new_connection_error(None), "(it failed)", "DOMAIN"),
        (exceptions.ConnectTimeoutError(), "took no connection within 3 s", "DOMAIN"),
        (exceptions.ReadTimeoutError(None, "/", "x"), "sent nothing for 4 s", "again"),  # type: ignore[arg-type]
        (closed(), "closed the connection", "again"),
        (exceptions.LocationParseError("x"), "did not answer as HTTP (LocationParseError)", "DOMAIN"),
        (
            exceptions.SSLError(
                TLS("SSL: CERTIFICATE_VERIFY_FAILED", "certificate verify failed: self-signed certificate")
            ),
            "the TLS certificate of ghcr.io:444 is not trusted here (self-signed certificate)",
            "SSL_CERT_FILE",
        ),
        (exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"), "(it cannot be verified)", "SSL_CERT_FILE"),
        (exceptions.SSLError(TLS("WRONG_VERSION_NUMBER", "x")), "does not speak TLS on that port", "insecure = true"),
        (exceptions.SSLError(TLS("RECORD_LAYER_FAILURE", "x")), "does not speak TLS on that port", "insecure = true"),
        (exceptions.SSLError("handshake failure"), "the TLS handshake with ghcr.io:444 failed", "TLS set-up"),
    ],
)
def test_each_failure_says_the_host_and_the_next_step(error, said, hint):
    found = unanswered(request(), error, LIMITS)

    assert found.message.startswith("cannot read x: ")
    assert said in found.message
    assert hint in found.hint
    assert "s3cret" not in str(found)


def resolution(number: int) -> exceptions.HTTPError:
    reason = socket.gaierror(number, "no")
    error = exceptions.NameResolutionError("ghcr.io", None, reason)  # type: ignore[arg-type]
    error.__cause__ = reason
    return error


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (resolution(socket.EAI_AGAIN), True),
        (resolution(socket.EAI_NONAME), False),
        (new_connection_error(ConnectionRefusedError(111, "Connection refused")), True),
        (exceptions.ConnectTimeoutError(), True),
        (exceptions.ReadTimeoutError(None, "/", "x"), True),  # type: ignore[arg-type]
        (exceptions.EmptyPoolError(None, "x"), True),  # type: ignore[arg-type]
        (exceptions.ProtocolError("broken", exceptions.IncompleteRead(3, 4)), True),
        (closed(), True),
        (exceptions.LocationParseError("x"), False),
        (exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"), False),
        (exceptions.SSLError(TLS("WRONG_VERSION_NUMBER", "x")), False),
        (exceptions.SSLError("handshake failure"), False),
        (exceptions.SSLError(TLS("UNEXPECTED_EOF_WHILE_READING", "EOF occurred")), True),
    ],
)
def test_what_passes_by_itself_is_told_apart(error, transient):
    assert unanswered(request(), error, LIMITS).transient == transient


def proxy_error(inner: Exception) -> exceptions.HTTPError:
    error = exceptions.ProxyError("Unable to connect to proxy", inner)
    error.__cause__ = inner
    return error


@pytest.mark.parametrize(
    ("error", "said", "hint", "transient"),
    [
        (
            proxy_error(new_connection_error(ConnectionRefusedError(111, "Connection refused"))),
            "no connection to the proxy proxy.example:3128 (Connection refused)",
            "HTTPS_PROXY",
            True,
        ),
        (proxy_error(resolution(socket.EAI_NONAME)), "the proxy proxy.example:3128 has no address", "NO_PROXY", False),
        (
            proxy_error(OSError("Tunnel connection failed: 407 Proxy Authentication Required")),
            "the proxy proxy.example:3128 answered 407 when asked for ghcr.io:444",
            "the password for the proxy",
            False,
        ),
        (proxy_error(OSError("Tunnel connection failed: 403 Forbidden")), "answered 403", "NO_PROXY", False),
        (proxy_error(OSError("Tunnel connection failed: 503 Busy")), "answered 503", "NO_PROXY", True),
        (proxy_error(OSError(104, "Connection reset by peer")), "no connection to the proxy", "NO_PROXY", True),
        (closed(), "ghcr.io:444 closed the connection before its answer was whole, through the proxy", "again", True),
    ],
)
def test_a_failure_of_the_proxy_is_told_apart_from_the_registry_s(error, said, hint, transient):
    pools = Pools(error)
    pools.proxy = "proxy.example:3128"

    with pytest.raises(RegistryError) as raised:
        connections(pools)(request())

    assert said in raised.value.message
    assert hint in raised.value.hint
    assert raised.value.transient == transient


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("certificate verify failed: unable to get local issuer certificate", "certs.d/ghcr.io:444/ca.crt"),
        ("certificate verify failed: self-signed certificate in certificate chain", "buildkitd.toml"),
        ("certificate verify failed: certificate has expired", "Renew"),
        ("certificate verify failed: Hostname mismatch, certificate is not valid for 'x'", "name that stands in"),
    ],
)
def test_a_certificate_that_is_not_trusted_says_whose_side_it_is(words, hint):
    error = unanswered(request(), exceptions.SSLError(TLS("SSL: CERTIFICATE_VERIFY_FAILED", words)), LIMITS)

    assert hint in error.hint


def test_a_server_that_wants_a_client_certificate_is_told():
    error = unanswered(request(), exceptions.SSLError(TLS("TLSV13_ALERT_CERTIFICATE_REQUIRED", "x")), LIMITS)

    assert "wants a client certificate" in error.message
    assert "NAME.cert and NAME.key" in error.hint


def test_each_way_out_has_pools_of_its_own():
    proxy = Proxy(url="http://127.0.0.1:9", variable="HTTPS_PROXY")
    network = Network(proxy=lambda url: proxy if "ghcr.io" in url else None)
    routes = Routes(network, retries=False)

    assert (routes.proxy_of("https://ghcr.io/"), routes.proxy_of("https://quay.io/")) == ("127.0.0.1:9", "")
    routes.clear()


def test_nothing_secret_is_in_a_representation():
    secret = Request(
        purpose="x", method="GET", url="https://u:s3cret@h/?s3cret", headers={"Authorization": "s3cret"}, body=b"s3cret"
    )
    response = connections(Pools(answer(200, b"s3cret", Location="s3cret")))(request())

    assert "s3cret" not in f"{secret!r} {response!r} {secret.host}"


def test_real_pools_are_made_without_retries_and_closed():
    real = pooled(clock=lambda: 0.0, limits=LIMITS, network=Network())

    assert isinstance(real, Connections)
    real.close()
    pools = Pools()
    connections(pools).close()
    assert pools.cleared
