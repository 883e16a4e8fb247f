from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docker_push import doctor
from docker_push import history as histories
from docker_push.builder import INSTALL, NO_BUILDX, Builder
from docker_push.doctor import denied, installation, network, nodes, rendering, repository
from docker_push.errors import (
    AuthenticationError,
    ConfigError,
    DockerPushError,
    InterruptedRunError,
    PermissionDeniedError,
    RateLimitError,
    RegistryError,
)
from docker_push.git import GitFacts
from docker_push.history import History, Relation
from docker_push.options import Flags
from docker_push.preflight.engine import EngineInfo
from docker_push.preflight.model import Area, Check, Health, failed, good, skipped, warning
from docker_push.references import Registry
from docker_push.registry import Client, Request, Response, certificates
from docker_push.registry.refusals import Attempt, refusal
from examples_of import registry as registry_options
from recorded_programs import completed, no_programs
from recorded_world import NOW, RecordedWorld

GHCR = Registry("ghcr.io")


@pytest.fixture
def world(tmp_path: Path) -> RecordedWorld:
    world = RecordedWorld(tmp_path).write()
    world.environ["HOME"] = str(tmp_path)
    return world


@pytest.fixture(autouse=True)
def _history(monkeypatch: pytest.MonkeyPatch) -> None:
    found = History(ref="refs/heads/main", relation=Relation.TIP)
    monkeypatch.setattr(histories, "observe", lambda *_: found)


def examine(world: RecordedWorld, **flags: Any) -> tuple[Check, ...]:
    return doctor.examine(world.surroundings(), Flags(**flags))


def found(checks: Sequence[Check], subject: str) -> Check:
    (one,) = [check for check in checks if check.subject == subject]
    return one


def serving(world: RecordedWorld, send: Any) -> RecordedWorld:
    world.client = lambda registry, credentials=None, **given: Client(registry, credentials, **given, send=send)  # type: ignore[method-assign]
    return world


def test_a_healthy_run_has_no_error_and_is_looked_at_in_every_area(world: RecordedWorld):
    checks = examine(world)

    assert doctor.outcome(checks) is None
    assert {check.area for check in checks} == set(Area)
    assert [check.area for check in checks] == sorted((check.area for check in checks), key=list(Area).index)
    assert not any("bake" in argv for argv, _ in world.calls)


def test_what_it_ends_with_is_what_preflight_would(world: RecordedWorld):
    world.memory.put_index("atomicloud/my-service/api", (), "v1.2.3")

    error = doctor.outcome(examine(world, version="v1.2.3"))

    assert error is not None
    assert error.exit_code == 9


@pytest.mark.parametrize(
    ("text", "words"),
    [("[images.api]\nx = 1\n", "build.toml: 1 error"), ("", "there is no image to build"), ("[", "build.toml")],
)
def test_a_file_that_cannot_be_used_is_a_finding_and_the_rest_is_looked_at(world: RecordedWorld, text: str, words: str):
    checks = examine(world.write(text))

    assert words in found(checks, "configuration").found
    assert found(checks, "engine").health is Health.GOOD
    assert found(checks, "registry localhost:5000").health is Health.GOOD
    assert [check for check in checks if check.is_failed] == [found(checks, "configuration")]


def test_a_file_that_cannot_be_read_names_no_registry(world: RecordedWorld):
    del world.environ["DOMAIN"]

    checks = examine(world.write("["))

    assert found(checks, "registries").health is Health.SKIPPED
    assert not any(check.subject.startswith("registry ") for check in checks)


def test_a_variable_that_cannot_be_used_is_a_finding(world: RecordedWorld):
    world.environ["DOMAIN"] = "https://nowhere/"

    checks = examine(world)

    assert found(checks, "configuration").is_failed
    assert found(checks, "registries").health is Health.SKIPPED


def test_a_version_that_is_none_is_a_finding(world: RecordedWorld):
    assert found(examine(world, version="banana"), "configuration").is_failed


