from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docker_push import history as histories
from docker_push import pipeline, preflight
from docker_push.errors import (
    AuthenticationError,
    BuilderError,
    ConfigError,
    DockerPushError,
    InterruptedRunError,
    OverwriteError,
    PermissionDeniedError,
    RateLimitError,
    RegistryError,
)
from docker_push.history import History, Relation
from docker_push.observation import make_plan
from docker_push.options import Flags
from docker_push.preflight import Check, Health, Survey, disk
from docker_push.preflight.engine import EngineInfo
from docker_push.preflight.model import Area, attempted, failed, good
from docker_push.registry import Client, Request, Response
from docker_push.run import opened
from recorded_programs import completed
from recorded_world import RecordedWorld

API = "atomicloud/my-service/api"
HOME = f"localhost:5000/{API}"
TWO = '[images.api]\n[images.worker]\nplatforms = ["linux/amd64"]\n'
MIB = 1024 * 1024


@pytest.fixture
def world(tmp_path: Path) -> RecordedWorld:
    return RecordedWorld(tmp_path).write()


@pytest.fixture(autouse=True)
def _history(monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch, Relation.TIP)


def seen(monkeypatch: pytest.MonkeyPatch, relation: Relation, **more: Any) -> None:
    """Have the remote's branch be seen like that; what git says of it is tested with git."""
    found = History(ref="refs/heads/main", relation=relation, **more)
    monkeypatch.setattr(histories, "observe", lambda *_: found)


def survey(world: RecordedWorld, *, build: bool = True, **flags: Any) -> Survey:
    with opened(world.surroundings(), Flags(**flags)) as run:
        return preflight.survey(run, make_plan(run, look=False), build=build)


def found(checks: tuple[Check, ...], subject: str) -> Check:
    (one,) = [check for check in checks if check.subject.startswith(subject)]
    return one


def broken(*errors: DockerPushError) -> list[Check]:
    return [failed(Area.REGISTRY, f"subject {number}", error) for number, error in enumerate(errors)]


def serving(world: RecordedWorld, send: Callable[[Request], Response]) -> RecordedWorld:
    """Have the world's registry answer by ``send``."""
    world.client = lambda registry, credentials=None, **given: Client(registry, credentials, **given, send=send)  # type: ignore[method-assign]
    return world


def refusing(world: RecordedWorld, status: int, *, method: str = "", tail: str = "") -> RecordedWorld:
    """Have the registry refuse one method, or whatever ends like that, and serve the rest as before."""

    def send(request: Request) -> Response:
        if request.method == method or (tail and request.url.endswith(tail)):
            world.memory.log.append(f"{request.method} refused")
            return Response(status=status, url=request.url)
        return world.memory(request)

    return serving(world, send)


def test_a_run_that_can_go_on_has_no_failed_check_and_the_plan_of_what_was_seen(world: RecordedWorld):
    done = survey(world)

    assert [check for check in done.checks if check.health in {Health.FAILED, Health.WARNING}] == []
    assert set(map(str, done.plan.facts.repositories)) == {HOME}
    assert done.plan.facts.builder is not None
    preflight.refuse(done.checks)


def test_nothing_is_built_or_left_in_the_registry(world: RecordedWorld):
    survey(world, version="v1.2.3")

    assert not any("bake" in argv for argv, _ in world.calls)
    assert world.memory.manifests == {}


def test_what_the_draft_knows_is_not_looked_at_again(world: RecordedWorld):
    with opened(world.surroundings(), Flags()) as run:
        plan = make_plan(run, look=True)
        world.calls.clear()
        world.memory.log.clear()
        done = preflight.survey(run, plan)

    assert done.plan is plan
    assert not any("ls" in argv for argv, _ in world.calls)
    assert not any(line.startswith("HEAD") for line in world.memory.log)


def test_everything_that_is_wrong_is_found_at_once(world: RecordedWorld):
    world.builder["Nodes"][0]["Labels"] = {}
    world.memory.put_index(API, (), "v1.2.3")
    refusing(world, 403, method="POST")

    checks = survey(world, version="v1.2.3").checks

    failures = {check.subject: type(check.error) for check in checks if check.is_failed}
    assert failures == {
        f"push to {HOME}": PermissionDeniedError,
        f"version {HOME}:v1.2.3": OverwriteError,
        "platforms of api": BuilderError,
    }
    with pytest.raises(PermissionDeniedError, match="3 checks failed before anything was built") as caught:
        preflight.refuse(checks)
    assert len(caught.value.details) == 3
    assert all(". " in line for line in caught.value.details)


def test_a_lone_failure_is_raised_as_it_is():
    error = RegistryError("no", hint="Wait.")

    with pytest.raises(RegistryError) as caught:
        preflight.refuse([good(Area.DISK, "disk", "much"), *broken(error)])

    assert caught.value is error


