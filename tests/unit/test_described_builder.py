"""What a run does with the builder that build.toml describes: who wins, who may make it, and that a stranger has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from buildx_store import BuildxStore
from docker_push import described_builder, observation
from docker_push import plan as planning
from docker_push.builder import Baked, FailedStep
from docker_push.doctor import nodes
from docker_push.errors import BuilderError, ConfigError
from docker_push.facts import BuilderFacts, Facts
from docker_push.failures import failures
from docker_push.options import Flags, Source
from docker_push.preflight import builders
from docker_push.preflight.model import Health
from docker_push.process import Completed
from docker_push.progress import Step
from docker_push.references import Platform
from docker_push.run import Run, opened
from examples_of import CONTEXT, image, options
from recorded_world import RecordedWorld

BUILDER = """\
[images.api]
[builder]
name = "ci"
driver = "remote"
[[builder.nodes]]
endpoint = "tcp://amd.example:1234"
platforms = ["linux/amd64"]
[[builder.nodes]]
endpoint = "tcp://arm.example:1234"
platforms = ["linux/arm64"]
"""
AMD, ARM = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")


class World(RecordedWorld):
    """A recorded world whose buildx knows builders."""

    def __init__(self, folder: Path, store: BuildxStore) -> None:
        super().__init__(folder)
        self.store = store

    def docker(self, argv, definition, environ) -> Completed:  # type: ignore[no-untyped-def]
        if argv[1] == "buildx" and argv[2] != "bake":
            return self.store.docker(argv, definition, environ)
        return super().docker(argv, definition, environ)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, BuildxStore())
    made.write(BUILDER)
    return made


def read(world: World, *, makes: bool = False, **flags: str) -> Run:
    with opened(world.surroundings(), Flags(**flags), makes_builder=makes) as run:
        return run


def made(world: World) -> list[str]:
    return [argv[2] for argv, _ in world.calls if argv[:2] == ("docker", "buildx") and argv[2] in {"create", "rm"}]


def test_what_is_described_is_the_run_s_builder(world: World):
    said = read(world).options.builder

    assert said
    assert (said.value, said.source, said.origin) == ("ci", Source.FILE, "[builder]")


def test_a_flag_wins_over_a_variable_and_that_over_what_is_described(world: World):
    world.environ["BUILDX_BUILDER"] = "by-variable"

    by_variable, by_flag = read(world).builder, read(world, builder="by-flag").builder

    assert (by_variable.name, by_variable.description) == ("by-variable", None)
    assert (by_flag.name, by_flag.description) == ("by-flag", None)


def test_a_run_that_only_looks_plans_by_the_description_and_makes_nothing(world: World):
    facts = read(world).builder.observe()

    assert (facts.name, facts.driver, facts.platforms) == ("ci", "remote", (AMD, ARM))
    assert (
        facts.planned == "driver remote: tcp://amd.example:1234 for linux/amd64; tcp://arm.example:1234 for linux/arm64"
    )
    assert made(world) == []


def test_a_run_that_builds_makes_it_and_looks_at_it(world: World):
    facts = read(world, makes=True).builder.observe()

    assert (facts.planned, facts.platforms) == ("", (AMD, ARM))
    assert made(world) == ["create", "create"]
    assert world.said == [f"Made builder ci ({read(world).description.shown})"]  # type: ignore[union-attr]


def test_a_stranger_s_run_has_no_builder_of_its_own_and_is_told_so(world: World):
    world.of_a_fork()

    run = read(world, makes=True)

    assert (run.description, run.options.builder, run.builder.description) == (None, None, None)
    assert [line for line in world.said if "[builder] of build.toml is not used" in line] == world.said


def test_a_stranger_s_tasks_make_and_remove_nothing(world: World):
    world.of_a_fork()
    run = read(world, makes=True)

    described_builder.up(run, dry_run=False)
    described_builder.down(run, dry_run=False)

    assert described_builder.status(run) is None
    assert made(world) == []
    assert world.emitted == []


def test_the_task_needs_a_description(world: World):
    world.write("[images.api]\n")

    with pytest.raises(ConfigError, match="describes no builder"):
        described_builder.up(read(world), dry_run=False)


def test_the_engine_s_mirrors_are_none_of_a_described_builder_s(world: World):
    assert not observation.builds_in_engine(read(world))


def test_the_plan_says_that_the_builder_is_still_to_be_made():
    facts = Facts(builder=BuilderFacts(name="ci", driver="remote", platforms=(), planned="driver remote: here"))

    plan = planning.plan(options(image()), CONTEXT, facts)

    assert plan.warnings == ("builder ci is not there yet: the first run that builds makes it (driver remote: here)",)


def test_the_checks_say_what_will_be_made_and_do_not_guess_what_it_can():
    facts = BuilderFacts(name="ci", driver="docker-container", platforms=(), planned="driver docker-container: here")
    plan = planning.plan(options(image()), CONTEXT, Facts(builder=facts))

    assert "is not there yet, and is made when it is needed" in builders.seen("builder ci", facts).found
    assert [check.health for check in builders.judge(plan, facts)] == [Health.SKIPPED]


def test_a_platform_whose_node_does_not_answer_stops_the_run_before_it_builds():
    facts = BuilderFacts(name="ci", driver="remote", platforms=(AMD, ARM), absent={ARM: "tcp://arm.example:1234"})
    plan = planning.plan(options(image()), CONTEXT, Facts(builder=facts))

    with pytest.raises(BuilderError, match=r"for linux/arm64 does not answer: tcp://arm\.example:1234"):
        observation.refuse_unable(plan, facts)


def test_a_node_that_is_silent_is_known_by_its_platforms(world: World):
    read(world, makes=True).builder.observe()
    world.store.down.add("tcp://arm.example:1234")

    facts = read(world).builder.observe()

    assert (facts.platforms, facts.absent) == ((AMD,), {ARM: "tcp://arm.example:1234"})


def test_doctor_warns_of_a_node_that_is_silent(world: World):
    read(world, makes=True).builder.observe()
    world.store.down.add("tcp://arm.example:1234")

    checks = nodes.observe(read(world).builder)

    assert [check.health for check in checks] == [Health.GOOD, Health.WARNING]
    assert "tcp://arm.example:1234 does not answer" in checks[1].found


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("[ci-1 internal] waiting for connection", "context deadline exceeded"),
        ("", "ERROR: failed to build: failed to receive status: rpc error: code = Unavailable desc = EOF"),
        ("", "ERROR: context deadline exceeded"),
    ],
)
def test_a_bake_that_lost_a_node_fails_of_the_node_and_may_be_tried_again(step: str, words: str):
    away = BuilderError("tcp://arm.example:1234 does not answer", hint="", transient=True)
    failed = (
        (FailedStep(image="api", step=Step(name=step, cached=False, seconds=1.0, error=words), log=()),) if step else ()
    )
    baked = Baked(ok=False, names=("api", "worker"), digests={}, failed=failed, stray=(words,), away=away)

    found = failures(baked, {})

    assert [(one.image, one.error, one.transient) for one in found] == [("api", away, True), ("worker", away, True)]


def test_a_step_that_failed_by_itself_is_not_laid_at_a_node_s_door():
    away = BuilderError("tcp://arm.example:1234 does not answer", hint="", transient=True)
    step = Step(
        name="[api 2/2] RUN make",
        cached=False,
        seconds=1.0,
        error="process did not complete successfully: exit code: 2",
    )
    baked = Baked(ok=False, names=("api",), digests={}, failed=(FailedStep(image="api", step=step, log=()),), away=away)

    (found,) = failures(baked, {})

    assert "the build failed at [api 2/2] RUN make" in found.error.message
    assert not found.transient
