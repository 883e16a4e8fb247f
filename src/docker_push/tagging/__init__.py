"""Which tags an image gets, and why: slugs, versions, moving and immutable tags. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from docker_push.config import TagsTable
from docker_push.context import Context, Event
from docker_push.errors import ConfigError
from docker_push.references import Platform, Tag, quoted
from docker_push.slugs import slug
from docker_push.tagging.model import PlannedTag, SkippedTag, TagKind, TagPlan, part
from docker_push.tagging.naming import Name, is_reserved, legible, name_of
from docker_push.tagging.releases import (
    aliases,
    follows_versions,
    is_release,
    latest_release,
    newest_release,
    release_of,
    superseded,
    version_tags,
)
from docker_push.versions import Version

__all__ = [
    "FORK",
    "PlannedTag",
    "SkippedTag",
    "TagKind",
    "TagPlan",
    "commit_tag",
    "follows_versions",
    "is_dirty",
    "is_reserved",
    "newest_release",
    "part_tag",
    "plan_tags",
    "slug",
    "superseded",
]

_LIMIT = 128  # OCI distribution-spec: 1 + 127 characters
_HASH_LENGTH = 12
FORK = "a pull request from a fork is built and never pushed"
_QUEUE = "a merge queue gets the commit tag only"


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

    ``version`` is a semver version, ``extra`` all further tags (those of ``rules`` among them), ``published`` the tags
    that the repository holds now (``None``: not looked at). Raises ConfigError for a version that is none, and for an
    ``extra`` tag that is none or has a meaning of its own.
    """
    release = release_of(context, version)
    context = _as_tag_push(context, release)
    name = name_of(context, rules)
    alone = FORK if context.is_fork else _QUEUE if context.event is Event.MERGE_QUEUE else ""
    candidates = [
        *_branch(context, name, release),
        *_extra(context, rules, extra),
        *aliases(rules, release, published),
        *version_tags(context, release),
        _latest(context, rules, release, published),
    ]
    kept, skipped = part(candidates, alone or _held_back(context, allow_dirty=allow_dirty))
    return TagPlan(
        slug=name.slug,
        tags=(_commit(context, rules, name), *kept),
        skipped=skipped,
        warnings=(*context.notes, *_warnings(context, rules, name)),
        build_only=FORK if context.is_fork else None,
    )


def commit_tag(commit: str, slug: str, rules: TagsTable, *, end: str = "") -> Tag:
    """Return the commit tag of a commit (its whole id) of what has this slug; ``end`` stays where the slug is too long."""
    sha = commit[: rules.sha_length]
    room = _LIMIT - len(sha) - len(end) - 1
    return Tag.parse(f"{sha}-{slug[:room]}{end}")


def part_tag(commit: Tag, platform: Platform) -> Tag:
    """Return the tag of one platform of what will stand under a commit tag, where a part cannot do without; unique by both."""
    end = f".{str(platform).replace('/', '-')}"
    name = f"{commit}{end}"
    if len(name) > _LIMIT:
        digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
        name = f"{str(commit)[: _LIMIT - _HASH_LENGTH - len(end) - 1]}-{digest}{end}"
    return Tag.parse(name[-_LIMIT:])


def _as_tag_push(context: Context, release: Version | None) -> Context:
    """See a tag push in the seed's variables alone: then GITHUB_BRANCH is the slug of the version itself."""
    if context.slug_only and release is not None and slug(context.branch or "") == slug(release.text):
        return replace(context, tag=release.text, branch=None, slug_only=False)
    return context


def _commit(context: Context, rules: TagsTable, name: Name) -> PlannedTag:
    """Return the commit tag; that of changes which no commit holds may be put again with others."""
    dirty = "-dirty" if is_dirty(context) else ""
    tag = commit_tag(context.commit, name.slug, rules, end=dirty)
    why = f"commit of {name.shown}" + (", with changes in the working tree" if dirty else "")
    return PlannedTag(tag=tag, kind=TagKind.COMMIT, moves=bool(dirty), why=why)


def is_dirty(context: Context) -> bool:
    """Tell whether the commit does not say what is built: a laptop's working tree has changes; in CI they are only noted."""
    return context.dirty and context.ci == "local"


def _held_back(context: Context, *, allow_dirty: bool) -> str:
    if is_dirty(context) and not allow_dirty:
        return "the working tree has changes: commit them, or give --allow-dirty"
    return ""


def _branch(context: Context, name: Name, release: Version | None) -> Iterator[PlannedTag]:
    if is_release(context, release):
        return  # the branch tag of a release is the version tag
    yield PlannedTag(tag=Tag.parse(name.slug), kind=TagKind.BRANCH, moves=True, why=name.note or name.shown)


def _extra(context: Context, rules: TagsTable, names: Iterable[str]) -> Iterator[PlannedTag | SkippedTag]:
    for name in names:
        if is_reserved(name, rules) or not Tag.is_valid(name):
            hint = "A further tag is a name of your own, as in nightly: not latest, a version, pr-N or a commit."
            raise ConfigError(f"{quoted(name)} cannot be a further tag", hint=hint)
        if context.event is Event.PULL_REQUEST and name in rules.extra:
            why = f"{name}: build.toml's further tags are not for pull requests"
            yield SkippedTag(kind=TagKind.EXTRA, why=why)
        else:
            yield PlannedTag(tag=Tag.parse(name), kind=TagKind.EXTRA, moves=True, why="asked for by name")


def _latest(
    context: Context, rules: TagsTable, release: Version | None, published: tuple[str, ...] | None
) -> PlannedTag | SkippedTag:
    branch, default = legible(context.branch or ""), legible(context.default_branch)
    why_not = ""
    if rules.latest == "never":
        why_not = '[tags] latest is "never"'
    elif context.event is Event.PULL_REQUEST:
        why_not = "a pull request is never latest"
    elif rules.latest == "release":
        return latest_release(release, published)
    elif context.tag is not None:
        why_not = f"git tag {legible(context.tag)} is not the default branch {default}"
    elif not _is_default(context):
        why_not = f"branch {branch} is not the default branch {default}"
    if why_not:
        return SkippedTag(kind=TagKind.LATEST, why=why_not)
    why = f"branch {branch} is the default branch"
    return PlannedTag(tag=Tag("latest"), kind=TagKind.LATEST, moves=True, why=why)


def _is_default(context: Context) -> bool:
    """Compare raw names; slugs only where the branch is known as nothing but a slug."""
    branch, default = context.branch or "", context.default_branch
    return branch != "" and (slug(branch) == slug(default) if context.slug_only else branch == default)


def _warnings(context: Context, rules: TagsTable, name: Name) -> Iterator[str]:
    """Warn where another branch may have the same slug.

    Case and '/' alone are quiet: nearly every branch has them, and a warning that always comes is read by nobody.
    """
    raw, default = context.branch or "", context.default_branch
    if context.event in {Event.PULL_REQUEST, Event.MERGE_QUEUE} or context.tag is not None or name.note:
        return
    remedy = '[tags] slug = "unique" rules that out'
    if context.slug_only:
        if rules.slug == "unique":
            yield f'slug = "unique" can do nothing for {name.slug}: of the branch nothing but this slug is known'
    elif name.slug == slug(default) and raw != default:
        yield f"{name.shown} is tagged {name.slug}, as the default branch {legible(default)} is; {remedy}"
    elif name.slug != raw.lower().replace("/", "-"):
        yield f"{name.shown} is tagged {name.slug}, as another branch may be; {remedy}"