def test_of_several_the_exit_code_is_the_lowest_whatever_was_found_first():
    errors = [
        OverwriteError("9", hint=""),
        BuilderError("7", hint=""),
        RateLimitError("5", hint=""),
        AuthenticationError("3", hint=""),
        ConfigError("2", hint="", details=("a finding",)),
    ]

    codes = []
    while len(errors) > 1:
        with pytest.raises(DockerPushError) as caught:
            preflight.refuse(broken(*errors))
        codes.append(caught.value.exit_code)
        errors.pop()

    assert codes == [2, 3, 5, 7]


def test_the_findings_of_an_error_stand_below_it():
    errors = (ConfigError("file", hint="Mend it.", details=("line 1",)), RegistryError("gone", hint="Wait."))

    with pytest.raises(ConfigError) as caught:
        preflight.refuse(broken(*errors))

    assert caught.value.details == ("file. Mend it.", "  line 1", "gone. Wait.")


def test_good_checks_refuse_nothing():
    preflight.refuse([good(Area.DISK, "disk", "much")])


def test_a_signal_is_no_finding():
    def work() -> str:
        raise InterruptedRunError("terminated", hint="")

    with pytest.raises(InterruptedRunError):
        attempted(Area.DISK, "disk", work)


def test_a_registry_that_is_not_reached_is_said_once(world: RecordedWorld):
    def send(request: Request) -> Response:
        raise RegistryError(f"cannot {request.purpose}: nobody there", hint="Check the address.")

    world.write(TWO)
    serving(world, send)

    checks = survey(world, version="v1.2.3").checks

    assert [check.subject for check in checks if check.is_failed] == ["registry localhost:5000"]
    assert found(checks, f"push to {HOME}").health is Health.SKIPPED
    assert found(checks, f"version {HOME}:v1.2.3").health is Health.SKIPPED


def test_a_wrong_password_is_tried_once_and_not_for_every_image(world: RecordedWorld):
    refusing(world.write(TWO), 401, method="POST")

    checks = survey(world).checks

    (refused,) = [check for check in checks if check.is_failed]
    assert isinstance(refused.error, AuthenticationError)
    assert world.memory.log.count("POST refused") == 1
    assert found(checks, "push to localhost:5000/atomicloud/my-service/worker").health is Health.SKIPPED


def test_a_missing_permission_is_asked_for_every_repository(world: RecordedWorld):
    refusing(world.write(TWO), 403, method="POST")

    assert len([check for check in survey(world).checks if isinstance(check.error, PermissionDeniedError)]) == 2


def test_whose_credentials_and_where_from_is_said_and_never_the_password(world: RecordedWorld):
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value"}

    checks = survey(world).checks

    assert found(checks, "credentials").found == "user me, from DOCKER_USER and DOCKER_PASSWORD"
    assert "s3cret-value" not in str(checks)


def test_what_cannot_be_read_fails_by_its_own_error(world: RecordedWorld):
    refusing(world, 503, method="HEAD")

    checks = survey(world, version="v1.2.3").checks

    assert isinstance(found(checks, f"read {HOME}").error, RegistryError)
    assert found(checks, f"version {HOME}:v1.2.3").health is Health.SKIPPED


def test_a_version_that_cannot_be_looked_up_is_not_taken_for_free(world: RecordedWorld):
    refusing(world, 503, tail="/v1.2.3")

    assert isinstance(found(survey(world, version="v1.2.3").checks, "version").error, RegistryError)


def test_a_version_of_other_bytes_is_refused_with_tag_and_digest(world: RecordedWorld):
    taken = world.memory.put_index(API, (), "v1.2.3")

    check = found(survey(world, version="v1.2.3").checks, "version")

    assert isinstance(check.error, OverwriteError)
    assert f"{HOME}:v1.2.3 was already published as {taken}" in check.error.message


def test_force_overwrites_and_says_what(world: RecordedWorld):
    taken = world.memory.put_index(API, (), "v1.2.3")

    check = found(survey(world, version="v1.2.3", force=True).checks, "version")

    assert check.health is Health.WARNING
    assert f"{taken} will be overwritten" in check.found


def test_a_version_of_the_bytes_that_are_adopted_is_good(world: RecordedWorld):
    with opened(world.surroundings(), Flags(version="v1.2.3")) as run:
        pipeline.push(run)

    check = found(survey(world, version="v1.2.3").checks, "version")

    assert (check.health, "which this run adopts" in check.found) == (Health.GOOD, True)


def test_a_version_of_other_bytes_than_the_adopted_ones_is_refused(world: RecordedWorld):
    with opened(world.surroundings(), Flags(version="v1.2.3")) as run:
        pipeline.stage_only(run)
    world.memory.put_index(API, (), "v1.2.3")

    check = found(survey(world, version="v1.2.3").checks, "version")

    assert isinstance(check.error, OverwriteError)
    assert "this run has sha256:" in check.error.message


