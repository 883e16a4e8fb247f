"""Checks as text for people and as JSON for machines. Pure: nothing here prints.

The marks are words, so that they survive a terminal that has no other characters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from docker_push.errors import DockerPushError
from docker_push.preflight.model import Check, Health
from docker_push.printable import printable

SCHEMA = 1
_MARKS = {Health.GOOD: "ok", Health.WARNING: "warn", Health.FAILED: "FAIL", Health.SKIPPED: "skip"}
_WIDTH = 44  # characters of a subject that others are aligned with; a longer one stands out


def text(checks: Sequence[Check]) -> str:
    """Return a line for each check, its next step below it, and the sum at the end."""
    width = max((len(check.subject) for check in checks if len(check.subject) <= _WIDTH), default=0)
    lines = [line for check in checks for line in _lines(check, width)]
    return printable("\n".join([*lines, "", summary(checks)]))


def _lines(check: Check, width: int) -> Iterator[str]:
    yield f"{_MARKS[check.health]:<4}  {_flat(check.subject).ljust(width)}  {_flat(check.found)}".rstrip()
    if check.health in {Health.WARNING, Health.FAILED}:
        details = check.error.details if check.error else ()
        yield from (f"        {_flat(line)}" for line in (*details, *check.notes))
        if check.next_step:
            yield f"      > {_flat(check.next_step)}"


def summary(checks: Sequence[Check]) -> str:
    """Return how many checks ended how."""
    count = Counter(check.health for check in checks)
    return ", ".join(f"{count[health]} {mark}" for health, mark in _MARKS.items())


def document(checks: Sequence[Check], error: DockerPushError | None) -> dict[str, object]:
    """Return the checks by their documented schema; keys may be added, never renamed.

    ``error`` is what the run ends with, ``None`` where nothing failed.
    """
    return {
        "schema": SCHEMA,
        "healthy": error is None,
        "exit-code": error.exit_code if error else 0,
        "checks": [_entry(check) for check in checks],
    }


def _entry(check: Check) -> dict[str, object]:
    return {
        "area": check.area.value,
        "subject": check.subject,
        "health": check.health.value,
        "found": check.found,
        "next-step": check.next_step or None,
        "exit-code": check.error.exit_code if check.error else None,
        "details": [*(check.error.details if check.error else ()), *check.notes],
    }


def _flat(line: str) -> str:
    return " ".join(line.splitlines())
