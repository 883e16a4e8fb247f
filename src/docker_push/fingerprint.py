"""What makes two runs of one commit the same work: a hash over all that is said of an image's content."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from docker_push.context import Context
from docker_push.options import ImageOptions

REMOTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://|git@")  # a context that is fetched, not a folder of the repository
_PINNED = re.compile(r"@sha(?:256|512):|#[0-9a-f]{40}(?:[0-9a-f]{24})?(?::|$)")


def of(image: ImageOptions, context: Context, labels: Mapping[str, str], needs: Mapping[str, str]) -> str:
    """Return the fingerprint of an image; ``needs`` are those of the images that it depends on, by name.

    The commit stands for the files; secrets count by their names.
    """
    content = {
        "commit": context.commit,
        "revision": context.revision,
        "dockerfile": image.dockerfile.value,
        "context": image.context.value,
        "platforms": sorted(map(str, image.platforms.value)),
        "target": image.target,
        "args": dict(image.args),
        "secrets": sorted(secret.id for secret in image.secret),
        "ssh": sorted(entry.id for entry in image.ssh),
        "contexts": dict(image.contexts),
        "labels": dict(labels),
        "annotations": dict(image.annotations),
        "attest": sorted(image.attest),
        "network": image.network,
        "extra-hosts": dict(image.extra_hosts),
        "shm-size": image.shm_size,
        "needs": dict(needs),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def moving_context(image: ImageOptions) -> str | None:
    """Return a remote context that neither a commit nor a digest pins, if there is one: no fingerprint sees it change."""
    return next((text for text in (image.context.value, *image.contexts.values()) if _moves(text)), None)


def _moves(context: str) -> bool:
    if context.startswith(("target:", "oci-layout:")):
        return False
    return REMOTE.match(context) is not None and not _PINNED.search(context)
