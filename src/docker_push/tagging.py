"""Which tags an image gets, and why: slugs, versions, moving and immutable tags. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from docker_push.config import TagsTable
from docker_push.context import Context, Event
from docker_push.errors import ConfigError
from docker_push.references import Tag, quoted
from docker_push.slugs import LENGTH, slug
from docker_push.versions import Version

_HASH_LENGTH = 8
_COMMIT_TAG = re.compile(r"[0-9a-f]{6,64}(?:-.*)?")
_PULL_REQUEST = re.compile(r"pr-[0-9]+")


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

    ``build_only`` is the reason why nothing of this run may be pushed, where there is one; the tags then only name what
    would have been.
    """

    slug: str
    tags: tuple[PlannedTag, ...]
    skipped: tuple[SkippedTag, ...] = ()
    warnings: tuple[str, ...] = ()
    build_only: str | None = None


def is_reserved(name: str) -> bool:
    """Tell whether a tag of this name has a meaning of its own: ``latest``, a version, ``pr-N``, a commit tag."""
    patterns = (_PULL_REQUEST.fullmatch(name), _COMMIT_TAG.fullmatch(name))
    return name == "latest" or any(patterns) or Version.find(name) is not None


@dataclass(frozen=True)
class _Name:
    """The name of what is built, as a tag has it; ``note`` says what was done to the raw name, if anything was."""

    slug: str
    shown: str
    note: str = ""


def plan_tags(
    context: Context,
    rules: TagsTable,
    *,
    version: str | None,
    extra: tuple[str, ...],
    published: tuple[str, ...] | None,
    allow_dirty: bool,
) -> TagPlan:
    """Return the tags of an image of this run.

    ``version`` is a semver version, ``published`` the tags that the repository holds now (``None``: not looked at).
    Raises ConfigError for an ``extra`` tag that is none, or that has a meaning of its own.
    """
    release = Version.parse(version) if version else None
    context = _as_tag_push(context, release)
    name = _name(context, rules)
    commit = _commit(context, rules, name)
    held = _held_back(context, allow_dirty=allow_dirty)
    if context.event is Event.MERGE_QUEUE:
        skipped = (SkippedTag(kind=TagKind.BRANCH, why="a merge queue's branch is gone after the merge"),)
        return TagPlan(slug=name.slug, tags=(commit,), skipped=skipped)
    candidates = [
        *_branch(context, name, release),
        *_extra(extra),
        *_aliases(rules, release, published),
        *_version(context, release),
        _latest(context, rules, release, published),
    ]
    return TagPlan(
        slug=name.slug,
        tags=(commit, *_unique(tag for tag in candidates if isinstance(tag, PlannedTag) and not (tag.moves and held))),
        skipped=tuple(_skipped(candidates, held)),
        warnings=_warnings(context, rules, name),
        build_only=None if context.trusted else "a pull request from a fork is built and never pushed",
    )


def _as_tag_push(context: Context, release: Version | None) -> Context:
    """See a tag push in the seed's variables alone: then GITHUB_BRANCH is the slug of the version itself."""
    if context.slug_only and release is not None and slug(context.branch or "") == slug(release.text):
        return replace(context, tag=release.text, branch=None)
    return context


def _name(context: Context, rules: TagsTable) -> _Name:
    if context.pull_request is not None:
        return _Name(f"pr-{context.pull_request}", f"pull request {context.pull_request}")
    raw = context.tag if context.tag is not None else (context.branch or "")
    what = f"tag {raw}" if context.tag is not None else f"branch {raw}"
    plain = slug(raw)
    if context.tag is not None and Version.find(raw) is not None:
        return _Name(plain, what)
    if not plain or is_reserved(plain):
        why = "its slug is empty" if not plain else f"'{plain}' has a meaning of its own as a tag"
        return _Name(_hashed(plain or "branch", raw), what, f"{what} with a hash: {why}")
    if rules.slug == "unique" and plain != raw:
        return _Name(_hashed(plain, raw), what, f'{what} with a hash: slug = "unique" and the slug loses something')
    return _Name(plain, what)


def _hashed(plain: str, raw: str) -> str:
    """Return the slug with a short hash of the raw name: no longer reserved, no longer shared."""
    digest = hashlib.sha256(raw.encode()).hexdigest()[:_HASH_LENGTH]
    # a word in front: a commit tag's shape is hexadecimal digits and then anything
    front = f"branch-{plain}" if _COMMIT_TAG.fullmatch(plain) else plain
    return f"{front[: LENGTH - _HASH_LENGTH - 1].rstrip('-')}-{digest}"


def _commit(context: Context, rules: TagsTable, name: _Name) -> PlannedTag:
    dirty = "-dirty" if context.dirty and context.ci == "local" else ""
    tag = Tag.parse(f"{context.commit[: rules.sha_length]}-{name.slug}{dirty}")
    why = f"commit of {name.shown}" + (", with changes in the working tree" if dirty else "")
    return PlannedTag(tag=tag, kind=TagKind.COMMIT, moves=False, why=why)


def _held_back(context: Context, *, allow_dirty: bool) -> str:
    if context.dirty and context.ci == "local" and not allow_dirty:
        return "the working tree has changes: commit them, or give --allow-dirty"
    return ""


def _branch(context: Context, name: _Name, release: Version | None) -> Iterator[PlannedTag]:
    if context.tag is not None and (release is not None or Version.find(context.tag) is not None):
        return  # the branch tag of a release is the version tag
    yield PlannedTag(tag=Tag.parse(name.slug), kind=TagKind.BRANCH, moves=True, why=name.note or name.shown)


