from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push.secret_names import looks_secret, secrets_in, tokens


@pytest.mark.parametrize(
    "name",
    [
        "API_TOKEN",
        "NPM_TOKEN",
        "DB_PASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "PRIVATE_KEY",
        "AUTH",
        "AUTH_HEADER",
        "npmAuthToken",
        "api_key",
        "APIKEY",
        "DB_PASS",
        "PASSWORD2",
        "GITHUB_PAT",
        "CREDENTIALS",
        "NPM_CONFIG__AUTH",
        "SIGNING_PASSPHRASE",
        "DBPwd",
        "PGPASSWORD",
        "MYTOKEN",
    ],
)
def test_the_name_of_a_secret_is_known(name: str):
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "PUBLIC_KEY",
        "PUBLIC_KEY_URL",
        "TOKENIZER",
        "MAX_TOKENS",
        "AUTHOR",
        "AUTHORS",
        "KEYCLOAK",
        "MONKEY",
        "BYPASS",
        "TOKEN_URL",
        "PASSWORD_FILE",
        "KEY_VERSION",
        "AUTH_MODE",
        "SECRET_NAME",
        "PASSENGERS",
        "COMPASS",
        "PWD",
        "PATH",
        "VERSION",
        "_",
        "GREETING",
    ],
)
def test_the_name_of_something_else_is_none(name: str):
    assert not looks_secret(name)


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcxyz_0123456789", max_size=40))
def test_a_password_at_the_end_is_known_whatever_stands_before_it(before: str):
    assert looks_secret(f"{before.replace('public', '').replace('PUB', '')}_PASSWORD") or "ub" in before


def test_the_secrets_of_an_environment_are_the_values_of_such_names():
    environ = {
        "DB_PASS": "one",
        "NPM_AUTH": "two",
        "AUTH": "true",
        "TOKEN_URL": "https://x",
        "EMPTY_TOKEN": "",
        "HOME": "/",
    }

    assert secrets_in(environ) == ["one", "two"]


def test_the_tokens_of_both_forges_and_of_build_caches_are_secrets():
    names = ("GITHUB_TOKEN", "CI_JOB_TOKEN", "ACTIONS_RUNTIME_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    environ = {name: name.lower() for name in (*names, "OTHER", "AWS_REGION")}

    assert tokens(environ) == [name.lower() for name in names]
    assert tokens({"GITHUB_TOKEN": ""}) == []
