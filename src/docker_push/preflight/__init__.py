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
from docker_push.facts import Facts
from docker_push.history import History
from docker_push.parallel import in_parallel
from docker_push.plan import Plan
from docker_push.preflight import builders, disk, engine, registries, tags
from docker_push.preflight.builders import BuilderSeen
from docker_push.preflight.engine import EngineInfo
from docker_push.preflight.model import Area, Check, Health
from docker_push.preflight.permission import denial, permission, trust
from docker_push.preflight.registries import RegistrySeen
from docker_push.preflight.verdict import refuse, set_aside
from docker_push.run import Run

__all__ = [
    "Area",
    "Check",
    "Health",
    "Survey",
    "denial",
    "permission",
    "refuse",
    "set_aside",
    "survey",
]


T = TypeVar("T")
Seen = RegistrySeen | BuilderSeen | EngineInfo | History | None


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What was seen before a run: ``plan`` is planned by it, ``checks`` say how it stands.

    A run that may not push has a plan that publishes nothing, with the reason in each image. ``engine`` is ``None``
    for a run that does not build.
    """

    plan: Plan
    checks: tuple[Check, ...]
    engine: EngineInfo | None


def survey(run: Run, draft: Plan, *, build: bool = True) -> Survey:
    """Look at builder, registries, git and disks, plan by what is there, and check that the plan can be done.

    ``draft`` may be a plan without facts (``observation.make_plan(look=False)``), or have some, which are not looked at
    again. Without ``build`` neither builder nor engine is needed. Raises InterruptedRunError alone.
    """
    barred = denial(run, draft)
    why = barred.message if barred else draft.facts.build_only
    pushed = _replanned(run, draft, replace(draft.facts, build_only=why))
    found = in_parallel(lambda look: look(), list(_looks(run, draft, pushed, why, build=build)))
    return _judged(run, draft, why, found, build=build)


def _looks(run: Run, draft: Plan, pushed: Plan, why: str | None, *, build: bool) -> Iterator[Callable[[], Seen]]:
    """Give everything that has to wait for somebody else."""
    if build:
        yield lambda: builders.look(run, draft)
        yield lambda: engine.observe(run.runner)
    yield lambda: tags.observe_history(run, pushed)
    for registry in run.clients:
        yield partial(registries.look, run, draft, registry, barred=why)


def _judged(run: Run, draft: Plan, why: str | None, found: Iterable[Seen], *, build: bool) -> Survey:
    """Plan by what was found, and check what only that plan can tell."""
    found = list(found)
    asked = [one for one in found if isinstance(one, RegistrySeen)]
    builder, info, history = _only(BuilderSeen, found), _only(EngineInfo, found), _only(History, found)
    plan = _replanned(run, draft, _facts(draft, why, asked, builder))
    plan = plan if build else plan.as_staged()
    shut = {repository for one in asked for repository in one.shut}
    checks = [trust(run, draft), *(check for one in asked for check in one.checks)]
    checks += tags.versions(run, plan, shut)
    checks += tags.moving(run, plan, history, shut)
    if builder:
        checks += [builder.check, *builders.judge(plan, builder.facts)]
    if info:
        checks.append(engine.check_tests(plan, info))
    checks += disk.check(run.surroundings.temporary, info)
    return Survey(plan=plan, checks=tuple(checks), engine=info)


def _facts(draft: Plan, why: str | None, asked: Iterable[RegistrySeen], builder: BuilderSeen | None) -> Facts:
    repositories = dict(draft.facts.repositories)
    for one in asked:
        repositories.update(one.repositories)
    known = draft.facts.builder or (builder.facts if builder else None)
    return Facts(builder=known, repositories=repositories, build_only=why)


def _replanned(run: Run, draft: Plan, facts: Facts) -> Plan:
    return draft if facts == draft.facts else planning.plan(run.options, run.context, facts)


def _only(kind: type[T], found: Iterable[Seen]) -> T | None:
    return next((one for one in found if isinstance(one, kind)), None)
