"""Secrets kept out of what is shown, and foreign text made fit for a line."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import quote, quote_plus

_MINIMUM_SECRET = 4  # shorter values would redact ordinary text
_LINE = 300  # characters of a foreign text in a message


class Redactor:
    """Know secret values in the forms in which they travel, to replace them in what is shown and to find them.

    The forms: as it is; base64 (RFC 4648, both alphabets, padded or not) of it alone and of ``user:secret`` (RFC 7617
    Basic); URL-quoted; escaped as in JSON (also as Go writes it), in Python's ``repr`` and by a shell's quotes. Text is
    handed in whole lines, so that no secret is cut in two.
    """

    MARK = "***"

    def __init__(self, secrets: Sequence[str] = (), users: Sequence[str] = ()) -> None:
        self._secrets: tuple[str, ...] = ()
        self._users: tuple[str, ...] = ()
        self._forms: list[str] = []
        self.learn(secrets, users)

    def learn(self, secrets: Sequence[str], users: Sequence[str] = ()) -> None:
        """Know further secrets and users from now on, for everybody who has this redactor."""
        self._secrets, self._users = (*self._secrets, *secrets), (*self._users, *users)
        forms = {
            form
            for given in self._secrets
            for secret in (given, given.strip())
            if len(given.strip()) >= _MINIMUM_SECRET
            for form in _forms(secret, self._users)
        }
        self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def __call__(self, text: str) -> str:
        """Return ``text`` with every known secret in it replaced by three stars."""
        for form in self._forms:
            text = text.replace(form, self.MARK)
        return text

    def document(self, value: object) -> object:
        """Return a JSON value with every known secret in its texts replaced: keys and strings, so that it stays JSON."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {self(str(key)): self.document(inner) for key, inner in value.items()}
        return [self.document(inner) for inner in value] if isinstance(value, (list, tuple)) else value

    def finds(self, text: str) -> bool:
        """Return whether a known secret, in any of its forms, is in ``text``."""
        return any(form in text for form in self._forms)


def one_line(text: str, redact: Callable[[str], str] = str) -> str:
    """Make foreign text fit for a message: one line, no control characters, no secrets, at most 300 characters."""
    line = " ".join(redact(text).split())
    shown = "".join(character if character.isprintable() else "?" for character in line)
    return shown if len(shown) <= _LINE else f"{shown[: _LINE - 3]}..."


def _forms(secret: str, users: Sequence[str]) -> Iterator[str]:
    yield secret
    for text in (secret, *(f"{user}:{secret}" for user in users)):
        yield from _base64(text)
    data = secret.encode("utf-8", "surrogateescape")  # a variable of the environment need not be text
    for quoted in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield from (quoted, _lower(quoted))
    for escaped in (json.dumps(secret), json.dumps(secret, ensure_ascii=False), repr(secret)):
        yield escaped[1:-1]
        yield _go(escaped[1:-1])
    yield repr(data)[2:-1]
    yield shlex.quote(secret).removeprefix("'").removesuffix("'") or secret


def _base64(text: str) -> Iterator[str]:
    data = text.encode("utf-8", "surrogateescape")
    for encoded in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
        yield from (encoded, encoded.rstrip("="))


def _lower(quoted: str) -> str:
    """Return a URL-quoted text with its escapes in lower case, as some programs write them (``%2f``)."""
    head, *rest = quoted.split("%")
    return "%".join([head, *(part[:2].lower() + part[2:] for part in rest)])


def _go(escaped: str) -> str:
    """Return what Go's encoding/json makes of it: it escapes what HTML would read, too."""
    for character in "<>&":
        escaped = escaped.replace(character, f"\\u{ord(character):04x}")
    return escaped
