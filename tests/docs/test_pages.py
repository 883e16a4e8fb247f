"""Nothing in the documentation that is not true: every block is run or checked, every link leads somewhere."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest
import tomli
import yaml

from docker_push import config
from pages import ROOT, Block, blocks, pages
from scratch import Scratch

LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)[^)]*\)")
# Commands that cannot run in a scratch repository, and the test that runs them all the same.
ELSEWHERE = {
    "pip install docker-push": "tests/package/test_wheel.py",
    "./scripts/quickstart": "tests/integration/test_scripts.py",
    "./scripts/test": "the way in which these tests are run",
}


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_every_toml_block_is_a_build_toml(block: Block):
    config.parse(block.text.encode(), block.page)

    schema = json.loads((ROOT / "src/docker_push/build.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(tomli.loads(block.text))


COMMANDS = [block for block in blocks("bash") if block.page != "docs/how-to/builders.md"]  # which test_builders.py runs


@pytest.mark.engine
@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_every_command_runs(scratch: Scratch, block: Block):
    lines = [line for line in block.text.splitlines() if line.strip() and line.split(" #")[0].strip() not in ELSEWHERE]
    commands = [line for line in lines if not is_for_contributors(block)]
    furnish(scratch, block)

    for command in commands:
        done = scratch.run("bash", "-euc", command, DOMAIN=scratch.registry)
        assert done.code == 0, f"{command}\n{done.err}"


def is_for_contributors(block: Block) -> bool:
    """Tell a command of CONTRIBUTING.md: those run this repository's own checks, of which this test is one."""
    return block.page == "CONTRIBUTING.md"


def furnish(scratch: Scratch, block: Block) -> None:
    """Make the scratch repository what the page speaks of: the example, or this repository's images and a tasks.py."""
    folder = ROOT / block.page.rsplit("/", 1)[0] if block.page.startswith("examples/") else None
    if folder:
        shutil.copytree(folder, scratch.root, dirs_exist_ok=True)
    else:
        for name in ("Dockerfile", ".dockerignore", "build.toml", "tasks.py"):
            shutil.copy(ROOT / name, scratch.root / name)
        shutil.copytree(ROOT / "infra", scratch.root / "infra")
    scratch.commit_all()
    if folder and "publish" in block.text:
        return
    if "docker-push tag" in block.text:
        scratch.run("docker-push", "build", DOMAIN=scratch.registry)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_every_python_block_gives_the_tasks(block: Block):
    names: dict[str, object] = {}
    exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 - the page's own text

    assert "docker.push" in names["namespace"].task_names  # type: ignore[attr-defined]


HOOKS = [block for block in blocks("yaml") if "repos:" in block.text]


@pytest.mark.parametrize("block", HOOKS, ids=str)
def test_every_hook_is_one_of_ours(block: Block):
    ours = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}

    assert {hook["id"] for repo in yaml.safe_load(block.text)["repos"] for hook in repo["hooks"]} <= ours


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path):
    gone = [target for target in LINK.findall(page.read_text("utf-8")) if not (page.parent / target).exists()]

    assert gone == []


def test_every_kind_of_block_is_looked_at():
    known = {"toml", "bash", "python", "yaml", "mermaid", "text", "json"}

    assert {block.language for block in blocks(*known, "", "sh", "console")} <= known


def test_what_runs_elsewhere_really_does():
    for place in ELSEWHERE.values():
        assert not place.startswith("tests/") or (ROOT / place).is_file()


def test_the_comparison_with_other_tools_was_measured():
    """`nox -s compare` writes it: every row of the table, and a cell for each tool."""
    text = (ROOT / "docs/explanation/guarantees.md").read_text("utf-8")
    table = text.partition("<!-- compare: begin -->")[2].partition("<!-- compare: end -->")[0]
    rows = [line.split("|")[1:-1] for line in table.strip().splitlines()]

    assert [row[0].strip()[:3] for row in rows[2:]] == [
        "non",
        *("R01", "R02", "R03", "R04", "R05", "R06", "R07", "R26", "R28"),
    ]
    assert {len([cell for cell in row if cell.strip()]) for row in rows} == {5}
