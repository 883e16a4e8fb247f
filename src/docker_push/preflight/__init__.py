"""What is checked before anything is built, all of it at once: whether a run can build, push and move its tags.

``survey`` looks at the world once: what it observes on the way (builder, repositories, history) is what the run is
planned by. Where a look has to wait, the others do not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from docker_push import plan as planning
from docker_push.bases import EngineHosts
from docker_push.facts import Facts
from docker_push.history import History
from docker_push.observation import builds_in_engine, decided, keyed
from docker_push.parallel import in_parallel
from docker_push.plan import Action, Plan
from docker_push.preflight import builders, disk, engine, registries, tags
from docker_push.preflight.builders import BuilderSeen
from docker_push.preflight.engine import EngineInfo
from docker_push.preflight.model import Area, Check, Health
from docker_push.preflight.permission import denial, permission, trust
from docker_push.preflight.registries import RegistrySeen
from docker_push.preflight.verdict import refuse, set_aside
from docker_push.references import Repository
from docker_push.run import Run

__all__ = [
    "Area",
    "Check",
    "Health",
    "Survey",
    "denial",
    "engine_hosts",
    "permission",
    "refuse",
    "set_aside",
    "survey",
]


T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class EngineSeen:
    """What was found of the engine; the builder too where the engine's mirrors may be the builder's."""

    info: EngineInfo
    hosts: EngineHosts
    builder: BuilderSeen | None = None


Seen = RegistrySeen | BuilderSeen | EngineSeen | History | None


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What was seen before a run: ``plan`` is planned by it, ``checks`` say how it stands.

    A run that may not push has a plan that publishes nothing, with the reason in each image. ``engine`` is ``None``
    for a run that does not build.
    """

    plan: Plan
    checks: tuple[Check, ...]
    engine: EngineInfo | None


def survey(run: Run, draft: Plan, *, build: bool = True, whole: bool = True, joins: bool = False) -> Survey:
    """Look at builder, registries, git and disks, plan by what is there, and check that the plan can be done.

    ``draft`` may be a plan without facts (``observation.make_plan(look=False)``), or have some, which are not looked at
    again. Without ``build`` neither builder nor engine is needed; one that ``joins`` what others built is planned as one that
    builds all the same. Not ``whole``, a run that has nothing to build is not
    asked whether it could: that the commit tags can be put is shown by putting them, before any other tag. Raises
    InterruptedRunError, and ConfigError for files of an image that cannot be read.
    """
    draft = keyed(run, draft) if build or joins else draft
    barred = denial(run, draft)
    why = barred.message if barred else draft.facts.build_only
    found = in_parallel(lambda look: look(), list(_first(run, draft, why, build=build)))
    asked, seen = [one for one in found if isinstance(one, RegistrySeen)], _only(EngineSeen, found)
    facts = _facts(draft, why, asked, seen.builder if seen else None)
    plan = decided(run, draft, facts, lambda: seen.hosts if seen else engine_hosts(run) if joins else EngineHosts())
    if whole or not build or any(image.action is Action.BUILD for image in plan.images):
        seen_plan = plan.as_joined() if joins else plan if build else plan.as_staged()
        return _judged(run, draft, seen_plan, found, build=build, whole=whole or not build)
    checks = [trust(run, draft), *(check for one in asked for check in one.checks)]
    checks += tags.versions(run, plan, _shut(asked))
    return Survey(plan=plan, checks=tuple(checks), engine=seen.info if seen else None)


def engine_hosts(run: Run) -> EngineHosts:
    """Return what the run's engine says of registries."""
    return EngineHosts.read(engine.observe(run.runner).content)


def _first(run: Run, draft: Plan, why: str | None, *, build: bool) -> Iterator[Callable[[], Seen]]:
    """Give what tells whether anything has to be built."""
    if build:
        yield lambda: _engine(run, draft)
    for registry in run.clients:
        yield partial(registries.look, run, draft, registry, barred=why, build=build)


def _engine(run: Run, draft: Plan) -> EngineSeen:
    info = engine.observe(run.runner)
    hosts = EngineHosts.read(info.content)
    asks = hosts.mirrors and not builds_in_engine(run) and not run.builder.description
    return EngineSeen(info=info, hosts=hosts, builder=builders.look(run, draft) if asks else None)


def _judged(run: Run, draft: Plan, plan: Plan, first: Iterable[Seen], *, build: bool, whole: bool) -> Survey:
    """Look at everything else, plan by it too, and check what only that plan can tell."""
    asked, seen = [one for one in first if isinstance(one, RegistrySeen)], _only(EngineSeen, first)
    info = seen.info if seen else None
    found = in_parallel(lambda look: look(), list(_others(run, plan, asked, build=build, whole=whole)))
    granted = [one for one in found if isinstance(one, RegistrySeen)]
    builder, history = _only(BuilderSeen, found), _only(History, found)
    if builder and builder.facts and plan.facts.builder is None:
        plan = planning.plan(run.options, run.context, replace(plan.facts, builder=builder.facts))
    shut = _shut(asked)
    checks = [trust(run, draft), *(check for one in (*asked, *granted) for check in one.checks)]
    checks += tags.versions(run, plan, shut)
    checks += tags.moving(run, plan, history, shut)
    if builder:
        checks += [builder.check, *builders.judge(plan, builder.facts)]
    if info:
        checks.append(engine.check_tests(plan, info))
    checks += disk.check(run.surroundings.temporary, info)
    return Survey(plan=plan, checks=tuple(checks), engine=info)


def _others(
    run: Run, plan: Plan, asked: Iterable[RegistrySeen], *, build: bool, whole: bool
) -> Iterator[Callable[[], Seen]]:
    """Give everything else that has to wait for somebody."""
    if build:
        yield lambda: builders.look(run, plan)
    yield lambda: tags.observe_history(run, plan)
    for seen in asked:
        yield partial(registries.ask_to_push, run, plan, seen, whole=whole)


def _facts(draft: Plan, why: str | None, asked: Iterable[RegistrySeen], builder: BuilderSeen | None) -> Facts:
    repositories = dict(draft.facts.repositories)
    for one in asked:
        repositories.update(one.repositories)
    known = draft.facts.builder or (builder.facts if builder else None)
    return replace(draft.facts, repositories=repositories, build_only=why, builder=known)


def _shut(asked: Iterable[RegistrySeen]) -> set[Repository]:
    return {repository for one in asked for repository in one.shut}


def _only(kind: type[T], found: Iterable[Seen]) -> T | None:
    return next((one for one in found if isinstance(one, kind)), None)
