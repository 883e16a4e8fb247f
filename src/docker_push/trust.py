"""What a run of a stranger's change may not do: no credentials, remote contexts, secrets or builder, no writing of caches.

A pull request from a fork brings its own build.toml and its own Dockerfiles, and anybody can open one. It is built, so that
its author sees whether it builds; nothing that a maintainer could not show to everybody is within its reach. An image of
any registry may be named, as in FROM: it is read without a login.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from docker_push.errors import ConfigError, Finding, FindingsError
from docker_push.fingerprint import REMOTE
from docker_push.options import ImageOptions, Options
from docker_push.references import Reference, Repository
from docker_push.secret_names import looks_secret

_MAY = "A maintainer who has read the change can push the branch to the repository itself: there it may."
BUILDER = "[builder] of build.toml is not used: a pull request from a fork gets no builder, no node and no key of its own choice"
_SSH_AGENT = "SSH_AUTH_SOCK"  # docker may need it to reach its engine; no build of a stranger mounts it
_LOGINS = frozenset({"DOCKER_AUTH_CONFIG", "CI_JOB_JWT_V1", "CI_JOB_JWT_V2"})
_AMAZON = "AWS_"
_SURE = 8  # characters: a shorter value of one variable stands in another by chance


def refuse(options: Options, where: Callable[..., str]) -> None:
    """Raise FindingsError for everything that the images of a stranger's change ask for and may not have.

    ``where(image, key, name)`` is the place in build.toml. Only the context and the named contexts can be remote: what a
    Dockerfile fetches, it fetches without any credentials.
    """
    findings = dict.fromkeys(
        Finding(where=place, problem=f"a pull request from a fork may not {what}", allowed=_MAY)
        for image in options.images
        for place, what in _asked(image, where)
    )
    if findings:
        raise FindingsError("pull request from a fork", tuple(findings))


def _asked(image: ImageOptions, where: Callable[..., str]) -> Iterator[tuple[str, str]]:
    if REMOTE.match(image.context.value):
        yield where(image.name, "context"), "build what is fetched from elsewhere"
    for name, value in image.contexts.items():
        if REMOTE.match(value) and not value.startswith(("docker-image://", "oci-layout://")):
            yield where(image.name, "contexts", name), "build what is fetched from elsewhere"
    if image.secret:
        yield where(image.name, "secret"), "have the secrets of a build"
    if image.ssh:
        yield where(image.name, "ssh"), "have an SSH agent"
    if image.network == "host":
        yield where(image.name, "network"), "use the network of the machine that builds"


def environ(variables: Mapping[str, str], hidden: Collection[str]) -> dict[str, str]:
    """Return the environment of the programs of a stranger's run: without every variable that holds a credential.

    These are the ``hidden`` ones, all that are by their name a secret (``GITHUB_TOKEN``, ``CI_JOB_TOKEN``,
    ``ACTIONS_RUNTIME_TOKEN``), and all that hold the value of one, as GitLab's CI_REPOSITORY_URL does. Those of Amazon's that
    lead to a credential go too (``AWS_PROFILE``); their values, a region or a file, may stand in others.
    """
    secret = {name for name in variables if _is_secret(name, hidden)}
    values = [variables[name] for name in secret if len(variables[name]) >= _SURE]
    return {
        name: value
        for name, value in variables.items()
        if not (name in secret or name.startswith(_AMAZON) or any(held in value for held in values))
    }


def _is_secret(name: str, hidden: Collection[str]) -> bool:
    return name != _SSH_AGENT and (name in hidden or name in _LOGINS or looks_secret(name))


def readable_caches(entries: Collection[str], repositories: Collection[Repository]) -> tuple[str, ...]:
    """Return the build caches that a stranger's run may read: those in ``repositories``, the image's own and its caches'."""
    return tuple(entry for entry in entries if _repository(entry) in repositories)


def _repository(entry: str) -> Repository | None:
    """Return the repository of a cache in a registry; ``None`` for any other cache."""
    fields = dict(field.partition("=")[::2] for field in entry.split(","))
    name = fields.get("ref") if fields.get("type") == "registry" else entry if "=" not in entry else None
    try:
        return Reference.parse(name).repository if name else None
    except ConfigError:
        return None
