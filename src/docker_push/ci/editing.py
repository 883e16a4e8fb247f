"""Changes to a text at places of its tree, and nothing else: every other character stays as it was. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from docker_push.ci.document import Document, MappingNode, Node, ScalarNode, SequenceNode

_ENDS = re.compile(r"\r?\n|\Z")


@dataclass(frozen=True, order=True)
class Edit:
    """A text in place of what stands between two offsets."""

    start: int
    end: int
    text: str


def applied(text: str, edits: Iterable[Edit]) -> str:
    """Return a text with its edits; those at one place come in the order in which they are given."""
    ordered = sorted(dict.fromkeys(edits), key=lambda edit: edit.start)
    parts, at = [], 0
    for edit in ordered:
        parts += [text[at : edit.start], edit.text]
        at = max(at, edit.end)
    return "".join([*parts, text[at:]])


def newline(text: str) -> str:
    """Return how a text ends its lines."""
    return "\r\n" if "\r\n" in text else "\n"


def replace(node: Node, text: str) -> Edit:
    """Put a text in place of a node."""
    return Edit(node.start, node.end, text)


def after(document: Document, end: int, lines: Sequence[str]) -> Edit:
    """Put lines below the line that ``end`` is on."""
    at = _line_end(document.text, end)
    return Edit(at, at, "".join(f"{newline(document.text)}{line}".rstrip(" ") for line in lines))


def after_block(document: Document, end: int, column: int, lines: Sequence[str]) -> Edit:
    """Put lines below a block whose keys begin in ``column``, and below the comments that still belong to what is in it."""
    text, at = document.text, _line_end(document.text, end)
    last = at
    while at < len(text):
        begin = text.index("\n", at) + 1
        at = _line_end(text, begin)
        line = text[begin:at]
        inner = len(line) - len(line.lstrip(" "))
        if line.strip() and not (line.lstrip().startswith("#") and inner > column):
            break
        last = at if line.strip() else last
    return after(document, last, lines)


def entries(document: Document, mapping: MappingNode, pairs: Sequence[tuple[str, str]]) -> Edit | None:
    """Put further keys into a mapping; ``None`` where nothing tells how it is written."""
    if mapping.block and mapping.line:
        indent = " " * mapping.column
        return after_block(document, mapping.end, mapping.column, [f"{indent}{key}: {value}" for key, value in pairs])
    if not mapping.line or document.text[mapping.end - 1 : mapping.end] != "}":
        return None
    inner = document.text[mapping.start + 1 : mapping.end - 1]
    at = mapping.start + 1 + len(inner.rstrip(" "))
    first = "" if not inner.strip() else " " if inner.rstrip().endswith(",") else ", "
    return Edit(at, at, first + ", ".join(f"{key}: {_in_braces(value)}" for key, value in pairs))


def _in_braces(value: str) -> str:
    return f'"{value}"' if value.startswith("$") else value


def _line_end(text: str, at: int) -> int:
    found = _ENDS.search(text, at)
    return found.start() if found else len(text)


def is_kept(before: Document, after: Document, edits: Iterable[Edit]) -> bool:
    """Tell whether everything that a text said is still said, but for what edits replaced."""
    replaced = {edit.start for edit in edits if edit.end > edit.start}
    seen: set[tuple[int, int]] = set()

    def same(one: Node, other: Node | None) -> bool:
        if other is None or one.start in replaced or (id(one), id(other)) in seen:
            return other is not None
        seen.add((id(one), id(other)))
        if isinstance(one, MappingNode) and isinstance(other, MappingNode):
            return all(same(value, other.own.get(key)) for key, value in one.own.items())
        if isinstance(one, SequenceNode) and isinstance(other, SequenceNode):
            return len(one.items) == len(other.items) and all(map(same, one.items, other.items))
        return isinstance(one, ScalarNode) and isinstance(other, ScalarNode) and one.text == other.text

    return same(before.root, after.root)
