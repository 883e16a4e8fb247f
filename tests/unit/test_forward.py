from __future__ import annotations

import json

import pytest

from docker_push import forward
from docker_push.forward import Verdict
from docker_push.history import History, Relation
from docker_push.metadata import REVISION
from docker_push.references import Digest, Platform, Repository, Tag
from memory_registry import INDEX, MemoryRegistry, client

NAME = "acme/api"
REPOSITORY = Repository.parse(client(MemoryRegistry()).registry, NAME)
AMD64 = (Platform("linux", "amd64"),)
MAIN = Tag("main")
C1, C2, C3, C4 = (str(number) * 40 for number in range(1, 5))
REF = "refs/heads/main"


def commit_tag(commit: str) -> Tag:
    return Tag(f"{commit}-main")


def behind(*newer: str, ours: str = C1, cut: bool = False) -> History:
    return History(ref=REF, relation=Relation.BEHIND, tip=newer[0], newer=newer, commit=ours, cut=cut)


@pytest.fixture
def memory() -> MemoryRegistry:
    return MemoryRegistry()


def publish(memory: MemoryRegistry, commit: str, *tags: str, note: str = "") -> Digest:
    """Put an image as a run of this commit does: its commit tag, then the others."""
    return memory.put_index(NAME, AMD64, str(commit_tag(commit)), *tags, note=note or commit)


def judged(memory: MemoryRegistry, history: History, ours: Digest, tag: Tag = MAIN) -> Verdict:
    here = client(memory)
    before = here.head(REPOSITORY, tag)
    assert before is not None
    memory.log.clear()
    return forward.judge(here, REPOSITORY, tag, before, ours, history, commit_tag)


def test_what_a_newer_commit_published_stays(memory: MemoryRegistry):
    ours = publish(memory, C1)
    publish(memory, C3, "main")

    verdict = judged(memory, behind(C3, C2), ours)

    assert verdict == Verdict(moves=False, newer=C3, why=verdict.why)
    assert (
        verdict.why == f"main stays: commit {C3[:12]} has it under its commit tag and is newer on {REF} than {C1[:12]}"
    )
    assert memory.log == [f"HEAD {NAME}/manifests/{C3}-main"]


def test_what_an_older_commit_published_is_moved_on(memory: MemoryRegistry):
    publish(memory, C1, "main")
    ours = publish(memory, C2)

    assert judged(memory, behind(C4, C3, ours=C2), ours) == Verdict(moves=True)


def test_a_newer_commit_that_is_only_staged_keeps_nobody(memory: MemoryRegistry):
    publish(memory, C1, "main")
    ours = publish(memory, C2)
    publish(memory, C3)

    assert judged(memory, behind(C3, ours=C2), ours).moves


def test_bytes_that_a_newer_commit_brought_back_are_newer(memory: MemoryRegistry):
    """C3 reverts to what C1 was: its bytes are C1's, and stay where C2 comes late."""
    publish(memory, C1, note="first")
    ours = publish(memory, C2)
    publish(memory, C3, "main", note="first")

    verdict = judged(memory, behind(C3, ours=C2), ours)
    assert (verdict.moves, verdict.newer) == (False, C3)


def test_bytes_that_only_older_commits_have_are_older(memory: MemoryRegistry):
    publish(memory, C1, "main", note="first")
    ours = publish(memory, C3)

    assert judged(memory, behind(C4, ours=C3), ours).moves


def test_the_newest_of_several_that_published_it_is_named(memory: MemoryRegistry):
    ours = publish(memory, C1)
    for commit in (C2, C3):
        publish(memory, commit, "main", note="same")

    assert judged(memory, behind(C4, C3, C2), ours).newer == C3


def test_our_own_bytes_ask_nothing(memory: MemoryRegistry):
    ours = publish(memory, C1, "main")

    for relation in Relation:
        assert judged(memory, History(ref=REF, relation=relation), ours) == Verdict(moves=True)
    assert memory.log == []


@pytest.mark.parametrize("relation", [Relation.TIP, Relation.AHEAD, Relation.ALONE])
def test_nothing_is_newer_than_the_tip(memory: MemoryRegistry, relation: Relation):
    ours = publish(memory, C1)
    publish(memory, C2, "main")

    assert judged(memory, History(ref=REF, relation=relation), ours) == Verdict(moves=True)
    assert memory.log == []


def test_a_commit_that_is_off_the_branch_moves_nothing(memory: MemoryRegistry):
    ours = publish(memory, C1)
    publish(memory, C2, "main")
    history = History(ref=REF, relation=Relation.DIVERGED, why="commit 111 is not on refs/heads/main")

    assert judged(memory, history, ours) == Verdict(moves=False, why="main stays: commit 111 is not on refs/heads/main")
    assert memory.log == []


def test_without_a_history_the_tag_moves_and_says_so(memory: MemoryRegistry):
    ours = publish(memory, C1)
    publish(memory, C2, "main")
    verdict = judged(memory, History(ref=REF, relation=Relation.UNKNOWN, why="no git"), ours)

    assert verdict.moves
    assert verdict.why == "main is moved without knowing whether what it names is newer: no git"
    assert memory.log == []


def test_of_many_newer_commits_only_those_that_have_a_tag_are_looked_up(memory: MemoryRegistry):
    ours = publish(memory, C1)
    publish(memory, C2, "main")
    publish(memory, C3)
    newer = [f"{number:040x}" for number in range(100)]
    history = behind(*newer[:50], C3, *newer[50:], C2)

    assert judged(memory, history, ours).newer == C2
    assert sorted(memory.log) == sorted(
        [f"GET {NAME}/tags/list", f"HEAD {NAME}/manifests/{C3}-main", f"HEAD {NAME}/manifests/{C2}-main"]
    )


@pytest.mark.parametrize(("count", "listed"), [(32, False), (33, True)])
def test_of_few_newer_commits_no_list_is_asked_for(memory: MemoryRegistry, count: int, listed: bool):
    publish(memory, C1, "main")
    ours = publish(memory, C2)
    judged(memory, behind(*(f"{number:040x}" for number in range(count)), ours=C2), ours)

    assert (f"GET {NAME}/tags/list" in memory.log) is listed
    assert sum(line.startswith("HEAD") for line in memory.log) == (0 if listed else count)


def index_of(memory: MemoryRegistry, revision: str, *tags: str) -> Digest:
    content = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "annotations": {REVISION: revision}}
    return memory.put(NAME, json.dumps(content).encode(), *tags)


def test_bytes_whose_newer_commit_tag_is_gone_say_themselves_where_they_come_from(memory: MemoryRegistry):
    ours = publish(memory, C1)
    index_of(memory, C3, "main")
    verdict = judged(memory, behind(C4, C3), ours)

    assert (verdict.moves, verdict.newer) == (False, C3)

    index_of(memory, C1, "main")
    assert judged(memory, behind(C4, C3), ours).moves


def test_what_is_no_image_tells_of_no_commit(memory: MemoryRegistry):
    ours = publish(memory, C1)
    memory.put(NAME, json.dumps({"mediaType": "application/x-else", "annotations": {REVISION: C3}}).encode(), "main")

    assert judged(memory, behind(C3), ours).moves


def test_beyond_what_is_looked_at_a_tag_stays(memory: MemoryRegistry):
    publish(memory, C1, "main")
    ours = publish(memory, C2)
    verdict = judged(memory, behind(C4, C3, ours=C2, cut=True), ours)

    assert (verdict.moves, verdict.newer) == (False, None)
    assert f"more than 2 commits ahead of {C2[:12]}" in verdict.why
