"""What can be checked where the run was told something that cannot be used: programs, engine, registries, disks.

The registries are known as far as build.toml, ``--domain`` and DOMAIN can be read; nothing that needs a plan is checked.
"""

from __future__ import annotations

from collections.abc import Iterator

from docker_push import credentials, environment, options, run
from docker_push.builder import Builder
from docker_push.config import BuildFile
from docker_push.credentials import Credentials
from docker_push.doctor import installation, network, nodes, repository
from docker_push.errors import AuthenticationError, DockerPushError, InterruptedRunError
from docker_push.options import Flags, RegistryOptions
from docker_push.preflight import builders, disk, engine
from docker_push.preflight.model import Area, Check, attempted, failed, good, skipped, warning
from docker_push.process import Redactor, Runner
from docker_push.run import FILE, Surroundings, find_root, load_file
from docker_push.secret_names import secrets_in


def checks(surroundings: Surroundings, flags: Flags, error: DockerPushError) -> Iterator[Check]:
    """Give the checks of what does not depend on ``error``, which is the first of them."""
    entries = _registries(surroundings, flags)
    runner = _runner(surroundings, entries)
    for check in _checks(surroundings, flags, entries, runner, error):
        yield check.redacted(runner.redact)


def _checks(
    surroundings: Surroundings,
    flags: Flags,
    entries: tuple[RegistryOptions, ...],
    runner: Runner,
    error: DockerPushError,
) -> Iterator[Check]:
    yield installation.ourselves()
    yield _file(surroundings)
    area = Area.REGISTRY if isinstance(error, AuthenticationError) else Area.CONFIGURATION
    yield failed(area, "credentials" if area is Area.REGISTRY else "configuration", error)
    yield repository.check(runner)
    yield from installation.programs(runner)
    info = engine.observe(runner)
    yield from installation.engine(info)
    yield from _builder(surroundings, flags, runner)
    for entry in entries:
        yield from _registry(surroundings, entry, runner)
    if not entries:
        yield skipped(Area.REGISTRY, "registries", f"{FILE} has to be read first, or give --domain")
    yield from disk.check(surroundings.temporary, info)


def _file(surroundings: Surroundings) -> Check:
    path = find_root(surroundings.folder) / FILE
    if path.is_file():
        return good(Area.CONFIGURATION, FILE, str(path))
    hint = "Run the command inside a repository that has one, or write it: five lines are enough."
    return warning(Area.CONFIGURATION, FILE, f"there is none in {path.parent}", hint)


def _registries(surroundings: Surroundings, flags: Flags) -> tuple[RegistryOptions, ...]:
    """Return the registries that can be told: with a file that cannot be read, only those named beside it."""
    environ = surroundings.environ
    try:
        _, file = load_file(surroundings.folder)
    except DockerPushError:
        if not (flags.domain or environ.get("DOMAIN")):
            return ()
        file = BuildFile()
    try:
        return options.resolve_registries(file, flags, environ)
    except DockerPushError:  # said above: it is what cannot be used
        return ()


def _runner(surroundings: Surroundings, entries: tuple[RegistryOptions, ...]) -> Runner:
    environ = surroundings.environ
    hidden = {"DOCKER_PASSWORD", *(entry.password_env for entry in entries if entry.password_env)}
    # what build.toml would say is secret is not known
    redact = Redactor([*(environ[name] for name in hidden if environ.get(name)), *secrets_in(environ)])
    echo = (lambda text: surroundings.say(f"+ {text}")) if surroundings.debug else None
    inside = environment.for_programs(environ, hidden)
    children = surroundings.children
    return surroundings.runner(environ=inside, folder=surroundings.folder, redact=redact, echo=echo, children=children)


def _builder(surroundings: Surroundings, flags: Flags, runner: Runner) -> Iterator[Check]:
    name = flags.builder or surroundings.environ.get("BUILDX_BUILDER") or None
    builder = Builder(runner=runner, name=name, folder=surroundings.temporary)
    subject = f"builder {name}" if name else "builder"
    yield attempted(Area.BUILDER, subject, lambda: builders.seen(subject, builder.observe()).found)
    yield from nodes.observe(builder)


def _registry(surroundings: Surroundings, entry: RegistryOptions, runner: Runner) -> Iterator[Check]:
    registry = entry.registry.value
    check, account = _account(surroundings, entry, runner)
    yield from _reached(surroundings, entry, account)
    yield check
    yield network.proxy(surroundings.environ, entry)
    yield network.authorities(surroundings.environ, registry)


def _reached(surroundings: Surroundings, entry: RegistryOptions, account: Credentials | None) -> Iterator[Check]:
    registry = entry.registry.value
    subject = f"registry {registry}"
    try:
        way = run.network(surroundings.environ, registry)
    except DockerPushError:
        yield skipped(Area.REGISTRY, subject, "its certificates cannot be used: see below")
        return
    door = surroundings.client
    with door(registry, account, insecure=entry.insecure, clock=surroundings.clock, network=way) as client:

        def ping() -> str:
            client.ping()
            return "reached"

        yield attempted(Area.REGISTRY, subject, ping)
        yield network.clock(client, registry, surroundings.wall)


def _account(surroundings: Surroundings, entry: RegistryOptions, runner: Runner) -> tuple[Check, Credentials | None]:
    subject = f"credentials for {entry.registry.value}"
    try:
        account = credentials.find(
            entry.registry.value,
            environ=surroundings.environ,
            username_env=entry.username_env,
            password_env=entry.password_env,
            runner=runner,
        )
    except InterruptedRunError:
        raise
    except DockerPushError as error:
        return failed(Area.REGISTRY, subject, error), None
    who = f"user {account.username or '(identity token)'}, from {account.origin}" if account else "none"
    return good(Area.REGISTRY, subject, who), account
