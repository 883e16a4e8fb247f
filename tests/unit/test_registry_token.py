from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from answers import reply
from docker_push.credentials import Credentials
from docker_push.errors import ConfigError, RegistryError
from docker_push.references import Registry, Repository
from docker_push.registry.challenge import Challenge
from docker_push.registry.token import Audience, basic, checked_realm, merged, scope, token_of, token_request

GHCR = Registry("ghcr.io")
LOCAL = Registry("127.0.0.1", 5000)
ADA = Credentials(username="ada", password="s3cret:ä", origin="a test")
PULL = "repository:acme/api:pull"


def challenge(realm: str = "https://ghcr.io/token", **parameters: str) -> Challenge:
    return Challenge(scheme="bearer", parameters={"realm": realm, "service": "ghcr.io", **parameters})


def test_scopes_name_the_repository_and_the_right():
    assert scope("acme/api", push=False) == PULL
    assert scope("acme/api", push=True) == "repository:acme/api:pull,push"


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ([PULL], (PULL,)),
        ([PULL, "repository:acme/api:push,pull"], ("repository:acme/api:pull,push",)),
        ([PULL, "repository:other:push"], ("repository:other:push", PULL)),
        (["registry:catalog:*", PULL], ("registry:catalog:*", PULL)),
        (["", "x", ":", "repository:a:"], ()),
    ],
)
def test_scopes_are_merged_and_push_is_first(scopes, expected):
    assert merged(scopes) == expected


def test_credentials_go_as_basic_in_a_get():
    request = token_request(
        "read x", challenge("https://ghcr.io/token?a=b"), (PULL, "b:c:push"), ADA, Audience(registry=GHCR, plain=False)
    )

    query = parse_qs(urlsplit(request.url).query)
    assert (request.method, request.body) == ("GET", None)
    assert query == {"a": ["b"], "service": ["ghcr.io"], "scope": [PULL, "b:c:push"]}
    scheme, _, pair = request.headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair).decode()) == ("Basic", "ada:s3cret:ä")
    assert "s3cret" not in repr(request)


def test_nobody_asks_without_a_header_and_a_service_may_be_missing():
    bare = Challenge(scheme="bearer", parameters={"realm": "https://ghcr.io/token"})
    request = token_request("read x", bare, (PULL,), None, Audience(registry=GHCR, plain=False))

    assert request.headers == {}
    assert parse_qs(urlsplit(request.url).query) == {"scope": [PULL]}


def test_an_identity_token_goes_in_a_form():
    user = Credentials(username="", identity_token="idt", origin="a test")
    request = token_request("read x", challenge(), (PULL, "b:c:push"), user, Audience(registry=GHCR, plain=False))

    assert (request.method, request.url) == ("POST", "https://ghcr.io/token")
    assert request.body is not None
    form = parse_qs(request.body.decode())
    assert form["grant_type"] == ["refresh_token"]
    assert (form["refresh_token"], form["scope"], form["service"]) == (["idt"], [f"{PULL} b:c:push"], ["ghcr.io"])
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("realm", "registry", "plain"),
    [
        ("https://auth.docker.io/token", Registry("docker.io"), False),
        ("https://127.0.0.1:5001/token", LOCAL, True),
        ("http://127.0.0.1:5001/token", LOCAL, True),
        ("http://localhost:5001/token", LOCAL, True),
        ("http://registry.internal:8080/token", Registry("registry.internal"), True),
        ("https://10.0.0.2/token", Registry("10.0.0.1"), False),
    ],
)
def test_good_realms(realm, registry, plain):
    assert checked_realm(realm, registry, plain=plain) == realm


