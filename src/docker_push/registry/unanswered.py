"""What it means that no answer came: the cause, the next step, and whether the same request may be answered later."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from docker_push.errors import RegistryError

if TYPE_CHECKING:
    from urllib3.exceptions import HTTPError

    from docker_push.registry.transport import Limits, Request

_TEMPORARY = frozenset({-3, 2})  # EAI_AGAIN, by the C libraries of Linux and of BSD and macOS
_ADDRESS = "Check the registry's address ([registry] domain, DOMAIN) and the network of this machine."
_AGAIN = "Run the same command again; this request left nothing half-done."


class Cause(NamedTuple):
    """Why there is no answer, what to do, and whether that passes by itself."""

    text: str
    hint: str
    transient: bool


def unanswered(request: Request, error: HTTPError, limits: Limits) -> RegistryError:
    """Return the error that says why no answer came, and what to do."""
    cause = _cause(request.host, error, limits)
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


def _tls_cause(host: str, text: str) -> Cause:
    """Tell what OpenSSL's words mean for the reader: no trust, or no TLS at all on that port."""
    if "CERTIFICATE_VERIFY_FAILED" in text:
        reason = text.partition("verify failed:")[2].partition(" (_ssl")[0].strip() or "it cannot be verified"
        hint = "Add the certificate authority to this machine's trusted ones, or name its file in SSL_CERT_FILE."
        return Cause(f"the TLS certificate of {host} is not trusted here ({reason})", hint, transient=False)
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


def _is_temporary(error: BaseException) -> bool:
    """Tell whether the resolver wants to be asked again; a name that does not exist will not appear."""
    cause = error.__cause__ or error.__context__
    return isinstance(cause, OSError) and cause.errno in _TEMPORARY


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error.__context__
    return (cause.strerror or "it failed") if isinstance(cause, OSError) else "it failed"
