"""Manifests and indexes as values: the very bytes, their digest, and what they say, read without trust.

Rules: OCI image-spec v1.1 "Image Manifest" and "Image Index", and Docker's "Image Manifest Version 2, Schema 2". A
document that could be read as both a manifest and an index is refused (CVE-2021-41190).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from docker_push.errors import ConfigError, VerificationError
from docker_push.references import Digest, Platform, quoted

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
ACCEPT = f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_LIST}, {DOCKER_MANIFEST}"
MANIFEST_LIMIT = 4 * 1024 * 1024  # bytes; distribution-spec v1.1, "Pushing Manifests": registries take no larger one

_ATTESTATION = ("vnd.docker.reference.type", "attestation-manifest")  # BuildKit's mark of provenance and SBOM
_UNKNOWN = "unknown"  # the platform that BuildKit gives to attestation manifests
_HINT = "The image in the registry is not one that this tool can publish: build and push it again."


def json_object(data: bytes) -> dict[str, Any] | None:
    """Read a JSON object that others wrote; ``None`` for anything else, however deep or broken it is."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def digest_of(data: bytes, algorithm: str = "sha256") -> Digest:
    """Return the digest of ``data``, by our own count."""
    return Digest(f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}")


def matches(data: bytes, digest: Digest) -> bool:
    """Tell whether ``digest`` is that of ``data``, by our own count."""
    return digest_of(data, digest.value.partition(":")[0]) == digest


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """What points at content: its media type, digest and size in bytes; in an index also platform and annotations."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_attestation(self) -> bool:
        """Tell whether this is provenance or an SBOM rather than something that runs."""
        key, value = _ATTESTATION
        unknown = self.platform is not None and self.platform.os == self.platform.architecture == _UNKNOWN
        return unknown or self.annotations.get(key) == value


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest or an index: ``data`` are the bytes as they were read, ``digest`` is theirs.

    ``source`` is the reference it was read from, for messages. Everything but these is read from the bytes when it is
    asked for; raises VerificationError where they do not hold what their media type promises.
    """

    data: bytes = field(repr=False)
    media_type: str
    digest: Digest
    source: str = "the manifest"

    @property
    def descriptor(self) -> Descriptor:
        """Return what points at these bytes."""
        return Descriptor(media_type=self.media_type, digest=self.digest, size=len(self.data))

    @property
    def is_index(self) -> bool:
        """Tell whether this is an index (Docker: manifest list) rather than one image."""
        return self.media_type in INDEX_TYPES

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """Return the JSON document, checked to be of the kind that the media type says."""
        content = json_object(self.data)
        if content is None:
            raise self._wrong("is not a JSON object")
        if self.media_type not in INDEX_TYPES | MANIFEST_TYPES:
            raise self._wrong(f"is of the type {quoted(self.media_type)}, which is no image")
        if content.get("mediaType", self.media_type) != self.media_type:
            raise self._wrong(f"calls itself something else than {self.media_type}, as which it was sent")
        if ("layers" in content or "config" in content) if self.is_index else "manifests" in content:
            raise self._wrong("can be read as an image and as an index")
        return content

    @cached_property
    def annotations(self) -> Mapping[str, str]:
        """Return the annotations of the document itself."""
        return self._annotations(self.content)

    def annotated(self, name: str, value: str) -> Manifest:
        """Return the same document with one annotation more, as bytes of its own; raises VerificationError for no document."""
        content = {**self.content, "annotations": {**self.annotations, name: value}}
        data = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
        return replace(self, data=data, digest=digest_of(data))

    @cached_property
    def children(self) -> tuple[Descriptor, ...]:
        """Return every entry of an index, attestations too, in its order; nothing for a single image."""
        if not self.is_index:
            return ()
        entries = self.content.get("manifests")
        if not isinstance(entries, list):
            raise self._wrong("has no list of manifests")
        return tuple(self._descriptor(entry) for entry in entries)

    @property
    def config(self) -> Descriptor:
        """Return where a single image's configuration is; raises VerificationError for an index."""
        return self._descriptor(self.content.get("config"))

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """Return what a single image, or an attestation, is made of; raises VerificationError for an index."""
        entries = self.content.get("layers")
        if not isinstance(entries, list):
            raise self._wrong("has no list of layers")
        return tuple(self._descriptor(entry) for entry in entries)

    def _descriptor(self, entry: object) -> Descriptor:
        if not isinstance(entry, dict):
            raise self._wrong("has an entry that is no descriptor")
        media_type, size = entry.get("mediaType"), entry.get("size")
        if not isinstance(media_type, str) or not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise self._wrong("has a descriptor without a media type or a size")
        digest = entry.get("digest")
        try:
            digest = Digest.parse(digest if isinstance(digest, str) else "")
        except ConfigError as error:
            raise self._wrong(f"has a descriptor with a bad digest: {error.message}") from None
        return Descriptor(
            media_type=media_type,
            digest=digest,
            size=size,
            platform=self.platform_of(entry["platform"]) if entry.get("platform") is not None else None,
            annotations=self._annotations(entry),
        )

    def platform_of(self, entry: object) -> Platform:
        """Read ``os``, ``architecture`` and ``variant`` of an index entry or of an image's configuration."""
        if isinstance(entry, dict):
            parts = [entry.get(key) or "" for key in ("os", "architecture", "variant")]
            words = [part if isinstance(part, str) else "?" for part in parts]
            try:
                return Platform.parse("/".join(words if words[2] else words[:2]))
            except ConfigError as error:
                raise self._wrong(f"has a bad platform: {error.message}") from None
        raise self._wrong("has a platform that is no table")

    def _annotations(self, entry: Mapping[str, Any]) -> Mapping[str, str]:
        annotations = entry.get("annotations") or {}
        if isinstance(annotations, dict) and all(isinstance(value, str) for value in annotations.values()):
            return annotations
        raise self._wrong("has annotations that are not strings")

    def _wrong(self, what: str) -> VerificationError:
        return VerificationError(f"{self.source} ({self.digest}) {what}", hint=_HINT)
