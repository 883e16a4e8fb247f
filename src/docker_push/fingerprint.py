"""What makes two runs the same work, as hashes: of one commit by its settings, of different commits by their inputs too."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from docker_push.context import Context
from docker_push.options import ImageOptions

REMOTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://|git@")  # a context that is fetched, not a folder of the repository
_PINNED = re.compile(r"@sha(?:256|512):|#[0-9a-f]{40}(?:[0-9a-f]{24})?(?::|$)")
_IMAGE = "docker-image://"


def of(image: ImageOptions, context: Context, labels: Mapping[str, str], needs: Mapping[str, str]) -> str:
    """Return the fingerprint of an image; ``needs`` are those of the images that it depends on, by name.

    The commit stands for the files; secrets count by their names.
    """
    commit = {"commit": context.commit, "revision": context.revision, "labels": dict(labels), "needs": dict(needs)}
    return _hash(_said(image) | commit)


def settings(image: ImageOptions, labels: Mapping[str, str], needs: Mapping[str, str]) -> str:
    """Return a hash of all that is said of an image's content, whatever the commit and its files; pure.

    ``labels`` are those that are the same in every commit, ``needs`` the settings of the images that it depends on, by
    name. Test commands count: what was published passed those of its own run.
    """
    tests = [list(command) for command in image.test]
    return _hash(_said(image) | {"labels": dict(labels), "test": tests, "needs": dict(needs)})


def key(said: str, files: str, needs: Mapping[str, str]) -> str:
    """Return the key of an image's inputs: what ``settings`` gave, a digest of its files, the keys of what it depends on."""
    return _hash({"settings": said, "files": files, "needs": dict(needs)})


def of_files(digests: Sequence[str]) -> str:
    """Return one digest of several: of an image's folders and its Dockerfile, in the order of build.toml."""
    return _hash({"files": list(digests)})


def _said(image: ImageOptions) -> dict[str, object]:
    return {
        "dockerfile": image.dockerfile.value,
        "context": image.context.value,
        "platforms": sorted(map(str, image.platforms.value)),
        "target": image.target,
        "args": dict(image.args),
        "secrets": sorted(secret.id for secret in image.secret),
        "ssh": sorted(entry.id for entry in image.ssh),
        "contexts": dict(image.contexts),
        "annotations": dict(image.annotations),
        "attest": sorted(image.attest),
        "network": image.network,
        "extra-hosts": dict(image.extra_hosts),
        "shm-size": image.shm_size,
    }


def _hash(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def moving_context(image: ImageOptions) -> str | None:
    """Return a remote context that neither a commit nor a digest pins, if there is one: no fingerprint sees it change."""
    return next((text for text in (image.context.value, *image.contexts.values()) if _moves(text)), None)


def unkeyed(image: ImageOptions) -> str:
    """Return why nothing tells beforehand whether an image's inputs changed; empty where its key does.

    An image as a named context (``docker-image://``) is left to the record: where BuildKit does not say which digest it
    used, the record says that it moves.
    """
    if image.no_cache:
        return "no-cache is set"
    for text in (image.context.value, *image.contexts.values()):
        if text.startswith("oci-layout:") or (_moves(text) and not text.startswith(_IMAGE)):
            return f"{text} may hold something else by now: pin it by commit or digest"
    return ""


def _moves(context: str) -> bool:
    if context.startswith(("target:", "oci-layout:")):
        return False
    return REMOTE.match(context) is not None and not _PINNED.search(context)
