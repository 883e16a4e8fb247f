"""Labels and annotations of an image: facts of the build, never of a tag that may move."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from docker_push.context import Context

FINGERPRINT = "io.github.atomicloud.docker-push.plan"
_OCI = "org.opencontainers.image"
REVISION = f"{_OCI}.revision"
_CREATED = f"{_OCI}.created"


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
