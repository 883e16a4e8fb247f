"""Where the files of a run may be, parts and caches: not in what an image is built from, which they would change."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from docker_push.config import paths
from docker_push.errors import ConfigError
from docker_push.fingerprint import REMOTE
from docker_push.inputs import Contexts
from docker_push.options import ImageOptions


def refuse_in_context(
    place: Path, root: Path, images: Iterable[ImageOptions], contexts: Contexts, said: str = "--part"
) -> None:
    """Raise ConfigError where ``place``, a folder or file, is in a context and not ignored there; ``said`` is what names it.

    No two runs of a commit would then have the same inputs: what is unchanged would not be found so by the merge.
    """
    real = Path(os.path.realpath(place))
    for image in images:
        for dockerfile, context in _folders(image):
            top = os.path.realpath(root / context)
            if real.is_relative_to(top):
                below = real.relative_to(top).as_posix()
                if below == "." or not contexts.rules(dockerfile, context).ignores(below):
                    hint = f"Add {below}/ to its .dockerignore, or give a folder outside of the repository."
                    hint = "Give a folder outside of the repository." if below == "." else hint
                    message = f"{said} {place}: is part of what image {image.name} is built from (context {context})"
                    raise ConfigError(message, hint=hint)


def _folders(image: ImageOptions) -> Iterator[tuple[str | None, str]]:
    """Yield the folders that an image is built from, each with the Dockerfile whose ignore rules may hold for it."""
    if not REMOTE.match(image.context.value):
        yield image.dockerfile.value, image.context.value
    for value in image.contexts.values():
        folder = paths.local_folder(value)
        if folder is not None and not value.startswith("oci-layout:"):
            yield None, folder
