from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from docker_push import local_build, run
from docker_push.errors import AuthenticationError, BuildError, ConfigError, FindingsError
from docker_push.observation import make_plan
from docker_push.options import Flags
from docker_push.references import Registry
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


def test_programs_do_not_see_the_password_under_another_name_either(world: RecordedWorld):
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value\n", "REGISTRY_LOGIN": "s3cret-value"}

    assert "REGISTRY_LOGIN" not in run.read(world.surroundings(), Flags()).runner.environ


def test_programs_do_not_see_the_job_s_tokens_and_the_run_does(world: RecordedWorld):
    tokens = ("GITHUB_TOKEN", "CI_JOB_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GH_TOKEN")
    world.environ |= dict.fromkeys(tokens, "t0ken-of-the-job") | {"CI_JOB_NAME": "build"}

    told = run.read(world.surroundings(), Flags())

    assert not set(tokens) & set(told.runner.environ)
    assert told.runner.environ["CI_JOB_NAME"] == "build"
    assert told.surroundings.environ["GITHUB_TOKEN"] == "t0ken-of-the-job"


def test_a_build_that_asks_for_a_token_has_that_one_alone(world: RecordedWorld):
    world.write('[images.api]\nsecret = [{ id = "token", env = "GITHUB_TOKEN" }]\n')
    names = ("GITHUB_TOKEN", "GH_TOKEN", "DOCKER_PASSWORD")
    world.environ |= dict.fromkeys(names, "t0ken-of-the-job") | {"DOCKER_USER": "me"}

    assert set(names) & set(run.read(world.surroundings(), Flags()).runner.environ) == {"GITHUB_TOKEN"}


@pytest.mark.parametrize("key", ["cache-from", "cache-to"])
def test_a_build_with_github_s_cache_has_the_token_for_it(world: RecordedWorld, key: str):
    world.write(f'[images.api]\n{key} = ["type=gha,scope=api"]\n')
    world.environ |= {"ACTIONS_RUNTIME_TOKEN": "t0ken-of-the-runner", "GITHUB_TOKEN": "t0ken-of-the-job"}

    environ = run.read(world.surroundings(), Flags()).runner.environ

    assert {"ACTIONS_RUNTIME_TOKEN", "GITHUB_TOKEN"} & set(environ) == {"ACTIONS_RUNTIME_TOKEN"}


@pytest.mark.parametrize(("backend", "has"), [("gha", True), ("registry", False)])
def test_a_run_whose_cache_is_github_s_has_the_token_for_it(world: RecordedWorld, backend: str, has: bool):
    world.write(f'[images.api]\n[cache]\nbackend = "{backend}"\n')
    world.environ |= {"ACTIONS_RUNTIME_TOKEN": "t0ken-of-the-runner"}

    assert ("ACTIONS_RUNTIME_TOKEN" in run.read(world.surroundings(), Flags()).runner.environ) is has


