"""What is in the registries before a run: under its commit tags, and under those of earlier runs.

The registry is the journal: a commit tag with our fingerprint is work that need not be done again, and so is what was
published from the same inputs before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from docker_push import tagging
from docker_push.errors import RegistryError, VerificationError
from docker_push.facts import Published, RepositoryFacts
from docker_push.metadata import FINGERPRINT
from docker_push.parallel import in_parallel
from docker_push.plan import Plan, PlannedImage
from docker_push.publish.staged import Clients, in_flight
from docker_push.record import RECORD, Record
from docker_push.record import parse as read_record
from docker_push.references import Digest, Platform, Repository, Tag
from docker_push.registry import Client, Manifest


def observe(plan: Plan, clients: Clients, *, children: bool = True) -> dict[Repository, RepositoryFacts]:
    """Look at what the registries hold under the plan's names; raises the registry's errors.

    An image whose key is known is looked for under earlier tags too, where its commit tag was not built for this commit by
    this plan. All tags of a repository are listed only where the plan depends on them (aliases and ``latest`` by version),
    or no other tag has it. Without ``children`` what an index under the commit tag names is not asked for, and counts as
    there: ``verify`` reads all of it.
    """
    places = [(image, repository) for image in plan.images for repository in image.repositories]

    def look(place: tuple[PlannedImage, Repository]) -> tuple[Repository, RepositoryFacts]:
        image, repository = place
        return repository, _Look(image, repository, clients[repository.registry], children=children).facts()

    return dict(in_parallel(look, places, limit=in_flight(clients)))


class _Look:
    """One image in one repository, looked at until it is known whether it has to be built."""

    def __init__(self, image: PlannedImage, repository: Repository, client: Client, *, children: bool) -> None:
        self._image = image
        self._repository = repository
        self._client = client
        self._children = children
        self._tags: tuple[str, ...] | None = None

    def facts(self) -> RepositoryFacts:
        commit = self._staged()
        same, tag, other = None, "", ""
        if self._image.key is not None and not self._is_built_here(commit):
            same, tag, other = self._same()
        tags = self._listed() if self._image.lists_tags else ()
        return RepositoryFacts(tags=tags, commit=commit, same=same, same_tag=tag, other_tag=other)

    def _listed(self) -> tuple[str, ...]:
        if self._tags is None:
            self._tags = self._client.tags(self._repository)
        return self._tags

    def _is_built_here(self, commit: Published | None) -> bool:
        """Tell whether this commit's own build is there: what was put there unchanged stands under an earlier tag, too."""
        return commit is not None and commit.complete and commit.fingerprint == self._image.fingerprint

    def _staged(self) -> Published | None:
        """Look at the commit tag; what is there and cannot be read whole is there, incomplete, and built anew."""
        descriptor = self._client.head(self._repository, self._image.commit_tag)
        return None if descriptor is None else self._published(descriptor.digest)

    def _same(self) -> tuple[Published | None, str, str]:
        """Return what was published with our inputs and its tag, or else the first tag that names something else."""
        other = ""
        for tag in self._earlier():
            try:
                manifest = self._client.find(self._repository, tag)
            except VerificationError:
                continue  # whatever stands there, it is no image that could be adopted
            if manifest is None:
                continue
            record = _record(manifest)
            if record is not None and record.key == self._image.key:
                return self._earlier_one(manifest, record), str(tag), other
            other = other or str(tag)
        return None, "", other

    def _earlier_one(self, manifest: Manifest, record: Record) -> Published | None:
        """Take what was published before; whether it is still whole is looked at with everything else that is staged."""
        try:
            platforms = tuple(self._client.platforms(self._repository, manifest))
        except VerificationError:
            return None
        return _published(manifest, platforms, complete=True, record=record)

    def _earlier(self) -> Iterator[Tag]:
        yield from self._image.earlier
        newest = tagging.newest_release(self._listed())
        if newest is not None and newest not in self._image.earlier:
            yield newest

    def _published(self, digest: Digest) -> Published:
        try:
            manifest = self._client.get(self._repository, digest)
            annotations = manifest.annotations
            platforms = self._client.platforms(self._repository, manifest)
            complete = not self._children or all(
                self._client.head(self._repository, child.digest) for child in manifest.children
            )
        except (RegistryError, VerificationError) as error:
            if isinstance(error, RegistryError) and error.transient:
                raise
            return Published(digest=digest, fingerprint=None, platforms=(), complete=False)
        record = read_record(annotations.get(RECORD))
        return _published(
            manifest, platforms, complete=complete, record=record, fingerprint=annotations.get(FINGERPRINT)
        )


def _published(
    manifest: Manifest,
    platforms: Iterable[Platform],
    *,
    complete: bool,
    record: Record | None,
    fingerprint: str | None = None,
) -> Published:
    return Published(
        digest=manifest.digest,
        fingerprint=fingerprint,
        platforms=tuple(platforms),
        complete=complete,
        record=record,
        media_type=manifest.media_type,
        data=manifest.data,
    )


def _record(manifest: Manifest) -> Record | None:
    try:
        return read_record(manifest.annotations.get(RECORD))
    except VerificationError:
        return None  # no image that could be adopted
