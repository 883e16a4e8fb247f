"""One run in its stages, read top to bottom: plan, log in, build, stage, verify, move, report.

Each stage takes values and gives values; what the run was told, and its doors to the world, are in ``run``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from docker_push import bake, credentials, image_tests, publish, report, secret_scan
from docker_push import plan as planning
from docker_push.bake import Output
from docker_push.errors import BuilderError, DockerPushError
from docker_push.facts import BuilderFacts, Facts
from docker_push.plan import Action, Plan
from docker_push.progress import Step
from docker_push.report import RunReport, Staging
from docker_push.run import Run

BATCH = 50  # targets in one bake: 150 and more were measured to break it


def make_plan(run: Run, *, look: bool, build: bool = True) -> Plan:
    """Plan the run; with ``look`` by what registries hold now and, where it may ``build``, what the builder can do.

    A first plan without facts tells which names to look for; it never differs from the second in the commit tag.
    """
    draft = planning.plan(run.options, run.context)
    if not look:
        return draft
    with ThreadPoolExecutor(1) as pool:
        builder = pool.submit(run.builder.observe) if build else None
        repositories = publish.observe(draft, run.clients) if draft.published else {}
        facts = Facts(builder=builder.result() if builder else None, repositories=repositories)
    plan = planning.plan(run.options, run.context, facts)
    if facts.builder:
        refuse_unable(plan, facts.builder)
    return plan


def refuse_unable(plan: Plan, builder: BuilderFacts) -> None:
    """Raise BuilderError where the builder's image store cannot hold what is asked.

    A platform that the builder does not list is no reason: an image without RUN steps, or one that is cross-compiled, needs
    no emulation. The plan warns of it.
    """
    for image in (image for image in plan.images if image.action is Action.BUILD):
        if image.has_index and not builder.multi_platform:
            hint = (
                "Turn on Docker's containerd image store, or run: docker buildx create --use"
                " (with one platform, attest = [] does as well)."
            )
            raise BuilderError(
                f"image {image.name}: the image store of builder {builder.name} holds neither several platforms"
                " nor attestations",
                hint=hint,
            )


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
    staged: tuple[publish.Staged, ...]
    tested: tuple[image_tests.Outcome, ...] = ()


def stage(run: Run) -> StagedRun:
    """Build what has to be built, push it under the commit tag alone, read it back, test it; no moving tag is touched."""
    plan = make_plan(run, look=True)
    say = run.surroundings.say
    say(report.plan_text(plan))
    with logged_in(run) as inside:
        staging = _build(inside, plan)
        if not plan.published:
            why = next((image.why for image in plan.images if image.asked), "no image was asked for")
            say(f"Built, and nothing was pushed: {why}.")
            return StagedRun(plan=plan, staging=staging, staged=())
        staged = publish.verify(plan, staging.digests, run.clients)
        secret_scan.refuse_published(staged, run.clients, run.secrets)
        say("Staged and verified, every platform read back:")
        for outcome in publish.staged_tags(plan, staged):
            say(report.tag_text(outcome))
        tested = image_tests.run(staged, inside.runner, say)
    return StagedRun(plan=plan, staging=staging, staged=staged, tested=tested)


def _build(run: Run, plan: Plan) -> Staging:
    """Bake every batch; adopted images bring their digest along."""
    say = run.surroundings.say
    digests = {image.name: image.digest for image in plan.published if image.digest}
    seconds: dict[str, float] = {}
    for batch in bake.batches(plan, BATCH):
        started = run.surroundings.clock()
        say(f"Building {', '.join(image.name for image in batch.images)}")
        output = Output.STAGE if plan.published else Output.CHECK
        digests |= run.builder.bake(plan, batch, output, lambda step: tell(step, say))
        seconds |= {image.name: run.surroundings.clock() - started for image in batch.images}
    return Staging(digests=digests, seconds=seconds)


def tell(step: Step, say: Callable[[str], None]) -> None:
    """Say that a step ended, unless it is one of BuildKit's own that nobody wrote."""
    if not step.is_internal:
        say(report.step_text(step))


def find_staged(run: Run) -> StagedRun:
    """Find what is staged for this commit, by this run or another, here or on another machine, and verify it."""
    plan = make_plan(run, look=True, build=False)
    clients = run.clients
    digests = publish.find_staged(plan, clients)
    staged = publish.verify(plan, digests, clients)
    secret_scan.refuse_published(staged, clients, run.secrets)
    for outcome in publish.staged_tags(plan, staged):
        run.surroundings.say(report.tag_text(outcome))
    return StagedRun(plan=plan, staging=Staging(digests=digests, seconds={}), staged=staged)


def move(run: Run, found: StagedRun) -> RunReport:
    """Move the tags of what is staged and verified; an error tells which tags were moved before it."""
    staged = publish.settle(found.staged, run.clients)
    outcomes = list(publish.staged_tags(found.plan, staged))

    def done(outcome: publish.TagOutcome) -> None:
        outcomes.append(outcome)
        run.surroundings.say(report.tag_text(outcome))

    try:
        publish.move(staged, run.clients, done)
    except DockerPushError as error:
        error.details += tuple(report.tag_text(outcome) for outcome in outcomes)
        raise
    return report.outcome(found.plan, found.staging, staged, outcomes)


def unmoved(found: StagedRun) -> RunReport:
    """Return the report of a run that only staged."""
    return report.outcome(found.plan, found.staging, found.staged, publish.staged_tags(found.plan, found.staged))


def definition(plan: Plan) -> dict[str, object]:
    """Return the whole plan as one bake definition, for a reader or for ``docker buildx bake -f -``."""
    images = tuple(image for image in plan.images if image.asked)
    needs = tuple(image for image in plan.images if not image.asked)
    output = Output.STAGE if plan.published else Output.CHECK
    return bake.render(plan, bake.Batch(images=images, needs=needs), output)
