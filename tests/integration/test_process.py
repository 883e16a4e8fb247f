"""The door to other programs, with real programs behind it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest

from docker_push.errors import BuilderError, ConfigError, InterruptedRunError
from docker_push.interruption import Interruption
from docker_push.process import Children, Redactor, Runner
from process_list import processes


@pytest.fixture
def long() -> str:
    """Give seconds to sleep by which the test knows its programs again, also beside other runs of the tests."""
    return f"4567.{uuid4().int % 10**9:09d}"


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(environ=dict(os.environ), folder=tmp_path)


def test_what_a_program_leaves_is_a_value(runner: Runner):
    done = runner.run(["sh", "-c", "cat; echo err >&2; exit 3"], input="in")

    assert (done.status, done.stdout, done.stderr) == (3, "in", "err\n")


def test_no_word_of_an_argument_is_read_by_a_shell(runner: Runner, tmp_path: Path):
    hostile = "$(touch canary); `touch canary` && touch canary #"

    assert runner.run(["printf", "%s", hostile]).stdout == hostile
    assert not (tmp_path / "canary").exists()


def test_output_that_is_no_text_is_read_all_the_same(runner: Runner):
    assert runner.run(["printf", r"\377a"]).stdout == "\ufffda"


def test_lines_come_as_they_are_written_while_stdout_fills_up(runner: Runner):
    lines: list[str] = []
    script = "import sys; sys.stdout.write('x' * 1_000_000); sys.stderr.write('one\\ntwo\\n'); sys.exit(len(sys.stdin.read()) % 7)"

    done = runner.stream([sys.executable, "-c", script], input="y" * 1_000_003, on_line=lines.append)

    assert (done.status, len(done.stdout), lines) == (1_000_003 % 7, 1_000_000, ["one", "two"])


_STREAM = (
    b'{"vertexes": [{"digest": "d1", "name": "[api 1/2] RUN make \xe2\x98\x83"}]}\n\n'
    b"ERROR: n\xc3\xa4h \xff\xfe\r\n\x1b[31m\x00{\n"
    b'{"logs": [{"vertex": "d1", "data": "Ym9vbQo="}]}\n'
    b'{"vertexes": [{"digest": "d1", "completed": "2026-01-01T00:00:00Z", "error": "exit code: 1"}]}\nno end \xe2\x98'
)


@pytest.mark.parametrize("width", [1, 2, 3, 100])
def test_lines_are_the_same_in_whatever_pieces_they_are_written(runner: Runner, width: int):
    lines: list[str] = []
    script = (
        "import os, sys, time; data = sys.stdin.buffer.read().decode().encode('latin-1'); width = int(sys.argv[1])\n"
        "for at in range(0, len(data), width):\n"
        "    os.write(2, data[at : at + width]); at % 50 or time.sleep(0.001)\n"
    )

    runner.stream([sys.executable, "-c", script, str(width)], input=_STREAM.decode("latin-1"), on_line=lines.append)

    assert lines == [line.removesuffix("\r") for line in _STREAM.decode("utf-8", "replace").split("\n")]


def test_a_program_that_does_not_read_its_input_is_no_error(runner: Runner):
    assert runner.stream(["true"], input="y" * 1_000_000, on_line=print).status == 0


def test_a_missing_program_is_one_clear_error(runner: Runner):
    with pytest.raises(ConfigError, match="no-such-program is not installed"):
        runner.run(["no-such-program"])


def test_missing_docker_says_how_to_get_it(tmp_path: Path):
    with pytest.raises(BuilderError, match="Install Docker"):
        Runner(environ={"PATH": str(tmp_path)}, folder=tmp_path).run(["docker", "info"])


def test_a_missing_folder_is_one_clear_error(tmp_path: Path):
    with pytest.raises(ConfigError, match="does not exist"):
        Runner(environ=dict(os.environ), folder=tmp_path / "gone").run(["true"])


def test_a_program_that_cannot_be_started_is_one_clear_error(runner: Runner, tmp_path: Path):
    (tmp_path / "text").write_text("no program")
    with pytest.raises(ConfigError, match="cannot be started"):
        runner.run([str(tmp_path / "text")])


def test_every_wait_is_bounded_and_leaves_no_orphan(runner: Runner, long: str):
    with pytest.raises(BuilderError, match="did not end within"):
        runner.run(["sh", "-c", f"sleep {long} & sleep {long}"], timeout=0.5)

    assert not running(long)


def test_a_program_that_says_nothing_any_more_is_ended_with_all_that_it_started(runner: Runner, long: str):
    lines: list[str] = []
    script = f"echo begun >&2; sleep {long} & sleep {long}"

    with pytest.raises(TimeoutError):
        runner.stream(["sh", "-c", script], input="", on_line=lines.append, silence=1)

    assert lines == ["begun"]
    assert not running(long)


def test_a_program_that_says_something_now_and_then_is_waited_for(runner: Runner):
    lines: list[str] = []
    script = "for each in 1 2 3 4 5; do echo $each >&2; sleep 0.7; done"

    runner.stream(["sh", "-c", script], input="", on_line=lines.append, silence=2)

    assert len(lines) == 5


def test_a_signal_ends_the_program_and_all_that_it_started(runner: Runner, long: str):
    """The whole path: our process is interrupted while it streams, a grandchild ignores nothing, nobody is left."""
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            runner.stream(["sh", "-c", f"sleep {long} & sleep {long}"], input="", on_line=print)
    finally:
        timer.cancel()

    assert not running(long)


def test_a_program_that_ignores_being_asked_is_killed(runner: Runner, long: str):
    with pytest.raises(BuilderError):
        runner.run(["sh", "-c", f"trap '' TERM; while true; do sleep {long}; done"], timeout=0.5)

    assert not running(long)


def running(word: str) -> bool:
    time.sleep(0.2)
    return any(word in process.command for process in processes())


@pytest.mark.parametrize(
    "script",
    [
        "trap '' TERM; sleep LONG & trap - TERM; echo > /dev/null; sleep LONG",  # the first of them ignores it
        "set -m; sleep LONG & sleep LONG",  # a group of its own
    ],
    ids=["a grandchild that ignores being asked", "a grandchild with a group of its own"],
)
def test_nothing_that_a_program_started_outlives_it(runner: Runner, long: str, script: str):
    with pytest.raises(BuilderError):
        runner.run(["bash", "-c", script.replace("LONG", long)], timeout=0.5)

    assert not running(long)


def test_what_a_program_left_behind_with_its_pipes_is_not_waited_for(runner: Runner):
    """A helper's agent, say, which it started in a session of its own."""
    lines: list[str] = []
    done = runner.stream(["sh", "-c", "setsid sleep 20 & echo $! >&2"], input="", on_line=lines.append)

    assert done.status == 0
    os.kill(int(lines[0]), signal.SIGKILL)  # it still ran


