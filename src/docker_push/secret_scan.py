"""Secrets in what was published: read back and refused before any tag moves.

What everybody who can pull reads without running anything is looked at: manifests, indexes and their annotations, the
configuration of every platform, provenance and SBOM. Layers are not: they are large, and their files are the image's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from docker_push.errors import VerificationError
from docker_push.exposure import KnownSecrets, scan
from docker_push.parallel import in_parallel
from docker_push.publish import Staged
from docker_push.references import Registry
from docker_push.registry import Client, Descriptor, Manifest

_IN_TOTO = "application/vnd.in-toto+json"
_LARGEST = 8 * 1024 * 1024  # bytes of an attestation that are read; a larger one is a list of files
_SUBJECT = "vnd.docker.reference.digest"  # BuildKit's note, in an index, of the manifest that is attested
_PREDICATE = "in-toto.io/predicate-type"


def refuse_published(staged: Sequence[Staged], clients: Mapping[Registry, Client], secrets: KnownSecrets) -> None:
    """Raise VerificationError where what is staged holds a secret of the run, naming every image and place.

    All registries of an image hold the same bytes, so that it is read from the first one. Raises the registry's errors.
    """
    if secrets.is_empty:
        return
    first = {one.image.name: one for one in reversed(staged)}
    images = [first[name] for name in dict.fromkeys(one.image.name for one in staged)]
    found = in_parallel(lambda one: scan(_documents(one, clients[one.repository.registry]), secrets.finds), images)
    leaks = [(one, places) for one, places in zip(images, found, strict=True) if places]
    if leaks:
        raise _leak(leaks)


def _documents(one: Staged, client: Client) -> Iterator[tuple[str, bytes]]:
    """Return the documents of an image, each with what it is."""
    if not one.manifest.is_index:
        yield from _image(one, client, one.manifest, "the image")
        return
    yield "the index", one.manifest.data
    platforms = {str(content.digest): str(platform) for platform, content in one.platforms.items()}
    for child in one.manifest.children:
        if child.is_attestation:
            yield from _attestations(
                one, client, child, platforms.get(child.annotations.get(_SUBJECT, ""), "the image")
            )
        else:
            yield from _image(
                one, client, one.children[child.digest], platforms.get(str(child.digest), str(child.platform))
            )


def _image(one: Staged, client: Client, manifest: Manifest, platform: str) -> Iterator[tuple[str, bytes]]:
    yield f"{platform} manifest", manifest.data
    yield platform, client.blob(one.repository, manifest.config.digest)


def _attestations(one: Staged, client: Client, child: Descriptor, subject: str) -> Iterator[tuple[str, bytes]]:
    manifest = one.children[child.digest]
    yield f"attestation of {subject}", manifest.data
    for layer in manifest.layers:
        if layer.media_type == _IN_TOTO and layer.size <= _LARGEST:
            kind = "provenance" if "/provenance/" in layer.annotations.get(_PREDICATE, "") else "attestation"
            yield f"{kind} of {subject}", client.blob(one.repository, layer.digest)


def _leak(leaks: Sequence[tuple[Staged, tuple[str, ...]]]) -> VerificationError:
    one, places = leaks[0]
    further = (
        f", and in {sum(len(more) for _, more in leaks) - 1} more places" if len(places) > 1 or len(leaks) > 1 else ""
    )
    tags = ", ".join(
        map(str, (each.reference if each.image.part else each.image.staged(each.repository) for each, _ in leaks))
    )
    return VerificationError(
        f"image {one.image.name}: a secret of this run can be read in {one.reference}: {places[0]}{further}",
        hint=(
            f"Renew that secret, give it to the build as a secret (RUN --mount=type=secret), and delete {tags} and its"
            " build cache, which hold it. No moving tag was touched."
        ),
        details=tuple(f"{each.image.name}: {place}" for each, more in leaks for place in more),
    )
