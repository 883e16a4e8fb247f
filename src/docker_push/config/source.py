"""A build.toml's text as data, with the line of everything in it; hostile texts end here in one error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import tomli

from docker_push.config.layout import Layout, LimitError, Path, scan
from docker_push.config.values import WrittenFloat
from docker_push.errors import ConfigError
from docker_push.references import quoted

Data = Mapping[str, object]
MAX_BYTES = 4 * 1024 * 1024  # 10,000 images of 400 bytes
_INT64 = 2**63
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LINE = re.compile(r"line ([0-9]+)")
_HINT = "build.toml is TOML 1.0 (https://toml.io): text stands in quotes, and each key on a line of its own."
_LONG = 80  # a terminal's width


@dataclass(frozen=True)
class Source:
    """What a file says: ``data`` is tables as dicts and arrays as tuples, ``layout`` knows their lines."""

    name: str
    data: Data
    layout: Layout

    def line(self, path: Path) -> int:
        """Return the line of ``path``, or of what is around it; zero for what is nowhere in the file."""
        return self.layout.line(self._written(path)) or 0

    def where(self, path: Path) -> str:
        """Return a place as a reader finds it: ``build.toml:12 [images.api] platforms``."""
        line = self.line(path)
        return f"{self.name}:{line} {shown(self._written(path))}" if line else f"{self.name} {shown(path)}"

    def holds(self, path: Path) -> bool:
        """Tell whether the file says something at ``path``."""
        return path in self.layout.lines

    def _written(self, path: Path) -> Path:
        """Return ``path`` as it is written: one [registry] has no number, though it is read as a list of one."""
        one = path[:2] == ("registry", 0) and isinstance(self.data.get("registry"), Mapping)
        return ("registry", *path[2:]) if one else path


def read(text: bytes, name: str) -> Source:
    """Read TOML; raises ConfigError that names ``name`` and the line."""
    decoded = _decoded(text, name)
    try:
        layout = scan(decoded)
    except LimitError as error:
        raise ConfigError(f"{name}:{error.line}: {error.message}", hint=error.hint) from None
    try:
        data = tomli.loads(decoded, parse_float=WrittenFloat)
    except tomli.TOMLDecodeError as error:
        raise _syntax(error, decoded, name, layout) from None
    return Source(name, {key: _frozen(value, (key,), name, layout) for key, value in data.items()}, layout)


def table_at(data: Data, path: Path) -> Data:
    """Return the table at ``path``; an empty one where there is none, or something else."""
    found: object = data
    for part in path:
        found = found.get(str(part)) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def build_tables(data: Data) -> Iterator[Path]:
    """Return where the keys of images may stand: [defaults], then every [images.NAME]."""
    yield ("defaults",)
    yield from (("images", key) for key in table_at(data, ("images",)))


def _decoded(text: bytes, name: str) -> str:
    if len(text) > MAX_BYTES:
        hint = "A build.toml of thousands of images is smaller; check that this is the file you mean."
        raise ConfigError(f"{name} is larger than {MAX_BYTES >> 20} MiB", hint=hint)
    if text.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(f"{name}:1: begins with a byte-order mark", hint="Save the file as UTF-8 without one.")
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: not UTF-8", hint="Save the file as UTF-8.") from None
    if found := _CONTROL.search(decoded):
        line = decoded.count("\n", 0, found.start()) + 1
        hint = r'Remove it; in text between double quotes, write it as in "\u001b".'
        raise ConfigError(f"{name}:{line}: control character U+{ord(found[0]):04X}", hint=hint)
    return decoded


def _syntax(error: tomli.TOMLDecodeError, text: str, name: str, layout: Layout) -> ConfigError:
    """Return the parser's error in one form; a key that stands twice is told by the lines of both."""
    what, _, place = str(error).rpartition(" (at ")  # "line 3, column 4)" or "end of document)"
    number = _LINE.match(place)
    line = int(number[1]) if number else text.count("\n") + 1
    if what.startswith(("Cannot ", "Duplicate ")):
        if layout.repeated is None:
            hint = "Keep one of them; a key is a value or a table, and a table is written in one place."
            return ConfigError(f"{name}:{line}: a key or table is given twice", hint=hint)
        path, line, first = layout.repeated
        hint = f"It stands on line {first} already; keep one of them."
        return ConfigError(f"{name}:{line} {shown(path)}: given twice", hint=hint)
    return ConfigError(f"{name}:{line}: not TOML: {what}", hint=_HINT)


def _frozen(value: object, path: Path, name: str, layout: Layout) -> object:
    """Return ``value`` with tuples for lists; the depth was limited before."""
    if isinstance(value, dict):
        return {key: _frozen(inner, (*path, key), name, layout) for key, inner in value.items()}
    if isinstance(value, list):
        return tuple(_frozen(inner, (*path, index), name, layout) for index, inner in enumerate(value))
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        place = Source(name, {}, layout).where(path)
        raise ConfigError(f"{place}: a number beyond 64 bits", hint="Give a smaller number, or text in quotes.")
    return value


def shown(path: Path) -> str:
    """Return a path as TOML has it: the table in brackets, then the key in it."""
    if not path:
        return ""
    if path[:1] == ("registry",) and len(path) > 1 and isinstance(path[1], int):
        table, rest = f"[[registry]] {path[1] + 1}", path[2:]
    elif path[:2] == ("builder", "nodes") and len(path) > 2 and isinstance(path[2], int):  # noqa: PLR2004 - a node's number
        table, rest = f"[[builder.nodes]] {path[2] + 1}", path[3:]
    else:
        size = 2 if path[0] == "images" else 1
        table, rest = f"[{_dotted(path[:size])}]", path[size:]
    return f"{table} {_dotted(rest)}" if rest else table


def _dotted(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{key_text(part)}"
    return text.removeprefix(".")


def key_text(key: str) -> str:
    """Return a key as TOML has it, in quotes where it needs them."""
    return key if _BARE.fullmatch(key) and len(key) <= _LONG else quoted(key)
