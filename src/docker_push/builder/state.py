"""How the builder that build.toml describes stands: each node, and whether images can be built with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from docker_push.builder import listing, making
from docker_push.builder.description import Description
from docker_push.errors import BuilderError
from docker_push.printable import printable
from docker_push.process import Runner, one_line

SCHEMA = 1
_UP = "docker-push builder up"


@dataclass(frozen=True, kw_only=True)
class NodeState:
    """A node: ``status`` is buildx's word (running, inactive, stopped, error), or ``not made``; ``error`` why it cannot build."""

    name: str
    endpoint: str
    status: str
    platforms: tuple[str, ...] = ()
    version: str = ""
    error: str = ""

    @property
    def line(self) -> str:
        """Return the node for a reader."""
        version = f"BuildKit {self.version}" if self.version else ""
        parts = (self.endpoint, self.status, ", ".join(self.platforms), version, self.error)
        return f"{self.name}: {'; '.join(filter(None, parts))}"


@dataclass(frozen=True, kw_only=True)
class State:
    """A builder: ``error`` is why it cannot build, ``None`` where it can."""

    name: str
    driver: str
    nodes: tuple[NodeState, ...]
    error: BuilderError | None

    @property
    def text(self) -> str:
        """Return the builder for a reader, a line for each node."""
        head = f"builder {self.name}, driver {self.driver}"
        return printable("\n".join([head, *(f"  {node.line}" for node in self.nodes)]))

    def document(self) -> dict[str, object]:
        """Return the builder by its documented schema; keys may be added, never renamed."""
        nodes = [{key: _plain(value) for key, value in vars(node).items()} for node in self.nodes]
        error = str(self.error) if self.error else None
        return {
            "schema": SCHEMA,
            "name": self.name,
            "driver": self.driver,
            "able": self.error is None,
            "error": error,
            "nodes": nodes,
        }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value or None


def look(runner: Runner, description: Description) -> State:
    """Look at the builder; raises BuilderError where buildx cannot tell.

    Nothing is started: a container or pod that does not run is started by the first build. A machine that runs BuildKit by
    itself and does not answer cannot build.
    """
    entry = listing.named(runner, description.name)
    if entry is None or description.missing(entry):
        return _unmade(description, entry)
    nodes = tuple(_nodes(entry, lambda: making.reason(runner, description.name)))
    return State(
        name=description.name,
        driver=str(entry.get("Driver")),
        nodes=nodes,
        error=_error(description, description.differences(entry), nodes),
    )


def _unmade(description: Description, entry: listing.Entry | None) -> State:
    there = {str(node.get("Name")) for node in listing.nodes(entry or {})}
    nodes = tuple(
        NodeState(
            name=node.name,
            endpoint=node.endpoint or "",
            status="made" if node.name in there else "not made",
            platforms=node.platforms,
        )
        for node in description.nodes
    )
    what = "is only half made" if entry else "is not there"
    hint = f"Run `{_UP}`, or let the first run that builds make it."
    error = BuilderError(f"builder {description.name} {what}", hint=hint)
    return State(name=description.name, driver=description.driver, nodes=nodes, error=error)


def _nodes(entry: listing.Entry, why: making.Reason) -> Iterator[NodeState]:
    found = listing.nodes(entry)
    silent = listing.silent(entry)
    words = why() if silent else ""
    for node in found:
        endpoint = str(node.get("Endpoint") or "")
        yield NodeState(
            name=str(node.get("Name")),
            endpoint=endpoint,
            status=str(node.get("Status") or "unknown"),
            platforms=tuple(_own(listing.platforms(node))),
            version=str(node.get("Version") or ""),
            error=_why(node, endpoint in silent, words if _is_of(words, endpoint, silent) else ""),
        )


def _why(node: Mapping[str, object], silent: bool, words: str) -> str:  # noqa: FBT001 - one of three facts
    if node.get("Err"):
        return one_line(printable(str(node["Err"])))
    if not silent:
        return ""
    return f"does not answer: {words}" if words else "does not answer"


def _is_of(words: str, endpoint: str, silent: Sequence[str]) -> bool:
    """Tell whether buildx's words, which are of one node, are of this one."""
    return len(silent) == 1 or endpoint.rpartition("/")[2] in words


def _own(platforms: Sequence[str]) -> Iterator[str]:
    """Give platforms without the variants of one that is there itself, as in linux/amd64/v2."""
    return (text for text in dict.fromkeys(platforms) if text.rpartition("/")[0] not in platforms)


def _error(description: Description, different: tuple[str, ...], nodes: Sequence[NodeState]) -> BuilderError | None:
    if different:
        return making.refused(description, different)
    broken = [node for node in nodes if node.error]
    if not broken:
        return None
    first = broken[0]
    hint = "Start BuildKit there, or mend the way to it; its platforms are built by no other node."
    return BuilderError(f"builder {description.name}: node {first.name} ({first.endpoint}) {first.error}", hint=hint)
