"""BuildKit's progress events (``--progress=rawjson``) as values; never what decides whether a build succeeded.

Each line is one ``SolveStatus`` of moby/buildkit ``client/graph.go``: vertexes, statuses, logs (base64), warnings.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_LOG_LINES = 40
_LINE = 64 * 1024  # bytes of a line that are waited for
_TARGET = re.compile(r"\[([A-Za-z0-9_-]+)[ \]]")
_CACHE = re.compile(r"(?:\[[A-Za-z0-9_-]+\] )?(?:importing|exporting) cache")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")  # they show text in another order than it is in
# actions/runner ActionCommand.cs: "##[" anywhere in a line, "::" at its start after blanks
_COMMAND = re.compile(r"(#)(?=#\[)|(^[^\S\n]*:)(?=:)", re.MULTILINE)


def printable(text: str) -> str:
    """Return foreign text without terminal escapes and control characters, tabs and line ends kept.

    What GitHub's runner would take for a command (``::error::``, ``##[error]``) gets a blank that makes it none.
    """
    return _COMMAND.sub(r"\g<0> ", _BIDI.sub("", _CONTROL.sub("", text)))


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step that ended: its name as BuildKit gives it, whether it came from the cache, and its error if it failed."""

    name: str
    cached: bool
    seconds: float
    error: str

    @property
    def is_internal(self) -> bool:
        """Tell whether this is BuildKit's own bookkeeping; a failed one is always worth telling."""
        own = "internal]" in self.name or self.name.startswith("resolving provenance")
        return own and not self.error

    @property
    def is_missing_cache(self) -> bool:
        """Tell whether a cache was looked for and is not there: the first build of a branch, not an error."""
        return self.is_cache and self.error.endswith("not found")

    @property
    def is_cache(self) -> bool:
        """Tell whether this reads or writes a cache, which decides nothing about the build."""
        return _CACHE.match(self.name) is not None


@dataclass(kw_only=True)
class _Vertex:
    name: str = ""
    ended: bool = False
    log: deque[str] = field(default_factory=lambda: deque(maxlen=_LOG_LINES))
    begun: dict[object, bytes] = field(default_factory=dict)

    def add(self, stream: object, data: bytes) -> None:
        """Take a piece of output; only whole lines are kept, so that a secret in two pieces is one when it is looked for."""
        *lines, begun = (self.begun.get(stream, b"") + data).split(b"\n")
        self.log.extend(_text(line) for line in lines)
        self.begun[stream] = begun
        if len(begun) > _LINE:
            self.end()

    def end(self) -> None:
        """Take the lines that were begun as they are."""
        self.log.extend(_text(line) for line in self.begun.values() if line)
        self.begun.clear()


@dataclass(kw_only=True)
class Progress:
    """Follow one bake: feed lines, get the steps that ended; keep the log's end of each step, bounded.

    ``stray`` are the last lines that are no events, as buildx prints its own errors.
    """

    stray: deque[str] = field(default_factory=lambda: deque(maxlen=_LOG_LINES))
    _vertexes: dict[str, _Vertex] = field(default_factory=dict)
    _causes: dict[str, Step] = field(default_factory=dict)

    def feed(self, line: str) -> Iterator[Step]:
        """Take one line; yield the steps that it ends."""
        event = _event(line)
        if event is None:
            if line.strip():
                self.stray.append(printable(line))
            return
        for log in _entries(event, "logs"):
            self._vertex(log.get("vertex")).add(str(log.get("stream")), _decoded(log.get("data")))
        for vertex in _entries(event, "vertexes"):
            step = self._ended(vertex)
            if step is not None:
                yield step

    def causes(self) -> tuple[tuple[Step, tuple[str, ...]], ...]:
        """Return the steps that failed by themselves, not because a neighbour did, each with the end of its log."""
        return tuple((step, tuple(self._vertexes[digest].log)) for digest, step in self._causes.items())

    def _vertex(self, digest: object) -> _Vertex:
        return self._vertexes.setdefault(str(digest), _Vertex())

    def _ended(self, event: Mapping[str, object]) -> Step | None:
        vertex = self._vertex(event.get("digest"))
        vertex.name = printable(str(event.get("name") or vertex.name))
        if not event.get("completed") or vertex.ended:
            return None
        vertex.ended = True
        vertex.end()
        error = printable(str(event.get("error") or ""))
        step = Step(name=vertex.name, cached=bool(event.get("cached")), seconds=_seconds(event), error=error)
        if _is_cause(step):
            self._causes[str(event.get("digest"))] = step
        return step


def _is_cause(step: Step) -> bool:
    """Tell a step that failed by itself: a neighbour's failure cancels the others, a cache may be missing at any time."""
    return bool(step.error) and "context canceled" not in step.error and not step.is_cache


def target_of(step: str) -> str | None:
    """Return the bake target that a step's name begins with, where bake names one (it does not for a lone target)."""
    match = _TARGET.match(step)
    return match[1] if match and match[1] != "internal" else None


def _event(line: str) -> Mapping[str, object] | None:
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _entries(event: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    entries = event.get(key)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _decoded(data: object) -> bytes:
    try:
        return base64.b64decode(str(data or ""))
    except (binascii.Error, ValueError):
        return b""


def _text(line: bytes) -> str:
    return printable(line.decode("utf-8", "replace"))


def _seconds(event: Mapping[str, object]) -> float:
    started, completed = _moment(event.get("started")), _moment(event.get("completed"))
    return max(0.0, completed - started) if started and completed else 0.0


def _moment(text: object) -> float:
    """Read RFC 3339 with any number of fraction digits (Go writes up to nine) as seconds since the epoch."""
    from datetime import datetime  # noqa: PLC0415

    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", str(text or ""))
    if not match:
        return 0.0
    try:
        whole = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))
    except ValueError:
        return 0.0
    return whole.timestamp() + float(match[2] or 0)
