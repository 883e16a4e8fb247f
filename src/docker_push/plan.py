"""The plan: every name, tag, label, annotation and cache reference of a run, and the reason for each.

Pure: the same options, context and facts give the same plan. Execution only reads it and never makes up a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from docker_push import fingerprint, metadata, selection, tagging, trust
from docker_push.context import Context
from docker_push.facts import Facts, Published
from docker_push.options import ImageOptions, Options, RegistryOptions
from docker_push.references import Digest, Platform, Reference, Repository, Tag
from docker_push.slugs import slug
from docker_push.tagging import PlannedTag, SkippedTag, TagKind, TagPlan
from docker_push.versions import Release


class Action(str, Enum):
    """What is done for an image before its tags move."""

    BUILD = "build"
    ADOPT = "adopt"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class PlannedImage:
    """One image of a run.

    ``asked`` is false for an image that is only there because another needs it; ``publish`` also for every image of a run
    that may not push. ``repositories`` has one entry per registry, in build.toml's order. ``digest`` is what an adopted image has.
    ``fingerprint`` is a SHA-256 over all that this plan says about the image's content; two runs of one commit whose
    fingerprints agree are the same work. ``lists_tags`` says that the plan depends on all
    tags of the repository: on the versions that are published.
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
    lists_tags: bool
    digest: Digest | None = None

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """Return the platforms that are asked for, in the user's order."""
        return self.options.platforms.value

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

    @property
    def published(self) -> tuple[PlannedImage, ...]:
        """Return the images whose tags are put."""
        return tuple(image for image in self.images if image.publish)

    @property
    def is_insecure(self) -> bool:
        """Tell whether plain http was allowed for every registry of the run.

        BuildKit takes it for a whole push: it must never be said where one of the registries has to be spoken to over TLS.
        """
        return all(entry.insecure for entry in self.registries)


def plan(options: Options, context: Context, facts: Facts | None = None) -> Plan:
    """Return the plan of a run; ``facts`` is ``None`` for a plan made without looking at the world.

    Raises ConfigError for a version, tag or repository path that cannot be.
    """
    release = selection.release(options, context)
    drafts = _drafts(options, context, facts or Facts(), release)
    needed = _needed(drafts)
    images = tuple(draft if draft.name in needed else _idle(draft) for draft in drafts)
    tags = _tag_plan(options, context, facts or Facts(), release, images[0].repositories[0])
    return Plan(
        context=context,
        slug=tags.slug,
        version=str(release.version) if release else None,
        images=images,
        registries=options.registries,
        warnings=(*tags.warnings, *_unread(images), *_unlisted(images, facts)),
        facts=facts or Facts(),
    )


def _unread(images: tuple[PlannedImage, ...]) -> list[str]:
    """Warn of build caches that build.toml names and a stranger's run does not use."""
    return [
        f"{dropped} of {image.name} in build.toml is not used: a pull request from a fork reads its own repository's"
        " cache alone, and writes none"
        for image in images
        if (dropped := _dropped(image))
    ]


def _dropped(image: PlannedImage) -> str:
    read, written = image.options.cache_from or (), image.options.cache_to or ()
    caches = {"cache-from": set(read) - set(image.cache_from), "cache-to": set(written) - set(image.cache_to)}
    return " and ".join(key for key, entries in caches.items() if entries)


def _unlisted(images: tuple[PlannedImage, ...], facts: Facts | None) -> list[str]:
    """Warn of platforms that the builder does not list: their RUN steps need emulation that is not there."""
    builder = facts.builder if facts else None
    if builder is None or not builder.platforms:
        return []
    return [
        f"builder {builder.name} does not list {', '.join(missing)} of {image.name}: RUN steps need emulation"
        " (docker run --privileged --rm tonistiigi/binfmt --install all)"
        for image in images
        if image.action is Action.BUILD
        and (missing := [str(one) for one in image.platforms if one not in builder.platforms])
    ]


def _drafts(options: Options, context: Context, facts: Facts, release: Release | None) -> tuple[PlannedImage, ...]:
    asked = (release.image,) if release and release.image else options.selected
    wanted = selection.closure(asked, options.images)
    drafts: dict[str, PlannedImage] = {}
    for image in options.images:
        if image.name in wanted:
            drafts[image.name] = _draft(image, options, context, facts, drafts, release, asked=image.name in asked)
    return tuple(drafts.values())


