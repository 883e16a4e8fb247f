"""Tags of an image as values: what is put, what is not, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from docker_push.references import Tag


class TagKind(str, Enum):
    """What a tag stands for."""

    COMMIT = "commit"
    BRANCH = "branch"
    LATEST = "latest"
    SEMVER = "semver"
    EXTRA = "extra"


@dataclass(frozen=True, kw_only=True)
class PlannedTag:
    """A tag that the run puts; ``moves`` says whether it may point to other bytes tomorrow."""

    tag: Tag
    kind: TagKind
    moves: bool
    why: str


@dataclass(frozen=True, kw_only=True)
class SkippedTag:
    """A kind of tag that the run does not put, and why."""

    kind: TagKind
    why: str


@dataclass(frozen=True, kw_only=True)
class TagPlan:
    """The tags of one image: the commit tag first, then in the order in which they are moved, ``latest`` last.

    ``build_only`` is the reason why nothing of this run may be pushed, where there is one; the commit tag, alone then,
    is only the name that the build has.
    """

    slug: str
    tags: tuple[PlannedTag, ...]
    skipped: tuple[SkippedTag, ...] = ()
    warnings: tuple[str, ...] = ()
    build_only: str | None = None


def part(
    candidates: Iterable[PlannedTag | SkippedTag], held: str
) -> tuple[tuple[PlannedTag, ...], tuple[SkippedTag, ...]]:
    """Part what is put from what is not; ``held`` is why nothing is.

    Where two kinds meet in one tag, the one that never moves is put, else the first.
    """
    kept: dict[Tag, PlannedTag] = {}
    skipped: list[SkippedTag] = []
    for one in candidates:
        if isinstance(one, SkippedTag):
            skipped.append(one)
        elif held:
            skipped.append(SkippedTag(kind=one.kind, why=f"{one.tag}: {held}"))
        elif (other := kept.get(one.tag)) is None:
            kept[one.tag] = one
        else:
            stays, goes = (other, one) if other.moves <= one.moves else (one, other)
            kept[one.tag] = stays
            skipped.append(SkippedTag(kind=goes.kind, why=f"{one.tag}: it is the {stays.kind.value} tag already"))
    return tuple(kept.values()), tuple(skipped)
