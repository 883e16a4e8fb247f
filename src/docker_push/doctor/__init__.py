"""Everything that a run needs, looked at without building: what is there, what is wrong, what to do next.

It works where things are broken, for that is when it is asked: what cannot be read is one of its findings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from docker_push.doctor import complete, partial
from docker_push.doctor.rendering import document, text
from docker_push.errors import DockerPushError, InterruptedRunError
from docker_push.options import Flags
from docker_push.preflight import refuse
from docker_push.preflight.model import Area, Check, Health
from docker_push.run import Surroundings, opened

__all__ = ["document", "examine", "outcome", "text"]


def examine(surroundings: Surroundings, flags: Flags) -> tuple[Check, ...]:
    """Look at everything that can be looked at; raises InterruptedRunError alone."""
    try:
        with opened(surroundings, flags) as run:
            found = [check.redacted(run.runner.redact) for check in complete.checks(run)]
    except InterruptedRunError:
        raise
    except DockerPushError as error:
        found = list(partial.checks(surroundings, flags, error))
    order = list(Area)
    return tuple(said_once(sorted(found, key=lambda check: order.index(check.area))))


def said_once(checks: Iterable[Check]) -> Iterable[Check]:
    """Give checks so that one fault fails one of them: without docker there is no builder either."""
    said: dict[str, str] = {}
    for check in checks:
        if check.error is None or check.error.message not in said:
            yield check
        else:
            found = f"{check.found}: see {said[check.error.message]}"
            yield replace(check, health=Health.SKIPPED, found=found, error=None)
        if check.error:
            said.setdefault(check.error.message, check.subject)


def outcome(checks: Iterable[Check]) -> DockerPushError | None:
    """Return the error that the examination ends with, ``None`` where nothing failed."""
    try:
        refuse(checks)
    except DockerPushError as error:
        return error
    return None
