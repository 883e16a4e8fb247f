"""What a plan warns of: what build.toml says and this run does not do, what the builder may lack."""

from __future__ import annotations

from docker_push.context import Context
from docker_push.facts import Facts
from docker_push.options import Options
from docker_push.plan.model import Action, PlannedImage


def unread(images: tuple[PlannedImage, ...]) -> list[str]:
    """Warn of build caches that build.toml names and a stranger's run does not use."""
    return [
        f"{dropped} of {image.name} in build.toml is not used: a pull request from a fork reads its own repository's"
        " cache alone, and writes none"
        for image in images
        if (dropped := _dropped(image))
    ]


def uncached(images: tuple[PlannedImage, ...], options: Options, context: Context, facts: Facts | None) -> list[str]:
    """Warn once of a cache that the environment gives no access to; GitHub's is of no use on a laptop, which says nothing."""
    expected = options.cache.backend != "gha" or context.ci == "github"
    if not facts or not facts.no_cache or context.is_fork or not expected:
        return []
    builds = any(
        one.action is Action.BUILD and one.options.cache_from is one.options.cache_to is None for one in images
    )
    return [f'no build cache, [cache] backend = "{options.cache.backend}": {facts.no_cache}'] if builds else []


def _dropped(image: PlannedImage) -> str:
    read, written = image.options.cache_from or (), image.options.cache_to or ()
    caches = {"cache-from": set(read) - set(image.cache_from), "cache-to": set(written) - set(image.cache_to)}
    return " and ".join(key for key, entries in caches.items() if entries)


def unlisted(images: tuple[PlannedImage, ...], facts: Facts | None) -> list[str]:
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


def unmade(images: tuple[PlannedImage, ...], facts: Facts | None) -> list[str]:
    """Say that the builder is still to be made, where anything is to be built."""
    builder = facts.builder if facts else None
    if builder is None or not builder.planned or all(image.action is not Action.BUILD for image in images):
        return []
    return [f"builder {builder.name} is not there yet: the first run that builds makes it ({builder.planned})"]


def unkeyed(images: tuple[PlannedImage, ...], facts: Facts | None) -> list[str]:
    """Warn of contexts that no commit leaves unchanged, so that their images are built for every one."""
    files = facts.files if facts else {}
    return [
        f"the context of {image.name} holds .git, which no commit leaves unchanged: add .git to its .dockerignore, or"
        " it is built for every commit"
        for image in images
        if image.publish and image.name in files and files[image.name].holds_git
    ]
