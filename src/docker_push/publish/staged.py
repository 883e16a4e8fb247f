"""What is in the registries under the commit tags: observed before the run, verified after it, found again later.

The registry is the journal: a commit tag with our fingerprint is work that need not be done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from docker_push.errors import VerificationError
from docker_push.facts import Published, RepositoryFacts
from docker_push.metadata import FINGERPRINT
from docker_push.parallel import in_parallel
from docker_push.plan import Plan, PlannedImage
from docker_push.references import Digest, Platform, Reference, Registry, Repository, Tag
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
        """Return the name that tells all: repository, commit tag, digest."""
        return Reference(self.repository, self.image.commit_tag, self.manifest.digest)


Clients = Mapping[Registry, Client]


def observe(plan: Plan, clients: Clients) -> dict[Repository, RepositoryFacts]:
    """Look at what the registries hold under the plan's names; raises the registry's errors.

    All tags of a repository are listed only where the plan depends on them (aliases and ``latest`` by version).
    """
    places = [(image, repository) for image in plan.images for repository in image.repositories]

    def look(place: tuple[PlannedImage, Repository]) -> tuple[Repository, RepositoryFacts]:
        image, repository = place
        client = clients[repository.registry]
        tags = client.tags(repository) if image.lists_tags else ()
        return repository, RepositoryFacts(tags=tags, commit=_published(client, repository, image.commit_tag))

    return dict(in_parallel(look, places))


def _published(client: Client, repository: Repository, tag: Tag) -> Published | None:
    descriptor = client.head(repository, tag)
    if descriptor is None:
        return None
    manifest = client.get(repository, descriptor.digest)
    platforms = client.platforms(repository, manifest)
    return Published(
        digest=manifest.digest,
        fingerprint=manifest.annotations.get(FINGERPRINT),
        platforms=tuple(platforms),
        complete=not _missing(client, repository, manifest),
    )


def verify(plan: Plan, digests: Mapping[str, Digest], clients: Clients, lag: float = 0.0) -> tuple[Staged, ...]:
    """Read back everything that was staged and compare it with what the builder said and the plan asked for.

    ``digests`` is image name -> digest as the builder (or, for an adopted image, the registry) gave it. Bytes are read
    by digest and hashed; what is not there is waited for, at most ``lag`` seconds. Raises VerificationError for the first
    image that is not whole.
    """
    places = [(image, repository) for image in plan.published for repository in image.repositories]

    def check(place: tuple[PlannedImage, Repository]) -> Staged:
        image, repository = place
        return _verified(image, repository, digests[image.name], clients[repository.registry], lag)

    return tuple(in_parallel(check, places))


def _verified(image: PlannedImage, repository: Repository, digest: Digest, client: Client, lag: float) -> Staged:
    manifest = _read(image, repository, digest, client, lag)
    children = {
        child.digest: _read(image, repository, child.digest, client, lag, named_by=digest)
        for child in manifest.children
    }
    platforms = client.platforms(repository, manifest)
    if set(platforms) != set(image.platforms):
        raise VerificationError(
            f"image {image.name}: {Reference(repository, image.commit_tag, digest)} holds {_listed(platforms)},"
            f" but {_listed(image.platforms)} were asked for",
            hint=_REBUILD,
        )
    content = {platform: _content(children.get(child, manifest)) for platform, child in platforms.items()}
    return Staged(image=image, repository=repository, manifest=manifest, platforms=content, children=children)


def _read(
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
    top = Reference(repository, image.commit_tag, named_by or digest)
    what = (
        f"{top} names {digest}, which the registry does not have" if named_by else f"the registry does not have {top}"
    )
    raise VerificationError(f"image {image.name}: {what}", hint=_REBUILD)


_REBUILD = "No moving tag was touched; run the same command again with --rebuild."


def _missing(client: Client, repository: Repository, manifest: Manifest) -> Digest | None:
    """Return the first thing that an index names and the registry lacks."""
    return next((child.digest for child in manifest.children if client.head(repository, child.digest) is None), None)


def _content(manifest: Manifest) -> Content:
    """Add up what one platform's manifest names."""
    size = sum(part.size for part in (manifest.config, *manifest.layers))
    return Content(digest=manifest.digest, size=size)


def _listed(platforms: Iterable[Platform]) -> str:
    return ", ".join(sorted(map(str, platforms))) or "no platform"


def find_staged(plan: Plan, clients: Clients) -> dict[str, Digest]:
    """Return image name -> digest of what is staged for the plan's commit, for a publish apart from its staging.

    Raises VerificationError where an image is not staged, or not in every registry with one digest.
    """
    found: dict[str, Digest] = {}
    for image in plan.published:
        heads = {
            repository: clients[repository.registry].head(repository, image.commit_tag)
            for repository in image.repositories
        }
        missing = [str(image.staged(repository)) for repository, head in heads.items() if head is None]
        kinds = {head.digest for head in heads.values() if head}
        if missing or len(kinds) != 1:
            what = (
                f"{missing[0]} does not exist"
                if missing
                else "its registries hold different bytes under the commit tag"
            )
            hint = f"Run docker.stage --image {image.name} for this commit first."
            raise VerificationError(f"image {image.name}: nothing to publish: {what}", hint=hint)
        found[image.name] = kinds.pop()
        for repository in image.repositories:
            _refuse_other_plan(image, repository, clients[repository.registry].get(repository, found[image.name]))
    return found


def _refuse_other_plan(image: PlannedImage, repository: Repository, manifest: Manifest) -> None:
    if manifest.annotations.get(FINGERPRINT) != image.fingerprint:
        hint = f"Run docker.stage --image {image.name} with the flags and variables of this run first."
        raise VerificationError(f"image {image.name}: {image.staged(repository)} was staged by another plan", hint=hint)


def settle(staged: Sequence[Staged], clients: Clients) -> tuple[Staged, ...]:
    """Read every commit tag again and return what stands there: another run of this commit may have come in between.

    Of two runs with one plan the one whose work stands there wins, so that all tags, and what both report, agree. Raises
    VerificationError where the commit tag is gone or is another plan's.
    """
    return tuple(in_parallel(lambda one: _settled(one, clients), staged))


def _settled(one: Staged, clients: Clients) -> Staged:
    client = clients[one.repository.registry]
    head = client.head(one.repository, one.image.commit_tag)
    if head is not None and head.digest == one.manifest.digest:
        return one
    if head is not None:
        theirs = client.get(one.repository, head.digest)
        if theirs.annotations.get(FINGERPRINT) == one.image.fingerprint:
            return _verified(one.image, one.repository, theirs.digest, client, lag=0.0)
    raise VerificationError(
        f"image {one.image.name}: {one.reference.repository}:{one.image.commit_tag} was"
        f" {'removed' if head is None else 'replaced by another plan'} while this run went on",
        hint="No moving tag was touched; run the same command again.",
    )
