"""What a build cache is called: by service, image, platforms and what is built. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from docker_push.context import Context, Event
from docker_push.references import Platform, Repository
from docker_push.slugs import slug

_LIMIT = 128  # characters: OCI distribution-spec, the length of a tag; the other backends take more
_HASH_LENGTH = 32  # hexadecimal digits: 128 bits, since a name keeps branches of a repository apart
_WORD = re.compile(r"[a-z0-9_][a-z0-9_-]*")
_REF = re.compile(r"[a-z0-9._-]+")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9]+(?:/[a-z0-9]+)?")
_HASHED = re.compile(rf"-[0-9a-f]{{{_HASH_LENGTH}}}\Z")
_OUTSIDE = re.compile(r"[^a-z0-9_-]+")
_OUTSIDE_REF = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, kw_only=True)
class Refs:
    """Whose caches a run reads: its ``own``, then the ``default`` branch's. ``own`` is ``None`` where no other run would read it.

    Each is a branch by its raw name, ``pr:NUMBER`` for a pull request, or ``slug:SLUG`` where no more is known: no branch has
    a ':' in its name (git-check-ref-format).
    """

    own: str | None
    default: str

    @property
    def chain(self) -> tuple[str, ...]:
        """Return whose caches are read, in order."""
        return tuple(dict.fromkeys(ref for ref in (self.own, self.default) if ref))


def refs(context: Context) -> Refs:
    """Return whose caches a run reads. A pull request has its own: nothing that it writes is read by a branch or a release."""
    default = f"slug:{slug(context.default_branch)}" if context.slug_only else context.default_branch
    if context.pull_request is not None:
        return Refs(own=f"pr:{context.pull_request}", default=default)
    if context.event is Event.MERGE_QUEUE or context.tag is not None or not context.branch:
        return Refs(own=None, default=default)
    return Refs(own=f"slug:{context.branch}" if context.slug_only else context.branch, default=default)


def repository_of(image: Repository) -> Repository:
    """Return the repository in which an image's build cache is kept: beside the image, never among its tags."""
    return Repository.parse(image.registry, f"{image.path}-cache")


def name(service: Sequence[str], image: str, platforms: Sequence[Platform], ref: str) -> str:
    """Return the name of one cache: of an LPSM platform and ``service``, an image, its target platforms and a ref.

    No two of these have one name. The parts are joined by '.', which only the last may hold. Where one had to be changed to
    fit, where the name would be too long, or would look like such a one, a hash of the exact parts stands at the end.
    """
    return _name(tuple(part.lower() for part in service), image, tuple(sorted(map(str, platforms))), ref)


@lru_cache(maxsize=1024)
def _name(service: tuple[str, ...], image: str, platforms: tuple[str, ...], ref: str) -> str:
    words = (*service, image)
    target = "_".join(_OUTSIDE.sub("-", platform) for platform in platforms)
    legible = ".".join([*(_OUTSIDE.sub("-", word) for word in words), target, _OUTSIDE_REF.sub("-", ref.lower())])
    exact = (
        all(map(_WORD.fullmatch, words))
        and all(map(_PLATFORM.fullmatch, platforms))
        and _REF.fullmatch(ref)
        and len(legible) <= _LIMIT
    )
    if exact and not _HASHED.search(legible):
        return legible
    identity = json.dumps([service, image, platforms, ref])
    digest = hashlib.sha256(identity.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{legible.lstrip('.-')[: _LIMIT - _HASH_LENGTH - 1]}-{digest}"
