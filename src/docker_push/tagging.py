"""Which tags an image gets, and why: slugs, versions, moving and immutable tags."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from docker_push.config import TagsTable
from docker_push.context import Context
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
    """The tags of one image: the commit tag first, then in the order in which they are moved, ``latest`` last."""

    slug: str
    tags: tuple[PlannedTag, ...]
    skipped: tuple[SkippedTag, ...] = ()
    warnings: tuple[str, ...] = ()


def slug(raw: str) -> str:
    """Return ``raw`` as GITHUB_REF_SLUG would write it; may be empty."""
    raise NotImplementedError


def plan_tags(  # noqa: PLR0913
    context: Context,
    rules: TagsTable,
    *,
    version: str | None,
    extra: tuple[str, ...],
    published: tuple[str, ...] | None,
    allow_dirty: bool,
) -> TagPlan:
    """Return the tags of an image of this run."""
    raise NotImplementedError
