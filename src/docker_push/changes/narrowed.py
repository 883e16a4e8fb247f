"""A run of what a change can affect alone: the images whose inputs differ from a commit's, and those that need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from docker_push.changes.affected import affected
from docker_push.changes.difference import compare, content
from docker_push.changes.earlier import images
from docker_push.options import Flags, ImageOptions, Options
from docker_push.process import Runner

_FILE = "build.toml"


def narrowed(
    chosen: Options, ref: str, flags: Flags, environ: Mapping[str, str], root: Path, runner: Runner
) -> Options:
    """Return the options of a run of what differs between ``ref`` and the work tree; it may have no image at all.

    Raises ConfigError where there is no such commit, or the clone does not have it.
    """
    difference = compare(runner, ref)
    was = partial(content, runner, difference.commit)
    then = images(was(_FILE), flags, environ)
    reasons = _with_dependents(affected(difference, chosen.images, then, root, was), chosen.images, ref)
    selected = tuple(name for name in chosen.selected if name in reasons)
    needed = _closure(selected, chosen.images)
    return replace(
        chosen,
        images=tuple(image for image in chosen.images if image.name in needed),
        selected=selected,
        reasons={name: reasons[name] for name in selected},
    )


def _with_dependents(found: Mapping[str, str], every: tuple[ImageOptions, ...], ref: str) -> dict[str, str]:
    """Add the images that need those that are affected; ``every`` has dependencies first."""
    reasons = {name: f"since {ref}: {why}" for name, why in found.items()}
    for image in every:
        needed = next((name for name in image.depends_on if name in reasons), None)
        if needed is not None:
            reasons.setdefault(image.name, f"it needs {needed}, which differs from {ref}")
    return reasons


def _closure(names: tuple[str, ...], every: tuple[ImageOptions, ...]) -> set[str]:
    found = set(names)
    for image in reversed(every):
        if image.name in found:
            found.update(image.depends_on)
    return found
