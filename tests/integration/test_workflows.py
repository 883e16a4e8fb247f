"""The workflow files as they are, run by act into the real engine and registry; the tags are read back with crane."""

from __future__ import annotations

import pytest
import yaml

from scratch import Scratch, platforms
from workflow_runner import REPOSITORY, SECRET, act, clone, pull_request, pushed

__all__ = ["clone"]
pytestmark = [pytest.mark.engine, pytest.mark.act]


def test_ci_on_the_default_branch_publishes_both_images(clone: Scratch):
    done = act(clone, "push", "ci.yml", pushed(clone, "refs/heads/main"))

    assert done.code == 0, done.out + done.err
    for image in ("api", "worker"):
        assert clone.tags(image) == {f"{clone.commit}-main", "main", "latest"}
    assert platforms(clone.manifest("api", "latest")) == {"linux/amd64", "linux/arm64"}
    assert platforms(clone.manifest("worker", "latest")) == {"linux/amd64"}
    assert clone.config("worker", "latest")["config"]["Cmd"] == ["/bin/worker"]


def test_ci_on_another_branch_gives_no_latest(clone: Scratch):
    clone.git("switch", "--quiet", "--create", "feature/A_b")

    done = act(clone, "push", "ci.yml", pushed(clone, "refs/heads/feature/A_b"))

    assert done.code == 0, done.out + done.err
    assert clone.tags("api") == {f"{clone.commit}-feature-a_b", "feature-a_b"}


def test_cd_publishes_the_version(clone: Scratch):
    clone.git("tag", "v1.2.3")

    done = act(clone, "push", "cd.yml", pushed(clone, "refs/tags/v1.2.3"))

    assert done.code == 0, done.out + done.err
    for image in ("api", "worker"):
        assert clone.tags(image) == {f"{clone.commit}-v1.2.3", "v1.2.3"}


def test_a_broken_image_fails_its_job_and_moves_nothing(clone: Scratch):
    clone.write({"Dockerfile": "FROM busybox:1.37\nRUN exit 3\n"})
    clone.commit_all()

    done = act(clone, "push", "ci.yml", pushed(clone, "refs/heads/main"), "--job", "docker-api")

    assert done.code != 0
    assert "image api" in done.out + done.err
    assert clone.tags("api") == set()


def test_a_pull_request_from_a_fork_pushes_nothing(clone: Scratch):
    clone.git("switch", "--quiet", "--create", "patch")
    payload = pull_request(clone, clone.commit, origin="stranger/fork")

    done = act(clone, "pull_request", "ci.yml", payload, "--job", "docker-worker")

    assert done.code == 0, done.out + done.err
    assert clone.tags("worker") == set()


def test_the_token_is_in_no_output(clone: Scratch):
    done = act(
        clone, "push", "ci.yml", pushed(clone, "refs/heads/main"), "--job", "docker-worker", "--insecure-secrets"
    )

    assert done.code == 0, done.out + done.err
    assert SECRET not in done.out + done.err


def test_the_workflow_s_inputs_are_the_pattern_s():
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/⚡reusable-docker.yaml").read_text("utf-8"))
    inputs = workflow[True]["workflow_call"]["inputs"]  # `on` is a boolean of YAML 1.1

    assert {name: value["required"] for name, value in inputs.items()} == {
        "atomi_platform": True,
        "atomi_service": True,
        "image_name": True,
        "dockerfile": False,
        "context": False,
        "platform": False,
        "version": False,
    }
    assert not [name for name, value in inputs.items() if "default" in value]
    assert "permissions" not in workflow
    assert "permissions" not in workflow["jobs"]["docker"]


def test_no_script_of_a_workflow_holds_an_expression():
    for path in (REPOSITORY / ".github/workflows").iterdir():
        jobs = yaml.safe_load(path.read_text("utf-8"))["jobs"].values()
        scripts = [step["run"] for job in jobs for step in job.get("steps", ()) if "run" in step]
        assert [script for script in scripts if "${{" in script] == [], path.name
