"""Building what has to be built, in batches, and trying again what failed for no fault of its own.

BuildKit repeats single requests by itself, a few times within seconds, and neither 429 nor 403. So around it there are at
most three tries for each image, and only for failures that may pass; between them the registry is looked at again, so
that images of the batch that got through are adopted and only the others are built.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from docker_push import bake, publish, report, selection
from docker_push import plan as planning
from docker_push.bake import Batch, Output
from docker_push.errors import BuilderError, BuildError, DockerPushError, VerificationError
from docker_push.failures import TRIES, Failure, failures, pause
from docker_push.plan import Action, Plan
from docker_push.record import Record
from docker_push.references import Digest
from docker_push.registry.complaints import span
from docker_push.report import Staging
from docker_push.run import Run

if TYPE_CHECKING:
    from docker_push.progress import Step
    from docker_push.sources import Sources

BATCH = 50  # targets in one bake: 150 and more were measured to break it


def build(run: Run, plan: Plan, before: Staging) -> Staging:
    """Bake every batch of the plan but what failed ``before``; what was adopted then is part of the result.

    Raises the error of the first image that cannot be built or pushed, or, with ``--keep-going``, goes on without it and
    what needs it, and tells of all of them in the result.
    """
    work = _Work(run, plan, before.failures)
    for batch in bake.batches(plan, BATCH):
        work.stage(batch)
    return Staging(
        digests={**before.digests, **work.digests},
        seconds=work.seconds,
        attempts=dict(work.bakes),
        failures=work.failures,
        records=work.records,
    )


def tell(step: Step, say: Callable[[str], None]) -> None:
    """Say that a step ended, unless it is one of BuildKit's own that nobody wrote."""
    if not step.is_internal:
        say(report.step_text(step))


