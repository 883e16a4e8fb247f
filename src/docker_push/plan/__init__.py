"""The plan: every name, tag, label, annotation and cache reference of a run, and the reason for each.

Pure: the same options, context and facts give the same plan. Execution only reads it and never makes up a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from docker_push import fingerprint, metadata, selection, tagging
from docker_push.context import Context
from docker_push.facts import Facts, Published
from docker_push.options import ImageOptions, Options
from docker_push.plan.caches import caches
from docker_push.plan.cautions import unlisted, unread
from docker_push.plan.model import Action, Plan, PlannedImage
from docker_push.references import Repository
from docker_push.tagging import TagPlan
from docker_push.versions import Release

__all__ = ["Action", "Plan", "PlannedImage", "plan"]


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
        warnings=(*tags.warnings, *unread(images), *unlisted(images, facts)),
        facts=facts or Facts(),
        rules=options.tags,
    )


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
    cache_from, cache_to, cache_why = caches(image, options, context, repositories[0], tags.slug, facts)
    labels = metadata.labels(image.name, context, image.labels)
    build_only = tags.build_only or facts.build_only
    needs = {name: before[name].fingerprint for name in sorted(image.depends_on)}
    draft = PlannedImage(
        name=image.name,
        options=image,
        asked=asked,
        publish=asked and not build_only,
        action=Action.BUILD,
        why=build_only or ("asked for" if asked else "another image of the run needs it"),
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


def _adopted(draft: PlannedImage, options: Options, context: Context, facts: Facts) -> PlannedImage:
    """Adopt what is staged under our commit tag with our fingerprint, complete, in every registry; else build."""
    found = [_staged(facts, repository) for repository in draft.repositories]
    if not all(found):
        return draft
    if options.rebuild:
        return replace(draft, why="--rebuild: what is staged for this commit is replaced")
    if tagging.is_dirty(context):
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
