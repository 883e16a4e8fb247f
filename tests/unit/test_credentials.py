from __future__ import annotations

import json
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_homes import GHCR, HUB, LOCAL, auth, home
from docker_push.credentials import Accounts, Credentials, anonymous, find, from_environment, isolated, login, logout
from docker_push.credentials.credential_helper import ask
from docker_push.credentials.docker_config import DockerConfig
from docker_push.credentials.logins import anonymous_content, login_refusal, own_content
from docker_push.errors import (
    AuthenticationError,
    BuilderError,
    DockerPushError,
    RateLimitError,
    RegistryError,
)
from docker_push.process import Completed
from docker_push.references import Registry
from recorded_programs import RecordedPrograms, completed, no_programs


def search(registry: Registry, environ: Mapping[str, str], runner: RecordedPrograms) -> Credentials | None:
    return find(registry, environ=environ, username_env="DOCKER_USER", password_env="DOCKER_PASSWORD", runner=runner)


def keychain(stdout: str, *, status: int = 0, stderr: str = "") -> RecordedPrograms:
    answer = completed(stdout, status=status, stderr=stderr)
    return RecordedPrograms(
        environ={}, folder=Path("/"), programs={"docker-credential-keychain": lambda *_call: answer}
    )


class TestCredentials:
    def test_the_representation_shows_no_secret(self):
        credentials = Credentials(username="ada", password="s3cret", identity_token="t0ken", origin="a test")

        assert "ada" in repr(credentials)
        assert "s3cret" not in repr(credentials)
        assert "t0ken" not in f"{credentials}"
        assert credentials.secrets == ("s3cret", "t0ken")


class TestEnvironment:
    def read(self, **environ: str) -> Credentials | None:
        return from_environment(environ, "DOCKER_USER", "DOCKER_PASSWORD")

    def test_both_variables_are_a_login(self):
        found = self.read(DOCKER_USER="ada", DOCKER_PASSWORD="a:b c")

        assert found is not None
        assert (found.username, found.password, found.from_environment) == ("ada", "a:b c", True)
        assert found.origin == "DOCKER_USER and DOCKER_PASSWORD"

    def test_a_line_end_after_the_password_is_dropped(self):
        with_end = self.read(DOCKER_USER="ada", DOCKER_PASSWORD="s3cret\r\n")

        assert with_end == self.read(DOCKER_USER="ada", DOCKER_PASSWORD="s3cret")

    @pytest.mark.parametrize("environ", [{}, {"DOCKER_USER": ""}, {"DOCKER_USER": "", "DOCKER_PASSWORD": ""}])
    def test_empty_is_unset(self, environ):
        assert self.read(**environ) is None

    @pytest.mark.parametrize(
        ("environ", "said"),
        [
            ({"DOCKER_USER": "ada"}, "DOCKER_USER is set and DOCKER_PASSWORD is not"),
            ({"DOCKER_PASSWORD": "s3cret"}, "DOCKER_PASSWORD is set and DOCKER_USER is not"),
            ({"DOCKER_USER": "ada", "DOCKER_PASSWORD": ""}, "DOCKER_USER is set and DOCKER_PASSWORD is not"),
        ],
    )
    def test_one_without_the_other_is_named(self, environ, said):
        with pytest.raises(AuthenticationError, match=said) as caught:
            self.read(**environ)

        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize(("user", "password"), [("a:b", "x"), ("a\nb", "x"), ("ada", "s3\ncret"), ("ada", "s\0x")])
    def test_what_cannot_be_sent_is_refused_without_being_shown(self, user, password):
        with pytest.raises(AuthenticationError, match="cannot be sent") as caught:
            self.read(DOCKER_USER=user, DOCKER_PASSWORD=password)

        assert password not in str(caught.value)

    def test_a_registry_without_variable_names_has_no_login_in_the_environment(self):
        assert from_environment({"": "x"}, None, None) is None

    def test_a_name_that_build_toml_does_not_give_is_asked_for(self):
        with pytest.raises(AuthenticationError, match="ROBOT is set and password-env in"):
            from_environment({"ROBOT": "x"}, "ROBOT", None)
        with pytest.raises(AuthenticationError, match="KEY is set and username-env in"):
            from_environment({"KEY": "x"}, None, "KEY")


