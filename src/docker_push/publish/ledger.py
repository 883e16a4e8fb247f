"""What is known of every tag of a run at any moment, also when the run ends early."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from docker_push.errors import InterruptedRunError
from docker_push.plan import Plan
from docker_push.publish.outcomes import State, TagOutcome, state_of
from docker_push.publish.staged import Staged
from docker_push.references import Reference
from docker_push.tagging import PlannedTag, TagKind

Place = tuple[Staged, PlannedTag]
# The commit tag is not among them: staging put it. An alias follows the version that it is an alias of.
ORDER = (
    {(TagKind.BRANCH, True), (TagKind.EXTRA, True)},
    {(TagKind.SEMVER, False)},
    {(TagKind.SEMVER, True)},
    {(TagKind.LATEST, True)},
)


class Ledger:
    """Hold an outcome for every tag; safe among threads. ``on_tag`` is called as each tag is done.

    ``close`` ends it: after that no tag is put any more, so that what was said of a tag stays true.
    """

    def __init__(
        self, staged: Sequence[Staged], commit: Sequence[TagOutcome], on_tag: Callable[[TagOutcome], None]
    ) -> None:
        self._lock = threading.Lock()
        self._on_tag = on_tag
        self._closed = False
        self._entries = {_key(one, tag): _untouched(one, tag) for one in staged for tag in moving(one)}
        self._commit = tuple(commit)

    @property
    def outcomes(self) -> tuple[TagOutcome, ...]:
        """Return every tag's outcome so far: commit tags first, then in the plan's order."""
        with self._lock:
            return (*self._commit, *self._entries.values())

    def close(self) -> tuple[TagOutcome, ...]:
        """Let no further tag be put, and return every tag's outcome."""
        with self._lock:
            self._closed = True
        return self.outcomes

    def note(self, place: Place, outcome: TagOutcome, *, tell: bool = True) -> None:
        """Write down what became of a tag, and say so where people should know.

        Raises InterruptedRunError for a tag that is about to be put in a ledger that is closed.
        """
        with self._lock:
            if self._closed and outcome.state is State.UNKNOWN:
                raise InterruptedRunError("the run has ended", hint="Run the same command again.")
            self._entries[_key(*place)] = outcome
        if tell:
            self._on_tag(outcome)

    def of(self, place: Place) -> TagOutcome:
        """Return what is known of one tag."""
        with self._lock:
            return self._entries[_key(*place)]


def moving(one: Staged) -> Iterable[PlannedTag]:
    """Return the tags of an image that are put after staging, in the order in which they are."""
    return (tag for step in ORDER for tag in one.image.tags if (tag.kind, tag.moves) in step)


def _key(one: Staged, tag: PlannedTag) -> Reference:
    return Reference(one.repository, tag.tag)


def _untouched(one: Staged, tag: PlannedTag) -> TagOutcome:
    return TagOutcome(
        image=one.image.name,
        reference=Reference(one.repository, tag.tag, one.manifest.digest),
        kind=tag.kind,
        before=None,
        after=None,
        state=State.WAITING,
    )


def unanswered(plan: Plan, asked: Iterable[Staged]) -> tuple[TagOutcome, ...]:
    """Return the outcomes of commit tags that were asked for and of which no answer came."""
    return tuple(replace(one, after=None, state=State.UNKNOWN) for one in commit_tags(plan, asked))


def commit_tags(plan: Plan, staged: Iterable[Staged]) -> tuple[TagOutcome, ...]:
    """Return what staging did to the commit tags, by what was observed before and what was verified after."""
    found = []
    for one in staged:
        seen = plan.facts.repositories.get(one.repository)
        before = seen.commit.digest if seen and seen.commit else None
        outcome = TagOutcome(
            image=one.image.name,
            reference=one.reference,
            kind=TagKind.COMMIT,
            before=before,
            after=one.manifest.digest,
            state=state_of(before, one.manifest.digest),
        )
        found.append(outcome)
    return tuple(found)
