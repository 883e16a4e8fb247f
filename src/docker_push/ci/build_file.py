"""What build.toml says of a CI."""

from __future__ import annotations

from pathlib import Path

from docker_push import config, options
from docker_push.ci.model import Listed, Wanted
from docker_push.options import Flags
from docker_push.references import Platform

_GHCR = "ghcr.io"


def wanted(path: Path, root: Path, shown: str) -> Wanted:
    """Read the build.toml at ``path``, called ``shown`` in findings; raises ConfigError for one that is wrong.

    Variables of this machine do not count: the files of a CI are compared with what everybody sees. Where there is no
    build.toml, nothing is listed.
    """
    if not path.is_file():
        return Wanted(images={}, groups={}, runners={}, exists=False, file=shown)
    file = config.load(path, root)
    if not file.images:
        return Wanted(images={}, groups={}, runners={}, file=shown)
    resolved = options.resolve(file, Flags(), {})
    lines = config.image_lines(path, root)
    images = {
        image.name: Listed(
            name=image.name,
            line=lines.get(image.name, 1),
            dockerfile=image.dockerfile.value,
            context=image.context.value,
            platforms=image.platforms.value,
        )
        for image in resolved.images
    }
    return Wanted(
        images={name: images[name] for name in resolved.selected},
        groups=file.groups,
        runners={Platform.parse(name): labels for name, labels in file.runners.items()},
        packages=any(registry.domain in {None, _GHCR} for registry in file.registry),
        file=shown,
    )
