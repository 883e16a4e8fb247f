"""Whether each registry is reached, knows us, and lets us push: asked of it, and not guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from docker_push import publish
from docker_push.errors import (
    AuthenticationError,
    RateLimitError,
)
from docker_push.facts import RepositoryFacts
from docker_push.parallel import in_parallel
from docker_push.plan import Action, Plan, PlannedImage
from docker_push.preflight.model import Area, Check, Health, attempted, failed, good, skipped, warning
from docker_push.preflight.permission import lacks_credentials, missing, must_push
from docker_push.references import Registry, Repository
from docker_push.run import Run

Place = tuple[PlannedImage, Repository]
Answer = tuple[Check, Mapping[Repository, RepositoryFacts]]


@dataclass(frozen=True, kw_only=True)
class RegistrySeen:
    """What was found of one registry: of each repository that could be read, and which are ``shut`` to us.

    ``why`` is the reason for asking it for nothing more, where there is one.
    """

    registry: Registry
    checks: tuple[Check, ...]
    repositories: Mapping[Repository, RepositoryFacts] = field(default_factory=dict)
    shut: frozenset[Repository] = frozenset()
    why: str = ""


def look(run: Run, plan: Plan, registry: Registry, *, barred: str | None, build: bool) -> RegistrySeen:
    """Reach the registry, and read what it holds under the plan's names.

    ``barred`` is why the run may not push to any registry, where it may not: then nothing is asked but whether the
    registry is there. A run that does not ``build`` asks for what an index names when it verifies it, and not here. The first repository is read alone: a wrong password is then refused once, and not once for every
    image (registries lock accounts for that).
    """
    reached = attempted(Area.REGISTRY, f"registry {registry}", lambda: _ping(run, registry))
    if barred and reached.error:  # a run that pushes nothing can do without
        reached = warning(reached.area, reached.subject, reached.found, reached.error.hint)
    login = credentials(run, plan, registry)
    places = _places(plan, registry)
    why = barred or (f"{registry} was not reached" if reached.is_failed else "")
    if why:
        shut = frozenset(repository for _, repository in places)
        return RegistrySeen(registry=registry, checks=(reached, login), shut=shut, why=why)
    found = _asked(
        lambda place: _read(run, plan, place, build=build), places, "read", run.clients[registry].connections
    )
    asked = zip(places, found, strict=True)
    return RegistrySeen(
        registry=registry,
        checks=(reached, login, *(check for check, _ in found)),
        repositories={repository: facts for _, seen in found for repository, facts in seen.items()},
        shut=frozenset(repository for (_, repository), (check, _) in asked if check.health is not Health.GOOD),
    )


def ask_to_push(run: Run, plan: Plan, seen: RegistrySeen, *, whole: bool) -> RegistrySeen:
    """Ask a registry whether we may push to every repository that the plan publishes to; nothing is written.

    The first repository is asked for alone, as when reading; those that could not be read are not asked for. Not ``whole``,
    no other is asked for whose commit tag is put before anything is built: that shows as well whether we may.
    """
    every = _places(plan, seen.registry)
    every = every[:1] + [place for place in every[1:] if whole or not _is_put_first(plan, place)]
    places = [(image, repository) for image, repository in every if repository not in seen.shut]
    found = _asked(lambda place: _push(run, place), places, "push to", run.clients[seen.registry].connections)
    left = [
        skipped(Area.REGISTRY, f"push to {one}", seen.why or "refused above") for _, one in every if one in seen.shut
    ]
    checks = (*(check for check, _ in found), *left)
    return RegistrySeen(registry=seen.registry, checks=checks, why=seen.why)


def _is_put_first(plan: Plan, place: Place) -> bool:
    """Tell whether the image is unchanged, and has no tag of this commit in this repository yet."""
    image, repository = place
    facts = plan.facts.repositories.get(repository)
    return image.action is Action.ADOPT and facts is not None and facts.commit is None


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


def _asked(ask: Callable[[Place], Answer], places: Sequence[Place], what: str, limit: int) -> list[Answer]:
    """Ask of the first place alone, then of the others, unless its answer holds for all of them."""
    first = [ask(place) for place in places[:1]]
    if any(_is_shut(check) for check, _ in first):
        left = [skipped(Area.REGISTRY, f"{what} {repository}", "refused above") for _, repository in places[1:]]
        return [*first, *((check, {}) for check in left)]
    return [*first, *in_parallel(ask, places[1:], limit=limit)]


def _push(run: Run, place: Place) -> Answer:
    image, repository = place
    push = attempted(Area.REGISTRY, f"push to {repository}", lambda: _grant(run, repository))
    return (push if _is_shut(push) else replace(push, image=image.name)), {}


def _grant(run: Run, repository: Repository) -> str:
    run.clients[repository.registry].check_push(repository)
    return "granted"


def _read(run: Run, plan: Plan, place: Place, *, build: bool) -> Answer:
    image, repository = place
    seen: dict[Repository, RepositoryFacts] = {}

    def observe() -> str:
        seen.update(_observe(run, plan, place, build=build))
        return "granted"

    read = attempted(Area.REGISTRY, f"read {repository}", observe)
    return (read if _is_shut(read) else replace(read, image=image.name)), seen


def _observe(run: Run, plan: Plan, place: Place, *, build: bool) -> Mapping[Repository, RepositoryFacts]:
    """Look at one repository as planning does, unless the plan was made with what was seen there."""
    image, repository = place
    if repository in plan.facts.repositories:
        return {repository: plan.facts.repositories[repository]}
    alone = replace(plan, images=(replace(image, repositories=(repository,)),))
    return publish.observe(alone, run.clients, children=build)


def _is_shut(check: Check) -> bool:
    """Tell whether the answer is one for every repository of this registry."""
    return isinstance(check.error, (AuthenticationError, RateLimitError))
