"""The WWW-Authenticate header: what a registry wants to see before it answers.

Grammar: RFC 9110, sections 5.6 and 11.6.1. A registry may send several challenges, in one header or in many (a client
joins them with commas), with quoted strings that hold commas, and in any letter case. The reader goes over the text
once, so that its time is linear, and takes what it understands of a broken header: it never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TOKEN68 = re.compile(r"[ \t]+([A-Za-z0-9._~+/-]+=*)[ \t]*(?=,|$)")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|\\?$)', re.DOTALL)  # an open end takes the rest
_BARE = re.compile(r"[^\s,\"]*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_LIMIT = 64 * 1024  # characters; http.client takes no longer header line either


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """One way to prove who we are: the scheme and the names of its parameters are in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def realm(self) -> str:
        """Return the realm: the token server's URL of a Bearer challenge; empty where there is none."""
        return self.parameters.get("realm", "")

    @property
    def scopes(self) -> tuple[str, ...]:
        """Return the scopes that the registry asks for."""
        return tuple(self.parameters.get("scope", "").split())


def challenges(header: str) -> tuple[Challenge, ...]:
    """Read every challenge of a WWW-Authenticate header, in its order; of a parameter given twice the first counts."""
    found: list[tuple[str, dict[str, str]]] = []
    for name, value in _words(header[:_LIMIT]):
        if value is None:
            found.append((name.lower(), {}))
        elif found:
            found[-1][1].setdefault(name.lower(), value)
    return tuple(Challenge(scheme=scheme, parameters=parameters) for scheme, parameters in found)


def usable(header: str) -> Challenge | None:
    """Return the first challenge that this client can answer: Basic, or Bearer with a realm."""
    for challenge in challenges(header):
        if challenge.scheme == "basic" or (challenge.scheme == "bearer" and challenge.realm):
            return challenge
    return None


def _words(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield each scheme with ``None``, and each parameter with its value."""
    position = 0
    while position < len(text):
        name = _TOKEN.match(text, position)
        if name is None:
            position += 1  # a comma, a space, or rubbish
            continue
        equals = _EQUALS.match(text, name.end())
        if equals is None:
            yield name[0], None
            credentials = _TOKEN68.match(text, name.end())
            position = credentials.end() if credentials else name.end()
            continue
        quoted = _QUOTED.match(text, equals.end())
        bare = quoted or _BARE.match(text, equals.end())
        yield name[0], _ESCAPE.sub(r"\1", quoted[1]) if quoted else bare[0] if bare else ""
        position = bare.end() if bare else equals.end()
