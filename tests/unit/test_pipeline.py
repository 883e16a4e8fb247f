from __future__ import annotations

from pathlib import Path

import pytest

from docker_push import pipeline, report
from docker_push.errors import (
    AuthenticationError,
    BuilderError,
    BuildError,
    InterruptedRunError,
    OverwriteError,
    VerificationError,
)
from docker_push.observation import make_plan
from docker_push.options import Flags
from docker_push.report import RunReport
from docker_push.run import opened
from examples_of import COMMIT
from recorded_world import RecordedWorld

API = "atomicloud/my-service/api"
TWO = '[images.api]\n[images.worker]\nplatforms = ["linux/amd64"]\n'


@pytest.fixture
def world(tmp_path: Path) -> RecordedWorld:
    return RecordedWorld(tmp_path).write()


def push(world: RecordedWorld, **flags: object) -> RunReport:
    with opened(world.surroundings(), Flags(**flags)) as run:  # type: ignore[arg-type]
        return ended(pipeline.push(run))


def ended(done: RunReport) -> RunReport:
    """Raise what ended the run, as the task does."""
    if done.error is not None:
        raise done.error
    return done


def bakes(world: RecordedWorld) -> int:
    return sum("bake" in argv for argv, _ in world.calls)


def test_a_push_stages_verifies_and_moves(world: RecordedWorld):
    done = push(world, version="v1.2.3")

    assert set(world.memory.tags(API)) == {f"{COMMIT}-main", "main", "v1.2.3", "latest"}
    assert len(set(world.memory.tags(API).values())) == 1
    assert report.references(done) == [f"localhost:5000/{API}:{COMMIT}-main@{world.memory.tags(API)['main']}"]


def test_people_are_told_the_plan_the_steps_and_the_tags(world: RecordedWorld):
    push(world)

    for words in (
        "api: build (nothing was published of it yet)",
        "Building api",
        "[1/1] RUN make",
        "Staged and verified",
        f"created   localhost:5000/{API}:latest",
    ):
        assert words in world.text
    assert "[internal]" not in world.text


def test_the_same_push_again_adopts(world: RecordedWorld):
    push(world)

    push(world)

    assert bakes(world) == 1
    assert "api: adopt" in world.text


def test_a_broken_image_moves_no_tag_of_any(world: RecordedWorld):
    world.write(TWO).broken = "worker"

    with pytest.raises(BuildError, match="image worker"):
        push(world)

    assert not {"main", "latest"} & set(world.memory.tags(API))


def test_an_error_while_tags_move_tells_which_were_moved(world: RecordedWorld):
    world.memory.deaf = {"latest"}

    with pytest.raises(VerificationError) as caught:
        push(world)

    assert [line.split("  ")[-1].strip() for line in caught.value.details] == [
        "state",
        "created",
        "created",
        "refused",
    ]


def test_a_version_that_is_taken_is_refused(world: RecordedWorld):
    world.memory.put_index(API, (), "v1.2.3")

    with pytest.raises(OverwriteError):
        push(world, version="v1.2.3")


def test_staging_alone_moves_nothing(world: RecordedWorld):
    with opened(world.surroundings(), Flags()) as run:
        done = pipeline.stage_only(run)

    assert set(world.memory.tags(API)) == {f"{COMMIT}-main"}
    assert [tag.state.value for tag in done.images[0].tags] == ["created"]


def test_what_was_staged_is_published_later(world: RecordedWorld):
    with opened(world.surroundings(), Flags()) as run:
        pipeline.stage_only(run)
    with opened(world.surroundings(), Flags()) as run:
        pipeline.publish_staged(run)

    assert set(world.memory.tags(API)) == {f"{COMMIT}-main", "main", "latest"}
    assert bakes(world) == 1


def test_a_fork_s_pull_request_is_built_and_nothing_is_pushed(world: RecordedWorld):
    world.of_a_fork()

    with opened(world.surroundings(), Flags()) as run:
        done = pipeline.push(run)

    assert (report.references(done), world.memory.manifests, bakes(world)) == ([], {}, 1)
    assert "nothing was pushed" in world.text


def test_offline_nothing_is_asked(world: RecordedWorld):
    with opened(world.surroundings(), Flags()) as run:
        plan = make_plan(run, look=False)

    assert world.memory.log == []
    assert [image.name for image in plan.images] == ["api"]


