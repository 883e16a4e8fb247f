"""The secret values of a run, and whether a text holds one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from docker_push.process import Redactor

_SURE = 8  # characters: a value as long as this is looked for anywhere
_TOKEN = 16  # characters: a word of a longer secret that is as long as this is a token, not a setting
_BREAK = re.compile(r"[\s\"'=:@,;]+")
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")


class KnownSecrets:
    """Find secret values in texts that others can read.

    A value of 8 characters or more is found anywhere in a text, as it is, in base64 (alone and as ``user:secret``) and
    URL-quoted. A shorter one would be found in ordinary text, so that it counts only where it is the whole text; it does
    not count at all below 4 characters, or where it is letters or digits alone (``true``, ``main``, ``8080``): a word
    that stands somewhere is no proof. Of a secret that is a whole file (``.npmrc``, a key) each token in it counts, and
    none of its settings, such as a registry's address. ``is_empty`` says that there is nothing to look for.
    """

    def __init__(self, secrets: Iterable[str], users: Iterable[str] = ()) -> None:
        values = dict.fromkeys(piece for secret in secrets for piece in _pieces(secret))
        known = tuple(users)
        sure = [value for value in values if len(value) >= _SURE]
        short = [value for value in values if len(value) < _SURE and _is_mixed(value)]
        self.is_empty = not sure and not short
        self._anywhere = Redactor(sure, known)
        self._alone = Redactor(short)

    def finds(self, text: str) -> bool:
        """Tell whether ``text`` holds a secret of the run."""
        return self._anywhere.finds(text) or (bool(text) and self._alone(text) == self._alone.MARK)


def _pieces(secret: str) -> Iterator[str]:
    """Return the whole secret without blanks around it, and the tokens in one that holds more than a token."""
    yield secret.strip()
    yield from (word for word in _BREAK.split(secret) if _is_token(word))


def _is_token(word: str) -> bool:
    letters, digits = any(map(str.isalpha, word)), any(map(str.isdigit, word))
    return len(word) >= _TOKEN and letters and digits and not word.startswith("//") and not _HOST.fullmatch(word)


def _is_mixed(value: str) -> bool:
    return not value.isalpha() and not value.isdigit()
