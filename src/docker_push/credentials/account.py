"""Who we are to one registry, and what the environment says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from docker_push.errors import AuthenticationError


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Who we are to one registry.

    ``identity_token`` stands for the password where an OAuth2 server gave one. ``origin`` is where they come from, for
    messages. ``from_environment`` says that docker does not find them by itself, so that its programs need a login. The
    representation shows no secret.
    """

    username: str
    password: str = ""
    identity_token: str = ""
    origin: str
    from_environment: bool = False

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r}, origin={self.origin!r})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must never be shown."""
        return tuple(filter(None, (self.password, self.identity_token)))


def from_environment(
    environ: Mapping[str, str], username_env: str | None, password_env: str | None
) -> Credentials | None:
    """Return the credentials in two variables, or ``None`` where both are unset or empty.

    A line end after the password is dropped, as ``docker login --password-stdin`` does: secret stores like to add one.
    Raises AuthenticationError where one is set without the other, or a value cannot be sent (RFC 7617).
    """
    username = environ.get(username_env, "") if username_env else ""
    password = environ.get(password_env, "").rstrip("\r\n") if password_env else ""
    if not username and not password:
        return None
    if not username or not password:
        there, missing = (username_env, password_env or "password-env in [registry]")
        if password:
            there, missing = (password_env, username_env or "username-env in [registry]")
        hint = f"Set both, or unset {there} to use docker's own login."
        raise AuthenticationError(f"{there} is set and {missing} is not", hint=hint)
    if ":" in username or not f"{username}{password}".isprintable():
        hint = "A user name has no colon, and neither has a control character or a line end inside: copy them anew."
        raise AuthenticationError(f"{username_env} and {password_env} cannot be sent to a registry", hint=hint)
    origin = f"{username_env} and {password_env}"
    return Credentials(username=username, password=password, origin=origin, from_environment=True)