@pytest.mark.parametrize(
    ("realm", "registry", "plain", "said"),
    [
        ("http://ghcr.io/token", GHCR, False, "is not https"),
        ("http://evil.example/token", LOCAL, True, "is not https"),
        ("http://127.0.0.1:5001/token", LOCAL, False, "is not https"),
        ("http://other.internal/token", Registry("registry.internal"), True, "is not https"),
        ("https://169.254.169.254/token", GHCR, False, "private network"),
        ("https://10.0.0.1/token", GHCR, False, "private network"),
        ("https://localhost/token", GHCR, False, "private network"),
        ("https://user:pw@ghcr.io/token", GHCR, False, "no https URL"),
        ("/token", GHCR, False, "no https URL"),
        ("ftp://ghcr.io/", GHCR, False, "no https URL"),
        ("https:///token", GHCR, False, "no https URL"),
        ("https://ghcr.io/\r\nX: y", GHCR, False, "no https URL"),
        ("https://[::1/token", GHCR, False, "is no URL"),
        ("https://ghcr.io:port/", GHCR, False, "is no URL"),
    ],
)
def test_realms_that_get_no_credentials(realm, registry, plain, said):
    with pytest.raises(RegistryError, match=said) as caught:
        token_request("x", challenge(realm), (PULL,), ADA, Audience(registry=registry, plain=plain))

    assert str(registry) in caught.value.message
    assert "No credentials were sent" in caught.value.hint
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("content", "value", "lifetime"),
    [
        ({"token": "abc"}, "abc", 60),
        ({"access_token": "abc", "expires_in": 300}, "abc", 300),
        ({"token": "abc", "access_token": "xyz", "expires_in": "120"}, "abc", 120),
        ({"token": "", "access_token": "xyz"}, "xyz", 60),
        ({"token": "abc", "expires_in": 0}, "abc", 60),
        ({"token": "abc", "expires_in": 1e-99}, "abc", 1),
        ({"token": "abc", "expires_in": -1}, "abc", 60),
        ({"token": "abc", "expires_in": 10**12}, "abc", 3600),
        ({"token": "abc", "expires_in": 10**400}, "abc", 60),
        ({"token": "abc", "expires_in": "soon"}, "abc", 60),
        ({"token": "abc", "expires_in": [1]}, "abc", 60),
        ({"token": "abc", "expires_in": 300, "issued_at": "1999-01-01T00:00:00Z"}, "abc", 300),
    ],
)
def test_tokens_are_renewed_after_nine_tenths_of_their_life(content, value, lifetime):
    token = token_of(reply(200, content), "read x", now=1000.0)

    assert token.value == value
    assert token.renew_at == pytest.approx(1000 + 0.9 * lifetime)
    assert value not in repr(token)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"token": 1}',
        b'{"token": ""}',
        b'{"token": "a\\nb"}',
        b'{"token": "a b"}',
        b"[" * 100_000,
    ],
)
def test_an_answer_without_a_token_is_named(body):
    with pytest.raises(RegistryError, match="cannot read x: the answer of the token server holds no token"):
        token_of(reply(200, body), "read x", now=0)


actions = st.lists(st.sampled_from(["pull", "push", "delete", "*", ""]), max_size=4).map(",".join)
resources = st.sampled_from(["repository:a", "repository:acme/api", "repository:push", "registry:catalog", "", "x"])


@given(st.lists(st.tuples(resources, actions).map(":".join) | st.text(max_size=12), max_size=8))
def test_merged_scopes_lose_nothing_repeat_nothing_and_have_one_order(scopes):
    found = merged(scopes)

    pairs = {
        (text.rpartition(":")[0], action) for text in scopes for action in text.rpartition(":")[2].split(",") if action
    }
    assert {(text.rpartition(":")[0], action) for text in found for action in text.rpartition(":")[2].split(",")} == {
        pair for pair in pairs if pair[0]
    }
    assert len({text.rpartition(":")[0] for text in found}) == len(found)
    pushes = ["push" in text.rpartition(":")[2].split(",") for text in found]
    assert pushes == sorted(pushes, reverse=True)
    assert merged(found) == merged(reversed(scopes)) == found


@given(strategies.repositories(), st.booleans())
def test_the_scope_of_a_name_by_the_grammar_is_one_word(name, push):
    try:
        repository = Repository.parse(GHCR, name)
    except ConfigError:
        return
    text = scope(repository.path, push=push)

    assert len(text.split()) == 1
    assert merged([text]) == merged([scope(repository.path, push=False), text])


LIFE = 3600


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["token", "access_token", "expires_in", "issued_at"]), inner, max_size=4)
        ),
        max_leaves=8,
    ),
    st.floats(0, 1e9),
    st.integers(0, 40),
)
def test_any_json_also_cut_is_a_token_that_lives_from_now_or_one_error(content, now, cut):
    body = json.dumps(content).encode()
    try:
        token = token_of(reply(200, body[: len(body) - cut]), "read x", now=now)
    except RegistryError as error:
        assert str(error).isprintable()
    else:
        assert now < token.renew_at <= now + LIFE
        assert f"Bearer {token.value}".isprintable()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "token": st.text() | st.integers() | st.none(),
            "access_token": st.text(),
            "expires_in": st.integers() | st.floats() | st.text() | st.none(),
            "issued_at": st.text(),
        },
    )
)
def test_any_answer_is_a_usable_token_or_one_error(content):
    try:
        token = token_of(reply(200, json.dumps(content).encode()), "read x", now=5.0)
    except RegistryError:
        return
    assert 5.0 < token.renew_at <= 5.0 + 3600
    assert token.value
    assert token.value.isascii()
    assert token.value.isprintable()


@given(st.text(), st.text())
def test_basic_is_utf8_without_line_ends(username, password):
    header = basic(Credentials(username=username, password=password, origin="a test"))

    assert base64.b64decode(header.removeprefix("Basic ")).decode() == f"{username}:{password}"
    assert header.isprintable()
