"""BuildKit's progress events (``--progress=rawjson``) as values; never what decides whether a build succeeded.

Each line is one ``SolveStatus`` of moby/buildkit ``client/graph.go``: vertexes, statuses, logs (base64), warnings.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from docker_push.printable import printable

_LOG_LINES = 40
_STDERR = 2  # of a log's streams
_WAITED = 64 * 1024  # bytes of a line that are waited for
_LOGS = 500  # steps whose log is kept: those that ended well need none
_STEPS = 20_000  # steps that are remembered: a bake of 50 targets has hundreds
_CAUSES = 200
_NAME, _LINE, _ERROR = 1_000, 2_000, 16_000  # characters of a step's name, of a line of its log, of its error
_TARGET = re.compile(r"\[([A-Za-z0-9_-]+)[ \]]")
_CACHE = re.compile(r"(?:\[[A-Za-z0-9_-]+\] )?(?:importing|exporting) cache")


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
        if len(begun) > _WAITED:
            self.end()

    def end(self) -> None:
        """Take the lines that were begun as they are."""
        self.log.extend(_text(line) for line in self.begun.values() if line)
        self.begun.clear()


@dataclass(kw_only=True)
class Progress:
    """Follow one bake: feed lines, get the steps that ended; keep the log's end of each step.

    Whatever is fed, only so much of it is kept: of more steps than a bake has the oldest are forgotten, long lines are cut.
    ``stray`` are the last lines that are no events, as buildx prints its own errors. ``follow`` is given every event, whole,
    as it comes, and ``None`` for a line that begins like one and cannot be read.
    """

    follow: Callable[[Mapping[str, object] | None], None] = lambda _event: None
    stray: deque[str] = field(default_factory=lambda: deque(maxlen=_LOG_LINES))
    _vertexes: dict[str, _Vertex] = field(default_factory=dict)
    _logging: dict[str, _Vertex] = field(default_factory=dict)  # the last to log comes last
    _causes: dict[str, tuple[Step, _Vertex]] = field(default_factory=dict)

    def feed(self, line: str) -> Iterator[Step]:
        """Take one line; yield the steps that it ends."""
        event = _event(line)
        if event is not None or line.startswith("{"):
            self.follow(event)
        if event is None:
            if line.strip():
                self.stray.append(printable(line[:_ERROR]))
            return
        for log in _entries(event, "logs"):
            self._log(_key(log.get("vertex")), log.get("stream") == _STDERR, _decoded(log.get("data")))
        for vertex in _entries(event, "vertexes"):
            step = self._ended(vertex)
            if step is not None:
                yield step

    def causes(self) -> tuple[tuple[Step, tuple[str, ...]], ...]:
        """Return the steps that failed by themselves, not because a neighbour did, each with the end of its log."""
        return tuple((step, tuple(vertex.log)) for step, vertex in self._causes.values())

    def _vertex(self, key: str) -> _Vertex:
        vertex = self._vertexes.setdefault(key, _Vertex())
        if len(self._vertexes) > _STEPS:
            del self._vertexes[next(iter(self._vertexes))]
        return vertex

    def _log(self, key: str, stream: object, data: bytes) -> None:
        vertex = self._vertex(key)
        vertex.add(stream, data)
        self._logging.pop(key, None)
        self._logging[key] = vertex
        if len(self._logging) > _LOGS:
            self._forget_log(next(iter(self._logging)))

    def _forget_log(self, key: str) -> None:
        vertex = self._logging.pop(key, None)
        if vertex is not None and key not in self._causes:
            vertex.log.clear()
            vertex.begun.clear()

    def _ended(self, event: Mapping[str, object]) -> Step | None:
        key = _key(event.get("digest"))
        vertex = self._vertex(key)
        vertex.name = printable(str(event.get("name") or vertex.name)[:_NAME])
        if not event.get("completed") or vertex.ended:
            return None
        vertex.ended = True
        vertex.end()
        error = printable(str(event.get("error") or "")[:_ERROR])
        step = Step(name=vertex.name, cached=bool(event.get("cached")), seconds=_seconds(event), error=error)
        if _is_cause(step) and len(self._causes) < _CAUSES:
            self._causes[key] = step, vertex
        if not error:
            self._forget_log(key)
        return step


def _is_cause(step: Step) -> bool:
    """Tell a step that failed by itself: a neighbour's failure cancels the others, a cache may be missing at any time."""
    return bool(step.error) and "context canceled" not in step.error and not step.is_cache


def target_of(step: str) -> str | None:
    """Return the bake target that a step's name begins with, where bake names one (it does not for a lone target)."""
    match = _TARGET.match(step)
    return match[1] if match and match[1] != "internal" else None


def _key(digest: object) -> str:
    return str(digest)[:_NAME]


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
    """Return a line of a log; a long one is cut between words, so that no part of a secret is left standing alone."""
    text = printable(line.decode("utf-8", "replace"))
    return text if len(text) <= _LINE else f"{text[:_LINE].rpartition(' ')[0]} ... ({len(text)} characters)"


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
