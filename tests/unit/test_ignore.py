"""The rules of .dockerignore: what they say, and what BuildKit makes of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push.errors import ConfigError
from docker_push.inputs import Rules, read

NAMES = st.sampled_from(["a", "b", "ab", "c.d", "é", "x y", "-x", "#h", ".h", "[z]", "n\nl", "+", "$"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
TEXT = st.text(st.sampled_from("ab/*?[]^-!\\.#{}|é \t1dw$(+"), max_size=12)


def rules(*lines: str) -> Rules:
    return read("\n".join(lines).encode(), ".dockerignore")


def kept(found: Rules, *paths: str) -> set[str]:
    return {path for path in paths if not found.ignores(path)}


class TestReading:
    def test_blank_lines_and_comments_say_nothing(self):
        assert rules("", "  ", "# a", "\t", "#b").key == ()

    def test_a_comment_begins_at_the_line_s_beginning(self):
        assert kept(rules(" #h"), "#h", "a") == {"a"}

    def test_a_byte_order_mark_and_line_ends_of_windows_are_no_part_of_a_pattern(self):
        assert kept(read(b"\xef\xbb\xbfa\r\nb\r\n", "x"), "a", "b", "c") == {"c"}

    @pytest.mark.parametrize("text", ["a/b", "/a/b", "./a/b", "a//b/", "a/./b", "a/c/../b", "  a/b  ", "/../a/b"])
    def test_paths_are_made_clean(self, text: str):
        assert rules(text).key == rules("a/b").key

    @pytest.mark.parametrize("text", ["!a", "! a", "!/a", "  !  ./a/", "!a//"])
    def test_an_exception_is_made_clean_behind_its_mark(self, text: str):
        assert rules(text).key == rules("!a").key == (("!", "a"),)

    def test_a_second_mark_belongs_to_the_name(self):
        assert kept(rules("*", "!!a"), "a", "!a") == {"!a"}

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("a\n[", 2),
            ("\n\n!", 3),
            ("!/", 1),
            ("a\\", 1),
            ("[]a]", 1),
            ("[a-]", 1),
            ("[z-a]", 1),
            ("\\é", 1),
            ("bin\\publish", 1),
            ("#\n*{2}", 2),
            ("a\tb", 1),
            ("[[:what:]]", 1),
        ],
    )
    def test_what_buildkit_refuses_is_one_error_with_file_and_line(self, text: str, line: int):
        with pytest.raises(
            ConfigError, match=rf"^svc/\.dockerignore:{line}: the pattern .* Correct the line"
        ) as caught:
            read(text.encode(), "svc/.dockerignore")

        assert "\n" not in str(caught.value)

    def test_a_control_character_is_allowed_where_the_patterns_are_quoted_on_their_way(self):
        assert kept(rules("a\tb", "é"), "a\tb", "é", "c") == {"c"}

    def test_a_line_may_have_65535_bytes(self):
        assert len(rules("a" * 65_535).key) == 1
        with pytest.raises(ConfigError, match=r"x:2: the line is too long \(65536 bytes\)"):
            read(b"\n" + b"a" * 65_536, "x")

    @given(st.binary(max_size=60) | TEXT.map(str.encode))
    def test_any_file_is_read_or_refused_and_asked_about_any_path(self, content: bytes):
        try:
            found = read(content, "x")
        except ConfigError:
            return
        for path in ("a", "a/b", "n\nl/\udcff", "é"):
            assert found.ignores(path) in {True, False}


class TestMatching:
    @pytest.mark.parametrize(
        ("pattern", "ignored", "others"),
        [
            ("a", {"a", "a/b"}, {"b/a", "ab"}),
            ("*.md", {"x.md"}, {"d/x.md", "x.mdx"}),
            ("*/x", {"a/x", "a/x/y"}, {"x", "a/b/x"}),
            ("?b", {"ab"}, {"b", "aab"}),
            ("**/x", {"x", "a/x", "a/b/x", "a/x/y"}, {"ax", "a/bx"}),
            ("**x", {"x", "ax", "a/bx"}, {"xa"}),
            ("a/**", {"a/b", "a/b/c"}, {"a", "ab"}),
            ("a**", {"a", "ab", "a/b"}, {"b"}),
            ("a/**/b", {"a/b", "a/x/b", "a/x/y/b"}, {"a/xb"}),
            ("**", {"a", "a/b"}, set()),
            ("[a-c]x", {"ax", "cx"}, {"dx"}),
            ("[^a]", {"b"}, {"a"}),
            ("x[^a]y", {"xby", "x/y"}, {"xay"}),
            ("[\\]]", {"]"}, {"\\"}),
            ("\\*", {"*"}, {"a"}),
            ("\\!a", {"!a"}, {"a"}),
            ("\\#a", {"#a"}, {"a"}),
            ("a.b", {"a.b"}, {"axb"}),
            ("a+*", {"a+", "a+b"}, {"aa"}),
            ("$(a)?", {"$(a)b"}, {"a"}),
            # what nobody means, and BuildKit does
            ("\\d", {"1"}, {"d"}),
            ("[[:alpha:]]", {"a"}, {"1", ":]"}),
            ("*a|b", {"xa", "a", "xb", "axe"}, {"c"}),
            ("[a]{2}", {"aa"}, {"a", "a{2}"}),
            ("a{2}", {"a{2}"}, {"aa"}),
            ("**/a*", {"a", "x/ab"}, {"n\nl/ab"}),
            ("/", set(), {"a"}),
            (".", set(), {"a"}),
        ],
    )
    def test_a_pattern_matches_what_buildkit_matches(self, pattern: str, ignored: set[str], others: set[str]):
        assert kept(rules(pattern), *ignored, *others) == others

    def test_the_last_pattern_that_matches_decides(self):
        found = rules("*", "!a", "a/b", "!a/b/c")

        assert kept(found, "a", "a/x", "a/b", "a/b/x", "a/b/c", "z") == {"a", "a/x", "a/b/c"}

    def test_an_exception_in_an_ignored_directory_holds(self):
        assert kept(rules("a", "!a/b/c"), "a", "a/x", "a/b", "a/b/c", "a/b/c/d") == {"a/b/c", "a/b/c/d"}

    def test_a_directory_that_no_exception_can_be_in_is_not_entered(self):
        found = rules("a", "!b/c", "!a/d/*")

        assert (found.enters("a"), found.enters("a/d"), found.enters("b"), found.enters("x")) == (
            True,
            True,
            True,
            False,
        )

    def test_with_an_exception_by_pattern_every_directory_is_entered(self):
        assert rules("*", "!**/x").enters("anything")

    def test_a_file_may_be_sent_empty_where_a_directory_is_ignored_behind_an_exception(self):
        found = rules("*", "!a/b", "a")
        directory = found.decide(0, 0b101)

        assert found.decide(directory[1], 0b011)[0] is False
        assert found.closes(0b111)
        assert not rules("*", "!a/b").closes(0b11)

    @given(st.lists(PATHS, max_size=4), PATHS)
    def test_without_exceptions_a_path_is_ignored_if_it_or_a_directory_of_it_is_named(
        self, named: list[str], path: str
    ):
        escaped = [re.sub(r"([\[\]\\])", r"\\\1", name) for name in named if "\n" not in name]
        parts = path.split("/")
        above = {"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
        plain = [name for name in named if "\n" not in name]

        assert rules(*(f"/{name}" for name in escaped)).ignores(path) == bool(above & set(plain))

    @given(PATHS)
    def test_everything_but_one_path_leaves_that_path(self, path: str):
        if "\n" in path:
            return
        escaped = re.sub(r"([\[\]\\])", r"\\\1", path)
        found = rules("**", f"!/{escaped}")

        assert not found.ignores(path)
        assert not found.ignores(f"{path}/below")
        assert found.ignores(f"{path}-other")

    @given(st.lists(TEXT, max_size=5), st.lists(NAMES, min_size=1, max_size=5, unique=True), PATHS)
    def test_a_directory_s_names_are_matched_as_each_path_is(self, lines: list[str], names: list[str], folder: str):
        try:
            found = rules(*lines)
        except ConfigError:
            return
        for pattern in found.patterns:
            for prefix in ("", f"{folder}/"):
                one_by_one = {name for name in names if pattern.matches(prefix + name)}
                assert pattern.matching(prefix, names) == one_by_one
