"""Which proxy docker and buildx take for a host, as Go's programs read the environment; pure.

Rules: golang.org/x/net/http/httpproxy. The upper-case name wins, a host of this machine is never behind a proxy, and an
entry of NO_PROXY is a host with all below it, an address, a network (CIDR), or ``*``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from docker_push.references import Registry

_USER = re.compile(r"(?<=://)[^/@\s]*@|^[^/@\s:]+:[^/@\s]*@")


def in_force(environ: Mapping[str, str], registry: Registry, *, plain: bool) -> tuple[str, str] | None:
    """Return the variable that names the proxy for ``registry``, and its value; ``None`` where there is none."""
    if registry.is_loopback:
        return None
    name, value = _variable(environ, "HTTP_PROXY" if plain else "HTTPS_PROXY")
    if not value or _excepted(environ, registry):
        return None
    return name, value


def hidden(text: str) -> str:
    """Return a URL without the user name and password in it."""
    return _USER.sub("***@", text)


def _variable(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    found = next((one for one in (name, name.lower()) if environ.get(one)), name)
    return found, environ.get(found, "")


def _excepted(environ: Mapping[str, str], registry: Registry) -> bool:
    _, value = _variable(environ, "NO_PROXY")
    host = registry.api_host.partition(":")[0] if registry.host == "docker.io" else registry.host.strip("[]")
    return any(
        _matches(entry.strip().lower(), host.lower(), registry.port) for entry in value.split(",") if entry.strip()
    )


def _matches(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _is_within(host, entry)
    name, colon, wanted = entry.rpartition(":") if re.fullmatch(r"[^:]+:\d+", entry) else (entry, "", "")
    if colon and int(wanted) != (port or 443):
        return False
    bare = name.removeprefix("*").strip("[]")
    return host.endswith(bare) if bare.startswith(".") else host == bare or host.endswith(f".{bare}")


def _is_within(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
