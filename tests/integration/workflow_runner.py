"""Workflow files run on this machine by act, with stand-ins for the actions of other repositories alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from scratch import Ran, Scratch

REPOSITORY = Path(__file__).parents[2]
WORKFLOWS = Path(".github/workflows")
ACTIONS = Path(__file__).parent / "actions"
SECRET = "s3cret-of-the-workflow"
RUNNERS = ("ubuntu-latest", "ubuntu-24.04", "ubuntu-24.04-arm")
USES = re.compile(r"uses: ((?!\.)(\S+)@\S+)")


@pytest.fixture
def clone(scratch: Scratch) -> Scratch:
    """Give this repository's tracked files in a repository of the test's own."""
    copy_tracked(scratch.root)
    scratch.commit_all("everything")
    return scratch


def copy_tracked(into: Path) -> None:
    """Copy this repository's tracked files, as they are in the work tree."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, into / name)


def stand_ins(root: Path) -> Iterator[str]:
    """Yield every action of another repository that the workflows use, as it is pinned there, and what stands in for it."""
    texts = [path.read_text("utf-8") for path in (root / WORKFLOWS).iterdir()]
    for action, name in dict.fromkeys(found for text in texts for found in USES.findall(text)):
        folder = ACTIONS / name.rsplit("/", 1)[-1].removeprefix("actions.")
        if folder.is_dir():
            yield f"{action}={folder}"


def act(scratch: Scratch, event: str, workflow: str, payload: dict | None = None, *flags: str, **environ: str) -> Ran:
    """Run a workflow of the scratch repository; artifacts are folders of ``artifacts`` beside it."""
    if shutil.which("act") is None:
        pytest.fail("act is not on the PATH: install the dependency group 'workflows'")
    argv = ["act", event, "--no-skip-checkout", "--workflows", str(WORKFLOWS / workflow)]
    argv += [word for label in RUNNERS for word in ("--platform", f"{label}=-self-hosted")]
    argv += [word for pair in stand_ins(scratch.root) for word in ("--local-repository", pair)]
    argv += ["--var", f"DOCKER_DOMAIN={scratch.registry}", "--secret", f"GITHUB_TOKEN={SECRET}", "--actor", "octocat"]
    if payload is not None:
        path = scratch.root.parent / "event.json"
        path.write_text(json.dumps(payload))
        argv += ["--eventpath", str(path)]
    home = scratch.root.parent / "home"
    home.mkdir(exist_ok=True)
    artifacts(scratch).mkdir(exist_ok=True)
    argv += ["--env", f"ARTIFACTS={artifacts(scratch)}", "--env", f"CHECKOUT={scratch.root}"]
    environ |= {"XDG_CACHE_HOME": str(home), "XDG_CONFIG_HOME": str(home), "ACT_DISABLE_VERSION_CHECK": "1"}
    return scratch.run(*argv, *flags, **environ)


CALL = """\
  docker-{number}:
    uses: ./.github/workflows/{workflow}
    permissions:
      contents: read
      packages: write
    with:
      atomi_platform: ${{{{ github.repository_owner }}}}
      atomi_service: ${{{{ github.event.repository.name }}}}
      image_name: {image}
"""


def call(workflow: str, *images: str, **inputs: str | bool) -> str:
    """Return a workflow that calls one of ours for each image."""
    more = "".join(f"      {name}: {json.dumps(value)}\n" for name, value in inputs.items())
    jobs = [CALL.format(number=number, workflow=workflow, image=image) + more for number, image in enumerate(images)]
    return "on: [push, pull_request]\npermissions: {}\njobs:\n" + "".join(jobs)


def in_front(scratch: Scratch, program: str, script: str) -> None:
    """Put a shell script before a program on the PATH; ``{tool}`` in it is the program."""
    folder = scratch.root.parent / "in front"
    folder.mkdir(exist_ok=True)
    real = shutil.which(program, path=scratch.environ["PATH"]) or ""
    (folder / program).write_text(f"#!/bin/sh\n{script.replace('{tool}', real)}")
    (folder / program).chmod(0o755)
    scratch.environ["PATH"] = f"{folder}{os.pathsep}{scratch.environ['PATH']}"


def merged(scratch: Scratch, files: Mapping[str, str]) -> str:
    """Make a pull request of a change, check out what GitHub would merge of it, and return the head."""
    scratch.git("switch", "--quiet", "--create", "patch")
    scratch.write(files)
    head = scratch.commit_all("a change")
    scratch.git("switch", "--quiet", "--detach", "main")
    scratch.git("merge", "--quiet", "--no-ff", "--message", "Merge the change", "patch")
    scratch.git("push", "--quiet", "origin", "HEAD:refs/pull/12/merge")
    return head


def artifacts(scratch: Scratch) -> Path:
    return scratch.root.parent / "artifacts"


def pushed(scratch: Scratch, ref: str) -> dict:
    """Return the event of a push of what is checked out."""
    return {"ref": ref, "after": scratch.commit, "repository": about(scratch)}


def pull_request(scratch: Scratch, head: str, *, origin: str | None = None) -> dict:
    """Return the event of the pull request 12 of branch ``patch``, whose head is a commit of ``origin``."""
    return {
        "number": 12,
        "repository": about(scratch),
        "pull_request": {
            "number": 12,
            "head": {"sha": head, "ref": "patch", "repo": {"full_name": origin or scratch.repository}},
            "base": {"ref": "main", "sha": scratch.commit, "repo": about(scratch)},
        },
    }


def about(scratch: Scratch) -> dict:
    owner, _, name = scratch.repository.partition("/")
    return {"name": name, "full_name": scratch.repository, "default_branch": "main", "owner": {"login": owner}}
