from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docker_push.printable import printable

_ACTION_COMMAND = re.compile(r"^\s*::|##\[", re.MULTILINE)
hostile_text = st.text(
    st.sampled_from(
        list(
            ":#[]m0;?\\\x1b\x07\x08\r\n\t \x0b\x0c\x1c\x85\x9b\u2028\u2029\u200b\u00ad\ufeff\u202e\u2066\u200f\ud800aé日"
        )
    )
    | st.characters(),
    max_size=40,
)


@given(hostile_text)
@example(text="a\u2028::error::a line of its own for some readers")
@example(text="\u200b::error::blanks that show nothing")
@example(text="#\u00ad#[error]x")
@example(text="\u200fabc\u061c")
@example(text="\ud800")
def test_printable_text_holds_no_escape_no_command_and_nothing_unseen(text: str):
    shown = printable(text)

    assert printable(shown) == shown
    assert shown.encode().decode() == shown
    assert not _ACTION_COMMAND.search(shown)
    assert not any(_ACTION_COMMAND.search(line) for line in shown.splitlines())
    assert shown.splitlines() == shown.replace("\n", "\0").split("\0")[: len(shown.splitlines())]
    assert {unicodedata.category(character) for character in shown if character not in "\t\n"}.isdisjoint(
        {"Cc", "Cf", "Cs", "Zl", "Zp"}
    )


def test_text_that_hides_nothing_is_left_alone():
    every = "".join(map(chr, range(0xA1, 0x3000)))
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}

    assert printable(every) == "".join(one for one in every if unicodedata.category(one) not in hidden)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::x", ": :error::x"),
        ("a\n \t::stop-commands::x\nb::c", "a\n \t: :stop-commands::x\nb::c"),
        ("\x1b[0m:\u202e:error::x", ": :error::x"),
        ("step ##[error]x ###[group]", "step # #[error]x ## #[group]"),
        ("#\x07#[error]x", "# #[error]x"),
        ("a\u202ab\u202ec\u2066d\u2069e", "abcde"),
        ("ghcr.io/a:b ## [x]", "ghcr.io/a:b ## [x]"),
    ],
)
def test_foreign_text_commands_neither_the_runner_nor_the_reader_s_eye(text: str, shown: str):
    assert printable(text) == shown
    assert printable(shown) == shown
