from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push.ancestry import Commits, End, chain
from docker_push.errors import ConfigError
from recorded_programs import RecordedPrograms, completed

Graph = list[tuple[int, ...]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Give the parents of each commit; a commit's parents have smaller numbers."""
    parents: Graph = [()]
    for number in range(1, draw(st.integers(2, 25))):
        line = draw(st.booleans())
        near = st.integers(max(0, number - 3), number - 1) if draw(st.booleans()) else st.integers(0, number - 1)
        parents.append((number - 1,) if line else tuple(draw(st.lists(near, max_size=3, unique=True))))
    return parents


def ancestors(parents: Graph, commit: int) -> set[int]:
    found: set[int] = set()
    waiting = [commit]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += parents[one]
    return found


def visible(parents: Graph, tip: int, depth: int) -> dict[str, list[str]]:
    """Give what a fetch of this depth shows: commits at its edge look like roots (git-fetch(1), --depth)."""
    shown: dict[str, list[str]] = {}
    level = {tip}
    for left in range(depth, 0, -1):
        following = set()
        for commit in level:
            if str(commit) not in shown:
                shown[str(commit)] = [str(one) for one in parents[commit]] if left > 1 else []
                following |= set(parents[commit])
        level = following
    return shown


@given(graphs(), st.integers(1, 30), st.data())
def test_a_part_of_history_says_what_all_of_it_says_or_nothing(parents: Graph, depth: int, data: st.DataObject):
    tip, ours = (data.draw(st.integers(0, len(parents) - 1)) for _ in range(2))

    found, end = chain(visible(parents, tip, depth), str(ours), str(tip))

    if end is End.OURS:
        assert ours in ancestors(parents, tip)
        assert set(map(int, found)) == ancestors(parents, tip) - ancestors(parents, ours)
        assert list(found) == sorted(found, key=int, reverse=True)


@given(graphs(), st.data())
def test_a_line_that_is_seen_to_its_end_is_always_decided(parents: Graph, data: st.DataObject):
    tip = data.draw(st.integers(0, len(parents) - 1))
    line = [tip]
    while len(parents[line[-1]]) == 1:
        line.append(parents[line[-1]][0])
    ours = data.draw(st.sampled_from(line))

    assert chain(visible(parents, tip, len(parents) + 1), str(ours), str(tip))[1] is End.OURS


@pytest.mark.parametrize(
    ("parents", "end"),
    [
        ({"c": ["b"], "b": ["a"]}, End.OURS),
        ({"c": ["b"], "b": []}, End.EDGE),
        ({"c": ["b"]}, End.EDGE),
        ({}, End.EDGE),
        ({"c": ["b"], "b": ["a", "x"]}, End.MERGE),
        ({"c": ["a", "b"], "b": ["a"]}, End.MERGE),
    ],
)
def test_a_walk_ends_at_ours_at_a_merge_or_at_the_edge(parents: dict[str, list[str]], end: End):
    assert chain(parents, "a", "c")[1] is end


def commits(answer: str, status: int = 0) -> Commits:
    programs = {"git": lambda _argv, _input, _environ: completed(answer, status=status)}
    return Commits(runner=RecordedPrograms(environ={}, folder=Path("/src"), programs=programs))


def test_a_commit_is_there_only_where_git_shows_it():
    """A newer git leaves out what is missing and succeeds; an older one fails."""
    assert commits("a\nb\n").has("a", "b")
    assert not commits("a\n").has("a", "b")
    assert not commits("", status=128).has("a")


@pytest.mark.parametrize(("answer", "status"), [("true", 0), ("", 128), ("--is-shallow-repository", 0)])
def test_a_history_is_whole_only_where_git_says_so(answer: str, status: int):
    assert commits(answer, status).is_shallow
    assert not commits("false\n").is_shallow


def test_a_walk_that_git_cannot_make_is_an_error():
    with pytest.raises(ConfigError, match=r"cannot list the commits --left-right --count a\.\.\.b"):
        commits("", status=128).apart("a", "b")
