"""A check as a value: what was looked at, what was found, and what to do next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from docker_push.errors import DockerPushError, InterruptedRunError


class Health(str, Enum):
    """How a check ended."""

    GOOD = "good"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"  # what it needs failed before, or the run does not need it


class Area(str, Enum):
    """What a check is about."""

    CONFIGURATION = "configuration"
    GIT = "git"
    DOCKER = "docker"
    BUILDER = "builder"
    REGISTRY = "registry"
    NETWORK = "network"
    DISK = "disk"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check: ``subject`` is what was looked at (``push to ghcr.io/acme/api``), ``found`` what was seen.

    ``error`` is there where it failed: cause, next step and exit code. ``hint`` is the next step of a warning. ``notes``
    are further lines for a reader who wants to know more. ``image`` is the one image that a failure stops, where it does
    not stop the run.
    """

    subject: str
    health: Health
    found: str
    hint: str = ""
    error: DockerPushError | None = None
    area: Area = Area.CONFIGURATION
    notes: tuple[str, ...] = ()
    image: str = ""

    @property
    def is_failed(self) -> bool:
        """Tell whether the run cannot go on."""
        return self.health is Health.FAILED

    @property
    def next_step(self) -> str:
        """Return what to do, empty where there is nothing to do."""
        return self.error.hint if self.error else self.hint

    def redacted(self, redact: Callable[[str], str]) -> Check:
        """Return the check without secrets, which a program or a server may have repeated; its error in place."""
        if self.error:
            self.error.message, self.error.hint = redact(self.error.message), redact(self.error.hint)
            self.error.details = tuple(map(redact, self.error.details))
        notes = tuple(map(redact, self.notes))
        return replace(self, found=redact(self.found), hint=redact(self.hint), notes=notes)


def good(area: Area, subject: str, found: str, notes: tuple[str, ...] = ()) -> Check:
    """Return a check that found what it wanted."""
    return Check(area=area, subject=subject, health=Health.GOOD, found=found, notes=notes)


def warning(area: Area, subject: str, found: str, hint: str) -> Check:
    """Return a check that found something the reader should know, which does not stop the run."""
    return Check(area=area, subject=subject, health=Health.WARNING, found=found, hint=hint)


def failed(area: Area, subject: str, error: DockerPushError) -> Check:
    """Return a check that failed with ``error``."""
    return Check(area=area, subject=subject, health=Health.FAILED, found=error.message, error=error)


def skipped(area: Area, subject: str, why: str) -> Check:
    """Return a check that was not made, and why."""
    return Check(area=area, subject=subject, health=Health.SKIPPED, found=why)


def attempted(area: Area, subject: str, work: Callable[[], str]) -> Check:
    """Do ``work``, which returns what it found: an error is a check that failed, a signal still ends the run."""
    try:
        return good(area, subject, work())
    except InterruptedRunError:
        raise
    except DockerPushError as error:
        return failed(area, subject, error)