def test_credentials_that_are_broken_fail_once(world: RecordedWorld):
    world.environ["DOCKER_USER"] = "me"

    checks = examine(world)

    (only,) = [check for check in checks if check.is_failed]
    assert isinstance(only.error, AuthenticationError)
    assert found(checks, "credentials for localhost:5000").health is Health.SKIPPED


def test_a_signal_ends_its_programs_as_those_of_any_run(world: RecordedWorld, monkeypatch: pytest.MonkeyPatch):
    given: list[dict[str, Any]] = []
    recorded = world.runner
    monkeypatch.setattr(world, "runner", lambda **values: [given.append(values), recorded(**values)][1])
    surroundings = world.write("[").surroundings()

    doctor.examine(surroundings, Flags())

    assert given
    assert all(values.get("children") is surroundings.children for values in given)


def test_a_registry_that_is_not_reached_tells_no_time(world: RecordedWorld):
    def send(_: Request) -> Response:
        raise RegistryError("nobody", hint="Wait.")

    serving(world, send)

    assert found(examine(world), "clock of localhost:5000").health is Health.SKIPPED
    assert found(examine(world.write("[")), "registry localhost:5000").is_failed


def test_no_secret_is_in_what_was_found(world: RecordedWorld):
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value"}
    world.engine["OperatingSystem"] = "s3cret-value"
    world.builder["Nodes"] = [{"Name": "n", "Err": "s3cret-value"}]

    for text in ("[images.api]\n", "["):
        assert "s3cret-value" not in rendering.text(examine(world.write(text)))


def test_its_programs_do_not_see_the_job_s_tokens(world: RecordedWorld):
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value", "GITHUB_TOKEN": "t0ken-of-the-job"}

    for text in ("[images.api]\n", "["):
        examine(world.write(text))

    assert world.environs
    assert not any({"DOCKER_PASSWORD", "GITHUB_TOKEN"} & set(environ) for environ in world.environs)


def test_a_signal_ends_it(world: RecordedWorld, monkeypatch: pytest.MonkeyPatch):
    def stop(*_: Any) -> Any:
        raise InterruptedRunError("terminated", hint="")

    monkeypatch.setattr(world, "git", stop)

    with pytest.raises(InterruptedRunError):
        examine(world)


def test_one_fault_fails_one_check():
    error = ConfigError("no docker", hint="Install it.")

    first, second = doctor.said_once([failed(Area.DOCKER, "docker", error), failed(Area.BUILDER, "builder", error)])

    assert (first.health, second.health, second.found) == (Health.FAILED, Health.SKIPPED, "no docker: see docker")


class TestInstallation:
    def test_an_engine_of_the_classic_store_is_a_warning_with_the_ways_out(self):
        info = EngineInfo(endpoint="unix:///s", content={"ServerVersion": "24", "DriverStatus": [["Backing", "extfs"]]})

        store = found(list(installation.engine(info)), "image store of the engine")

        assert (store.health, "docker buildx create" in store.hint) == (Health.WARNING, True)

    def test_an_engine_of_its_own_proxies_is_named_without_their_passwords(self):
        content = {"ServerVersion": "28", "HttpsProxy": "http://me:secret@proxy:3128", "NoProxy": "localhost"}

        told = found(list(installation.engine(EngineInfo(endpoint="", content=content))), "proxies of the engine").found

        assert told == "https http://***@proxy:3128, none for localhost"

    def test_an_engine_that_does_not_answer_is_a_warning(self):
        (check,) = installation.engine(EngineInfo(endpoint="tcp://far:2376", trouble="refused"))

        assert (check.health, check.found) == (Health.WARNING, "none answers at tcp://far:2376: refused")

    def test_a_docker_that_says_nothing_of_itself_cannot_be_used(self, tmp_path: Path):
        runner = replace(
            no_programs(tmp_path), programs={"docker": lambda *_: completed(stderr="Segfault\n", status=139)}
        )

        docker, buildx = installation.programs(runner)

        assert (docker.found, buildx.health) == ("docker cannot be used: Segfault", Health.SKIPPED)

    def test_a_docker_without_buildx_is_told_what_to_install(self, tmp_path: Path):
        def docker(argv: Sequence[str], *_: Any) -> Any:
            return completed('{"Version": "28"}\n') if argv[1] == "version" else completed(status=1)

        _, buildx = installation.programs(replace(no_programs(tmp_path), programs={"docker": docker}))

        assert (buildx.found, buildx.next_step) == (NO_BUILDX, INSTALL)

    def test_whom_docker_speaks_to_is_said(self, tmp_path: Path):
        def docker(*_: Any) -> Any:
            return completed('{"Version": "28", "Context": "far"}\n')

        by_context = replace(no_programs(tmp_path), programs={"docker": docker})
        by_variable = replace(by_context, environ={"DOCKER_HOST": "tcp://far"})

        assert next(installation.programs(by_context)).found == "28, engine by context far"
        assert next(installation.programs(by_variable)).found == "28, engine by DOCKER_HOST"