def test_latest_needs_a_history_that_tells_who_is_newer(world: RecordedWorld, monkeypatch: pytest.MonkeyPatch):
    seen(monkeypatch, Relation.UNKNOWN, why="the clone is shallow")
    world.memory.put_index(API, (), "latest", "main")

    check = found(survey(world).checks, "history")

    assert isinstance(check.error, ConfigError)
    assert f"{HOME}:latest may not move" in check.error.message
    assert "the clone is shallow" in check.error.message
    assert "fetch-depth: 0" in check.error.hint


def test_other_moving_tags_are_only_warned_of(world: RecordedWorld, monkeypatch: pytest.MonkeyPatch):
    seen(monkeypatch, Relation.UNKNOWN, why="the clone is shallow")
    world.memory.put_index(API, (), "main")

    check = found(survey(world).checks, "history")

    assert (check.health, f"{HOME}:main will move" in check.found) == (Health.WARNING, True)


def test_tags_that_name_nothing_yet_need_no_history(world: RecordedWorld, monkeypatch: pytest.MonkeyPatch):
    seen(monkeypatch, Relation.UNKNOWN, why="the clone is shallow")

    assert found(survey(world).checks, "history").health is Health.GOOD


def test_going_back_on_purpose_needs_no_history(world: RecordedWorld, monkeypatch: pytest.MonkeyPatch):
    seen(monkeypatch, Relation.UNKNOWN, why="the clone is shallow")
    world.memory.put_index(API, (), "latest")

    assert found(survey(world, allow_older=True).checks, "history").health is Health.WARNING


def test_moving_tags_that_cannot_be_looked_up_fail(world: RecordedWorld, monkeypatch: pytest.MonkeyPatch):
    seen(monkeypatch, Relation.UNKNOWN, why="the clone is shallow")

    refusing(world, 503, tail="/latest")

    assert isinstance(found(survey(world).checks, "history").error, RegistryError)


@pytest.mark.parametrize(
    ("relation", "health"),
    [
        (Relation.TIP, Health.GOOD),
        (Relation.BEHIND, Health.GOOD),
        (Relation.AHEAD, Health.GOOD),
        (Relation.ALONE, Health.GOOD),
        (Relation.DIVERGED, Health.WARNING),
    ],
)
def test_how_we_stand_to_the_branch_is_said(
    world: RecordedWorld, monkeypatch: pytest.MonkeyPatch, relation: Relation, health: Health
):
    seen(monkeypatch, relation)

    check = found(survey(world).checks, "history")

    assert (check.health, "refs/heads/main" in check.found) == (health, True)


def test_a_run_that_moves_no_tag_asks_no_remote(world: RecordedWorld, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(histories, "observe", lambda *_: pytest.fail("the remote was asked"))

    assert found(survey(world.of_a_fork()).checks, "history").health is Health.SKIPPED


def test_a_builder_that_is_not_there_is_one_finding(world: RecordedWorld):
    checks = survey(world, builder="far").checks

    assert isinstance(found(checks, "builder far").error, BuilderError)
    assert found(checks, "platforms of api").health is Health.SKIPPED


def test_a_platform_that_needs_emulation_is_a_warning_with_the_command(world: RecordedWorld):
    check = found(survey(world, platforms=("linux/s390x",)).checks, "platforms of api")

    assert (check.health, "linux/s390x" in check.found) == (Health.WARNING, True)
    assert "binfmt --install all" in check.hint


def test_what_is_adopted_needs_no_platform_of_the_builder(world: RecordedWorld):
    with opened(world.surroundings(), Flags()) as run:
        pipeline.stage_only(run)
    world.builder["Nodes"][0]["Labels"] = {}

    assert found(survey(world).checks, "platforms of api").health is Health.SKIPPED


def test_publishing_what_is_staged_needs_no_docker(world: RecordedWorld):
    done = survey(world, build=False)

    assert not any(argv[0] == "docker" for argv, _ in world.calls)
    assert done.engine is None


def test_test_commands_need_an_engine(world: RecordedWorld):
    world.write('[images.api]\ntest = [["true"]]\n').engine = {"ServerErrors": ["Cannot connect to the Docker daemon"]}

    check = found(survey(world).checks, "engine for test commands")

    assert isinstance(check.error, BuilderError)
    assert "test commands of api cannot run: no Docker engine answers: Cannot connect" in check.error.message


def test_what_is_not_published_is_not_tested_and_needs_no_engine(world: RecordedWorld):
    world.write('[images.api]\ntest = [["true"]]\n').engine = {"ServerErrors": ["Cannot connect to the Docker daemon"]}

    assert found(survey(world.of_a_fork()).checks, "engine for test commands").health is Health.SKIPPED


def test_test_commands_with_an_engine_are_good(world: RecordedWorld):
    world.write('[images.api]\ntest = [["true"]]\n')

    assert found(survey(world).checks, "engine for test commands").found == "28.5.2, for api"


def test_without_test_commands_no_engine_is_needed(world: RecordedWorld):
    world.engine = {}

    assert found(survey(world).checks, "engine for test commands").health is Health.SKIPPED


@pytest.mark.parametrize(
    ("free", "health"), [(199, Health.FAILED), (200, Health.WARNING), (1023, Health.WARNING), (1024, Health.GOOD)]
)
def test_a_disk_is_judged_by_what_is_free(free: int, health: Health):
    check = disk.judged("disk", Path("/var"), free * MIB, "Make room.")

    assert (check.health, "/var" in check.found) == (health, True)
    assert check.error is None or check.error.exit_code == 7


def test_a_full_disk_is_named_in_the_words_that_are_searched_for():
    error = disk.judged("disk", Path("/var"), 0, "Make room.").error

    assert error is not None
    assert "no space left" in error.message


def test_a_folder_that_is_gone_is_a_warning(tmp_path: Path):
    (check, _) = disk.check(tmp_path / "gone", None)

    assert check.health is Health.WARNING


def test_the_engine_s_disk_is_looked_at_where_it_is_one_of_this_machine(tmp_path: Path):
    here = EngineInfo(endpoint="unix:///run/docker.sock", content={"DockerRootDir": str(tmp_path)})
    far = replace(here, endpoint="tcp://far:2376")
    machine = replace(here, content={**here.content, "OperatingSystem": "Docker Desktop"})

    assert (here.data_root, far.data_root, machine.data_root) == (tmp_path, None, None)
    assert [check.health for check in disk.check(tmp_path, here)][1] is not Health.SKIPPED
    assert [check.health for check in disk.check(tmp_path, far)][1] is Health.SKIPPED


def test_an_engine_s_words_are_fit_for_a_message(world: RecordedWorld):
    def docker(argv: Any, *_: Any) -> Any:
        return completed("nothing", stderr="\x1b[31mgone\x1b[0m\n", status=1) if "info" in argv else completed("")

    with opened(world.surroundings(), Flags()) as run:
        info = preflight.engine.observe(replace(run.runner, programs={"docker": docker}))

    assert (info.answers, info.trouble) == (False, "gone")


def test_a_fork_builds_and_is_told_so(world: RecordedWorld):
    world.of_a_fork()

    with opened(world.surroundings(), Flags()) as run:
        why = preflight.permission(run, make_plan(run, look=False))
    done = survey(world)

    assert why == "a pull request from a fork is built and never pushed"
    preflight.refuse(done.checks)
    assert done.plan.published == ()
    assert not any(line.startswith("POST") for line in world.memory.log)


def test_a_fork_that_has_to_push_fails_with_exit_4(world: RecordedWorld):
    world.of_a_fork()

    with opened(world.surroundings(), Flags(require_push=True)) as run, pytest.raises(PermissionDeniedError):
        preflight.permission(run, make_plan(run, look=False))


def elsewhere(world: RecordedWorld) -> RecordedWorld:
    world.environ |= {"DOMAIN": "ghcr.io", "HOME": str(world.folder)}
    return world


def test_without_credentials_a_run_builds_and_is_told_so(world: RecordedWorld):
    with opened(elsewhere(world).surroundings(), Flags()) as run:
        why = preflight.permission(run, make_plan(run, look=False))
    done = survey(world)

    assert why == "there are no credentials for ghcr.io"
    check = found(done.checks, "credentials")
    assert (check.health, "DOCKER_USER and DOCKER_PASSWORD" in check.hint) == (Health.WARNING, True)
    preflight.refuse(done.checks)
    assert (done.plan.published, done.plan.images[0].why, done.plan.images[0].cache_to) == ((), why, ())


@pytest.mark.parametrize("flags", [{"require_push": True}, {"version": "v1.2.3"}], ids=["asked", "release"])
def test_without_credentials_a_run_that_has_to_push_fails_with_exit_3(world: RecordedWorld, flags: dict[str, Any]):
    with opened(elsewhere(world).surroundings(), Flags(**flags)) as run, pytest.raises(AuthenticationError):
        preflight.permission(run, make_plan(run, look=False))

    with pytest.raises(AuthenticationError, match=r"there are no credentials for ghcr\.io"):
        preflight.refuse(survey(world, **flags).checks)


def test_a_registry_on_this_machine_needs_no_credentials(world: RecordedWorld):
    with opened(world.surroundings(), Flags(require_push=True)) as run:
        assert preflight.permission(run, make_plan(run, look=False)) is None
