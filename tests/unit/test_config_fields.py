from __future__ import annotations

import pytest
import tomli
from pydantic import BaseModel, ValidationError

from docker_push.config import BuildFile
from docker_push.config.fields import example, known, toml
from docker_push.config.findings import translate
from docker_push.config.layout import Path

TABLES = known(BuildFile)


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ((), "project"),
        (("images", "api"), "dockerfile"),
        (("defaults",), "dockerfile"),
        (("images", "api", "secret", 0), "id"),
        (("registry", 1), "domain"),
        (("tags",), "sha-length"),
    ],
)
def test_the_keys_of_a_table_are_known_in_their_order(path: Path, first: str):
    assert next(iter(TABLES.at(path))) == first


@pytest.mark.parametrize(
    "path",
    [("images",), ("imagse", "x"), ("tags", "latest"), ("tags", "latest", "x"), ("images", "api", "labels", "x", 0)],
)
def test_what_is_no_table_of_ours_has_no_keys(path: Path):
    assert TABLES.at(path) == {}


def test_a_key_is_known_by_the_table_where_it_belongs():
    assert (TABLES.homes["domain"], TABLES.homes["platforms"]) == ("[registry]", "[images.NAME]")
    assert "[defaults]" not in TABLES.homes.values()


def test_an_example_is_that_of_the_nearest_key_around():
    assert (
        example(TABLES, ("images", "api", "platforms", 1)) == 'For example: platforms = ["linux/arm64", "linux/amd64"]'
    )
    assert example(TABLES, ("images", "api")).startswith("Write it as a table")
    assert example(TABLES, ("nobody",)).startswith("Write it as a table")


def test_every_key_has_a_description_and_an_example_that_its_table_accepts():
    for table, keys in {
        path: TABLES.at(path) for path in (("images", "a"), ("project",), ("tags",), ("cache",))
    }.items():
        for key, field in keys.items():
            assert field.description
            assert field.description.endswith(".")
            (value,) = field.examples or ()
            inner = {key: tuple(value) if isinstance(value, list) else value}
            data = {"images": {"a": inner}} if table == ("images", "a") else {table[0]: inner}
            BuildFile.model_validate_json(toml_as_json(data))


def toml_as_json(data: object) -> str:
    import json  # noqa: PLC0415

    return json.dumps(data)


@pytest.mark.parametrize(
    "value", ["a", 'q"\\', "é\u0001", 1, -2.5, True, [1, ["x"]], {"a": {"b c": "d"}}, {"A": [{"b": False}]}, [], {}]
)
def test_a_value_is_written_as_toml_reads_it(value: object):
    assert tomli.loads(f"x = {toml(value)}")["x"] == value


def test_a_kind_of_error_that_is_not_foreseen_is_told_in_our_words():
    class Other(BaseModel):
        data: complex

    with pytest.raises(ValidationError) as caught:
        Other.model_validate({"data": object()})
    (problem,) = translate(caught.value, Other)

    assert (problem.path, problem.problem) == (("data",), "something is not what stands here")
