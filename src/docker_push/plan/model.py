"""A plan as a value: images, their names and tags, and the reason for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from docker_push import tagging
from docker_push.config import TagsTable
from docker_push.context import Context
from docker_push.facts import Facts
from docker_push.options import ImageOptions, RegistryOptions
from docker_push.record import Record
from docker_push.references import Digest, Platform, Reference, Repository, Tag
from docker_push.tagging import PlannedTag, SkippedTag, TagKind

ASKED = "asked for"  # why an image is built where nothing else is to be said
NEEDED = "another image of the run needs it"


class Action(str, Enum):
    """What is done for an image before its tags move."""

    BUILD = "build"
    ADOPT = "adopt"
    JOIN = "join"  # put together of parts that other runners have pushed
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class PlannedImage:
    """One image of a run.

    ``asked`` is false for an image that is only there because another needs it; ``publish`` also for every image of a run
    that may not push. ``repositories`` has one entry per registry, in build.toml's order. ``digest`` is what an adopted image has.
    ``fingerprint`` is a SHA-256 over all that this plan says about the image's content; two runs of one commit whose
    fingerprints agree are the same work. ``settings`` is the like for runs of any commit, without the files; ``key`` is
    with the files (``None``: they were not looked at, or do not tell). ``earlier`` are the tags under which an image that was
    published before is looked for, ``since`` the one that an unchanged image was found under: it was verified, searched and tested
    before that tag moved. ``record`` is what an adopted image was made from, where that is known. ``lists_tags``
    says that the plan depends on all tags of the repository: on the versions that are published. ``part`` is the one
    platform that this run builds of the image, for another run to put together with those of others: it gets no tag here.
    """

    name: str
    options: ImageOptions
    asked: bool
    publish: bool
    action: Action
    why: str
    repositories: tuple[Repository, ...]
    tags: tuple[PlannedTag, ...]
    skipped: tuple[SkippedTag, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    cache_from: tuple[str, ...]
    cache_to: tuple[str, ...]
    cache_why: str
    fingerprint: str
    settings: str
    lists_tags: bool
    key: str | None = None
    earlier: tuple[Tag, ...] = ()
    digest: Digest | None = None
    since: str = ""
    record: Record | None = None
    part: Platform | None = None

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """Return the platforms that are built and read back here, in the user's order."""
        return (self.part,) if self.part else self.options.platforms.value

    @property
    def has_index(self) -> bool:
        """Tell whether BuildKit writes an index: for several platforms, or for attestations beside one."""
        return len(self.platforms) > 1 or any("disabled=true" not in text for text in self.options.attest)

    @property
    def commit_tag(self) -> Tag:
        """Return the tag under which the image is staged."""
        return next(planned.tag for planned in self.tags if planned.kind is TagKind.COMMIT)

    def staged(self, repository: Repository) -> Reference:
        """Return the name under which the image is staged in ``repository``."""
        return Reference(repository, self.commit_tag)

    def pinned(self, repository: Repository, digest: Digest) -> Reference:
        """Return the name of what the run pushed of the image, or adopted: without a tag for a part, which has none."""
        return Reference(repository, None if self.part else self.commit_tag, digest)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A whole run: ``images`` has dependencies before the images that need them, ``facts`` are what it was planned by."""

    context: Context
    slug: str
    version: str | None
    images: tuple[PlannedImage, ...]
    registries: tuple[RegistryOptions, ...]
    warnings: tuple[str, ...]
    facts: Facts
    rules: TagsTable

    def commit_tag_of(self, commit: str) -> Tag:
        """Return the tag under which an image of another commit of this branch is staged, whoever built it."""
        return tagging.commit_tag(commit, self.slug, self.rules)

    @property
    def published(self) -> tuple[PlannedImage, ...]:
        """Return the images whose tags are put."""
        return tuple(image for image in self.images if image.publish)

    def only(self, names: Collection[str]) -> Plan:
        """Return the plan with nothing asked for but ``names``, and what they need."""
        wanted = frozenset(names)
        images = tuple(
            image if image.name in wanted else replace(image, asked=False, publish=False) for image in self.images
        )
        return replace(self, images=images)

    def as_staged(self) -> Plan:
        """Return the plan of a run that builds nothing: each image is what was observed under its commit tag."""
        return replace(self, images=tuple(self._as_staged(image) for image in self.images))

    def as_joined(self) -> Plan:
        """Return the plan of a run that puts together what others built: it builds nothing, also not what they needed."""
        return replace(self, images=tuple(_as_joined(image) for image in self.images))

    def _as_staged(self, image: PlannedImage) -> PlannedImage:
        seen = [self.facts.repositories.get(repository) for repository in image.repositories]
        digests = {one.commit.digest for one in seen if one and one.commit}
        if len(digests) != 1:
            return image  # nothing is staged, or registries differ: finding it says so
        why = f"{image.commit_tag} is staged"
        return replace(image, action=Action.ADOPT, why=why, digest=digests.pop())

    @property
    def is_insecure(self) -> bool:
        """Tell whether plain http was allowed for every registry of the run.

        BuildKit takes it for a whole push: it must never be said where one of the registries has to be spoken to over TLS.
        """
        return all(entry.insecure for entry in self.registries)


def _as_joined(image: PlannedImage) -> PlannedImage:
    if image.action is not Action.BUILD or (image.asked and not image.publish):
        return image
    if image.publish:
        return replace(image, action=Action.JOIN)
    return replace(image, action=Action.NONE, why="what needs it is put together of parts")
