"""Unit tests touch no socket, start no process and see no CI: what they need comes in as values."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import NoReturn

import pytest

_FOREIGN = ("GITHUB_", "CI", "GITLAB_", "DOCKER_", "BUILDX_", "BUILDKIT_", "ATOMI_", "RUNNER_", "SOURCE_DATE_EPOCH")


@pytest.fixture(autouse=True)
def _no_world(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        pytest.fail("a unit test reached for the world: a socket or a process")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    for name in [name for name in os.environ if name.startswith(_FOREIGN) or name in {"DOMAIN", "LATEST_BRANCH"}]:
        monkeypatch.delenv(name)
