from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push.slugs import LENGTH, slug
from strategies import branches

# raw -> GITHUB_REF_SLUG, as the action's own script gives it
KNOWN = {
    "main": "main",
    "Main": "main",
    "feature/A_b": "feature-a_b",
    "feat/new_feature": "feat-new_feature",
    "Feature/A#1": "feature-a-1",
    "feature/a-1": "feature-a-1",
    "feature/a#-1": "feature-a--1",
    "v1.2.3": "v1.2.3",
    "v1.2.3+build.5": "v1.2.3-build.5",
    "release/2.x": "release-2.x",
    "12/merge": "12-merge",
    "dependabot/npm_and_yarn/left-pad-1.3.0": "dependabot-npm_and_yarn-left-pad-1.3.0",
    "renovate/configure": "renovate-configure",
    "user@host/fix": "user-host-fix",
    "gh-readonly-queue/main/pr-104-79f0aa1d3c5b7e9f2a4c6e8091b3d5f70a2c4e68": "gh-readonly-queue-main-pr-104-79f0aa1d3c5b7e9f2a4c6e8091b3d5f70",
    "日本語": "",
    "feature/日本語": "feature",
    "fix-é-b": "fix---b",
    "--x--": "x",
    "#x#": "x",
    "x" * 62 + "/y": "x" * 62,
    "x" * 64: "x" * 63,
    "_x_": "_x_",
    "x.": "x.",
}


@pytest.mark.parametrize("raw", KNOWN)
def test_a_slug_is_what_github_s_action_makes_of_the_name(raw: str):
    assert slug(raw) == KNOWN[raw]


@pytest.mark.parametrize(("raw", "expected"), [(".x", "x"), ("..", ""), (".-.x", "x"), ("-.x", "x"), ("/.x", "x")])
def test_no_slug_begins_with_a_dot_because_no_tag_may(raw: str, expected: str):
    assert slug(raw) == expected


def test_the_dot_goes_after_the_cut_so_that_the_action_s_slug_has_the_same_slug():
    of_the_action = "." + "x" * 62

    assert slug(f".{'x' * 70}") == slug(of_the_action) == "x" * 62


def test_characters_whose_lower_case_is_ascii_are_lowered_as_bash_does():
    assert (slug("\u212aelvin"), slug("\u0130stanbul")) == ("kelvin", "istanbul")


@given(branches() | st.text())
def test_a_slug_is_a_tag_or_empty(raw: str):
    assert re.fullmatch(r"([a-z0-9_]([a-z0-9._-]*[a-z0-9._])?)?", slug(raw))
    assert len(slug(raw)) <= LENGTH


@given(branches() | st.text())
def test_slugging_again_changes_nothing(raw: str):
    assert slug(slug(raw)) == slug(raw)
