from __future__ import annotations

import base64
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_homes import GHCR, HUB, LOCAL, auth, home
from docker_push.credentials import Credentials
from docker_push.credentials.docker_config import DockerConfig, from_variable, hostname, stored
from docker_push.errors import (
    AuthenticationError,
    ConfigError,
)
from docker_push.references import Registry

KEYS = st.sampled_from(
    [*("ghcr.io", "https://ghcr.io", "https://ghcr.io/v1/", "GHCR.io", "ghcr.io:443", "x.example"),
     *("https://index.docker.io/v1/", "index.docker.io", "docker.io", "127.0.0.1:5000", "http://127.0.0.1:5000/v2/")]
)  # fmt: skip
LOGINS = st.sampled_from(["ada", "bob", "cy"]).map(lambda name: auth(name, "pa:ss"))
_CONFIGS = [
    {"auths": {"ghcr.io": auth("ada", "p")}, "credHelpers": {"quay.io": "q"}, "HttpHeaders": {"a": "b"}},
    {"auths": {"https://ghcr.io/v1/": {**auth("ada", ""), "identitytoken": "t"}}, "credsStore": ""},
    {"credHelpers": {"ghcr.io": "gh"}, "auths": None},
]


def _mutated(text: str) -> st.SearchStrategy[bytes]:
    """Replace a piece of a text by another that JSON may or may not hold."""
    pieces = st.sampled_from([b"", b"null", b"0", b"[]", b"{}", b'"', b"\xff", b"\\ud800", b",", b"1e999", b"\x00"])
    places = st.tuples(st.integers(0, len(text)), st.integers(0, 12), pieces)
    return places.map(lambda cut: text[: cut[0]].encode() + cut[2] + text[cut[0] + cut[1] :].encode())


def _username(found: Credentials | None) -> str:
    return found.username if found else ""


def _of_docker(key: str, helpers: dict, store: str, auths: dict, variable: dict) -> str:
    """Return whom docker takes for a registry: a user name, or the helper that it asks; empty for nobody."""
    if key in variable:  # memorystore: exact keys alone, what is configured is its fallback
        return base64.b64decode(variable[key]["auth"]).decode().partition(":")[0]
    helper = helpers.get(key, store)
    if helper:
        return helper
    entry = auths.get(key)
    for other, login in auths.items():  # file_store: keys that are URLs, from before there were host names
        if entry is None and other.removeprefix("http://").removeprefix("https://").split("/")[0] == key:
            entry = login
    return base64.b64decode(entry["auth"]).decode().partition(":")[0] if entry else ""


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

    @pytest.mark.parametrize("key", ["username", "password", "identitytoken"])
    def test_what_no_encoding_can_send_is_named(self, key):
        """JSON can hold half a surrogate pair; the request that it goes into cannot."""
        with pytest.raises(AuthenticationError, match="cannot be read"):
            stored({"ghcr.io": {"username": "ada", "password": "p", key: "\ud800"}}, GHCR, "a test")

    @given(st.binary(max_size=60) | st.sampled_from(list(map(json.dumps, _CONFIGS))).flatmap(_mutated))
    def test_any_bytes_are_a_configuration_or_one_error_that_names_the_file(self, data):
        with TemporaryDirectory() as folder:
            Path(folder, "config.json").write_bytes(data)
            try:
                config = DockerConfig.read({"DOCKER_CONFIG": folder}, Path("/"))
                found = config.helper(GHCR) or config.credentials(GHCR)
            except (ConfigError, AuthenticationError) as error:
                assert folder in error.message
                assert str(error).isprintable()
            else:
                assert found is None or isinstance(found, str) or found.secrets

    @given(
        st.dictionaries(KEYS, st.sampled_from(["gh", "", "pass"]), max_size=3) | st.none(),
        st.sampled_from(["desktop", "", None]),
        st.dictionaries(KEYS, LOGINS, max_size=4) | st.none(),
        st.dictionaries(KEYS, LOGINS, max_size=3) | st.none(),
        st.sampled_from([GHCR, HUB, LOCAL]),
    )
    def test_the_choice_is_docker_s(self, helpers, store, auths, variable, registry):
        """docker/cli cli/config/configfile GetCredentialsStore and memorystore, credentials/file_store Get, in order."""
        config = DockerConfig(
            folder=Path("/"), content={"credHelpers": helpers, "credsStore": store, "auths": auths, "more": 1}
        )
        environ = {} if variable is None else {"DOCKER_AUTH_CONFIG": json.dumps({"auths": variable})}

        chosen = (
            from_variable(environ, registry) or config.helper(registry) or _username(config.credentials(registry)) or ""
        )

        expected = _of_docker(registry.config_key, helpers or {}, store or "", auths or {}, variable or {})
        assert (chosen if isinstance(chosen, str) else _username(chosen)) == expected

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
            '{"auths": null}',
        ],
    )
    def test_without_the_exact_key_there_is_none(self, text):
        assert from_variable({"DOCKER_AUTH_CONFIG": text}, GHCR) is None

    @pytest.mark.parametrize("text", ["{", "[]", '{"auths": 1}', "[" * 100_000])
    def test_broken_text_is_an_error_not_an_anonymous_push(self, text):
        with pytest.raises(AuthenticationError, match="DOCKER_AUTH_CONFIG is not of docker's form"):
            from_variable({"DOCKER_AUTH_CONFIG": text}, GHCR)

    @given(st.text(max_size=40) | st.sampled_from(list(map(json.dumps, _CONFIGS))).flatmap(_mutated))
    def test_any_text_is_a_login_none_or_one_error(self, text):
        value = text if isinstance(text, str) else text.decode("utf-8", "surrogateescape")
        try:
            found = from_variable({"DOCKER_AUTH_CONFIG": value}, GHCR)
        except AuthenticationError as error:
            assert error.message.startswith("DOCKER_AUTH_CONFIG")
            assert str(error).isprintable()
        else:
            assert found is None or found.secrets

    def test_a_broken_entry_is_named(self):
        with pytest.raises(AuthenticationError, match=r"DOCKER_AUTH_CONFIG: the entry 'ghcr\.io'"):
            from_variable({"DOCKER_AUTH_CONFIG": '{"auths": {"ghcr.io": 1}}'}, GHCR)
