"""What it means that no answer came: the cause, the next step, and whether the same request may be answered later."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from docker_push.errors import RegistryError

if TYPE_CHECKING:
    from urllib3.exceptions import HTTPError

    from docker_push.registry.transport import Limits, Request

_TEMPORARY = frozenset({-3, 2})  # EAI_AGAIN, by the C libraries of Linux and of BSD and macOS
_TUNNEL = re.compile(r"Tunnel connection failed: ([0-9]{3})")
_LOGIN, _TOO_MANY, _SERVER = 407, 429, 500
_ADDRESS = "Check the registry's address ([registry] domain, DOMAIN) and the network of this machine."
_FOLDERS = "in /etc/docker or ~/.config/docker"
_AGAIN = "Run the same command again; this request left nothing half-done."


class Cause(NamedTuple):
    """Why there is no answer, what to do, and whether that passes by itself."""

    text: str
    hint: str
    transient: bool


def unanswered(request: Request, error: HTTPError, limits: Limits, proxy: str = "") -> RegistryError:
    """Return the error that says why no answer came, and what to do; ``proxy`` is what was in between, as ``host:port``."""
    cause = _proxy_cause(request.host, error, proxy, limits) if proxy else _cause(request.host, error, limits)
    return RegistryError(f"cannot {request.purpose}: {cause.text}", hint=cause.hint, transient=cause.transient)


def is_closed_connection(error: RegistryError) -> bool:
    """Tell whether the connection was closed before an answer came, as one that was kept too long is."""
    from urllib3.exceptions import ProtocolError  # noqa: PLC0415

    return isinstance(error.__cause__, ProtocolError)


def _cause(host: str, error: HTTPError, limits: Limits) -> Cause:
    from urllib3 import exceptions  # noqa: PLC0415

    if isinstance(error, exceptions.SSLError):
        return _tls_cause(host, str(error))
    if isinstance(error, exceptions.NameResolutionError):
        return Cause(f"{host} has no address (DNS)", _ADDRESS, _is_temporary(error))
    causes: tuple[tuple[type[HTTPError], str, str], ...] = (  # a class before those it derives from
        (exceptions.NewConnectionError, f"no connection to {host} ({_reason(error)})", _ADDRESS),
        (exceptions.ConnectTimeoutError, f"{host} took no connection within {limits.connect:g} s", _ADDRESS),
        (exceptions.EmptyPoolError, f"no connection to {host} was free for {limits.total:g} s", _AGAIN),
        (exceptions.TimeoutError, f"{host} sent nothing for {limits.read:g} s", _AGAIN),
        (exceptions.ProtocolError, f"{host} closed the connection before its answer was whole", _AGAIN),
    )
    for kind, text, hint in causes:
        if isinstance(error, kind):
            return Cause(text, hint, transient=True)
    return Cause(f"{host} did not answer as HTTP ({type(error).__name__})", _ADDRESS, transient=False)


def _proxy_cause(host: str, error: HTTPError, proxy: str, limits: Limits) -> Cause:
    """Tell what failed between us and the proxy, or what the proxy says of the host; else it is the host's failure."""
    from urllib3 import exceptions  # noqa: PLC0415

    check = "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
    refused = _TUNNEL.search(str(error))
    if refused:
        status = int(refused[1])
        text = f"the proxy {proxy} answered {status} when asked for {host}"
        if status == _LOGIN:
            return Cause(text, "Put the user and the password for the proxy into HTTPS_PROXY.", transient=False)
        return Cause(text, check, transient=status == _TOO_MANY or status >= _SERVER)
    inner = error.original_error if isinstance(error, exceptions.ProxyError) else None
    if isinstance(inner, exceptions.HTTPError):
        cause = _cause(f"the proxy {proxy}", inner, limits)
        return cause._replace(hint=check)
    if inner is not None:
        return Cause(f"no connection to the proxy {proxy} ({_reason(error)})", check, transient=True)
    cause = _cause(host, error, limits)
    return cause._replace(text=f"{cause.text}, through the proxy {proxy}")


def _tls_cause(host: str, text: str) -> Cause:
    """Tell what OpenSSL's words mean for the reader: no trust, or no TLS at all on that port."""
    if "CERTIFICATE_VERIFY_FAILED" in text:
        reason = text.partition("verify failed:")[2].partition(" (_ssl")[0].strip() or "it cannot be verified"
        return Cause(
            f"the TLS certificate of {host} is not trusted here ({reason})", _trust(host, reason), transient=False
        )
    if "CERTIFICATE_REQUIRED" in text or "BAD_CERTIFICATE" in text:
        hint = f"Put the client's certificate and key into certs.d/{host} ({_FOLDERS}), as NAME.cert and NAME.key."
        return Cause(f"{host} wants a client certificate, and does not take ours", hint, transient=False)
    if any(
        word in text for word in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL")
    ):
        hint = (
            "If that network is trusted, set insecure = true in [registry] of build.toml; otherwise use its TLS port."
        )
        return Cause(f"{host} does not speak TLS on that port (plain http)", hint, transient=False)
    cut = "EOF" in text  # the connection ended in the middle of the handshake
    hint = "Check the registry's address and its TLS set-up."
    return Cause(f"the TLS handshake with {host} failed", _AGAIN if cut else hint, transient=cut)


def _trust(host: str, reason: str) -> str:
    """Return what to do about a certificate; where an authority is missing, it is this client that lacks it."""
    said = reason.lower()
    if "expired" in said or "not yet valid" in said:
        return f"Renew the certificate of {host}, or set this machine's clock right."
    if "mismatch" in said or "not valid for" in said:
        return (
            "Use the name that stands in the certificate ([registry] domain, DOMAIN), or have it issued for this one."
        )
    return (
        f"This machine lacks its certificate authority: put it into certs.d/{host}/ca.crt ({_FOLDERS}), or name its file in"
        " SSL_CERT_FILE. The builder needs a copy of its own: the engine's certs.d, or ca in its buildkitd.toml."
    )


def _is_temporary(error: BaseException) -> bool:
    """Tell whether the resolver wants to be asked again; a name that does not exist will not appear."""
    cause = error.__cause__ or error.__context__
    return isinstance(cause, OSError) and cause.errno in _TEMPORARY


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error.__context__
    return (cause.strerror or "it failed") if isinstance(cause, OSError) else "it failed"
