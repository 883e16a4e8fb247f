"""The pipelines of the page about deployments: what their jobs run is run, and what is deployed is what crane sees."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pages import ROOT, blocks
from scratch import SMALL, Scratch

PAGE = "docs/how-to/deploy.md"
GITHUB, GITLAB = (yaml.safe_load(block.text) for block in blocks("yaml") if block.page == PAGE)
OUTPUTS = re.findall(r"^\| `(\w+)` \|", (ROOT / PAGE).read_text("utf-8"), re.MULTILINE)


@pytest.fixture
def small(scratch: Scratch, tmp_path: Path) -> Scratch:
    """Give a repository, and a kubectl that writes down what it was told: no cluster is needed to see that."""
    scratch.write({**SMALL, ".gitignore": "*.json\n*.env\n"})
    scratch.commit_all()
    programs = tmp_path / "programs"
    programs.mkdir()
    kubectl = programs / "kubectl"
    kubectl.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/told\n')
    kubectl.chmod(0o755)
    scratch.environ |= {"DOMAIN": scratch.registry, "PATH": f"{programs}:{scratch.environ['PATH']}"}
    return scratch


def pinned(small: Scratch) -> str:
    return f"{small.path}/api:{small.commit}-main@{small.digest('api', 'latest')}"


def outputs(path: Path) -> dict[str, str]:
    """Read the outputs of a step as GitHub's runner does."""
    found = re.findall(r"^(\w+)<<(\S+)\n(.*?)\n\2$", path.read_text(), re.MULTILINE | re.DOTALL)
    return {name: value for name, _, value in found}


def expression(text: str, images: dict[str, Any]) -> str:
    """Return what the one expression of the page gives."""
    assert text == "${{ fromJSON(needs.publish.outputs.images).api.references[0] }}"
    return str(images["api"]["references"][0])


@pytest.mark.engine
def test_github_s_deployment_pins_the_digest_that_crane_sees(small: Scratch, tmp_path: Path):
    output, summary = tmp_path / "output", tmp_path / "summary"
    for path in (output, summary):
        path.touch()
    (push,) = [step for step in GITHUB["jobs"]["publish"]["steps"] if step.get("id") == "push"]
    (deploy,) = GITHUB["jobs"]["deploy"]["steps"]
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_SHA": small.commit,
        "GITHUB_REPOSITORY": small.repository,
        "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary),
        "RUNNER_TEMP": str(tmp_path),
    }

    done = small.run("bash", "-e", "-c", push["run"], **github)
    assert done.code == 0, done.err
    found = outputs(output)
    assert GITHUB["jobs"]["publish"]["outputs"] == {"images": "${{ steps.push.outputs.images }}"}
    reference = expression(deploy["env"]["REFERENCE"], json.loads(found["images"]))
    deployed = small.run("bash", "-e", "-c", deploy["run"], REFERENCE=reference)

    assert deployed.code == 0, deployed.err
    assert (tmp_path / "told").read_text().splitlines() == ["set", "image", "deployment/api", f"api={pinned(small)}"]
    assert sorted(found) == sorted(OUTPUTS)
    assert Path(found["result"]).is_relative_to(tmp_path)


@pytest.mark.engine
def test_gitlab_s_deployment_pins_the_digest_that_crane_sees(small: Scratch, tmp_path: Path):
    for line in GITLAB["publish"]["script"]:
        done = small.run("sh", "-e", "-c", line)
        assert done.code == 0, done.err
    dotenv = (small.root / GITLAB["publish"]["artifacts"]["reports"]["dotenv"]).read_text()
    variables = dict(line.split("=", 1) for line in dotenv.splitlines())

    (line,) = GITLAB["deploy"]["script"]
    deployed = small.run("sh", "-e", "-c", line, **variables)

    assert deployed.code == 0, deployed.err
    assert (tmp_path / "told").read_text().splitlines()[-1] == f"api={pinned(small)}"
    assert all((small.root / path).is_file() for path in GITLAB["publish"]["artifacts"]["paths"])
