"""Which tags have a meaning of their own: those that runs make, so that neither a branch nor a user may bear them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from docker_push.versions import Version

_COMMIT = re.compile(r"(?P<sha>[0-9a-f]{6,64})(?P<rest>-.*)?")
_COMMIT_LENGTHS = frozenset({40, 64})  # of SHA-1 and SHA-256: earlier runs may have had no other sha-length
_NUMBER = re.compile(r"\\\{[a-z]+\\\}")  # in a template that re.escape has been over
_PULL_REQUEST = re.compile(r"pr-[0-9]+")


def is_reserved(tag: str, sha_length: int = 40, semver: Iterable[str] = ()) -> bool:
    """Tell whether a tag has a meaning of its own.

    Such are ``latest``, a version (and, where ``semver`` has releases move them, ``1`` or ``1.2``), ``pr-N``, a commit id,
    and a commit tag, whose id has ``sha_length`` digits.
    """
    if tag == "latest" or _PULL_REQUEST.fullmatch(tag) or Version.find(tag) is not None:
        return True
    return _is_commit(tag, sha_length) or any(_moving(template).fullmatch(tag) for template in semver)


def _is_commit(tag: str, sha_length: int) -> bool:
    """Look for the lengths that commits have here: a branch called facade-fix is no commit tag."""
    match = _COMMIT.fullmatch(tag)
    if match is None:
        return False
    length = len(match["sha"])
    return length in _COMMIT_LENGTHS or (length == sha_length and match["rest"] is not None)


def _moving(template: str) -> re.Pattern[str]:
    return re.compile(_NUMBER.sub("[0-9]+", re.escape(template)))
