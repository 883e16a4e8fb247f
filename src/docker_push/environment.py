"""The environment of the programs that a run starts: without the credentials that are ours alone. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from docker_push.options import ImageOptions

# a CI's tokens of the job; what needs one here (the remote's history) has it from the run's own environment
TOKENS = frozenset(
    {
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "ACTIONS_RUNTIME_TOKEN",
        "CI_DEPENDENCY_PROXY_PASSWORD",
        "CI_DEPLOY_PASSWORD",
        "CI_JOB_JWT",
        "CI_JOB_JWT_V1",
        "CI_JOB_JWT_V2",
        "CI_JOB_TOKEN",
        "CI_REGISTRY_PASSWORD",
        "CI_REPOSITORY_URL",  # the job's token is in it
        "GH_TOKEN",
        "GITHUB_TOKEN",
    }
)
_GITHUB_CACHE = "ACTIONS_RUNTIME_TOKEN"  # with which buildx reaches a cache of type=gha
_SURE = 8  # characters: a shorter word or number is the value of two variables by chance
_LEAST = 4


def for_programs(environ: Mapping[str, str], passwords: Collection[str], asked: Collection[str] = ()) -> dict[str, str]:
    """Return ``environ`` without the variables ``passwords``, the CI's tokens, and all that have the same value as one of them.

    What a build ``asked`` for by its name stays.
    """
    hidden = TOKENS.union(passwords)
    values = {environ[name].strip() for name in hidden if _is_secret(environ.get(name, "").strip())}
    return {
        name: value
        for name, value in environ.items()
        if name in asked or not (name in hidden or value.strip() in values)
    }


def asked(images: Iterable[ImageOptions], backend: str) -> set[str]:
    """Return the variables that the builds of ``images`` need by name: their secrets, and the token of GitHub's cache.

    ``backend`` is [cache]'s.
    """
    images = tuple(images)
    names = {secret.env for image in images for secret in image.secret if secret.env}
    caches = [entry for image in images for entry in (*(image.cache_from or ()), *(image.cache_to or ()))]
    if backend == "gha" or any("type=gha" in entry.split(",") for entry in caches):
        names.add(_GITHUB_CACHE)
    return names


def _is_secret(value: str) -> bool:
    return len(value) >= _SURE or (len(value) >= _LEAST and not value.isalpha() and not value.isdigit())
