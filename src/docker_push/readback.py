"""What is published for a plan, read back from the registries and compared with it.

Reading and comparing are apart: ``read`` asks the registries and judges nothing, ``compare`` is pure. What the registry
gives is hashed by the client; what it only says to have (layers) is asked for by HEAD, each once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from docker_push import metadata
from docker_push.errors import VerificationError
from docker_push.forward import Verdict
from docker_push.parallel import in_parallel
from docker_push.plan import Plan, PlannedImage
from docker_push.publish import Clients
from docker_push.record import RECORD
from docker_push.record import parse as read_record
from docker_push.references import Digest, Platform, Repository, Tag
from docker_push.registry import Client, Descriptor, Manifest
from docker_push.registry.manifests import json_object
from docker_push.tagging import PlannedTag

T = TypeVar("T")
_ABSENT = "not in the registry"
_SHORT = 19  # "sha256:" and twelve digits
_ELSEWHERE = (
    ".nondistributable.",
    ".foreign.",
)  # layers that a registry need not have (image-spec, "Layer Media Types")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that could not be read as it should be: what, the digest that was asked for, what came instead."""

    what: str
    wanted: str
    found: str


@dataclass(frozen=True, kw_only=True)
class ReadPlatform:
    """One platform of what a commit tag names; ``labels`` and ``annotations`` are ``None`` where they could not be read."""

    platform: Platform
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A layer, or what an attestation is made of, which has to be in the repository."""

    what: str
    digest: Digest


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What one repository holds of one image: what each planned tag names, and what is behind the commit tag.

    ``top`` is the manifest or index that the commit tag names; ``None`` where there is none, or none that can be read.
    """

    image: PlannedImage
    repository: Repository
    tags: Mapping[Tag, Descriptor | None]
    top: Manifest | None = None
    platforms: tuple[ReadPlatform, ...] = ()
    blobs: tuple[Blob, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def commit(self) -> Digest | None:
        """Return what the commit tag names."""
        head = self.tags[self.image.commit_tag]
        return head.digest if head else None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that is not as the plan says: in the words of a reader, digests whole."""

    image: str
    repository: Repository
    what: str
    wanted: str
    found: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What came of one image in one repository: what differs, and what differs and is right (``notes``)."""

    observed: Observed
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


Judge = Callable[[Observed, PlannedTag, Descriptor], Verdict]
"""Say whether a tag that names something else than the commit tag should be moved: where not, it is right as it is."""


def read(plan: Plan, clients: Clients) -> tuple[Observed, ...]:
    """Read what is published of every image of the plan, in every registry; raises the registry's errors."""
    places = [(image, repository) for image in plan.published for repository in image.repositories]
    found = in_parallel(lambda place: _observe(*place, clients[place[1].registry]), places)
    wanted = dict.fromkeys((one.repository, blob.digest) for one in found for blob in one.blobs)
    there = in_parallel(lambda pair: clients[pair[0].registry].blob_exists(*pair), wanted)
    gone = {pair for pair, exists in zip(wanted, there, strict=True) if not exists}
    return tuple(replace(one, faults=(*one.faults, *_gone(one, gone))) for one in found)


def _gone(one: Observed, gone: set[tuple[Repository, Digest]]) -> Iterator[Fault]:
    for blob in one.blobs:
        if (one.repository, blob.digest) in gone:
            yield Fault(what=blob.what, wanted=str(blob.digest), found=_ABSENT)


def _observe(image: PlannedImage, repository: Repository, client: Client) -> Observed:
    tags = {planned.tag: client.head(repository, planned.tag) for planned in image.tags}
    head = tags[image.commit_tag]
    seen = Observed(image=image, repository=repository, tags=tags)
    return seen if head is None else _Reader(client, repository).fill(seen, head)


@dataclass
class _Reader:
    """Read what a commit tag names, from the top down, and note what is not as it should be."""

    client: Client
    repository: Repository
    faults: list[Fault] = field(default_factory=list)
    blobs: list[Blob] = field(default_factory=list)

    def fill(self, seen: Observed, head: Descriptor) -> Observed:
        top = self._manifest("what the commit tag names", head.digest)
        platforms: tuple[ReadPlatform, ...] = ()
        if top is not None:
            entries = top.children if top.is_index else (top.descriptor,)
            platforms = tuple(filter(None, [self._entry(top, entry) for entry in entries]))
        return replace(seen, top=top, platforms=platforms, blobs=tuple(self.blobs), faults=tuple(self.faults))

    def _manifest(self, what: str, digest: Digest) -> Manifest | None:
        """Return a manifest whose document can be read, by its own digest; its bytes were hashed."""

        def look() -> Manifest | None:
            if self.client.head(self.repository, digest) is None:
                self.faults.append(Fault(what=what, wanted=str(digest), found=_ABSENT))
                return None
            return _whole(self.client.get(self.repository, digest))

        return self._tried(what, digest, look)

    def _tried(self, what: str, digest: Digest, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except VerificationError as error:
            self.faults.append(Fault(what=what, wanted=str(digest), found=error.message))
            return None

    def _entry(self, top: Manifest, entry: Descriptor) -> ReadPlatform | None:
        """Read one entry of an index, or the lone image; ``None`` for an attestation, and for what names no platform."""
        name = _name(top, entry)
        known = ReadPlatform(platform=entry.platform) if entry.platform and not entry.is_attestation else None
        manifest = self._manifest(f"{name} manifest", entry.digest) if top.is_index else top
        if manifest is None:
            return known
        config = self._tried(f"{name} manifest", entry.digest, lambda: manifest.config)
        layers = self._tried(f"{name} manifest", entry.digest, lambda: manifest.layers) or ()
        here = [one.digest for one in layers if not any(mark in one.media_type for mark in _ELSEWHERE)]
        self.blobs += [Blob(what=f"{name} layer {number}", digest=digest) for number, digest in enumerate(here, 1)]
        if config is None:
            return known
        if entry.is_attestation:
            self.blobs.append(Blob(what=f"{name} config", digest=config.digest))
            return None
        return self._platform(manifest, config, name, known)

    def _platform(
        self, manifest: Manifest, config: Descriptor, name: str, known: ReadPlatform | None
    ) -> ReadPlatform | None:
        """Read a platform's configuration: its labels, and what it runs on where the index does not say that."""
        if not self.client.blob_exists(self.repository, config.digest):
            self.faults.append(Fault(what=f"{name} config", wanted=str(config.digest), found=_ABSENT))
            return known
        data = self._tried(f"{name} config", config.digest, lambda: self.client.blob(self.repository, config.digest))
        if data is None:
            return known
        content = json_object(data)
        if known is None:
            platform = self._tried(f"{name} config", config.digest, lambda: manifest.platform_of(content))
            known = ReadPlatform(platform=platform) if platform else None
        return known and replace(known, labels=_labels(content), annotations=manifest.annotations)


def _name(top: Manifest, entry: Descriptor) -> str:
    if entry.is_attestation:
        return "attestation"
    return str(entry.platform or str(entry.digest)[:_SHORT]) if top.is_index else "image"


def _whole(manifest: Manifest) -> Manifest:
    """Return a manifest after a look at all of its document; raises VerificationError."""
    _ = manifest.content, manifest.annotations, manifest.children
    return manifest


def _labels(config: Mapping[str, object] | None) -> Mapping[str, str]:
    inner = (config or {}).get("config")
    labels = inner.get("Labels") if isinstance(inner, dict) else None
    return {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {}


def compare(observed: Sequence[Observed], judge: Judge) -> tuple[Comparison, ...]:
    """Compare what was read with what the plan says; ``judge`` decides about tags that name something else."""
    first: dict[str, Digest | None] = {}
    for one in observed:
        first[one.image.name] = first.get(one.image.name) or one.commit
    return tuple(_compared(one, first[one.image.name], judge) for one in observed)


def _compared(one: Observed, digest: Digest | None, judge: Judge) -> Comparison:
    found: list[tuple[str, str, str]] = []
    notes: list[str] = []
    for planned in one.image.tags:
        _compare_tag(one, planned, judge, found, notes)
    if one.commit is not None and one.commit != digest:
        found.append(("commit tag, as in the first registry", str(digest), str(one.commit)))
    found += [(fault.what, fault.wanted, fault.found) for fault in one.faults]
    if one.top is not None:
        found += [*_platforms(one), *_notes_on(one, one.top)]
    made = [
        Difference(image=one.image.name, repository=one.repository, what=what, wanted=wanted, found=seen)
        for what, wanted, seen in found
    ]
    return Comparison(observed=one, differences=tuple(made), notes=tuple(notes))


def _compare_tag(
    one: Observed, planned: PlannedTag, judge: Judge, found: list[tuple[str, str, str]], notes: list[str]
) -> None:
    what, head = f"tag {planned.tag}", one.tags[planned.tag]
    if head is None:
        found.append((what, str(one.commit or "exists"), "no such tag"))
    elif one.commit is not None and head.digest != one.commit:
        verdict = judge(one, planned, head)
        if verdict.moves:
            found.append((what, str(one.commit), f"{head.digest}{f' ({verdict.why})' if verdict.why else ''}"))
        else:
            notes.append(f"{one.repository}:{planned.tag} names {head.digest}, and {verdict.why}")


def _platforms(one: Observed) -> Iterator[tuple[str, str, str]]:
    """Compare which platforms there are, and the labels and annotations of each."""
    wanted, found = _listed(one.image.platforms), _listed(read.platform for read in one.platforms)
    if wanted != found:
        yield "platforms", wanted, found
    theirs = _of_another_commit(one)
    for platform in one.platforms:
        yield from _entries(f"{platform.platform} label", one.image.labels, platform.labels, theirs)
        yield from _entries(f"{platform.platform} annotation", one.image.annotations, platform.annotations, theirs)


def _of_another_commit(one: Observed) -> set[str]:
    """Return the labels that are those of the commit that an unchanged image was built from; none where it is ours."""
    return metadata.per_commit(one.image.options.labels) if _is_unchanged(one) else set()


def _is_unchanged(one: Observed) -> bool:
    """Tell whether an image of another commit stands there that was made by the same settings."""
    annotations = one.top.annotations if one.top else {}
    record = read_record(annotations.get(RECORD))
    ours = annotations.get(metadata.FINGERPRINT) == one.image.fingerprint
    return not ours and record is not None and record.settings == one.image.settings


def _notes_on(one: Observed, top: Manifest) -> Iterator[tuple[str, str, str]]:
    """Compare what stands on the index, or on the lone manifest: the fingerprint of the plan, and the annotations."""
    fingerprint = top.annotations.get(metadata.FINGERPRINT)
    if fingerprint != one.image.fingerprint and not _is_unchanged(one):
        yield "fingerprint of the plan", one.image.fingerprint, fingerprint or "none"
    if top.is_index:
        yield from _entries("index annotation", one.image.annotations, top.annotations, _of_another_commit(one))


def _entries(
    what: str, wanted: Mapping[str, str], found: Mapping[str, str] | None, theirs: Collection[str]
) -> Iterator[tuple[str, str, str]]:
    """Compare what the plan sets, but for ``theirs``; what a base image or the builder adds is not ours either."""
    for key, value in wanted.items():
        if found is not None and found.get(key) != value and key not in theirs:
            yield f"{what} {key}", value, found.get(key, "none")


def _listed(platforms: Iterable[Platform]) -> str:
    return ", ".join(sorted(map(str, platforms))) or "none"
