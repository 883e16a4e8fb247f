"""Moving the tags of what a run has staged: settle with other runs, then move, all or nothing or image by image."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TypeVar

from docker_push import credentials, history, image_tests, publish, report, secret_scan
from docker_push.credentials import Credentials
from docker_push.errors import (
    DockerPushError,
    InterruptedRunError,
    RateLimitError,
    RegistryError,
    VerificationError,
)
from docker_push.failures import TRIES, pause
from docker_push.history import History, Relation
from docker_push.plan import Plan
from docker_push.process import Runner
from docker_push.publish import Ledger, Rules, Staged, TagOutcome
from docker_push.references import Reference, Registry
from docker_push.registry.complaints import span
from docker_push.report import RunReport, Staging
from docker_push.run import Run

T = TypeVar("T")

_AGREEING = 3  # times that another run of this commit may replace what is staged
_FRESH = 10.0  # seconds for which what the remote said is still believed while tags are moved


@dataclass(frozen=True, kw_only=True)
class StagedRun:
    """A run whose images are in every registry under their commit tags, verified; ``staged`` is empty where it may not push."""

    plan: Plan
    staging: Staging
    staged: tuple[Staged, ...]
    tested: tuple[image_tests.Outcome, ...] = ()


@dataclass
class Record:
    """What a run has done so far; ``found`` is there as soon as a commit tag is, ``ledgers`` when tags may move.

    ``asked`` are the commit tags of a merge for which no answer came yet.
    """

    found: StagedRun | None = None
    ledgers: list[Ledger] = field(default_factory=list)
    asked: dict[Reference, Staged] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, one: Staged, *, done: bool) -> None:
        """Write down that a commit tag is about to be put, or that it stands; safe among threads, after ``found`` is there."""
        with self._lock:
            self.asked[one.reference] = one
            if done and self.found:
                del self.asked[one.reference]
                self.found = replace(self.found, staged=(*self.found.staged, one))

    @property
    def outcomes(self) -> tuple[TagOutcome, ...]:
        """Return what is known of every tag; no tag is put after this. Before they may move, all but commit tags wait."""
        if self.ledgers or self.found is None:
            return tuple(outcome for ledger in self.ledgers for outcome in ledger.close())
        plan, staged = self.found.plan, self.found.staged
        with self._lock:
            asked = publish.unanswered(plan, self.asked.values())
        return (*Ledger(staged, publish.commit_tags(plan, staged), lambda _outcome: None).close(), *asked)


@contextmanager
def logged_in(run: Run) -> Iterator[Run]:
    """Give a run whose programs are logged in to every registry with credentials from the environment.

    The login goes into a DOCKER_CONFIG of the run's own, removed at the end; the user's is read and never written.
    """
    ours = {registry: account for registry, account in run.accounts.items() if account and account.from_environment}
    if not ours:
        yield run
        return
    enter = partial(_login, run)
    with credentials.isolated(run.runner, ours, run.surroundings.temporary, enter) as runner:
        yield replace(run, runner=runner)


def _login(run: Run, runner: Runner, registry: Registry, account: Credentials) -> None:
    """Log docker in, again where the registry failed for a while: docker asks once, and gives up."""
    for tries in count(1):
        try:
            credentials.login(runner, registry, account)
        except (RateLimitError, RegistryError) as error:
            wait = pause(error, tries, run.options.retry)
            if wait is None:
                raise
            run.surroundings.say(f"{error.message}: trying again in {span(wait)} (try {tries + 1} of {TRIES})")
            run.surroundings.sleep(wait)
        else:
            return


def move(run: Run, found: StagedRun, record: Record) -> RunReport:
    """Move the tags of what is staged and verified, all or nothing; in a run that keeps going, image by image."""
    record.found = found
    rules = _rules(run, found.plan)
    failures = dict(found.staging.failures)
    moved: list[Staged] = []
    for some in groups(run, found.staged):
        try:
            moved += _moved(run, found.plan, some, rules, record)
        except DockerPushError as error:
            if run.options.keep_going and not isinstance(error, InterruptedRunError):
                error.details += report.tag_table(record.ledgers[-1].close()) if record.ledgers else ()
            keep_going(run, some[0].image.name, error, failures)
    staging = replace(found.staging, failures=failures)
    outcomes = tuple(outcome for ledger in record.ledgers for outcome in ledger.outcomes)
    return reported(run, replace(found, staging=staging), moved, outcomes, left_out(staging))


def apart(run: Run, things: Sequence[T]) -> list[tuple[T, ...]]:
    """Return all of the things together, unless there are none, or, in a run that keeps going, each by itself."""
    if run.options.keep_going:
        return [(one,) for one in things]
    return [tuple(things)] if things else []


def groups(run: Run, staged: Sequence[Staged]) -> list[list[Staged]]:
    """Return what stands or falls together: everything, or, in a run that keeps going, each image."""
    found: dict[str, list[Staged]] = {}
    for one in staged:
        found.setdefault(one.image.name if run.options.keep_going else "", []).append(one)
    return list(found.values())


def reported(
    run: Run,
    found: StagedRun,
    staged: Sequence[Staged],
    outcomes: Sequence[TagOutcome],
    error: DockerPushError | None = None,
) -> RunReport:
    """Return the report of a run: what it staged and moved, what was tested, and how often registries were asked again."""
    retries = {
        image.name: sum(run.clients[repository.registry].retries(repository) for repository in image.repositories)
        for image in found.plan.published
    }
    return report.outcome(found.plan, found.staging, staged, outcomes, error, tests=found.tested, retries=retries)


def _rules(run: Run, plan: Plan) -> Rules:
    return Rules(
        history=_Remote(run).history,
        commit_tag=plan.commit_tag_of,
        tags=run.options.tags,
        release=plan.version,
        allow_older=run.options.allow_older,
        force=run.options.force,
        lag=run.options.retry.lag,
    )


def _moved(run: Run, plan: Plan, some: Sequence[Staged], rules: Rules, record: Record) -> tuple[Staged, ...]:
    """Settle what stands under the commit tags, and move the tags of these images on it."""
    staged = _settled(run, plan, some)
    say = run.surroundings.say
    ledger = Ledger(staged, publish.commit_tags(plan, staged), lambda outcome: say(report.tag_text(outcome)))
    record.ledgers.append(ledger)
    publish.move(staged, run.clients, rules, ledger)
    return staged


def _settled(run: Run, plan: Plan, staged: Sequence[Staged]) -> tuple[Staged, ...]:
    """Agree with other runs of this commit on whose work stands; bytes that are another run's are looked at like ours."""
    for _ in range(_AGREEING):
        now = publish.settle(plan, staged, run.clients, run.options.retry.lag)
        ours = {(one.repository, one.manifest.digest) for one in staged}
        theirs = [one for one in now if (one.repository, one.manifest.digest) not in ours]
        if not theirs:
            return now
        secret_scan.refuse_published(theirs, run.clients, run.secrets)
        with logged_in(run) as inside:
            image_tests.run(theirs, inside.runner, run.surroundings.say)
        staged = now
    hint = "Let the other runs of this commit end, then run the same command again. No moving tag was touched."
    raise VerificationError("other runs of this commit replace what is staged again and again", hint=hint)


