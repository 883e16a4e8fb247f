r"""A pattern of an ignore file as a regular expression, as moby/patternmatcher (``patternmatcher.go``) compiles it.

That library turns a pattern into a regular expression of Go's (RE2 syntax, ``regexp/syntax``) by simple replacements, so
that some patterns mean what nobody wrote down: ``\d`` is a digit, ``[*]`` is not a star, ``[^a]`` also matches a slash.
What is compared is what BuildKit does, so both steps are taken here too: the replacements, then Go's syntax in Python's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum

# What the library escapes. It means to escape "|", "{" and "}" too, but has no bit for them: they mean what they do in RE2.
_ESCAPED = frozenset(".+()$")
_LAST = 0x10FFFF
_DIGIT, _SPACE = ((0x30, 0x39),), ((9, 10), (12, 13), (32, 32))
_LETTER = ((0x41, 0x5A), (0x61, 0x7A))
_WORD = (*_DIGIT, *_LETTER, (0x5F, 0x5F))
_PERL = {"d": _DIGIT, "s": _SPACE, "w": _WORD}
_POSIX = {
    "alnum": (*_DIGIT, *_LETTER),
    "alpha": _LETTER,
    "ascii": ((0, 0x7F),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 0x1F), (0x7F, 0x7F)),
    "digit": _DIGIT,
    "graph": ((0x21, 0x7E),),
    "lower": ((0x61, 0x7A),),
    "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": ((9, 13), (32, 32)),
    "upper": ((0x41, 0x5A),),
    "word": _WORD,
    "xdigit": (*_DIGIT, (0x41, 0x46), (0x61, 0x66)),
}
_CONTROLS = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_ANCHORS = {"A": r"(?:\A)", "z": r"(?:\Z)", "b": r"(?:\b)", "B": r"(?:\B)"}  # Go may repeat one, Python only in a group
_PLAIN = {".": r"[^\n]", "^": _ANCHORS["A"], "$": _ANCHORS["z"], **{operator: operator for operator in "()*?|"}}
_REPEATED = re.compile(r"\{(?:0|[1-9][0-9]*)(?:,(?:0|[1-9][0-9]*)?)?\}")
_NAMED = re.compile(r"\[:(\^?)(.*?):\]", re.DOTALL)
_NUMBERED = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})|(0[0-7]{0,2}|[1-7][0-7]{1,2})")

Ranges = tuple[tuple[int, int], ...]


class Kind(Enum):
    """How the library compares a pattern with a path; the first three without an expression."""

    EXACT = "exact"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    EXPRESSION = "expression"


class PatternError(ValueError):
    """Say what is wrong with a pattern, as the end of a sentence."""


def check(pattern: str) -> None:
    """Raise PatternError for what Go's ``filepath.Match`` (Go 1.16 and later) calls a bad pattern."""
    place = 0
    while place < len(pattern):
        character = pattern[place]
        place += 1
        if character == "\\":
            if place == len(pattern):
                raise PatternError("ends in a backslash")
            place += 1
        elif character == "[":
            place = _class_end(pattern, place)


def _class_end(pattern: str, place: int) -> int:
    """Return the place after a class of ``filepath.Match``; a star inside is one of its characters."""
    place += pattern[place : place + 1] == "^"
    count = 0
    while not (count and pattern[place : place + 1] == "]"):
        place = _class_character(pattern, place)
        if pattern[place] == "-":
            place = _class_character(pattern, place + 1)
        count += 1
    return place + 1


def _class_character(pattern: str, place: int) -> int:
    if pattern[place : place + 1] in {"", "-", "]"}:
        raise PatternError("has a [ without what belongs between it and its ]")
    place += pattern[place] == "\\"
    if place + 1 >= len(pattern):
        raise PatternError("has a [ without its ]")
    return place + 1


def compiled(pattern: str) -> tuple[Kind, Callable[[str], object] | None]:
    r"""Return how a pattern is compared and, for an expression, what tells whether it matches all of a path.

    Raises PatternError for an expression that Go refuses, and for ``\p``, which is not translated.
    """
    kind, expression = _replaced(pattern)
    if kind is not Kind.EXPRESSION:
        return kind, None
    try:
        found = re.compile("".join(_translated(expression)), re.ASCII)
    except (re.error, OverflowError, ValueError) as error:
        if isinstance(error, PatternError):
            raise
        raise PatternError(f"is no regular expression where BuildKit makes one of it ({error})") from error
    return kind, found.search if "|" in expression else found.match


