"""The builder that build.toml describes, as a value: its name, how it is made, how one that is there differs. Pure."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from docker_push.builder.listing import Entry, nodes, platforms
from docker_push.config import BuilderTable, NodeTable
from docker_push.references import Platform

_DIGITS = 8  # of the hash in a name
_VARIABLE = "env."  # an option that begins so is a variable of buildkitd's, and may be anything
# buildx adds it by itself where no entitlement is named (builder/builder.go, parseBuildkitdFlags)
_ADDED = "--allow-insecure-entitlement=network.host"


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node as ``docker buildx create`` takes it; ``options`` hold the paths of TLS files too, absolute.

    ``name`` tells by a hash which description the node was made from. ``files`` are the key of build.toml -> the file that
    must be there.
    """

    name: str
    endpoint: str | None
    platforms: tuple[str, ...]
    options: Mapping[str, str]
    flags: tuple[str, ...]
    config: Path | None
    files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """Return the node for a reader: where it is, and what it builds."""
        where = self.endpoint or "here"
        return f"{where} for {', '.join(self.platforms)}" if self.platforms else where


@dataclass(frozen=True, kw_only=True)
class Description:
    """A builder as it is to be."""

    name: str
    driver: str
    nodes: tuple[Node, ...]

    @property
    def shown(self) -> str:
        """Return the builder for a reader, in one line."""
        return f"driver {self.driver}: {'; '.join(node.shown for node in self.nodes)}"

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """Return the platforms that its nodes are for; none where a node finds out itself."""
        if not all(node.platforms for node in self.nodes):
            return ()
        return tuple(dict.fromkeys(Platform.parse(text) for node in self.nodes for text in node.platforms))

    def create(self, node: Node, *, further: bool) -> list[str]:
        """Return the command that makes the builder with this node, or adds the node to it.

        It never touches another builder of that name: to one that has no such node buildx adds only what is told to
        append, and makes none that is there (``builder/builder.go``, ``store/nodegroup.go``). It does not select the builder.
        """
        argv = ["docker", "buildx", "create", "--name", self.name, "--driver", self.driver, "--node", node.name]
        argv += ["--append"] if further else []
        argv += ["--platform", ",".join(node.platforms)] if node.platforms else []
        for name, value in node.options.items():
            argv += ["--driver-opt", _field(f"{name}={value}")]
        argv += ["--buildkitd-flags", shlex.join(node.flags)] if node.flags else []
        argv += ["--buildkitd-config", str(node.config)] if node.config else []
        return [*argv, node.endpoint] if node.endpoint else argv

    def missing(self, entry: Entry) -> tuple[Node, ...]:
        """Return the nodes that a builder made from this very description lacks: another run is making it, or died of it."""
        there = {node.get("Name") for node in nodes(entry)}
        absent = tuple(node for node in self.nodes if node.name not in there)
        known = {node.name for node in self.nodes}
        return absent if absent and there and there <= known and not self._unlike(entry) else ()

    def differences(self, entry: Entry) -> tuple[str, ...]:
        """Return how a builder of this name differs from what is described; nothing where it is the same.

        Of what is not said here (an endpoint, platforms) any will do, and of docker's default context, whose address buildx
        notes (``builder/builder.go``, ``validateEndpoint``). buildx does not tell the platforms that a node was
        created for from those it found: the former come first.
        """
        there = nodes(entry)
        if entry.get("Driver") != self.driver:
            return (f"its driver is {entry.get('Driver')}, described is {self.driver}",)
        if len(there) != len(self.nodes):
            found = ", ".join(str(node.get("Endpoint")) for node in there) or "none"
            return (f"it has {len(there)} of {len(self.nodes)} nodes ({found})",)
        return tuple(self._unlike(entry))

    def _unlike(self, entry: Entry) -> list[str]:
        by_name = {node.name: node for node in self.nodes}
        pairs = [
            (by_name.get(str(found.get("Name"))) or self.nodes[min(index, len(self.nodes) - 1)], found)
            for index, found in enumerate(nodes(entry))
        ]
        return [f"node {found.get('Name')}: {text}" for node, found in pairs for text in _unlike(node, found)]


def describe(table: BuilderTable, root: Path, home: Path) -> Description:
    """Return the builder of a table; ``root`` is build.toml's folder, and ``home`` what ``~`` stands for."""
    tables = table.nodes or (NodeTable(),)
    made = [_node(node, root, home) for node in tables]
    digest = _digest(table.driver, made)
    name = table.name or f"docker-push-{digest}"
    stem = name if table.name is None else f"{name}-{digest}"
    named = tuple(replace(node, name=f"{stem}-{index}") for index, node in enumerate(made))
    return Description(name=name, driver=table.driver, nodes=named)


def _node(table: NodeTable, root: Path, home: Path) -> Node:
    said = {"cacert": table.ca, "cert": table.cert, "key": table.key}
    keys = {"cacert": "ca", "cert": "cert", "key": "key"}
    found = {option: _file(text, root, home) for option, text in said.items() if text}
    options = {**{name: str(path) for name, path in found.items()}, **dict(sorted(table.options.items()))}
    if table.servername:
        options["servername"] = table.servername
    config = root / table.config if table.config else None
    files = {keys[option]: path for option, path in found.items()} | ({"config": config} if config else {})
    return Node(
        name="",
        endpoint=table.endpoint,
        platforms=tuple(table.platforms or ()),
        options=options,
        flags=table.flags,
        config=config,
        files=files,
    )


def _file(text: str, root: Path, home: Path) -> Path:
    return home / text.removeprefix("~/") if text.startswith("~/") else root / text


def _digest(driver: str, made: list[Node]) -> str:
    """Return the hash of a description: of where TLS files are, and of what buildkitd is configured with."""
    told = [[node.endpoint, node.platforms, dict(node.options), node.flags, _content(node.config)] for node in made]
    return hashlib.sha256(json.dumps([driver, told], sort_keys=True).encode()).hexdigest()[:_DIGITS]


def _content(path: Path | None) -> str | None:
    """Return the hash of a file; one that cannot be read is said before anything is made of it."""
    try:
        return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _field(text: str) -> str:
    """Return an option as a field of CSV, which buildx reads it as."""
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"') else text


def _unlike(node: Node, found: Entry) -> Iterator[str]:
    """Tell how a node that is there differs from the one that is described."""
    ours = found.get("Name") == node.name
    if node.endpoint not in {None, "default", found.get("Endpoint")}:
        yield f"its endpoint is {found.get('Endpoint')}, described is {node.endpoint}"
    listed = platforms(found)[: len(node.platforms)]
    if set(listed) != set(node.platforms):
        yield f"it is for {', '.join(listed) or 'what it finds'}, described is {', '.join(node.platforms)}"
    options = {str(key): str(value) for key, value in (found.get("DriverOpts") or {}).items()}
    for name in sorted(options.keys() | node.options.keys()):
        there, here = options.get(name, "not set"), node.options.get(name, "not set")
        if there != here:
            shown = f"is {there}, described is {here}" if not name.startswith(_VARIABLE) else "is another"
            yield f"its option {name} {shown}"
    flags = [str(flag) for flag in found.get("Flags") or ()]
    if [flag for flag in flags if flag != _ADDED] != [flag for flag in node.flags if flag != _ADDED]:
        yield f"its flags are {shlex.join(flags) or 'none'}, described are {shlex.join(node.flags) or 'none'}"
    if node.config and not ours:
        yield "nothing tells whether its buildkitd.toml is the described one"
