"""What is pure of the door to other programs: secrets kept out of what is shown, foreign text made fit for a line."""

from __future__ import annotations

import base64
import json
import shlex
import string
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docker_push.process import Completed, Redactor, one_line

# Three stars stand for a secret: one that is made of stars can be found in its own replacement.
secrets = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="*") | st.sampled_from("/+&%?=<>\" '\\\n:é日"),
    min_size=4,
    max_size=30,
).filter(lambda text: len(text.strip()) >= 4)
users = st.text(string.ascii_letters + "-_@.", min_size=1, max_size=10)
texts = st.text(max_size=30)


def travelling(secret: str, user: str) -> list[str]:
    """Return a secret as it stands in a log, a URL, a header, JSON, a command line or a traceback."""
    data, pair = secret.encode(), f"{user}:{secret}".encode()
    return [
        secret,
        base64.b64encode(data).decode(),
        base64.b64encode(data).decode().rstrip("="),
        base64.urlsafe_b64encode(data).decode(),
        base64.b64encode(pair).decode(),
        base64.urlsafe_b64encode(pair).decode().rstrip("="),
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        shlex.quote(secret),
        f"https://{quote(user, safe='')}:{quote(secret, safe='')}@ghcr.io/v2/",
        f"Authorization: Basic {base64.b64encode(pair).decode()}",
    ]


@given(secrets, users, st.integers(0, 14), texts, texts)
def test_a_secret_does_not_come_out_in_any_form_in_which_it_travels(secret, user, form, before, after):
    written = travelling(secret, user)[form]
    redact = Redactor([secret], [user])

    shown = redact(f"{before}{written}{after}")

    assert secret not in shown
    assert secret.strip() not in shown
    assert written not in shown
    assert not redact.finds(shown)


@given(st.lists(secrets, min_size=2, max_size=4), users, texts)
def test_of_several_secrets_none_comes_out(several, user, between):
    redact = Redactor(several, [user])

    shown = redact(between.join(form for secret in several for form in travelling(secret, user)))

    assert not any(secret in shown for secret in several)


@given(st.text(string.ascii_lowercase + " \n", max_size=60), st.text(string.digits, min_size=4, max_size=10))
def test_text_without_a_secret_is_left_as_it_is(text, secret):
    assert Redactor([secret], ["me"])(text) == text


@pytest.mark.parametrize("secret", ["a\udcffbcd", "\udc80" * 4])
def test_a_variable_that_is_no_utf_8_is_a_secret_like_any_other(secret):
    """Python hands such bytes over as halves of surrogate pairs, which no encoder takes unasked."""
    assert Redactor([secret], ["me"])(f"x{secret}y") == "x***y"
    assert Redactor([secret])(quote(secret.encode("utf-8", "surrogateescape"))) == "***"


def test_what_is_too_short_to_be_a_secret_is_not_looked_for():
    assert Redactor(["", "abc", "  ab  "])("abc ab") == "abc ab"


@given(st.text(max_size=400), st.sampled_from(["", "s3cret"]))
@example("\ud800\u2028\u202e\x1b[31m\n", "")
@example(" " * 290 + "s3cret" * 3, "s3cret")
def test_one_line_is_one_printable_line_without_the_secret(text, secret):
    shown = one_line(f"{text}{secret}", Redactor(["s3cret"]))

    assert shown.isprintable()
    assert len(shown) <= 300
    assert "s3cret" not in shown


def test_of_lines_only_those_that_are_json_objects_are_read():
    lines = ['{"Name": "default"}', "WARNING: old", "[1]", "{}", "{" * 5000, "[" * 100_000, '{"Name": "far"}']

    done = Completed(argv=(), status=0, stdout="\n".join(lines), stderr="")

    assert done.objects == ({"Name": "default"}, {"Name": "far"})
