"""Versions by semver 2.0.0, and the ways in which a release names one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import total_ordering

from docker_push.errors import ConfigError
from docker_push.references import Tag, quoted

_NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
# semver.org, 2.0.0, "Is there a suggested regular expression", with an optional leading v
_VERSION = re.compile(
    rf"v?(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.(?P<patch>{_NUMBER})"
    rf"(?:-(?P<pre>{_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+(?P<build>[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?"
)
_TOO_LONG = 128  # the length of a tag: also keeps int() away from numbers of thousands of digits
_ALLOWED = "Give v1.2.3 or 1.2.3 (a prerelease as in v1.2.3-rc.1), or with an image's name api-v1.2.3, api/v1.2.3 or api@1.2.3."


@total_ordering
@dataclass(frozen=True)
class Version:
    """A semver version in the form it was given, with or without a leading ``v``; ordered by precedence (section 11)."""

    text: str = field(compare=False)
    major: int
    minor: int
    patch: int
    prerelease: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read a version; raises ConfigError with what is allowed."""
        match = _VERSION.fullmatch(text) if len(text) <= _TOO_LONG else None
        if match is None:
            raise ConfigError(f"{quoted(text)} is not a version", hint=_ALLOWED)
        pre = tuple(match["pre"].split(".")) if match["pre"] else ()
        return cls(text, int(match["major"]), int(match["minor"]), int(match["patch"]), pre)

    @classmethod
    def find(cls, text: str) -> Version | None:
        """Read a version, or return ``None`` where ``text`` is something else; ``_`` stands for ``+`` as in a tag."""
        try:
            return cls.parse(text.replace("_", "+", 1))
        except ConfigError:
            return None

    @property
    def tag(self) -> Tag:
        """Return the version as a tag: ``+`` is not allowed there and becomes ``_``."""
        return Tag.parse(self.text.replace("+", "_"))

    @property
    def is_stable(self) -> bool:
        """Tell whether this is no prerelease."""
        return not self.prerelease

    def __lt__(self, other: Version) -> bool:
        return self._precedence() < other._precedence()

    def __str__(self) -> str:
        return self.text

    def _precedence(self) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
        """Return the key of semver section 11: numbers before words, a shorter prerelease before a longer one."""
        parts = tuple(
            (not part.isdigit(), int(part) if part.isdigit() else 0, "" if part.isdigit() else part)
            for part in self.prerelease
        )
        return (self.major, self.minor, self.patch), self.is_stable, parts


@dataclass(frozen=True)
class Release:
    """What a release publishes: a version of one image, or (``None``) of every image of the run."""

    version: Version
    image: str | None = None


def parse_release(text: str, images: Sequence[str]) -> Release:
    """Read ``v1.2.3``, or with an image's name ``api-v1.2.3``, ``api/v1.2.3``, ``api@1.2.3``; the longest name wins.

    Raises ConfigError that names the value and what is allowed.
    """
    for image in sorted(images, key=len, reverse=True):
        rest = text.removeprefix(image)
        if rest != text and rest[:1] in {"-", "/", "@"}:
            version = _VERSION.fullmatch(rest[1:]) if len(rest) <= _TOO_LONG else None
            if version:
                return Release(Version.parse(rest[1:]), image)
    if len(text) > _TOO_LONG or not _VERSION.fullmatch(text):
        names = f" The images are: {', '.join(images)}." if images else ""
        raise ConfigError(f"{quoted(text)} is not a version", hint=f"{_ALLOWED}{names}")
    return Release(Version.parse(text))
