"""An engine of its own for each run: a fresh builder whose cache is empty."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_SCRIPT = Path(__file__).parents[1] / "scripts" / "engine"
_SHARED = ("DOCKER_HOST", "DOCKER_CONFIG", "REGISTRY", "MIRROR")


@contextmanager
def fresh_engine(environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Give the environment of a new engine that has built nothing yet; it is gone afterwards."""
    name = f"bench-{os.getpid()}"
    bare = {key: value for key, value in environ.items() if key not in _SHARED}
    try:
        own = json.loads(_engine("up", "--own", "--format", "json", name, environ=bare))
        yield {**environ, **{key: own[key] for key in ("DOCKER_HOST", "DOCKER_CONFIG")}}
    finally:
        _engine("down", name, environ=bare)


def _engine(*argv: str, environ: Mapping[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, str(_SCRIPT), *argv], env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"scripts/engine {' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout
