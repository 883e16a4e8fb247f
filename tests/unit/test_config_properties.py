"""Whatever stands in a build.toml: a file, or an error of ours; never anything else."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from docker_push import config
from docker_push.config.fields import toml
from docker_push.config.findings import SHOWN
from docker_push.errors import ConfigError, FindingsError

RESOURCES = Path(__file__).parents[1] / "resources"
TEXTS = [path.read_bytes() for path in sorted(RESOURCES.glob("*.toml"))]
WHOLE = tomli.loads((RESOURCES / "accepted-everything.toml").read_text("utf-8"))
SCALARS = st.sampled_from(
    [
        0,
        -1,
        2**62,
        True,
        1.5,
        "",
        "x",
        "-x",
        "..",
        "../x",
        "target:api",
        "${x}",
        "a,b",
        "a\nb",
        "\x1b",
        "v1.2.3",
        "latest",
        "é" * 300,
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "id", "src", "-", ""]), inner, max_size=2)
    ),
    max_leaves=4,
)


def outcome(text: bytes) -> config.BuildFile | ConfigError:
    try:
        return config.parse(text, "build.toml")
    except ConfigError as error:
        return error


def is_told(error: ConfigError) -> bool:
    """Tell whether an error names the file in every line of it, and is about nothing of Python's."""
    lines = error.details if isinstance(error, FindingsError) else (str(error),)
    python = ("pydantic", "Traceback", "NoneType", "docker_push", "Input should", "something")
    return len(lines) <= SHOWN + 1 and all(
        line.startswith("build.toml") and line.isprintable() and not any(word in line for word in python)
        for line in lines
    )


def is_right(found: config.BuildFile | ConfigError) -> bool:
    return isinstance(found, config.BuildFile) or is_told(found)


@given(st.binary(max_size=300))
def test_bytes(text: bytes):
    assert is_right(outcome(text))


@given(st.text(alphabet="ab.=[]{}\"'\\,# \n\t1-e+:TZ\0\r", max_size=60))
def test_the_characters_of_toml(text: str):
    assert is_right(outcome(text.encode()))


@given(st.sampled_from(TEXTS), st.data())
def test_a_real_file_with_a_piece_changed(text: bytes, data: st.DataObject):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    piece = data.draw(st.binary(max_size=5) | st.sampled_from([b"[", b"]", b'"', b"'''", b"\n", b"=", b"{", b"}"]))

    assert is_right(outcome(text[:start] + piece + text[end:]))


@settings(max_examples=80)
@given(st.data())
def test_a_whole_file_with_other_values(data: st.DataObject):
    """Replace, add or take out up to three values anywhere in a file that has every key."""
    tables = copy.deepcopy(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from([*places(tables)]))
        change(place, data)

    assert is_right(outcome(written(tables)))


def places(value: Any) -> list[Any]:
    """Return every table and list of a file, itself included."""
    inner = value.values() if isinstance(value, dict) else value
    return [value, *(place for entry in inner if isinstance(entry, (dict, list)) for place in places(entry))]


def change(place: Any, data: st.DataObject) -> None:
    keys = [*place] if isinstance(place, dict) else [*range(len(place))]
    what = data.draw(st.sampled_from(["add", "replace", "remove"] if keys else ["add"]))
    value = data.draw(VALUES) if what != "remove" else None
    if what == "add" and isinstance(place, list):
        place.append(value)
    elif what == "add":
        place[data.draw(st.sampled_from(["new", "platfroms", "-x", "é"]))] = value
    elif what == "replace":
        place[data.draw(st.sampled_from(keys))] = value
    else:
        del place[data.draw(st.sampled_from(keys))]


def written(tables: dict[str, Any]) -> bytes:
    return "".join(f"{key} = {toml(value)}\n" for key, value in tables.items()).encode()


def test_a_whole_file_survives_being_written_in_another_form():
    text = (RESOURCES / "accepted-everything.toml").read_bytes()

    assert outcome(written(WHOLE)) == outcome(text.replace(b"3.10", b"3.1"))


@settings(max_examples=20)
@given(st.permutations([*WHOLE["images"]["api"]]), st.permutations([*WHOLE]))
def test_the_order_of_keys_means_nothing(keys: list[str], tables: list[str]):
    api = {key: WHOLE["images"]["api"][key] for key in keys}
    changed = {key: WHOLE[key] for key in tables} | {"images": WHOLE["images"] | {"api": api}}

    assert outcome(written(changed)) == outcome(written(WHOLE))


HOSTILE = {
    "a dotted key of 40 kB": "a." * 20_000 + "a = 1",
    "a dotted key in quotes": "'a' . " * 40_000 + "a = 1",
    "deep arrays": "a = " + "[" * 100_000,
    "deep tables": "a = " + "{ a = " * 40_000,
    "a header of brackets": "[" * 200_000,
    "a long number": "a = " + "9" * 200_000,
    "a long hexadecimal number": "a = 0x" + "f" * 200_000,
    "strings that do not end": 'a = """a"' + ' \\"""a"' * 30_000,
    "backslashes": 'a = "' + "\\" * 200_000,
    "10 MB": "a = 1\n" * 1_700_000,
    "unknown keys": "[images.a]\n" + "".join(f"k{n} = 1\n" for n in range(3_000)),
    "unknown tables": "".join(f"[t{n}]\n" for n in range(3_000)),
    "images without end": "".join(f"[images.a{n}]\nx = 1\n" for n in range(2_000)),
    "unknown members": "[images.a]\n[groups]\nx = [" + ",".join(f"'b{n}'" for n in range(3_000)) + "]",
    "one place for all": "[registry]\npath = 'x'\n" + "".join(f"[images.a{n}]\n" for n in range(2_000)),
    "circles": "".join(
        f"[images.a{n}]\ncontexts = {{ b = 'target:a{n + 1}', c = 'target:a0', d = 'target:a1' }}\n"
        for n in range(1_000)
    ),
    "a path of slashes": "[images.a]\ndockerfile = '" + "a/" * 100_000 + "'",
    "braces in a path": "[registry]\npath = '" + "{" * 200_000 + "'",
    "dashes in a domain": "[registry]\ndomain = '" + "a-" * 100_000 + "'",
    "commas in an attestation": "[images.a]\nattest = ['" + "type=sbom," * 20_000 + "']",
    "dots in a branch": "[project]\ndefault-branch = '" + "a." * 100_000 + "'",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_text_made_to_hurt_is_one_error_and_no_more_than_a_page(text: str):
    found = outcome(text.encode())

    assert isinstance(found, ConfigError)
    assert is_told(found)
    assert len("\n".join((str(found), *found.details))) < 40_000
