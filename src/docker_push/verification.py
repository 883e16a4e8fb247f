"""Verifying what is published: the plan, what the registries hold, and what came of comparing the two."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from docker_push import history, readback, report
from docker_push import plan as planning
from docker_push.errors import ConfigError, VerificationError
from docker_push.facts import Facts, RepositoryFacts
from docker_push.forward import Verdict
from docker_push.history import History
from docker_push.parallel import in_parallel
from docker_push.plan import Plan
from docker_push.process import one_line
from docker_push.publish import Rules
from docker_push.readback import Comparison, Difference, Judge, Observed
from docker_push.references import Reference, Tag
from docker_push.registry import Descriptor
from docker_push.run import Run
from docker_push.tagging import PlannedTag

SCHEMA = 1
_DIGEST = re.compile(r"(sha(?:256|512):[0-9a-f]{12})[0-9a-f]+")


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What came of a verification: one comparison for each image and registry, in the plan's order."""

    compared: tuple[Comparison, ...]

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Return everything that is not as the plan says."""
        return tuple(found for one in self.compared for found in one.differences)

    @property
    def references(self) -> list[str]:
        """Return a line for machines for each image and registry where all is right: ``REPOSITORY:COMMIT-TAG@DIGEST``."""
        return [str(_reference(one.observed)) for one in self.compared if not one.differences]

    def check(self) -> None:
        """Raise VerificationError where anything differs: the table of it all, and the first one in words."""
        if not self.differences:
            return
        first, more = self.differences[0], len(self.differences) - 1
        rest = f", and {more} more {'differences' if more > 1 else 'difference'}" if more else ""
        cause = f"{first.what}: {_shown(first.found)} instead of {_shown(first.wanted)}"
        message = f"image {first.image}: {first.repository} is not what the plan says: {cause}{rest}"
        raise VerificationError(message, hint=_hint(self.compared), details=table(self.differences))


def verify(run: Run) -> Verified:
    """Read back what is published for the run's commit and compare it with the plan; changes nothing, needs no Docker.

    A run of what changed may have no image: that is said, and is no error. Raises ConfigError where the plan publishes nothing,
    and the errors of registries that cannot be read.
    """
    plan = _plan(run)
    if not plan.images:
        run.surroundings.say("Nothing to verify: no image that was asked for is affected by what changed.")
        return Verified(compared=())
    if not plan.published:
        why = next((image.why for image in plan.images if image.asked), "no image was asked for")
        raise ConfigError(
            f"there is nothing to verify: {why}", hint="Verify the commit or the version that was published."
        )
    compared = readback.compare(readback.read(plan, run.clients), _judge(run, plan))
    for note in (note for one in compared for note in one.notes):
        run.surroundings.say(note)
    return Verified(compared=compared)


def _plan(run: Run) -> Plan:
    """Plan the run by the tags that are published, where the plan depends on them, and by nothing else of the world."""
    draft = planning.plan(run.options, run.context)
    places = [repository for image in draft.published if image.lists_tags for repository in image.repositories]
    tags = in_parallel(lambda repository: run.clients[repository.registry].tags(repository), places)
    seen = {repository: RepositoryFacts(tags=names) for repository, names in zip(places, tags, strict=True)}
    return planning.plan(run.options, run.context, Facts(repositories=seen)) if places else draft


def _judge(run: Run, plan: Plan) -> Judge:
    """Return the forward-only rule: a tag that a newer commit's run has moved on is right where it is."""

    @cache
    def remote() -> History:
        return history.observe(run.context, run.runner, run.surroundings.temporary, run.surroundings.environ)

    rules = Rules(
        history=lambda _fresh: remote(),
        commit_tag=plan.commit_tag_of,
        tags=run.options.tags,
        release=plan.version,
    )

    def judge(one: Observed, planned: PlannedTag, head: Descriptor) -> Verdict:
        if one.commit is None:
            return Verdict(moves=True)
        client = run.clients[one.repository.registry]
        found = rules.judge(one.repository, planned, one.commit, head, client, fresh=False)
        return found or Verdict(moves=True)

    return judge


def _hint(compared: Iterable[Comparison]) -> str:
    wrong = [one for one in compared if one.differences]
    versions = [(one.observed, tag, head) for one in wrong for tag, head in _versions(one.observed)]
    for seen, tag, head in versions:
        if seen.commit is not None and head.digest != seen.commit:
            return (
                f"A version never moves: see who overwrote {Reference(seen.repository, tag)}; publish under a new version, or"
                f" put this commit's image back on purpose with docker.push --force."
            )
    if all(found.what.startswith("tag ") for one in wrong for found in one.differences):
        return "Run docker.push for this commit: it puts the tags right and builds nothing that is whole."
    if versions:
        seen, tag, _ = versions[0]
        return (
            "See who else pushes to, or cleans up, this repository, and publish under a new version: what is built again has"
            f" other bytes, and {Reference(seen.repository, tag)} never moves."
        )
    return "Run docker.push --rebuild for this commit, and see who else pushes to, or cleans up, this repository."


def _versions(seen: Observed) -> Iterator[tuple[Tag, Descriptor]]:
    """Give the tags that never move and stand there, beside the commit's own."""
    for planned in seen.image.tags:
        head = seen.tags[planned.tag]
        if not planned.moves and planned.tag != seen.image.commit_tag and head is not None:
            yield planned.tag, head


def table(differences: Sequence[Difference]) -> tuple[str, ...]:
    """Return the differences as a table: image, registry, what, wanted, found."""
    rows = [("image", "registry", "what", "wanted", "found")]
    rows += [
        (one.image, str(one.repository.registry), _shown(one.what), _shown(one.wanted), _shown(one.found))
        for one in differences
    ]
    return report.table(rows)


def _shown(text: str) -> str:
    """Return a value fit for a line: foreign text made printable, digests short enough to compare by eye."""
    return _DIGEST.sub(r"\1", one_line(text))


def verified_json(found: Verified) -> dict[str, object]:
    """Return what came of a verification as machines read it: digests whole, everything that differs."""
    return {"schema": SCHEMA, "images": [_comparison_json(one) for one in found.compared]}


def _comparison_json(one: Comparison) -> dict[str, object]:
    seen = one.observed
    return {
        "name": seen.image.name,
        "repository": str(seen.repository),
        "reference": str(_reference(seen)),
        "digest": str(seen.commit) if seen.commit else None,
        "verified": not one.differences,
        "differences": [{"what": each.what, "wanted": each.wanted, "found": each.found} for each in one.differences],
        "notes": list(one.notes),
    }


def _reference(seen: Observed) -> Reference:
    return Reference(seen.repository, seen.image.commit_tag, seen.commit)
