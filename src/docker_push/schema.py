"""The JSON schemas of build.toml and of a run's result, for editors and validators, made from the code.

The package ships them as ``build.schema.json``, which ``python -m docker_push.schema`` prints, and ``result.schema.json``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from docker_push.config import BuildFile
from docker_push.references import DIGEST_PATTERN
from docker_push.report.result import RESULT_SCHEMA, Result

FILE = "build.schema.json"
RESULT_FILE = "result.schema.json"
_FOLDER = "https://raw.githubusercontent.com/AtomiCloud/docker-push/main/src/docker_push"


def render() -> dict[str, object]:
    """Return the schema (JSON Schema, draft 2020-12): every key with what it does, and as much of its grammar as fits."""
    schema = BuildFile.model_json_schema(by_alias=True, mode="validation", schema_generator=_Generator)
    return (
        _head(FILE)
        | schema
        | {"title": "build.toml", "description": "The container images of a repository, and where they go."}
    )


def render_result() -> dict[str, object]:
    """Return the schema of what a run has published (``--result``): every key with what it is."""
    schema: dict[str, Any] = TypeAdapter(Result).json_schema(mode="serialization")
    image = schema["$defs"]["ResultImage"]["properties"]
    for digest in (image["digest"], image["platforms"]["additionalProperties"]):
        digest["pattern"] = DIGEST_PATTERN
    schema["properties"]["schema"]["const"] = RESULT_SCHEMA
    return _head(RESULT_FILE) | schema


def _head(file: str) -> dict[str, object]:
    return {"$schema": GenerateJsonSchema.schema_dialect, "$id": f"{_FOLDER}/{file}"}


def text(schema: Mapping[str, object] | None = None) -> str:
    """Return a schema, build.toml's where none is given, as its file has it."""
    return f"{json.dumps(schema or render(), indent=2, ensure_ascii=False)}\n"


class _Generator(GenerateJsonSchema):
    """Describe what TOML can hold: no null, keys as the file names them, none outside its pattern."""

    def get_title_from_name(self, name: str) -> str:
        """Return the key as it is written."""
        return name

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Refuse keys outside their pattern."""
        described = super().dict_schema(schema)
        return described | {"additionalProperties": False} if "patternProperties" in described else described

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Return what a key is when it is there."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Name the defaults that are values; a table's are those of its keys."""
        described = super().default_schema(schema)
        return {
            key: value for key, value in described.items() if key != "default" or isinstance(value, (str, int, float))
        }


if __name__ == "__main__":
    sys.stdout.write(text())