class _Remote:
    """The remote's history of our branch, looked at again when what it said is no longer fresh; safe among threads.

    A remote that cannot be asked is not asked again: each question may take a minute to fail.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._seen: tuple[float, History] | None = None

    def history(self, fresh: bool) -> History:  # noqa: FBT001 - the seam of publish.Rules
        """Return what the remote says: of a moment ago, or asked now."""
        known = self._known(fresh=fresh)
        if known:
            return replace(known, known=True)
        world = self._run.surroundings
        with self._lock:  # whoever waits for it has waited for the remote
            known = self._known(fresh=fresh)
            if known:
                return known
            found = history.observe(self._run.context, self._run.runner, world.temporary, world.environ)
            self._seen = (world.clock(), found)
            return found

    def _known(self, *, fresh: bool) -> History | None:
        if self._seen is None:
            return None
        since, found = self._seen
        believed = not fresh and self._run.surroundings.clock() - since <= _FRESH
        return found if believed or found.relation is Relation.UNKNOWN else None


def keep_going(run: Run, name: str, error: DockerPushError, failures: dict[str, DockerPushError]) -> None:
    """Note an image's failure in a run that keeps going; raise it in one that does not, and a signal's in every one."""
    if not run.options.keep_going or isinstance(error, InterruptedRunError):
        raise error
    failures[name] = error
    run.surroundings.say(f"{error} (--keep-going: the others go on)")


def left_out(built: Staging) -> DockerPushError | None:
    """Return the error of a run that kept going without some images: the first one's, with all of the others."""
    failures = list(built.failures.values())
    if not failures:
        return None
    first = failures[0]
    first.details += tuple(f"not published: {error}" for error in failures[1:])
    return first
