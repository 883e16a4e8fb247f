"""Credentials with the real docker CLI, real credential helpers and real registries.

Which login docker takes is not ours to say: where it matters, buildx is asked beside us, and a server writes down what it
sends.
"""

from __future__ import annotations

import base64
import http.server
import json
import os
import shlex
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import pytest

from docker_push.credentials import Credentials, credential_helper, find, isolated, login, logout
from docker_push.errors import AuthenticationError, RegistryError
from docker_push.process import Redactor, Runner
from docker_push.references import Registry
from registry_process import BasicRegistry, free_port
from scratch import SMALL, Scratch
from token_registry import PUSHER, TokenRegistry

pytestmark = pytest.mark.engine
_OURS = ("DOCKER_USER", "DOCKER_PASSWORD", "DOCKER_AUTH_CONFIG", "BUILDX_CONFIG")


@dataclass
class Home:
    """A user's docker configuration of the test's own, with the plugins of the real one; ``bin`` is first on the PATH."""

    folder: Path
    environ: dict[str, str]
    said: list[str] = field(default_factory=list)

    @property
    def runner(self) -> Runner:
        return Runner(environ=self.environ, folder=self.folder, redact=Redactor(), echo=self.said.append)

    @property
    def config(self) -> Path:
        return self.folder / "docker/config.json"

    def write(self, content: object) -> None:
        self.config.write_text(json.dumps(content))

    def helper(self, name: str, script: str) -> None:
        path = self.folder / "bin" / f"docker-credential-{name}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def keychain(self, logins: Mapping[str, tuple[str, str]]) -> Path:
        """Make ``docker-credential-keychain``, which knows these logins; return the file with all that it was told."""
        journal = self.folder / "journal"
        cases = "".join(
            f"  {shlex.quote(server)}) echo {shlex.quote(json.dumps({'ServerURL': server, 'Username': user, 'Secret': secret}))};;\n"
            for server, (user, secret) in logins.items()
        )
        self.helper(
            "keychain",
            f'input=$(cat); printf "%s %s\\n" "$1" "$input" >> {shlex.quote(str(journal))}\n'
            'if [ "$1" = list ]; then echo "{}"; exit; fi\n[ "$1" = get ] || exit 0\n'
            f'case "$input" in\n{cases}  *) echo "credentials not found in native keychain"; exit 1;;\nesac',
        )
        journal.touch()
        return journal

    def find(self, registry: Registry, **variables: str) -> Credentials | None:
        environ = {**self.environ, **variables}
        return find(
            registry,
            environ=environ,
            username_env="DOCKER_USER",
            password_env="DOCKER_PASSWORD",
            runner=replace(self.runner, environ=environ),
        )


@pytest.fixture
def home(engine: dict[str, str], tmp_path: Path) -> Home:
    config = tmp_path / "docker"
    config.mkdir()
    theirs = Path(engine.get("DOCKER_CONFIG") or Path(engine["HOME"], ".docker"))
    if (theirs / "cli-plugins").is_dir():
        (config / "cli-plugins").symlink_to(theirs / "cli-plugins")
    (tmp_path / "bin").mkdir()
    environ = {name: value for name, value in engine.items() if name not in _OURS}
    path = f"{tmp_path / 'bin'}{os.pathsep}{environ['PATH']}"
    return Home(tmp_path, {**environ, "DOCKER_CONFIG": str(config), "PATH": path})


@pytest.fixture
def guarded(basic_registry: BasicRegistry) -> Registry:
    return Registry.parse(basic_registry.address)


@pytest.fixture
def owner(basic_registry: BasicRegistry) -> Credentials:
    return Credentials(
        username=basic_registry.username,
        password=basic_registry.password,
        origin="DOCKER_USER and DOCKER_PASSWORD",
        from_environment=True,
    )