class TestHelper:
    def test_it_is_asked_with_dockers_key_on_standard_input(self):
        runner = keychain('{"ServerURL": "x", "Username": "ada", "Secret": "s3cret"}')

        found = ask("keychain", HUB, runner)

        assert found is not None
        assert (found.username, found.password, found.origin) == ("ada", "s3cret", "credential helper keychain")
        assert not found.from_environment
        assert runner.calls == [(("docker-credential-keychain", "get"), "https://index.docker.io/v1/")]

    def test_the_user_token_is_an_identity_token(self):
        found = ask("keychain", GHCR, keychain('{"Username": "<token>", "Secret": "idt"}'))

        assert found is not None
        assert (found.username, found.password, found.identity_token) == ("", "", "idt")

    @pytest.mark.parametrize(
        "runner",
        [
            keychain("credentials not found in native keychain\n", status=1),
            keychain("", stderr="Credentials not found in native keychain", status=1),
            keychain('{"Username": "", "Secret": ""}'),
        ],
    )
    def test_nothing_kept_is_none(self, runner):
        assert ask("keychain", GHCR, runner) is None

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "s3cret",
            "[]",
            "{}",
            '{"Username": "s3cret"}',
            "{" * 50,
            "[" * 100_000,
            '{"Username": "ada", "Secret": "s3cret\\ud800"}',
            '{"Username": "\\udfff", "Secret": "s3cret"}',
        ],
    )
    def test_rubbish_is_an_error_that_does_not_show_it(self, text):
        with pytest.raises(AuthenticationError, match="keychain printed something else") as caught:
            ask("keychain", GHCR, keychain(text))

        assert "s3cret" not in str(caught.value)

    def test_a_failing_helper_is_quoted_on_one_line(self):
        with pytest.raises(AuthenticationError, match="keychain failed: the keychain is locked") as caught:
            ask("keychain", GHCR, keychain("the keychain\nis locked", status=1))

        assert "\n" not in str(caught.value)

    def test_a_helper_that_fails_in_silence_shows_its_status(self):
        with pytest.raises(AuthenticationError, match="failed: status 3"):
            ask("keychain", GHCR, keychain("", status=3))

    def test_a_missing_helper_is_named(self, tmp_path):
        with pytest.raises(AuthenticationError, match="no docker-credential-desktop on the PATH"):
            ask("desktop", GHCR, no_programs(tmp_path))

    def test_a_hanging_helper_is_named(self):
        def hang(_argv: Sequence[str], _input: str | None, _environ: Mapping[str, str]) -> Completed:
            raise BuilderError("did not end", hint="")

        runner = RecordedPrograms(environ={}, folder=Path("/"), programs={"docker-credential-keychain": hang})

        with pytest.raises(AuthenticationError, match="keychain did not answer within 10 s"):
            ask("keychain", GHCR, runner)

    @pytest.mark.parametrize("name", ["../evil", "a b", "-x", "a/b", "x" * 65])
    def test_a_name_that_is_a_path_is_never_started(self, name, tmp_path):
        runner = no_programs(tmp_path)

        with pytest.raises(AuthenticationError, match="name that no helper can have"):
            ask(name, GHCR, runner)

        assert runner.calls == []

    @given(st.text(), st.integers(0, 3))
    def test_whatever_it_prints_there_is_a_login_none_or_one_line(self, stdout, status):
        try:
            found = ask("keychain", GHCR, keychain(stdout, status=status))
        except AuthenticationError as error:
            assert "\n" not in str(error)
        else:
            assert found is None or found.password or found.identity_token


