from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from docker_push import image_tests, publish
from docker_push.errors import BuilderError, ConfigError, InterruptedRunError, VerificationError
from docker_push.image_tests import Outcome
from docker_push.plan import plan
from docker_push.process import Completed, Redactor
from docker_push.references import Platform, Registry
from examples_of import BOTH, COMMIT, CONTEXT, image, options, registry
from memory_registry import MemoryRegistry, client
from recorded_programs import RecordedPrograms, completed

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
SELF_TEST = (("/bin/worker", "--self-test"),)
SHOWN = "/bin/worker --self-test"
FORMAT = "2026-01-01T00:00:00.000000001Z exec /bin/worker: exec format error\n"


def staged(*images, domains: tuple[str, ...] = ("localhost:5000",)) -> tuple[publish.Staged, ...]:
    memory = MemoryRegistry()
    made = plan(options(*images, registries=tuple(map(registry, domains))), CONTEXT)
    for one in made.published:
        memory.put_index(one.repositories[0].path, one.platforms, f"{COMMIT}-main", fingerprint=one.fingerprint)
    clients = {Registry.parse(domain): client(memory, domain) for domain in domains}
    digests = {name: head.digest for name, head in ((one.name, heads(one, clients)) for one in made.published)}
    return publish.verify(made, digests, clients)


def heads(one, clients):
    return clients[one.repositories[0].registry].head(one.repositories[0], one.commit_tag)


@dataclass
class Engine:
    """Docker as a function: what each of its commands answers, by its first word; ``calls`` is what it was asked."""

    answers: dict[str, Completed | BaseException | Callable[[Sequence[str]], Completed]] = field(default_factory=dict)
    calls: list[tuple[tuple[str, ...], str | None]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], _input: str | None, _environ: Mapping[str, str]) -> Completed:
        usual = {"version": completed("linux/amd64\n"), "wait": completed("0\n"), "image": completed(status=1)}
        answer = self.answers.get(argv[1], usual.get(argv[1], completed()))
        if isinstance(answer, BaseException):
            raise answer
        return answer(argv) if callable(answer) else answer

    def test(self, *images, **changes: object) -> tuple[Outcome, ...]:
        runner = RecordedPrograms(
            environ={}, folder=Path("/"), redact=Redactor(["s3cret-value"]), programs={"docker": self}, calls=self.calls
        )
        return image_tests.run(staged(*images, **changes), runner, self.said.append)  # type: ignore[arg-type]

    def argvs(self, *words: str) -> list[tuple[str, ...]]:
        return [argv for argv, _ in self.calls if argv[1 : 1 + len(words)] == words]


def test_every_platform_is_tested_by_its_digest_in_a_container_of_its_own():
    engine = Engine()

    done = engine.test(image(test=SELF_TEST))

    assert done == tuple(Outcome(image="api", platform=platform, commands=(SHOWN,)) for platform in BOTH)
    runs = engine.argvs("run")
    assert [argv[argv.index("--platform") + 1] for argv in runs] == ["linux/arm64", "linux/amd64"]
    for argv in runs:
        assert "--pull=always" in argv
        place = argv.index("--entrypoint")
        assert argv[place + 1] == "/bin/worker"
        assert argv[place + 2].startswith("localhost:5000/atomicloud/my-service/api@sha256:")
        assert argv[place + 3 :] == ("--self-test",)
    names = [argv[argv.index("--name") + 1] for argv in runs]
    assert len(set(names)) == 2
    assert [argv[-1] for argv in engine.argvs("rm")] == names


def test_words_are_handed_over_as_they_are():
    engine = Engine()

    engine.test(image(test=(("sh", "-c", "echo 'a b' $(x) \"", "--rm", ""),)))

    assert engine.argvs("run")[0][-4:] == ("-c", "echo 'a b' $(x) \"", "--rm", "")


def test_an_image_without_tests_needs_no_engine():
    engine = Engine()

    assert engine.test(image()) == ()
    assert engine.calls == []


def test_of_several_registries_the_first_is_asked():
    engine = Engine()

    engine.test(image(test=SELF_TEST), domains=("localhost:5000", "localhost:5001"))

    assert {argv[-2].partition("/")[0] for argv in engine.argvs("run")} == {"localhost:5000"}


def test_a_failing_command_ends_the_run_and_shows_the_end_of_its_output():
    lines = [f"2026-01-01T00:00:{number:02}.000000000Z line {number}" for number in range(20)]
    logs = completed("\n".join(lines[::2]), stderr="\n".join(lines[1::2]))
    engine = Engine({"wait": completed("3\n"), "logs": logs})

    with pytest.raises(VerificationError) as caught:
        engine.test(image(test=(*SELF_TEST, ("never",))))

    assert "image api: the test /bin/worker --self-test failed with exit status 3" in caught.value.message
    assert "linux/arm64 (emulated)" in caught.value.message
    assert caught.value.details == tuple(f"line {number}" for number in range(20))
    assert len(engine.argvs("run")) == 1
    assert len(engine.argvs("rm")) == 1


def test_output_is_made_harmless():
    stamp = "2026-01-01T00:00:00Z "
    logs = completed(f"{stamp}\x1b[31mred\x1b[0m\n{stamp}::error::x\n{stamp}a s3cret-value\n{stamp}{'y' * 1000}")

    with pytest.raises(VerificationError) as caught:
        Engine({"wait": completed("1"), "logs": logs}).test(image(test=SELF_TEST))

    red, command, secret, long = caught.value.details
    assert (red, command, secret) == ("red", ": :error::x", "a ***")
    assert len(long) == 300


