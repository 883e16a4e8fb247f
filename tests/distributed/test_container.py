"""A builder of the driver docker-container, for real: its image is made here of BuildKit's programs and runc."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from daemons import program
from scratch import SMALL, Scratch, platforms

pytestmark = pytest.mark.engine

DOCKERFILE = """\
FROM busybox:1.37
COPY bin/ /usr/bin/
COPY libraries/ /
ENTRYPOINT ["buildkitd"]
"""


@pytest.fixture
def buildkit(scratch: Scratch, tmp_path: Path) -> Iterator[str]:
    """Give the name of an image of BuildKit in the registry: what moby/buildkit is elsewhere."""
    folder = tmp_path / "image"
    (folder / "bin").mkdir(parents=True)
    runc = Path(shutil.which("runc") or "").resolve()
    for path in (program("buildkitd"), program("buildctl"), runc):
        shutil.copy(path, folder / "bin")
    for path in re.findall(r"(?:=> |^\s*)(/\S+)", subprocess.check_output(["ldd", str(runc)], text=True), re.MULTILINE):
        place = folder / "libraries" / path.removeprefix("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    (folder / "libraries").mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    name = f"{scratch.registry}/buildkit:{uuid4().hex[:8]}"
    for command in (["buildx", "build", "--builder", "default", "--load", "--tag", name, str(folder)], ["push", name]):
        done = scratch.run("docker", *command)
        assert done.code == 0, done.err
    yield name
    scratch.run("docker", "image", "rm", "--force", name)


def containers(scratch: Scratch) -> list[str]:
    return scratch.run(
        "docker", "ps", "--all", "--format", "{{.Names}}", "--filter", "name=buildx_buildkit_"
    ).out.split()


def test_a_push_starts_the_container_builds_in_it_and_down_removes_it(scratch: Scratch, buildkit: str, tmp_path: Path):
    scratch.environ["BUILDX_CONFIG"] = str(tmp_path / "buildx")
    name = f"in-a-container-{uuid4().hex[:6]}"
    builder = f'[builder]\nname = "{name}"\ndriver = "docker-container"\n[[builder.nodes]]\nconfig = "buildkitd.toml"\n'
    options = f'options = {{ image = "{buildkit}", network = "host" }}\n'
    mirror = f'[registry."docker.io"]\nmirrors = ["{os.environ["MIRROR"]}"]\n'
    scratch.write({**SMALL, "build.toml": f"[images.api]\n{builder}{options}", "buildkitd.toml": mirror})
    scratch.commit_all()

    done = scratch.tool("push", "--domain", scratch.registry)
    try:
        assert done.code == 0, done.err
        assert f"Made builder {name} (driver docker-container: here)" in done.err
        assert platforms(scratch.manifest("api", "main")) == {"linux/amd64", "linux/arm64"}
        (running,) = [one for one in containers(scratch) if name in one]
        status = scratch.tool("builder", "status")
        assert (status.code, "running" in status.out) == (0, True), status.err

        scratch.run("docker", "stop", running)
        status = scratch.tool("builder", "status")
        assert (status.code, "running" in status.out) == (0, False), status.err
    finally:
        assert scratch.tool("builder", "down").code == 0
    assert not [one for one in containers(scratch) if name in one]


def test_an_image_of_buildkit_that_is_not_there_leaves_nothing_behind(scratch: Scratch, tmp_path: Path):
    scratch.environ["BUILDX_CONFIG"] = str(tmp_path / "buildx")
    name = f"in-a-container-{uuid4().hex[:6]}"
    node = f'[[builder.nodes]]\noptions = {{ image = "{scratch.registry}/no-such-image:1" }}\n'
    builder = f'[builder]\nname = "{name}"\ndriver = "docker-container"\n{node}'
    scratch.write({**SMALL, "build.toml": f"[images.api]\n{builder}"})
    scratch.commit_all()

    done = scratch.tool("push", "--domain", scratch.registry)

    assert done.code == 7
    assert f"builder {name} cannot be used: " in done.last
    assert "no-such-image" in done.last
    assert name not in scratch.run("docker", "buildx", "ls").out
    assert not [one for one in containers(scratch) if name in one]