class TestNodes:
    @pytest.mark.parametrize(
        ("listed", "told"),
        [
            ([], "no platform listed"),
            (["linux/amd64"], "native linux/amd64"),
            (["linux/amd64", "linux/amd64/v2", "linux/386"], "native linux/amd64 linux/386"),
            (["linux/arm64", "linux/arm/v7"], "native linux/arm64 linux/arm/v7"),
            (["linux/arm64", "linux/amd64"], "native linux/arm64, emulated linux/amd64"),
        ],
    )
    def test_what_a_node_builds_natively_and_what_emulated(self, listed: list[str], told: str):
        assert nodes.platforms(listed) == told

    def test_a_node_that_is_gone_is_a_warning(self):
        (check,) = nodes.described({"Name": "many", "Nodes": [{"Name": "far", "Err": "\x1b[31mno route\nto host"}]})

        assert (check.subject, check.health, check.found) == ("builder node far", Health.WARNING, "no route to host")

    def test_what_is_no_list_has_no_nodes(self, tmp_path: Path):
        programs = {"docker": lambda *_: completed("junk\n[]\n")}

        for runner in (replace(no_programs(tmp_path), programs=programs), no_programs(tmp_path)):
            assert nodes.observe(Builder(runner=runner, name=None, folder=tmp_path)) == ()


class TestClock:
    @pytest.mark.parametrize(
        ("ours", "health", "words"),
        [
            (1000.0, Health.GOOD, "0 s"),
            (1060.0, Health.GOOD, "60 s ahead"),
            (1061.0, Health.WARNING, "61 s ahead"),
            (900.0, Health.WARNING, "100 s behind"),
        ],
    )
    def test_a_minute_is_forgiven(self, ours: float, health: Health, words: str):
        check = network.skewed("clock", ours, 1000.0)

        assert (check.health, words in check.found) == (health, True)

    def test_a_registry_without_a_date_is_no_fault(self):
        assert network.skewed("clock", 0.0, None).health is Health.SKIPPED

    def test_the_registry_s_date_is_read(self, world: RecordedWorld):
        def send(request: Request) -> Response:
            response = world.memory(request)
            return replace(response, headers={**response.headers, "date": "Tue, 14 Nov 2023 22:03:20 GMT"})

        check = found(examine(serving(world, send)), "clock of localhost:5000")

        assert (check.health, "600 s ahead" in check.found, NOW) == (Health.WARNING, True, 1_700_000_000.0)

    @pytest.mark.parametrize("date", ["", "yesterday", "Tue, 99 Nov 2023 22:03:20 GMT"])
    def test_a_date_that_is_none_is_no_time(self, date: str):
        client = Client(GHCR, clock=lambda: 0.0, send=lambda _: Response(status=200, url="", headers={"date": date}))

        assert client.server_time() is None