def test_after_a_signal_no_program_is_started(tmp_path: Path):
    interruption = Interruption()
    runner = Runner(environ=dict(os.environ), folder=tmp_path, children=Children(interruption))
    interruption.set(signal.SIGTERM)

    with pytest.raises(InterruptedRunError):
        runner.run(["touch", "started"])

    assert not (tmp_path / "started").exists()


def test_a_signal_ends_the_programs_of_every_thread(tmp_path: Path, long: str):
    interruption = Interruption()
    children = Children(interruption)
    runner = Runner(environ=dict(os.environ), folder=tmp_path, children=children)
    ended: list[BaseException] = []

    def work() -> None:
        try:
            runner.run(["sleep", long])
        except InterruptedRunError as error:
            ended.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    while sum(long in process.command for process in processes()) < len(threads):
        time.sleep(0.02)
    interruption.settle()
    interruption.set(signal.SIGTERM)
    children.end_all()
    for thread in threads:
        thread.join(30)

    assert len(ended) == len(threads)
    assert not running(long)


def test_the_guard_is_gone_with_the_last_program(tmp_path: Path):
    folder = tmp_path / "the run's"
    folder.mkdir()
    children = Children()
    children.guard(folder)
    Runner(environ=dict(os.environ), folder=tmp_path, children=children).run(["true"])
    assert any(str(folder) in process.command for process in processes())

    children.close()

    assert not any(str(folder) in process.command for process in processes())


def test_what_is_run_is_shown_without_secrets(tmp_path: Path):
    shown: list[str] = []
    runner = Runner(environ=dict(os.environ), folder=tmp_path, redact=Redactor(["s3cret-value"]), echo=shown.append)

    runner.run(["echo", "a b", "s3cret-value"])

    assert shown == ["echo 'a b' ***"]
