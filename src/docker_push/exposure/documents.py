"""Where documents that were published hold a secret: in which entry, never which value.

They are read as JSON, so that no escape hides a value; in every string a value is looked for in base64, URL-quoted and
in JSON inside of it as well.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote

from docker_push.process import one_line

Finds = Callable[[str], bool]
Path = tuple["str | int", ...]

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}")
_URL_SAFE = str.maketrans("-_", "+/")
_DEPTH = 3  # documents within strings of documents


class _Object(tuple[tuple[str, object], ...]):
    """The entries of a JSON object, also those of a key that stands twice."""

    __slots__ = ()


def scan(documents: Iterable[tuple[str, bytes]], finds: Finds) -> tuple[str, ...]:
    """Return every place that holds what ``finds`` knows, as in ``linux/arm64: Env NPM_TOKEN``.

    ``documents`` are (what it is, its bytes): image configurations, manifests, attestations, or anything else. A place
    names an entry and never shows a value.
    """
    found = (f"{what}: {place}" for what, data in documents for place in _places(data, finds))
    return tuple(dict.fromkeys(found))


def _places(data: bytes, finds: Finds) -> Iterator[str]:
    text = data.decode("utf-8", "replace")
    content = _parsed(text)
    if content is None:
        if _holds(text, finds, _DEPTH):
            yield "its text"
        return
    for path, string in _strings(content):
        if _holds(string, finds, _DEPTH):
            yield _named(path, string, finds)


def _parsed(text: str) -> object:
    """Read JSON; ``None`` for what is none, or is deeper than anybody writes it."""
    try:
        return json.loads(text, object_pairs_hook=_Object)
    except (ValueError, RecursionError):
        return None


def _strings(content: object) -> Iterator[tuple[Path, str]]:
    """Return every string of a document with its path: keys, values, and numbers as text."""
    waiting: list[tuple[Path, object]] = [((), content)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, _Object):
            for key, inner in reversed(value):
                waiting.append(((*path, key), inner))
                waiting.append(((*path, "a key"), key))
        elif isinstance(value, list):
            waiting += [((*path, index), inner) for index, inner in reversed(list(enumerate(value)))]
        elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
            yield path, str(value)


def _holds(text: str, finds: Finds, depth: int) -> bool:
    return any(finds(reading) for reading in _readings(text, depth))


def _readings(text: str, depth: int) -> Iterator[str]:
    """Return all that a string can say: itself, the value of ``NAME=value``, and what it is an encoding of."""
    yield text
    name, mark, value = text.partition("=")
    if mark and name:
        yield value
    if "%" in text:
        yield unquote(text)
    for run in _BASE64.findall(text):
        yield from _decoded(run)
    if depth and text.lstrip()[:1] in {"{", "[", '"'}:
        for _, string in _strings(_parsed(text)):
            yield from _readings(string, depth - 1)


def _decoded(run: str) -> Iterator[str]:
    """Decode base64 that may begin at any of four places: what stands before it may be of its alphabet."""
    for begin in range(4):
        part = run[begin : begin + (len(run) - begin) // 4 * 4].translate(_URL_SAFE)
        rest = run[begin + len(part) :].translate(_URL_SAFE)
        padded = part + (rest + "=" * (4 - len(rest)) if len(rest) > 1 else "")
        yield base64.b64decode(padded).decode("utf-8", "replace")


def _named(path: Path, string: str, finds: Finds) -> str:
    """Return a place as people call it; where a name would show the value, only what is around it."""
    for name in (_name(path, string), _dotted(path[:-1])):
        if name and not _holds(name, finds, 0):
            return one_line(name)
    return "an entry"


def _name(path: Path, string: str) -> str:
    kind = tuple(part if isinstance(part, str) else "" for part in path[:3])
    if kind[:2] == ("config", "Env") and len(path) > 2:  # noqa: PLR2004 - the index of the entry
        return f"Env {string.partition('=')[0]}"
    if kind[:2] == ("config", "Labels") and len(path) > 2:  # noqa: PLR2004 - the label's key
        return f"Label {path[2]}"
    if path[:1] == ("history",) and len(path) > 1 and isinstance(path[1], int):
        return f"history entry {path[1] + 1}"
    if path[:1] == ("annotations",) and len(path) > 1:
        return f"annotation {path[1]}"
    return _dotted(path)


def _dotted(path: Path) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")
