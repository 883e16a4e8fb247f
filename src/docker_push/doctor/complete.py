"""All checks of a run that was told everything: build.toml, flags, variables and git are whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from docker_push import plan as planning
from docker_push import preflight
from docker_push.doctor import denied, installation, network, nodes, repository
from docker_push.parallel import in_parallel
from docker_push.plan import Plan
from docker_push.preflight import Survey
from docker_push.preflight.model import Area, Check, good, warning
from docker_push.references import Registry
from docker_push.registry import Client
from docker_push.run import FILE, Run

Look = Callable[[], "Survey | tuple[Check, ...]"]


def checks(run: Run) -> Iterator[Check]:
    """Give every check of the run; raises ConfigError for a plan that cannot be made."""
    draft = planning.plan(run.options, run.context)
    yield from (installation.ourselves(), _configuration(run, draft))
    for found in in_parallel(lambda look: look(), _looks(run, draft)):
        if isinstance(found, Survey):
            yield from map(_explained, found.checks)
            yield from installation.engine(found.engine) if found.engine else ()
        else:
            yield from found


def _looks(run: Run, draft: Plan) -> list[Look]:
    clients = run.clients  # made here, once: credentials that cannot be used end this examination
    return [
        lambda: (repository.check(run.runner),),
        lambda: tuple(installation.programs(run.runner)),
        lambda: nodes.observe(run.builder),
        lambda: preflight.survey(run, draft),
        lambda: tuple(_network(run, clients)),
    ]


def _configuration(run: Run, plan: Plan) -> Check:
    path = run.root / FILE
    images = ", ".join(image.name for image in plan.images)
    if path.is_file():
        return good(Area.CONFIGURATION, FILE, f"{path}: {images}")
    hint = "Write one to have more than one image, or more than the variables can say."
    return warning(Area.CONFIGURATION, FILE, f"there is none in {run.root}: {images}, by variables alone", hint)


def _network(run: Run, clients: Mapping[Registry, Client]) -> Iterator[Check]:
    surroundings = run.surroundings
    for entry in {entry.registry.value: entry for entry in run.options.registries}.values():
        registry = entry.registry.value
        yield network.clock(clients[registry], registry, surroundings.wall)
        yield network.proxy(surroundings.environ, entry)
        yield network.authorities(surroundings.environ, registry)


def _explained(check: Check) -> Check:
    """Add what "denied" may mean, where it is GitHub's registry that says it."""
    prefix = f"push to {denied.HOST}/"
    is_theirs = check.subject.startswith(prefix)
    return denied.explained(check, check.subject.removeprefix(prefix)) if is_theirs else check
