"""One run from its flags to its outcome: read, plan, log in, build, stage, verify, move, report.

The stages are read top to bottom; each takes values and gives values. What the world is (environment, folder, clock,
where to print) comes in as ``Surroundings``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from docker_push import bake, config, credentials, options, publish, report
from docker_push import context as contexts
from docker_push import plan as planning
from docker_push.bake import Output
from docker_push.builder import Builder
from docker_push.config import BuildFile
from docker_push.context import Context
from docker_push.credentials import Credentials
from docker_push.errors import BuilderError, DockerPushError
from docker_push.facts import BuilderFacts, Facts
from docker_push.options import Flags, Options, RegistryOptions
from docker_push.plan import Action, Plan
from docker_push.process import Redactor, Runner
from docker_push.progress import Step
from docker_push.references import Registry
from docker_push.registry import Client
from docker_push.report import RunReport, Staging

FILE = "build.toml"
BATCH = 50  # targets in one bake: 150 and more were measured to break it


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The world of a run: ``say`` prints a line for people, ``emit`` one for machines, ``clock`` counts seconds.

    ``temporary`` is an empty folder of the run's own; whoever made it removes it.
    """

    environ: Mapping[str, str]
    folder: Path
    temporary: Path
    say: Callable[[str], None]
    emit: Callable[[str], None]
    clock: Callable[[], float]
    debug: bool = False


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run was told: where the repository is, its options, what is being built, and who pushes."""

    surroundings: Surroundings
    root: Path
    options: Options
    context: Context
    runner: Runner
    accounts: Mapping[Registry, Credentials | None]

    @property
    def builder(self) -> Builder:
        """Return the builder of this run."""
        name = self.options.builder.value if self.options.builder else None
        return Builder(runner=self.runner, name=name, folder=self.surroundings.temporary)

    @cached_property
    def clients(self) -> dict[Registry, Client]:
        """Return a client for every registry of the run; connections and tokens are kept for all of it."""
        return {
            entry.registry.value: Client(
                entry.registry.value,
                self.accounts[entry.registry.value],
                insecure=entry.insecure,
                clock=self.surroundings.clock,
            )
            for entry in self.options.registries
        }


def find_root(folder: Path) -> Path:
    """Return the nearest folder at or above ``folder`` with a build.toml; without one ``folder`` itself.

    The search ends at the repository's top: a build.toml above it belongs to something else.
    """
    for parent in (folder, *folder.parents):
        if (parent / FILE).is_file():
            return parent
        if (parent / ".git").exists():
            break
    return folder


@contextmanager
def opened(surroundings: Surroundings, flags: Flags) -> Iterator[Run]:
    """Read what the run is told, and keep its secrets out of everything that is said while it goes on."""
    run = read(surroundings, flags)
    try:
        yield run
    except DockerPushError as error:
        error.message, error.hint = run.runner.redact(error.message), run.runner.redact(error.hint)
        error.details = tuple(run.runner.redact(line) for line in error.details)
        raise
    finally:
        for client in run.clients.values():
            client.close()


def read(surroundings: Surroundings, flags: Flags) -> Run:
    """Read build.toml, flags, variables and git; raises what is wrong with them, all at once where that is possible."""
    environ = surroundings.environ
    root = find_root(surroundings.folder)
    path = root / FILE
    file = config.load(path, root) if path.is_file() else BuildFile()
    chosen = options.resolve(file, flags, environ)
    redact = Redactor(_secrets(chosen, environ), _users(chosen, environ))
    quiet = replace(surroundings, say=lambda text: surroundings.say(redact(text)))
    echo = (lambda text: quiet.say(f"+ {text}")) if surroundings.debug else None
    runner = Runner(environ=_child_environ(chosen, environ), folder=root, redact=redact, echo=echo)
    repository = chosen.repository.value if chosen.repository else None
    branch = chosen.default_branch.value if chosen.default_branch else None
    return Run(
        surroundings=quiet,
        root=root,
        options=chosen,
        context=contexts.observe(repository, branch, environ, runner),
        runner=runner,
        accounts={entry.registry.value: _account(entry, surroundings, runner) for entry in chosen.registries},
    )


def _account(entry: RegistryOptions, surroundings: Surroundings, runner: Runner) -> Credentials | None:
    return credentials.find(
        entry.registry.value,
        environ=surroundings.environ,
        username_env=entry.username_env,
        password_env=entry.password_env,
        runner=runner,
    )


def _secrets(chosen: Options, environ: Mapping[str, str]) -> list[str]:
    names = [entry.password_env for entry in chosen.registries]
    names += [secret.env for image in chosen.images for secret in image.secret]
    return [environ[name] for name in names if name and environ.get(name)]


def _users(chosen: Options, environ: Mapping[str, str]) -> list[str]:
    return [environ[name] for entry in chosen.registries if (name := entry.username_env) and environ.get(name)]


def _child_environ(chosen: Options, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the programs that a run starts: no registry password, unless a build asks for it."""
    asked = {secret.env or secret.id for image in chosen.images for secret in image.secret}
    hidden = {entry.password_env for entry in chosen.registries} - asked
    return {name: value for name, value in environ.items() if name not in hidden}