def _replaced(pattern: str) -> tuple[Kind, str]:
    """Return the kind and the expression, in Go's syntax, that the library makes of a pattern."""
    kind, made, place = Kind.EXACT, "^", 0
    first = True
    while place < len(pattern):
        character = pattern[place]
        place += 1
        if pattern.startswith("*", place) and character == "*":
            place += 1
            place += pattern.startswith("/", place)
            if place < len(pattern):
                kind, made = Kind.EXPRESSION, f"{made}(.*/)?"
            elif kind is Kind.EXACT:
                kind = Kind.PREFIX
            else:
                kind, made = Kind.EXPRESSION, f"{made}.*"
            kind = Kind.SUFFIX if first else kind
        elif character in "*?":
            kind, made = Kind.EXPRESSION, f"{made}[^/]{'*' if character == '*' else ''}"
        elif character in _ESCAPED:
            made += f"\\{character}"
        elif character == "\\" and place < len(pattern):
            kind, made = Kind.EXPRESSION, f"{made}\\{pattern[place]}"
            place += 1
        else:
            kind = Kind.EXPRESSION if character in "[]" else kind
            made += character
        first = False
    return kind, f"{made}$"


def _translated(expression: str) -> Iterator[str]:
    """Yield Python's syntax for Go's (without flags: ``.`` is no newline, ``^`` and ``$`` are the ends of the text)."""
    place = 0
    while place < len(expression):
        character, begin = expression[place], place
        place += 1
        if character == "\\" and expression.startswith("Q", place):
            literal = expression[place + 1 :].partition("\\E")[0]
            place += 1 + len(literal) + 2
            yield re.escape(literal)
        elif character == "\\" and expression[place] in _ANCHORS:
            yield _ANCHORS[expression[place]]
            place += 1
        elif character == "[":
            ranges, place = _class(expression, place)
            yield _set(ranges)
        elif character == "\\":
            ranges = _perl(expression, begin)
            code, place = (0, place + 1) if ranges else _character(expression, begin)
            yield _set(ranges or ((code, code),))
        elif repeated := _REPEATED.match(expression, begin):
            place = repeated.end()
            yield repeated[0]
        else:
            yield _PLAIN.get(character) or re.escape(character)


def _class(expression: str, place: int) -> tuple[Ranges, int]:
    """Return the characters of a class (``regexp/syntax``, parseClass) and the place after it."""
    negated = expression.startswith("^", place)
    place += negated
    found: list[tuple[int, int]] = []
    first = True
    while first or not expression.startswith("]", place):
        first = False
        if named := _NAMED.match(expression, place):
            if named[2] not in _POSIX:
                raise PatternError(f"has the class {named[0]}, which there is not")
            found += _without(_POSIX[named[2]]) if named[1] else _POSIX[named[2]]
            place = named.end()
        elif ranges := _perl(expression, place):
            found += ranges
            place += 2
        else:
            low, place = _character(expression, place)
            high = low
            if expression.startswith("-", place) and expression[place + 1 : place + 2] not in {"", "]"}:
                high, place = _character(expression, place + 1)
            if high < low:
                raise PatternError("has a range in [ ] that ends before it begins")
            found.append((low, high))
    return (_without(tuple(found)) if negated else tuple(found)), place + 1


def _perl(expression: str, place: int) -> Ranges:
    r"""Return the characters of ``\d`` and its like; none where something else stands there."""
    name = expression[place + 1 : place + 2]
    if expression[place : place + 1] != "\\" or name.lower() not in _PERL:
        return ()
    return _PERL[name] if name.islower() else _without(_PERL[name.lower()])


def _character(expression: str, place: int) -> tuple[int, int]:
    """Return the code of the character at a place (``regexp/syntax``, parseEscape) and the place after it."""
    if place >= len(expression):
        raise PatternError("has a [ without its ]")
    character = expression[place]
    if character != "\\":
        return ord(character), place + 1
    place += 1
    character = expression[place]
    if number := _NUMBERED.match(expression, place):
        code = int(number[3], 8) if number[3] else int(number[1] or number[2], 16)
        if code > _LAST:
            raise PatternError(f"has the character \\{number[0]}, which there is not")
        return code, number.end()
    if character in _CONTROLS:
        return _CONTROLS[character], place + 1
    if character.isascii() and not character.isalnum():
        return ord(character), place + 1
    raise PatternError(f"has a backslash before {character!r}, which a regular expression cannot have")


def _without(ranges: Ranges) -> Ranges:
    """Return all characters but these."""
    found, begin = [], 0
    for low, high in sorted(ranges):
        if low > begin:
            found.append((begin, low - 1))
        begin = max(begin, high + 1)
    return (*found, (begin, _LAST)) if begin <= _LAST else tuple(found)


def _set(ranges: Ranges) -> str:
    """Return a class of Python's; it has the characters that no class of Go's can have, where it is an empty one."""
    text = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)
    return f"[{text}]" if text else r"(?!)"