class TestProxies:
    @pytest.mark.parametrize(
        "text", ["http://me:secret@proxy:3128", "http://secret@proxy:3128", "me:secret@proxy:3128"]
    )
    def test_a_password_is_hidden(self, text: str):
        assert "secret" not in network.redacted_url(text)
        assert "proxy:3128" in network.redacted_url(text)

    def test_the_one_that_is_in_force_is_named_without_its_password(self):
        check = network.proxy({"HTTPS_PROXY": "http://me:secret@p:1"}, registry_options())

        assert (check.health, check.found) == (Health.GOOD, "http://p:1 (HTTPS_PROXY), with a user name")

    @pytest.mark.parametrize(
        ("environ", "domain"),
        [({}, "ghcr.io"), ({"HTTPS_PROXY": "http://p:1", "HTTP_PROXY": "http://p:1"}, "localhost:5000")],
    )
    def test_where_none_is_in_force_it_says_so(self, environ: dict[str, str], domain: str):
        assert network.proxy(environ, registry_options(domain)).found == "none"

    def test_one_that_cannot_be_used_is_a_failure(self):
        assert network.proxy({"HTTPS_PROXY": "socks5://p:1"}, registry_options()).is_failed


class TestCertificates:
    def test_those_of_the_system_are_enough(self, tmp_path: Path):
        check = network.authorities({"HOME": str(tmp_path), "SSL_CERT_FILE": "/own.pem"}, GHCR)

        assert check.found == "SSL_CERT_FILE=/own.pem"
        assert network.authorities({"HOME": str(tmp_path)}, GHCR).found == "the system's"

    def test_one_for_the_registry_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        folder = tmp_path / ".config" / "docker" / "certs.d" / "registry.corp:5000"
        folder.mkdir(parents=True)
        (folder / "ca.crt").touch()
        monkeypatch.setattr(certificates, "trusted", lambda *_: None)

        check = network.authorities({"HOME": str(tmp_path)}, Registry.parse("registry.corp:5000"))

        assert (check.found, "buildkitd.toml" in check.notes[0]) == (str(folder / "ca.crt"), True)

    def test_one_that_cannot_be_used_is_a_failure_and_the_registry_is_not_asked(self, world: RecordedWorld):
        folder = world.folder / ".config" / "docker" / "certs.d" / "localhost:5000"
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_text("none")

        checks = examine(world)

        assert [check for check in checks if check.is_failed] == [found(checks, "configuration")]
        assert "holds no certificate" in found(checks, "configuration").found
        assert found(checks, "registry localhost:5000").health is Health.SKIPPED


class TestDenied:
    @staticmethod
    def said(status: int, words: str, origin: str | None = "DOCKER_USER and DOCKER_PASSWORD") -> DockerPushError:
        body = f'{{"errors": [{{"code": "DENIED", "message": "{words}"}}]}}'.encode()
        attempt = Attempt(purpose="push to ghcr.io/acme/web/api", registry="ghcr.io", origin=origin)
        return refusal(Response(status=status, url="", body=body), attempt)

    @pytest.mark.parametrize(
        ("status", "words", "origin", "cause"),
        [
            (403, "denied", None, "not logged in, or anonymous"),
            (403, "installation not allowed to Create organization package", "x", "permissions: packages: write"),
            (403, "permission_denied: write_package", "x", "the package is not linked to this repository"),
            (403, "The token provided does not match expected scopes.", "x", "lacks the scope write:packages"),
            (403, "token has expired", "x", "a personal access token expired"),
            (403, "You have exceeded a secondary rate limit", "x", "a secondary rate limit"),
        ],
    )
    def test_the_cause_that_github_s_words_mean_comes_first(
        self, status: int, words: str, origin: str | None, cause: str
    ):
        check = failed(Area.REGISTRY, "push to ghcr.io/acme/web/api", self.said(status, words, origin))

        notes = denied.explained(check, "acme/web/api").notes

        assert len(notes) == len(denied.CAUSES)
        assert notes[0].startswith("this is: ")
        assert cause in notes[0]
        assert all(note.startswith("else perhaps: ") for note in notes[1:])

    def test_the_package_s_page_is_named(self):
        check = failed(
            Area.REGISTRY, "push to ghcr.io/acme/web/api", self.said(403, "permission_denied: write_package")
        )

        (page,) = [note for note in denied.explained(check, "acme/web/api").notes if "not linked" in note]

        assert "https://github.com/orgs/acme/packages/container/web%2Fapi/settings" in page

    @pytest.mark.parametrize("error", [RegistryError("gone", hint=""), None])
    def test_other_failures_and_good_checks_stay_as_they_are(self, error: DockerPushError | None):
        check = failed(Area.REGISTRY, "push", error) if error else good(Area.REGISTRY, "push", "granted")

        assert denied.explained(check, "acme/api") is check

    def test_only_github_s_registry_is_explained(self, world: RecordedWorld):
        def send(request: Request) -> Response:
            return Response(status=403, url=request.url) if request.method == "POST" else world.memory(request)

        check = found(examine(serving(world, send)), "push to localhost:5000/atomicloud/my-service/api")

        assert isinstance(check.error, PermissionDeniedError)
        assert check.notes == ()

    def test_every_class_that_denied_can_be_has_a_cause(self):
        assert {cause.kind for cause in denied.CAUSES} == {AuthenticationError, PermissionDeniedError, RateLimitError}