def test_a_platform_that_the_builder_does_not_list_is_warned_about(world: RecordedWorld):
    push(world, platforms=("linux/s390x",))

    assert "warning: builder default does not list linux/s390x of api: RUN steps need emulation" in world.text


def test_publishing_what_is_staged_needs_no_docker(world: RecordedWorld):
    with opened(world.surroundings(), Flags()) as run:
        pipeline.stage_only(run)
    world.calls.clear()

    with opened(world.surroundings(), Flags()) as run:
        pipeline.publish_staged(run)

    assert [argv for argv, _ in world.calls if argv[0] == "docker"] == []


def test_what_is_printed_is_what_stands_there_after_two_runs_at_once(world: RecordedWorld):
    with opened(world.surroundings(), Flags()) as run:
        found = pipeline.stage(run, pipeline.prepared(run), pipeline.Record())
        fingerprint = found.plan.images[0].fingerprint
        theirs = world.memory.put_index(
            API, found.plan.images[0].platforms, f"{COMMIT}-main", fingerprint=fingerprint, note="x"
        )
        done = pipeline.move(run, found, pipeline.Record())

    assert report.references(done) == [f"localhost:5000/{API}:{COMMIT}-main@{theirs}"]


def test_a_store_for_one_platform_is_named_with_the_ways_out(world: RecordedWorld):
    world.builder["Nodes"][0]["Labels"] = {}

    with pytest.raises(BuilderError, match="containerd image store"):
        push(world)


def test_credentials_of_the_environment_are_used_in_a_configuration_of_the_run_s_own(world: RecordedWorld):
    world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret-value", "HOME": str(world.folder)}

    push(world)

    (login,) = [(argv, given) for argv, given in world.calls if "login" in argv]
    assert login[1] is not None
    assert login[1].strip() == "s3cret-value"
    assert "s3cret-value" not in " ".join(login[0])
    assert list(world.folder.rglob("config.json")) == []


def test_the_definition_holds_what_is_needed_too(world: RecordedWorld):
    world.write('[images.base]\n[images.api]\ncontexts = { base = "target:base" }\n')

    with opened(world.surroundings(), Flags(images=("api",))) as run:
        definition = pipeline.definition(make_plan(run, look=False))

    assert set(definition["target"]) == {"api", "base"}  # type: ignore[call-overload]
    assert definition["group"] == {"default": {"targets": ["api"]}}


def test_test_commands_run_after_the_verification_and_before_a_tag_moves(world: RecordedWorld):
    world.write('[images.api]\nplatforms = ["linux/amd64"]\ntest = [["/bin/api", "--check"]]\n')

    with pytest.raises(VerificationError, match="exit status 1"):
        push(world)

    assert set(world.memory.tags(API)) == {f"{COMMIT}-main"}
    assert world.text.index("Staged and verified") < world.text.index("Testing api on linux/amd64: /bin/api --check")


def test_a_secret_in_what_was_published_moves_no_tag(world: RecordedWorld):
    world.write('[images.api]\nsecret = [{ id = "npm", env = "NPM_TOKEN" }]\n')
    with opened(world.surroundings(), Flags()) as run:
        fingerprint = pipeline.make_plan(run, look=False).images[0].fingerprint
    world.environ["NPM_TOKEN"] = fingerprint

    with pytest.raises(VerificationError, match="a secret of this run can be read"):
        push(world)

    assert set(world.memory.tags(API)) == {f"{COMMIT}-main"}


def test_a_signal_ends_also_a_run_that_keeps_going(world: RecordedWorld, monkeypatch: pytest.MonkeyPatch):
    looked: list[object] = []

    def interrupted(*given: object) -> None:
        looked.append(given)
        raise InterruptedRunError("terminated", hint="", signal_number=15)

    monkeypatch.setattr("docker_push.publish.verify", interrupted)

    with pytest.raises(InterruptedRunError):
        push(world.write(TWO), keep_going=True)

    assert len(looked) == 1


def test_a_publish_without_credentials_fails_although_it_has_nothing_to_build(world: RecordedWorld):
    world.environ["DOMAIN"] = "registry.example.com"

    with (
        pytest.raises(AuthenticationError, match=r"no credentials for registry\.example\.com"),
        opened(world.surroundings(), Flags()) as run,
    ):
        ended(pipeline.publish_staged(run))
