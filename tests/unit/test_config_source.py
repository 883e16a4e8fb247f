from __future__ import annotations

import pytest

from docker_push.config.layout import Path
from docker_push.config.source import MAX_BYTES, read, shown
from docker_push.config.values import WrittenFloat
from docker_push.errors import ConfigError


def refused(text: bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, "build.toml")
    return str(caught.value)


def test_arrays_are_tuples_and_tables_stay_tables():
    assert read(b"a = [1, { b = [2] }]", "build.toml").data == {"a": (1, {"b": (2,)})}


def test_a_float_remembers_how_it_was_written():
    value = read(b"a = 3.10", "build.toml").data["a"]

    assert isinstance(value, WrittenFloat)
    assert (value, value.text) == (3.1, "3.10")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xef\xbb\xbfa = 1", "build.toml:1: begins with a byte-order mark. Save the file as UTF-8 without one."),
        ("a = 1".encode("utf-16"), "build.toml:1: begins with a byte-order mark."),
        (b"a = 1\nb = '\xff'", "build.toml:2: not UTF-8. Save the file as UTF-8."),
        (b"a = 1\n\nb = '\x00'", "build.toml:3: control character U+0000. Remove it;"),
        (b"a = '\x1b[31m'", "build.toml:1: control character U+001B."),
        (b"a = 1\rb = 2", "build.toml:1: control character U+000D."),
        (b"a = 1\nb = 2\na = 3", "build.toml:3 [a]: given twice. It stands on line 1 already; keep one of them."),
        (b"[a]\n[b]\n[a]", "build.toml:3 [a]: given twice."),
        (b"[images.a]\nx = 1\nx = 2", "build.toml:3 [images.a] x: given twice. It stands on line 2 already;"),
        (b"a = { b = 1, b = 2 }", "build.toml:1 [a] b: given twice."),
        (b"a.b = 1\n[a]\n", "build.toml:2: a key or table is given twice. Keep one of them;"),
        (b"a = 1\nb = \n", "build.toml:2: not TOML: Invalid value. build.toml is TOML 1.0"),
        (b"a = 1\nb = [", "build.toml:2: not TOML: Invalid value."),
        (b"a = 1\nb", "build.toml:2: not TOML: Expected '='"),
        (b"a = no", "build.toml:1: not TOML: Invalid value."),
        (b"\na = 9223372036854775808", "build.toml:2 [a]: a number beyond 64 bits. Give a smaller number,"),
        (b"[a]\nb = [1, 0x" + b"f" * 200 + b"]", "build.toml:2 [a] b[1]: a number beyond 64 bits."),
        (b"a = 1\nb = " + b"9" * 5000, "build.toml:2: a word of 5000 characters; at most 256 are read."),
        (b"a = " + b"[" * 100_000, "build.toml:1: more than 16 arrays and tables within one another."),
        (b"a." * 20_000 + b"a = 1", "build.toml:1: a key of more than 16 parts."),
        (b"#" * (MAX_BYTES + 1), "build.toml is larger than 4 MiB."),
    ],
)
def test_a_text_that_is_no_build_toml_is_one_error_with_its_line(text: bytes, message: str):
    assert refused(text).startswith(message)


@pytest.mark.parametrize("value", [b"2024-99-99", b"1e9.9", b"0755", b"1__0", b"25:00:00"])
def test_a_number_or_date_that_is_none_is_an_error_of_syntax(value: bytes):
    assert refused(b"a = " + value).startswith("build.toml:1: not TOML: ")


@pytest.mark.parametrize(
    ("text", "accepted"),
    [(b"a = -9223372036854775808", -(2**63)), (b"a = 9223372036854775807", 2**63 - 1), (b"a = '\t'", "\t")],
)
def test_the_ends_of_what_is_allowed_are_allowed(text: bytes, accepted: object):
    assert read(text, "build.toml").data == {"a": accepted}


def test_the_largest_file_is_read():
    assert read(b"#" * MAX_BYTES, "build.toml").data == {}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("tags",), "[tags]"),
        (("tags", "latest"), "[tags] latest"),
        (("images", "api", "secret", 0, "env"), "[images.api] secret[0].env"),
        (("images", "a b", "args", "X-Y.Z"), "[images.'a b'] args.'X-Y.Z'"),
        (("groups", "all", 1), "[groups] all[1]"),
        (("registry", 1, "domain"), "[[registry]] 2 domain"),
        (("images", "a\nb"), "[images.'a\\nb']"),
    ],
)
def test_a_place_is_shown_as_toml_has_it(path: Path, text: str):
    assert shown(path) == text


def test_one_registry_has_no_number_and_keeps_its_lines():
    source = read(b'[registry]\ndomain = "x"\n', "build.toml")

    assert source.where(("registry", 0, "domain")) == "build.toml:2 [registry] domain"


def test_what_is_nowhere_in_the_file_has_no_line():
    assert read(b"", "build.toml").where(("tags", "latest")) == "build.toml [tags] latest"
