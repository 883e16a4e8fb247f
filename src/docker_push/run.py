"""What a run is told, and its doors to the world: build.toml, flags, variables, git; programs and registries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from docker_push import config, credentials, environment, exposure, options, secret_names, trust
from docker_push import context as contexts
from docker_push.builder import Builder
from docker_push.config import BuildFile
from docker_push.context import Context
from docker_push.credentials import Accounts, Credentials
from docker_push.errors import DockerPushError
from docker_push.exposure import KnownSecrets
from docker_push.inputs import Contexts
from docker_push.interruption import Interruption
from docker_push.options import Flags, Options
from docker_push.plan import Plan
from docker_push.process import Children, Redactor, Runner
from docker_push.references import Registry
from docker_push.registry import Client, Limits, Network, Waiting, certificates, proxies

FILE = "build.toml"
_LINE = 8  # characters: shorter lines of a secret are ordinary text
_SECRET_FILE = 64 * 1024  # bytes of a secret's file that are looked for in what is said
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
class Told:
    """What variables and files say that is secret, and the users whose passwords they may be."""

    secrets: tuple[str, ...] = field(repr=False)
    users: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run was told: where the repository is, its options, what is being built, who pushes, what is secret.

    ``accounts`` are looked for when one of them is asked for; a stranger's run has none. ``contexts`` are the folders that
    images are built from, each read once.
    """

    surroundings: Surroundings
    root: Path
    options: Options
    context: Context
    runner: Runner
    accounts: Mapping[Registry, Credentials | None]
    told: Told
    contexts: Contexts

    @property
    def secrets(self) -> KnownSecrets:
        """Return all secrets of the run, those of its accounts too."""
        accounts = [account for account in self.accounts.values() if account]
        found = [secret for account in accounts for secret in account.secrets]
        return KnownSecrets((*self.told.secrets, *found), (*self.told.users, *(one.username for one in accounts)))

    @property
    def builder(self) -> Builder:
        """Return the builder of this run."""
        name = self.options.builder.value if self.options.builder else None
        silence = self.options.retry.silence
        return Builder(runner=self.runner, name=name, folder=self.surroundings.temporary, silence=silence)

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
        for client in vars(run).get("clients", {}).values():  # those that were made
            client.close()


def load_file(folder: Path) -> tuple[Path, BuildFile]:
    """Return the root that ``folder`` belongs to, and its build.toml: an empty one where there is none."""
    root = find_root(folder)
    path = root / FILE
    return root, config.load(path, root) if path.is_file() else BuildFile()


def read(surroundings: Surroundings, flags: Flags) -> Run:
    """Read build.toml, flags, variables and git; raises what is wrong with them, all at once where that is possible.

    A stranger's change is held to ``trust``: nobody's credentials are looked for, and its programs have none.
    """
    environ = surroundings.environ
    root, file = load_file(surroundings.folder)
    chosen = options.resolve(file, flags, environ)
    options.check_files(chosen, root)
    told = Told(secrets=tuple(_secrets(chosen, environ, root)), users=tuple(_users(chosen, environ)))
    redact = Redactor(_shown_forms(told.secrets), told.users)
    quiet, runner = _doors(surroundings, _child_environ(chosen, environ), root, redact)
    if chosen.changed_since is not None:
        from docker_push import changes  # noqa: PLC0415 - only such a run looks at them

        chosen = changes.narrowed(chosen, chosen.changed_since.value, flags, environ, root, runner)
    repository = chosen.repository.value if chosen.repository else None
    branch = chosen.default_branch.value if chosen.default_branch else None
    context = contexts.observe(repository, branch, environ, runner)
    accounts: Mapping[Registry, Credentials | None]
    if context.is_fork:
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
        told=told,
        contexts=Contexts(root),
    )


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
    redact.learn(_shown_forms(account.secrets), [account.username] if account.username else [])


def _secrets(chosen: Options, environ: Mapping[str, str], root: Path) -> list[str]:
    names = [entry.password_env for entry in chosen.registries]
    names += [secret.env for image in chosen.images for secret in image.secret]
    found = [environ[name] for name in names if name and environ.get(name)]
    found += [*secret_names.tokens(environ), *proxies.secrets(environ)]
    found += [_content(root / secret.src) for image in chosen.images for secret in image.secret if secret.src]
    return found


def _shown_forms(secrets: Sequence[str]) -> list[str]:
    return [form for secret in secrets for form in dict.fromkeys((secret, *_lines(secret)))]


def _lines(secret: str) -> list[str]:
    """Return the lines of a secret that are long enough to be one: a log shows line by line."""
    return [line for line in secret.splitlines() if len(line) >= _LINE]


def _content(path: Path) -> str:
    """Return what a secret's file holds, as far as it is looked for; BuildKit tells where it is missing."""
    try:
        with path.open("rb") as file:
            return file.read(_SECRET_FILE).decode("utf-8", "replace")
    except OSError:
        return ""


def _users(chosen: Options, environ: Mapping[str, str]) -> list[str]:
    named = [environ[name] for entry in chosen.registries if (name := entry.username_env) and environ.get(name)]
    return [*named, *secret_names.REMOTE_USERS]


def _child_environ(chosen: Options, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the programs that a run starts: no credential, unless a build asks for it."""
    passwords = {entry.password_env for entry in chosen.registries if entry.password_env}
    return _QUICK | environment.for_programs(environ, passwords, environment.asked(chosen.images, chosen.cache.backend))
