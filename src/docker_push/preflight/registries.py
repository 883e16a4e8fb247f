"""Whether each registry is reached, knows us, and lets us push: asked of it, and not guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from docker_push import publish
from docker_push.errors import (
    AuthenticationError,
    DockerPushError,
    InterruptedRunError,
    PermissionDeniedError,
    RateLimitError,
)
from docker_push.facts import RepositoryFacts
from docker_push.parallel import in_parallel
from docker_push.plan import Plan, PlannedImage
from docker_push.preflight.model import Area, Check, attempted, failed, good, skipped, warning
from docker_push.preflight.permission import lacks_credentials, missing, must_push
from docker_push.references import Registry, Repository
from docker_push.run import Run

Place = tuple[PlannedImage, Repository]


@dataclass(frozen=True, kw_only=True)
class RegistrySeen:
    """What was found of one registry: of each repository that could be read, and which are ``shut`` to us."""

    checks: tuple[Check, ...]
    repositories: Mapping[Repository, RepositoryFacts] = field(default_factory=dict)
    shut: frozenset[Repository] = frozenset()


def look(run: Run, plan: Plan, registry: Registry, *, barred: str | None) -> RegistrySeen:
    """Reach the registry, and ask whether we may push to every repository that the plan publishes to.

    ``barred`` is why the run may not push to any registry, where it may not: then nothing is asked but whether the
    registry is there. The first repository is asked alone: a wrong password is then refused once, and not once for
    every image (registries lock accounts for that).
    """
    reached = attempted(Area.REGISTRY, f"registry {registry}", lambda: _ping(run, registry))
    if barred and reached.error:  # a run that pushes nothing can do without
        reached = warning(reached.area, reached.subject, reached.found, reached.error.hint)
    login = credentials(run, plan, registry)
    places = _places(plan, registry)
    why = barred or (f"{registry} was not reached" if reached.is_failed else "")
    if why:
        return _together((reached, login), [_left(places, why)])
    found = [_looked_at(run, plan, place) for place in places[:1]]
    if any(_is_shut(one.checks[0]) for one in found):
        found.append(_left(places[1:], "refused above"))
    else:
        found += in_parallel(lambda place: _looked_at(run, plan, place), places[1:])
    return _together((reached, login), found)


def credentials(run: Run, plan: Plan, registry: Registry) -> Check:
    """Say whose credentials there are, and where they come from; never what they are."""
    subject, account = f"credentials for {registry}", run.accounts[registry]
    if account is not None:
        who = f"user {account.username}" if account.username else "an identity token"
        return good(Area.REGISTRY, subject, f"{who}, from {account.origin}")
    if not lacks_credentials(run, registry):
        return good(Area.REGISTRY, subject, "none; a registry on this machine is asked without")
    error = missing(run, registry)
    if must_push(run, plan):
        return failed(Area.REGISTRY, subject, error)
    return warning(Area.REGISTRY, subject, "none: this run builds and pushes nothing", error.hint)


def _ping(run: Run, registry: Registry) -> str:
    run.clients[registry].ping()
    return "reached"


def _places(plan: Plan, registry: Registry) -> list[Place]:
    return [
        (image, repository)
        for image in plan.published
        for repository in image.repositories
        if repository.registry == registry
    ]


def _looked_at(run: Run, plan: Plan, place: Place) -> RegistrySeen:
    """Ask for the right to push first: it is the one that fails where credentials are wrong."""
    image, repository = place
    push = attempted(Area.REGISTRY, f"push to {repository}", lambda: _grant(run, repository))
    push = push if _is_shut(push) else replace(push, image=image.name)
    # whoever may not push may still read; after any other failure reading would only say the same again
    if push.is_failed and not isinstance(push.error, PermissionDeniedError):
        read = skipped(Area.REGISTRY, f"read {repository}", "refused above")
        return RegistrySeen(checks=(push, read), shut=frozenset({repository}))
    try:
        facts = _observe(run, plan, place)
    except InterruptedRunError:
        raise
    except DockerPushError as error:
        read = replace(failed(Area.REGISTRY, f"read {repository}", error), image=image.name)
        return RegistrySeen(checks=(push, read), shut=frozenset({repository}))
    read = good(Area.REGISTRY, f"read {repository}", "granted")
    return RegistrySeen(checks=(push, read), repositories=facts)


def _grant(run: Run, repository: Repository) -> str:
    run.clients[repository.registry].check_push(repository)
    return "granted"


def _observe(run: Run, plan: Plan, place: Place) -> Mapping[Repository, RepositoryFacts]:
    """Look at one repository as planning does, unless the plan was made with what was seen there."""
    image, repository = place
    if repository in plan.facts.repositories:
        return {repository: plan.facts.repositories[repository]}
    alone = replace(plan, images=(replace(image, repositories=(repository,)),))
    return publish.observe(alone, run.clients)


def _is_shut(push: Check) -> bool:
    """Tell whether the answer is one for every repository of this registry."""
    return isinstance(push.error, (AuthenticationError, RateLimitError))


def _left(places: Iterable[Place], why: str) -> RegistrySeen:
    """Return what is known of repositories that are not asked for."""
    repositories = [repository for _, repository in places]
    checks = tuple(skipped(Area.REGISTRY, f"push to {repository}", why) for repository in repositories)
    return RegistrySeen(checks=checks, shut=frozenset(repositories))


def _together(checks: tuple[Check, ...], found: Iterable[RegistrySeen]) -> RegistrySeen:
    found = list(found)
    return RegistrySeen(
        checks=(*checks, *(check for one in found for check in one.checks)),
        repositories={repository: facts for one in found for repository, facts in one.repositories.items()},
        shut=frozenset(repository for one in found for repository in one.shut),
    )
