"""What was found and what would be changed, as text for people and JSON for machines. Pure: nothing here prints."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping

from docker_push.ci.checking import Checked
from docker_push.ci.model import Finding, Job, Level
from docker_push.errors import ConfigError
from docker_push.printable import printable

SCHEMA = 1
SHOWN = 200  # findings; the rest is counted


def lines(found: Checked) -> Iterator[str]:
    """Yield a line for each finding: ``FILE:LINE: what is wrong. What to do. [rule]``."""
    for one in found.findings[:SHOWN]:
        yield " ".join(printable(str(one)).split())
    if len(found.findings) > SHOWN:
        yield f"and {len(found.findings) - SHOWN} more; correct the ones above first"


def summary(found: Checked) -> str:
    """Return how much there was to compare, and what was found of each kind."""
    count = Counter(one.level for one in found.findings)
    kinds = ", ".join(_number(count[level], level.value) for level in Level if count[level]) or "nothing to say"
    return f"{_number(len(found.jobs), 'job')} on {' and '.join(ci.value for ci in found.which) or 'no CI'}: {kinds}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def outcome(found: Checked, mendable: int) -> ConfigError | None:
    """Return what a check ends with: an error where something is surely wrong."""
    if not found.errors:
        return None
    all_of_it = mendable >= len(found.errors)
    mends = "them" if all_of_it and mendable > 1 else "it" if all_of_it else f"{mendable} of them"
    hint = f"`docker-push ci.write` mends {mends}; `--dry-run` shows how." if mendable else "Correct the lines above."
    return ConfigError(f"the files of the CI: {_number(len(found.errors), 'error')}", hint=hint)


def document(found: Checked) -> dict[str, object]:
    """Return a check by its documented schema; keys may be added, never renamed."""
    return {
        "schema": SCHEMA,
        "ci": [ci.value for ci in found.which],
        "errors": len(found.errors),
        "findings": [_finding(one) for one in found.findings],
        "jobs": [_job(job) for job in found.jobs],
    }


def _finding(one: Finding) -> dict[str, object]:
    return {
        "file": one.file,
        "line": one.line,
        "level": one.level.value,
        "rule": one.rule,
        "problem": one.problem,
        "advice": one.advice,
        "job": one.job,
        "image": one.image,
    }


def _job(job: Job) -> dict[str, object]:
    names = [None if one.images is None else [text.text for text in one.images] for one in job.publishes]
    everything = any(some is None for some in names)
    images = None if everything else list(dict.fromkeys(name for some in names for name in some or ()))
    return {
        "ci": job.ci.value,
        "file": job.file,
        "line": job.line,
        "name": job.name,
        "images": images,
        "by": list(dict.fromkeys(one.means.value for one in job.publishes)),
        "decided": not any(one.undecided for one in job.publishes),
    }


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return what changes as a unified diff."""
    return "".join(_file_difference(name, before.get(name), text) for name, text in after.items())


def _file_difference(name: str, before: str | None, after: str) -> str:
    old, new = (before or "").splitlines(keepends=True), after.splitlines(keepends=True)
    source = f"a/{name}" if before is not None else "/dev/null"
    found = difflib.unified_diff(old, new, source, f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found)
