"""The rules of ``.dockerignore``, as BuildKit applies them when it sends a folder.

Three steps of three projects, in their order: moby/patternmatcher reads the file (``ignorefile``) and compiles what it
says (``patternmatcher.go``); tonistiigi/fsutil walks the folder by it (``filter.go``). Pure: what a file says, and which
names a folder has, are given.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from docker_push.errors import ConfigError
from docker_push.inputs.expressions import Kind, PatternError, check, compiled

_BLANKS = "\t\n\v\f\r \u0085\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_BOM = b"\xef\xbb\xbf"
_LONGEST = 64 * 1024 - 1  # bytes of a line: bufio.MaxScanTokenSize with the end of the line
_BYTES = re.compile("[\udc80-\udcff]")  # what is no UTF-8, as Python reads it (PEP 383); Go reads U+FFFD
_SYNTAX = re.compile(r"[*\[\]?^\\]")
_LITERAL = re.compile(r"[^\[\\|{]*")
_ALLOWED = (
    "Correct the line. Allowed: paths below the context, `*`, `?`, `[a-z]`, `**`, `!` before an exception, and a backslash "
    "before a character that is to stand for itself."
)
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Pattern:
    """One pattern, compiled: ``text`` is without the ``!`` that makes it an exception.

    ``components`` is the number of names that a path must have to match; ``None`` where it can have any.
    """

    text: str
    kind: Kind
    match: Callable[[str], object] | None
    components: int | None

    def matching(self, prefix: str, names: Collection[str]) -> frozenset[str]:
        """Return those of the names in one directory that match; ``prefix`` is its path with a slash at its end."""
        if self.components is not None and self.components != prefix.count("/") + 1:
            return _NOTHING
        if self.kind is Kind.EXACT:
            name = self.text[len(prefix) :]
            return frozenset({name}) if self.text.startswith(prefix) and name in names else _NOTHING
        return frozenset(name for name in names if self.matches(prefix + name)) or _NOTHING

    def matches(self, path: str) -> bool:
        """Return whether the pattern matches a path itself, whatever holds for the directories that it is in."""
        if self.match is not None:
            return bool(self.match(path if path.isascii() else _BYTES.sub("\ufffd", path)))
        if self.kind is Kind.EXACT:
            return path == self.text
        if self.kind is Kind.PREFIX:
            return path.startswith(self.text[:-2])
        suffix = self.text[2:]
        return path.endswith(suffix) or (suffix.startswith("/") and path == suffix[1:])


@cache
def _pattern(text: str) -> Pattern:
    check(text)
    kind, match = compiled(text)
    simple = _LITERAL.fullmatch(text) and "**" not in text
    return Pattern(text, kind, match, text.count("/") + 1 if simple else None)


Found = int  # a bit for each pattern of the rules that matched a directory, or one that it is in


class Rules:
    """The patterns of one ignore file, in their order; the last one that matches decides.

    ``patterns`` holds each with whether it is an exception. Equal rules have equal ``key``. ``excepts``: there are exceptions.
    """

    def __init__(self, patterns: Sequence[tuple[Pattern, bool]] = ()) -> None:
        self.patterns = tuple(pattern for pattern, _ in patterns)
        self.key = tuple(("!" if exception else "", pattern.text) for pattern, exception in patterns)
        self._exceptions = [exception for _, exception in patterns]
        self.excepts = any(self._exceptions)
        inside = [_without_trailing_stars(pattern.text) for pattern, exception in patterns if exception]
        self._inside = None if any(map(_SYNTAX.search, inside)) else tuple(f"{text}/" for text in inside)
        self._decided: dict[tuple[Found, Found], tuple[bool, Found]] = {}

    def decide(self, parent: Found, own: Found) -> tuple[bool, Found]:
        """Return whether an entry is ignored, and what its own entries are told of it.

        ``parent`` is what its directory was told, 0 at the top; ``own`` has a bit for each pattern that matches the entry
        itself. A pattern that cannot change what the ones before it made is not looked at, and is not handed down
        (MatchesUsingParentResults).
        """
        known = self._decided.get((parent, own))
        if known is None:
            known = self._decided[parent, own] = self._decide(parent, own)
        return known

    def _decide(self, parent: Found, own: Found) -> tuple[bool, Found]:
        ignored, found = False, 0
        for place, exception in enumerate(self._exceptions):
            bit = 1 << place
            looked_at = own if exception == ignored else 0
            if (parent | looked_at) & bit:
                ignored, found = not exception, found | bit
        return ignored, found

    def closes(self, found: Found) -> bool:
        """Return whether a file that is not ignored is sent empty all the same.

        ``found`` has a bit for each pattern that matches the file or any directory that it is in. fsutil asks twice, and the
        second time, when it opens a file, by a rule that also counts patterns that ``decide`` does not hand down
        (MatchesOrParentMatches): by ``*``, ``!a/b``, ``a`` the file ``a/b`` is sent without what is in it.
        """
        ignored = False
        for place, exception in enumerate(self._exceptions):
            if exception == ignored and found >> place & 1:
                ignored = not exception
        return ignored

    def enters(self, path: str) -> bool:
        """Return whether an ignored directory is walked all the same, since an exception may match in it."""
        if self._inside is None:
            return True
        return any(text.startswith(f"{path}/") for text in self._inside)

    def ignores(self, path: str) -> bool:
        """Return whether a path is ignored; it counts, with its directories, if it or something below it is not.

        For one path by itself: what is below a directory that is not walked is ignored, whatever the rules say of it.
        """
        parent, ignored = 0, False
        names = path.split("/")
        for depth in range(1, len(names) + 1):
            here = "/".join(names[:depth])
            own = sum(1 << place for place, pattern in enumerate(self.patterns) if pattern.matches(here))
            ignored, parent = self.decide(parent, own)
            if ignored and depth < len(names) and not self.enters(here):
                return True
        return ignored


def read(content: bytes, name: str) -> Rules:
    """Return the rules of an ignore file; ``name`` is what messages call it.

    Raises ConfigError, with the line, for a pattern that BuildKit refuses.
    """
    found: list[tuple[Pattern, bool]] = []
    said = list(_lines(content, name))
    ascii_alone = all(text.isascii() for _, text in said)
    for number, text in said:
        try:
            found += _cleaned(text, in_header=ascii_alone)
        except PatternError as error:
            raise ConfigError(f"{name}:{number}: the pattern {_shown(text)} {error}", hint=_ALLOWED) from error
    return Rules(found)


def _lines(content: bytes, name: str) -> Iterator[tuple[int, str]]:
    """Yield the patterns of a file with their lines' numbers, as ``ignorefile.ReadAll`` returns them."""
    for number, line in enumerate(content.removesuffix(b"\n").split(b"\n"), start=1):
        if len(line) > _LONGEST:
            hint = "BuildKit reads lines of at most 65,535 bytes: shorten it."
            raise ConfigError(f"{name}:{number}: the line is too long ({len(line)} bytes)", hint=hint)
        text = (line.removeprefix(_BOM) if number == 1 else line).decode("utf-8", "surrogateescape")
        if text.startswith("#"):
            continue
        text = text.strip(_BLANKS)
        exception = text.startswith("!")
        text = text[1:].strip(_BLANKS) if exception else text
        if text:
            text = _clean(text)
            text = text[1:] if text.startswith("/") and text != "/" else text
        if text or exception:
            yield number, "!" * exception + _BYTES.sub("\ufffd", text)  # it travels as JSON


def _cleaned(text: str, *, in_header: bool) -> Iterator[tuple[Pattern, bool]]:
    """Yield the pattern of a text, with whether it is an exception, as ``patternmatcher.New`` reads it.

    ``in_header``: it travels there as it is, since all of the file's patterns are ASCII; else they are quoted.
    """
    if in_header and not text.isprintable():
        raise PatternError("has a control character")
    text = text.strip(_BLANKS)
    if not text:
        return
    text = _clean(text)
    exception = text.startswith("!")
    text = text[exception:]
    if not text:
        raise PatternError("is an exception of nothing")
    yield _pattern(text), exception


def _clean(path: str) -> str:
    """Return the shortest path that is the same (Go's ``filepath.Clean``): POSIX keeps two slashes at the beginning."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def _without_trailing_stars(text: str) -> str:
    return text.removesuffix("/**").removesuffix("/*")


def _shown(text: str) -> str:
    shown = text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - a terminal's width
    return f"'{shown}'" if shown.isprintable() else ascii(shown)