def test_a_command_that_does_not_end_is_an_error_with_its_output():
    hung = BuilderError("docker wait did not end within 600 s", hint="")
    engine = Engine({"wait": hung, "logs": completed("2026-01-01T00:00:00Z waiting\n")})

    with pytest.raises(VerificationError, match=r"/bin/worker --self-test did not end within 600 s") as caught:
        engine.test(image(test=SELF_TEST))

    assert caught.value.details == ("waiting",)
    assert len(engine.argvs("rm")) == 1


def test_an_interrupted_test_leaves_no_container():
    engine = Engine({"wait": InterruptedRunError("terminated", hint="")})

    with pytest.raises(InterruptedRunError):
        engine.test(image(test=SELF_TEST))

    assert len(engine.argvs("rm")) == 1
    assert len(engine.argvs("image", "rm")) == 1


@pytest.mark.parametrize("status", [126, 127])
def test_a_command_that_is_not_there_is_a_failure_of_the_image(status: int):
    stderr = (
        "docker: Error response from daemon: exec: \"/bin/worker\": no such file\n\nRun 'docker run --help' for more\n"
    )

    with pytest.raises(VerificationError, match=rf"cannot be started \(exit status {status}\)") as caught:
        Engine({"run": completed(stderr=stderr, status=status)}).test(image(test=SELF_TEST))

    assert caught.value.details == ('Error response from daemon: exec: "/bin/worker": no such file',)


def test_an_engine_that_cannot_pull_is_no_fault_of_the_image():
    stderr = "docker: Error response from daemon: connection refused\n"

    with pytest.raises(BuilderError, match=r"cannot run localhost:5000.*connection refused"):
        Engine({"run": completed(stderr=stderr, status=125)}).test(image(test=SELF_TEST))


def test_a_container_that_vanishes_is_no_fault_of_the_image():
    with pytest.raises(BuilderError, match="lost a test's container: No such container"):
        Engine({"wait": completed(stderr="No such container\n", status=1)}).test(image(test=SELF_TEST))


@pytest.mark.parametrize(
    "answer",
    [
        completed(stderr="Cannot connect to the Docker daemon\n", status=1),
        ConfigError("docker is not installed", hint=""),
        BuilderError("docker version did not end within 30 s", hint=""),
        completed("\n"),
    ],
)
def test_without_an_engine_the_tests_are_named_as_the_reason(answer: object):
    with pytest.raises(BuilderError, match="no Docker engine answers") as caught:
        Engine({"version": answer}).test(image(test=SELF_TEST))  # type: ignore[dict-item]

    assert "test commands of api need Docker's engine" in caught.value.hint


class TestForeign:
    def foreign_fails(self, argv: Sequence[str], platform: list[str]) -> Completed:
        platform[:] = [argv[argv.index("--platform") + 1]]
        return completed()

    def engine(self, native: str) -> Engine:
        platform: list[str] = []
        return Engine(
            {
                "version": completed(f"{native}\n"),
                "run": lambda argv: self.foreign_fails(argv, platform),
                "wait": lambda _argv: completed("1\n" if platform == ["linux/arm64"] else "0\n"),
                "logs": completed(stderr=FORMAT),
            }
        )

    def test_a_platform_that_cannot_be_emulated_is_not_tested_and_that_is_said(self):
        engine = self.engine("linux/amd64")

        foreign, native = engine.test(image(test=SELF_TEST))

        assert (foreign.platform, foreign.commands, foreign.why) == (
            ARM64,
            (SHOWN,),
            "this engine cannot run linux/arm64",
        )
        assert (native.platform, native.commands, native.why) == (AMD64, (SHOWN,), "")
        assert any("not tested" in line and "linux/arm64" in line for line in engine.said)

    def test_the_same_on_the_engine_s_own_platform_is_a_failure(self):
        with pytest.raises(VerificationError, match="exit status 1 on linux/arm64"):
            self.engine("linux/arm64").test(image(test=SELF_TEST))

    def test_an_engine_may_tell_it_when_the_container_starts(self):
        stderr = 'docker: Error response from daemon: exec: "/bin/worker": exec format error: unknown\n'
        engine = Engine({"run": completed(stderr=stderr, status=126), "version": completed("linux/s390x\n")})

        assert all(one.why for one in engine.test(image(test=SELF_TEST)))

    @pytest.mark.parametrize("output", ["sh: /bin/worker: Exec format error", "exec format error", ""])
    def test_what_a_program_says_itself_is_a_failure(self, output: str):
        engine = Engine({"wait": completed("126"), "logs": completed(f"2026-01-01T00:00:00Z {output}\n")})

        with pytest.raises(VerificationError, match="exit status 126"):
            engine.test(image(test=SELF_TEST))


class TestImageOfTheEngine:
    def test_it_is_removed_where_it_was_not_there(self):
        engine = Engine()

        engine.test(image(test=SELF_TEST))

        (pulled,) = {argv[-2] for argv in engine.argvs("run")}
        assert {argv[-1] for argv in engine.argvs("image", "rm")} == {pulled}

    def test_it_stays_where_it_was_there(self):
        engine = Engine({"image": completed("sha256:1\n")})

        engine.test(image(test=SELF_TEST))

        assert engine.argvs("image", "rm") == []

    def test_that_it_cannot_be_removed_is_no_error(self):
        def image_command(argv: Sequence[str]) -> Completed:
            if argv[2] == "rm":
                raise BuilderError("hangs", hint="")
            return completed(status=1)

        engine = Engine({"rm": BuilderError("hangs", hint=""), "image": image_command})

        assert len(engine.test(image(test=SELF_TEST))) == 2
