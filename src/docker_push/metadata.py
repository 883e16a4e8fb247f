"""Labels, annotations and cache names of an image: facts of the build, never of a tag that may move."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from functools import lru_cache

from docker_push.context import Context
from docker_push.references import Platform, Reference, Repository, Tag

FINGERPRINT = "io.github.atomicloud.docker-push.plan"
_OCI = "org.opencontainers.image"
REVISION = f"{_OCI}.revision"
_CREATED = f"{_OCI}.created"
_TAG_LIMIT = 128  # OCI distribution-spec: 1 + 127 characters
_HASH_LENGTH = 12
_NOT_IN_SCOPE = re.compile(r"[^a-z0-9_-]+")
_NOT_IN_TAG = re.compile(r"[^a-z0-9._-]+")


def labels(image: str, context: Context, own: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of an image, sorted; the user's ``own`` win.

    The names are the image-spec's pre-defined annotation keys. Nothing in them changes when a tag moves or when an
    unchanged image is published again for the same commit.
    """
    found = {
        f"{_OCI}.title": image,
        REVISION: context.revision,
        f"{_OCI}.source": context.source_url,
        _CREATED: None if context.created is None else timestamp(context.created),
    }
    return dict(sorted(({key: value for key, value in found.items() if value} | dict(own)).items()))


def lasting(image: str, context: Context, own: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of an image that are the same in every commit, sorted."""
    return {key: value for key, value in labels(image, context, own).items() if key not in per_commit(own)}


def per_commit(own: Mapping[str, str]) -> set[str]:
    """Return the names of the labels that are other ones in every commit, unless the user's ``own`` say them."""
    return {REVISION, _CREATED} - own.keys()


def timestamp(seconds: int) -> str:
    """Return seconds since the epoch as RFC 3339 in UTC, as the image-spec asks for ``created``."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def cache_repository(image: Repository) -> Repository:
    """Return the repository in which an image's build cache is kept: beside the image, never among its tags."""
    return Repository.parse(image.registry, f"{image.path}-cache")


def cache_reference(image: Repository, scope: Sequence[str], platforms: Sequence[Platform], branch: str) -> Reference:
    """Return the name of one cache: unique by LPSM platform and service (``scope``), image, target platforms and branch.

    The parts are joined by '.', which only the last may hold, so that two scopes never meet in one name. Where a part
    had to be changed to fit, or the name would be too long, a hash of the exact parts makes it unique again.
    """
    return Reference(cache_repository(image), _cache_tag(tuple(scope), tuple(platforms), branch))


@lru_cache(maxsize=64)  # the images of a run share a few
def _cache_tag(scope: tuple[str, ...], platforms: tuple[Platform, ...], branch: str) -> Tag:
    target = "_".join(sorted(str(platform).replace("/", "-") for platform in platforms))
    exact = [*(part.lower() for part in scope), target, branch]
    fitted = [*(_NOT_IN_SCOPE.sub("-", part) for part in exact[:-1]), _NOT_IN_TAG.sub("-", branch)]
    name = ".".join(fitted).lstrip(".-")
    if fitted != exact or len(name) > _TAG_LIMIT or not Tag.is_valid(name):
        digest = hashlib.sha256("\0".join(exact).encode()).hexdigest()[:_HASH_LENGTH]
        name = f"{name[: _TAG_LIMIT - _HASH_LENGTH - 1]}-{digest}"
    return Tag.parse(name)
