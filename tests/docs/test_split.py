"""The workflows of the page about split runs: what their jobs run is run, with what the matrix and the child pipeline say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from docker_push.ci import scaffold
from docker_push.matrix import INCLUDED
from pages import ROOT, blocks
from scratch import SMALL, Scratch, platforms

PAGE = "docs/how-to/split.md"
CALL, WORKFLOW, PARENT, HIDDEN = (yaml.safe_load(block.text) for block in blocks("yaml") if block.page == PAGE)


@pytest.fixture
def small(scratch: Scratch) -> Scratch:
    scratch.write({**SMALL, ".gitignore": "*.yml\nparts\n", ".dockerignore": "parts\n"})
    scratch.commit_all()
    return scratch


def steps(job: str) -> list[dict[str, Any]]:
    """Return the steps of a job that run something of ours."""
    return [step for step in WORKFLOW["jobs"][job]["steps"] if "docker-push " in step.get("run", "")]


def filled(values: Mapping[str, str], job: Mapping[str, str]) -> dict[str, str]:
    """Return a step's variables with what the matrix says of this job; credentials are not needed here."""
    found = {name: re.fullmatch(r"\$\{\{ matrix\.(\w+) \}\}", text) for name, text in values.items()}
    return {name: job[match[1]] for name, match in found.items() if match}


def test_the_first_way_that_is_shown_is_the_workflow_that_is_there():
    (job,) = CALL["jobs"].values()
    assert (ROOT / job["uses"]).name == "⚡reusable-docker-split.yaml"


def is_published(scratch: Scratch) -> bool:
    return platforms(scratch.manifest("api", "latest")) == {"linux/arm64", "linux/amd64"}


@pytest.mark.engine
def test_github_s_jobs_publish_the_image(small: Scratch, tmp_path: Path):
    (plan,), (stage,), (merge,) = steps("plan"), steps("stage"), steps("merge")
    output = tmp_path / "output"
    output.touch()
    small.environ |= {"RUNNER_TEMP": str(tmp_path), "DOMAIN": small.registry}
    printed = small.run("bash", "-e", "-c", plan["run"], GITHUB_OUTPUT=str(output))
    assert printed.code == 0, printed.err
    matrix = output.read_text().partition("=")[2]

    for job in json.loads(matrix)["include"]:
        done = small.run("bash", "-e", "-c", stage["run"], **filled(stage["env"], job))
        assert done.code == 0, done.err
    done = small.run("bash", "-e", "-c", merge["run"])

    assert done.code == 0, done.err
    assert matrix.count("\n") == 1
    assert is_published(small)


@pytest.mark.engine
def test_gitlab_s_jobs_publish_the_image(small: Scratch):
    (command,) = PARENT["plan"]["script"]
    printed = small.run("sh", "-e", "-c", command, DOMAIN=small.registry)
    assert printed.code == 0, printed.err
    child = yaml.safe_load((small.root / "jobs.yml").read_text())
    jobs = [job for job in child.values() if isinstance(job, dict)]

    for job in sorted(jobs, key=lambda job: child["stages"].index(job["stage"])):
        for line in HIDDEN[job["extends"]]["script"]:
            done = small.run("sh", "-e", "-c", line, DOMAIN=small.registry, **job.get("variables", {}))
            assert done.code == 0, done.err

    assert is_published(small)


def test_the_page_names_the_files_that_the_pipelines_name():
    assert f"`{INCLUDED}`" in (ROOT / PAGE).read_text("utf-8")
    artifact = PARENT["images"]["trigger"]["include"][0]["artifact"]
    assert artifact in PARENT["plan"]["artifacts"]["paths"]
    assert artifact.endswith(".yml")  # GitLab takes no other


def test_the_jobs_that_push_may_push_and_the_one_that_plans_may_not():
    permissions = {name: job.get("permissions") for name, job in WORKFLOW["jobs"].items()}

    pushing = {"contents": "read", "packages": "write"}
    assert permissions == {"plan": {"contents": "read"}, "stage": pushing, "merge": pushing}
    assert {name: job.get("needs") for name, job in WORKFLOW["jobs"].items()} == {
        "plan": None,
        "stage": "plan",
        "merge": "stage",
    }


def test_the_hidden_jobs_that_are_shipped_are_the_page_s():
    assert yaml.safe_load(scaffold.shipped(INCLUDED)) == HIDDEN
