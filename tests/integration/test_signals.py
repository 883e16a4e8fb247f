"""A signal ends a run in its seconds: real processes, each way to start one, whatever it waits for at that moment."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from process_list import Process, descendants, processes
from registry_process import BasicRegistry
from scratch import Scratch

BIN = Path(sys.executable).parent
REPOSITORY = Path(__file__).parents[2]
PROMISE = 5.0  # seconds from the signal to the end, docs/explanation/architecture.md
LONG = 60.0  # seconds for what comes before the signal, on a busy machine
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
SLOW = {
    "Dockerfile": "FROM busybox:1.37\nRUN sleep 4567\n",
    "build.toml": '[images.api]\nplatforms = ["linux/amd64"]\n',
    "tasks.py": "from docker_push.tasks import namespace  # noqa: F401\n",
}
WAYS = {"docker-push": ["docker-push", "push"], "invoke": ["invoke", "docker.push"]}
# A task whose body is the test's: what it does while the signal comes.
TASKS = """
import ctypes, os, sys, time
from concurrent.futures import ThreadPoolExecutor
from invoke import task
from docker_push.boundary import boundary
from docker_push.parallel import in_parallel
from docker_push.process import Runner

@task
def body(context):
    with boundary(debug=False) as world:
        runner = Runner(environ=world.environ, folder=world.folder, children=world.children)
        world.temporary.joinpath("config.json").write_text("s3cret-in-the-run's-folder")
        world.say("ready")
        {body}
        world.say("went on")
"""


@dataclass
class Running:
    """A run under way: ``err`` is what it has said so far."""

    process: subprocess.Popen[bytes]
    log: Path
    came: list[Process] = field(default_factory=list)

    @property
    def err(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + LONG
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come about: {self.err}"
            time.sleep(0.02)

    def says(self, words: str) -> None:
        self.until(lambda: words in self.err or self.process.poll() is not None, words)
        assert words in self.err

    def starts(self, words: str) -> None:
        self.until(lambda: any(words in one.command for one in descendants(self.process.pid)), words)

    def send(self, number: int) -> None:
        self.came += descendants(self.process.pid)
        self.process.send_signal(number)

    def end(self, seconds: float = PROMISE) -> int:
        """Return the exit code of what ends in these seconds."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"not ended {seconds:g} s after its signal: {self.err}", pytrace=False)

    def left(self) -> list[str]:
        """Return the processes of the run that still run a moment after its end."""
        for _ in range(40):
            found = [one.command for one in processes() if one.command and one in self.came_and_stayed()]
            if not found:
                return []
            time.sleep(0.05)
        return found

    def came_and_stayed(self) -> list[Process]:
        known = {(one.pid, one.command) for one in self.came}
        return [one for one in processes() if (one.pid, one.command) in known]


@contextmanager
def started(argv: list[str], folder: Path, environ: dict[str, str]) -> Iterator[Running]:
    """Start a program as nobody's background job: with every signal's default, in a session of its own."""
    log = folder.parent / f"said-{time.monotonic_ns()}"
    with log.open("wb") as file:
        process = subprocess.Popen(
            argv, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            start_new_session=True, preexec_fn=defaults,  # noqa: PLW1509 - no thread of ours forks
        )  # fmt: skip
    running = Running(process, log)
    try:
        yield running
    finally:
        mine = [*running.came, *descendants(process.pid)]
        if process.poll() is None:
            process.kill()
            process.wait(LONG)
        now = {(one.pid, one.command) for one in processes()}
        for one in mine:
            if (one.pid, one.command) in now:
                with suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGKILL)


