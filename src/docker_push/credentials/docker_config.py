"""docker's config.json and DOCKER_AUTH_CONFIG, read as docker's own command line reads them.

Rules: docker/cli ``cli/config/configfile`` (which store serves which registry) and ``cli/config/credentials`` (keys that
are URLs, from before there were host names). Nothing is written here.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker_push.credentials.account import Credentials
from docker_push.errors import AuthenticationError, ConfigError
from docker_push.references import Registry, quoted

VARIABLE = "DOCKER_AUTH_CONFIG"


def docker_folder(environ: Mapping[str, str], folder: Path) -> Path:
    """Return DOCKER_CONFIG, from ``folder`` on, or else ``.docker`` of the home folder."""
    return folder / (environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or _home(), ".docker"))


@dataclass(frozen=True, kw_only=True)
class DockerConfig:
    """The user's docker configuration: where its folder is, and what config.json in it says (nothing where it is not)."""

    folder: Path
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, environ: Mapping[str, str], folder: Path) -> DockerConfig:
        """Read config.json in DOCKER_CONFIG, or in ``.docker`` of the home folder; raises ConfigError naming the file.

        A relative path counts from ``folder``, where the programs of the run are started.
        """
        folder = docker_folder(environ, folder)
        path = folder / "config.json"
        try:
            content = json.loads(path.read_bytes() or b"{}")
        except (FileNotFoundError, NotADirectoryError):
            return cls(folder=folder)
        except OSError as error:
            raise _unreadable(path, f"cannot be read ({error.strerror})") from None
        except (ValueError, RecursionError):
            raise _unreadable(path, "is not JSON") from None
        if not isinstance(content, dict) or not all(isinstance(content.get(key), dict | None) for key in _TABLES):
            raise _unreadable(path, "is not of docker's form")
        return cls(folder=folder, content=content)

    @property
    def path(self) -> Path:
        """Return the path of config.json."""
        return self.folder / "config.json"

    @property
    def auths(self) -> Mapping[str, Any]:
        """Return the logins that stand in the file."""
        return self.content.get("auths") or {}

    @property
    def credential_helpers(self) -> Mapping[str, Any]:
        """Return which helper serves which registry."""
        return self.content.get("credHelpers") or {}

    def helper(self, registry: Registry) -> str | None:
        """Return the name of the credential helper that serves ``registry``; ``None`` where the file itself does.

        An entry in credHelpers counts before credsStore, also an empty one, which means the file.
        """
        name = self.credential_helpers.get(registry.config_key, self.content.get("credsStore")) or None
        if name is None or isinstance(name, str):
            return name
        raise _unreadable(self.path, f"names no credential helper for {registry}")

    def credentials(self, registry: Registry) -> Credentials | None:
        """Return the login that stands in the file; raises AuthenticationError naming the entry that is broken."""
        return stored(self.auths, registry, f"docker's config ({self.path})")


_TABLES = ("auths", "credHelpers")


def _home() -> str:
    """Return the home folder of a user whose HOME is unset, as docker finds it; the root for a user without a name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return "/"


def from_variable(environ: Mapping[str, str], registry: Registry) -> Credentials | None:
    """Return the login in DOCKER_AUTH_CONFIG, which holds the text of a config.json; ``None`` where it has none.

    docker takes exact keys here, and nothing but ``auth``. Other tables of the text are no matter of ours. Raises
    AuthenticationError where it cannot be read: docker would go on without a login, and fail in a puzzling way.
    """
    text = environ.get(VARIABLE, "")
    if not text:
        return None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    auths = content.get("auths") if isinstance(content, dict) else 0
    if not isinstance(auths, dict | None):
        hint = "Give it the text of a config.json with a table auths, or unset it."
        raise AuthenticationError(f"{VARIABLE} is not of docker's form", hint=hint)
    entry = (auths or {}).get(registry.config_key)
    only = {"auth": entry.get("auth")} if isinstance(entry, dict) else entry
    exact = {} if entry is None else {registry.config_key: only}
    return stored(exact, registry, VARIABLE, from_environment=True)


def stored(
    auths: Mapping[str, Any], registry: Registry, origin: str, *, from_environment: bool = False
) -> Credentials | None:
    """Return the login for ``registry`` in a table ``auths``; raises AuthenticationError naming a broken entry."""
    key = registry.config_key if registry.config_key in auths else None
    key = key or next((key for key in auths if hostname(key) == registry.config_key), None)
    if key is None:
        return None
    try:
        username, password, identity_token = _decoded(auths[key])
    except ValueError:
        hint = f"Run `docker logout {registry}` and `docker login {registry}` to write it anew."
        raise AuthenticationError(f"{origin}: the entry {quoted(key)} of auths cannot be read", hint=hint) from None
    if not password and not identity_token:
        return None
    return Credentials(
        username=username,
        password=password,
        identity_token=identity_token,
        origin=origin,
        from_environment=from_environment,
    )


def hostname(key: str) -> str:
    """Return the host and port of a key of auths, which may be a URL, as in ``https://ghcr.io/v1/``."""
    scheme, separator, rest = key.partition("://")
    return (rest if separator else scheme).partition("/")[0]


def _decoded(entry: object) -> tuple[str, str, str]:
    """Return user name, password and identity token of an entry; raises ValueError for one that is broken."""
    if not isinstance(entry, dict):
        raise ValueError  # noqa: TRY004 - one kind of error for all that can be wrong
    values = {key: entry.get(key, "") for key in ("auth", "username", "password", "identitytoken")}
    if not all(isinstance(value, str) for value in values.values()):
        raise ValueError
    "".join(values.values()).encode()  # half a surrogate pair cannot be sent: UnicodeEncodeError is a ValueError
    if not values["auth"]:
        return values["username"], values["password"], values["identitytoken"]
    try:
        pair = base64.b64decode(values["auth"].replace("\n", "").replace("\r", ""), validate=True).decode()
    except binascii.Error:
        raise ValueError from None
    username, colon, password = pair.partition(":")
    if not colon or not username:
        raise ValueError
    return username, password.strip("\x00"), values["identitytoken"]


def _unreadable(path: Path, problem: str) -> ConfigError:
    return ConfigError(f"{path} {problem}", hint="Repair or remove that file: docker cannot use it either.")