class TestFind:
    def test_the_variables_go_first(self, tmp_path):
        environ = home(tmp_path, {"auths": {"ghcr.io": auth("file", "f")}})
        environ |= {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {"ghcr.io": auth("variable", "v")}})}
        runner = no_programs(tmp_path)

        def who(**more: str) -> str | None:
            found = search(GHCR, {**environ, **more}, runner)
            return found and found.username

        assert who(DOCKER_USER="user", DOCKER_PASSWORD="u") == "user"
        assert who() == "variable"
        assert who(DOCKER_AUTH_CONFIG="") == "file"
        assert search(HUB, environ, runner) is None

    def test_the_file_is_named_as_the_origin(self, tmp_path):
        found = search(GHCR, home(tmp_path, {"auths": {"ghcr.io": auth("ada", "p")}}), no_programs(tmp_path))

        assert found is not None
        assert found.origin == f"docker's config ({tmp_path}/.docker/config.json)"
        assert not found.from_environment

    def test_a_helper_has_the_last_word_on_its_registry(self, tmp_path):
        environ = home(tmp_path, {"credsStore": "keychain", "auths": {"ghcr.io": auth("file", "f")}})

        assert search(GHCR, environ, keychain("credentials not found in native keychain", status=1)) is None


def docker(*, status: int = 0, stderr: str = "") -> RecordedPrograms:
    return RecordedPrograms(
        environ={}, folder=Path("/"), programs={"docker": lambda *_call: completed(status=status, stderr=stderr)}
    )


ADA = Credentials(username="ada", password="s3cret", origin="DOCKER_USER and DOCKER_PASSWORD", from_environment=True)


class TestLogin:
    def test_the_password_goes_through_standard_input_alone(self):
        runner = docker()

        login(runner, LOCAL, ADA)

        argv = ("docker", "login", "127.0.0.1:5000", "--username", "ada", "--password-stdin")
        assert runner.calls == [(argv, "s3cret")]

    @pytest.mark.parametrize(
        ("stderr", "kind"),
        [
            ('Error response from daemon: Get "https://ghcr.io/v2/": denied: denied', AuthenticationError),
            ("unauthorized: incorrect username or password", AuthenticationError),
            ("login attempt to http://127.0.0.1:5000/v2/ failed with status: 401 Unauthorized", AuthenticationError),
            ("Error saving credentials: error storing credentials - err: exit status 1", AuthenticationError),
            ("toomanyrequests: too many failed login attempts", RateLimitError),
            ('Get "https://x/v2/": dial tcp: lookup x: no such host', RegistryError),
            ("received unexpected HTTP status: 503 Service Unavailable", RegistryError),
            ("", RegistryError),
        ],
    )
    def test_dockers_words_say_whose_fault_it_is(self, stderr, kind):
        with pytest.raises(DockerPushError) as caught:
            login(docker(status=1, stderr=f"WARNING! something\n{stderr}"), GHCR, ADA)

        assert type(caught.value) is kind
        assert caught.value.message.startswith("cannot log in to ghcr.io as ada: ")

    def test_a_certificate_that_the_engine_does_not_trust_is_mended_on_the_engine_s_side(self):
        words = 'Error response from daemon: Get "https://x/v2/": tls: failed to verify certificate: x509: unknown authority'

        error = login_refusal(completed(stderr=words, status=1), GHCR, ADA)

        assert type(error) is RegistryError
        assert "/etc/docker/certs.d/ghcr.io/ca.crt on the engine's machine" in error.hint

    def test_the_last_line_is_shown_without_the_password(self):
        error = login_refusal(completed(stderr="noise\ns3cret \x1b]0;x\x07 denied\n", status=1), GHCR, ADA)

        assert "s3cret" not in str(error)
        assert "noise" not in str(error)
        assert str(error).isprintable()

    def test_docker_that_hangs_is_the_registrys_error_and_no_docker_is_the_builders(self, tmp_path):
        def fail(*_call: object) -> Completed:
            raise BuilderError("docker did not end within 60 s", hint="")

        with pytest.raises(RegistryError, match=r"cannot log in to ghcr\.io: docker did not end within 60 s"):
            login(RecordedPrograms(environ={}, folder=tmp_path, programs={"docker": fail}), GHCR, ADA)

        class NoDocker(RecordedPrograms):
            def which(self, program: str) -> None:  # noqa: ARG002
                return None

        with pytest.raises(BuilderError):
            login(NoDocker(environ={}, folder=tmp_path, programs={"docker": fail}), GHCR, ADA)

    def test_logout_names_the_registry(self):
        runner = docker()

        logout(runner, GHCR)

        assert runner.calls == [(("docker", "logout", "ghcr.io"), None)]
        with pytest.raises(AuthenticationError, match=r"cannot log out of ghcr\.io: it broke"):
            logout(docker(status=1, stderr="it broke"), GHCR)


