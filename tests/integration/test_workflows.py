"""The workflow files as they are, run by act into the real engine and registry; the tags are read back with crane."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from scratch import Ran, Scratch, platforms

pytestmark = [pytest.mark.engine, pytest.mark.act]

REPOSITORY = Path(__file__).parents[2]
ACTIONS = Path(__file__).parent / "actions"
SECRET = "s3cret-of-the-workflow"


@pytest.fixture
def clone(scratch: Scratch) -> Scratch:
    """Give this repository's tracked files, as they are in the work tree, in a repository of the test's own."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (scratch.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, scratch.root / name)
    scratch.commit_all("everything")
    return scratch


def used_actions() -> list[str]:
    """Return every action of another repository that the workflow uses, as it is pinned there."""
    text = (REPOSITORY / ".github/workflows/⚡reusable-docker.yaml").read_text("utf-8")
    return re.findall(r"uses: ((?!\.)\S+@\S+)", text)


def act(clone: Scratch, event: str, workflow: str, payload: dict | None = None, *flags: str) -> Ran:
    """Run a workflow with act on this machine, with stand-ins for the two actions of other repositories alone."""
    if shutil.which("act") is None:
        pytest.fail("act is not on the PATH: install the dependency group 'workflows'")
    argv = ["act", event, "--workflows", f".github/workflows/{workflow}", "--platform", "ubuntu-latest=-self-hosted"]
    for action in used_actions():
        name = "checkout" if action.startswith("actions/checkout@") else "setup-docker"
        argv += ["--local-repository", f"{action}={ACTIONS / name}"]
    argv += ["--var", f"DOCKER_DOMAIN={clone.registry}", "--secret", f"GITHUB_TOKEN={SECRET}", "--actor", "octocat"]
    if payload is not None:
        path = clone.root.parent / "event.json"
        path.write_text(json.dumps(payload))
        argv += ["--eventpath", str(path)]
    home = clone.root.parent / "home"
    home.mkdir(exist_ok=True)
    return clone.run(*argv, *flags, XDG_CACHE_HOME=str(home), XDG_CONFIG_HOME=str(home), ACT_DISABLE_VERSION_CHECK="1")


def pushed(clone: Scratch, ref: str) -> dict:
    owner, _, name = clone.repository.partition("/")
    about = {"name": name, "full_name": clone.repository, "default_branch": "main", "owner": {"login": owner}}
    return {"ref": ref, "after": clone.commit, "repository": about}


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
    about = pushed(clone, "")["repository"]
    payload = {
        "number": 12,
        "repository": about,
        "pull_request": {
            "number": 12,
            "head": {"sha": clone.commit, "ref": "patch", "repo": {"full_name": "stranger/fork"}},
            "base": {"ref": "main", "sha": clone.commit, "repo": about},
        },
    }

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
