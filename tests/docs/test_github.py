"""The workflows of every page: they call what is there, with its inputs, and read the outputs that it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from pages import ROOT, Block, blocks

PUSHING = {"contents": "read", "packages": "write"}
READ = re.compile(r"(needs|steps)\.([\w-]+)\.outputs\.([\w-]+)")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
WORKFLOWS = [block for block in blocks("yaml") if "jobs" in yaml.safe_load(block.text)]


def called(path: str) -> dict[str, Any]:
    """Return what a reusable workflow takes and gives; its `on` is a boolean of YAML 1.1."""
    about: dict[str, Any] = yaml.safe_load((ROOT / path).read_text("utf-8"))[True]["workflow_call"]
    return about


def action_steps(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (step for step in job.get("steps", ()) if step.get("uses", "").startswith("AtomiCloud/docker-push@"))


@pytest.mark.parametrize("block", WORKFLOWS, ids=str)
def test_every_job_calls_the_workflow_with_its_own_inputs(block: Block):
    for job in yaml.safe_load(block.text)["jobs"].values():
        if "uses" in job:
            inputs = called(job["uses"])["inputs"]
            assert set(job["with"]) <= set(inputs)
            assert {name for name, value in inputs.items() if value["required"]} <= set(job["with"])
            assert job["permissions"] == PUSHING


@pytest.mark.parametrize("block", WORKFLOWS, ids=str)
def test_every_step_gives_the_action_inputs_that_it_has(block: Block):
    for job in yaml.safe_load(block.text)["jobs"].values():
        for step in action_steps(job):
            assert set(step.get("with", ())) <= set(ACTION["inputs"])
            assert job["permissions"] == PUSHING
            assert job["concurrency"]["cancel-in-progress"] is False


@pytest.mark.parametrize("block", WORKFLOWS, ids=str)
def test_every_output_that_is_read_is_there(block: Block):
    jobs = yaml.safe_load(block.text)["jobs"]
    given = {("needs", name): called(job["uses"])["outputs"] for name, job in jobs.items() if "uses" in job}
    given |= {("needs", name): job["outputs"] for name, job in jobs.items() if "outputs" in job}
    given |= {("steps", step["id"]): ACTION["outputs"] for job in jobs.values() for step in action_steps(job)}
    own = {
        ("steps", step["id"])
        for job in jobs.values()
        for step in job.get("steps", ())
        if "run" in step and "id" in step
    }

    for kind, name, output in READ.findall(block.text):
        assert (kind, name) in own or output in given[kind, name]


@pytest.mark.parametrize("block", WORKFLOWS, ids=str)
def test_no_workflow_of_a_page_has_more_than_it_needs(block: Block):
    workflow = yaml.safe_load(block.text)
    if True in workflow:  # `on`: the whole file is shown, and not its jobs alone
        assert workflow["permissions"] == {}

    steps = [step for job in workflow["jobs"].values() for step in job.get("steps", ())]
    assert [step for step in steps if "${{" in step.get("run", "")] == []
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_pages_show_both_workflows_and_the_action():
    texts = "".join(block.text for block in WORKFLOWS)
    for name in ("⚡reusable-docker.yaml", "⚡reusable-docker-split.yaml", "AtomiCloud/docker-push@"):
        assert name in texts


def test_the_page_names_every_input_and_output_that_is_not_the_pattern_s():
    text = (ROOT / "docs/how-to/github.md").read_text("utf-8")
    workflow = called(".github/workflows/⚡reusable-docker.yaml")

    names = {*workflow["inputs"], *workflow["outputs"], *ACTION["outputs"]} - {"dockerfile", "context", "platform"}
    assert [name for name in names if f"`{name}" not in text and f"{name}:" not in text] == []
