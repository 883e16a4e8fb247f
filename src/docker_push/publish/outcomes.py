"""What became of each tag, as values: told to people, reported to machines, and listed when a run ends early."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from docker_push.references import Digest, Reference
from docker_push.tagging import TagKind


class State(str, Enum):
    """What happened to a tag."""

    CREATED = "created"
    MOVED = "moved"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"  # what stands there is newer, or may be
    REFUSED = "refused"  # it never moves, and names other bytes
    WAITING = "waiting"  # not touched by this run: wholly what it was
    UNKNOWN = "unknown"  # asked for, and no answer came: wholly what it was, or wholly new

    @property
    def is_done(self) -> bool:
        """Tell whether this run has nothing left to do for the tag."""
        return self in {State.CREATED, State.MOVED, State.UNCHANGED, State.SKIPPED}


@dataclass(frozen=True, kw_only=True)
class TagOutcome:
    """A tag of one repository, before and after the run; ``image`` is the image's name in build.toml.

    ``reference`` has the digest that the run has for it. ``before`` and ``after`` are what the tag named as far as the run
    saw: ``None`` where it did not exist, or was not looked at (WAITING). ``why`` is a sentence about what is not as usual.
    """

    image: str
    reference: Reference
    kind: TagKind
    before: Digest | None
    after: Digest | None
    state: State
    why: str = ""


def state_of(before: Digest | None, after: Digest) -> State:
    """Return what putting ``after`` where ``before`` was has done."""
    if before is None:
        return State.CREATED
    return State.UNCHANGED if before == after else State.MOVED
