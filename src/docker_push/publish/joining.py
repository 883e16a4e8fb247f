"""One image of several parts: the platforms that runners pushed apart, under one index and the commit tag.

The bytes of the index follow from the plan and the parts alone, so that two runs that put the same parts together name
one digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from docker_push.errors import VerificationError
from docker_push.metadata import FINGERPRINT
from docker_push.parallel import in_parallel
from docker_push.plan import Action, Plan, PlannedImage
from docker_push.publish.staged import Clients, Staged, in_flight, read_staged, verify
from docker_push.record import RECORD, Record
from docker_push.record import parse as read_record
from docker_push.references import Digest, Platform, Repository
from docker_push.registry import Manifest
from docker_push.registry.manifests import OCI_INDEX, digest_of

_AGAIN = "No tag was touched: stage that part again, and merge."


def read_parts(
    plan: Plan, parts: Mapping[str, Mapping[Platform, Digest]], clients: Clients, lag: float = 0.0
) -> dict[tuple[str, Repository], tuple[Staged, ...]]:
    """Read back every part, in every registry: image and repository -> its parts, in the order of the plan's platforms.

    Raises VerificationError for a part that is not whole, holds another platform or more than one, or was pushed by another
    plan; and the registry's errors.
    """
    found: dict[tuple[str, Repository], dict[Platform, Staged]] = {}
    for platform in dict.fromkeys(platform for platforms in parts.values() for platform in platforms):
        digests = {name: platforms[platform] for name, platforms in parts.items() if platform in platforms}
        images = [image for image in plan.published if image.name in digests]
        part = replace(plan, images=tuple(replace(image, part=platform, action=Action.BUILD) for image in images))
        for one in verify(part, digests, clients, lag):
            _refuse_foreign(one)
            found.setdefault((one.image.name, one.repository), {})[platform] = one
    return {
        (image.name, repository): tuple(found[image.name, repository][platform] for platform in image.platforms)
        for image in plan.published
        if image.name in parts
        for repository in image.repositories
    }


def _refuse_foreign(one: Staged) -> None:
    """Raise VerificationError for what this plan did not push, whoever says that it did."""
    if one.manifest.annotations.get(FINGERPRINT) != one.image.fingerprint:
        raise VerificationError(
            f"image {one.image.name}: {one.reference} was pushed by another plan, or is no part", hint=_AGAIN
        )
    if one.manifest.is_index and len([child for child in one.manifest.children if not child.is_attestation]) != 1:
        raise VerificationError(
            f"image {one.image.name}: {one.reference} holds more than the one {one.image.part}", hint=_AGAIN
        )


def assembled(image: PlannedImage, parts: Sequence[Staged], record: Record | None) -> Staged:
    """Return the whole image of its parts in one repository, as it will stand under the commit tag; pure."""
    manifest = _whole(image, parts)
    if record is not None:
        manifest = manifest.annotated(RECORD, record.text())
    children = {digest: child for part in parts for digest, child in part.children.items()}
    if manifest.is_index:
        children |= {part.manifest.digest: part.manifest for part in parts if not part.manifest.is_index}
    content = {platform: content for part in parts for platform, content in part.platforms.items()}
    if not manifest.is_index:
        content = {platform: replace(one, digest=manifest.digest) for platform, one in content.items()}
    return Staged(image=image, repository=parts[0].repository, manifest=manifest, platforms=content, children=children)


def _whole(image: PlannedImage, parts: Sequence[Staged]) -> Manifest:
    """Return the index of the parts; a lone platform without attestations has none, as BuildKit has it."""
    if not image.has_index:
        return parts[0].manifest
    entries = [entry for part in parts for entry in _entries(part, attestations=False)]
    entries += [entry for part in parts for entry in _entries(part, attestations=True)]
    content = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": entries,
        "annotations": {**image.annotations, FINGERPRINT: image.fingerprint},
    }
    data = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    digest = digest_of(data)
    return Manifest(data=data, media_type=OCI_INDEX, digest=digest, source=str(image.staged(parts[0].repository)))


def _entries(part: Staged, *, attestations: bool) -> Iterator[Mapping[str, object]]:
    """Yield what an index names of a part: BuildKit's own entries, or the platform's where it wrote no index."""
    if part.manifest.is_index:
        raw = part.manifest.content["manifests"]
        for entry, child in zip(raw, part.manifest.children, strict=True):
            if child.is_attestation == attestations:
                yield entry if attestations else {**entry, "platform": _platform(part)}
    elif not attestations:
        descriptor = part.manifest.descriptor
        yield {
            "mediaType": descriptor.media_type,
            "digest": str(descriptor.digest),
            "size": descriptor.size,
            "platform": _platform(part),
        }


def _platform(part: Staged) -> Mapping[str, str]:
    """Return the platform as an index says it: the one of the plan, which the part was held against."""
    (platform,) = part.platforms
    parts = {"architecture": platform.architecture, "os": platform.os, "variant": platform.variant}
    return {name: value for name, value in parts.items() if value}


def noted(plan: Plan, adopted: Mapping[str, Digest], clients: Clients) -> Plan:
    """Return the plan with the whole images that a runner found unchanged, although this run no longer finds them so.

    A base image may have moved since. Raises VerificationError where the image was not made from this plan's inputs.
    """
    images = [image for image in plan.images if image.name in adopted]
    take = partial(_noted, adopted=adopted, clients=clients)
    found = {image.name: image for image in in_parallel(take, images, limit=in_flight(clients))}
    return replace(plan, images=tuple(found.get(image.name, image) for image in plan.images))


def _noted(image: PlannedImage, adopted: Mapping[str, Digest], clients: Clients) -> PlannedImage:
    digest = adopted[image.name]
    for repository in image.repositories:
        annotations = clients[repository.registry].get(repository, digest).annotations
        record = read_record(annotations.get(RECORD))
        has_key = record is not None and image.key is not None and record.key == image.key
        if not has_key and annotations.get(FINGERPRINT) != image.fingerprint:
            what = f"{image.pinned(repository, digest)}, which a runner adopted, is not made from its inputs"
            raise VerificationError(f"image {image.name}: {what}", hint=_AGAIN)
    return replace(image, action=Action.ADOPT, why="a runner of this run found it unchanged", digest=digest)


class Note(Protocol):
    """Be told that a commit tag is about to be put (``done`` is false), and then that it stands."""

    def __call__(self, one: Staged, *, done: bool) -> None:
        """Write it down; called by several threads."""


def put(staged: Sequence[Staged], clients: Clients, note: Note, lag: float = 0.0) -> None:
    """Name each whole image by its commit tag, and read its bytes back; raises the registry's errors and VerificationError."""
    in_parallel(partial(_put, clients=clients, note=note, lag=lag), staged, limit=in_flight(clients))


def _put(one: Staged, clients: Clients, note: Note, lag: float) -> None:
    client = clients[one.repository.registry]
    note(one, done=False)
    client.put(one.repository, one.image.commit_tag, one.manifest)
    read_staged(one.image, one.repository, one.manifest.digest, client, lag)
    note(one, done=True)
