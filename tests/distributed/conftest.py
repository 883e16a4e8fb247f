"""Two machines with BuildKit, and a repository whose builder they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from machines import Machines, two_machines
from real_parts import *  # noqa: F403
from scratch import Scratch

BUILD = "[images.api]\n[retry]\naway = 3\nattempts = 1\n"
DOCKERFILE = """\
FROM busybox:1.37
RUN ip -4 -o address show eth0 | awk '{print $4}' > /node; uname -m > /machine
"""


@pytest.fixture(scope="session")
def machines(engine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:  # noqa: ARG001
    """Give two machines for all tests; each test leaves them whole."""
    with two_machines(tmp_path_factory.mktemp("machines")) as made:
        yield made


@pytest.fixture
def spread(machines: Machines, tmp_path: Path) -> Iterator[Scratch]:
    """Give a repository whose build.toml describes the two machines, with builders of its own."""
    scratch = Scratch(tmp_path / "repository", machines.registry)
    scratch.environ["BUILDX_CONFIG"] = str(tmp_path / "buildx")
    scratch.write({"Dockerfile": DOCKERFILE, "build.toml": f"{BUILD}{machines.builder()}"})
    scratch.commit_all()
    yield scratch
    for one in machines.nodes:
        one.mend()
