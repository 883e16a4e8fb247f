"""Tags that a version brings: itself, published once, and those that follow the highest one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from docker_push.config import TagsTable
from docker_push.context import Context
from docker_push.references import Tag
from docker_push.tagging.model import PlannedTag, SkippedTag, TagKind
from docker_push.versions import Version


def release_of(context: Context, version: str | None) -> Version | None:
    """Return the version that was given, else the git tag that is pushed, where it is one; raises ConfigError."""
    return Version.parse(version) if version else _pushed(context)


def version_tags(context: Context, release: Version | None) -> Iterator[PlannedTag | SkippedTag]:
    """Plan the version that was given and the one that a git tag is; where only the form differs, the one given."""
    pushed = _pushed(context)
    for version in (pushed if pushed != release else None, release):
        if version is not None:
            why = f"{'git tag' if version.text == context.tag else 'version'} {version}"
            yield PlannedTag(tag=version.tag, kind=TagKind.SEMVER, moves=False, why=f"{why}, published once")
    if release is None:
        yield SkippedTag(kind=TagKind.SEMVER, why="no version was given")


def _pushed(context: Context) -> Version | None:
    return Version.find(context.tag) if context.tag is not None else None


def aliases(
    rules: TagsTable, release: Version | None, published: tuple[str, ...] | None
) -> Iterator[PlannedTag | SkippedTag]:
    """Plan the moving tags of releases, each for the highest stable version that it stands for."""
    if release is None:
        return
    for template in rules.semver:
        name = _alias(template, release)
        same = [other for other in _stable(published) if _alias(template, other) == name]
        if not release.is_stable:
            yield SkippedTag(kind=TagKind.SEMVER, why=f"{name}: {release} is a prerelease")
        elif any(release < other for other in same):
            yield SkippedTag(kind=TagKind.SEMVER, why=f"{name}: {max(same)} is published and higher than {release}")
        else:
            why = f"{release} is the highest version of {name}{_unseen(published)}"
            yield PlannedTag(tag=Tag.parse(name), kind=TagKind.SEMVER, moves=True, why=why)


def latest_release(release: Version | None, published: tuple[str, ...] | None) -> PlannedTag | SkippedTag:
    """Plan ``latest`` for the highest stable version."""
    if release is None:
        return SkippedTag(kind=TagKind.LATEST, why='[tags] latest is "release", and no version was given')
    if not release.is_stable:
        return SkippedTag(kind=TagKind.LATEST, why=f"{release} is a prerelease")
    highest = max(_stable(published), default=release)
    if release < highest:
        return SkippedTag(kind=TagKind.LATEST, why=f"{highest} is published and higher than {release}")
    why = f"{release} is the highest stable version{_unseen(published)}"
    return PlannedTag(tag=Tag("latest"), kind=TagKind.LATEST, moves=True, why=why)


def follows_versions(tag: PlannedTag, rules: TagsTable, release: str | None) -> bool:
    """Tell whether versions, and not commits, say what a moving tag may name: aliases, and all else of a release's own.

    A further tag of a release is among them: its run is of a git tag or a version, whose commit says nothing of order.
    """
    by_version = tag.kind is TagKind.SEMVER or (tag.kind is TagKind.LATEST and rules.latest == "release")
    return tag.moves and (by_version or (tag.kind is TagKind.EXTRA and release is not None))


def superseded(tag: PlannedTag, rules: TagsTable, release: str, published: Iterable[str]) -> str:
    """Return why a tag that follows versions stays, by the tags that its repository has now; empty where it may move."""
    ours = Version.parse(release)
    names = {_alias(template, ours): template for template in rules.semver}
    template = names.get(tag.tag.name) if tag.kind is TagKind.SEMVER else None
    rivals = [other for other in _stable(published) if template is None or _alias(template, other) == tag.tag.name]
    highest = max(rivals, default=ours)
    return f"{tag.tag} stays: {highest} is published and higher than {ours}" if ours < highest else ""


def newest_release(published: Iterable[str]) -> Tag | None:
    """Return the tag of the highest stable version that is published, in the form in which it was."""
    newest = max(_stable(published), default=None)
    return None if newest is None else newest.tag


def is_release(context: Context, release: Version | None) -> bool:
    """Tell whether the git tag that is built is a version, or a component's release of this one: api/v1.2.3."""
    if context.tag is None or release is None:
        return False
    return _pushed(context) is not None or context.tag.endswith(tuple(f"{mark}{release.text}" for mark in "-/@"))


def _alias(template: str, version: Version) -> str:
    return template.replace("{major}", str(version.major)).replace("{minor}", str(version.minor))


def _stable(published: Iterable[str] | None) -> list[Version]:
    found = (Version.find(name) for name in published or ())
    return [version for version in found if version is not None and version.is_stable]


def _unseen(published: tuple[str, ...] | None) -> str:
    return ", as far as can be known without asking the registry" if published is None else ""