class _Work:
    """What has been done so far: ``plan`` is renewed by what is seen in the registry after a failure."""

    def __init__(self, run: Run, plan: Plan, refused: Mapping[str, DockerPushError]) -> None:
        self._run = run
        self._plan = plan
        self.digests: dict[str, Digest] = {}
        self.seconds: dict[str, float] = {}
        self.bakes: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()  # bakes in which an image failed by itself, not because a neighbour did
        self.failures = dict(refused)
        self.records: dict[str, Record] = {}
        for name in [name for name, error in refused.items() if isinstance(error, VerificationError)]:
            self._give_up_without(name)  # it is not whole where it would be taken from

    def stage(self, batch: Batch) -> None:
        """Bake one batch until all of it is staged or given up."""
        names = [image.name for image in batch.images]
        while names := [name for name in names if name not in self.failures and name not in self.digests]:
            failed = self._bake(names)
            if not failed:
                return
            self._give_up(failed)
            self._wait(failed)
            self._look_again(names)

    def _bake(self, names: Collection[str]) -> tuple[Failure, ...]:
        """Bake images once; return what failed."""
        run, say = self._run, self._run.surroundings.say
        for batch in bake.batches(self._plan.only(names), BATCH):
            shown = ", ".join(image.name for image in batch.images)
            say(f"Building {shown}")
            started = run.surroundings.clock()
            self.bakes.update(image.name for image in batch.images)
            output = _output(self._plan)
            try:
                baked = run.builder.bake(self._plan, batch, output, lambda step: tell(step, say))
            except BuilderError as error:  # nothing was heard of it any more
                self._failed.update(image.name for image in batch.images)
                return tuple(
                    Failure(image=image.name, error=error, transient=error.transient) for image in batch.images
                )
            elapsed = run.surroundings.clock() - started
            for image in batch.images:
                self.seconds[image.name] = self.seconds.get(image.name, 0.0) + elapsed
            if not baked.ok:
                found = failures(baked, run.origins)
                self._failed.update(failure.image for failure in found)
                return found
            self.digests |= baked.digests
            if run.contexts.changed() is None:  # else what was built may not be what was read before
                self.records |= _records(self._plan, batch, baked.sources)
        return ()

    def _pause(self, failure: Failure) -> float | None:
        """Return the seconds before another try of an image, ``None`` where there is none."""
        return pause(failure.error, self._failed[failure.image], self._run.options.retry) if failure.transient else None

    def _give_up(self, failed: tuple[Failure, ...]) -> None:
        """Write off what no further try will help, and what cannot be built without it.

        Raises the first of it unless the run keeps going. An image that was built and only not pushed still serves others.
        """
        for failure in (one for one in failed if self._pause(one) is None):
            if not self._run.options.keep_going:
                raise _after(failure.error, self._failed[failure.image])
            self.failures[failure.image] = failure.error
            self._run.surroundings.say(f"{failure.error} (--keep-going: the others go on)")
            if not failure.built:
                self._give_up_without(failure.image)

    def _give_up_without(self, lost: str) -> None:
        """Write off every image that is still to be built and that needs ``lost``."""
        options = [image.options for image in self._plan.images]
        for image in self._plan.images:
            done = image.action is not Action.BUILD or image.name in self.digests or image.name in self.failures
            if not done and lost in selection.closure([image.name], options):
                hint = f"Mend {lost} and run the same command again."
                self.failures[image.name] = BuildError(f"image {image.name} needs {lost}, which failed", hint=hint)

    def _wait(self, failed: tuple[Failure, ...]) -> None:
        """Wait before the images that have another try are built again."""
        pauses = {one.image: wait for one in failed if (wait := self._pause(one)) is not None}
        if not pauses:
            return
        first = next(one for one in failed if one.image in pauses)
        seconds, tries = max(pauses.values()), self._failed[first.image]
        again = f"trying {', '.join(pauses)} again in {span(seconds)} (try {tries + 1} of {TRIES})"
        self._run.surroundings.say(f"{first.error.message}: {again}")
        self._run.surroundings.sleep(seconds)

    def _look_again(self, names: Collection[str]) -> None:
        """See what of these images got through all the same, and adopt it; a part has no name to be seen by."""
        if _output(self._plan) is not Output.STAGE:
            return
        some = tuple(image for image in self._plan.published if image.name in names)
        seen = publish.observe(replace(self._plan, images=some), self._run.clients)
        facts = replace(self._plan.facts, repositories={**self._plan.facts.repositories, **seen})
        self._plan = planning.plan(self._run.options, self._run.context, facts)
        self.digests |= {
            image.name: image.digest
            for image in self._plan.published
            if image.digest is not None and image.name in names
        }


def _output(plan: Plan) -> Output:
    """Return where the images of a run go. Buildx refuses to push by digest with Docker's own driver (build/opt.go)."""
    if not plan.published:
        return Output.CHECK
    if not any(image.part for image in plan.published):
        return Output.STAGE
    builder = plan.facts.builder
    return Output.TAGGED_PART if builder is None or builder.driver == "docker" else Output.PART


def _records(plan: Plan, batch: Batch, sources: Mapping[str, Sources]) -> dict[str, Record]:
    """Return what the images of a bake were made from, as far as that can be told; pure."""
    known, options = {image.name: image for image in plan.images}, [image.options for image in plan.images]
    found: dict[str, Record] = {}
    for image in batch.images:
        if image.key is None or image.name not in sources:
            continue
        bases, moving = dict(sources[image.name].bases), sources[image.name].moving or ""
        for needed in (known[name] for name in sorted(selection.closure(image.options.depends_on, options))):
            if needed.action is Action.ADOPT and needed.record is None:
                moving = moving or f"nothing says what the bases of {needed.name} were"
            elif needed.action is Action.ADOPT and needed.record is not None:
                bases, moving = {**bases, **needed.record.bases}, moving or needed.record.moving
        found[image.name] = Record(key=image.key, settings=image.settings, bases=bases, moving=moving)
    return found


def _after(error: DockerPushError, tries: int) -> DockerPushError:
    if tries > 1:
        error.message = f"{error.message} (after {tries} tries)"
    return error
