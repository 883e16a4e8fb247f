"""Which proxy a URL is asked through: HTTPS_PROXY, HTTP_PROXY and NO_PROXY as docker reads them. Pure.

Rules: golang.org/x/net/http/httpproxy, which docker, buildx and BuildKit share. One thing is stricter here: names below
``.localhost`` are this machine too (RFC 6761), as they are for ``Registry.is_loopback``.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from docker_push.errors import ConfigError
from docker_push.references import quoted

_VARIABLES = {"https": "HTTPS_PROXY", "http": "HTTP_PROXY"}
_PORTS = {"https": 443, "http": 80}
_HOST_PORT = re.compile(r"(?:\[(?P<bracketed>[^\[\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[^:\[\]]*)")
_CIDR = re.compile(r"[^/]+/[0-9]{1,3}")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy: its URL without a user, and who we are to it; ``variable`` is what names it."""

    url: str
    variable: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """Return its host and port, for messages."""
        return urlsplit(self.url).netloc

    @property
    def authorization(self) -> str:
        """Return the Proxy-Authorization header of RFC 7617, in UTF-8."""
        return f"Basic {base64.b64encode(f'{self.username}:{self.password}'.encode()).decode()}"


def proxy_for(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for ``url``, or ``None`` where it is asked directly.

    A variable counts in upper case before lower case, an empty one is unset. Raises ConfigError, which shows nothing of
    the variable's value but its scheme, where that names no proxy that this client can use.
    """
    parts = urlsplit(url)
    name = _VARIABLES.get(parts.scheme)
    if name is None or not parts.hostname:
        return None
    variable, value = _said(name, environ)
    port = str(parts.port or _PORTS[parts.scheme])
    if not value or not _is_proxied(parts.hostname, port, _said("NO_PROXY", environ)[1]):
        return None
    return _parsed(variable, value)


def secrets(environ: Mapping[str, str]) -> list[str]:
    """Return the passwords that stand in the variables, as they are written and as they are meant."""
    found: list[str] = []
    for name in _VARIABLES.values():
        for value in (environ.get(name), environ.get(name.lower())):
            written = (value or "").rpartition("@")[0].rpartition("//")[2].partition(":")[2]
            found += dict.fromkeys((written, unquote(written))) if written else []
    return found


def _said(name: str, environ: Mapping[str, str]) -> tuple[str, str]:
    return next(((key, environ[key]) for key in (name, name.lower()) if environ.get(key)), (name, ""))


def _parsed(variable: str, value: str) -> Proxy:
    text = value.strip() if "://" in value else f"http://{value.strip()}"
    hint = (
        f"Write {variable} as http://HOST:PORT (or https://), with USER:PASSWORD@ before the host where it asks for it."
    )
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigError(f"{variable} is not the URL of a proxy", hint=hint) from None
    if parts.scheme not in _PORTS:
        raise ConfigError(
            f"{variable} names a proxy of the kind {quoted(parts.scheme)}, which is not supported", hint=hint
        )
    if not host or not text.isprintable() or " " in text:
        raise ConfigError(f"{variable} is not the URL of a proxy", hint=hint)
    shown = f"[{host}]" if ":" in host else host
    return Proxy(
        url=f"{parts.scheme}://{shown}:{port or _PORTS[parts.scheme]}",
        variable=variable,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _is_proxied(host: str, port: str, exceptions: str) -> bool:
    host = host.lower()
    address = _address(host)
    if host == "localhost" or host.endswith(".localhost") or (address is not None and address.is_loopback):
        return False
    return not any(_matches(entry, host, port, address) for entry in _entries(exceptions))


def _entries(exceptions: str) -> Iterator[str]:
    return filter(None, (entry.strip().lower() for entry in exceptions.split(",")))


def _matches(entry: str, host: str, port: str, address: Address | None) -> bool:
    """Tell whether an entry of NO_PROXY is for this host and port: ``*``, CIDR, address, name, ``.suffix``, ``*.suffix``."""
    if entry == "*":
        return True
    network = _network(entry)
    if network is not None:
        return address is not None and address in network
    split = _HOST_PORT.fullmatch(entry)
    name, only = (split["bracketed"] or split["host"] or "", split["port"]) if split else (entry, "")
    if not name or (only and only != port):
        return False
    own = _address(name)
    if own is not None:
        return own == address
    suffix = name.removeprefix("*") if name.startswith("*.") else name
    return host.endswith(suffix) if suffix.startswith(".") else host == suffix or host.endswith(f".{suffix}")


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry, strict=False) if _CIDR.fullmatch(entry) else None
    except ValueError:
        return None


def _address(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
