"""Where things stand in a TOML text: the line of every key, table and array entry, found in one pass.

The TOML parser keeps no lines, and takes minutes for, or breaks on, texts made to hurt. This pass reads the same tokens
in linear time without recursion and comes first: up to the first error of syntax it sees what the parser will see, so
that a text within its limits is one that the parser can be given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from docker_push.errors import ConfigError

Path = tuple["str | int", ...]

MAX_DEPTH = 16  # arrays and inline tables within one another; a real file needs four
MAX_PARTS = 16  # parts of a dotted key
MAX_WORD = 256  # characters of a key, number or date

# TOML 1.0: strings first, so that nothing inside one is taken for anything else. No alternative tries again what another
# one has read in vain, so that the whole is linear.
_TOKEN = re.compile(
    r'''
      (?P<newline>\n)
    | (?P<space>[ \t\r]+|\#[^\n]*)
    | (?P<string>"""[^"\\]*(?:(?:\\.|"{1,2}(?!"))[^"\\]*)*"""(?:"{0,2})
        | \'\'\'[^\']*(?:\'{1,2}(?!\')[^\']*)*\'\'\'(?:\'{0,2})
        | "(?!"")[^"\\\n]*(?:\\[^\n][^"\\\n]*)*"
        | '(?!\'\')[^'\n]*')
    | (?P<mark>[\[\]{},=.])
    | (?P<word>[^\s"'\#\[\]{},=.]+)
    ''',
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A piece of TOML: ``kind`` is newline, string, mark or word."""

    kind: str
    text: str
    line: int


@dataclass
class _Frame:
    """An array or inline table that is open: its path, and for an array the index of the entry at hand."""

    path: Path
    index: int | None


@dataclass
class Layout:
    """The lines of a text: ``lines`` by path; ``repeated`` is the first key or table that stands twice."""

    lines: dict[Path, int] = field(default_factory=dict)
    repeated: tuple[Path, int, int] | None = None

    def line(self, path: Path) -> int | None:
        """Return the line of ``path``, or of the nearest thing around it that has one."""
        return next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), None)


class LimitError(ConfigError):
    """Report a text beyond what a build.toml can need, and its line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message, hint="Check what wrote this file; no build.toml needs that.")
        self.line = line


def scan(text: str) -> Layout:
    """Find the lines of ``text``; raises LimitError. What follows an error of syntax is not looked at."""
    reader = _Reader()
    for token in _tokens(text):
        reader.read(token)
    return reader.layout


def _tokens(text: str) -> Iterator[Token]:
    position, line = 0, 1
    while match := _TOKEN.match(text, position):
        kind = match.lastgroup or ""
        if kind == "word" and len(match[0]) > MAX_WORD:
            raise LimitError(line, f"a word of {len(match[0])} characters; at most {MAX_WORD} are read")
        if kind != "space":
            yield Token(kind, match[0], line)
        line += match[0].count("\n")
        position = match.end()


class _Reader:
    """Follow the tokens of a TOML text: a key, then its value, in the table at hand."""

    def __init__(self) -> None:
        self.layout = Layout()
        self._table: Path = ()
        self._arrays: dict[Path, int] = {}
        self._given: set[Path] = set()
        self._frames: list[_Frame] = []
        self._parts: list[str] = []
        self._value: Path | None = None  # the key whose value is being read
        self._header = 0  # brackets of a table's header

    def read(self, token: Token) -> None:
        """Take the next token."""
        if token.kind == "newline":
            self._end_line()
        elif token.kind in {"string", "word"}:
            self._word(token)
        elif token.text == "=":
            self._begin_value(token)
        elif token.text in "[{":
            self._open(token)
        elif token.text in "]}":
            self._close(token)
        elif token.text == "," and self._frames:
            self._next_entry()

    def _end_line(self) -> None:
        if not self._frames:
            self._parts, self._value, self._header = [], None, 0

    def _word(self, token: Token) -> None:
        if self._value is not None:
            self._mark_entry(token.line)
            return
        if len(token.text) > MAX_WORD:
            raise LimitError(token.line, f"a key of {len(token.text)} characters; at most {MAX_WORD} are read")
        self._parts.append(_plain(token))
        if len(self._parts) > MAX_PARTS:
            raise LimitError(token.line, f"a key of more than {MAX_PARTS} parts")

    def _begin_value(self, token: Token) -> None:
        if self._value is not None or not self._parts:
            return
        base = self._frames[-1].path if self._frames else self._table
        self._value = self._note((*base, *self._parts), len(base), token.line)
        self._parts = []

    def _open(self, token: Token) -> None:
        if self._value is None and not self._frames and token.text == "[":
            self._header += 1
            return
        self._mark_entry(token.line)
        path = self._here()
        self._frames.append(_Frame(path, 0 if token.text == "[" else None))
        if len(self._frames) > MAX_DEPTH:
            raise LimitError(token.line, f"more than {MAX_DEPTH} arrays and tables within one another")
        self._value = path if token.text == "[" else None

    def _close(self, token: Token) -> None:
        if self._header:
            self._end_header(token)
        elif self._frames:
            self._value = self._frames.pop().path
            self._parts = []

    def _end_header(self, token: Token) -> None:
        if not self._parts:
            return  # the second bracket of [[table]]
        *front, last = self._parts
        path = (*self._resolved(front), last)
        if self._header > 1:
            self._arrays[path] = self._arrays.get(path, -1) + 1
            self.layout.lines.setdefault(path, token.line)
            path = (*path, self._arrays[path])
        self._table = self._note(path, 0, token.line)
        self._parts = []

    def _resolved(self, front: list[str]) -> Path:
        """Return the path of a header's front parts: an array of tables stands for its last table."""
        path: Path = ()
        for part in front:
            path = (*path, part)
            if path in self._arrays:
                path = (*path, self._arrays[path])
        return path

    def _note(self, path: Path, begin: int, line: int) -> Path:
        """Note the line of a key or table; what is around it, from ``begin`` on, begins here where it has no line yet."""
        if path in self._given:
            self.layout.repeated = self.layout.repeated or (path, line, self.layout.lines[path])
            return path
        self._given.add(path)
        for end in range(begin + 1, len(path)):
            self.layout.lines.setdefault(path[:end], line)
        self.layout.lines[path] = line
        return path

    def _here(self) -> Path:
        frame = self._frames[-1] if self._frames else None
        if frame is not None and frame.index is not None:
            return (*frame.path, frame.index)
        return self._value or ()

    def _mark_entry(self, line: int) -> None:
        """Note where an array's entry begins."""
        if self._frames and self._frames[-1].index is not None:
            self.layout.lines.setdefault(self._here(), line)

    def _next_entry(self) -> None:
        frame = self._frames[-1]
        if frame.index is None:
            self._value, self._parts = None, []
        else:
            frame.index += 1


def _plain(token: Token) -> str:
    """Return a key without its quotes; one with escapes that JSON lacks stays as it is, and is found by what is around it."""
    if token.kind == "word":
        return token.text
    if token.text.startswith("'"):
        return token.text[1:-1]
    try:
        return str(json.loads(token.text))
    except ValueError:
        return token.text
