"""Credentials of a registry: from the environment, docker's configuration, or a credential helper."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Who we are to one registry.

    ``identity_token`` replaces the password where an OAuth2 server gave one. ``origin`` is where they come from, for
    messages. ``from_environment`` says that docker does not find them by itself: a login. The representation shows no secret.
    """

    username: str
    password: str = ""
    identity_token: str = ""
    origin: str
    from_environment: bool = False

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r}, origin={self.origin!r})"
