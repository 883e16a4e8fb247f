"""The action of action.yml as a step, run by act in a repository without Python; the tags are read back with crane."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tomli
import yaml

from pages import blocks
from scratch import SMALL, Scratch
from workflow_runner import REPOSITORY, act, copy_tracked, in_front, pushed

pytestmark = [pytest.mark.engine, pytest.mark.act]

(PAGE,) = (block.text for block in blocks("yaml") if "AtomiCloud/docker-push@" in block.text)
(USES,) = (
    step["uses"] for step in yaml.safe_load(PAGE)["jobs"]["images"]["steps"] if "docker-push@" in step.get("uses", "")
)
PRINTED = 'printf "<%s>\\n" "$@"\n'


@pytest.fixture
def other(scratch: Scratch) -> Scratch:
    """Give a repository that has the page's workflow and nothing of ours."""
    scratch.write({**SMALL, ".github/workflows/images.yml": PAGE})
    scratch.commit_all()
    return scratch


def test_the_page_s_workflow_publishes_with_the_version_at_the_action_s_ref(other: Scratch, tmp_path: Path):
    copy_tracked(tmp_path / "action")
    in_front(other, "docker-push", "echo 'another version' >&2; exit 99\n")
    domain = f"DOMAIN={other.registry}"

    done = act(
        other,
        "push",
        "images.yml",
        pushed(other, "refs/heads/main"),
        *("--local-repository", f"{USES}={tmp_path / 'action'}", "--env", domain),
    )

    assert done.code == 0, done.out + done.err
    assert {f"{other.commit}-main", "main", "latest"} == other.tags("api")
    assert "another version" not in done.out + done.err


INSIDE = """\
on: push
jobs:
  images:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7
      - uses: {uses}
        with:
          task: list
          working-directory: a folder
"""


def test_a_folder_may_have_a_build_toml_of_its_own(scratch: Scratch, tmp_path: Path):
    copy_tracked(tmp_path / "action")
    inside = {f"a folder/{name}": text for name, text in SMALL.items()}
    scratch.write({**inside, ".github/workflows/images.yml": INSIDE.format(uses=USES)})
    scratch.commit_all()

    local = ("--local-repository", f"{USES}={tmp_path / 'action'}")
    done = act(scratch, "push", "images.yml", pushed(scratch, "refs/heads/main"), *local)

    assert done.code == 0, done.out + done.err
    assert "| api" in done.out


def test_the_page_names_the_version_that_this_is():
    project = tomli.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]

    assert f"AtomiCloud/docker-push@v{project['version']}" == USES


def step(scratch: Scratch, **variables: str) -> list[str]:
    """Return the arguments that the step's script hands to the tool."""
    in_front(scratch, "docker-push", PRINTED)
    done = scratch.run(str(REPOSITORY / "scripts/ci/action.sh"), **variables)
    assert done.code == 0, done.err
    return done.out.removesuffix("\n").split("\n")


def test_a_line_is_one_value_whatever_is_in_it(scratch: Scratch):
    found = step(
        scratch,
        TASK="push",
        IMAGE="api\n\n$(touch canary) *\r\n",
        PLATFORM="linux/amd64",
        VERSION="v1.2.3",
        ARGUMENTS='--keep-going\n--tag=it\'s `night` "ly"\n  --report\na b.json',
    )

    assert found == [
        "<push>",
        "<--image=api>",
        "<--image=$(touch canary) *>",
        "<--platform=linux/amd64>",
        "<--version=v1.2.3>",
        "<--keep-going>",
        '<--tag=it\'s `night` "ly">',
        "<  --report>",
        "<a b.json>",
    ]
    assert not (scratch.root / "canary").exists()


def test_without_any_input_all_images_are_pushed(scratch: Scratch):
    assert step(scratch, TASK="", IMAGE="", ARGUMENTS="\n\n") == ["<push>"]


def test_the_action_s_step_holds_no_expression_and_gives_what_its_tool_gives():
    action = yaml.safe_load((REPOSITORY / "action.yml").read_text("utf-8"))
    (run,) = action["runs"]["steps"]

    assert "${{" not in run["run"]
    assert {name: about["value"] for name, about in action["outputs"].items()} == {
        name: f"${{{{ steps.run.outputs.{name} }}}}"
        for name in ("references", "images", "digest", "reference", "result")
    }
    script = REPOSITORY / "scripts/ci/action.sh"
    assert shutil.which(str(script)) == str(script)
