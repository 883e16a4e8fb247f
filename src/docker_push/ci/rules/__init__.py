"""Where the jobs of a CI and build.toml disagree: ``images``, ``inputs``, ``safety``. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from docker_push.ci.model import Ci, Finding, Read, Wanted
from docker_push.ci.rules import images, inputs, safety


def findings(ci: Ci, read: Read, wanted: Wanted) -> Iterator[Finding]:
    """Yield everything that is to be said of a CI's jobs."""
    yield from read.notes
    yield from images.findings(ci, read, wanted)
    for job in read.jobs:
        yield from inputs.findings(job, wanted)
        yield from safety.findings(job, wanted)
