from __future__ import annotations

from pathlib import Path

import pytest

from docker_push.errors import AuthenticationError
from docker_push.login import login, logout
from docker_push.options import Flags
from recorded_world import RecordedWorld


@pytest.fixture
def world(tmp_path: Path) -> RecordedWorld:
    world = RecordedWorld(tmp_path).write()
    world.environ["HOME"] = str(tmp_path)
    return world


def nobody(question: str, *, secret: bool) -> None:  # noqa: ARG001
    return None


def somebody(question: str, *, secret: bool) -> str:
    assert "localhost:5000" in question
    return "typed-s3cret" if secret else "typed-name"


def logins(world: RecordedWorld) -> list[tuple[tuple[str, ...], str | None]]:
    return [(argv, given) for argv, given in world.calls if "login" in argv]


def test_the_variables_are_used_where_they_are_set(world: RecordedWorld):
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value"}

    login(world.surroundings(), Flags(), ask=nobody, dry_run=False)

    ((argv, given),) = logins(world)
    assert "me" in argv
    assert (given or "").strip() == "s3cret-value"
    assert "Logged in to localhost:5000 as me." in world.text


def test_somebody_at_the_terminal_is_asked(world: RecordedWorld):
    login(world.surroundings(), Flags(), ask=somebody, dry_run=False)

    ((argv, given),) = logins(world)
    assert "typed-name" in argv
    assert (given or "").strip() == "typed-s3cret"


def test_nobody_to_ask_is_an_error_that_names_the_variables(world: RecordedWorld):
    with pytest.raises(AuthenticationError, match="DOCKER_USER and DOCKER_PASSWORD"):
        login(world.surroundings(), Flags(), ask=nobody, dry_run=False)


def test_a_further_registry_has_no_variables_of_its_own(world: RecordedWorld):
    world.write('[[registry]]\ndomain = "localhost:5000"\n[[registry]]\ndomain = "localhost:6000"\n[images.api]\n')
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value"}
    del world.environ["DOMAIN"]

    with pytest.raises(AuthenticationError, match=r"localhost:6000.*username-env"):
        login(world.surroundings(), Flags(), ask=nobody, dry_run=False)


def test_in_ci_nothing_is_left_behind(world: RecordedWorld):
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value", "CI": "true"}

    login(world.surroundings(), Flags(), ask=nobody, dry_run=False)

    assert world.environs[-1]["DOCKER_CONFIG"].startswith(str(world.folder / "temporary"))
    assert list((world.folder / "temporary").iterdir()) == []


@pytest.mark.parametrize("variables", [{}, {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value"}])
def test_a_dry_run_says_who_would_log_in(world: RecordedWorld, variables: dict[str, str]):
    world.environ |= variables

    login(world.surroundings(), Flags(), ask=nobody, dry_run=True)

    assert logins(world) == []
    assert "would log in to localhost:5000" in world.text


def test_debugging_shows_the_command_and_no_secret(world: RecordedWorld):
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value"}

    login(world.surroundings(debug=True), Flags(), ask=nobody, dry_run=False)

    assert "s3cret-value" not in world.text


def test_docker_s_environment_holds_neither_the_password_nor_the_job_s_token(world: RecordedWorld):
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value", "GITHUB_TOKEN": "t0ken-value"}

    login(world.surroundings(), Flags(), ask=nobody, dry_run=False)

    assert not {"DOCKER_PASSWORD", "GITHUB_TOKEN"} & set(world.environs[-1])


def test_logout_forgets_every_registry(world: RecordedWorld):
    logout(world.surroundings(), Flags(), dry_run=False)

    assert [argv for argv, _ in world.calls] == [("docker", "logout", "localhost:5000")]


def test_a_dry_logout_forgets_nothing(world: RecordedWorld):
    logout(world.surroundings(), Flags(), dry_run=True)

    assert world.calls == []
