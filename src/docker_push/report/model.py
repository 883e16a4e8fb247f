"""What came of a run, as values, sorted by image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from docker_push.errors import DockerPushError
from docker_push.image_tests import Outcome as Tested
from docker_push.plan import Plan, PlannedImage
from docker_push.publish import Staged, TagOutcome
from docker_push.record import Record
from docker_push.references import Digest

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ImageReport:
    """What happened to one image: ``seconds`` is the wall time of its bakes, zero where it was adopted.

    ``tests`` are what became of its test commands, by platform. ``attempts`` are its bakes, and ``retries`` the requests of
    ours to its repositories that had to be sent again.
    ``error`` is why it was not published, in a run that kept going without it.
    """

    image: PlannedImage
    staged: tuple[Staged, ...]
    tags: tuple[TagOutcome, ...]
    attempts: int
    seconds: float
    tests: tuple[Tested, ...] = ()
    retries: int = 0
    error: DockerPushError | None = None


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """A whole run: the plan, what became of each image that was published, and the error that ended it, if one did."""

    plan: Plan
    images: tuple[ImageReport, ...]
    error: DockerPushError | None = None

    @property
    def published(self) -> tuple[ImageReport, ...]:
        """Return the images of which every tag is where it belongs: nothing may go on with another one."""
        return tuple(entry for entry in self.images if entry.tags and all(tag.state.is_done for tag in entry.tags))


@dataclass(frozen=True, kw_only=True)
class Staging:
    """What building gave: image name -> digest, seconds in bakes and number of bakes (none for an adopted image).

    ``records`` is image name -> what it was made from, of those that were built and of which that can be told.
    ``failures`` are the images that could not be staged in a run that keeps going, each with its error.
    """

    digests: Mapping[str, Digest]
    seconds: Mapping[str, float] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, DockerPushError] = field(default_factory=dict)
    records: Mapping[str, Record] = field(default_factory=dict)


def outcome(
    plan: Plan,
    staging: Staging,
    staged: Sequence[Staged],
    tags: Sequence[TagOutcome],
    error: DockerPushError | None = None,
    *,
    tests: Sequence[Tested] = (),
    retries: Mapping[str, int] | None = None,
) -> RunReport:
    """Sort what happened by image; ``retries`` is image name -> requests that had to be sent again."""
    repeated = retries or {}
    staged_of = _grouped(staged, lambda one: one.image.name)
    tags_of = _grouped(tags, lambda tag: tag.image)
    tests_of = _grouped(tests, lambda one: one.image)
    return RunReport(
        plan=plan,
        images=tuple(
            ImageReport(
                image=image,
                staged=tuple(staged_of[image.name]),
                tags=tuple(tags_of[image.name]),
                attempts=staging.attempts.get(image.name, 0),
                seconds=staging.seconds.get(image.name, 0.0),
                tests=tuple(tests_of[image.name]),
                retries=repeated.get(image.name, 0),
                error=staging.failures.get(image.name),
            )
            for image in plan.published
        ),
        error=error,
    )


def _grouped(found: Iterable[T], image: Callable[[T], str]) -> Mapping[str, list[T]]:
    groups: defaultdict[str, list[T]] = defaultdict(list)
    for one in found:
        groups[image(one)].append(one)
    return groups
