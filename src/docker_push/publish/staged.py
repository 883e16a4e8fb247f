"""What is in the registries under the commit tags: verified after it was staged, found again later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from docker_push.errors import VerificationError
from docker_push.facts import Facts, Published, RepositoryFacts
from docker_push.metadata import FINGERPRINT
from docker_push.parallel import in_parallel
from docker_push.plan import Action, Plan, PlannedImage
from docker_push.record import RECORD
from docker_push.record import parse as read_record
from docker_push.references import Digest, Platform, Reference, Registry, Repository
from docker_push.registry import Client, Manifest


@dataclass(frozen=True, kw_only=True)
class Content:
    """What one platform of an image is: its manifest's digest, and the bytes of config and layers as they travel."""

    digest: Digest
    size: int


@dataclass(frozen=True, kw_only=True)
class Staged:
    """An image that is in one repository under its commit tag, verified: the very bytes, and what they name.

    ``children`` are the manifests that an index names, attestations too, as they were read back.
    """

    image: PlannedImage
    repository: Repository
    manifest: Manifest
    platforms: Mapping[Platform, Content]
    children: Mapping[Digest, Manifest] = field(default_factory=dict)

    @property
    def reference(self) -> Reference:
        """Return the name that tells all: repository, commit tag (none for a part), digest."""
        return self.image.pinned(self.repository, self.manifest.digest)


Clients = Mapping[Registry, Client]


def in_flight(clients: Clients) -> int:
    """Return how many requests a run may have in flight: what each of its registries takes."""
    return sum(client.connections for client in clients.values())


def verify(plan: Plan, digests: Mapping[str, Digest], clients: Clients, lag: float = 0.0) -> tuple[Staged, ...]:
    """Read back everything that was staged and compare it with what the builder said and the plan asked for.

    ``digests`` is image name -> digest as the builder (or, for an adopted image, the registry) gave it. Manifests are read
    by digest and hashed, but for an index of which the bytes are here since the run was planned. Every configuration and
    layer that they name is asked for, unless an earlier run did. What is not there is waited for, at most ``lag`` seconds.
    Raises VerificationError for the first image that is not whole.
    """
    places = [(image, repository) for image in plan.published for repository in image.repositories]

    def check(place: tuple[PlannedImage, Repository]) -> Staged:
        image, repository = place
        digest, client = digests[image.name], clients[repository.registry]
        manifest = _seen(plan.facts, image, repository, digest)
        manifest = manifest or read_staged(image, repository, digest, client, lag)
        return _verified(image, repository, manifest, client, lag)

    staged = tuple(in_parallel(check, places, limit=in_flight(clients)))
    _refuse_lost((one for one in staged if not one.image.since), clients)
    return staged


def _verified(image: PlannedImage, repository: Repository, manifest: Manifest, client: Client, lag: float) -> Staged:
    digest = manifest.digest
    children = {
        child.digest: read_staged(image, repository, child.digest, client, lag, named_by=digest)
        for child in manifest.children
    }
    platforms = client.platforms(repository, manifest)
    if set(platforms) != set(image.platforms):
        raise VerificationError(
            f"image {image.name}: {image.pinned(repository, digest)} holds {_listed(platforms)},"
            f" but {_listed(image.platforms)} were asked for",
            hint=_REBUILD,
        )
    content = {platform: _content(children.get(child, manifest)) for platform, child in platforms.items()}
    return Staged(image=image, repository=repository, manifest=manifest, platforms=content, children=children)


def _seen(facts: Facts, image: PlannedImage, repository: Repository, digest: Digest) -> Manifest | None:
    """Return what was read of an image that need not be built while the run was planned."""
    seen = facts.repositories.get(repository) if image.action is Action.ADOPT else None
    found = [one for one in (seen.commit, seen.same) if one and one.digest == digest] if seen else []
    return _observed(found[0], image.staged(repository)) if found else None


def _refuse_lost(staged: Iterable[Staged], clients: Clients) -> None:
    """Raise VerificationError where a manifest names a configuration or a layer that its repository lacks."""
    named = {
        (one.repository, part.digest): one
        for one in staged
        for manifest in (*one.children.values(), *(() if one.manifest.is_index else (one.manifest,)))
        for part in (manifest.config, *manifest.layers)
        if not any(mark in part.media_type for mark in _ELSEWHERE)
    }
    there = in_parallel(lambda place: clients[place[0].registry].blob_exists(*place), named, limit=in_flight(clients))
    lost = next((place for place, exists in zip(named, there, strict=True) if not exists), None)
    if lost is not None:
        one, (_, digest) = named[lost], lost
        what = f"{one.reference} names {digest}, which the registry does not have"
        raise VerificationError(f"image {one.image.name}: {what}", hint=_REBUILD)


