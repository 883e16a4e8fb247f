"""Building what has to be built, in batches, and trying again what failed for no fault of its own.

BuildKit repeats single requests by itself, a few times within seconds, and neither 429 nor 403. So around it there are at
most three tries for each image, and only for failures that may pass; between them the registry is looked at again, so
that images of the batch that got through are adopted and only the others are built.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from docker_push import bake, publish, report, selection
from docker_push import plan as planning
from docker_push.bake import Batch, Output
from docker_push.config import RetryTable
from docker_push.errors import BuildError, DockerPushError, RateLimitError
from docker_push.failures import Failure, failures
from docker_push.options import ImageOptions
from docker_push.plan import Plan
from docker_push.progress import Step
from docker_push.references import Digest
from docker_push.report import Staging
from docker_push.run import Run

BATCH = 50  # targets in one bake: 150 and more were measured to break it
TRIES = 3  # of an image: BuildKit multiplies each by its own repetitions


def build(run: Run, plan: Plan) -> Staging:
    """Bake every batch of the plan; adopted images bring their digest along.

    Raises the error of the first image that cannot be built or pushed, or, with ``--keep-going``, goes on without it and
    what needs it, and tells of all of them in the result.
    """
    work = _Work(run, plan)
    for batch in bake.batches(plan, BATCH):
        work.stage(batch)
    adopted = {image.name: image.digest for image in plan.published if image.digest}
    return Staging(
        digests=adopted | work.digests, seconds=work.seconds, attempts=dict(work.tries), failures=work.failures
    )


def tell(step: Step, say: Callable[[str], None]) -> None:
    """Say that a step ended, unless it is one of BuildKit's own that nobody wrote."""
    if not step.is_internal:
        say(report.step_text(step))


class _Work:
    """What has been done so far: ``plan`` is renewed by what is seen in the registry after a failure."""

    def __init__(self, run: Run, plan: Plan) -> None:
        self._run = run
        self._plan = plan
        self.digests: dict[str, Digest] = {}
        self.seconds: dict[str, float] = {}
        self.tries: Counter[str] = Counter()
        self.failures: dict[str, DockerPushError] = {}

    def stage(self, batch: Batch) -> None:
        """Bake one batch until all of it is staged or given up."""
        names = [image.name for image in batch.images]
        while names := [name for name in names if name not in self.failures and name not in self.digests]:
            failed = self._bake(names)
            if not failed:
                return
            self._give_up(failed)
            if any(self._has_another_try(one) for one in failed):
                self._wait([one for one in failed if self._has_another_try(one)])
            self._look_again(names)

    def _bake(self, names: Collection[str]) -> tuple[Failure, ...]:
        """Bake images once; return what failed."""
        run, say = self._run, self._run.surroundings.say
        for batch in bake.batches(self._plan.only(names), BATCH):
            shown = ", ".join(image.name for image in batch.images)
            say(f"Building {shown}")
            started = run.surroundings.clock()
            self.tries.update(image.name for image in (*batch.needs, *batch.images))
            output = Output.STAGE if self._plan.published else Output.CHECK
            baked = run.builder.bake(self._plan, batch, output, lambda step: tell(step, say))
            elapsed = run.surroundings.clock() - started
            for image in batch.images:
                self.seconds[image.name] = self.seconds.get(image.name, 0.0) + elapsed
            if not baked.ok:
                return failures(baked, run.origins)
            self.digests |= baked.digests
        return ()

    def _has_another_try(self, failure: Failure) -> bool:
        return failure.transient and self.tries[failure.image] < TRIES

    def _give_up(self, failed: tuple[Failure, ...]) -> None:
        """Write off what no further try will help, and what needs it; raises the first of it unless the run goes on."""
        for failure in (one for one in failed if not self._has_another_try(one)):
            if not self._run.options.keep_going:
                raise _after(failure.error, self.tries[failure.image])
            self.failures[failure.image] = failure.error
            self._run.surroundings.say(f"{failure.error} (--keep-going: the others go on)")
        for image in self._plan.images:
            lost = [name for name in selection.closure([image.name], self._needs()) if name in self.failures]
            if lost and image.name not in self.failures:
                hint = f"Mend {lost[0]} and run the same command again."
                self.failures[image.name] = BuildError(f"image {image.name} needs {lost[0]}, which failed", hint=hint)

    def _needs(self) -> tuple[ImageOptions, ...]:
        return tuple(image.options for image in self._plan.images)

    def _wait(self, failed: list[Failure]) -> None:
        run, first = self._run, failed[0]
        seconds = _pause(failed, max(self.tries[one.image] for one in failed), run.options.retry)
        names = ", ".join(one.image for one in failed)
        tries = self.tries[first.image]
        run.surroundings.say(
            f"{first.error.message}: trying {names} again in {seconds:.0f} s (try {tries + 1} of {TRIES})"
        )
        run.surroundings.sleep(seconds)

    def _look_again(self, names: Collection[str]) -> None:
        """See what of these images got through all the same, and adopt it."""
        if not self._plan.published:
            return
        seen = publish.observe(self._plan.only(names), self._run.clients)
        facts = replace(self._plan.facts, repositories={**self._plan.facts.repositories, **seen})
        self._plan = planning.plan(self._run.options, self._run.context, facts)
        self.digests |= {
            image.name: image.digest
            for image in self._plan.published
            if image.digest is not None and image.name in names
        }


def _pause(failed: Iterable[Failure], tries: int, policy: RetryTable) -> float:
    """Return the seconds before another try: what the registry asked for, else longer each time.

    A rate limit that names no time is one of minutes; between the tries the registry is looked at, and says more.
    """
    limits = [one.error for one in failed if isinstance(one.error, RateLimitError)]
    asked = [min(limit.retry_after, policy.longest_asked) for limit in limits if limit.retry_after]
    backoff = min(policy.first_wait * 4.0**tries, policy.longest_wait)
    if limits and not asked and policy.rate_limit_waits:
        return policy.rate_limit_waits[min(tries, len(policy.rate_limit_waits)) - 1]
    return max([backoff, *asked])


def _after(error: DockerPushError, tries: int) -> DockerPushError:
    if tries > 1:
        error.message = f"{error.message} (after {tries} tries)"
    return error