def defaults() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def bare(tmp_path: Path) -> Callable[..., object]:
    """Give what starts a task with a body of the test's own, with folders of its own for temporary files."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    (tmp_path / "runner").mkdir()
    environ = {name: value for name, value in os.environ.items() if name != "CI"}
    environ |= {"RUNNER_TEMP": str(tmp_path / "runner"), "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}

    def start(body: str, *before: str, **more: str) -> object:
        (folder / "tasks.py").write_text(TASKS.format(body=body))
        return started([*before, "invoke", "body"], folder, {**environ, **more})

    return start


@pytest.fixture
def slow(scratch: Scratch, basic_registry: BasicRegistry, tmp_path: Path) -> Scratch:
    """Give a repository whose build does not end, and whose registry asks for a password."""
    for name in ("home", "temporary", "runner"):
        (tmp_path / name).mkdir()
    scratch.registry = basic_registry.address
    scratch.environ |= {
        "TMPDIR": str(tmp_path / "temporary"),
        "RUNNER_TEMP": str(tmp_path / "runner"),
        "DOMAIN": basic_registry.address,
        "DOCKER_USER": basic_registry.username,
        "DOCKER_PASSWORD": basic_registry.password,
    }
    scratch.write(SLOW)
    scratch.commit_all()
    return scratch


def nothing_is_left(running: Running, tmp_path: Path, secret: str) -> None:
    assert running.left() == []
    assert list((tmp_path / "runner").iterdir()) == []
    assert not (tmp_path / "temporary").exists() or list((tmp_path / "temporary").iterdir()) == []
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "tasks.py"]
    assert [path for path in files if secret.encode() in path.read_bytes()] == []


@pytest.mark.engine
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_build_ends(slow: Scratch, basic_registry: BasicRegistry, tmp_path: Path, number: int, code: int, way: str):
    with started(WAYS[way], slow.root, slow.environ) as running:
        running.says("Building")
        running.starts("buildx bake")
        running.until(lambda: list((tmp_path / "runner").rglob("config.json")), "a login")
        running.send(number)

        assert running.end() == code
        assert "goes on where this one stopped" in running.err
        assert f"to go on: {shlex.join(WAYS[way])}\n" in running.err
        assert "Traceback" not in running.err
        assert any("buildx bake" in one.command for one in running.came)
        nothing_is_left(running, tmp_path, basic_registry.password)


@contextmanager
def stalling_server() -> Iterator[tuple[str, threading.Event]]:
    """Take connections and requests, and never answer; the event tells that one came."""
    came, over = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        taken: list[socket.socket] = []

        def serve() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    taken.append(listener.accept()[0])
                    came.set()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", came
        finally:
            over.set()
            thread.join()
            for one in taken:
                one.close()


@pytest.mark.engine
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_request_that_nobody_answers_ends(slow: Scratch, tmp_path: Path, number: int, code: int, way: str):
    with stalling_server() as (address, came):
        environ = {**slow.environ, "DOMAIN": address}
        with started(WAYS[way], slow.root, environ) as running:
            running.until(came.is_set, "a request")
            running.send(number)

            assert running.end() == code
            assert "goes on where this one stopped" in running.err
            nothing_is_left(running, tmp_path, environ["DOCKER_PASSWORD"])


WAITING = {
    "the main thread sleeps": "world.sleep(600)",
    "other threads sleep": "in_parallel(world.sleep, [600, 600, 600])",
    "other threads run programs": "in_parallel(lambda word: runner.run(['sleep', word], timeout=600), ['600', '601'])",
    "a program runs": "runner.run(['sleep', '600'], timeout=600)",
    "a program reads and writes": "runner.stream(['sh', '-c', 'sleep 600'], input='y' * 1_000_000, on_line=print)",
    "Python sleeps": "time.sleep(600)",
    "a pool waits for a thread that sleeps": "with ThreadPoolExecutor(1) as pool: pool.submit(world.sleep, 600).result()",
    "a pool waits for a thread that runs a program": (
        "with ThreadPoolExecutor(1) as pool: pool.submit(runner.run, ['sleep', '600'], timeout=600).result()"
    ),
    "another thread is stuck": "in_parallel(lambda _: os.read(os.pipe()[0], 1), [1, 2], finish=1.0)",
}


@pytest.mark.parametrize("waits", WAITING)
@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_whatever_it_waits_for(bare: Callable, tmp_path: Path, waits: str, number: int, code: int):
    with bare(WAITING[waits]) as running:
        running.says("ready")
        time.sleep(0.1)
        running.send(number)

        assert running.end() == code
        assert "went on" not in running.err
        assert "by force" not in running.err
        assert running.err.count("docker-push: ") == 1
        nothing_is_left(running, tmp_path, "s3cret-in-the-run's-folder")


def test_a_call_that_no_signal_reaches_ends_by_force(bare: Callable, tmp_path: Path):
    """A name's look-up is such a call; here it is a lock of the C library's that is taken twice."""
    body = "lock = ctypes.create_string_buffer(64); [ctypes.CDLL(None).pthread_mutex_lock(lock) for _ in range(2)]"
    with bare(body) as running:
        running.says("ready")
        time.sleep(0.1)
        running.send(signal.SIGTERM)

        assert running.end() == 143
        assert "ended by force" in running.err
        nothing_is_left(running, tmp_path, "s3cret-in-the-run's-folder")


STUBBORN = "runner.run(['sh', '-c', 'trap \"\" TERM; echo; while true; do sleep 0.3; done'], timeout=600)"


def test_a_second_signal_does_not_break_the_clean_up(bare: Callable, tmp_path: Path):
    with bare(STUBBORN) as running:
        running.says("ready")
        running.starts("trap")
        time.sleep(0.2)
        running.send(signal.SIGINT)
        time.sleep(0.3)
        running.send(signal.SIGTERM)

        assert running.end() == 130
        assert "by force" not in running.err
        nothing_is_left(running, tmp_path, "s3cret-in-the-run's-folder")


def test_a_third_signal_ends_all_at_once(bare: Callable, tmp_path: Path):
    with bare(STUBBORN) as running:
        running.says("ready")
        running.starts("trap")
        time.sleep(0.2)
        for _ in range(3):
            running.send(signal.SIGINT)
            time.sleep(0.1)

        assert running.end() == 130
        assert "by force" in running.err
        nothing_is_left(running, tmp_path, "s3cret-in-the-run's-folder")


def test_with_nohup_a_terminal_that_hangs_up_ends_nothing(bare: Callable):
    with bare("world.sleep(1.0)", "nohup") as running:
        running.says("ready")
        running.send(signal.SIGHUP)

        assert running.end(LONG) == 0
        assert "went on" in running.err


@pytest.mark.engine
def test_a_killed_run_leaves_neither_its_programs_nor_its_folder(
    slow: Scratch, basic_registry: BasicRegistry, tmp_path: Path
):
    with started(WAYS["docker-push"], slow.root, slow.environ) as running:
        running.says("Building")
        running.starts("buildx bake")
        running.send(signal.SIGKILL)
        running.end()

        deadline = time.monotonic() + PROMISE
        while running.came_and_stayed() or list((tmp_path / "runner").iterdir()):
            assert time.monotonic() < deadline, running.came_and_stayed()
            time.sleep(0.05)
        nothing_is_left(running, tmp_path, basic_registry.password)


def test_what_a_run_that_was_killed_with_all_of_its_programs_left_is_removed_by_the_next(
    bare: Callable, tmp_path: Path
):
    with bare("runner.run(['sleep', '600'], timeout=600)") as running:
        running.says("ready")
        running.starts("sleep 600")
        running.came += descendants(running.process.pid)
        (guard,) = (one for one in running.came if "docker-push-guard" in one.command)
        os.kill(guard.pid, signal.SIGKILL)
        running.process.kill()
        running.end()
        (left,) = (tmp_path / "runner").iterdir()
        assert (left / "files/config.json").exists()

        with bare("world.sleep(600)") as living:
            living.says("ready")
            (its,) = (tmp_path / "runner").iterdir()
            assert its != left
            with bare("pass") as third:
                assert third.end(LONG) == 0
            assert list((tmp_path / "runner").iterdir()) == [its]
            living.send(signal.SIGTERM)
            assert living.end() == 143


def test_in_ci_the_end_of_the_parent_is_a_signal(bare: Callable, tmp_path: Path):
    with bare("world.sleep(600)", "bash", "-c", '"$@"; true', "-", CI="true") as running:
        running.says("ready")
        running.came += descendants(running.process.pid)
        running.process.kill()
        running.process.wait(LONG)

        running.until(lambda: "terminated" in running.err, "the end")
        nothing_is_left(running, tmp_path, "s3cret-in-the-run's-folder")


def test_on_a_laptop_a_run_outlives_its_shell(bare: Callable):
    with bare("world.sleep(2)", "bash", "-c", '"$@"; true', "-") as running:
        running.says("ready")
        running.came += descendants(running.process.pid)
        running.process.kill()
        running.process.wait(LONG)

        running.until(lambda: "went on" in running.err, "the rest of the run")


def seed(scratch: Scratch) -> dict[str, str]:
    """Return the variables of the reusable workflow."""
    return {
        **scratch.environ,
        "CI": "true",
        "GITHUB_REPO_REF": scratch.repository,
        "GITHUB_SHA": scratch.commit,
        "GITHUB_BRANCH": "main",
        "CI_DOCKER_IMAGE": "api",
        "CI_DOCKER_PLATFORM": "linux/amd64",
        "VERSION": "",
    }


def step(scratch: Scratch, line: str) -> list[str]:
    """Return how GitHub's runner starts a step: a script of its ``run:`` line for ``bash -e``."""
    script = scratch.root.parent / "step.sh"
    script.write_text(line.replace("./scripts/ci/docker.sh", shlex.quote(str(REPOSITORY / "scripts/ci/docker.sh"))))
    return ["bash", "-e", str(script)]


