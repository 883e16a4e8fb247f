"""What is checked before anything is built, as values: each check with what it found and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from docker_push.errors import DockerPushError


class Health(str, Enum):
    """How a check ended."""

    GOOD = "good"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"  # what it needs failed before, or the run does not need it


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check: ``subject`` is what was looked at (``push to ghcr.io/acme/api``), ``found`` what was seen.

    ``error`` is there where it failed: cause, next step and exit code. ``hint`` is the next step of a warning.
    """

    subject: str
    health: Health
    found: str
    hint: str = ""
    error: DockerPushError | None = None
