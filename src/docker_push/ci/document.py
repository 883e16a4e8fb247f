"""A YAML text as a tree in which everything knows its place; hostile texts end here in one error.

The tree is made from ruamel.yaml's events, so that no tag of a file is ever constructed, and an alias is the node that it
names: a text of a few lines stays small whatever its aliases multiply to. Merge keys (``<<``) are followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from docker_push.errors import ConfigError
from docker_push.references import quoted

if TYPE_CHECKING:
    from ruamel.yaml.events import Event

MAX_BYTES = 256 * 1024  # a workflow of 200 jobs has 60 KiB
_NODES = 50_000
_MERGED = 100_000  # keys that merge keys bring
_DEPTH = 50
_HINT = "Correct the YAML there; nothing was changed."


@dataclass(frozen=True, eq=False)
class Node:
    """A part of a text: ``line`` counts from one, ``start`` and ``end`` are offsets; ``end`` is after its last character."""

    line: int
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class ScalarNode(Node):
    """A text; ``plain``: it stands in no quotes, so that ``true`` is a truth value."""

    text: str = ""
    plain: bool = True

    @property
    def is_true(self) -> bool:
        """Tell whether it is the truth value ``true``."""
        return self.plain and self.text.lower() == "true"

    @property
    def is_null(self) -> bool:
        """Tell whether nothing is said."""
        return self.plain and self.text.lower() in {"", "null", "~"}


@dataclass(frozen=True, eq=False)
class SequenceNode(Node):
    """Items one after the other; ``tag`` is GitLab's ``!reference`` or another that the text names."""

    items: tuple[Node, ...] = ()
    tag: str = ""


@dataclass(frozen=True, eq=False)
class MappingNode(Node):
    """Values by their keys: ``own`` is what stands here, ``values`` has what merge keys bring as well.

    ``keys`` are the key nodes of ``own``; ``column`` is that of the first one; ``block``: it is written without braces.
    """

    own: Mapping[str, Node] = field(default_factory=dict)
    keys: Mapping[str, ScalarNode] = field(default_factory=dict)
    values: Mapping[str, Node] = field(default_factory=dict)
    column: int = 0
    block: bool = True

    def mapping(self, key: str) -> MappingNode:
        """Return the mapping at a key; an empty one where there is none, or something else."""
        found = self.values.get(key)
        return found if isinstance(found, MappingNode) else NOTHING

    def scalar(self, key: str) -> ScalarNode | None:
        """Return the text at a key, ``None`` where there is none, or something else."""
        found = self.values.get(key)
        return found if isinstance(found, ScalarNode) and not found.is_null else None

    def written(self, key: str) -> Node | None:
        """Return what is written at a key; ``None`` where there is none, or an alias of what others share."""
        found = self.own.get(key)
        return found if found is not None and found.start > self.keys[key].start else None

    def items(self, key: str) -> tuple[Node, ...]:
        """Return the items of a sequence at a key, or the single thing that stands there instead."""
        found = self.values.get(key)
        if isinstance(found, SequenceNode):
            return found.items
        return () if found is None or (isinstance(found, ScalarNode) and found.is_null) else (found,)


_EMPTY: Mapping[str, Any] = MappingProxyType({})
NOTHING = MappingNode(line=0, start=0, end=0, own=_EMPTY, keys=_EMPTY, values=_EMPTY)


@dataclass(frozen=True, eq=False)
class Document:
    """A file of a CI: its name, its text, and the tree of its (last) document."""

    name: str
    text: str
    root: MappingNode


