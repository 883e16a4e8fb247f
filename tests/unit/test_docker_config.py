from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_homes import GHCR, HUB, LOCAL, auth, home
from docker_push.credentials.docker_config import DockerConfig, from_variable, hostname, stored
from docker_push.errors import (
    AuthenticationError,
    ConfigError,
)
from docker_push.references import Registry


class TestDockerConfig:
    def test_no_file_is_an_empty_configuration(self, tmp_path):
        assert DockerConfig.read({"HOME": str(tmp_path)}, tmp_path).content == {}

    def test_an_empty_file_is_an_empty_configuration(self, tmp_path):
        assert DockerConfig.read(home(tmp_path, ""), tmp_path).content == {}

    def test_docker_config_goes_before_home_and_counts_from_the_folder_of_the_run(self, tmp_path):
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "config.json").write_text('{"credsStore": "mine"}')

        config = DockerConfig.read({"HOME": "/nowhere", "DOCKER_CONFIG": "own"}, tmp_path)

        assert config.helper(GHCR) == "mine"
        assert config.path == tmp_path / "own" / "config.json"

    def test_without_home_the_users_own_folder_is_taken(self, monkeypatch):
        monkeypatch.setattr("pwd.getpwuid", lambda _number: SimpleNamespace(pw_dir="/nowhere/ada"))

        assert DockerConfig.read({}, Path("/")).folder == Path("/nowhere/ada/.docker")

    def test_a_user_without_a_name_has_no_configuration(self, monkeypatch):
        def nobody(number: int) -> NoReturn:
            raise KeyError(number)

        monkeypatch.setattr("pwd.getpwuid", nobody)

        assert DockerConfig.read({}, Path("/")).folder == Path("/.docker")

    @pytest.mark.parametrize(
        "text",
        [
            "{",
            "[]",
            '"x"',
            '{"auths": []}',
            '{"credHelpers": "x"}',
            "[" * 100_000,
            "\ufffe",
            '{"auths": 1' + "0" * 5000,
        ],
    )
    def test_a_broken_file_is_named(self, tmp_path, text):
        with pytest.raises(ConfigError, match=r"config\.json is not") as caught:
            DockerConfig.read(home(tmp_path, text), tmp_path)

        assert str(tmp_path) in caught.value.message

    def test_a_file_that_cannot_be_read_is_named(self, tmp_path):
        (tmp_path / ".docker" / "config.json").mkdir(parents=True)

        with pytest.raises(ConfigError, match="cannot be read"):
            DockerConfig.read({"HOME": str(tmp_path)}, tmp_path)

    def test_a_helper_of_its_own_goes_before_the_store(self):
        config = DockerConfig(
            folder=Path("/"),
            content={"credsStore": "desktop", "credHelpers": {"ghcr.io": "gh", "quay.io": ""}},
        )

        assert config.helper(GHCR) == "gh"
        assert config.helper(Registry("quay.io")) is None
        assert config.helper(HUB) == "desktop"

    def test_a_helper_that_is_no_name_is_refused(self):
        config = DockerConfig(folder=Path("/x"), content={"credHelpers": {"ghcr.io": ["gh"]}})

        with pytest.raises(ConfigError, match=r"/x/config\.json names no credential helper for ghcr\.io"):
            config.helper(GHCR)

    @pytest.mark.parametrize(
        ("key", "registry"),
        [
            ("ghcr.io", GHCR),
            ("https://ghcr.io", GHCR),
            ("https://ghcr.io/v1/", GHCR),
            ("ghcr.io/v2", GHCR),
            ("http://127.0.0.1:5000/v2/", LOCAL),
            ("https://index.docker.io/v1/", HUB),
        ],
    )
    def test_keys_may_be_urls(self, key, registry):
        found = stored({"other.example": auth("x", "y"), key: auth("ada", "a:b")}, registry, "a test")

        assert found is not None
        assert (found.username, found.password) == ("ada", "a:b")

    def test_the_exact_key_goes_before_a_url(self):
        found = stored({"https://ghcr.io/v1/": auth("old", "old"), "ghcr.io": auth("new", "new")}, GHCR, "a test")

        assert found is not None
        assert found.username == "new"

    @pytest.mark.parametrize("auths", [{}, {"quay.io": auth("a", "b")}, {"ghcr.io": {}}, {"ghcr.io": {"email": "x"}}])
    def test_no_login_is_none(self, auths):
        assert stored(auths, GHCR, "a test") is None

    def test_plain_fields_and_identity_tokens_are_read(self):
        plain = stored({"ghcr.io": {"username": "ada", "password": "p"}}, GHCR, "a test")
        token = stored({"ghcr.io": {**auth("ada", ""), "identitytoken": "idt"}}, GHCR, "a test")

        assert (plain and plain.password, token and token.identity_token) == ("p", "idt")

    @pytest.mark.parametrize(
        "entry",
        [
            "x",
            {"auth": 1},
            {"auth": "%"},
            {"auth": "YWRh%OnB3"},
            {"auth": "YWRh"},
            {"auth": "OnB3"},
            {"auth": "/////w=="},
            {"password": []},
        ],
    )
    def test_a_broken_entry_is_named(self, entry):
        with pytest.raises(AuthenticationError, match=r"a test: the entry 'ghcr\.io' of auths cannot be read"):
            stored({"ghcr.io": entry}, GHCR, "a test")

    @given(st.text(min_size=1).filter(lambda text: ":" not in text), st.text(min_size=1))
    def test_what_docker_wrote_is_read_back(self, username, password):
        found = stored({"ghcr.io": auth(username, password)}, GHCR, "a test")

        expected = password.strip("\x00")
        assert (found and (found.username, found.password)) == ((username, expected) if expected else None)

    @given(
        st.dictionaries(
            st.sampled_from(["ghcr.io", "https://ghcr.io/v1/", "x"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                lambda inner: st.dictionaries(
                    st.sampled_from(["auth", "username", "password", "identitytoken"]), inner
                ),
                max_leaves=6,
            ),
        )
    )
    def test_anything_else_is_a_login_none_or_one_error(self, auths):
        try:
            found = stored(auths, GHCR, "a test")
        except AuthenticationError as error:
            assert "cannot be read" in error.message
        else:
            assert found is None or found.password or found.identity_token

    @given(st.text())
    def test_host_names_hold_no_slash(self, key):
        assert "/" not in hostname(key)


class TestAuthVariable:
    def test_a_login_of_the_variable_needs_a_login_of_docker(self):
        found = from_variable({"DOCKER_AUTH_CONFIG": json.dumps({"auths": {"ghcr.io": auth("ada", "p")}})}, GHCR)

        assert found is not None
        assert (found.username, found.origin, found.from_environment) == ("ada", "DOCKER_AUTH_CONFIG", True)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{}",
            '{"auths": {}}',
            '{"auths": {"quay.io": {}}}',
            '{"auths": {"https://ghcr.io": {"auth": "YTpi"}}}',
            '{"credsStore": "x"}',
        ],
    )
    def test_without_the_exact_key_there_is_none(self, text):
        assert from_variable({"DOCKER_AUTH_CONFIG": text}, GHCR) is None

    @pytest.mark.parametrize("text", ["{", "[]", '{"auths": 1}', "[" * 100_000])
    def test_broken_text_is_an_error_not_an_anonymous_push(self, text):
        with pytest.raises(AuthenticationError, match="DOCKER_AUTH_CONFIG is not of docker's form"):
            from_variable({"DOCKER_AUTH_CONFIG": text}, GHCR)

    def test_a_broken_entry_is_named(self):
        with pytest.raises(AuthenticationError, match=r"DOCKER_AUTH_CONFIG: the entry 'ghcr\.io'"):
            from_variable({"DOCKER_AUTH_CONFIG": '{"auths": {"ghcr.io": 1}}'}, GHCR)