def workflow_line() -> str:
    text = (REPOSITORY / ".github/workflows/⚡reusable-docker.yaml").read_text("utf-8")
    (line,) = (line for line in text.splitlines() if "docker.sh" in line and line.strip().startswith("run:"))
    return line.partition("run:")[2].strip()


@pytest.mark.engine
def test_a_cancelled_job_ends_with_its_first_signal(slow: Scratch, basic_registry: BasicRegistry, tmp_path: Path):
    """GitHub sends SIGINT to the step's first process, which is ours because the workflow says exec."""
    with started(step(slow, workflow_line()), slow.root, seed(slow)) as running:
        running.says("Building")
        running.starts("buildx bake")
        running.send(signal.SIGINT)

        assert running.end() == 130
        assert "interrupted" in running.err
        nothing_is_left(running, tmp_path, basic_registry.password)


@pytest.mark.engine
def test_a_cancelled_job_ends_also_where_a_shell_stands_between(
    slow: Scratch, basic_registry: BasicRegistry, tmp_path: Path
):
    """GitHub's signals, sooner after one another: the shell keeps SIGINT to itself, and dies of SIGTERM alone."""
    line = f"{workflow_line().removeprefix('exec ')}\ntrue\n"
    with started(step(slow, line), slow.root, seed(slow)) as running:
        running.says("Building")
        running.starts("buildx bake")
        running.send(signal.SIGINT)
        time.sleep(0.75)
        assert running.process.poll() is None
        running.send(signal.SIGTERM)
        running.end()

        deadline = time.monotonic() + PROMISE
        while running.came_and_stayed():
            assert time.monotonic() < deadline, running.came_and_stayed()
            time.sleep(0.05)
        assert "terminated" in running.err
        nothing_is_left(running, tmp_path, basic_registry.password)


@pytest.mark.engine
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_docker_sh_ends_while_it_installs_the_tool(slow: Scratch, tmp_path: Path, number: int):
    folders = slow.environ["PATH"].split(os.pathsep)
    path = os.pathsep.join(folder for folder in folders if not (Path(folder) / "docker-push").exists())
    with stalling_server() as (address, came):
        index = {"PIP_INDEX_URL": f"http://{address}/simple", "PIP_CONFIG_FILE": os.devnull}
        with started(step(slow, workflow_line()), slow.root, {**seed(slow), "PATH": path, **index}) as running:
            running.until(came.is_set, "pip's first request")
            running.send(number)

            assert running.end() == -number
            assert any("pip install" in one.command for one in running.came)
            assert running.left() == []
            assert list((tmp_path / "runner/docker-push").iterdir()) == list((tmp_path / "temporary").iterdir()) == []
