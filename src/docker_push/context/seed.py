"""The seed's variables: GITHUB_REPO_REF, GITHUB_SHA and GITHUB_BRANCH, set by whoever calls scripts/ci/docker.sh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from docker_push.context.found import Found
from docker_push.slugs import slug

VARIABLES = ("GITHUB_REPO_REF", "GITHUB_SHA", "GITHUB_BRANCH")


def overlay(env: Mapping[str, str], found: Found, names: Iterable[str | None]) -> Found:
    """Let the seed's variables win, but for what an event is known to be about.

    GITHUB_BRANCH is a slug: where one of ``names``, the raw names that others know, has that slug, the raw name is
    known after all. What is no slug of anything is taken for a raw name.
    """
    found = replace(found, repository=env.get("GITHUB_REPO_REF") or found.repository)
    if found.settled:
        return found
    found = replace(found, commit=env.get("GITHUB_SHA") or found.commit)
    given = env.get("GITHUB_BRANCH")
    if given is None or found.tag is not None:
        return found
    raw = next((name for name in names if name and slug(name) == slug(given)), None)
    if raw is not None:
        return replace(found, branch=raw)
    return replace(found, branch=given, slug_only=slug(given) == given)


def default_branch(given: str, known: Iterable[str | None]) -> str:
    """Return the raw name behind LATEST_BRANCH: a caller may have written the slug of the default branch's name."""
    names = [name for name in known if name]
    return given if given in names else next((name for name in names if slug(name) == given), given)
