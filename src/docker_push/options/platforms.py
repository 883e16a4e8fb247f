"""The platforms of images that are built on one another.

For a platform that ``target:NAME`` was not built for, BuildKit takes the bytes of another one without a word: the image
would say one architecture and hold programs of the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from docker_push.options.inputs import SPOKEN, Inputs
from docker_push.options.model import ImageOptions, Setting
from docker_push.references import Platform


def agreed(inputs: Inputs, images: Iterable[ImageOptions], selected: Collection[str]) -> tuple[ImageOptions, ...]:
    """Return images, given with dependencies first, each for no platform that a dependency of it is not built for.

    Where flag or variable says the platforms of an image, what it is built on is built for them too, unless that was
    asked for itself. Any other platform that a dependency has not is a finding.
    """
    found = {image.name: image for image in images}
    for name in reversed(found):  # an image is settled before what it is built on
        wanted = found[name].platforms
        for needed in found[name].depends_on:
            if wanted.source in SPOKEN and needed not in selected:
                found[needed] = replace(found[needed], platforms=_joined(found[needed].platforms, wanted))
    for image in found.values():
        for needed in image.depends_on:
            _check(inputs, image, found[needed])
    return tuple(found.values())


def _joined(own: Setting[tuple[Platform, ...]], wanted: Setting[tuple[Platform, ...]]) -> Setting[tuple[Platform, ...]]:
    further = _missing(wanted, own)
    return Setting((*own.value, *further), wanted.source, wanted.origin) if further else own


def _check(inputs: Inputs, image: ImageOptions, needed: ImageOptions) -> None:
    missing = _missing(image.platforms, needed.platforms)
    if not missing:
        return
    said = image.platforms.source in SPOKEN
    where = image.platforms.origin if said else f"[images.{image.name}] platforms"
    are, them = ("are", "them") if len(missing) > 1 else ("is", "it")
    who = image.name if said else "it"
    among = f"those of {needed.name}, which {who} is built on ({_text(needed.platforms.value)})"
    allowed = f"Build {needed.name} for {them} too, or {image.name} for less."
    inputs.refuse(where, f"{_text(missing)} {are} not among {among}", allowed)


def _missing(wanted: Setting[tuple[Platform, ...]], own: Setting[tuple[Platform, ...]]) -> tuple[Platform, ...]:
    return tuple(platform for platform in wanted.value if platform not in own.value)


def _text(platforms: Iterable[Platform]) -> str:
    return ", ".join(map(str, platforms))