def _draft(
    image: ImageOptions,
    options: Options,
    context: Context,
    facts: Facts,
    before: Mapping[str, PlannedImage],
    release: Release | None,
    *,
    asked: bool,
) -> PlannedImage:
    repositories = _repositories(image, options, context)
    tags = _tag_plan(options, context, facts, release, repositories[0])
    cache_from, cache_to, cache_why = _cache(image, options, context, repositories[0], tags.slug, facts)
    labels = metadata.labels(image.name, context, image.labels)
    needs = {name: before[name].fingerprint for name in sorted(image.depends_on)}
    draft = PlannedImage(
        name=image.name,
        options=image,
        asked=asked,
        publish=asked and not tags.build_only,
        action=Action.BUILD,
        why=tags.build_only or ("asked for" if asked else "another image of the run needs it"),
        repositories=repositories,
        tags=tags.tags,
        skipped=tags.skipped,
        labels=labels,
        annotations=labels | dict(image.annotations),
        cache_from=cache_from,
        cache_to=cache_to,
        cache_why=cache_why,
        fingerprint=fingerprint.of(image, context, labels, needs),
        lists_tags=release is not None and (options.tags.latest == "release" or bool(options.tags.semver)),
    )
    return _adopted(draft, options, context, facts)


def _tag_plan(
    options: Options, context: Context, facts: Facts, release: Release | None, repository: Repository
) -> TagPlan:
    seen = facts.repositories.get(repository)
    return tagging.plan_tags(
        context,
        options.tags,
        version=str(release.version) if release else None,
        extra=options.extra_tags,
        published=seen.tags if seen else None,
        allow_dirty=options.allow_dirty,
    )


def _repositories(image: ImageOptions, options: Options, context: Context) -> tuple[Repository, ...]:
    owner, _, repo = context.repository.rpartition("/")
    names = {"repository": context.repository, "owner": owner, "repo": repo, "image": image.name}
    paths = (image.registry_path or entry.path for entry in options.registries)
    return tuple(
        Repository.parse(entry.registry.value, path.format_map(names))
        for entry, path in zip(options.registries, paths, strict=True)
    )


def _cache(
    image: ImageOptions, options: Options, context: Context, repository: Repository, branch: str, facts: Facts
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Return what to read, what to write, and why: read branch then default branch, write the branch's own.

    A cache that cannot be written never fails the build (BuildKit's ``ignore-error``); one that cannot be read is only
    warned about by BuildKit.
    """
    if image.cache_from is not None or image.cache_to is not None:
        if context.is_fork:
            own = (repository, metadata.cache_repository(repository))
            return trust.readable_caches(image.cache_from or (), own), (), "what a pull request from a fork may read"
        return image.cache_from or (), image.cache_to or (), "as build.toml says"
    if options.cache.backend == "none":
        return (), (), 'none: [cache] backend is "none"'
    owner, _, repo = context.repository.rpartition("/")
    scope = (options.platform or owner, options.service or repo)
    chain = dict.fromkeys((branch, slug(context.default_branch)))
    names = [metadata.cache_reference(repository, scope, image.platforms.value, name) for name in chain if name]
    read = tuple(f"type=registry,ref={name}" for name in names)
    if not context.trusted:
        return read, (), "read only: the run is not trusted"
    if facts.builder and not facts.builder.multi_platform:
        return (), (), f"none: the image store of builder {facts.builder.name} cannot export a cache"
    write = f"type=registry,ref={names[0]},mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true"
    return read, (write,), f"read {' then '.join(chain)}, write {branch}"


def _adopted(draft: PlannedImage, options: Options, context: Context, facts: Facts) -> PlannedImage:
    """Adopt what is staged under our commit tag with our fingerprint, complete, in every registry; else build."""
    found = [_staged(facts, repository) for repository in draft.repositories]
    if not all(found):
        return draft
    if options.rebuild:
        return replace(draft, why="--rebuild: what is staged for this commit is replaced")
    if context.dirty:
        return replace(draft, why="the working tree has changes: a commit does not say what they are")
    moving = fingerprint.moving_context(draft.options)
    if moving:
        return replace(draft, why=f"{moving} may hold something else by now: pin it by commit or digest")
    whole = [
        entry
        for entry in found
        if entry
        and entry.complete
        and entry.fingerprint == draft.fingerprint
        and set(entry.platforms) == set(draft.platforms)
    ]
    if len(whole) != len(found) or len({entry.digest for entry in whole}) != 1:
        return replace(draft, why=f"{draft.commit_tag} is there, but from another plan or not complete")
    why = f"{draft.commit_tag} is already staged with this plan"
    return replace(draft, action=Action.ADOPT, why=why, digest=whole[0].digest)


def _staged(facts: Facts, repository: Repository) -> Published | None:
    seen = facts.repositories.get(repository)
    return seen.commit if seen else None


def _needed(drafts: tuple[PlannedImage, ...]) -> set[str]:
    """Return the images that are asked for or that a build needs: a dependency of adopted images alone is not."""
    needed = {draft.name for draft in drafts if draft.asked}
    for draft in reversed(drafts):
        if draft.name in needed and draft.action is Action.BUILD:
            needed.update(draft.options.depends_on)
    return needed


def _idle(draft: PlannedImage) -> PlannedImage:
    return replace(draft, action=Action.NONE, why="nothing of this run that needs it is built")
