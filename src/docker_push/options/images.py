"""Which images a run is about, and each with nothing left to default."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import TypeVar

from docker_push.config import BuildTable
from docker_push.config.findings import listed, nearest
from docker_push.options import platforms
from docker_push.options.declarations import ATTEST, BY_NAME
from docker_push.options.inputs import Inputs
from docker_push.options.model import ImageOptions, Setting, Source
from docker_push.references import Platform, quoted

_ONE_IMAGE = ("CI_DOCKERFILE", "CI_DOCKER_CONTEXT", "CI_DOCKER_PLATFORM")
T = TypeVar("T")


def known(inputs: Inputs) -> Mapping[str, BuildTable]:
    """Return the images that a run may name: build.toml's, then one that only CI_DOCKER_IMAGE names."""
    images = dict(inputs.file.images)
    named = inputs.named_image
    for name in inputs.checked(BY_NAME["images"], "CI_DOCKER_IMAGE", (named,) if named else ()):
        if name not in inputs.file.groups:
            images.setdefault(name, BuildTable())
    return images


def selected(inputs: Inputs, images: Iterable[str]) -> tuple[str, ...]:
    """Return the images that are asked for, in build.toml's order; all of them where nothing is."""
    asked = inputs.several("images")
    if asked is None:
        return tuple(inputs.file.images)
    if asked.source is Source.ENVIRONMENT:
        _refuse_group(inputs, asked.value[0])
    names = tuple(images)
    chosen = set(_expanded(inputs, asked, dict.fromkeys(names)))
    return tuple(name for name in names if name in chosen)


def _refuse_group(inputs: Inputs, name: str) -> None:
    for variable in _ONE_IMAGE:
        if name in inputs.file.groups and inputs.variable(variable):
            allowed = f"CI_DOCKER_IMAGE names the group {name}: name an image, or leave {variable} empty."
            inputs.refuse(variable, "is for one image", allowed)


def _expanded(inputs: Inputs, asked: Setting[tuple[str, ...]], images: Collection[str]) -> Iterator[str]:
    """Return the images of names and groups; a name that nobody has is a finding."""
    groups = inputs.file.groups
    waiting, seen = list(asked.value), set[str]()
    while waiting:
        name = waiting.pop()
        if name in images:
            yield name
        elif name not in groups:
            candidates = (*images, *groups)
            guess = nearest(name, candidates)
            allowed = f"{guess} Known: {listed(candidates)}.".strip()
            inputs.refuse(asked.origin, f"there is no image {quoted(name)}", allowed)
        elif name not in seen:
            seen.add(name)
            waiting += groups[name]


def resolved(inputs: Inputs, names: Iterable[str], images: Mapping[str, BuildTable]) -> tuple[ImageOptions, ...]:
    """Return the options of ``names`` and of all that they depend on, dependencies first, their platforms agreed.

    No image needs itself: a file with such a circle is refused when it is read.
    """
    inputs.check_flag("platforms")  # with an unknown image there is none to read it for
    found: dict[str, ImageOptions] = {}
    asked = tuple(names)
    waiting = list(reversed(asked))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _image(inputs, name, images[name])
            waiting += found[name].depends_on
    order = TopologicalSorter({name: image.depends_on for name, image in found.items()})
    return platforms.agreed(inputs, [found[name] for name in order.static_order()], set(asked))


def _image(inputs: Inputs, name: str, own: BuildTable) -> ImageOptions:
    shared = inputs.file.defaults
    said = _said(inputs.several("platforms", name))
    contexts = _merged(shared.contexts, own.contexts)
    needs = (value.removeprefix("target:") for value in contexts.values() if value.startswith("target:"))
    return ImageOptions(
        name=name,
        dockerfile=_said(inputs.one("dockerfile", name)),
        context=_said(inputs.one("context", name)),
        platforms=Setting(tuple(map(Platform.parse, said.value)), said.source, said.origin),
        target=_first(own.target, shared.target, None),
        args=_merged(shared.args, own.args),
        secret=_first(own.secret, shared.secret, ()),
        ssh=_first(own.ssh, shared.ssh, ()),
        contexts=contexts,
        labels=_merged(shared.labels, own.labels),
        annotations=_merged(shared.annotations, own.annotations),
        attest=_first(own.attest, shared.attest, ATTEST),
        test=_first(own.test, shared.test, ()),
        pull=_first(own.pull, shared.pull, False),  # noqa: FBT003 - a value like the others
        no_cache=_first(own.no_cache, shared.no_cache, False),  # noqa: FBT003
        network=_first(own.network, shared.network, None),
        extra_hosts=_merged(shared.extra_hosts, own.extra_hosts),
        shm_size=_first(own.shm_size, shared.shm_size, None),
        cache_from=_first(own.cache_from, shared.cache_from, None),
        cache_to=_first(own.cache_to, shared.cache_to, None),
        registry_path=_first(own.registry_path, shared.registry_path, None),
        depends_on=tuple(dict.fromkeys(needs)),
    )


def _said(setting: Setting[T] | None) -> Setting[T]:
    assert setting is not None  # noqa: S101 - these options have a built-in value
    return setting


def _first(own: T | None, shared: T | None, built_in: T) -> T:
    return own if own is not None else shared if shared is not None else built_in


def _merged(shared: Mapping[str, str] | None, own: Mapping[str, str] | None) -> Mapping[str, str]:
    """Merge key by key, so that an image adds to [defaults] and wins where both speak; sorted, whatever the order was."""
    return dict(sorted({**(shared or {}), **(own or {})}.items()))
