"""What a job that pushes may do, and what may be done to it: its token, its scripts, its being cancelled. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from docker_push.ci.model import Ci, Finding, Job, Level, Permissions, Said, Wanted, at
from docker_push.references import quoted

_LONG = 60


def findings(job: Job, wanted: Wanted) -> Iterator[Finding]:
    """Yield what is wrong with a job's rights, its scripts, and with how it ends."""
    if job.ci is Ci.GITHUB and job.publishes and not job.called:
        yield from _permissions(job, needed(wanted))
    for text in job.scripts:
        shown = text.text if len(text.text) <= _LONG else "an expression"
        problem = f"job {job.name}: {shown} stands in a script, and the shell runs what is in it"
        advice = f'Hand it over as a variable (`env:` `NAME: {shown}`), and write "$NAME" in the script.'
        yield at(text, "expression-in-script", problem, advice, job)
    if job.is_moving_tags:
        for text in job.cancels:
            yield _cancelled(job, text)
    for text in job.checkouts:
        problem = f"job {job.name} leaves its token in the checkout, where a build context may take it along"
        advice = "Add `persist-credentials: false` to the checkout's `with:`."
        yield at(text, "token-in-checkout", problem, advice, job, Level.WARNING)


def needed(wanted: Wanted) -> dict[str, str]:
    """Return what the token of a job needs: to read the repository, and to write packages on GitHub's registry."""
    return {"contents": "read", **({"packages": "write"} if wanted.packages else {})}


def _permissions(job: Job, scopes: dict[str, str]) -> Iterator[Finding]:
    said = job.permissions
    shown = ", ".join(f"{scope}: {level}" for scope, level in scopes.items())
    if said is None:
        problem = f"job {job.name} has no permissions, so that a setting of the repository decides whether it may push"
        yield _rights(job, None, problem, f"Give the job `permissions:` with {shown}.", tuple(scopes))
        return
    if said.all == "write-all":
        problem = f"job {job.name} may do everything (write-all)"
        yield _rights(job, said, problem, f"Give the job `permissions:` with {shown} and no more.", tuple(scopes))
        return
    missing = tuple(scope for scope, level in scopes.items() if not said.may(scope, level))
    if missing:
        lacking = " and ".join(f"{scope}: {scopes[scope]}" for scope in missing)
        problem = f"job {job.name} lacks the permission {lacking}"
        yield _rights(job, said, problem, "Add it to the job's `permissions:`.", missing)


def _rights(job: Job, said: Permissions | None, problem: str, advice: str, keys: tuple[str, ...]) -> Finding:
    place = Said("", said.file, said.line) if said else Said("", job.file, job.line)
    return at(place, "permissions", problem, advice, job, keys=keys)


def _cancelled(job: Job, text: Said) -> Finding:
    what = "cancel-in-progress" if job.ci is Ci.GITHUB else "interruptible"
    advice = f"Make it `{what}: false`: a publish that is cut off leaves some tags moved and others not."
    if not text.is_decided:
        problem = f"job {job.name} may be cancelled while it publishes: {what} is {quoted(text.text)}"
        return at(text, "cancelled", problem, advice, job, Level.NOTE)
    return at(text, "cancelled", f"job {job.name} is cancelled while it publishes ({what}: {text.text})", advice, job)
