"""One run in its stages, read top to bottom: plan, check, log in, build, stage, verify, move, report.

Each stage takes values and gives values; what the run was told, and its doors to the world, are in ``run``. An error that
ends a run after its plan was made is part of the run's report, so that the report is written then too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from docker_push import bake, image_tests, preflight, publish, report, secret_scan, staging
from docker_push.bake import Output
from docker_push.errors import DockerPushError
from docker_push.observation import make_plan
from docker_push.plan import Plan
from docker_push.preflight import Area, Health
from docker_push.publishing import Record, StagedRun, apart, groups, keep_going, left_out, logged_in, move, reported
from docker_push.references import Digest
from docker_push.report import RunReport, Staging
from docker_push.run import Run


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A run that can begin; ``refused`` are the images that a run that keeps going does without, and why."""

    plan: Plan
    refused: Mapping[str, DockerPushError] = field(default_factory=dict)


_UNTOUCHED = "No moving tag was touched: branch, version and latest are wholly what they were."


def push(run: Run) -> RunReport:
    """Build, stage, verify, and move the tags when everything is whole."""
    return reporting(run, lambda record: move(run, stage(run, prepared(run), record), record))


def stage_only(run: Run) -> RunReport:
    """Build, push under the commit tag and verify; no moving tag is touched."""
    return reporting(run, lambda record: _unmoved(run, stage(run, prepared(run, moves=False), record)))


def publish_staged(run: Run) -> RunReport:
    """Move the tags of what was staged for this commit, by this run or another, here or on another machine."""
    return reporting(run, lambda record: move(run, tested_again(run, find_staged(run)), record))


def planned(run: Run, *, look: bool, build: bool = True, joins: bool = False) -> Plan:
    """Return the plan that a run would be carried out by, for a reader; with ``look`` by what the world holds."""
    draft = make_plan(run, look=False)
    if build:
        run.refuse_arguments(draft)
    if not look:
        return draft
    denial, hosts = preflight.denial(run, draft), partial(preflight.engine_hosts, run)
    why = denial.message if denial else None
    return make_plan(run, look=True, build=build, joins=joins, build_only=why, engine=hosts)


def reporting(run: Run, work: Callable[[Record], RunReport]) -> RunReport:
    """Do the work; an error is part of the report, with what has become of every tag, or the word that nothing moved."""
    draft, record = make_plan(run, look=False), Record()
    if not draft.images:
        run.surroundings.say(report.plan_text(draft))
        return report.outcome(draft, Staging(digests={}), (), ())
    try:
        return work(record)
    except DockerPushError as error:
        found, outcomes = record.found, record.outcomes
        error.details += report.tag_table(outcomes) if outcomes else ()
        if not record.ledgers:
            error.details += (_UNTOUCHED,)
        if found is None:
            return report.outcome(draft, Staging(digests={}), (), (), error)
        return reported(run, found, found.staged, outcomes, error)
    except Exception:
        for line in report.tag_table(record.outcomes) if record.ledgers else ():
            run.surroundings.say(line)
        raise


def _unmoved(run: Run, found: StagedRun) -> RunReport:
    tags = publish.commit_tags(found.plan, found.staged)
    return reported(run, found, found.staged, tags, left_out(found.staging))


def prepared(run: Run, *, build: bool = True, moves: bool = True, joins: bool = False) -> Prepared:
    """Plan the run by what the world holds, and check that publishing can work, before anything is built.

    Without ``build`` neither builder nor engine is asked for, and what is staged is what will be published; or, in a run that
    ``joins`` what others built, it is planned as if it built. Without ``moves`` it does not matter who is newer. Raises
    everything that is wrong at once; a run that keeps going does without the images whose repository alone is refused.
    """
    draft = make_plan(run, look=False)
    if build:
        run.refuse_arguments(draft)
    say = run.surroundings.say
    if run.options.no_preflight:
        why = preflight.permission(run, draft, publishing=not build)
        engine = partial(preflight.engine_hosts, run)
        plan = make_plan(run, look=True, build=build, joins=joins, build_only=why, engine=engine)
        say(report.plan_text(plan))
        return Prepared(plan=plan)
    seen = preflight.survey(run, draft, build=build, whole=False, joins=joins)
    say(report.plan_text(seen.plan))
    checks = [check for check in seen.checks if moves or check.area is not Area.GIT]
    for check in checks:
        if check.health is Health.WARNING and check.area is not Area.BUILDER:  # of the builder the plan warns
            say(f"warning: {check.subject}: {check.found}. {check.hint}")
    refused: dict[str, DockerPushError] = {}
    if run.options.keep_going:
        for name, error in preflight.set_aside(checks, [image.name for image in seen.plan.published]).items():
            keep_going(run, name, error, refused)
    else:
        preflight.refuse(checks)
    preflight.permission(run, draft, publishing=not build)
    return Prepared(plan=seen.plan, refused=refused)


