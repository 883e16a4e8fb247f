"""The plan: every name, tag, label, annotation and cache reference of a run, and the reason for each.

Pure: the same options, context and facts give the same plan. Execution only reads it and never makes up a name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from docker_push import fingerprint, metadata, selection, tagging
from docker_push.context import Context
from docker_push.facts import Facts
from docker_push.options import ImageOptions, Options
from docker_push.plan.adoption import adopted
from docker_push.plan.caches import caches
from docker_push.plan.cautions import uncached, unkeyed, unlisted, unmade, unread
from docker_push.plan.model import ASKED, NEEDED, Action, Plan, PlannedImage
from docker_push.plan.parts import parted
from docker_push.references import Repository, Tag
from docker_push.slugs import slug
from docker_push.tagging import TagPlan
from docker_push.versions import Release

__all__ = ["Action", "Plan", "PlannedImage", "plan"]

TagsOf = Callable[["Repository | None"], TagPlan]


def plan(options: Options, context: Context, facts: Facts | None = None) -> Plan:
    """Return the plan of a run; ``facts`` is ``None`` for a plan made without looking at the world.

    Raises ConfigError for a version, tag or repository path that cannot be.
    """
    release = selection.release(options, context)
    tags_of = _tag_plans(options, context, facts or Facts(), release)
    drafts = _drafts(options, context, facts or Facts(), release, tags_of)
    needed = _needed(drafts)
    images = tuple(draft if draft.name in needed else _idle(draft) for draft in drafts)
    tags = tags_of(images[0].repositories[0] if images else None)
    return Plan(
        context=context,
        slug=tags.slug,
        version=str(release.version) if release else None,
        images=images,
        registries=options.registries,
        warnings=(
            *tags.warnings,
            *unread(images),
            *uncached(images, options, context, facts),
            *unlisted(images, facts),
            *unmade(images, facts),
            *unkeyed(images, facts),
        ),
        facts=facts or Facts(),
        rules=options.tags,
    )


def _drafts(
    options: Options, context: Context, facts: Facts, release: Release | None, tags_of: TagsOf
) -> tuple[PlannedImage, ...]:
    asked = set(selection.asked(options, context))
    wanted = selection.closure(asked, options.images)
    drafts: dict[str, PlannedImage] = {}
    for image in options.images:
        if image.name in wanted:
            of_run = image.name in asked
            drafts[image.name] = _draft(image, options, context, facts, drafts, release, tags_of, asked=of_run)
    return tuple(drafts.values())


def _draft(
    image: ImageOptions,
    options: Options,
    context: Context,
    facts: Facts,
    before: Mapping[str, PlannedImage],
    release: Release | None,
    tags_of: TagsOf,
    *,
    asked: bool,
) -> PlannedImage:
    repositories = _repositories(image, options, context)
    tags = tags_of(repositories[0])
    cache_from, cache_to, cache_why = caches(image, options, context, repositories[0], facts)
    labels = metadata.labels(image.name, context, image.labels)
    lasting = metadata.lasting(image.name, context, image.labels)
    said = fingerprint.settings(image, lasting, {name: before[name].settings for name in image.depends_on})
    build_only = tags.build_only or facts.build_only
    needs = {name: before[name].fingerprint for name in sorted(image.depends_on)}
    draft = PlannedImage(
        name=image.name,
        options=image,
        asked=asked,
        publish=asked and not build_only,
        action=Action.BUILD,
        why=build_only or (options.reasons.get(image.name, ASKED) if asked else NEEDED),
        repositories=repositories,
        tags=tags.tags,
        skipped=tags.skipped,
        labels=labels,
        annotations=labels | dict(image.annotations),
        cache_from=cache_from,
        cache_to=cache_to,
        cache_why=cache_why,
        fingerprint=fingerprint.of(image, context, labels, needs),
        settings=said,
        key=_key(image, said, facts, before),
        earlier=_earlier(context, tags),
        lists_tags=release is not None and (options.tags.latest == "release" or bool(options.tags.semver)),
    )
    return parted(adopted(draft, options, context, facts), options.part)


def _key(image: ImageOptions, said: str, facts: Facts, before: Mapping[str, PlannedImage]) -> str | None:
    files = facts.files.get(image.name)
    needs = {name: before[name].key for name in sorted(image.depends_on)}
    known = {name: key for name, key in needs.items() if key is not None}
    return None if files is None or len(known) < len(needs) else fingerprint.key(said, files.digest, known)


def _earlier(context: Context, tags: TagPlan) -> tuple[Tag, ...]:
    """Return the tags of this branch and of the default branch: where an unchanged image would have been published."""
    names = dict.fromkeys(name for name in (tags.slug, slug(context.default_branch)) if name and Tag.is_valid(name))
    return tuple(Tag.parse(name) for name in names)


def _tag_plans(options: Options, context: Context, facts: Facts, release: Release | None) -> TagsOf:
    """Return what plans the tags of a repository's image: the same for all that publish the same tags now."""

    @cache
    def planned(published: tuple[str, ...] | None) -> TagPlan:
        return tagging.plan_tags(
            context,
            options.tags,
            version=str(release.version) if release else None,
            extra=options.extra_tags,
            published=published,
            allow_dirty=options.allow_dirty,
        )

    def tags_of(repository: Repository | None) -> TagPlan:
        seen = facts.repositories.get(repository) if repository else None
        return planned(seen.tags if seen else None)

    return tags_of


def _repositories(image: ImageOptions, options: Options, context: Context) -> tuple[Repository, ...]:
    owner, _, repo = context.repository.rpartition("/")
    names = {"repository": context.repository, "owner": owner, "repo": repo, "image": image.name}
    paths = (image.registry_path or entry.path for entry in options.registries)
    return tuple(
        Repository.parse(entry.registry.value, path.format_map(names))
        for entry, path in zip(options.registries, paths, strict=True)
    )


def _needed(drafts: tuple[PlannedImage, ...]) -> set[str]:
    """Return the images that are asked for or that a build needs: a dependency of adopted images alone is not."""
    needed = {draft.name for draft in drafts if draft.asked}
    for draft in reversed(drafts):
        if draft.name in needed and draft.action is Action.BUILD:
            needed.update(draft.options.depends_on)
    return needed


def _idle(draft: PlannedImage) -> PlannedImage:
    why = draft.why if draft.action is Action.NONE else "nothing of this run that needs it is built"
    return replace(draft, action=Action.NONE, why=why)
