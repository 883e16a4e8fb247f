"""A machine that is lost in the middle of a build: the run ends soon, says which, moves nothing, and succeeds when it is back."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from machines import Machines
from nodes import Node
from scratch import Ran, Scratch, platforms

pytestmark = pytest.mark.engine

_PATIENCE = 90.0  # seconds: far more than the bound, far less than what buildx waits (for ever)
LOSSES = {
    "its cable is pulled": lambda node: node.host.pull_cable(),
    "it hangs": lambda node: node.send(signal.SIGSTOP),
    "it is killed": lambda node: node.kill(),
}


class Gate:
    """Something that a build step on a machine waits for: an image in the registry that the steps reach."""

    def __init__(self, machines: Machines) -> None:
        self.name = f"gate-{uuid4().hex[:8]}"
        self._registry = machines.registry

    @property
    def step(self) -> str:
        """Return a step of a Dockerfile that waits on arm64 alone."""
        url = f"http://{self._registry}/v2/{self.name}/tags/list"
        return f'ARG TARGETARCH\nRUN [ "$TARGETARCH" = amd64 ] || until wget -q -O /dev/null {url}; do sleep 1; done\n'

    def open(self) -> None:
        base = f"{self._registry}/library/busybox:1.37"
        argv = ["crane", "copy", base, f"{self._registry}/{self.name}:open"]
        subprocess.run(argv, check=True, capture_output=True)


@contextmanager
def pushing(scratch: Scratch, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """Give a run that goes on; whatever happens, it has ended afterwards."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(["docker-push", *argv], cwd=scratch.root, env=scratch.environ, **pipes) as run:  # type: ignore[call-overload]
        try:
            yield run
        finally:
            if run.poll() is None:
                run.terminate()
                run.wait(20)


def ended(run: subprocess.Popen[str]) -> Ran:
    out, err = run.communicate(timeout=_PATIENCE)
    return Ran(run.returncode, out, err)


def wait_for(what: Callable[[], bool], run: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not what():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def gate(spread: Scratch, machines: Machines) -> Gate:
    """Publish once; the next commit's build waits on the arm64 machine until the gate is opened."""
    done = spread.tool("push", "--domain", machines.registry)
    assert done.code == 0, done.err
    made = Gate(machines)
    spread.write({"Dockerfile": (spread.root / "Dockerfile").read_text() + made.step})
    spread.commit_all()
    return made


@pytest.mark.parametrize("loss", LOSSES)
def test_a_machine_that_is_lost_ends_the_run_and_the_same_command_succeeds_when_it_is_back(
    spread: Scratch, machines: Machines, gate: Gate, loss: str
):
    command = ("push", "--domain", machines.registry)
    before, lost = spread.digest("api", "main"), machines.nodes[1]

    with pushing(spread, *command) as run:
        wait_for(lambda: lost.runs(gate.name), run)
        LOSSES[loss](lost)
        done = ended(run)

    assert done.code == 7, done.err
    assert f"{lost.endpoint} does not answer" in done.last
    assert "No moving tag was touched" in done.err
    assert spread.digest("api", "main") == before
    assert f"{spread.commit}-main" not in spread.tags("api")

    lost.mend()
    gate.open()
    again = spread.tool(*command)

    assert again.code == 0, again.err
    assert spread.digest("api", "main") != before
    assert platforms(spread.manifest("api", "main")) == {"linux/amd64", "linux/arm64"}


def test_a_machine_that_is_back_soon_costs_another_try_and_no_more(spread: Scratch, machines: Machines, gate: Gate):
    spread.write({"build.toml": (spread.root / "build.toml").read_text().replace("attempts = 1\n", "")})
    spread.commit_all()
    lost: Node = machines.nodes[1]

    with pushing(spread, "push", "--domain", machines.registry) as run:
        wait_for(lambda: lost.runs(gate.name), run)
        lost.kill()
        lost.start()
        gate.open()
        done = ended(run)

    assert done.code == 0, done.err
    assert "(try 2 of 3)" in done.err
    assert platforms(spread.manifest("api", "main")) == {"linux/amd64", "linux/arm64"}


def test_a_machine_that_is_not_there_at_the_start_is_named_before_anything_is_built(
    spread: Scratch, machines: Machines
):
    assert spread.tool("builder", "up").code == 0
    lost = machines.nodes[1]
    lost.kill()

    done = spread.tool("push", "--domain", machines.registry)

    assert done.code == 7
    assert f"for linux/arm64 does not answer: {lost.endpoint}" in done.last
    assert "Building api" not in done.err
    assert spread.tags("api") == set()