class TestOwnContent:
    def test_only_the_replaced_registries_differ(self):
        content = {
            "auths": {"https://ghcr.io/v1/": auth("old", "old"), "ghcr.io": auth("o", "o"), "quay.io": auth("q", "q")},
            "credsStore": "desktop",
            "credHelpers": {"ghcr.io": "gh", "ecr.example": "ecr-login"},
            "currentContext": "remote",
            "aliases": {"builder": "buildx"},
            "HttpHeaders": {"X": "y"},
            "proxies": {"default": {"httpProxy": "http://proxy.example"}},
        }
        user = DockerConfig(folder=Path("/home/ada/.docker"), content=content)

        own = own_content(user, frozenset({GHCR}))

        assert own["auths"] == {"quay.io": auth("q", "q"), "ghcr.io": {}}
        assert own["credHelpers"] == {"ghcr.io": "", "ecr.example": "ecr-login"}
        rest = {"credsStore", "currentContext", "aliases", "HttpHeaders", "proxies"}
        assert {key: own[key] for key in rest} == {key: content[key] for key in rest}
        assert content["credHelpers"]["ghcr.io"] == "gh"  # type: ignore[index]


class TestAnonymous:
    CONTENT: Mapping[str, object] = {
        "auths": {"quay.io": auth("q", "q")},
        "credHelpers": {"ghcr.io": "gh"},
        "credsStore": "desktop",
        "HttpHeaders": {"X-Token": "t"},
        "currentContext": "remote",
        "proxies": {"default": {"httpProxy": "http://proxy.example"}},
    }

    def content(self, **changes: object) -> dict[str, object]:
        return anonymous_content(DockerConfig(folder=Path("/home/ada/.docker"), content={**self.CONTENT, **changes}))

    def test_nothing_that_is_or_leads_to_a_credential_is_kept(self):
        own = self.content()

        assert set(own) == {"auths", "currentContext", "proxies"}
        assert own["auths"] == {"docker-push.invalid": {}}  # an empty table would make docker look for a store itself

    def test_a_proxy_with_a_password_is_not_kept(self):
        assert "proxies" not in self.content(proxies={"default": {"httpProxy": "http://me:s3cret@proxy.example"}})

    def test_contexts_plugins_and_builders_stay_reachable(self, tmp_path):
        environ = {**home(tmp_path, {"credsStore": "desktop"}), "DOCKER_AUTH_CONFIG": "{}"}
        for name in ("contexts", "cli-plugins", "trust"):
            (tmp_path / ".docker" / name).mkdir()
        parent = tmp_path / "run"
        parent.mkdir()

        inside = anonymous(no_programs(tmp_path, environ), parent)

        folder = Path(inside.environ["DOCKER_CONFIG"])
        assert folder.parent == parent
        assert {path.name for path in folder.iterdir()} == {"config.json", "contexts", "cli-plugins"}
        assert "desktop" not in (folder / "config.json").read_text()
        assert inside.environ["BUILDX_CONFIG"] == str(tmp_path / ".docker" / "buildx")
        assert "DOCKER_AUTH_CONFIG" not in inside.environ


