from __future__ import annotations

import json
import os

import pytest

import captured
from docker_push.plan import plan

TAGS = {
    "branch-push": ["{commit}-feature-a_b", "feature-a_b"],
    "default-branch-push": ["{commit}-main", "main", "latest"],
    "detached-head": ["{commit}-release-2.x", "release-2.x", "latest"],
    "dispatch": ["{commit}-main", "main", "nightly", "latest"],
    "gitlab-branch": ["{commit}-feature-login_2", "feature-login_2"],
    "gitlab-merge-request": ["{commit}-pr-12", "pr-12"],
    "gitlab-tag": ["{commit}-v2.0.0-rc.1", "v2.0.0-rc.1"],
    "laptop-clean": ["{commit}-feature-a_b", "feature-a_b"],
    "laptop-dirty": ["{commit}-main-dirty"],
    "merge-queue": ["{commit}-gh-readonly-queue-main-pr-104-b28b7af69320201d1cf206ebf28373980"],
    "pull-request": ["{commit}-pr-12", "pr-12"],
    "seed-script": ["{commit}-main", "main", "latest"],
    "tag-push": ["{commit}-v1.2.3", "1.2", "1", "v1.2.3", "latest"],
}
BUILT_ONLY = {"fork-pull-request"}
REWRITE = "DOCKER_PUSH_REWRITE" in os.environ  # `nox -s fresh`; read before a test sees an environment without it


def test_every_case_is_looked_at():
    assert set(captured.cases()) == set(TAGS) | BUILT_ONLY


@pytest.mark.parametrize("case", captured.cases())
def test_the_context_is_the_one_written_down(case: str):
    one = captured.load(case)
    golden = one.folder / "context.json"
    found = json.dumps(captured.context_json(one.context), indent=2) + "\n"
    if REWRITE:
        golden.write_text(found, "utf-8")

    assert found == golden.read_text("utf-8")


@pytest.mark.parametrize("case", sorted(TAGS))
def test_the_tags_are_those_of_the_design(case: str):
    one = captured.load(case)
    expected = [tag.format(commit=one.context.commit) for tag in TAGS[case]]

    for image in plan(one.options, one.context).published:
        assert [str(planned.tag) for planned in image.tags] == expected


@pytest.mark.parametrize("case", sorted(BUILT_ONLY))
def test_what_a_stranger_wrote_is_built_and_nothing_is_published(case: str):
    one = captured.load(case)

    assert plan(one.options, one.context).published == ()


def test_a_pull_request_is_named_after_its_head_and_labelled_with_what_is_checked_out():
    one = captured.load("pull-request")

    assert one.payload is not None
    assert one.facts is not None
    assert one.context.commit == one.payload["pull_request"]["head"]["sha"]
    assert one.context.revision == one.facts.commit == one.environ["GITHUB_SHA"]


@pytest.mark.parametrize("case", captured.cases())
def test_no_case_holds_a_secret(case: str):
    words = ("PASSWORD", "TOKEN", "SECRET", "KEY")

    assert not [name for name in captured.load(case).environ if any(word in name for word in words)]
