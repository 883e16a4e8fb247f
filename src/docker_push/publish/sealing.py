"""Putting commit tags where BuildKit does not: on what was built with its record, and on what need not be built.

BuildKit tells what an image was made from only once it is made, so that the record is put on it afterwards: the same
manifests under an index that says one thing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from docker_push.parallel import in_parallel
from docker_push.plan import Action, Plan, PlannedImage
from docker_push.publish.staged import Clients, Staged, in_flight, read_staged
from docker_push.record import RECORD, Record
from docker_push.references import Digest, Repository


def seal(
    plan: Plan, digests: Mapping[str, Digest], records: Mapping[str, Record], clients: Clients, lag: float = 0.0
) -> dict[str, Digest]:
    """Put its record on each image that was built, under its commit tag; return image name -> digest of what stands there.

    ``digests`` is image name -> digest as the builder gave it: what is read by it is that, whoever has put the commit tag
    since. An image without a record, and a part, stays as it is. Raises the registry's errors, and VerificationError where it does
    not have what was pushed.
    """
    places = [
        (image, repository)
        for image in plan.published
        if image.name in records and image.part is None
        for repository in image.repositories
    ]
    put = partial(_seal, digests=digests, records=records, clients=clients, lag=lag)
    sealed = in_parallel(lambda place: put(*place), places, limit=in_flight(clients))
    return {**digests, **{image.name: digest for (image, _), digest in zip(places, sealed, strict=True)}}


def _seal(
    image: PlannedImage,
    repository: Repository,
    digests: Mapping[str, Digest],
    records: Mapping[str, Record],
    clients: Clients,
    lag: float,
) -> Digest:
    client = clients[repository.registry]
    manifest = read_staged(image, repository, digests[image.name], client, lag)
    sealed = manifest.annotated(RECORD, records[image.name].text())
    client.put(repository, image.commit_tag, sealed)
    return sealed.digest


def adopt(plan: Plan, staged: Sequence[Staged], clients: Clients) -> None:
    """Put the commit tag on each image that is not built, unless it is there; raises the registry's errors."""
    missing = [one for one in staged if one.image.action is Action.ADOPT and not _is_named(plan, one)]
    in_parallel(
        lambda one: clients[one.repository.registry].put(one.repository, one.image.commit_tag, one.manifest),
        missing,
        limit=in_flight(clients),
    )


def _is_named(plan: Plan, one: Staged) -> bool:
    seen = plan.facts.repositories.get(one.repository)
    return seen is not None and seen.commit is not None and seen.commit.digest == one.manifest.digest
