"""Which images a run is about: those asked for, the one that a component release names, and what they need."""

from __future__ import annotations

from collections.abc import Iterable

from docker_push import versions
from docker_push.context import Context, Event
from docker_push.errors import ConfigError
from docker_push.options import ImageOptions, Options
from docker_push.references import quoted


def release(options: Options, context: Context) -> versions.Release | None:
    """Read the version of the run: the one that was given, else the git tag that is being built, if it is one."""
    names = tuple(image.name for image in options.images)
    if options.version is not None:
        found = versions.parse_release(options.version.value, names)
        if found.image and found.image not in options.selected:
            raise ConfigError(
                f"{options.version.origin}: {quoted(options.version.value)} releases the image {found.image},"
                f" which is not among the images of this run ({', '.join(options.selected)})",
                hint=f"Leave --image out, or give --image {found.image}.",
            )
        return found
    if context.tag is None or context.event is not Event.TAG:
        return None
    try:
        found = versions.parse_release(context.tag, names)
    except ConfigError:
        return None  # an ordinary git tag: it names a branch-like tag, no release
    return found if found.image in (None, *options.selected) else None


def asked(options: Options, context: Context) -> tuple[str, ...]:
    """Return the images that the run is asked for, in their order: the one that is released, else those selected.

    Raises ConfigError for a version that is none, or of an image that is not selected.
    """
    found = release(options, context)
    return (found.image,) if found and found.image else options.selected


def closure(names: Iterable[str], images: Iterable[ImageOptions]) -> set[str]:
    """Return ``names`` and all that they depend on."""
    needs = {image.name: image.depends_on for image in images}
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += needs[name]
    return found
