"""One run in its stages, read top to bottom: plan, check, log in, build, stage, verify, move, report.

Each stage takes values and gives values; what the run was told, and its doors to the world, are in ``run``. An error that
ends a run after its plan was made is part of the run's report, so that the report is written then too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from docker_push import bake, credentials, history, image_tests, preflight, publish, report, secret_scan, staging
from docker_push import plan as planning
from docker_push.bake import Output
from docker_push.errors import DockerPushError, InterruptedRunError
from docker_push.facts import Facts
from docker_push.history import History
from docker_push.observation import make_plan
from docker_push.plan import Plan
from docker_push.preflight import Area, Health
from docker_push.publish import Ledger, Rules, Staged
from docker_push.references import Digest
from docker_push.report import RunReport, Staging
from docker_push.run import Run

_FRESH = 10.0  # seconds for which what the remote said is still believed while tags are moved
_UNTOUCHED = "No moving tag was touched: branch, version and latest are wholly what they were."


def push(run: Run) -> RunReport:
    """Build, stage, verify, and move the tags when everything is whole."""
    return _reported(run, lambda: move(run, stage(run, prepared(run))))


def stage_only(run: Run) -> RunReport:
    """Build, push under the commit tag and verify; no moving tag is touched."""
    return _reported(run, lambda: _unmoved(stage(run, prepared(run))))


def publish_staged(run: Run) -> RunReport:
    """Move the tags of what was staged for this commit, by this run or another, here or on another machine."""
    return _reported(run, lambda: move(run, _tested_again(run, find_staged(run))))


def _reported(run: Run, work: Callable[[], RunReport]) -> RunReport:
    """Do the work; an error before the tags move is reported with the plan, and with the word that nothing moved."""
    draft = make_plan(run, look=False)
    try:
        return work()
    except DockerPushError as error:
        error.details += (_UNTOUCHED,)
        return report.outcome(draft, Staging(digests={}), (), (), error)


def _unmoved(found: StagedRun) -> RunReport:
    tags = publish.commit_tags(found.plan, found.staged)
    return report.outcome(found.plan, found.staging, found.staged, tags, _left(found.staging))


@contextmanager
def logged_in(run: Run) -> Iterator[Run]:
    """Give a run whose programs are logged in to every registry with credentials from the environment.

    The login goes into a DOCKER_CONFIG of the run's own, removed at the end; the user's is read and never written.
    """
    ours = {registry: account for registry, account in run.accounts.items() if account and account.from_environment}
    if not ours:
        yield run
        return
    with credentials.isolated(run.runner, ours, run.surroundings.temporary) as runner:
        yield replace(run, runner=runner)


@dataclass(frozen=True, kw_only=True)
class StagedRun:
    """A run whose images are in every registry under their commit tags, verified; ``staged`` is empty where it may not push."""

    plan: Plan
    staging: Staging
    staged: tuple[Staged, ...]
    tested: tuple[image_tests.Outcome, ...] = ()


def prepared(run: Run, *, build: bool = True) -> Plan:
    """Plan the run by what the world holds, and check that publishing can work, before anything is built.

    Without ``build`` neither builder nor engine is asked for.
    """
    draft = make_plan(run, look=False)
    why = preflight.permission(run, draft, publishing=not build)
    say = run.surroundings.say
    if run.options.no_preflight:
        plan = make_plan(run, look=True, build=build, build_only=why)
        say(report.plan_text(plan))
        return plan
    seen = preflight.survey(run, draft, build=build)
    say(report.plan_text(seen.plan))
    for check in seen.checks:
        if check.health is Health.WARNING and check.area is not Area.BUILDER:  # of the builder the plan warns
            say(f"warning: {check.subject}: {check.found}. {check.hint}")
    preflight.refuse(seen.checks)
    return seen.plan


def stage(run: Run, plan: Plan) -> StagedRun:
    """Build what has to be built, push it under the commit tag alone, read it back; no moving tag is touched."""
    say = run.surroundings.say
    with logged_in(run) as inside:
        built = staging.build(inside, plan)
        if not plan.published:
            why = next((image.why for image in plan.images if image.asked), "no image was asked for")
            say(f"Built, and nothing was pushed: {why}.")
            return StagedRun(plan=plan, staging=built, staged=())
        return _tested(inside, _verified(inside, StagedRun(plan=plan, staging=built, staged=())))


def find_staged(run: Run) -> StagedRun:
    """Find what is staged for this commit, and verify it."""
    plan = prepared(run, build=False)
    failures: dict[str, DockerPushError] = {}
    digests: dict[str, Digest] = {}
    for image in plan.published:
        try:
            digests |= publish.find_staged(plan.only({image.name}), run.clients)
        except DockerPushError as error:
            _keep_going(run, image.name, error, failures)
    return _verified(run, StagedRun(plan=plan, staging=Staging(digests=digests, failures=failures), staged=()))


def _verified(run: Run, found: StagedRun) -> StagedRun:
    """Read back everything that is staged, look for secrets in it, and run its tests.

    What is not whole ends the run, or is left out of one that keeps going.
    """
    failures = dict(found.staging.failures)
    whole = found.plan.only({image.name for image in found.plan.published if image.name not in failures})
    staged: list[Staged] = []
    for part in [whole] if not run.options.keep_going else [whole.only({image.name}) for image in whole.published]:
        try:
            read = publish.verify(part, found.staging.digests, run.clients, run.options.retry.lag)
            secret_scan.refuse_published(read, run.clients, run.secrets)
            staged += read
        except DockerPushError as error:
            _keep_going(run, part.published[0].name, error, failures)
    say = run.surroundings.say
    say("Staged and verified, every platform read back:")
    for outcome in publish.commit_tags(found.plan, staged):
        say(report.tag_text(outcome))
    return replace(found, staging=replace(found.staging, failures=failures), staged=tuple(staged))


def _tested(run: Run, found: StagedRun) -> StagedRun:
    """Run the test commands in what is staged; an image that fails is left out of a run that keeps going."""
    failures = dict(found.staging.failures)
    tested: list[image_tests.Outcome] = []
    names = dict.fromkeys(one.image.name for one in found.staged)
    for some in [set(names)] if not run.options.keep_going else [{name} for name in names]:
        try:
            tested += image_tests.run(
                [one for one in found.staged if one.image.name in some], run.runner, run.surroundings.say
            )
        except DockerPushError as error:
            _keep_going(run, next(iter(some)), error, failures)
    staged = tuple(one for one in found.staged if one.image.name not in failures)
    return replace(found, staging=replace(found.staging, failures=failures), staged=staged, tested=tuple(tested))


def _tested_again(run: Run, found: StagedRun) -> StagedRun:
    """Run the test commands before a publish apart from its staging too: nothing in the registry says that they passed.

    Without test commands no engine is needed, and none is logged in.
    """
    if not any(one.image.options.test for one in found.staged):
        return found
    with logged_in(run) as inside:
        return _tested(inside, found)


def _keep_going(run: Run, name: str, error: DockerPushError, failures: dict[str, DockerPushError]) -> None:
    """Note an image's failure in a run that keeps going; raise it in one that does not, and a signal's in every one."""
    if not run.options.keep_going or isinstance(error, InterruptedRunError):
        raise error
    failures[name] = error
    run.surroundings.say(f"{error} (--keep-going: the others go on)")


def move(run: Run, found: StagedRun) -> RunReport:
    """Move the tags of what is staged and verified; an error lists what has become of every tag."""
    staged = _by_versions_now(run, publish.settle(found.staged, run.clients))
    ledger = Ledger(
        staged, publish.commit_tags(found.plan, staged), lambda outcome: run.surroundings.say(report.tag_text(outcome))
    )
    remote = _Remote(run)
    rules = Rules(
        history=remote.history,
        commit_tag=found.plan.commit_tag_of,
        by_version=run.options.tags.latest == "release",
        allow_older=run.options.allow_older,
        force=run.options.force,
        lag=run.options.retry.lag,
    )
    error = _left(found.staging)
    try:
        publish.move(staged, run.clients, rules, ledger)
    except DockerPushError as stopped:
        stopped.details += report.tag_table(ledger.outcomes)
        error = stopped
    return report.outcome(found.plan, found.staging, staged, ledger.outcomes, error)


def _by_versions_now(run: Run, staged: tuple[Staged, ...]) -> tuple[Staged, ...]:
    """Plan anew the tags that depend on which versions are published: another release may have come in since."""
    listed = [one for one in staged if one.image.lists_tags]
    if not listed:
        return staged
    facts = Facts(repositories=publish.observe(planning.plan(run.options, run.context), run.clients))
    now = {image.name: image for image in planning.plan(run.options, run.context, facts).images}
    for one in staged:
        for skipped in set(now[one.image.name].skipped) - set(one.image.skipped):
            run.surroundings.say(f"  skipped   {one.repository} {skipped.kind.value}: {skipped.why}")
    return tuple(replace(one, image=replace(one.image, tags=now[one.image.name].tags)) for one in staged)


@dataclass
class _Remote:
    """The remote's history of our branch, looked at again when what it said is no longer fresh."""

    run: Run
    _seen: list[tuple[float, History]] = field(default_factory=list)

    def history(self) -> History:
        clock = self.run.surroundings.clock
        if not self._seen or clock() - self._seen[-1][0] > _FRESH:
            found = history.observe(
                self.run.context, self.run.runner, self.run.surroundings.temporary, self.run.surroundings.environ
            )
            self._seen.append((clock(), found))
        return self._seen[-1][1]


def _left(built: Staging) -> DockerPushError | None:
    """Return the error of a run that kept going without some images: the first one's, with all of the others."""
    failures = list(built.failures.values())
    if not failures:
        return None
    first = failures[0]
    first.details += tuple(f"not published: {error}" for error in failures[1:])
    return first


def definition(plan: Plan) -> dict[str, object]:
    """Return the whole plan as one bake definition, for a reader or for ``docker buildx bake -f -``."""
    images = tuple(image for image in plan.images if image.asked)
    needs = tuple(image for image in plan.images if not image.asked)
    output = Output.STAGE if plan.published else Output.CHECK
    return bake.render(plan, bake.Batch(images=images, needs=needs), output)
