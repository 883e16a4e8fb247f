"""Where an answer may send us, and what we take along: credentials never leave the host they are for.

OCI distribution-spec v1.1 ("Authorization" must not be forwarded to another host on a redirect), RFC 9110 section 15.4.
A blob usually lives in another host's storage, behind a URL that is signed by itself.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace
from urllib.parse import SplitResult, urljoin, urlsplit

from docker_push.errors import RegistryError
from docker_push.registry.transport import Request, Response, Send

MOST = 10  # redirects in a row
_KEEPING = frozenset({307, 308})  # these repeat the method and the body
_CHANGING = frozenset({301, 302, 303})  # these are followed for reads alone
_READS = frozenset({"GET", "HEAD"})
_PORTS = {"https": 443, "http": 80}
_OCTETS, _LAST = 4, 255
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|0[0-7]{0,24}|[1-9][0-9]{0,19}")
_HINT = "Nothing was sent there. Tell the registry's operator; behind a proxy, check its addresses."


def follow(request: Request, send: Send) -> Response:
    """Send ``request`` and go where its answer points, at most ten times; raises RegistryError for a bad redirect."""
    for _ in range(MOST + 1):
        response = send(request)
        target = redirected(request, response)
        if target is None:
            return response
        request = target
    raise RegistryError(f"cannot {request.purpose}: more than {MOST} redirects in a row", hint=_HINT)


def redirected(request: Request, response: Response) -> Request | None:
    """Return the request that ``response`` asks for instead, or ``None`` where it is an answer; pure.

    Raises RegistryError where the target is no http URL, leaves TLS, names a user, or is this machine (or its cloud's
    metadata service) while the registry is not; and for a body, which may hold a secret, that would go to another host.
    """
    repeats = response.status in _KEEPING or (response.status in _CHANGING and request.method in _READS)
    location = response.headers.get("location")
    if not repeats or location is None:
        return None
    url = next_url(request, location)
    if origin(url) == origin(request.url):
        return replace(request, url=url)
    if request.body is not None:
        raise _bad(request, f"a write to another host ({urlsplit(url).hostname})")
    headers = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
    return replace(request, url=url, headers=headers)


def next_url(request: Request, location: str) -> str:
    """Resolve a server's ``Location`` or ``Link`` against the request it answers; raises RegistryError."""
    try:
        url = urljoin(request.url, location)
        problem = _problem(urlsplit(url), urlsplit(request.url))
    except ValueError:
        raise _bad(request, "to something that is no URL") from None
    if problem:
        raise _bad(request, problem)
    return url


def _bad(request: Request, problem: str) -> RegistryError:
    return RegistryError(f"cannot {request.purpose}: {request.host} redirects {problem}", hint=_HINT)


def origin(url: str) -> tuple[str, str, int | None]:
    """Return the scheme, host and port that a URL speaks to; raises ValueError where it is none."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or ""), parts.port or _PORTS.get(parts.scheme)


def is_own_machine(host: str) -> bool:
    """Tell whether ``host`` is this machine, or the link-local addresses where clouds keep a machine's secrets."""
    name = host.lower().rstrip(".")  # a name may end in the dot of the root
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_link_local or address.is_unspecified)


def is_private(host: str) -> bool:
    """Tell whether ``host`` is a literal address that the internet does not route (RFC 1918, RFC 3927, ...)."""
    address = _address(host)
    return is_own_machine(host) or (address is not None and not address.is_global)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _shorthand(host.rstrip("."))
    return getattr(address, "ipv4_mapped", None) or address


def _shorthand(host: str) -> ipaddress.IPv4Address | None:
    """Read an address as inet_aton(3) does, which the system's resolver asks: ``127.1``, ``0x7f000001``, ``017700000001``."""
    parts = host.split(".")
    if len(parts) > _OCTETS or not all(map(_NUMBER.fullmatch, parts)):
        return None
    *first, last = (int(part, 16 if part[1:2] in {"x", "X"} else 8 if part[0] == "0" else 10) for part in parts)
    if any(number > _LAST for number in first) or last >= 1 << 8 * (_OCTETS - len(first)):
        return None
    return ipaddress.IPv4Address(sum(number << 8 * (3 - place) for place, number in enumerate(first)) + last)


def _problem(target: SplitResult, source: SplitResult) -> str:
    if target.scheme not in _PORTS or not target.hostname or not target.geturl().isprintable():
        return "to something that is no http URL"
    if target.username is not None or target.password is not None:
        return "to a URL that names a user"
    if source.scheme == "https" and target.scheme == "http":
        return f"from https to plain http ({target.hostname})"
    _ = target.port  # raises ValueError where it is no port
    if is_own_machine(target.hostname) and not is_own_machine(source.hostname or ""):
        return f"to this machine itself ({target.hostname})"
    return ""
