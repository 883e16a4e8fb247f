"""The JSON schema of build.toml, for editors and validators, made from the models.

``python -m docker_push.schema`` prints it; the package ships it as ``build.schema.json``.
"""

from __future__ import annotations

import json
import sys

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from docker_push.config import BuildFile

FILE = "build.schema.json"
_ID = f"https://raw.githubusercontent.com/AtomiCloud/docker-push/main/src/docker_push/{FILE}"


def render() -> dict[str, object]:
    """Return the schema (JSON Schema, draft 2020-12): every key with what it does, and as much of its grammar as fits."""
    schema = BuildFile.model_json_schema(by_alias=True, mode="validation", schema_generator=_Generator)
    head = {"$schema": GenerateJsonSchema.schema_dialect, "$id": _ID}
    return (
        head
        | schema
        | {"title": "build.toml", "description": "The container images of a repository, and where they go."}
    )


def text() -> str:
    """Return the schema as the file has it."""
    return f"{json.dumps(render(), indent=2, ensure_ascii=False)}\n"


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
