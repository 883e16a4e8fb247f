"""Test commands of images in a real engine: native and emulated, and nothing left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from docker_push import image_tests, pipeline
from docker_push.errors import VerificationError
from docker_push.options import Flags
from docker_push.run import Run, Surroundings, opened
from scratch import Scratch

pytestmark = pytest.mark.engine

DOCKERFILE = """\
FROM busybox:1.37
COPY --chmod=755 check /bin/check
VOLUME /data
ENTRYPOINT ["/bin/false"]
CMD ["never"]
"""
CHECK = """\
#!/bin/sh
test "$1" = "two  words \\"'" && test "$2" = '$(touch /canary)' && test ! -e /canary && test -z "$3" && test $# = 3
"""
ARGUMENTS = ["two  words \"'", "$(touch /canary)", ""]


@pytest.fixture
def image(scratch: Scratch) -> Scratch:
    scratch.write({"Dockerfile": DOCKERFILE, "check": CHECK})
    return scratch


def push(image: Scratch, *commands: list[str], platforms: str = "", task: str = "push", **environ: str):
    """Push an image that has test commands."""
    lines = f"platforms = {platforms}\n" if platforms else ""
    image.write({"build.toml": f"[images.api]\n{lines}test = {json.dumps(commands)}\n"})
    image.commit_all()
    return image.tool(task, "--domain", image.registry, **environ)


def left_in_the_engine(image: Scratch) -> list[str]:
    """Return what of a test is still in the engine: containers by name, images of this repository."""
    containers = image.run("docker", "ps", "--all", "--filter", "name=docker-push-test-", "--format", "{{.Image}}").out
    images = image.run("docker", "image", "ls", "--format", "{{.Repository}}").out
    return [name for name in (*containers.split(), *images.split()) if image.path in name]


def test_commands_run_on_both_platforms_with_their_words_as_written(image: Scratch):
    done = push(image, ["/bin/check", *ARGUMENTS], ["uname", "-m"])

    assert done.code == 0, done.err
    for platform in ("linux/arm64", "linux/amd64"):
        assert f"Testing api on {platform}: /bin/check" in done.err
    assert {"main", "latest"} <= image.tags("api")
    assert left_in_the_engine(image) == []


def test_the_bytes_of_each_platform_are_tested(image: Scratch):
    done = push(image, ["sh", "-c", "echo on-$(uname -m); false"], platforms='["linux/arm64"]')

    assert done.code == 8
    assert "| on-aarch64" in done.err


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
def test_a_failing_command_moves_no_tag(image: Scratch, platform: str):
    machine = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}[platform]
    script = f"echo the-reason; if [ $(uname -m) = {machine} ]; then exit 3; fi"

    done = push(image, ["true"], ["sh", "-c", script])

    assert done.code == 8
    assert "image api" in done.last
    assert "exit status 3" in done.last
    assert platform in done.last
    assert "| the-reason" in done.err
    assert image.tags("api") == {f"{image.commit}-main"}
    assert left_in_the_engine(image) == []


def test_the_same_command_again_tests_what_it_adopts(image: Scratch):
    assert push(image, ["false"]).code == 8

    done = image.tool("push", "--domain", image.registry)

    assert "api: adopt" in done.err
    assert done.code == 8
    assert image.tags("api") == {f"{image.commit}-main"}


def test_staging_tests_too(image: Scratch):
    assert push(image, ["false"], task="stage").code == 8


def test_output_commands_neither_the_terminal_nor_github(image: Scratch):
    script = r"""printf '\033[31mred\033[0m\n::error::fake\n##[error]fake\n\033]0;title\007\n%s\n' "$0"; exit 1"""

    done = push(image, ["sh", "-c", script, "x" * 5000], platforms='["linux/amd64"]')

    assert done.code == 8
    assert "| red" in done.err
    assert "\x1b" not in done.err
    assert "| : :error::fake" in done.err
    assert "##[" not in done.err
    assert max(map(len, done.err.splitlines())) < 1500


def test_a_command_that_is_not_there_is_named(image: Scratch):
    done = push(image, ["/nowhere", "x"], platforms='["linux/amd64"]')

    assert done.code == 8
    assert "/nowhere x cannot be started" in done.last
    assert left_in_the_engine(image) == []


def test_a_platform_that_cannot_be_emulated_is_said_and_others_are_tested(image: Scratch):
    image.write({"Dockerfile": "FROM scratch\nCOPY program /program\n"})
    head = b"\x7fELF\x02\x02\x01".ljust(16, b"\0") + b"\0\x02\0\x16"  # s390x, which nothing here emulates
    (image.root / "program").write_bytes(head.ljust(64, b"\0"))
    (image.root / "program").chmod(0o755)

    done = push(image, ["/program"], platforms='["linux/s390x"]')

    assert done.code == 0, done.err
    assert "not tested: this engine cannot run linux/s390x" in done.err
    assert "main" in image.tags("api")
    assert left_in_the_engine(image) == []


def test_a_program_that_its_own_platform_cannot_run_is_a_failure(image: Scratch):
    image.write({"Dockerfile": "FROM busybox:1.37\nCOPY --chmod=755 text /text\n", "text": "no program\n"})

    done = push(image, ["/text"], platforms='["linux/amd64"]')

    assert done.code == 8
    assert "exec format error" in done.err


def test_without_an_engine_the_tests_are_the_reason(image: Scratch):
    with told(image, test=()) as (run, found):
        staged = with_tests(found.staged, ("true",))
        runner = replace(run.runner, environ={**run.runner.environ, "DOCKER_HOST": "unix:///nowhere.sock"})

        with pytest.raises(Exception, match="no Docker engine answers") as caught:
            image_tests.run(staged, runner, print)

    assert caught.typename == "BuilderError"


def test_a_hanging_command_is_ended_and_its_output_shown(image: Scratch):
    with told(image, test=()) as (run, found):
        staged = with_tests(found.staged, ("sh", "-c", "trap '' TERM; echo before; sleep 4567"))

        with pytest.raises(VerificationError, match="did not end within 2 s on linux") as caught:
            image_tests.run(staged, run.runner, print, timeout=2.0)

    assert caught.value.details == ("before",)
    assert left_in_the_engine(image) == []


def test_an_image_that_was_there_stays_there(image: Scratch):
    with told(image, test=()) as (run, found):
        (one,) = found.staged
        name = f"{one.repository}@{one.manifest.digest}"
        assert image.run("docker", "pull", "--quiet", name).code == 0
        try:
            image_tests.run(with_tests(found.staged, ("true",)), run.runner, print)

            assert image.run("docker", "image", "inspect", name).code == 0
        finally:
            image.run("docker", "image", "rm", name)


def test_a_terminated_run_ends_soon_and_leaves_nothing(image: Scratch):
    image.write({"build.toml": '[images.api]\nplatforms = ["linux/amd64"]\ntest = [["sleep", "4567"]]\n'})
    image.commit_all()
    child = subprocess.Popen(
        ["docker-push", "push", "--domain", image.registry],
        cwd=image.root,
        env=image.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    for line in child.stderr:
        if "Testing api" in line:
            break
    assert wait_for(lambda: left_in_the_engine(image) != []), "the test's container never came up"
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=30)

    assert child.returncode == 143
    assert left_in_the_engine(image) == []
    assert image.tags("api") == {f"{image.commit}-main"}


def wait_for(condition) -> bool:
    for _ in range(100):
        if condition():
            return True
        time.sleep(0.1)
    return False


@contextmanager
def told(image: Scratch, *, test: tuple[tuple[str, ...], ...]) -> Iterator[tuple[Run, pipeline.StagedRun]]:
    """Stage the image in this process, for what a command line cannot reach."""
    image.write({"build.toml": f'[images.api]\nplatforms = ["linux/amd64"]\ntest = {json.dumps(test)}\n'})
    image.commit_all()
    temporary = image.root.parent / "temporary"
    temporary.mkdir()
    surroundings = Surroundings(
        environ={**image.environ, "DOMAIN": image.registry},
        folder=Path(image.root),
        temporary=temporary,
        say=print,
        emit=print,
        clock=time.monotonic,
        wall=time.time,
        sleep=time.sleep,
    )
    with opened(surroundings, Flags()) as run:
        yield run, pipeline.stage(run, pipeline.prepared(run), pipeline.Record())


def with_tests(staged, *commands: tuple[str, ...]):
    return tuple(
        replace(one, image=replace(one.image, options=replace(one.image.options, test=commands))) for one in staged
    )
