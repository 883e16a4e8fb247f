"""What a run was told that is secret, to be kept out of everything that it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from docker_push import secret_names
from docker_push.options import Options
from docker_push.registry import proxies

_LINE = 8  # characters: shorter lines of a secret are ordinary text
_SECRET_FILE = 64 * 1024  # bytes of a secret's file that are looked for in what is said


@dataclass(frozen=True, kw_only=True)
class Told:
    """What variables and files say that is secret, and the users whose passwords they may be."""

    secrets: tuple[str, ...] = field(repr=False)
    users: tuple[str, ...]


def read(chosen: Options, environ: Mapping[str, str], root: Path) -> Told:
    """Return what variables and files say that is secret."""
    return Told(secrets=tuple(_secrets(chosen, environ, root)), users=tuple(_users(chosen, environ)))


def _secrets(chosen: Options, environ: Mapping[str, str], root: Path) -> list[str]:
    names = [entry.password_env for entry in chosen.registries]
    names += [secret.env for image in chosen.images for secret in image.secret]
    found = [environ[name] for name in names if name and environ.get(name)]
    found += [*secret_names.tokens(environ), *proxies.secrets(environ)]
    found += [_content(root / secret.src) for image in chosen.images for secret in image.secret if secret.src]
    return found


def shown_forms(secrets: Sequence[str]) -> list[str]:
    """Return secrets with their lines: a log shows line by line."""
    return [form for secret in secrets for form in dict.fromkeys((secret, *_lines(secret)))]


def _lines(secret: str) -> list[str]:
    """Return the lines of a secret that are long enough to be one."""
    return [line for line in secret.splitlines() if len(line) >= _LINE]


def _content(path: Path) -> str:
    """Return what a secret's file holds, as far as it is looked for; BuildKit tells where it is missing."""
    try:
        with path.open("rb") as file:
            return file.read(_SECRET_FILE).decode("utf-8", "replace")
    except OSError:
        return ""


def _users(chosen: Options, environ: Mapping[str, str]) -> list[str]:
    named = [environ[name] for entry in chosen.registries if (name := entry.username_env) and environ.get(name)]
    return [*named, *secret_names.REMOTE_USERS]
