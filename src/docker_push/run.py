"""What a run is told, and its doors to the world: build.toml, flags, variables, git; programs and registries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from docker_push import config, credentials, environment, exposure, options, told, trust
from docker_push import context as contexts
from docker_push.builder import Builder, Description, describe
from docker_push.config import BuildFile
from docker_push.context import Context
from docker_push.credentials import Accounts, Credentials
from docker_push.errors import DockerPushError
from docker_push.exposure import KnownSecrets
from docker_push.inputs import Contexts
from docker_push.interruption import Interruption
from docker_push.options import Flags, Options, Setting, Source
from docker_push.plan import Plan
from docker_push.process import Children, Redactor, Runner
from docker_push.references import Registry
from docker_push.registry import Client, Limits, Network, Waiting, certificates, proxies
from docker_push.told import Told

FILE = "build.toml"
# buildx otherwise reads the provenance back for its metadata file, of which only the digests are used
_QUICK = {"BUILDX_METADATA_PROVENANCE": "disabled"}


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The world of a run: ``say`` prints a line for people, ``emit`` one for machines, ``clock`` counts seconds.

    ``wall`` is the time of day, in seconds since the epoch: it may jump, and nothing is measured with it.
    ``sleep`` waits for some seconds, in any thread, and raises InterruptedRunError as soon as a signal ends the run.
    ``interruption`` is that signal, for a thread that would rather look than wait; ``children`` are the programs that live,
    which it ends.
    ``temporary`` is an empty folder of the run's own; whoever made it removes it. ``runner`` and ``client`` are the doors to
    other programs and to registries.
    """

    environ: Mapping[str, str]
    folder: Path
    temporary: Path
    say: Callable[[str], None]
    emit: Callable[[str], None]
    clock: Callable[[], float]
    wall: Callable[[], float]
    sleep: Callable[[float], None]
    debug: bool = False
    runner: Callable[..., Runner] = Runner
    client: Callable[..., Client] = Client
    interruption: Interruption = field(default_factory=Interruption)
    children: Children = field(default_factory=Children)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run was told: where the repository is, its options, what is being built, who pushes, what is secret.

    ``accounts`` are looked for when one of them is asked for; a stranger's run has none. ``contexts`` are the folders that
    images are built from, each read once. ``description`` is the builder of build.toml, and a run that ``makes_builder``
    may make it.
    """

    surroundings: Surroundings
    root: Path
    options: Options
    context: Context
    runner: Runner
    accounts: Mapping[Registry, Credentials | None]
    told: Told
    contexts: Contexts
    description: Description | None = None
    makes_builder: bool = False

    @property
    def secrets(self) -> KnownSecrets:
        """Return all secrets of the run, those of its accounts too."""
        accounts = [account for account in self.accounts.values() if account]
        found = [secret for account in accounts for secret in account.secrets]
        return KnownSecrets((*self.told.secrets, *found), (*self.told.users, *(one.username for one in accounts)))

    @property
    def builder(self) -> Builder:
        """Return the builder of this run."""
        said = self.options.builder
        return Builder(
            runner=self.runner,
            name=said.value if said else None,
            folder=self.surroundings.temporary,
            silence=self.options.retry.silence,
            away=self.options.retry.away,
            clock=self.surroundings.clock,
            description=self.description if said and said.source is Source.FILE else None,
            makes=self.makes_builder,
            place=self.place,
            say=self.surroundings.say,
        )

    def place(self, *keys: str | int) -> str:
        """Return where a key of build.toml stands."""
        return config.place(self.root / FILE, self.root, *keys)

    @property
    def origins(self) -> dict[str, str | None]:
        """Return registry -> where the credentials for it come from (``None``: there are none), for messages."""
        return {str(registry): account.origin if account else None for registry, account in self.accounts.items()}

    def refuse_arguments(self, plan: Plan) -> None:
        """Refuse to build what ``plan`` would: raises FindingsError for arguments that everybody could read and are secret."""
        told = KnownSecrets(self.told.secrets, self.told.users)
        images = [image.options for image in plan.images]
        exposure.refuse_arguments(images, self.options.allow_secret_args, told.finds, partial(_where, self.root))

    def account(self, registry: Registry) -> Credentials | None:
        """Return the credentials for any registry, which are never shown; a stranger's run has none.

        Those of registries that the run publishes to are its own, those of others are docker's for that registry alone.
        Raises AuthenticationError and ConfigError where they cannot be told.
        """
        if registry in self.accounts or self.context.is_fork:
            return self.accounts.get(registry)
        environ = self.surroundings.environ
        found = credentials.find(registry, environ=environ, username_env=None, password_env=None, runner=self.runner)
        if found:
            _learn(self.runner.redact, found)
        return found

    @property
    def _waiting(self) -> Waiting:
        world = self.surroundings
        return Waiting(policy=self.options.retry, sleep=world.sleep, tell=world.say)

    @cached_property
    def clients(self) -> dict[Registry, Client]:
        """Return a client for every registry of the run; connections and tokens are kept for all of it."""
        return {
            entry.registry.value: self.surroundings.client(
                entry.registry.value,
                self.accounts[entry.registry.value],
                insecure=entry.insecure,
                clock=self.surroundings.clock,
                limits=Limits(connections=entry.connections),
                waiting=self._waiting,
                network=network(self.surroundings.environ, entry.registry.value),
            )
            for entry in self.options.registries
        }


def network(environ: Mapping[str, str], registry: Registry) -> Network:
    """Return how a registry is reached: by which proxy and with which certificates; raises ConfigError for broken ones."""
    tls = certificates.trusted(registry, certificates.folders(environ))
    return Network(tls=tls, proxy=partial(proxies.proxy_for, environ=environ))


def find_root(folder: Path) -> Path:
    """Return the nearest folder at or above ``folder`` with a build.toml; without one the top of the repository.

    The search ends at the repository's top: a build.toml above it belongs to something else.
    """
    for parent in (folder, *folder.parents):
        if (parent / FILE).is_file():
            return parent
        if (parent / ".git").exists():
            return parent
    return folder


@contextmanager
def opened(surroundings: Surroundings, flags: Flags, *, makes_builder: bool = False) -> Iterator[Run]:
    """Read what the run is told, and keep its secrets out of everything that is said while it goes on."""
    run = read(surroundings, flags, makes_builder=makes_builder)
    try:
        yield run
    except DockerPushError as error:
        error.message, error.hint = run.runner.redact(error.message), run.runner.redact(error.hint)
        error.details = tuple(run.runner.redact(line) for line in error.details)
        raise
    finally:
        for client in vars(run).get("clients", {}).values():  # those that were made
            client.close()


def load_file(folder: Path) -> tuple[Path, BuildFile]:
    """Return the root that ``folder`` belongs to, and its build.toml: an empty one where there is none."""
    root = find_root(folder)
    path = root / FILE
    return root, config.load(path, root) if path.is_file() else BuildFile()


def read(surroundings: Surroundings, flags: Flags, *, makes_builder: bool = False) -> Run:
    """Read build.toml, flags, variables and git; raises what is wrong with them, all at once where that is possible.

    A stranger's change is held to ``trust``: nobody's credentials are looked for, and its programs have none.
    """
    environ = surroundings.environ
    root, file = load_file(surroundings.folder)
    chosen = options.resolve(file, flags, environ)
    options.check_files(chosen, root)
    said = told.read(chosen, environ, root)
    redact = Redactor(told.shown_forms(said.secrets), said.users)
    quiet, runner = _doors(surroundings, _child_environ(chosen, environ), root, redact)
    if chosen.changed_since is not None:
        from docker_push import changes  # noqa: PLC0415 - only such a run looks at them

        chosen = changes.narrowed(chosen, chosen.changed_since.value, flags, environ, root, runner)
    repository = chosen.repository.value if chosen.repository else None
    branch = chosen.default_branch.value if chosen.default_branch else None
    context = contexts.observe(repository, branch, environ, runner)
    described = None if context.is_fork else _described(file, root, environ)
    if described and chosen.builder is None:
        chosen = replace(chosen, builder=Setting(described.name, Source.FILE, "[builder]"))
    accounts: Mapping[Registry, Credentials | None]
    if context.is_fork:
        if file.builder:
            quiet.say(trust.BUILDER)
        trust.refuse(chosen, partial(_where, root))
        hidden = {name for entry in chosen.registries for name in (entry.username_env, entry.password_env) if name}
        runner = replace(runner, environ=_QUICK | trust.environ(environ, hidden))
        runner = credentials.anonymous(runner, surroundings.temporary)
        accounts = dict.fromkeys(entry.registry.value for entry in chosen.registries)
    else:
        accounts = _accounts(chosen, surroundings, runner)
    return Run(
        surroundings=quiet,
        root=root,
        options=chosen,
        context=context,
        runner=runner,
        accounts=accounts,
        told=said,
        description=described,
        makes_builder=makes_builder,
        contexts=Contexts(root),
    )


def _described(file: BuildFile, root: Path, environ: Mapping[str, str]) -> Description | None:
    """Return the builder that build.toml describes; ``~`` is the user's home, as a shell has it."""
    home = Path(environ.get("HOME") or "/")
    return describe(file.builder, root.resolve(), home) if file.builder else None


