"""The page about builders: its commands, with a builder that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from pages import Block, blocks
from remote_builder import buildkit_socket
from scratch import SMALL, Scratch

PAGE = "docs/how-to/builders.md"


@pytest.mark.engine
@pytest.mark.parametrize("block", [block for block in blocks("bash") if block.page == PAGE], ids=str)
def test_its_commands_run(scratch: Scratch, block: Block, tmp_path: Path):
    with buildkit_socket(dict(scratch.environ)) as endpoint:  # by another buildx: one waits for the lock of the other
        scratch.environ["BUILDX_CONFIG"] = str(tmp_path / "buildx")
        node = f'[builder]\ndriver = "remote"\n[[builder.nodes]]\nendpoint = "{endpoint}"\n'
        scratch.write({**SMALL, "build.toml": f"[images.api]\n{node}"})
        scratch.commit_all()

        for command in block.text.splitlines():
            done = scratch.run("bash", "-euc", command, DOMAIN=scratch.registry)
            assert done.code == 0, f"{command}\n{done.err}"
