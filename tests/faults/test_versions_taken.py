"""R28: a version names one digest for good, unless somebody insists."""

from __future__ import annotations

import pytest

from fault_rules import errors, status
from proxied_scratch import ProxiedScratch

pytestmark = pytest.mark.engine
VERSION = "v1.2.3"
FLAGS = ("--version", VERSION)
TAGS = ("main", "latest", VERSION)


@pytest.fixture
def released(case: ProxiedScratch) -> ProxiedScratch:
    """Give a repository whose first commit was published as v1.2.3, and which has a second one since."""
    first = case.push(*FLAGS)
    assert first.code == 0, first.err
    case.change()
    case.proxy.clear()
    return case


def test_r28_a_version_of_other_bytes_is_refused_before_anything_is_built(released: ProxiedScratch):
    before = released.state()

    done = released.push(*FLAGS)

    released.assert_fails(done, 9, rf"api:{VERSION}", "sha256:[0-9a-f]{12}", "new version|--force")
    assert "Building" not in done.err
    assert released.order() == []
    assert {**released.state(), "commit": None} == {**before, "commit": None}
    assert released.push("--version", "v1.2.4").code == 0
    state = released.state()
    assert state["commit"] == state["main"] == state["latest"] == state["v1.2.4"]
    assert state[VERSION] == before[VERSION]


def test_r28_a_version_of_the_same_bytes_is_done_already(case: ProxiedScratch):
    assert case.push(*FLAGS).code == 0
    before = case.state()

    done = case.assert_heals(*FLAGS, tags=TAGS)

    assert f"unchanged {case.asked}/api:{VERSION}" in done.err
    assert case.state() == before
    assert case.order() == []


def test_r28_a_version_that_cannot_be_looked_up_is_not_taken_for_free(released: ProxiedScratch):
    before = released.state()
    released.proxy.fault("HEAD|GET", f"/manifests/{VERSION}$", status(500, errors("UNKNOWN", "no storage")), who="ours")

    done = released.push(*FLAGS)

    released.assert_fails(done, 6, "500", "run the same command again")
    state = released.state()
    assert {tag: state[tag] for tag in TAGS} == {tag: before[tag] for tag in TAGS}


def test_r28_force_overwrites_a_version_and_says_what_it_was(released: ProxiedScratch):
    before = released.state()[VERSION]

    done = released.push(*FLAGS, "--force")

    assert done.code == 0, done.err
    state = released.state()
    assert {state[tag] for tag in TAGS} == {state["commit"]} != {before}
    (line,) = [line for line in done.err.splitlines() if f"api:{VERSION} " in line and "moved" in line]
    assert before[:19] in line
    released.assert_heals(*FLAGS, "--force", tags=TAGS)
