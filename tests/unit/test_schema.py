from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import jsonschema
import pytest
import tomli

from docker_push import config, schema
from docker_push.errors import ConfigError

ROOT = Path(__file__).parents[2]
RESOURCES = ROOT / "tests" / "resources"
SHIPPED = ROOT / "src" / "docker_push" / schema.FILE
VALIDATOR = jsonschema.Draft202012Validator(schema.render())

# What no schema of one value can say: names that other tables must know, places on disk, rules between keys.
BEYOND = {
    "argument-is-date",  # JSON has no dates: a validator sees text
    "argument-with-nul",
    "cache-entry",
    "cache-entry-with-credential",
    "context-of-unknown-image",
    "context-on-github-without-scheme",
    "context-plain-http",
    "context-with-password",
    "contexts-image-grammar",
    "contexts-layout-outside",
    "contexts-outside",
    "contexts-unknown-kind",
    "default-branch",
    "dependency-cycle",
    "dependency-cycle-through-defaults",
    "dependency-on-itself",
    "dockerfile-outside",
    "dockerfile-outside-by-detour",
    "extra-host-address",
    "extra-tag-of-a-commit",
    "extra-tag-of-a-release",
    "extra-tag-reserved",
    "group-cycle",
    "group-named-like-an-image",
    "group-of-unknown-image",
    "image-in-place-of-a-cache",
    "image-names-differ-in-case",
    "no-images",
    "registry-domain-is-missing",
    "registry-path-grammar",
    "registry-path-variable",
    "registry-path-with-two-registries",
    "registry-variables-apart",
    "repository-refused-by-registries",
    "secret-outside",
    "secret-twice",
    "ssh-path-with-comma",
    "two-images-in-one-place",
}


def as_json(value: object) -> object:
    """Return TOML's values as a validator of JSON gets them."""
    if isinstance(value, dict):
        return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def accepted(text: str) -> bool:
    return bool(VALIDATOR.is_valid(as_json(tomli.loads(text))))


def tables(node: object) -> Iterator[dict[str, dict[str, object]]]:
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict):
            yield node["properties"]
        for inner in node.values():
            yield from tables(inner)


def named(prefix: str) -> list[Path]:
    return sorted(RESOURCES.glob(f"{prefix}-*.toml"))


def test_the_shipped_schema_is_the_one_of_the_models():
    assert SHIPPED.read_text("utf-8") == schema.text(), f"run: python -m docker_push.schema > {SHIPPED.name}"


def test_the_schema_is_one_by_its_own_dialect():
    jsonschema.Draft202012Validator.check_schema(schema.render())


def test_the_schema_says_which_it_is():
    head = schema.render()

    assert head["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert str(head["$id"]).endswith("/src/docker_push/build.schema.json")
    assert head["title"] == "build.toml"


def test_the_module_prints_the_schema(capsys: pytest.CaptureFixture[str]):
    runpy.run_path(schema.__file__, run_name="__main__")

    assert json.loads(capsys.readouterr().out) == schema.render()


def test_every_key_is_written_as_in_the_file_with_a_title_and_a_description():
    found = [pair for properties in tables(schema.render()) for pair in properties.items()]
    wanting = [key for key, entry in found if not entry.get("description") or "_" in key]
    untitled = [key for key, entry in found if "$ref" not in entry and entry.get("title") != key]

    assert len(found) > 30
    assert (wanting, untitled) == ([], [])


def test_the_example_of_a_key_is_accepted_where_the_key_stands():
    examples = [
        (where, key, example)
        for where, table in (("images.api", "BuildTable"), ("project", "ProjectTable"), ("tags", "TagsTable"))
        for key, entry in schema.render()["$defs"][table]["properties"].items()  # type: ignore[index]
        for example in entry.get("examples", ())
    ]

    assert len(examples) > 20
    for where, key, example in examples:
        document: dict[str, object] = {key: example}
        for part in reversed(where.split(".")):
            document = {part: document}
        VALIDATOR.validate(document)


def test_this_repositorys_own_file_is_accepted_and_names_the_schema():
    text = (ROOT / "build.toml").read_text("utf-8")

    assert accepted(text)
    assert list(config.load(ROOT / "build.toml", ROOT).images) == ["api", "worker"]
    assert (ROOT / text.splitlines()[0].removeprefix("#:schema ")) == SHIPPED


@pytest.mark.parametrize("path", named("accepted"), ids=lambda path: path.stem)
def test_what_is_right_is_accepted(path: Path):
    assert accepted(path.read_text("utf-8"))


@pytest.mark.parametrize("path", named("refused"), ids=lambda path: path.stem)
def test_a_defect_of_one_value_is_refused_by_a_foreign_validator_too(path: Path):
    assert accepted(path.read_text("utf-8")) is (path.stem.removeprefix("refused-") in BEYOND)


def test_every_exception_is_a_file_that_is_there():
    there = {path.stem.removeprefix("refused-") for path in named("refused")}

    assert there >= BEYOND


@pytest.mark.parametrize(
    "text",
    [
        '[registry]\ndomain = "quay.io"\n',
        '[[registry]]\ndomain = "quay.io"\n[[registry]]\ndomain = "ghcr.io"\n',
        "[images.api]\nargs = { A = 1, B = true, C = 1.5 }\n",
        "[images.API]\n",
        '[images.api]\nattest = ["mode=max,type=provenance"]\n',
        '[images.api]\nplatforms = ["LINUX/x86_64"]\n',
    ],
)
def test_what_the_parser_takes_the_schema_takes(text: str):
    config.parse(text.encode(), "build.toml")

    assert accepted(text)


@pytest.mark.parametrize(
    "text", ["[images.api]\nargs = { A = [1] }\n", "images = 1\n", "[registry]\nx = 1\n", "registry = []\n", "x = 1\n"]
)
def test_what_the_schema_refuses_the_parser_refuses(text: str):
    assert not accepted(text)
    with pytest.raises(ConfigError):
        config.parse(text.encode(), "build.toml")