@pytest.mark.parametrize("name", ["ACTIONS_RUNTIME_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_no_credential_of_a_cache_is_said(world: RecordedWorld, name: str):
    world.environ |= {name: "s3cret-of-the-cache"}

    run.read(world.surroundings(), Flags()).surroundings.say("a s3cret-of-the-cache")

    assert "s3cret" not in "".join(world.said)


@pytest.mark.parametrize("password", ["true", "8080", "x"])
def test_a_password_that_is_an_ordinary_word_hides_nothing_else(world: RecordedWorld, password: str):
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": password, "SETTING": password}

    assert run.read(world.surroundings(), Flags()).runner.environ["SETTING"] == password


def test_no_secret_is_said(world: RecordedWorld):
    world.write('[images.api]\nsecret = [{ id = "npm", env = "NPM_TOKEN" }]\n')
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value", "NPM_TOKEN": "npm-s3cret"}

    run.read(world.surroundings(), Flags()).surroundings.say("a s3cret-value and npm-s3cret")

    assert world.said == ["a *** and ***"]


def test_a_forge_s_token_is_a_secret_in_every_form_in_which_it_travels(world: RecordedWorld):
    world.environ |= {"GITHUB_TOKEN": "t0ken-of-the-job"}
    header = base64.b64encode(b"x-access-token:t0ken-of-the-job").decode()

    run.read(world.surroundings(), Flags()).surroundings.say(f"t0ken-of-the-job {header.rstrip('=')}")

    assert world.said == ["*** ***"]


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


def as_a_fork_s(world: RecordedWorld) -> RecordedWorld:
    world.of_a_fork().environ |= {
        "GITHUB_TOKEN": "gh-s3cret-value",
        "DOCKER_USER": "me",
        "DOCKER_PASSWORD": "s3cret-value",
    }
    return world


def test_a_stranger_s_run_looks_for_no_account_and_its_programs_have_no_credential(world: RecordedWorld):
    (world.folder / ".docker").mkdir()
    (world.folder / ".docker" / "config.json").write_text('{"credsStore": "desktop"}')
    world.environ["HOME"] = str(world.folder)

    told = run.read(as_a_fork_s(world).surroundings(), Flags())

    assert set(told.accounts.values()) == {None}
    assert not {"GITHUB_TOKEN", "DOCKER_PASSWORD", "DOCKER_USER"} & set(told.runner.environ)
    config = Path(told.runner.environ["DOCKER_CONFIG"]) / "config.json"
    assert "desktop" not in config.read_text()
    assert [argv for argv, _ in world.calls if "credential" in argv[0]] == []


def test_a_stranger_s_programs_have_no_token_inside_of_another_variable(world: RecordedWorld):
    as_a_fork_s(world).environ["CLONE_URL"] = "https://x:gh-s3cret-value@github.com/a/b"

    assert "CLONE_URL" not in run.read(world.surroundings(), Flags()).runner.environ


def test_a_stranger_s_run_may_not_ask_for_secrets(world: RecordedWorld):
    world.write('[images.api]\nsecret = [{ id = "npm", env = "NPM_TOKEN" }]\n')

    with pytest.raises(FindingsError) as caught:
        run.read(as_a_fork_s(world).surroundings(), Flags())

    assert caught.value.findings[0].where == "build.toml:2 [images.api] secret"


ARGUMENT = '[images.web]\nargs.API_TOKEN = "x"\n[images.api]\n[images.child]\ncontexts.base = "target:web"\n'


def test_a_secret_argument_is_refused_where_it_would_be_built(world: RecordedWorld):
    world.write('[images.API]\nargs.API_TOKEN = "x"\n')
    told = run.read(world.surroundings(), Flags())

    with pytest.raises(FindingsError) as caught:
        told.refuse_arguments(make_plan(told, look=False))

    assert caught.value.findings[0].where == "build.toml:2 [images.API] args.API_TOKEN"


@pytest.mark.parametrize(
    "flags", [Flags(images=("api",)), Flags(allow_secret_args=("API_TOKEN",)), Flags(version="api-v1.2.3")], ids=str
)
def test_one_that_the_flag_insists_on_or_that_is_not_built_is_none(world: RecordedWorld, flags: Flags):
    told = run.read(world.write(ARGUMENT).surroundings(), flags)

    told.refuse_arguments(make_plan(told, look=False))


def test_what_an_image_of_the_run_needs_is_built_too(world: RecordedWorld):
    told = run.read(world.write(ARGUMENT).surroundings(), Flags(images=("child",)))

    with pytest.raises(FindingsError):
        told.refuse_arguments(make_plan(told, look=False))


def test_a_password_of_docker_s_configuration_is_a_secret_of_the_run(world: RecordedWorld):
    login = {"auth": base64.b64encode(b"me:s3cret-of-docker").decode()}
    (world.folder / "config.json").write_text(json.dumps({"auths": {"localhost:5000": login}}))
    world.environ["DOCKER_CONFIG"] = str(world.folder)

    told = run.read(world.surroundings(), Flags())

    assert told.secrets.finds("a s3cret-of-docker")
    told.surroundings.say("a s3cret-of-docker")
    told.surroundings.emit(told.runner.redact("a s3cret-of-docker"))
    assert (world.said, world.emitted) == (["a ***"], ["a ***"])


def test_whoever_asks_for_a_client_hides_the_password_first(world: RecordedWorld):
    login = {"auth": base64.b64encode(b"me:s3cret-of-docker").decode()}
    (world.folder / "config.json").write_text(json.dumps({"auths": {"localhost:5000": login}}))
    world.environ["DOCKER_CONFIG"] = str(world.folder)

    def fail(told: run.Run) -> None:
        assert told.clients
        raise BuildError("s3cret-of-docker", hint=login["auth"])

    with pytest.raises(BuildError) as caught, run.opened(world.surroundings(), Flags()) as told:
        fail(told)

    assert (caught.value.message, caught.value.hint) == ("***", "***")


def with_a_helper(world: RecordedWorld) -> RecordedWorld:
    (world.folder / "config.json").write_text('{"credsStore": "missing"}')
    world.environ["DOCKER_CONFIG"] = str(world.folder)
    return world


def test_credentials_are_looked_for_when_they_are_needed(world: RecordedWorld):
    told = run.read(with_a_helper(world).surroundings(), Flags())

    with pytest.raises(AuthenticationError, match="docker-credential-missing"):
        told.accounts[Registry("localhost", 5000)]
    assert list(told.accounts) == [Registry("localhost", 5000)]


def test_a_build_looks_for_them_before_it_begins(world: RecordedWorld):
    with run.opened(with_a_helper(world).surroundings(), Flags()) as told:
        local_build.load(told, dry_run=True)
        with pytest.raises(AuthenticationError):
            local_build.load(told, dry_run=False)

    assert not any("bake" in argv for argv, _ in world.calls)


def test_a_secret_of_the_build_is_a_secret_of_the_run(world: RecordedWorld):
    world.write('[images.api]\nsecret = [{ id = "npm", env = "NPM_TOKEN" }, { id = "file", src = "token" }]\n')
    (world.folder / "token").write_text("file-s3cret\n")
    world.environ |= {"NPM_TOKEN": "npm-s3cret"}

    told = run.read(world.surroundings(), Flags())

    assert told.secrets.finds("x file-s3cret")
    assert told.secrets.finds("x npm-s3cret")


def test_how_many_requests_a_registry_takes_at_once_is_a_setting(world: RecordedWorld):
    world.write("[registry]\nconnections = 9\n[images.api]\n")
    with run.opened(world.surroundings(), Flags()) as told:
        assert [client.connections for client in told.clients.values()] == [4]  # of localhost:5000 nothing is said

    world.write('[registry]\ndomain = "localhost:5000"\nconnections = 9\n[images.api]\n')
    with run.opened(world.surroundings(), Flags()) as told:
        assert [client.connections for client in told.clients.values()] == [9]
