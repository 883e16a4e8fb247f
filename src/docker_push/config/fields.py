"""What the models know of each key: its name in the file, what it does, an example. For messages, schema and reference."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docker_push.config.layout import Path
from docker_push.config.source import key_text

Fields = Mapping[str, FieldInfo]


@dataclass(frozen=True)
class Known:
    """The keys of every table below ``model``; ``homes`` is the key -> the table where it belongs."""

    model: type[BaseModel]
    homes: Mapping[str, str]

    def at(self, path: Path) -> Fields:
        """Return the keys of the table at ``path``, in the models' order; none where there is no table of ours."""
        kind: Any = self.model
        for part in path:
            kind = _inside(kind, part)
        return keys(kind) if _is_table(kind) else {}

    def field(self, path: Path) -> tuple[str, FieldInfo] | None:
        """Return the innermost key of ours on the way to ``path``, by its name, with what the model says of it."""
        found = None
        for end in range(len(path)):
            name = str(path[end])
            if name in (fields := self.at(path[:end])):
                found = name, fields[name]
        return found


def known(model: type[BaseModel]) -> Known:
    """Return what ``model`` and the tables below it know."""
    homes: dict[str, str] = {}
    for name, field in keys(model).items():
        table = _core(field.annotation)
        while not _is_table(table) and get_args(table):
            table = _inside(table, "")
        below = keys(table) if _is_table(table) and name != "defaults" else {}
        homes |= {key: "[images.NAME]" if name == "images" else f"[{name}]" for key in below if key not in homes}
    return Known(model, homes)


def keys(table: type[BaseModel]) -> Fields:
    """Return the keys of a table as build.toml spells them."""
    return {field.alias or name: field for name, field in table.model_fields.items()}


def example(tables: Known, path: Path) -> str:
    """Return how the key at ``path`` is written, for the end of a message."""
    found = tables.field(path)
    if found is None or not found[1].examples:
        return "Write it as a table: its name in [ ], then its keys, each on a line of its own."
    return f"For example: {key_text(found[0])} = {toml(found[1].examples[0])}"


def toml(value: object) -> str:
    """Return a value as TOML writes it, on one line."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key_text(key)} = {toml(inner)}' for key, inner in value.items())} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _core(kind: Any) -> Any:  # noqa: ANN401 - types are values here
    """Return a type without what pydantic adds to it, and without None."""
    while get_origin(kind) in {Annotated, Union, types.UnionType}:
        kind = next(part for part in get_args(kind) if part is not types.NoneType)
    return kind


def _inside(kind: Any, part: str | int) -> Any:  # noqa: ANN401 - types are values here
    """Return the type of what a table, dict or list holds under ``part``."""
    kind = _core(kind)
    if _is_table(kind):
        field = keys(kind).get(str(part))
        return _core(field.annotation) if field else None
    arguments = get_args(kind)
    if not arguments:
        return None
    return _core(arguments[1] if get_origin(kind) is dict else arguments[0])


def _is_table(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