def _extra(names: Sequence[str]) -> Iterator[PlannedTag]:
    for name in names:
        if is_reserved(name) or not Tag.is_valid(name):
            hint = "A further tag is a name of your own, as in nightly: not latest, a version, pr-N or a commit."
            raise ConfigError(f"{quoted(name)} cannot be a further tag", hint=hint)
        yield PlannedTag(tag=Tag.parse(name), kind=TagKind.EXTRA, moves=True, why="asked for by name")


def _aliases(
    rules: TagsTable, release: Version | None, published: tuple[str, ...] | None
) -> Iterator[PlannedTag | SkippedTag]:
    if release is None:
        return
    for template in rules.semver:
        name = template.replace("{major}", str(release.major)).replace("{minor}", str(release.minor))
        width = template.count("{")
        same = [other for other in _stable(published) if _line(other, width) == _line(release, width)]
        if not release.is_stable:
            yield SkippedTag(kind=TagKind.SEMVER, why=f"{name}: {release} is a prerelease")
        elif any(release < other for other in same):
            yield SkippedTag(kind=TagKind.SEMVER, why=f"{name}: {max(same)} is published and higher than {release}")
        else:
            why = f"{release} is the highest version of {name}{_unseen(published)}"
            yield PlannedTag(tag=Tag.parse(name), kind=TagKind.SEMVER, moves=True, why=why)


def _line(version: Version, width: int) -> tuple[int, ...]:
    return (version.major, version.minor)[:width]


def _stable(published: Iterable[str] | None) -> list[Version]:
    found = (Version.find(name) for name in published or ())
    return [version for version in found if version is not None and version.is_stable]


def _unseen(published: tuple[str, ...] | None) -> str:
    return " (as far as is known: the registry was not asked)" if published is None else ""


def _version(context: Context, release: Version | None) -> Iterator[PlannedTag]:
    pushed = Version.find(context.tag) if context.tag is not None else None
    version = release or pushed
    if version is not None:
        why = f"tag {context.tag}" if release is None else f"version {release}"
        yield PlannedTag(tag=version.tag, kind=TagKind.SEMVER, moves=False, why=f"{why}, published once")


def _latest(
    context: Context, rules: TagsTable, release: Version | None, published: tuple[str, ...] | None
) -> PlannedTag | SkippedTag:
    if rules.latest == "never":
        return SkippedTag(kind=TagKind.LATEST, why='[tags] latest is "never"')
    if rules.latest == "release":
        return _latest_release(release, published)
    if context.pull_request is not None:
        return SkippedTag(kind=TagKind.LATEST, why="a pull request is never latest")
    if context.tag is not None:
        return SkippedTag(
            kind=TagKind.LATEST, why=f"tag {context.tag} is not the default branch {context.default_branch}"
        )
    if not _is_default(context):
        why = f"branch {context.branch} is not the default branch {context.default_branch}"
        return SkippedTag(kind=TagKind.LATEST, why=why)
    why = f"branch {context.branch} is the default branch"
    return PlannedTag(tag=Tag("latest"), kind=TagKind.LATEST, moves=True, why=why)


def _is_default(context: Context) -> bool:
    """Compare raw names; slugs only where the branch is known as nothing but a slug."""
    if context.slug_only:
        return bool(slug(context.branch or "")) and slug(context.branch or "") == slug(context.default_branch)
    return context.branch == context.default_branch


def _latest_release(release: Version | None, published: tuple[str, ...] | None) -> PlannedTag | SkippedTag:
    if release is None:
        return SkippedTag(kind=TagKind.LATEST, why='[tags] latest is "release", and this run has no version')
    if not release.is_stable:
        return SkippedTag(kind=TagKind.LATEST, why=f"{release} is a prerelease")
    highest = max(_stable(published), default=release)
    if release < highest:
        return SkippedTag(kind=TagKind.LATEST, why=f"{highest} is published and higher than {release}")
    why = f"{release} is the highest stable version{_unseen(published)}"
    return PlannedTag(tag=Tag("latest"), kind=TagKind.LATEST, moves=True, why=why)


def _unique(tags: Iterable[PlannedTag]) -> list[PlannedTag]:
    """Keep each tag once; where two kinds meet, the one that never moves wins."""
    found: dict[Tag, PlannedTag] = {}
    for tag in tags:
        if tag.tag not in found or not tag.moves:
            found[tag.tag] = tag
    return list(found.values())


def _skipped(candidates: Iterable[PlannedTag | SkippedTag], held: str) -> Iterator[SkippedTag]:
    for candidate in candidates:
        if isinstance(candidate, SkippedTag):
            yield candidate
        elif held and candidate.moves:
            yield SkippedTag(kind=candidate.kind, why=f"{candidate.tag}: {held}")


def _warnings(context: Context, rules: TagsTable, name: _Name) -> tuple[str, ...]:
    """Warn where another branch may have the same slug; lower-casing alone is too common to speak of."""
    raw = context.branch or ""
    if context.slug_only or context.pull_request is not None or context.tag is not None or name.note:
        return ()
    if rules.slug == "unique" or slug(raw) == raw.lower():
        return ()
    return (f'branch {raw} is tagged {name.slug}, as another branch may be; [tags] slug = "unique" rules that out',)
