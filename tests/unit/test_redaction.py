"""Secrets in the forms in which they travel, found and replaced."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push.process import Redactor, one_line

SECRETS = [
    "s3cret-value",
    "a/b c&d",
    'with "quotes" and \\ back',
    "two\nlines of it",
    "tab\tand 'single'",
    "ümläut-geheim",
    "<html>&more",
    "??>>~~~",  # + and / in base64
    "percent%2Fencoded",
]
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 without padding": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "url-safe base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "url-safe base64 without padding": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "Basic": lambda text: base64.b64encode(f"me:{text}".encode()).decode(),
    "Basic without padding": lambda text: base64.b64encode(f"me:{text}".encode()).decode().rstrip("="),
    "Basic, url-safe": lambda text: base64.urlsafe_b64encode(f"me:{text}".encode()).decode(),
    "URL-quoted": lambda text: quote(text, safe=""),
    "URL-quoted path": quote,
    "URL-quoted in lower case": lambda text: "".join(
        chr(byte) if byte < 128 and (chr(byte).isalnum() or chr(byte) in "-_.~") else f"%{byte:02x}" for byte in text.encode()
    ),
    "form": quote_plus,
    "query": lambda text: urlencode({"token": text}),
    "JSON": json.dumps,
    "JSON in Unicode": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON of Go": lambda text: (
        json.dumps(text, ensure_ascii=False)
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
    ),
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "shell": shlex.quote,
}  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_and_replaced(secret: str, form: str):
    text = f"before {FORMS[form](secret)} after"
    redact = Redactor(["another-one", secret], ["me"])

    assert redact.finds(text)
    assert not redact.finds(redact(text))
    assert "***" in redact(text)
    assert redact(text).startswith("before ")
    assert redact(text).endswith(" after")


def test_nothing_is_found_where_no_secret_is():
    redact = Redactor(["s3cret-value"], ["me"])

    assert not redact.finds("me:s3cret and value")
    assert redact("me:s3cret and value") == "me:s3cret and value"
    assert not Redactor().finds("anything")


def test_a_value_that_is_too_short_to_be_a_secret_is_left_alone():
    assert Redactor(["abc", "", "  a ", " " * 9])("abc   a " + " " * 9) == "abc   a " + " " * 9


def test_a_secret_with_a_line_s_end_is_found_without_it():
    assert Redactor(["s3cret-value\n"])("s3cret-value!") == "***!"


def test_of_two_secrets_the_longer_goes_first():
    assert Redactor(["s3cret", "s3cret-value"])("s3cret-value s3cret") == "*** ***"


def test_text_that_is_no_unicode_is_no_error():
    assert Redactor(["caf\udce9-secret"])("caf\udce9-secret") == "***"


@given(st.text(min_size=4).filter(lambda text: len(text.strip()) >= 4 and "*" not in text), st.text(), st.text())
def test_no_secret_survives(secret: str, before: str, after: str):
    redact = Redactor([secret])

    assert redact.finds(before + secret + after)
    assert secret not in redact(before + secret + after)


def test_a_line_is_cut_after_it_was_redacted():
    shown = one_line("x" * 295 + "s3cret-value", Redactor(["s3cret-value"]))

    assert "s3" not in shown


def test_a_document_stays_json_whatever_the_secret_is():
    redact = Redactor(['", "', "s3cret-value", "name"])

    shown = redact.document({"a": ["x", 1, None, True, 1.5], "b s3cret-value": {"c": ("in s3cret-value", '", "')}})

    assert json.loads(json.dumps(shown)) == {"a": ["x", 1, None, True, 1.5], "b ***": {"c": ["in ***", "***"]}}


def test_what_is_learnt_later_is_hidden_from_then_on_with_the_users_of_before():
    redact = Redactor(["s3cret-one"], ["me"])
    basic = base64.b64encode(b"me:s3cret-two").decode()
    assert redact(f"s3cret-one s3cret-two {basic}") == f"*** s3cret-two {basic}"

    redact.learn(["s3cret-two"])

    assert redact(f"s3cret-one s3cret-two {basic}") == "*** *** ***"
