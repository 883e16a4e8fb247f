"""The images as the build.toml of a commit has them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from docker_push import config, options
from docker_push.errors import ConfigError
from docker_push.options import Flags, ImageOptions


def images(text: bytes | None, flags: Flags, environ: Mapping[str, str]) -> dict[str, ImageOptions] | None:
    """Return the options of all images that a build.toml names, by what this run's flags and variables say.

    ``text`` is ``None`` where there was no such file. ``None`` is returned for a file that cannot be used by today's rules:
    then nothing is known of what was built.
    """
    if text is None:
        return {}
    try:
        file = config.parse(text, "build.toml")
        found = options.resolve(file, replace(flags, images=()), environ).images
    except ConfigError:
        return None
    with suppress(ConfigError):  # a flag may name an image that is new; else platforms are agreed for those it names
        found += options.resolve(file, flags, environ).images
    return {image.name: image for image in found}
