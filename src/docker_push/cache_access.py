"""Whether the environment gives access to the cache of [cache]. Pure but for a look at the disk."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path

from docker_push.config import CacheTable

VARIABLE = "ACTIONS_RUNTIME_TOKEN"
URLS = ("ACTIONS_RESULTS_URL", "ACTIONS_CACHE_URL")  # docker/buildx build/opt.go, addGithubToken
_CLAIMS = ("ac", "exp", "nbf")  # tonistiigi/go-actions-cache cache.go, New: without one of them the build would fail
_EXPORT = "a step before has to export it to the `run:` steps: docs/how-to/caches.md has that step"


def lacking(cache: CacheTable, environ: Mapping[str, str], root: Path, now: float) -> str:
    """Return what the environment lacks for the cache, empty where nothing is known to be missing; ``now`` is the time of day.

    BuildKit's ``ignore-error`` is for the writing alone. A token that is none, or a folder that cannot be made, fails the
    build before that, so these are looked at. For S3 there is nothing to look at: a builder may have credentials of its own.
    """
    if cache.backend == "gha":
        return _token(environ, now)
    if cache.backend == "local" and cache.path:
        return _folder(root / cache.path)
    return ""


def _token(environ: Mapping[str, str], now: float) -> str:
    token = environ.get(VARIABLE, "")
    missing = [*([] if token else [VARIABLE]), *([] if any(environ.get(name) for name in URLS) else URLS[:1])]
    if missing:
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set; {_EXPORT}"
    claims = _claims(token)
    if not all(name in claims for name in _CLAIMS):
        return f"{VARIABLE} is not a token of GitHub's cache; {_EXPORT}"
    until = claims["exp"]
    return f"{VARIABLE} has expired" if isinstance(until, (int, float)) and until <= now else ""


def _claims(token: str) -> Mapping[str, object]:
    """Return what a JSON Web Token says (RFC 7519), unverified: only GitHub can verify it. Nothing for what is none."""
    parts = token.split(".")
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "==")) if len(parts) == 3 else {}  # noqa: PLR2004
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _folder(path: Path) -> str:
    """Return why a folder can be neither used nor made; it is not made here."""
    nearest = next(parent for parent in (path, *path.parents) if os.path.lexists(parent))
    if not nearest.is_dir():
        return f"{nearest} is not a folder; choose another path in [cache]"
    if not os.access(nearest, os.W_OK | os.X_OK):
        return f"{nearest} cannot be written to; choose another path in [cache]"
    return ""
