"""R32: branches whose names are programs, paths and flags: nothing runs, nothing is named wrongly.

Slugs of any text at all are tests/unit/test_slugs.py's; here real processes get the worst of them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from proxied_scratch import ProxiedScratch

pytestmark = pytest.mark.engine

TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
# a name that is run as a program, by whatever reads it, makes the file canary
NAMES = [
    'zzz";touch${IFS}canary;#',
    "$(touch${IFS}canary)`touch${IFS}canary`",
    "a|touch${IFS}canary&&touch${IFS}canary",
    "${x}%{x}$${x}{{.Tag}},a=b@c+d",
    "latest",
    "f" * 40 + "-main",
    "日本語/🚀\u202e",
]
NO_BRANCHES = ["--output=type=local", "../..", "a\nb", "a b\x1b[2J"]  # git has none of these names; a variable may


def assert_planned(case: ProxiedScratch, name: str, **environ: str) -> None:
    """Plan a push of the branch: valid tags that no other kind has, or a refusal in one line."""
    done = case.run("docker-push", "plan", "--offline", "--format", "json", **environ)

    assert not list(case.folder.rglob("canary")), name
    assert "Traceback" not in done.err
    assert "\x1b" not in done.out + done.err
    if done.code:
        assert (done.code, done.last[:13]) == (2, "docker-push: "), (name, done.err)
        return
    tags = json.loads(done.out)["images"][0]["tags"]
    assert [tag for tag in tags if not TAG.fullmatch(tag["tag"])] == [], name
    branch = [tag["tag"] for tag in tags if tag["kind"] == "branch"]
    assert [
        tag for tag in branch if tag == "latest" or re.fullmatch(r"v?\d+(\.\d+){0,2}|[0-9a-f]{40}-.*", tag)
    ] == [], name


def test_r32_a_branch_s_name_from_ci_is_never_a_program(case: ProxiedScratch):
    for name in [*NAMES, *NO_BRANCHES]:
        assert_planned(
            case,
            name,
            GITHUB_ACTIONS="true",
            GITHUB_EVENT_NAME="push",
            GITHUB_REF=f"refs/heads/{name}",
            GITHUB_REF_NAME=name,
            GITHUB_REF_TYPE="branch",
            GITHUB_SHA=case.commit,
            GITHUB_REPOSITORY=case.repository,
        )


def test_r32_a_branch_s_slug_from_the_workflow_is_never_a_program(case: ProxiedScratch):
    for name in [*NAMES, *NO_BRANCHES]:
        assert_planned(case, name, GITHUB_BRANCH=name, GITHUB_SHA=case.commit, GITHUB_REPO_REF=case.repository)


def test_r32_a_branch_s_name_from_git_is_never_a_program(case: ProxiedScratch):
    for name in NAMES:
        assert case.run("git", "check-ref-format", "--branch", name).code == 0, name
        case.git("update-ref", f"refs/heads/{name}", "HEAD")
        case.git("symbolic-ref", "HEAD", f"refs/heads/{name}")
        assert_planned(case, name)


@pytest.mark.parametrize("name", [NAMES[0], "$(touch${IFS}canary)", "${x}%{y},a"])
def test_r32_a_hostile_branch_is_pushed_like_any_other(case: ProxiedScratch, name: str):
    case.git("checkout", "--quiet", "-b", name)
    case.change()

    done = case.push()

    assert done.code == 0, done.err
    tags = case.tags("api")
    assert len({case.digest("api", tag) for tag in tags}) == 1
    assert "latest" not in tags
    assert len(tags) == 2
    assert not list(case.folder.rglob("canary"))
    assert not Path("canary").exists()
