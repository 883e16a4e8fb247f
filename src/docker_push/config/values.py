"""The kinds of value that build.toml holds, as types: each checked by the grammar and described in the JSON schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from docker_push.config import grammar, paths
from docker_push.errors import ConfigError

RULE = "docker_push_rule"


def refusal(problem: str, allowed: str) -> PydanticCustomError:
    """Return the error by which a model refuses a value: what is wrong, and what is allowed."""
    return PydanticCustomError(RULE, "{problem}. {allowed}", {"problem": problem, "allowed": allowed})


@dataclass(frozen=True)
class Rule:
    """Hold a string to a function of the grammar; ``pattern`` is as much of it as a JSON schema can say."""

    check: Callable[[str], str]
    pattern: re.Pattern[str] | None = None

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check after pydantic knows that the value is a string."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the pattern, anchored: a JSON schema's pattern searches."""
        described = handler(schema)
        return described | {"pattern": f"^(?:{self.pattern.pattern})$"} if self.pattern else described

    def _checked(self, text: str) -> str:
        try:
            return self.check(text)
        except ConfigError as error:
            raise refusal(error.message, error.hint) from None


class WrittenFloat(float):
    """A float that remembers how it was written: ``PYTHON = 3.10`` is the argument 3.10, not 3.1."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text.replace("_", "")


def _argument(value: object) -> object:
    """Return a build argument as text: ``true`` and numbers as TOML writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, WrittenFloat):
        return value.text
    return str(value) if isinstance(value, (int, float)) else value


def _command(words: tuple[str, ...]) -> tuple[str, ...]:
    if words and not words[0].strip():
        raise refusal("the first word is empty", "It names the program, as in /bin/worker.")
    return words


def one_or_many(value: object) -> object:
    """Take one table for a list of one: [registry] for [[registry]]."""
    return (value,) if isinstance(value, Mapping) else value


def label_or_labels(value: object) -> object:
    """Take one label for a list of one."""
    return (value,) if isinstance(value, str) else value


@dataclass(frozen=True)
class Filled:
    """Refuse an empty list."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check after the entries: their errors tell more."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Say so in the schema."""
        return handler(schema) | {"minItems": 1}

    @staticmethod
    def _checked(values: tuple[Any, ...]) -> tuple[Any, ...]:
        if not values:
            raise refusal("the list is empty", "Give at least one entry, or leave the key out.")
        return values


Text = Annotated[str, Rule(grammar.data)]
Argument = Annotated[
    Text, BeforeValidator(_argument), WithJsonSchema({"type": ["string", "integer", "number", "boolean"]})
]
PlatformName = Annotated[str, Rule(grammar.platform, grammar.PLATFORM)]
ImageName = Annotated[str, Rule(grammar.image, grammar.IMAGE)]
RepositoryName = Annotated[str, Rule(grammar.repository, grammar.REPOSITORY)]
Domain = Annotated[str, Rule(grammar.domain, grammar.DOMAIN)]
PathTemplate = Annotated[str, Rule(grammar.path_template, grammar.TEMPLATE)]
Variable = Annotated[str, Rule(grammar.variable, grammar.VARIABLE)]
Name = Annotated[str, Rule(grammar.name, grammar.NAME)]
Lpsm = Annotated[str, Rule(grammar.lpsm, grammar.LPSM)]
Label = Annotated[str, Rule(grammar.label, grammar.LABEL)]
Branch = Annotated[str, Rule(grammar.branch)]
Size = Annotated[str, Rule(grammar.size, grammar.SIZE)]
Host = Annotated[str, Rule(grammar.host, grammar.HOST)]
Address = Annotated[str, Rule(grammar.address)]
LocalPath = Annotated[str, Rule(paths.local_path, paths.RELATIVE)]
ContextPath = Annotated[str, Rule(paths.context, paths.RELATIVE)]
ContextName = Annotated[str, Rule(paths.context_name, grammar.IMAGE_REFERENCE)]
NamedContext = Annotated[str, Rule(paths.named_context, paths.RELATIVE)]
AgentPath = Annotated[str, Rule(paths.agent_path)]
Attestation = Annotated[str, Rule(grammar.attestation, grammar.FIELDS)]
CacheEntry = Annotated[str, Rule(grammar.cache_entry)]
SemverTemplate = Annotated[str, Rule(grammar.semver_template), WithJsonSchema({"enum": list(grammar.SEMVER_TEMPLATES)})]
ExtraTag = Annotated[str, Rule(grammar.extra_tag, grammar.TAG)]
Command = Annotated[tuple[Text, ...], Filled(), AfterValidator(_command)]
RunnerLabel = Annotated[str, Rule(grammar.runner_label, grammar.RUNNER)]
Runner = Annotated[
    tuple[RunnerLabel, ...],
    Filled(),
    BeforeValidator(label_or_labels, json_schema_input_type=RunnerLabel | tuple[RunnerLabel, ...]),
]
Seconds = Annotated[float, Field(ge=0, le=3600)]
