"""The example repositories do what they say; what comes out is read back with crane."""

from __future__ import annotations

import shutil

import pytest

from pages import ROOT
from scratch import Scratch, platforms

pytestmark = pytest.mark.engine


def test_one_image_is_built_on_the_other(scratch: Scratch):
    shutil.copytree(ROOT / "examples/two-images", scratch.root, dirs_exist_ok=True)
    scratch.commit_all()

    done = scratch.run("invoke", "docker.push", DOMAIN=scratch.registry)

    assert done.code == 0, done.err
    assert scratch.tags("api") == scratch.tags("base") == {f"{scratch.commit}-main", "main", "latest"}
    assert platforms(scratch.manifest("api", "main")) == {"linux/arm64", "linux/amd64"}
    greeting = scratch.run(
        "sh", "-c", 'crane export --platform linux/arm64 "$1" - | tar -xO greeting', "-", f"{scratch.path}/api:main"
    )
    assert greeting.out == "hello from aarch64\n"


def test_no_tasks_py_is_needed(scratch: Scratch):
    shutil.copytree(ROOT / "examples/no-tasks", scratch.root, dirs_exist_ok=True)
    scratch.commit_all()

    done = scratch.run("docker-push", "push", "--image", "api", DOMAIN=scratch.registry)

    assert done.code == 0, done.err
    assert scratch.config("api", "main")["config"]["Cmd"] == ["echo", "hello"]