@cache
def read(text: str, name: str) -> Document:
    """Read a YAML text, once; raises ConfigError with ``name``, the line and what is wrong there."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - only ci.check and ci.write read YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    if len(text) > MAX_BYTES:
        hint = "Split it; GitLab's include and GitHub's reusable workflows are for that."
        raise ConfigError(f"{name} is larger than {MAX_BYTES >> 10} KiB", hint=hint)
    builder = _Builder(text, name)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _error(name, mark.line + 1 if mark else 1, f"not YAML: {error.problem or error.context}") from None
    except YAMLError as error:
        place = getattr(error, "position", 0)
        line = text.count("\n", 0, place if isinstance(place, int) else 0) + 1
        raise _error(name, line, "not YAML: a character that YAML does not allow") from None
    except (ValueError, OverflowError, AssertionError, IndexError) as error:  # of escapes and directives
        raise _error(name, 1, f"not YAML: {type(error).__name__}") from None
    if isinstance(builder.root, ScalarNode) and builder.root.is_null:
        return Document(name, text, NOTHING)
    if not isinstance(builder.root, MappingNode):
        raise _error(name, 1, "no mapping: a file of a CI is KEY: VALUE")
    return Document(name, text, builder.root)


def _error(name: str, line: int, problem: str) -> ConfigError:
    return ConfigError(f"{name}:{line}: {problem}", hint=_HINT)


@dataclass
class _Open:
    """A collection that is being read."""

    event: Any
    children: list[Node] = field(default_factory=list)


class _Builder:
    """Make the tree from the events of a parser, within bounds."""

    def __init__(self, text: str, name: str) -> None:
        self.root: Node = NOTHING
        self._text, self._name = text, name
        self._anchors: dict[str, Node] = {}
        self._open: list[_Open] = []
        self._nodes = self._merged = 0

    def take(self, event: Event) -> None:
        kind = type(event).__name__
        line: int = event.start_mark.line + 1
        self._nodes += 1
        if self._nodes > _NODES:
            raise _error(self._name, line, f"more than {_NODES} parts")
        if kind == "DocumentStartEvent":
            self._anchors = {}
        elif kind in {"MappingStartEvent", "SequenceStartEvent"}:
            if len(self._open) >= _DEPTH:
                raise _error(self._name, line, f"nested more than {_DEPTH} deep")
            self._open.append(_Open(event))
        elif kind in {"MappingEndEvent", "SequenceEndEvent"}:
            opened = self._open.pop()
            make = self._mapping if kind == "MappingEndEvent" else self._sequence
            self._add(make(opened, event.end_mark.index), opened.event.anchor)
        elif kind == "ScalarEvent":
            self._add(self._scalar(event), getattr(event, "anchor", None))
        elif kind == "AliasEvent":
            anchor = str(getattr(event, "anchor", ""))
            if anchor not in self._anchors:
                raise _error(self._name, line, f"there is no anchor {quoted(anchor)} before this alias")
            self._add(self._anchors[anchor], None)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node

    def _scalar(self, event: Any) -> ScalarNode:  # noqa: ANN401 - the events of ruamel.yaml are untyped
        start, end = event.start_mark.index, event.end_mark.index
        if event.style in {"|", ">"}:
            end = start + len(self._text[start:end].rstrip())
        plain = event.style in {None, ""}
        return ScalarNode(event.start_mark.line + 1, start, end, text=str(event.value or ""), plain=plain)

    def _sequence(self, opened: _Open, end: int) -> SequenceNode:
        begin, flow = opened.event.start_mark, bool(opened.event.flow_style)
        last = end if flow else self._last(opened)
        items, tag = tuple(opened.children), opened.event.tag
        return SequenceNode(begin.line + 1, begin.index, last, items=items, tag=tag if isinstance(tag, str) else "")

    def _mapping(self, opened: _Open, end: int) -> MappingNode:
        begin, flow = opened.event.start_mark, bool(opened.event.flow_style)
        own: dict[str, Node] = {}
        keys: dict[str, ScalarNode] = {}
        brought: dict[str, Node] = {}
        pairs = list(zip(opened.children[::2], opened.children[1::2], strict=True))
        for key, value in pairs:
            if not isinstance(key, ScalarNode):
                raise _error(self._name, key.line, "a key that is no text")
            if key.text == "<<" and key.plain:
                brought = {**self._merge(value, key.line), **brought}
            elif key.text in own:
                raise _error(self._name, key.line, f"{quoted(key.text)} is given twice")
            else:
                own[key.text], keys[key.text] = value, key
        first = pairs[0][0].start if pairs else begin.index
        column = first - (self._text.rfind("\n", 0, first) + 1)
        return MappingNode(
            line=begin.line + 1,
            start=begin.index,
            end=end if flow else self._last(opened),
            own=own,
            keys=keys,
            values={**brought, **own},
            column=column,
            block=not flow,
        )

    def _last(self, opened: _Open) -> int:
        """Return where the last child of a block ends; an alias ends elsewhere, so that it counts from where it began."""
        begin: int = opened.event.start_mark.index
        return max([begin, *(child.end for child in opened.children[-2:])])

    def _merge(self, value: Node, line: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for source in value.items if isinstance(value, SequenceNode) else (value,):
            if not isinstance(source, MappingNode):
                raise _error(self._name, line, "<< is for mappings")
            self._merged += len(source.values)
            if self._merged > _MERGED:
                raise _error(self._name, line, f"merge keys bring more than {_MERGED} keys")
            found = {**source.values, **found}
        return found


def scalars(node: Node, depth: int = 0) -> Iterator[ScalarNode]:
    """Yield the texts of a node and of the sequences in it, as GitLab flattens a ``script``: ten levels at most."""
    if isinstance(node, ScalarNode):
        yield node
    elif isinstance(node, SequenceNode) and depth < 10 and not node.tag:  # noqa: PLR2004 - docs.gitlab.com, "script"
        for item in node.items:
            yield from scalars(item, depth + 1)
