"""R23: a signal while a blob is on its way, and between two tags. While it builds: tests/integration/test_signals.py."""

from __future__ import annotations

import shutil
import signal
import time

import pytest

from proxied_scratch import ProxiedScratch
from started_run import Hold, StartedRun, published, started

pytestmark = pytest.mark.engine

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
MOMENTS = {
    "blob": ("PUT|PATCH", "/blobs/uploads/", "engine"),
    "between-tags": ("PUT", "/manifests/main$", "ours"),
}


@pytest.fixture(params=MOMENTS)
def moment(request: pytest.FixtureRequest) -> str:
    return request.param


def assert_whole(case: ProxiedScratch, old: dict[str, str], err: str, moment: str) -> None:
    """Each tag is wholly what it was or wholly new; between tags the output has a line for each."""
    state = case.state()
    for tag in ("main", "latest"):
        assert state.get(tag) in {old.get(tag), state.get("commit")}
    assert state["latest"] == old["latest"]
    if moment == "blob":
        assert state["main"] == old["main"]
        return
    if err:
        table = [line for line in err.splitlines() if line.startswith("  | ")]
        for tag in (case.commit_tag, "main", "latest"):
            assert any(f":{tag} " in line for line in table), err


def healed(case: ProxiedScratch, hold: Hold, moment: str) -> None:
    hold.go.set()
    case.assert_heals(built=moment == "blob")


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_r23_a_signal_leaves_each_tag_whole_and_says_which(case: ProxiedScratch, moment: str, number: int):
    old = published(case)
    hold = Hold(case, *MOMENTS[moment])
    with started(case, "push") as run:
        run.held_at(hold.came, "the request")
        run.send(number)
        done = run.ended_by(number)

    assert_whole(case, old, "" if number == signal.SIGKILL else done.err, moment)
    if number != signal.SIGKILL:
        assert done.last.startswith("docker-push: ")
        assert "to go on: docker-push push" in done.err
        assert "Traceback" not in done.err
    healed(case, hold, moment)


def test_r23_the_signals_of_a_cancelled_job_on_github_end_the_run_below_the_shell(case: ProxiedScratch, moment: str):
    """GitHub sends INT to the shell alone, TERM after 7.5 s, and kills it after 2.5 s more; here it has less patience."""
    old = published(case)
    hold = Hold(case, *MOMENTS[moment])
    shell = shutil.which("bash") or "/bin/sh"
    with started(case, "push", before=(shell, "-c", '"$@"; exit $?', "-"), CI="true", GITHUB_REPOSITORY="") as run:
        run.held_at(hold.came, "the request")
        for number, seconds in ((signal.SIGINT, 0.75), (signal.SIGTERM, 0.25), (signal.SIGKILL, 0.0)):
            if run.process.poll() is None:
                run.send(number)
                time.sleep(seconds)
        run.process.wait(5)
        assert_gone(run)

    assert_whole(case, old, "", moment)
    healed(case, hold, moment)


def assert_gone(run: StartedRun) -> None:
    deadline = time.monotonic() + 5
    while run.left():
        assert time.monotonic() < deadline, f"still running: {run.left()}"
        time.sleep(0.05)
