"""``docker.login`` and ``docker.logout``: the user's own docker config on a laptop, a check and nothing more in CI."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from docker_push import credentials, environment, options, run
from docker_push.credentials import Credentials
from docker_push.errors import AuthenticationError
from docker_push.options import Flags, RegistryOptions
from docker_push.process import Redactor, Runner
from docker_push.run import Surroundings

Ask = Callable[..., "str | None"]


def login(surroundings: Surroundings, flags: Flags, *, ask: Ask, dry_run: bool) -> None:
    """Log in to every registry of build.toml, from its variables or by asking (``ask(question, secret=...)``).

    In CI nothing is left behind: the login is tried in a docker config of its own, and every task that pushes logs in
    by itself. Raises AuthenticationError where there is nobody to ask, or the registry refuses.
    """
    for entry in _registries(surroundings, flags):
        registry = entry.registry.value
        found = _from_environment(surroundings, entry)
        if dry_run:
            surroundings.say(f"Dry run: would log in to {registry} {_who(found)}.")
            continue
        account = found or _asked(entry, ask)
        runner = _runner(surroundings, entry, account)
        if surroundings.environ.get("CI"):
            with credentials.isolated(runner, {registry: account}, surroundings.temporary):
                pass
            surroundings.say(
                f"Logged in to {registry} as {account.username} to check; each task that pushes does so again."
            )
        else:
            credentials.login(runner, registry, account)
            surroundings.say(f"Logged in to {registry} as {account.username}.")


def logout(surroundings: Surroundings, flags: Flags, *, dry_run: bool) -> None:
    """Remove every registry of build.toml from docker's config."""
    for entry in _registries(surroundings, flags):
        if dry_run:
            surroundings.say(f"Dry run: would log out of {entry.registry.value}.")
            continue
        credentials.logout(_runner(surroundings, entry, None), entry.registry.value)
        surroundings.say(f"Logged out of {entry.registry.value}.")


def _registries(surroundings: Surroundings, flags: Flags) -> Iterator[RegistryOptions]:
    _, file = run.load_file(surroundings.folder)
    yield from options.resolve_registries(file, flags, surroundings.environ)


def _from_environment(surroundings: Surroundings, entry: RegistryOptions) -> Credentials | None:
    return credentials.from_environment(surroundings.environ, entry.username_env, entry.password_env)


def _who(found: Credentials | None) -> str:
    return f"as {found.username}, from {found.origin}" if found else "with the name and password that you type"


def _asked(entry: RegistryOptions, ask: Ask) -> Credentials:
    registry = entry.registry.value
    user = ask(f"User name for {registry}", secret=False)
    password = ask(f"Password or token for {registry}", secret=True) if user else None
    if not user or not password:
        names = (
            f"{entry.username_env} and {entry.password_env}" if entry.password_env else "username-env and password-env"
        )
        hint = f"Set {names}, or run docker.login in a terminal."
        raise AuthenticationError(f"no credentials for {registry}, and nobody to ask", hint=hint)
    return Credentials(username=user, password=password, origin="what you typed")


def _runner(surroundings: Surroundings, entry: RegistryOptions, account: Credentials | None) -> Runner:
    secret = [account.password] if account and account.password else []
    user = [account.username] if account else []
    echo = (lambda text: surroundings.say(f"+ {text}")) if surroundings.debug else None
    passwords = {entry.password_env} if entry.password_env else set()
    return surroundings.runner(
        environ=environment.for_programs(surroundings.environ, passwords),
        folder=surroundings.folder,
        redact=Redactor(secret, user),
        echo=echo,
        children=surroundings.children,
    )
