"""Bearer tokens: where they are asked for, with what, and how long they serve.

Rules: distribution's "Token Authentication Specification" (GET, RFC 6750 form) and "OAuth2 token" (POST, for identity
tokens). Times come from a clock of our own that only goes forward, from the moment the answer came: ``issued_at`` is the
server's clock, which may be hours off, and is not read.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

from docker_push.credentials import Credentials
from docker_push.errors import RegistryError
from docker_push.references import Registry
from docker_push.registry.challenge import Challenge
from docker_push.registry.manifests import json_object
from docker_push.registry.redirects import is_private
from docker_push.registry.transport import Request, Response

_LIFETIME = 60.0  # seconds, where the server names none (token spec, "expires_in")
_SHORTEST = 1.0
_LONGEST = 3600.0  # a longer promise is not believed
_USED = 0.9  # of the lifetime, after which a new one is asked for
_CLIENT = "docker-push"


@dataclass(frozen=True, kw_only=True)
class Token:
    """A bearer token, and when it should be renewed, by the clock that was handed over."""

    value: str = field(repr=False)
    renew_at: float


def scope(repository: str, *, push: bool) -> str:
    """Return the scope for one repository, as in ``repository:acme/api:pull,push``."""
    return f"repository:{repository}:{'pull,push' if push else 'pull'}"


def merged(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return each scope once, actions of one resource together, sorted, but push first: some registries read the first only."""
    actions: dict[str, set[str]] = {}
    for text in scopes:
        resource, _, wanted = text.rpartition(":")
        actions.setdefault(resource, set()).update(filter(None, wanted.split(",")))
    lines = [f"{resource}:{','.join(sorted(wanted))}" for resource, wanted in actions.items() if resource and wanted]
    return tuple(sorted(lines, key=lambda line: ("push" not in line.rpartition(":")[2].split(","), line)))


def basic(credentials: Credentials) -> str:
    """Return the Authorization header of RFC 7617, in UTF-8."""
    pair = f"{credentials.username}:{credentials.password}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Whom a token is for: the registry, and whether it is spoken to in plain http."""

    registry: Registry
    plain: bool


def token_request(
    purpose: str, challenge: Challenge, scopes: tuple[str, ...], credentials: Credentials | None, audience: Audience
) -> Request:
    """Return the request for a token: GET with Basic, POST with an identity token, or an anonymous GET; pure.

    ``purpose`` is what the token is wanted for. Raises RegistryError for a realm that no credentials may be sent to.
    """
    realm = checked_realm(challenge.realm, audience.registry, plain=audience.plain)
    service = challenge.parameters.get("service", "")
    if credentials is not None and credentials.identity_token:
        form = {"grant_type": "refresh_token", "refresh_token": credentials.identity_token, "client_id": _CLIENT}
        form |= {"service": service, "scope": " ".join(scopes)}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request(purpose=purpose, method="POST", url=realm, headers=headers, body=urlencode(form).encode())
    parts = urlsplit(realm)
    query = parse_qsl(parts.query, keep_blank_values=True)
    query += [("service", service)] if service else []
    query += [("scope", text) for text in scopes]
    url = parts._replace(query=urlencode(query)).geturl()
    headers = {"Authorization": basic(credentials)} if credentials else {}
    return Request(purpose=purpose, method="GET", url=url, headers=headers)


def checked_realm(realm: str, registry: Registry, *, plain: bool) -> str:
    """Return ``realm`` where credentials may be sent to it; raises RegistryError.

    It must be https. Plain http is taken where the registry is spoken to in plain http itself, and the realm is the
    same host, or this machine for a registry on this machine. A private address is taken from a private registry only.
    """
    own = registry.host.strip("[]")
    try:
        parts = urlsplit(realm)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise _bad_realm(realm, registry, "is no URL") from None
    near = host == own or (registry.is_loopback and Registry(host).is_loopback)
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None or not realm.isprintable():
        raise _bad_realm(realm, registry, "is no https URL")
    if parts.scheme == "http" and not (plain and near):
        raise _bad_realm(realm, registry, "is not https")
    if is_private(host) and not near and not is_private(own):
        raise _bad_realm(realm, registry, "is an address of a private network")
    return realm


def _bad_realm(realm: str, registry: Registry, problem: str) -> RegistryError:
    shown = ascii(realm[:80])
    hint = "No credentials were sent. Check the registry's address; if it is right, tell the registry's operator."
    return RegistryError(f"{registry} sends us to {shown} for a token, which {problem}", hint=hint)


def token_of(response: Response, purpose: str, now: float) -> Token:
    """Read a token server's good answer; ``token`` and ``access_token`` are one. Raises RegistryError for any other."""
    content = json_object(response.body) or {}
    value = content.get("token") or content.get("access_token")
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value or not value:
        hint = "Run the same command again; if it stays so, tell the registry's operator."
        raise RegistryError(f"cannot {purpose}: the answer of the token server holds no token", hint=hint)
    return Token(value=value, renew_at=now + _lifetime(content.get("expires_in")) * _USED)


def _lifetime(seconds: object) -> float:
    try:
        value = float(seconds) if isinstance(seconds, (int, float, str)) else math.nan
    except (ValueError, OverflowError):
        return _LIFETIME
    return min(max(value, _SHORTEST), _LONGEST) if math.isfinite(value) and value > 0 else _LIFETIME
