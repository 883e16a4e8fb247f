"""What the paths of a run are on disk, whoever said them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from docker_push.config import files, paths
from docker_push.errors import Finding, FindingsError
from docker_push.options.model import ImageOptions, Options, Setting, Source


def check_files(options: Options, root: Path) -> None:
    """Check the Dockerfiles and contexts of the run's images below ``root``, build.toml's folder.

    build.toml's own paths were checked when it was loaded; this is for what variables and the built-in values name.
    Raises FindingsError for a path that leads out of the repository, or a Dockerfile that is not there.
    """
    findings = tuple(dict.fromkeys(_findings(options, root)))
    if findings:
        raise FindingsError("files of this run", findings)


def _findings(options: Options, root: Path) -> Iterator[Finding]:
    folders = files.Folders(root.resolve())
    for image in options.images:
        if paths.is_remote(image.context.value) or _is_checked(image):
            continue  # a remote context: the Dockerfile is in what BuildKit fetches
        yield from _found(image.name, image.dockerfile, files.wrong_dockerfile(folders, image.dockerfile.value))
        yield from _found(image.name, image.context, folders.outside(image.context.value))


def _is_checked(image: ImageOptions) -> bool:
    """Tell whether both paths are the image's own table's, which was checked with them."""
    return image.dockerfile.source is Source.IMAGE and image.context.source in {Source.IMAGE, Source.DEFAULTS}


def _found(image: str, setting: Setting[str], wrong: tuple[str, str] | None) -> Iterator[Finding]:
    if wrong is not None:
        problem, allowed = wrong
        yield Finding(where=f"image {image} ({setting.origin})", problem=problem, allowed=allowed)