class TestRepository:
    FACTS = GitFacts(commit="a" * 40, branch="main", dirty=False, origin="https://github.com/acme/web.git")

    def test_what_is_checked_out_is_said(self):
        assert repository.described(self.FACTS).found == (
            "branch main at aaaaaaaaaaaa, origin https://github.com/acme/web.git"
        )

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"shallow": True}, "a shallow clone"),
            ({"origin": None}, "no remote called origin"),
        ],
    )
    def test_what_makes_it_hard_to_tell_who_is_newer_is_a_warning(self, changes: dict[str, Any], words: str):
        check = repository.described(replace(self.FACTS, **changes))

        assert (check.health, words in check.found) == (Health.WARNING, True)

    def test_changes_and_a_detached_head_are_said(self):
        check = repository.described(replace(self.FACTS, branch=None, dirty=True))

        assert check.found.startswith("detached head at")
        assert check.found.endswith("with changes in the working tree")

    def test_a_git_that_refuses_is_a_warning(self, tmp_path: Path):
        programs = {"git": lambda *_: completed(stderr="fatal: dubious ownership", status=128)}

        check = repository.check(replace(no_programs(tmp_path), programs=programs))

        assert (check.health, "another user owns" in check.found) == (Health.WARNING, True)
        assert repository.check(no_programs(tmp_path)).health is Health.WARNING


class TestRendering:
    CHECKS = (
        good(Area.DOCKER, "docker", "28"),
        warning(Area.DISK, "disk", "only 300 MiB", "Make room."),
        failed(Area.REGISTRY, "registry\nx", ConfigError("no\nbody", hint="Look.", details=("line 1",))),
        skipped(Area.BUILDER, "builder", "no docker"),
    )

    def test_a_check_is_a_line_with_its_next_step_below(self):
        assert rendering.text(self.CHECKS).splitlines() == [
            "ok    docker      28",
            "warn  disk        only 300 MiB",
            "      > Make room.",
            "FAIL  registry x  no body",
            "        line 1",
            "      > Look.",
            "skip  builder     no docker",
            "",
            "1 ok, 1 warn, 1 FAIL, 1 skip",
        ]

    def test_a_long_subject_does_not_push_the_others_aside(self):
        lines = rendering.text([*self.CHECKS, good(Area.DISK, "x" * 60, "y")]).splitlines()

        assert lines[0] == "ok    docker      28"
        assert lines[-3] == f"ok    {'x' * 60}  y"

    def test_foreign_text_commands_no_terminal_and_no_runner(self):
        assert "\x1b" not in rendering.text([good(Area.DISK, "disk", "\x1b[2J")])
        assert "##[error]" not in rendering.text([good(Area.DISK, "disk", "##[error]x")])

    def test_the_document_has_the_error_s_code_and_every_check(self):
        document = rendering.document(self.CHECKS, ConfigError("x", hint=""))

        assert (document["healthy"], document["exit-code"]) == (False, 2)
        entries: Any = document["checks"]
        assert entries[2] == {
            "area": "registry",
            "subject": "registry\nx",
            "health": "failed",
            "found": "no\nbody",
            "next-step": "Look.",
            "exit-code": 2,
            "details": ["line 1"],
        }
        assert rendering.document((), None)["healthy"] is True
