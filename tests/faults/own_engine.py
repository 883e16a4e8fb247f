"""A Docker engine that a test may kill, beside the one that all share."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from registry_process import unavailable

_SCRIPT = Path(__file__).parents[2] / "scripts" / "engine"


@dataclass(frozen=True, kw_only=True)
class OwnEngine:
    """An engine of the test's own: ``environ`` leads to it."""

    name: str
    state: Path
    environ: dict[str, str]

    @property
    def pid(self) -> int:
        """Return the process id of its dockerd."""
        socket = Path(self.environ["DOCKER_HOST"].removeprefix("unix://"))
        return int(socket.with_name("dockerd.pid").read_text())

    def kill(self) -> None:
        """End dockerd as a machine without memory would."""
        os.kill(self.pid, signal.SIGKILL)

    def start(self) -> None:
        """Start it again after ``kill``."""
        _engine("up", "--own", self.name, state=self.state)


@contextmanager
def own_engine(folder: Path) -> Iterator[OwnEngine]:
    """Run an engine with all of its files in ``folder``, and take it away again."""
    name = f"faults-{os.getpid()}"
    try:
        done = _engine("up", "--own", "--format", "json", name, state=folder)
        yield OwnEngine(name=name, state=folder, environ=json.loads(done))
    finally:
        _engine("down", name, state=folder)


def _engine(*argv: str, state: Path) -> str:
    environ = {**os.environ, "XDG_STATE_HOME": str(state)}
    for name in ("DOCKER_HOST", "DOCKER_CONFIG", "REGISTRY", "MIRROR"):
        environ.pop(name, None)
    done = subprocess.run(
        [sys.executable, str(_SCRIPT), *argv], env=environ, capture_output=True, text=True, check=False, timeout=180
    )
    if done.returncode != 0:
        unavailable(f"An engine of the test's own cannot be had: {done.stderr.strip()}.")
    return done.stdout