def make_plan(run: Run, *, look: bool) -> Plan:
    """Plan the run; with ``look`` by what builder and registries hold now.

    A first plan without facts tells which names to look for; it never differs from the second in the commit tag.
    """
    draft = planning.plan(run.options, run.context)
    if not look:
        return draft
    with ThreadPoolExecutor(2) as pool:
        builder = pool.submit(run.builder.observe)
        repositories = publish.observe(draft, run.clients) if draft.published else {}
        facts = Facts(builder=builder.result(), repositories=repositories)
    plan = planning.plan(run.options, run.context, facts)
    if facts.builder:
        refuse_unable(plan, facts.builder)
    return plan


def refuse_unable(plan: Plan, builder: BuilderFacts) -> None:
    """Raise BuilderError where the builder cannot build what is asked: a platform, or several at once."""
    for image in (image for image in plan.images if image.action is Action.BUILD):
        missing = [str(platform) for platform in image.platforms if platform not in builder.platforms]
        if missing:
            hint = "Install emulation: docker run --privileged --rm tonistiigi/binfmt --install all; or use another builder."
            known = ", ".join(map(str, builder.platforms))
            raise BuilderError(
                f"image {image.name}: builder {builder.name} cannot build {', '.join(missing)}, only {known}", hint=hint
            )
        if image.has_index and not builder.multi_platform:
            hint = (
                "Turn on Docker's containerd image store, or run: docker buildx create --use"
                " (with one platform, attest = [] does as well)."
            )
            raise BuilderError(
                f"image {image.name}: the image store of builder {builder.name} holds neither several platforms"
                " nor attestations",
                hint=hint,
            )


@contextmanager
def logged_in(run: Run) -> Iterator[Run]:
    """Give a run whose programs are logged in to every registry with credentials from the environment.

    The login goes into a DOCKER_CONFIG of the run's own, removed at the end; the user's is read and never written.
    """
    ours = {registry: account for registry, account in run.accounts.items() if account and account.from_environment}
    if not ours:
        yield run
        return
    with credentials.isolated(run.runner, ours, run.surroundings.temporary) as runner:
        yield replace(run, runner=runner)


@dataclass(frozen=True, kw_only=True)
class StagedRun:
    """A run whose images are in every registry under their commit tags, verified; ``staged`` is empty where it may not push."""

    plan: Plan
    staging: Staging
    staged: tuple[publish.Staged, ...]


def stage(run: Run) -> StagedRun:
    """Build what has to be built, push it under the commit tag alone, read it back; no moving tag is touched."""
    plan = make_plan(run, look=True)
    say = run.surroundings.say
    say(report.plan_text(plan))
    with logged_in(run) as inside:
        staging = _build(inside, plan)
    if not plan.published:
        why = next((image.why for image in plan.images if image.asked), "no image was asked for")
        say(f"Built, and nothing was pushed: {why}.")
        return StagedRun(plan=plan, staging=staging, staged=())
    staged = publish.verify(plan, staging.digests, run.clients)
    say("Staged and verified, every platform read back:")
    for outcome in publish.staged_tags(plan, staged):
        say(report.tag_text(outcome))
    return StagedRun(plan=plan, staging=staging, staged=staged)


def _build(run: Run, plan: Plan) -> Staging:
    """Bake every batch; adopted images bring their digest along."""
    say = run.surroundings.say
    digests = {image.name: image.digest for image in plan.published if image.digest}
    seconds: dict[str, float] = {}
    for batch in bake.batches(plan, BATCH):
        started = run.surroundings.clock()
        say(f"Building {', '.join(image.name for image in batch.images)}")
        output = Output.STAGE if plan.published else Output.CHECK
        digests |= run.builder.bake(plan, batch, output, lambda step: tell(step, say))
        seconds |= {image.name: run.surroundings.clock() - started for image in batch.images}
    return Staging(digests=digests, seconds=seconds)


def tell(step: Step, say: Callable[[str], None]) -> None:
    """Say that a step ended, unless it is one of BuildKit's own that nobody wrote."""
    if not step.is_internal:
        say(report.step_text(step))


def find_staged(run: Run) -> StagedRun:
    """Find what is staged for this commit, by this run or another, here or on another machine, and verify it."""
    plan = make_plan(run, look=True)
    run.surroundings.say(report.plan_text(plan))
    clients = run.clients
    digests = publish.find_staged(plan, clients)
    staged = publish.verify(plan, digests, clients)
    return StagedRun(plan=plan, staging=Staging(digests=digests, seconds={}), staged=staged)


def move(run: Run, found: StagedRun) -> RunReport:
    """Move the tags of what is staged and verified; an error tells which tags were moved before it."""
    outcomes = list(publish.staged_tags(found.plan, found.staged))

    def done(outcome: publish.TagOutcome) -> None:
        outcomes.append(outcome)
        run.surroundings.say(report.tag_text(outcome))

    try:
        publish.move(found.staged, run.clients, done)
    except DockerPushError as error:
        error.details += tuple(report.tag_text(outcome) for outcome in outcomes)
        raise
    return report.outcome(found.plan, found.staging, found.staged, outcomes)


def unmoved(found: StagedRun) -> RunReport:
    """Return the report of a run that only staged."""
    return report.outcome(found.plan, found.staging, found.staged, publish.staged_tags(found.plan, found.staged))


def definition(plan: Plan) -> dict[str, object]:
    """Return the whole plan as one bake definition, for a reader or for ``docker buildx bake -f -``."""
    images = tuple(image for image in plan.images if image.asked)
    needs = tuple(image for image in plan.images if not image.asked)
    output = Output.STAGE if plan.published else Output.CHECK
    return bake.render(plan, bake.Batch(images=images, needs=needs), output)
