"""One image, two machines: each builds its own platform, and docker-push publishes one index."""

from __future__ import annotations

import io
import tarfile

import pytest

from machines import Machines
from scratch import Scratch, platforms

pytestmark = pytest.mark.engine


def file_of(scratch: Scratch, platform: str, path: str) -> str:
    """Return a file of the published image, as crane exports it."""
    import subprocess  # noqa: PLC0415

    name = f"{scratch.path}/api:main"
    argv = ["crane", "export", "--platform", platform, name, "-"]
    done = subprocess.run(argv, env=scratch.environ, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        member = archive.extractfile(path)
        assert member
        return member.read().decode().strip()


def test_each_node_builds_its_own_platform_and_one_index_is_published(spread: Scratch, machines: Machines):
    done = spread.tool("push", "--domain", machines.registry)

    assert done.code == 0, done.err
    assert "Made builder docker-push-" in done.err
    assert platforms(spread.manifest("api", "main")) == {"linux/amd64", "linux/arm64"}
    built_on = {one: file_of(spread, one, "node").partition("/")[0] for one in ("linux/amd64", "linux/arm64")}
    assert built_on == {
        "linux/amd64": machines.nodes[0].host.address,
        "linux/arm64": machines.nodes[1].host.address,
    }
    assert file_of(spread, "linux/arm64", "machine") == "aarch64"