def stage(run: Run, ready: Prepared, record: Record) -> StagedRun:
    """Build what has to be built, push it under the commit tag alone, read it back; no moving tag is touched.

    What need not be built has its commit tag first: where that is refused, nobody has waited for a build. ``record`` knows
    of it from then on.
    """
    say, plan = run.surroundings.say, ready.plan
    with logged_in(run) as inside:
        before = Staging(digests=adopted(plan), failures=ready.refused)
        kept = verified(inside, StagedRun(plan=plan, staging=before, staged=()), before.digests)
        record.found = kept
        built = staging.build(inside, plan, kept.staging)
        if not plan.published:
            why = next((image.why for image in plan.images if image.asked), "no image was asked for")
            say(f"Built, and nothing was pushed: {why}.")
            return StagedRun(plan=plan, staging=built, staged=())
        names = {image.name for image in plan.published} - before.digests.keys()
        record.found = shown(inside, verified(inside, replace(kept, staging=built), names))
        return tested(inside, record.found)


def adopted(plan: Plan) -> dict[str, Digest]:
    """Return image name -> digest of each image that need not be built."""
    return {image.name: image.digest for image in plan.published if image.digest}


def find_staged(run: Run) -> StagedRun:
    """Find what is staged for this commit, and verify it."""
    ready = prepared(run, build=False)
    plan, failures = ready.plan, dict(ready.refused)
    digests: dict[str, Digest] = {}
    for image in (one for one in plan.published if one.name not in failures):
        try:
            digests[image.name] = publish.find_staged(image, plan.facts, run.clients)
        except DockerPushError as error:
            keep_going(run, image.name, error, failures)
    staged = StagedRun(plan=plan, staging=Staging(digests=digests, failures=failures), staged=())
    return shown(run, verified(run, staged, [image.name for image in plan.published]))


def verified(run: Run, found: StagedRun, names: Collection[str]) -> StagedRun:
    """Read back these images, unless they failed before; look for secrets in them, and put the commit tags that are missing.

    What is not whole ends the run, or is left out of one that keeps going.
    """
    built, failures, staged = found.staging, dict(found.staging.failures), list(found.staged)
    images = tuple(image for image in found.plan.published if image.name in names and image.name not in failures)
    for some in apart(run, images):
        part = replace(found.plan, images=some)
        try:
            digests = publish.seal(part, built.digests, built.records, run.clients, run.options.retry.lag)
            read = publish.verify(part, digests, run.clients, run.options.retry.lag)
            secret_scan.refuse_published([one for one in read if not one.image.since], run.clients, run.secrets)
            publish.adopt(part, read, run.clients)
            staged += read
        except DockerPushError as error:
            keep_going(run, some[0].name, error, failures)
    return replace(found, staging=replace(built, failures=failures), staged=tuple(staged))


def shown(run: Run, found: StagedRun) -> StagedRun:
    """Put what is staged into the plan's order, and say it."""
    places = {image.name: place for place, image in enumerate(found.plan.images)}
    staged = tuple(sorted(found.staged, key=lambda one: places[one.image.name]))
    say = run.surroundings.say
    say("Staged and verified, every platform read back:")
    for outcome in publish.commit_tags(found.plan, staged):
        say(report.tag_text(outcome))
    return replace(found, staged=staged)


def tested(run: Run, found: StagedRun) -> StagedRun:
    """Run the test commands in what is staged; an image that fails is left out of a run that keeps going."""
    failures = dict(found.staging.failures)
    outcomes: list[image_tests.Outcome] = []
    for some in groups(run, found.staged):
        try:
            new = [one for one in some if not one.image.since]
            outcomes += image_tests.run(new, run.runner, run.surroundings.say)
        except DockerPushError as error:
            keep_going(run, some[0].image.name, error, failures)
    if untested := report.untested_text(outcomes):
        run.surroundings.say(untested)
    staged = tuple(one for one in found.staged if one.image.name not in failures)
    return replace(found, staging=replace(found.staging, failures=failures), staged=staged, tested=tuple(outcomes))


def tested_again(run: Run, found: StagedRun) -> StagedRun:
    """Run the test commands before a publish apart from its staging too: nothing in the registry says that they passed.

    Without test commands no engine is needed, and none is logged in.
    """
    if not any(one.image.options.test for one in found.staged):
        return found
    with logged_in(run) as inside:
        return tested(inside, found)


def definition(plan: Plan) -> dict[str, object]:
    """Return the whole plan as one bake definition, for a reader or for ``docker buildx bake -f -``."""
    images = tuple(image for image in plan.images if image.asked)
    needs = tuple(image for image in plan.images if not image.asked)
    output = Output.STAGE if plan.published else Output.CHECK
    return bake.render(plan, bake.Batch(images=images, needs=needs), output)
