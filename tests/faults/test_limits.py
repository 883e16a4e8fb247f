"""R37: no more files or memory for the tool: a clean line, and nothing half-done."""

from __future__ import annotations

import shutil

import pytest

from proxied_scratch import ProxiedScratch
from registry_process import unavailable
from started_run import started

pytestmark = pytest.mark.engine

MIB = 1 << 20


@pytest.fixture
def prlimit() -> str:
    program = shutil.which("prlimit")
    if program is None:
        unavailable("There is no prlimit on the PATH.")
    return str(program)


@pytest.mark.parametrize("limit", ["--nofile=64", "--nofile=24", "--nofile=12"])
def test_r37_few_files_are_enough_or_said_to_be_too_few(case: ProxiedScratch, prlimit: str, limit: str):
    assert_clean(case, prlimit, limit)


@pytest.mark.parametrize("limit", [f"--as={size * MIB}" for size in (2000, 400, 120, 60)])
def test_r37_little_memory_is_enough_or_said_to_be_too_little(case: ProxiedScratch, prlimit: str, limit: str):
    assert_clean(case, prlimit, limit)


def assert_clean(case: ProxiedScratch, prlimit: str, limit: str) -> None:
    """Run under a limit: green, or one line and no tag moved; and then without the limit, green."""
    with started(case, "push", before=(prlimit, limit, "--")) as run:
        done = run.end()

    assert "Traceback" not in done.err, done.err
    assert "This is a bug" not in done.err, done.err
    if done.code == 0:
        state = case.state()
        assert state["commit"] == state["main"] == state["latest"]
    else:
        assert done.last.startswith("docker-push: "), done.err
        assert not {"main", "latest"} & set(case.state())
    case.proxy.clear()
    assert case.push().code == 0
