from __future__ import annotations

from pathlib import Path

import pytest

from docker_push import run
from docker_push.errors import BuildError, ConfigError
from docker_push.options import Flags
from recorded_world import RecordedWorld


@pytest.fixture
def world(tmp_path: Path) -> RecordedWorld:
    return RecordedWorld(tmp_path).write()


def test_the_nearest_build_toml_above_is_the_root(tmp_path: Path):
    (tmp_path / "build.toml").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)

    assert run.find_root(tmp_path / "a" / "b") == tmp_path


def test_a_build_toml_above_the_repository_belongs_to_something_else(tmp_path: Path):
    (tmp_path / "build.toml").touch()
    (tmp_path / "repository" / ".git").mkdir(parents=True)

    assert run.find_root(tmp_path / "repository") == tmp_path / "repository"


def test_without_a_build_toml_the_top_of_the_repository_is_the_root(tmp_path: Path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "a").mkdir()

    assert run.find_root(tmp_path / "a") == tmp_path


def test_outside_a_repository_the_folder_is_the_root(tmp_path: Path):
    assert run.find_root(tmp_path) == tmp_path


def test_a_run_knows_what_it_was_told(world: RecordedWorld):
    with run.opened(world.surroundings(), Flags()) as told:
        assert told.context.repository == "AtomiCloud/my-service"
        assert [image.name for image in told.options.images] == ["api"]
        assert told.builder.name is None


def test_a_builder_may_be_named(world: RecordedWorld):
    assert run.read(world.surroundings(), Flags(builder="far")).builder.name == "far"


def test_without_a_build_toml_the_variables_say_it_all(tmp_path: Path):
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    world = RecordedWorld(tmp_path)
    world.environ |= {"CI_DOCKER_IMAGE": "api"}

    assert run.read(world.surroundings(), Flags()).options.selected == ("api",)


def test_programs_do_not_see_the_registry_s_password(world: RecordedWorld):
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value"}

    assert "s3cret-value" not in run.read(world.surroundings(), Flags()).runner.environ.values()


def test_a_build_that_asks_for_it_does(world: RecordedWorld):
    world.write('[images.api]\nsecret = [{ id = "token", env = "DOCKER_PASSWORD" }]\n')
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value"}

    assert run.read(world.surroundings(), Flags()).runner.environ["DOCKER_PASSWORD"] == "s3cret-value"


def test_no_secret_is_said(world: RecordedWorld):
    world.write('[images.api]\nsecret = [{ id = "npm", env = "NPM_TOKEN" }]\n')
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value", "NPM_TOKEN": "npm-s3cret"}

    run.read(world.surroundings(), Flags()).surroundings.say("a s3cret-value and npm-s3cret")

    assert world.said == ["a *** and ***"]


def test_no_secret_is_in_an_error(world: RecordedWorld):
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value"}

    with pytest.raises(BuildError) as caught, run.opened(world.surroundings(), Flags()):
        raise BuildError("s3cret-value", hint="s3cret-value", details=("s3cret-value",))

    assert (caught.value.message, caught.value.hint, caught.value.details) == ("***", "***", ("***",))


def test_debugging_shows_every_command(world: RecordedWorld):
    told = run.read(world.surroundings(debug=True), Flags())
    assert told.runner.echo is not None

    told.runner.echo("docker info")

    assert world.said == ["+ docker info"]


def test_a_broken_file_ends_the_run_before_anything_is_started(world: RecordedWorld):
    world.write("[images.api]\nplatfroms = []\n")

    with pytest.raises(ConfigError):
        run.read(world.surroundings(), Flags())

    assert world.calls == []


def test_a_secret_of_several_lines_is_redacted_line_by_line(world: RecordedWorld):
    world.write('[images.api]\nsecret = [{ id = "key", env = "KEY" }, { id = "file", src = "token" }]\n')
    (world.folder / "token").write_text("file-s3cret\n")
    world.environ |= {"KEY": "-----BEGIN-----\nAAAABBBBCCCC\n"}

    run.read(world.surroundings(), Flags()).surroundings.say("AAAABBBBCCCC and file-s3cret")

    assert world.said == ["*** and ***"]
