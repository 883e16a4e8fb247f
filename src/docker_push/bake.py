"""The plan as a bake definition, and bake's answers as values. Pure: what runs it is ``builder``.

The definition is JSON (docker/buildx ``docs/bake-reference.md``). Bake reads its strings as templates, so ``${`` and
``%{`` are doubled: every value arrives as it was written.
"""

from __future__ import annotations

import json
import os.path
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from docker_push.errors import ConfigError, VerificationError
from docker_push.fingerprint import REMOTE
from docker_push.metadata import FINGERPRINT
from docker_push.plan import Action, Plan, PlannedImage
from docker_push.references import Digest, Reference
from docker_push.tagging import part_tag

_TARGET = re.compile(r"[^a-zA-Z0-9_-]+")


class Output(str, Enum):
    """Where the images of a bake go."""

    STAGE = "stage"  # pushed under the commit tag, kept nowhere else
    PART = "part"  # pushed by digest, under no tag, kept nowhere else
    TAGGED_PART = "tagged-part"  # pushed under a tag of its own, for the driver that cannot push by digest
    LOAD = "load"  # into the local engine
    CHECK = "check"  # built, kept nowhere

    @property
    def pushes(self) -> bool:
        """Tell whether the images go to their registries."""
        return self in {Output.STAGE, Output.PART, Output.TAGGED_PART}


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Images that one bake builds: ``images`` are kept, ``needs`` are only built because one of them needs it."""

    images: tuple[PlannedImage, ...]
    needs: tuple[PlannedImage, ...] = ()


def batches(plan: Plan, limit: int) -> tuple[Batch, ...]:
    """Split what is to be built into bakes of about ``limit`` targets, each with all that its images depend on.

    An image that several batches need is built in each; BuildKit's cache makes that one build.
    """
    known = {image.name: image for image in plan.images}
    found: list[Batch] = []
    kept: dict[str, PlannedImage] = {}
    whole: dict[str, PlannedImage] = {}
    for image in (image for image in plan.images if image.asked and image.action is Action.BUILD):
        further = _needed(image, known, whole)
        if kept and len(whole) + len(further) > limit:
            found.append(_batch(kept, whole))
            kept, whole = {}, {}
            further = _needed(image, known, whole)
        kept[image.name] = image
        whole |= further
    return (*found, _batch(kept, whole)) if kept else tuple(found)


def _batch(kept: Mapping[str, PlannedImage], whole: Mapping[str, PlannedImage]) -> Batch:
    needs = tuple(image for name, image in whole.items() if name not in kept)
    return Batch(images=tuple(kept.values()), needs=needs)


def _needed(
    image: PlannedImage, known: Mapping[str, PlannedImage], there: Mapping[str, PlannedImage]
) -> dict[str, PlannedImage]:
    """Return what has to be built for an image, itself too, besides what is ``there``."""
    found: dict[str, PlannedImage] = {}
    waiting = [image]
    while waiting:
        one = waiting.pop()
        if one.name not in found and one.name not in there and one.action is Action.BUILD:
            found[one.name] = one
            waiting += [known[name] for name in one.options.depends_on]
    return found


def target_names(images: Iterable[PlannedImage]) -> dict[str, str]:
    """Return image name -> bake target name; bake allows letters, digits, '_' and '-' alone."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for image in images:
        base = _TARGET.sub("_", image.name)
        name = base
        count = 1
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name)
        names[image.name] = name
    return names


def render(plan: Plan, batch: Batch, output: Output) -> dict[str, object]:
    """Return the bake definition of a batch, with paths relative to the root of the repository."""
    everything = (*batch.needs, *batch.images)
    names = target_names(everything)
    targets = {names[image.name]: _target(plan, image, output, names) for image in batch.images}
    targets |= {names[image.name]: _target(plan, image, Output.CHECK, names) for image in batch.needs}
    wanted = [names[image.name] for image in batch.images]
    return {"group": {"default": {"targets": wanted}}, "target": targets}


