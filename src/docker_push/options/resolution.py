"""All options of a run, from all that says them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from docker_push.config import BuildFile, grammar
from docker_push.errors import ConfigError
from docker_push.options import images, registries
from docker_push.options.declarations import BY_NAME
from docker_push.options.inputs import Inputs
from docker_push.options.model import Flags, ImageOptions, Options, RegistryOptions
from docker_push.references import Platform

_EXAMPLE = """\
[project]
repository = "OWNER/REPOSITORY"

[images.api]
dockerfile = "Dockerfile"
"""


def resolve(file: BuildFile, flags: Flags, environ: Mapping[str, str]) -> Options:
    """Resolve every option of a run by precedence.

    The seed's three variables of an image are for the one that CI_DOCKER_IMAGE names; where build.toml does not list it,
    they and [defaults] say all that it is. Raises FindingsError with everything that is wrong with flags and
    environment, ConfigError where there is no image at all.
    """
    inputs = Inputs(file=file, flags=flags, environ=environ)
    known = images.known(inputs)
    selected = images.selected(inputs, known)
    extra = _extra_tags(inputs)
    resolved = images.resolved(inputs, selected, known)
    options = Options(
        images=resolved,
        selected=selected,
        registries=registries.resolved(inputs),
        repository=inputs.one("repository"),
        default_branch=inputs.one("default_branch"),
        version=inputs.one("version"),
        changed_since=inputs.one("changed_since"),
        platform=_value(inputs, "platform"),
        service=_value(inputs, "service"),
        tags=file.tags,
        cache=file.cache,
        retry=file.retry,
        extra_tags=extra,
        builder=inputs.one("builder"),
        rebuild=flags.rebuild,
        allow_dirty=flags.allow_dirty,
        allow_older=flags.allow_older,
        force=flags.force,
        keep_going=flags.keep_going,
        require_push=flags.require_push,
        no_preflight=flags.no_preflight,
        allow_secret_args=inputs.checked(BY_NAME["allow_secret_args"], "--allow-secret-arg", flags.allow_secret_args),
        part=_part(inputs, [image for image in resolved if image.name in selected]),
        runners={Platform.parse(name): labels for name, labels in file.runners.items()},
    )
    inputs.settle()
    if not selected:
        hint = "List one in build.toml, as below (or set CI_DOCKER_IMAGE)."
        raise ConfigError("there is no image to build", hint=hint, details=tuple(_EXAMPLE.splitlines()))
    return options


def resolve_registries(file: BuildFile, flags: Flags, environ: Mapping[str, str]) -> tuple[RegistryOptions, ...]:
    """Resolve where images go, also where there is none yet; raises FindingsError."""
    inputs = Inputs(file=file, flags=flags, environ=environ)
    found = registries.resolved(inputs)
    inputs.settle()
    return found


def _value(inputs: Inputs, name: str) -> str | None:
    setting = inputs.one(name)
    return setting.value if setting else None


def _part(inputs: Inputs, images: Sequence[ImageOptions]) -> Platform | None:
    """Return the platform that the run is the part of; one that no image of the run is built for is a finding."""
    said = inputs.flags.part
    valid = inputs.checked(BY_NAME["part"], "--platform", () if said is None else (said,))
    part = Platform.parse(valid[0]) if valid else None
    known = dict.fromkeys(str(platform) for image in images for platform in image.platforms.value)
    if part is not None and images and str(part) not in known:
        inputs.refuse("--platform", f"no image of this run is built for {part}", f"Give one of: {', '.join(known)}.")
    return part


def _extra_tags(inputs: Inputs) -> tuple[str, ...]:
    """Return build.toml's further tags and those of this run: a flag adds to them."""
    tags = inputs.file.tags
    declaration = replace(BY_NAME["tags"], rule=lambda text: grammar.unreserved(text, tags.sha_length, tags.semver))
    valid = inputs.checked(BY_NAME["tags"], "--tag", inputs.flags.tags)
    return tuple(dict.fromkeys((*tags.extra, *inputs.checked(declaration, "--tag", valid))))
