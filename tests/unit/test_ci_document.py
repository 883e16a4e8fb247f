from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push.ci.document import MAX_BYTES, MappingNode, SequenceNode, read, scalars
from docker_push.errors import ConfigError


def test_everything_knows_its_place():
    text = "# first\njobs: # here\n  api:\n    run: |\n      one\n\n  b: 'q' # end\n"
    document = read(text, "x.yml")
    jobs = document.root.mapping("jobs")
    run = jobs.mapping("api").scalar("run")

    assert (jobs.line, jobs.column, jobs.keys["b"].line) == (3, 2, 7)
    assert run is not None
    assert (run.text, text[run.start : run.end]) == ("one\n", "|\n      one")
    assert text[jobs.start : jobs.end].endswith("'q'")


def test_merge_keys_are_followed_and_what_stands_here_wins():
    root = read("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {y: 4, <<: [*a, {z: 5}]}\n", "x.yml").root

    assert {key: root.mapping("b").scalar(key).text for key in root.mapping("b").values} == {"x": "1", "y": "3"}  # type: ignore[union-attr]
    assert set(root.mapping("c").values) == {"x", "y", "z"}
    assert list(root.mapping("b").own) == ["y"]


def test_on_is_a_word_and_a_reference_is_no_script():
    root = read("on: push\nscript:\n  - !reference [.a, script]\n  - [one, [two]]\n", "x.yml").root

    assert root.scalar("on").text == "push"  # type: ignore[union-attr]
    assert [text.text for text in scalars(root.values["script"])] == ["one", "two"]


BOMB = "a: &a [x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = (
    "a: &a {" + ", ".join(f"k{n}: v" for n in range(400)) + "}\n" + "".join(f"m{n}: {{<<: *a}}\n" for n in range(400))
)


def test_an_alias_is_what_it_names_and_multiplies_nothing():
    last = read(BOMB, "x.yml").root.values["i"]

    assert isinstance(last, SequenceNode)
    assert len({id(item) for item in last.items}) == 1


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: [b\n", 2, "not YAML"),
        ("a: b\na: c\n", 2, "given twice"),
        ("a: 1\nb: *nothing\n", 2, "no anchor 'nothing'"),
        ("a: &a [*a]\n", 1, "no anchor 'a'"),
        ("a: &a\n  b: *a\n", 2, "no anchor 'a'"),
        ("a: 1\n? [x]\n: y\n", 2, "a key that is no text"),
        ("a: 1\n<<: text\n", 2, "<< is for mappings"),
        ("- a\n", 1, "no mapping"),
        ("a: " + "[" * 60 + "]" * 60, 1, "nested more than 50 deep"),
        ("a: [" + "x," * 60_000 + "]", 1, "more than 50000 parts"),
        (MERGES, 252, "merge keys bring more than"),
        ("a: \x07\n", 1, "not YAML"),
        ("a:\n\t- b\n", 2, "not YAML"),
        ('a: "\\UFFFFFFFF"\n', 1, "not YAML"),
        ("%YAML 9.9\n---\na: b\n", 1, "not YAML"),
    ],
)
def test_a_hostile_or_broken_text_is_one_error_with_its_line(text: str, line: int, what: str):
    with pytest.raises(ConfigError) as error:
        read(text, "x.yml")

    assert error.value.message.startswith(f"x.yml:{line}: ")
    assert what in error.value.message


def test_a_giant_is_refused_unread():
    with pytest.raises(ConfigError, match="larger than 256 KiB"):
        read("a" * (MAX_BYTES + 1), "x.yml")


def test_no_tag_is_constructed():
    root = read("a: !!python/object/apply:os.system ['exit 1']\nb: !include /etc/passwd\n", "x.yml").root

    assert set(root.values) == {"a", "b"}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n"])
def test_an_empty_file_says_nothing(text: str):
    assert dict(read(text, "x.yml").root.values) == {}


@given(st.text(alphabet="ab:-[]{}&*#'\"|>!%@?,<~\n\t \\.é\u2028\ufeff", max_size=60))
def test_no_text_is_anything_but_a_tree_or_an_error(text: str):
    try:
        assert isinstance(read(text, "x.yml").root, MappingNode)
    except ConfigError as error:
        assert error.message.startswith("x.yml")