def _target(plan: Plan, image: PlannedImage, output: Output, names: Mapping[str, str]) -> dict[str, object]:
    options = image.options
    staging = output.pushes
    target: dict[str, object] = {
        "context": escaped(options.context.value),
        "dockerfile": escaped(_dockerfile(options.context.value, options.dockerfile.value)),
        "contexts": {key: _context(plan, value, names) for key, value in options.contexts.items()},
        "args": _escaped_items(options.args),
        "labels": _escaped_items(image.labels),
        "annotations": [escaped(text) for text in _annotations(image)] if staging else [],
        "platforms": [str(platform) for platform in image.platforms],
        "target": None if options.target is None else escaped(options.target),
        "tags": [str(tag) for tag in _tags(image, output)],
        "secret": [_secret(entry.id, entry.env, entry.src) for entry in options.secret],
        "ssh": [_ssh(entry.id, entry.paths) for entry in options.ssh],
        "attest": _attest(image, output),
        "cache-from": [escaped(text) for text in image.cache_from] if output is not Output.LOAD else [],
        "cache-to": [escaped(text) for text in image.cache_to] if staging else [],
        "pull": options.pull or None,
        "no-cache": options.no_cache or None,
        "network": options.network,
        "extra-hosts": _escaped_items(options.extra_hosts),
        "shm-size": options.shm_size,
        "output": [_output(image, output) + (",registry.insecure=true" if staging and plan.is_insecure else "")],
    }
    return {key: value for key, value in target.items() if value not in (None, [], {})}


_PUSHED = "type=image,push=true,store=false,oci-mediatypes=true"


def _output(image: PlannedImage, output: Output) -> str:
    """Return the exporter: OCI media types always, since BuildKit writes Docker's where nothing is attested."""
    if output is Output.PART:
        names = ",".join(map(str, image.repositories))  # several names are one field of CSV, hence the quotes
        return f'{_PUSHED},push-by-digest=true,name-canonical=true,"name={names}"'
    return {
        Output.STAGE: _PUSHED,
        Output.TAGGED_PART: _PUSHED,
        Output.LOAD: "type=docker",
        Output.CHECK: "type=cacheonly",
    }[output]


def _tags(image: PlannedImage, output: Output) -> tuple[Reference, ...]:
    if output in {Output.CHECK, Output.PART}:
        return ()
    if output is Output.TAGGED_PART and image.part:
        tag = part_tag(image.commit_tag, image.part)
        return tuple(Reference(repository, tag) for repository in image.repositories)
    return tuple(image.staged(repository) for repository in image.repositories)


def _attest(image: PlannedImage, output: Output) -> list[str]:
    """Return what is attested; provenance is switched off by name, since bake adds it where nothing is said."""
    asked = [escaped(text) for text in image.options.attest] if output.pushes else []
    return asked if any("type=provenance" in text for text in asked) else [*asked, "type=provenance,disabled=true"]


def _annotations(image: PlannedImage) -> list[str]:
    """Return the annotations on every manifest and, where there is one, on the index; the fingerprint on what is tagged."""
    level = "index,manifest" if image.has_index else "manifest"
    top = "index" if image.has_index else "manifest"
    shared = [f"{level}:{key}={value}" for key, value in image.annotations.items()]
    return [*shared, f"{top}:{FINGERPRINT}={image.fingerprint}"]


def _dockerfile(context: str, dockerfile: str) -> str:
    """Return the Dockerfile as bake wants it: relative to the context, not to the root (measured, buildx 0.29)."""
    if REMOTE.match(context):
        return dockerfile
    return os.path.relpath(dockerfile, context)


def _context(plan: Plan, value: str, names: Mapping[str, str]) -> str:
    kind, colon, name = value.partition(":")
    if kind != "target" or not colon:
        return escaped(value)
    if name in names:
        return f"target:{names[name]}"
    adopted = next(image for image in plan.images if image.name == name)
    return f"docker-image://{Reference(adopted.repositories[0], None, adopted.digest)}"


def _secret(name: str, env: str | None, src: str | None) -> dict[str, str]:
    source = {"env": env, "src": src}
    return {"id": escaped(name)} | {key: escaped(value) for key, value in source.items() if value is not None}


def _ssh(name: str, paths: Sequence[str]) -> dict[str, object]:
    return {"id": escaped(name)} | ({"paths": [escaped(path) for path in paths]} if paths else {})


def _escaped_items(items: Mapping[str, str]) -> dict[str, str]:
    return {escaped(key): escaped(value) for key, value in items.items()}


def escaped(text: str) -> str:
    """Return ``text`` so that bake's templates give it back as it is (HCL: ``$${`` and ``%%{``)."""
    return text.replace("${", "$${").replace("%{", "%%{")


def digests(metadata: str, names: Mapping[str, str]) -> dict[str, Digest]:
    """Read bake's metadata file: image name -> digest of what was pushed.

    ``names`` is image name -> target name. Raises VerificationError where the file is not what buildx writes or an image
    is missing: a run never goes on with a digest that it does not know.
    """
    hint = "Run the same command again; if it stays, update docker buildx."
    try:
        found = json.loads(metadata)
        return {image: Digest.parse(found[target]["containerimage.digest"]) for image, target in names.items()}
    except (ValueError, TypeError, KeyError, RecursionError, ConfigError) as error:
        raise VerificationError(
            f"buildx's metadata does not name the digest of every image: {error!r}", hint=hint
        ) from None
