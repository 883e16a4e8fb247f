from __future__ import annotations

import copy
import datetime as dt
import json
import re
import runpy
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from docker_push import config, schema
from docker_push.config.fields import toml
from docker_push.errors import ConfigError

ROOT = Path(__file__).parents[2]
RESOURCES = ROOT / "tests" / "resources"
FILES = [
    ROOT / "build.toml",
    *sorted(RESOURCES.glob("accepted-*.toml")),
    *sorted((ROOT / "examples").rglob("build.toml")),
]
REFUSED = sorted(RESOURCES.glob("refused-*.toml"))
VALIDATOR = jsonschema.Draft202012Validator(schema.render())


def as_json(value: object) -> object:
    """Return TOML's values as a validator of JSON gets them: without dates."""
    if isinstance(value, dict):
        return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else value


def accepts(text: str) -> bool:
    return bool(VALIDATOR.is_valid(as_json(tomli.loads(text))))


def test_the_file_that_is_shipped_is_fresh():
    shipped = resources.files("docker_push").joinpath(schema.FILE).read_text("utf-8")

    assert shipped == schema.text(), "run: python -m docker_push.schema > src/docker_push/build.schema.json"


def test_the_schema_of_results_that_is_shipped_is_fresh():
    shipped = resources.files("docker_push").joinpath(schema.RESULT_FILE).read_text("utf-8")

    assert shipped == schema.text(schema.render_result()), "run: python docs/generate.py"
    jsonschema.Draft202012Validator.check_schema(schema.render_result())


def test_it_is_a_schema_of_the_draft_that_it_names():
    jsonschema.Draft202012Validator.check_schema(schema.render())

    assert schema.render()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert str(schema.render()["$id"]).endswith("/src/docker_push/build.schema.json")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_accepts_what_we_accept(path: Path):
    text = path.read_text("utf-8")

    config.parse(text.encode(), "build.toml")
    assert accepts(text)


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_it_refuses_the_defects_that_a_schema_can_tell(path: Path):
    text = path.read_text("utf-8")
    (verdict,) = re.findall(r"^# A schema (accepts|refuses) it\.$", text, re.MULTILINE)

    assert accepts(text) == (verdict == "accepts")


def test_every_key_is_described():
    def undescribed(node: object, path: str = "") -> list[str]:
        if not isinstance(node, dict):
            return []
        keys: dict[str, Any] = node.get("properties", {})
        missing = [f"{path}.{key}" for key, value in keys.items() if not value.get("description")]
        return missing + [name for key, value in node.items() for name in undescribed(value, f"{path}.{key}")]

    assert undescribed(schema.render()) == []


def test_it_knows_nothing_that_toml_does_not_have():
    assert "null" not in schema.text()


def test_the_root_file_names_the_schema_for_editors():
    first = (ROOT / "build.toml").read_text("utf-8").splitlines()[0]
    path = first.removeprefix("#:schema ")

    assert (ROOT / path).resolve() == (ROOT / "src" / "docker_push" / schema.FILE)


def test_run_as_a_module_it_is_printed(capsys: pytest.CaptureFixture[str]):
    runpy.run_path(schema.__file__, run_name="__main__")

    assert json.loads(capsys.readouterr().out) == schema.render()


def test_every_key_has_its_own_name_for_a_title():
    def keys(node: object) -> list[tuple[str, object]]:
        if not isinstance(node, dict):
            return []
        own = [*node.get("properties", {}).items()]
        return own + [pair for inner in node.values() for pair in keys(inner)]

    assert [key for key, value in keys(schema.render()) if "$ref" not in value and value.get("title") != key] == []


def test_the_example_of_a_key_is_accepted_where_the_key_stands():
    tables = {"images.api": "BuildTable", "project": "ProjectTable", "registry": "RegistryTable", "tags": "TagsTable"}
    definitions: dict[str, Any] = schema.render()["$defs"]  # type: ignore[assignment]

    for place, table in tables.items():
        for key, value in definitions[table]["properties"].items():
            for example in value["examples"]:
                assert accepts(f"[{place}]\n{key} = {toml(example)}\n"), key


@pytest.mark.parametrize(
    "text",
    [
        '[[registry]]\ndomain = "quay.io"\n[[registry]]\ndomain = "ghcr.io"\n',
        "[images.api]\nargs = { A = 1, B = true, C = 1.5 }\n",
        "[images.API]\n",
        '[images.api]\nplatforms = ["LINUX/x86_64"]\n',
        '[project]\nservice = ".github"\n',
    ],
)
def test_it_takes_every_form_that_we_take(text: str):
    config.parse(text.encode(), "build.toml")

    assert accepts(text)


WHOLE = tomli.loads((RESOURCES / "accepted-everything.toml").read_text("utf-8"))
TEXTS = st.sampled_from(
    [
        "x",
        "a/b",
        "linux/amd64",
        "type=sbom",
        "v1",
        "",
        "-x",
        "{major}",
        "ghcr.io",
        "target:base",
        "1g",
        "A",
        "é",
        " x",
        "x\n",
    ]
) | st.text(max_size=3)


@settings(max_examples=50)
@given(st.sampled_from([*WHOLE["images"]["api"]]), TEXTS, st.data())
def test_it_refuses_nothing_that_we_accept(key: str, text: str, data: st.DataObject):
    tables = copy.deepcopy(WHOLE)
    value = data.draw(st.sampled_from([text, [text], [[text]], {text: "1"}, {"A": text}, [{"id": text, "env": "A"}]]))
    tables["images"]["api"][key] = value
    written = "".join(f"{name} = {toml(table)}\n" for name, table in tables.items())
    try:
        config.parse(written.encode(), "build.toml")
    except ConfigError:
        return

    assert accepts(written)