def auth(username: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def build_and_push(runner: Runner, registry: Registry) -> str:
    """Build a tiny image and push it, as BuildKit finds its logins; return its reference."""
    reference = f"{registry}/acme/{uuid4().hex}:one"
    context = runner.folder / uuid4().hex
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    done = runner.run(["docker", "buildx", "build", "--push", "--tag", reference, str(context)], timeout=120)
    assert done.status == 0, done.stderr
    return reference


class TestIsolated:
    def test_buildx_pushes_with_the_login_of_the_run(
        self, home: Home, guarded: Registry, owner: Credentials, tmp_path: Path
    ):
        with isolated(home.runner, {guarded: owner}, tmp_path) as runner:
            reference = build_and_push(runner, guarded)

            assert runner.run(["docker", "buildx", "imagetools", "inspect", reference]).status == 0
        assert home.runner.run(["docker", "buildx", "imagetools", "inspect", reference]).status != 0

    def test_it_leaves_nothing_behind_and_the_users_config_as_it_was(
        self, home: Home, guarded: Registry, owner: Credentials, tmp_path: Path
    ):
        home.write({"auths": {str(guarded): auth("somebody", "else")}, "currentContext": "default"})
        before = home.config.read_bytes()
        temporary = tmp_path / "temporary"
        temporary.mkdir()

        with isolated(home.runner, {guarded: owner}, temporary) as runner:
            (folder,) = temporary.iterdir()
            inside = json.loads((folder / "config.json").read_text())

            assert runner.environ["DOCKER_CONFIG"] == str(folder)
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert stat.S_IMODE((folder / "config.json").stat().st_mode) == 0o600
            assert inside["auths"][str(guarded)] == auth(owner.username, owner.password)
            assert inside["currentContext"] == "default"
        assert list(temporary.iterdir()) == []
        assert home.config.read_bytes() == before

    def test_it_is_removed_when_what_is_inside_fails(
        self, home: Home, guarded: Registry, owner: Credentials, tmp_path: Path
    ):
        temporary = tmp_path / "temporary"
        temporary.mkdir()

        with pytest.raises(KeyboardInterrupt), isolated(home.runner, {guarded: owner}, temporary):
            raise KeyboardInterrupt
        with pytest.raises(AuthenticationError):
            isolated(home.runner, {guarded: replace(owner, password="wr0ng")}, temporary).__enter__()

        assert list(temporary.iterdir()) == []

    def test_builders_contexts_and_plugins_stay_those_of_the_user(
        self, home: Home, guarded: Registry, owner: Credentials, tmp_path: Path
    ):
        name = f"builder-{uuid4().hex[:8]}"
        for argv in (
            ["docker", "buildx", "create", "--name", name, "--driver", "docker-container"],
            ["docker", "context", "create", name, "--docker", "host=unix:///nowhere.sock"],
        ):
            done = home.runner.run(argv)
            assert done.status == 0, done.stderr

        with isolated(home.runner, {guarded: owner}, tmp_path) as runner:
            assert name in runner.run(["docker", "buildx", "ls", "--format", "{{.Name}}"]).stdout.split()
            assert name in runner.run(["docker", "context", "ls", "--format", "{{.Name}}"]).stdout.split()

    def test_a_builder_that_is_made_inside_is_the_users(
        self, home: Home, guarded: Registry, owner: Credentials, tmp_path: Path
    ):
        name = f"builder-{uuid4().hex[:8]}"
        create = ["docker", "buildx", "create", "--name", name, "--driver", "docker-container"]

        with isolated(home.runner, {guarded: owner}, tmp_path) as runner:
            assert runner.run(create).status == 0

        assert name in home.runner.run(["docker", "buildx", "ls", "--format", "{{.Name}}"]).stdout.split()

    def test_the_users_own_folder_for_builders_stays(
        self, home: Home, guarded: Registry, owner: Credentials, tmp_path: Path
    ):
        home.environ["BUILDX_CONFIG"] = str(tmp_path / "builders")

        with isolated(home.runner, {guarded: owner}, tmp_path) as runner:
            assert runner.environ["BUILDX_CONFIG"] == str(tmp_path / "builders")

    def test_a_credential_store_never_gets_the_password_and_serves_all_others(
        self, home: Home, guarded: Registry, owner: Credentials, token_registry: TokenRegistry, tmp_path: Path
    ):
        other = Registry.parse(token_registry.address)
        journal = home.keychain({str(other): (PUSHER.username, PUSHER.password), str(guarded): ("old", "login")})
        home.write({"credsStore": "keychain"})

        with isolated(home.runner, {guarded: owner}, tmp_path) as runner:
            build_and_push(runner, guarded)
            build_and_push(runner, other)

        told = journal.read_text()
        assert f"get {other}" in told
        assert "store" not in told
        assert "erase" not in told
        assert owner.password not in told

    def test_a_helper_of_this_host_is_passed_by_and_those_of_others_serve(
        self, home: Home, guarded: Registry, owner: Credentials, token_registry: TokenRegistry, tmp_path: Path
    ):
        other = Registry.parse(token_registry.address)
        journal = home.keychain({str(other): (PUSHER.username, PUSHER.password), str(guarded): ("old", "login")})
        home.write({"credHelpers": {str(guarded): "keychain", str(other): "keychain"}})

        with isolated(home.runner, {guarded: owner}, tmp_path) as runner:
            build_and_push(runner, guarded)
            build_and_push(runner, other)

        assert {line.split()[1] for line in journal.read_text().splitlines() if line.startswith("get")} == {str(other)}

    def test_a_login_in_dockers_variable_does_not_go_before_ours(
        self, home: Home, guarded: Registry, owner: Credentials, token_registry: TokenRegistry, tmp_path: Path
    ):
        other = Registry.parse(token_registry.address)
        auths = {str(guarded): auth("old", "login"), str(other): auth(PUSHER.username, PUSHER.password)}
        home.environ["DOCKER_AUTH_CONFIG"] = json.dumps({"auths": auths})

        with isolated(home.runner, {guarded: owner}, tmp_path) as runner:
            build_and_push(runner, guarded)
            build_and_push(runner, other)

    def test_that_variable_goes_when_nothing_is_left_in_it(
        self, home: Home, guarded: Registry, owner: Credentials, tmp_path: Path
    ):
        home.environ["DOCKER_AUTH_CONFIG"] = json.dumps({"auths": {str(guarded): auth("old", "login")}})

        with isolated(home.runner, {guarded: owner}, tmp_path) as runner:
            assert "DOCKER_AUTH_CONFIG" not in runner.environ
            build_and_push(runner, guarded)

    def test_two_registries_at_once(
        self, home: Home, guarded: Registry, owner: Credentials, token_registry: TokenRegistry, tmp_path: Path
    ):
        other = Registry.parse(token_registry.address)
        pusher = Credentials(username=PUSHER.username, password=PUSHER.password, origin="OTHER_USER and OTHER_PASSWORD")

        with isolated(home.runner, {guarded: owner, other: pusher}, tmp_path) as runner:
            build_and_push(runner, guarded)
            build_and_push(runner, other)

    def test_no_argument_holds_the_password(self, home: Home, guarded: Registry, owner: Credentials, tmp_path: Path):
        with isolated(home.runner, {guarded: owner}, tmp_path):
            pass

        assert home.said == [f"docker login {guarded} --username {owner.username} --password-stdin"]

    def test_a_wrong_password_is_one_line_that_says_whose(
        self, home: Home, guarded: Registry, owner: Credentials, tmp_path: Path
    ):
        wrong = replace(owner, password="wr0ng:password")

        with pytest.raises(AuthenticationError) as raised:
            isolated(home.runner, {guarded: wrong}, tmp_path).__enter__()

        text = str(raised.value)
        assert text.startswith(f"cannot log in to {guarded} as {owner.username}: ")
        assert "DOCKER_USER and DOCKER_PASSWORD" in text
        assert "wr0ng" not in text
        assert "\n" not in text

    def test_a_registry_that_is_not_there_is_no_wrong_password(self, home: Home, owner: Credentials, tmp_path: Path):
        nowhere = Registry("127.0.0.1", free_port())

        with pytest.raises(RegistryError, match=f"cannot log in to {nowhere}") as raised:
            isolated(home.runner, {nowhere: owner}, tmp_path).__enter__()

        assert "\n" not in str(raised.value)


class TestLogin:
    def test_what_docker_keeps_is_what_is_found(self, home: Home, guarded: Registry, owner: Credentials):
        login(home.runner, guarded, owner)
        found = home.find(guarded)
        logout(home.runner, guarded)

        assert found is not None
        assert (found.username, found.password) == (owner.username, owner.password)
        assert not found.from_environment
        assert str(home.config) in found.origin
        assert home.find(guarded) is None

    def test_what_docker_puts_into_a_store_is_asked_of_it(self, home: Home, guarded: Registry, owner: Credentials):
        journal = home.keychain({})
        home.write({"credsStore": "keychain"})

        login(home.runner, guarded, owner)

        assert f'"ServerURL":"{guarded}"' in journal.read_text().replace(" ", "")
        assert owner.password not in home.config.read_text()

    def test_logging_out_of_where_nobody_is_logged_in_is_no_error(self, home: Home, guarded: Registry):
        logout(home.runner, guarded)

    def test_the_environment_goes_before_what_docker_keeps(self, home: Home, guarded: Registry, owner: Credentials):
        login(home.runner, guarded, owner)

        found = home.find(guarded, DOCKER_USER="ada", DOCKER_PASSWORD="s3cret")

        assert found is not None
        assert (found.username, found.password, found.from_environment) == ("ada", "s3cret", True)


class TestHelpers:
    """Programs as they are met: each a real one, on the PATH of the run."""

    registry = Registry("registry.example")

    def ask(self, home: Home, script: str) -> Credentials | None:
        home.helper("broken", script)
        home.write({"credsStore": "broken"})
        return home.find(self.registry)

    def test_one_that_knows_the_registry(self, home: Home):
        home.keychain({"registry.example": ("ada", "s3cret: '\"x")})
        home.write({"credHelpers": {"registry.example": "keychain"}})

        found = home.find(self.registry)

        assert found is not None
        assert (found.username, found.password) == ("ada", "s3cret: '\"x")
        assert found.origin == "credential helper keychain"

    def test_one_that_does_not_know_it(self, home: Home):
        home.keychain({})
        home.write({"credsStore": "keychain", "auths": {"registry.example": {}}})

        assert home.find(self.registry) is None

    @pytest.mark.parametrize(
        ("script", "problem"),
        [
            ("echo the keychain is locked >&2; exit 1", "the keychain is locked"),
            ("cat > /dev/null; echo junk", "something else than a user name and a secret"),
            ("exit 0", "something else than a user name and a secret"),
            ("head -c 100000 /dev/urandom; exit 0", "something else than a user name and a secret"),
            ("kill -9 $$", "failed"),
        ],
    )
    def test_one_that_fails_is_named_on_one_line(self, home: Home, script: str, problem: str):
        with pytest.raises(AuthenticationError, match=rf"helper broken .*{problem}") as raised:
            self.ask(home, script)

        assert "\n" not in str(raised.value)
        assert str(raised.value).isprintable()
        assert "docker-credential-broken" in raised.value.hint

    def test_one_that_is_not_installed(self, home: Home):
        home.write({"credsStore": "absent"})

        with pytest.raises(AuthenticationError, match="docker-credential-absent"):
            home.find(self.registry)

    def test_one_that_waits_for_ever_is_ended_with_all_that_it_started(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ):
        monkeypatch.setattr(credential_helper, "_TIMEOUT", 0.5)

        with pytest.raises(AuthenticationError, match=r"did not answer within 0\.5 s"):
            self.ask(home, f"sleep 600 & echo $! > {shlex.quote(str(tmp_path / 'pid'))}; wait")

        pid = int((tmp_path / "pid").read_text())
        ended = time.monotonic() + 5
        while is_running(pid) and time.monotonic() < ended:
            time.sleep(0.01)
        assert not is_running(pid)


class TestPush:
    """The whole tool in a registry that asks who is there; what it must not show is in test_secrecy.py."""

    @pytest.fixture(params=["basic_registry", "token_registry"])
    def locked(self, request: pytest.FixtureRequest, scratch: Scratch) -> Scratch:
        scratch.registry = request.getfixturevalue(request.param).address
        scratch.environ["DOMAIN"] = scratch.registry
        scratch.write(SMALL)
        scratch.commit_all()
        return scratch

    def test_the_login_of_the_environment_pushes(self, locked: Scratch):
        done = locked.tool("push", DOCKER_USER=PUSHER.username, DOCKER_PASSWORD=PUSHER.password)

        assert done.code == 0, done.err
        assert done.out.startswith(f"{locked.path}/api:{locked.commit}-main@sha256:")

    def test_the_login_of_docker_pushes(self, locked: Scratch, home: Home):
        registry = Registry.parse(locked.registry)
        login(home.runner, registry, Credentials(username=PUSHER.username, password=PUSHER.password, origin="a test"))

        done = locked.tool("push", DOCKER_CONFIG=home.environ["DOCKER_CONFIG"])

        assert done.code == 0, done.err

    @pytest.mark.parametrize(
        "variables",
        [
            {},
            {"DOCKER_USER": PUSHER.username},
            {"DOCKER_USER": PUSHER.username, "DOCKER_PASSWORD": "wr0ng:password"},
        ],
        ids=["nobody", "half", "wrong"],
    )
    def test_whoever_is_not_let_in_is_told_in_one_line(self, locked: Scratch, variables: Mapping[str, str]):
        done = locked.tool("push", **variables)

        assert done.code == 3
        assert done.out == ""
        assert "DOCKER_PASSWORD" in done.last
        assert "wr0ng" not in done.err
        assert "Traceback" not in done.err


def is_running(pid: int) -> bool:
    """Tell whether a process still does anything; one that ended and that nobody has looked at yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path("/proc") / str(pid) / "stat"
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


@dataclass
class Doorman:
    """A registry that asks everybody for a name and has nothing: it writes down who came."""

    registry: Registry
    seen: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture
def doorman() -> Iterator[Doorman]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = default_request_version = "HTTP/1.1"

        def do_GET(self) -> None:
            value = self.headers.get("Authorization", "")
            if value:
                user, _, password = base64.b64decode(value.partition(" ")[2]).decode().partition(":")
                door.seen.append((user, password))
            self.send_response(404 if value else 401)
            self.send_header("WWW-Authenticate", 'Basic realm="door"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_arguments: object) -> None:
            """Stay silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    door = Doorman(Registry("127.0.0.1", server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield door
    server.shutdown()
    server.server_close()
    thread.join(5)


CASES = {
    "nothing": {},
    "auths": {"auths": {"HOST": auth("file", "p:q:r")}},
    "auths with an empty entry": {"auths": {"HOST": {}}},
    "auths with a name and a password": {"auths": {"HOST": {"username": "file", "password": "plain"}}},
    "a URL as older clients wrote it": {"auths": {"https://HOST/v1/": auth("url", "p")}},
    "a URL and the host": {"auths": {"https://HOST/v1/": auth("url", "p"), "HOST": auth("file", "p")}},
    "a URL of another host": {"auths": {"https://HOST.example/v1/": auth("url", "p")}},
    "another host": {"auths": {"ghcr.io": auth("other", "p")}},
    "a store": {"credsStore": "keychain", "auths": {"HOST": auth("file", "p")}},
    "a helper": {"credHelpers": {"HOST": "keychain"}, "auths": {"HOST": auth("file", "p")}},
    "a helper of another host": {"credHelpers": {"ghcr.io": "keychain"}, "auths": {"HOST": auth("file", "p")}},
    "a helper before a store": {"credHelpers": {"HOST": "keychain"}, "credsStore": "absent"},
    "an empty helper before a store": {
        "credHelpers": {"HOST": ""},
        "credsStore": "keychain",
        "auths": {"HOST": auth("file", "p")},
    },
    "a store that knows nothing": {"credsStore": "empty", "auths": {"HOST": auth("file", "p")}},
}
VARIABLES = {
    "no variable": None,
    "a variable": {"auths": {"HOST": auth("variable", "p:q")}},
    "a variable for another host": {"auths": {"ghcr.io": auth("variable", "p")}},
    "a variable with a URL": {"auths": {"https://HOST/v1/": auth("variable", "p")}},
}


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=VARIABLES)
@pytest.mark.parametrize("content", CASES.values(), ids=CASES)
def test_the_login_that_buildx_takes_is_the_one_that_is_found(
    home: Home, doorman: Doorman, content: Mapping[str, object], variable: Mapping[str, object] | None
):
    home.keychain({str(doorman.registry): ("keychain", "s3cret")})
    home.helper("empty", 'echo "credentials not found in native keychain"; exit 1')
    home.write(json.loads(json.dumps(content).replace("HOST", str(doorman.registry))))
    if variable is not None:
        home.environ["DOCKER_AUTH_CONFIG"] = json.dumps(variable).replace("HOST", str(doorman.registry))

    found = home.find(doorman.registry)
    home.runner.run(["docker", "buildx", "imagetools", "inspect", f"{doorman.registry}/acme/api:one"])

    assert [(found.username, found.password)] == doorman.seen[:1] if found else doorman.seen == []
