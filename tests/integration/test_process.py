"""The door to other programs, with real programs behind it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from docker_push.errors import BuilderError, ConfigError
from docker_push.process import Redactor, Runner
from process_list import processes


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


def test_every_wait_is_bounded_and_leaves_no_orphan(runner: Runner):
    with pytest.raises(BuilderError, match="did not end within"):
        runner.run(["sh", "-c", "sleep 1234.5 & sleep 1234.5"], timeout=0.5)

    assert not running("1234.5")


def test_a_signal_ends_the_program_and_all_that_it_started(runner: Runner):
    """The whole path: our process is interrupted while it streams, a grandchild ignores nothing, nobody is left."""
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            runner.stream(["sh", "-c", "sleep 2345.6 & sleep 2345.6"], input="", on_line=print)
    finally:
        timer.cancel()

    assert not running("2345.6")


def test_a_program_that_ignores_being_asked_is_killed(runner: Runner):
    with pytest.raises(BuilderError):
        runner.run(["sh", "-c", "trap '' TERM; while true; do sleep 3456.7; done"], timeout=0.5)

    assert not running("3456.7")


def running(word: str) -> bool:
    time.sleep(0.2)
    return any(word in process.command for process in processes())


@pytest.mark.parametrize(
    "text",
    [
        "s3cret-value",
        "czNjcmV0LXZhbHVl",  # base64 of the secret
        "bWU6czNjcmV0LXZhbHVl",  # base64 of me:secret
    ],
)
def test_a_secret_is_redacted_in_the_forms_in_which_it_travels(text: str):
    assert Redactor(["s3cret-value"], ["me"])(f"a {text} b") == "a *** b"


def test_an_url_quoted_secret_is_redacted():
    assert Redactor(["a/b c&d"])("?x=a%2Fb%20c%26d") == "?x=***"


def test_what_is_run_is_shown_without_secrets(tmp_path: Path):
    shown: list[str] = []
    runner = Runner(environ=dict(os.environ), folder=tmp_path, redact=Redactor(["s3cret-value"]), echo=shown.append)

    runner.run(["echo", "a b", "s3cret-value"])

    assert shown == ["echo 'a b' ***"]