class TestIsolated:
    def runner(self, tmp_path: Path, programs: dict[str, object], **environ: str) -> RecordedPrograms:
        return RecordedPrograms(environ={"HOME": str(tmp_path), **environ}, folder=tmp_path, programs=programs)  # type: ignore[arg-type]

    def test_the_run_has_a_folder_of_its_own_that_is_gone_at_the_end(self, tmp_path):
        environ = home(tmp_path, {"auths": {"quay.io": auth("q", "q")}})
        (tmp_path / ".docker" / "contexts").mkdir()
        before = (tmp_path / ".docker" / "config.json").read_bytes()
        parent = tmp_path / "temporary"
        parent.mkdir()
        seen: dict[str, object] = {}

        def log_in(_argv: Sequence[str], _input: str | None, inside: Mapping[str, str]) -> Completed:
            seen["config"] = inside["DOCKER_CONFIG"]
            return completed()

        runner = self.runner(tmp_path, {"docker": log_in})
        with isolated(runner, {GHCR: ADA}, parent) as inside:
            folder = Path(inside.environ["DOCKER_CONFIG"])
            assert seen["config"] == str(folder)
            assert folder.parent == parent
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert stat.S_IMODE((folder / "config.json").stat().st_mode) == 0o600
            assert (folder / "contexts").resolve() == (tmp_path / ".docker" / "contexts")
            assert inside.environ["BUILDX_CONFIG"] == str(tmp_path / ".docker" / "buildx")
            assert inside.environ["HOME"] == environ["HOME"]
        assert list(parent.iterdir()) == []
        assert (tmp_path / ".docker" / "config.json").read_bytes() == before
        assert (tmp_path / ".docker" / "contexts").is_dir()

    def test_it_is_gone_after_a_failed_login_and_after_an_error_inside(self, tmp_path):
        refused = completed(status=1, stderr="denied")
        with (
            pytest.raises(AuthenticationError),
            isolated(self.runner(tmp_path, {"docker": lambda *_call: refused}), {GHCR: ADA}, tmp_path),
        ):
            pytest.fail("the login was refused")
        with (
            pytest.raises(KeyboardInterrupt),
            isolated(self.runner(tmp_path, {"docker": lambda *_call: completed()}), {GHCR: ADA}, tmp_path),
        ):
            raise KeyboardInterrupt

        assert list(tmp_path.iterdir()) == []

    def test_the_users_builders_stay_where_buildx_config_says(self, tmp_path):
        runner = self.runner(tmp_path, {"docker": lambda *_call: completed()}, BUILDX_CONFIG="/builders")

        with isolated(runner, {GHCR: ADA}, tmp_path) as inside:
            assert inside.environ["BUILDX_CONFIG"] == "/builders"

    @pytest.mark.parametrize(
        ("text", "left"),
        [
            (json.dumps({"auths": {"ghcr.io": {"auth": "YTpi"}, "quay.io": {"auth": "YTpi"}}}), ["quay.io"]),
            (json.dumps({"auths": {"ghcr.io": {"auth": "YTpi"}}}), None),
            ("", None),
        ],
    )
    def test_no_login_of_the_variable_goes_before_ours(self, tmp_path, text, left):
        runner = self.runner(tmp_path, {"docker": lambda *_call: completed()}, DOCKER_AUTH_CONFIG=text)

        with isolated(runner, {GHCR: ADA}, tmp_path) as inside:
            rest = inside.environ.get("DOCKER_AUTH_CONFIG")
            assert (rest and list(json.loads(rest)["auths"])) == left

    def test_a_variable_that_docker_cannot_read_either_stays(self, tmp_path):
        runner = self.runner(tmp_path, {"docker": lambda *_call: completed()}, DOCKER_AUTH_CONFIG="{")

        with isolated(runner, {GHCR: ADA}, tmp_path) as inside:
            assert inside.environ["DOCKER_AUTH_CONFIG"] == "{"


class TestAccounts:
    def test_nobody_is_asked_twice_and_what_is_found_is_learnt_first(self):
        asked: list[Registry] = []
        learnt: list[Credentials] = []
        ada = Credentials(username="ada", password="s3cret", origin="a test")

        def find(registry: Registry) -> Credentials | None:
            asked.append(registry)
            return ada if registry == GHCR else None

        accounts = Accounts([GHCR, LOCAL, GHCR], find, learnt.append)
        assert (len(accounts), list(accounts), asked) == (2, [GHCR, LOCAL], [])

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(accounts.__getitem__, [GHCR, LOCAL] * 4))

        assert found == [ada, None] * 4
        assert (asked, learnt) == ([GHCR, LOCAL], [ada])

    def test_an_error_is_raised_to_whoever_asks_and_nothing_is_kept_of_it(self):
        answers: list[Exception | None] = [AuthenticationError("it is locked", hint=""), None]

        def find(_: Registry) -> None:
            if error := answers.pop(0):
                raise error

        accounts = Accounts([GHCR], find, lambda _: None)
        with pytest.raises(AuthenticationError, match="locked"):
            accounts[GHCR]

        assert accounts[GHCR] is None
