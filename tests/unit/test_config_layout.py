from __future__ import annotations

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from docker_push.config.layout import MAX_DEPTH, MAX_PARTS, MAX_WORD, LimitError, scan

TEXT = (
    '''\
# a comment with = and [brackets]
[project]
repository = "a/b" # = "no"
default-branch = """
platforms = 1
[images.no]
""" # the text ends here

[images.api]
platforms = [
  "linux/arm64", # first
  "linux/amd64",
]
secret = [
  { id = "npm", env = "A" },
  { id = 'b', src = "c" },
]
args.GREETING = 'it''s'
args."X Y" = "}]=,"
[ images . "wor ker" ]
labels = { "a.b" = '''
    "'''\n=\n'''"
    ''', c = "d" }
[[registry]]
domain = "x"
[registry.extra]
key = 1
[[registry]]
domain = """"quoted""""
'''
)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("project",), 2),
        (("project", "repository"), 3),
        (("project", "default-branch"), 4),
        (("images",), 9),
        (("images", "api"), 9),
        (("images", "api", "platforms"), 10),
        (("images", "api", "platforms", 0), 11),
        (("images", "api", "platforms", 1), 12),
        (("images", "api", "secret", 0), 15),
        (("images", "api", "secret", 1, "src"), 16),
        (("images", "api", "args"), 18),
        (("images", "api", "args", "X Y"), 19),
        (("images", "wor ker"), 20),
        (("images", "wor ker", "labels", "c"), 23),
        (("registry",), 24),
        (("registry", 0, "domain"), 25),
        (("registry", 0, "extra", "key"), 27),
        (("registry", 1), 28),
        (("registry", 1, "domain"), 29),
    ],
)
def test_every_key_table_and_entry_has_its_line(path: tuple[str | int, ...], line: int):
    assert scan(TEXT.replace("it''s", "its")).line(path) == line


def test_the_text_of_these_tests_is_toml():
    assert tomli.loads(TEXT.replace("it''s", "its"))["images"]["api"]["args"]["X Y"] == "}]=,"


def test_what_has_no_line_has_that_of_what_is_around_it():
    layout = scan("\n[images.api]\nx = 1\n")

    assert (layout.line(("images", "api", "missing")), layout.line(("tags", "latest"))) == (2, None)


def test_a_table_begins_at_its_own_header_though_one_below_it_came_first():
    assert scan("[images.api.args]\nA = 1\n[images.api]\n").line(("images", "api")) == 3


def test_windows_line_ends_count_once():
    assert scan("[a]\r\nb = 1\r\nc = 2\r\n").line(("a", "c")) == 3


def test_a_key_with_escapes_that_json_lacks_is_found_by_its_table():
    assert scan('[a]\n"\\U00000041" = 1\n').line(("a", "A")) == 1


@pytest.mark.parametrize(
    ("text", "repeated"),
    [
        ("a = 1\nb = 2\na = 3\n", (("a",), 3, 1)),
        ("[a]\n[b]\n[a]\n", (("a",), 3, 1)),
        ("[a]\nx.y = 1\nx.z = 1\nx.y = 1\n", (("a", "x", "y"), 4, 2)),
        ("a = { b = 1, b = 2, b = 3 }\n", (("a", "b"), 1, 1)),
        ("a = { b = 1 }\n[a]\n", (("a",), 2, 1)),
        ("[[a]]\nb = 1\n[[a]]\nb = 1\n", None),
        ("[a.b]\n[a]\n[a.c]\n", None),
    ],
)
def test_what_stands_twice_is_found_with_both_lines(text: str, repeated: object):
    assert scan(text).repeated == repeated


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\na" + ".a" * MAX_PARTS + " = 1", 2),
        ("[a" + " . 'a'" * MAX_PARTS + "]", 1),
        ("a = 1\nb = " + "[" * (MAX_DEPTH + 1), 2),
        ("a = " + "{ a = " * (MAX_DEPTH + 1), 1),
        ("a = [{ b = " * (MAX_DEPTH // 2 + 1), 1),
        ("\n\na = " + "9" * (MAX_WORD + 1), 3),
        ("a" * (MAX_WORD + 1) + " = 1", 1),
        ('"' + "a" * MAX_WORD + '" = 1', 1),
    ],
)
def test_a_text_beyond_the_limits_is_refused_with_its_line(text: str, line: int):
    with pytest.raises(LimitError) as caught:
        scan(text)

    assert caught.value.line == line


def test_the_limits_themselves_are_allowed():
    scan("a" + ".a" * (MAX_PARTS - 1) + " = " + "[" * MAX_DEPTH + "9" * MAX_WORD + "]" * MAX_DEPTH)


def test_text_in_quotes_may_be_long_and_hold_anything():
    assert scan('a = "' + "[{" * 5000 + '"\nb = 1\n').line(("b",)) == 2


@pytest.mark.parametrize(
    "text", ['a = "', "a = '''x", 'a = """a"' + ' \\"""a"' * 9, "= 1", "]", "a = \xa0", "}\n,", "[]"]
)
def test_after_an_error_of_syntax_the_parser_has_the_word(text: str):
    scan(text)


# Differential: whatever TOML's own parser reads, our pass finds a line for every key and entry of it.
WORD = st.from_regex(r"[a-z][a-z0-9-]{0,3}", fullmatch=True)
STRING = st.sampled_from(['"x"', "'[='", '"\\""', '"""a\n"b" [c]\n"""', "'''\n=,'''", '""', '"#"'])


def array(parts: list[str]) -> str:
    return "[" + ", # ]\n".join(parts) + "]"


def inline(table: dict[str, str]) -> str:
    return "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"


VALUE = st.recursive(
    STRING | st.sampled_from(["1", "2.5", "true", "2024-01-31"]),
    lambda inner: st.lists(inner, max_size=3).map(array) | st.dictionaries(WORD, inner, max_size=3).map(inline),
    max_leaves=6,
)


def paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(found for key, entry in inner for found in paths(entry, (*path, key)))]


@settings(max_examples=50)
@given(st.dictionaries(st.tuples(WORD, WORD), st.dictionaries(WORD, VALUE, max_size=3), max_size=4))
def test_every_path_of_a_parsed_text_has_a_line_of_its_own(tables):
    text = "\n".join(
        f"[{first}.{second}]\n" + "\n".join(f"{key} = {value}" for key, value in body.items())
        for (first, second), body in tables.items()
    )
    lines = scan(text).lines

    assert set(paths(tomli.loads(text))) - {()} <= set(lines)
