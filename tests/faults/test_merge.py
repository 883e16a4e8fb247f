"""Every request of a merge fails in some way, and a merge is killed: no tag moves early, and the second run heals."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from fault_rules import Seen, status
from invariants import State, early
from proxied_scratch import ProxiedScratch
from scratch import Scratch
from started_run import Hold, started
from sweep import FAULTS, FLAGS, MOVING, Case, Found, Make, assert_held, prepared, swept_by

pytestmark = pytest.mark.engine
PLATFORMS = ("linux/arm64", "linux/amd64")
IMAGES = ("api",)


def merge(*flags: str) -> tuple[str, ...]:
    return ("merge", "--part", "../parts", "--image", "api", *flags)


MERGE = merge(*FLAGS[1:])


def staged(case: ProxiedScratch, *images: str) -> None:
    """Stage both parts of this commit, past the proxy's faults, so that a merge can begin."""
    shutil.rmtree(case.folder / "parts", ignore_errors=True)
    for platform in PLATFORMS:
        chosen = [flag for image in images for flag in ("--image", image)]
        done = Scratch.tool(case, "stage", "--part", "../parts", "--platform", platform, *chosen)
        assert done.code == 0, done.err
    case.proxy.clear()


class MergeCase(Case):
    """A merge with one fault: what is put together was read before, so that only the index is read again."""

    def _early(self, log: Sequence[Seen], after: State) -> list[str]:
        top, *children = self._named("api", after)
        puts = [number for number, seen in enumerate(log) if seen.method == "PUT" and seen.reference in MOVING]
        read = {seen.reference for seen in log[: puts[0]] if seen.method == "GET"} if puts else set(children)
        unread = [f"{digest} was not read before a tag moved" for digest in children if digest not in read]
        return [*early(log, {"api": [top]}, MOVING), *unread]


def made(scratch: ProxiedScratch, number: int, fault: str, older: str) -> MergeCase:
    """Give a case a repository and content of its own, both parts of which are staged."""
    scratch.repository = f"AtomiCloud/merge-{number}-{fault.lower()}-{uuid4().hex[:8]}"
    scratch.environ["GITHUB_REPO_REF"] = scratch.repository
    for tag in ("main", "latest") if older else ():
        scratch.crane("copy", f"{older}/api:{tag}", f"{scratch.path}/api:{tag}")
    scratch.change()
    staged(scratch, "api")
    return MergeCase(number, fault, scratch=scratch, images=IMAGES, argv=MERGE)


def merges(registry: str, folder: Path, chosen: Callable[[int, int], bool]) -> Found:
    """Run every chosen case of a merge; half of them over an older commit's tags."""
    with prepared(registry, folder / "record") as scratch:
        made(scratch, 0, "clean", scratch.path)
        done = scratch.tool(*MERGE)
        assert done.code == 0, done.err
        total = len(scratch.proxy.log)

    @contextmanager
    def worker(number: int) -> Iterator[Make]:
        with prepared(registry, folder / f"worker-{number}") as scratch:
            older = scratch.path
            yield lambda number, fault: made(scratch, number, fault, older if number // len(FAULTS) % 2 else "")

    return swept_by(worker, total, chosen)


def test_requests_of_a_merge_fail_in_some_way(engine: dict[str, str], registry: str, tmp_path: Path):  # noqa: ARG001
    """Try every third request once, with faults in turn: each case has two builds; `nox -s soak` tries all of them."""
    assert_held(merges(registry, tmp_path, lambda number, turn: number % 3 == 0 and number // 3 % len(FAULTS) == turn))


@pytest.mark.soak
def test_every_request_of_a_merge_fails_in_some_way(engine: dict[str, str], registry: str, tmp_path: Path):  # noqa: ARG001
    assert_held(merges(registry, tmp_path, lambda number, turn: number % len(FAULTS) == turn))


@pytest.mark.parametrize("moment", ["-main$", "/manifests/main$"], ids=["the commit tag", "a moving tag"])
def test_a_merge_that_is_killed_leaves_each_tag_whole_and_the_next_one_heals(case: ProxiedScratch, moment: str):
    assert case.push().code == 0
    old = case.state()
    case.change()
    staged(case)
    hold = Hold(case, "PUT", moment, "ours")

    with started(case, *merge()) as run:
        run.held_at(hold.came, "the request")
        run.send(signal.SIGKILL)
        run.ended_by(signal.SIGKILL)
    state = case.state()
    hold.go.set()

    assert {state["main"], state["latest"]} <= {old["main"], state.get("commit")}
    assert state["latest"] == old["latest"]
    case.proxy.clear()
    done = case.tool(*merge())
    assert done.code == 0, done.err
    state = case.state()
    assert state["main"] == state["latest"] == state["commit"]
    assert state["main"] != old["main"]


def test_a_merge_that_fails_lists_the_commit_tags_that_it_has_put(case: ProxiedScratch):
    staged(case)
    case.proxy.fault("PUT", "/manifests/main$", status(403), who="ours")

    done = case.tool(*merge())

    table = [line for line in done.err.splitlines() if line.startswith("  | ")]
    assert done.code != 0
    assert any(f":{case.commit_tag} " in line and "created" in line for line in table), done.err
    assert any(":latest " in line and "not moved" in line for line in table), done.err