def _doors(
    surroundings: Surroundings, environ: Mapping[str, str], root: Path, redact: Redactor
) -> tuple[Surroundings, Runner]:
    """Return the surroundings and the programs of a run, neither of which shows a secret."""
    quiet = replace(
        surroundings,
        say=lambda text: surroundings.say(redact(text)),
        emit=lambda text: surroundings.emit(redact(text)),
    )
    echo = (lambda text: quiet.say(f"+ {text}")) if surroundings.debug else None
    children = surroundings.children
    return quiet, surroundings.runner(environ=environ, folder=root, redact=redact, echo=echo, children=children)


def _where(root: Path, image: str, *keys: str) -> str:
    """Return the place of an image's key, with its line in build.toml where there is one."""
    path = root / FILE
    return config.locate(path, root, image, *keys) if path.is_file() else f"[images.{image}] {'.'.join(keys)}"


def _accounts(chosen: Options, surroundings: Surroundings, runner: Runner) -> Accounts:
    entries = {entry.registry.value: entry for entry in chosen.registries}

    def find(registry: Registry) -> Credentials | None:
        entry = entries[registry]
        names = {"username_env": entry.username_env, "password_env": entry.password_env}
        return credentials.find(registry, environ=surroundings.environ, runner=runner, **names)

    return Accounts(entries, find, partial(_learn, runner.redact))


def _learn(redact: Redactor, account: Credentials) -> None:
    redact.learn(told.shown_forms(account.secrets), [account.username] if account.username else [])


def _child_environ(chosen: Options, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the programs that a run starts: no credential, unless a build asks for it."""
    passwords = {entry.password_env for entry in chosen.registries if entry.password_env}
    return _QUICK | environment.for_programs(environ, passwords, environment.asked(chosen.images, chosen.cache.backend))