def read_staged(
    image: PlannedImage,
    repository: Repository,
    digest: Digest,
    client: Client,
    lag: float,
    named_by: Digest | None = None,
) -> Manifest:
    """Read a manifest back by its digest; a registry may lag behind what it took a moment ago."""
    manifest = client.find(repository, digest)
    if manifest is None and client.wait_for(repository, digest, digest, lag):
        manifest = client.find(repository, digest)
    if manifest is not None:
        return manifest
    top = image.pinned(repository, named_by or digest)
    what = (
        f"{top} names {digest}, which the registry does not have" if named_by else f"the registry does not have {top}"
    )
    raise VerificationError(f"image {image.name}: {what}", hint=_REBUILD)


_REBUILD = "No moving tag was touched; run the same command again with --rebuild."
# layers that a registry need not have (image-spec, "Layer Media Types")
_ELSEWHERE = (".nondistributable.", ".foreign.")


def _content(manifest: Manifest) -> Content:
    """Add up what one platform's manifest names."""
    size = sum(part.size for part in (manifest.config, *manifest.layers))
    return Content(digest=manifest.digest, size=size)


def _listed(platforms: Iterable[Platform]) -> str:
    return ", ".join(sorted(map(str, platforms))) or "no platform"


def find_staged(image: PlannedImage, facts: Facts, clients: Clients) -> Digest:
    """Return the digest of what was observed under an image's commit tag, for a publish apart from its staging.

    Raises VerificationError where the image is not staged, or not in every registry with one digest, and what the
    registry says where it could not be read.
    """
    seen = {
        repository: facts.repositories.get(repository, RepositoryFacts()).commit for repository in image.repositories
    }
    missing = [str(image.staged(repository)) for repository, commit in seen.items() if commit is None]
    found = {repository: commit for repository, commit in seen.items() if commit}
    digests = {commit.digest for commit in found.values()}
    if missing or len(digests) != 1:
        what = f"{missing[0]} does not exist" if missing else "its registries hold different bytes under the commit tag"
        hint = f"Run docker.stage --image {image.name} for this commit first."
        raise VerificationError(f"image {image.name}: nothing to publish: {what}", hint=hint)
    for repository, commit in found.items():
        manifest = _observed(commit, image.staged(repository)) or clients[repository.registry].get(
            repository, commit.digest
        )
        if not _is_same_work(manifest, image):
            hint = f"Run docker.stage --image {image.name} with the flags and variables of this run first."
            raise VerificationError(
                f"image {image.name}: {image.staged(repository)} was staged by another plan", hint=hint
            )
    return digests.pop()


def _observed(commit: Published, source: Reference) -> Manifest | None:
    """Return what was read while the run was planned, as a manifest."""
    if not commit.data:
        return None
    return Manifest(data=commit.data, media_type=commit.media_type, digest=commit.digest, source=str(source))


def _is_same_work(manifest: Manifest, image: PlannedImage) -> bool:
    """Tell whether what stands under the commit tag is what this run would have put there.

    It was built for this commit by this plan, or put there since it was made by the same settings from the same inputs.
    Of the inputs the files are not asked about: they may have been made by a job before, and not be here.
    """
    record = read_record(manifest.annotations.get(RECORD))
    return manifest.annotations.get(FINGERPRINT) == image.fingerprint or (
        record is not None and record.settings == image.settings
    )


def settle(plan: Plan, staged: Sequence[Staged], clients: Clients, lag: float = 0.0) -> tuple[Staged, ...]:
    """Read every commit tag again and return what stands there: another run of this commit may have come in between.

    Of two runs with one plan the one whose work stands there wins, so that all tags, and what both report, agree. What
    stood there before this run is waited out: a registry may lag, at most ``lag`` seconds. Raises VerificationError where
    the commit tag is gone or is another plan's, or where registries of one image do not agree.
    """
    before = {repository: facts.commit.digest for repository, facts in plan.facts.repositories.items() if facts.commit}
    look = partial(_settled, clients=clients, lag=lag)
    settled = tuple(
        in_parallel(lambda one: look(one, before=before.get(one.repository)), staged, limit=in_flight(clients))
    )
    agreed: dict[str, Digest] = {}
    for one in settled:
        name, digest = one.image.name, one.manifest.digest
        if agreed.setdefault(name, digest) != digest:
            hint = "Let the other run of this commit end, then run the same command again. No moving tag was touched."
            raise VerificationError(
                f"image {name}: its registries hold different bytes under the commit tag", hint=hint
            )
    return settled


def _settled(one: Staged, clients: Clients, before: Digest | None, lag: float) -> Staged:
    client, ours = clients[one.repository.registry], one.manifest.digest
    head = client.head(one.repository, one.image.commit_tag)
    if head is None or head.digest == before != ours:
        head = client.wait_for(one.repository, one.image.commit_tag, ours, lag)
    if head is not None and head.digest == ours:
        return one
    if head is not None and head.digest != before:
        theirs = client.get(one.repository, head.digest)
        if _is_same_work(theirs, one.image):
            return _verified(one.image, one.repository, theirs, client, lag)
    raise VerificationError(
        f"image {one.image.name}: {one.reference.repository}:{one.image.commit_tag} was"
        f" {'removed' if head is None else 'replaced by another plan'} while this run went on",
        hint="No moving tag was touched; run the same command again.",
    )
