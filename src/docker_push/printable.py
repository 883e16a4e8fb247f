"""What others wrote, made fit to be shown. Pure, and light enough for every start."""

from __future__ import annotations

import re
import unicodedata

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Unicode's categories of what shows nothing: it has text shown in another order than it is in, hides a part of it, ends a
# line for some readers and not for others (U+2028), or cannot be printed (half a surrogate pair, which JSON can hold)
_UNSEEN = frozenset({"Cf", "Zl", "Zp", "Cs"})
# actions/runner ActionCommand.cs: "##[" anywhere in a line, "::" at its start after blanks
_COMMAND = re.compile(r"(#)(?=#\[)|(^[^\S\n]*:)(?=:)", re.MULTILINE)


def printable(text: str) -> str:
    """Return foreign text without terminal escapes, control and format characters, tabs and line ends kept.

    What GitHub's runner would take for a command (``::error::``, ``##[error]``) gets a blank that makes it none.
    """
    return _COMMAND.sub(r"\g<0> ", _seen(_CONTROL.sub("", text)))


def _seen(text: str) -> str:
    if text.isascii():
        return text
    return "".join(character for character in text if unicodedata.category(character) not in _UNSEEN)
