"""``docker login``: into a DOCKER_CONFIG of the run's own, or into the user's.

The password goes through standard input. A run's own configuration is the user's with one difference, the entries of
the registries that are logged in to: other logins, contexts, plugins, builders and proxies stay reachable.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from docker_push.credentials.account import Credentials
from docker_push.credentials.docker_config import VARIABLE, DockerConfig, hostname
from docker_push.errors import (
    AuthenticationError,
    BuilderError,
    ConfigError,
    DockerPushError,
    RateLimitError,
    RegistryError,
)
from docker_push.process import Completed, Redactor, Runner, one_line
from docker_push.references import Registry

_CONFIG = "config.json"
_TIMEOUT = 60.0  # seconds
_RATE_LIMIT = re.compile(r"toomanyrequests|rate limit|\b429\b", re.IGNORECASE)
_FULL = re.compile(r"no space left|disk quota exceeded|read-only file system", re.IGNORECASE)
_ROOM = "Make room there, or set RUNNER_TEMP (else TMPDIR) or DOCKER_CONFIG to a folder on another disk."
_NOT_KEPT = re.compile(r"error (?:saving|storing) credentials", re.IGNORECASE)
_UNTRUSTED = re.compile(r"x509:|failed to verify certificate")  # Go's words
_REFUSED = re.compile(
    r"unauthorized|authentication required|denied|incorrect|forbidden|\b40[13]\b|is empty", re.IGNORECASE
)


Login = Callable[[Runner, Registry, Credentials], None]


@contextmanager
def isolated(
    runner: Runner, logins: Mapping[Registry, Credentials], parent: Path, enter: Login | None = None
) -> Iterator[Runner]:
    """Give a runner whose programs are logged in to the registries of ``logins``, and nothing else has changed.

    The configuration lives in a new folder in ``parent``, readable by its owner alone, and is removed in every case. The
    user's is read and never written, nor is a password put into the user's credential store. Credentials with an
    identity token need no login here, since docker has them from its own configuration. Raises AuthenticationError,
    RateLimitError or RegistryError where a registry does not let us in. ``enter`` does what ``login`` does.
    """
    user = DockerConfig.read(runner.environ, runner.folder)
    with _written_in(parent):
        folder = Path(tempfile.mkdtemp(prefix="docker-config-", dir=parent))  # 0700
    try:
        with _written_in(folder):
            _furnish(folder, user, frozenset(logins))
        inside = replace(runner, environ=_environ(runner.environ, folder, user, frozenset(logins)))
        for registry, credentials in logins.items():
            (enter or login)(inside, registry, credentials)
        yield inside
    finally:
        shutil.rmtree(folder)


def anonymous(runner: Runner, parent: Path) -> Runner:
    """Return a runner whose programs have no login at all, for what must not reach the user's.

    Its configuration lives in a new folder in ``parent``, whose owner removes it: the user's contexts, plugins and builders,
    no login, no credential helper, no header, and no proxy with a password.
    """
    user = DockerConfig.read(runner.environ, runner.folder)
    with _written_in(parent):
        folder = Path(tempfile.mkdtemp(prefix="docker-config-", dir=parent))
        _write(folder, anonymous_content(user))
        _link(folder, user, lambda name: name in _SHARED)
    return replace(runner, environ=_environ({**runner.environ, VARIABLE: ""}, folder, user, frozenset()))


_SHARED = frozenset({"buildx", "cli-plugins", "contexts"})
_KEPT = ("cliPluginsExtraDirs", "currentContext", "experimental", "features", "proxies")
_NOBODY = "docker-push.invalid"  # RFC 2606: no registry has this name


def anonymous_content(user: DockerConfig) -> dict[str, Any]:
    """Return the user's config.json without anything that is or leads to a credential; pure.

    An empty login stays: with none at all docker looks for a system's credential store by itself (docker/cli,
    ``config.LoadDefaultConfigFile``), which holds the user's.
    """
    kept = {key: user.content[key] for key in _KEPT if key in user.content}
    if "@" in json.dumps(kept.get("proxies")):
        del kept["proxies"]
    return {**kept, "auths": {_NOBODY: {}}}


@contextmanager
def _written_in(folder: Path) -> Iterator[None]:
    """Name the folder, and what to do, where docker's configuration of the run cannot be written."""
    try:
        yield
    except OSError as error:
        message = f"docker's configuration of this run cannot be written in {folder}: {error.strerror}"
        raise ConfigError(message, hint=_ROOM) from None


def login(runner: Runner, registry: Registry, credentials: Credentials) -> None:
    """Log docker in to ``registry``, in the configuration that ``runner`` names.

    Raises AuthenticationError, RateLimitError or RegistryError with docker's own words, on one line.
    """
    argv = ["docker", "login", str(registry), "--username", credentials.username, "--password-stdin"]
    try:
        completed = runner.run(argv, input=credentials.password, timeout=_TIMEOUT)
    except BuilderError as error:
        if runner.which("docker") is None:
            raise
        hint = "Run the same command again; if it stays so, check the registry and the network."
        raise RegistryError(f"cannot log in to {registry}: {error.message}", hint=hint) from None
    if completed.status != 0:
        raise login_refusal(completed, registry, credentials)


def logout(runner: Runner, registry: Registry) -> None:
    """Take ``registry`` out of the docker configuration that ``runner`` names; nothing happens where it is not there."""
    completed = runner.run(["docker", "logout", str(registry)], timeout=_TIMEOUT)
    if completed.status != 0:
        hint = "Run the docker command by itself to see more."
        raise AuthenticationError(f"cannot log out of {registry}: {_words(completed, runner.redact)}", hint=hint)


def login_refusal(completed: Completed, registry: Registry, credentials: Credentials) -> DockerPushError:
    """Return the error that ``docker login`` ended with; pure."""
    words = _words(completed, Redactor(credentials.secrets, (credentials.username,)))
    message = f"cannot log in to {registry} as {credentials.username}: {words}"
    if _RATE_LIMIT.search(words):
        return RateLimitError(message, hint="Run the same command again in a few minutes.")
    if _FULL.search(words):
        return ConfigError(message, hint=_ROOM)
    if _NOT_KEPT.search(words):
        hint = "Check the credential store that docker's config names (credsStore)."
        return AuthenticationError(message, hint=hint)
    if _UNTRUSTED.search(words):
        hint = (
            "docker's engine does not trust that certificate: give the engine its authority, as"
            f" /etc/docker/certs.d/{registry}/ca.crt on the engine's machine, then run the same command again."
        )
        return RegistryError(message, hint=hint)
    if _REFUSED.search(words):
        return AuthenticationError(message, hint=f"Renew the credentials of {credentials.origin}.")
    hint = "Check docker, the registry's address and the network of docker's engine, then run the same command again."
    return RegistryError(message, hint=hint)


def _words(completed: Completed, redact: Redactor) -> str:
    lines = [line for line in completed.stderr.splitlines() if line.strip()]
    return one_line(lines[-1] if lines else "", redact) or f"docker ended with status {completed.status}"


def _furnish(folder: Path, user: DockerConfig, replaced: frozenset[Registry]) -> None:
    """Fill the run's own folder: a config.json of its own, and links to all else that the user's folder has."""
    _write(folder, own_content(user, replaced))
    _link(folder, user, lambda _name: True)


def _write(folder: Path, content: Mapping[str, Any]) -> None:
    path = folder / _CONFIG
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=2), "utf-8")


def _link(folder: Path, user: DockerConfig, wanted: Callable[[str], bool]) -> None:
    for entry in user.folder.iterdir() if user.folder.is_dir() else ():
        if entry.name != _CONFIG and wanted(entry.name):
            (folder / entry.name).symlink_to(entry.absolute())


def own_content(user: DockerConfig, replaced: frozenset[Registry]) -> dict[str, Any]:
    """Return the user's config.json without its entries for the ``replaced`` registries; pure.

    Each of these is kept as an empty helper name, which docker reads as "in this file", whatever credsStore says. An
    empty login is kept too: with no login at all docker looks for a system's store by itself, and would write there.
    """
    keys = {registry.config_key for registry in replaced}
    auths = {key: entry for key, entry in user.auths.items() if key not in keys and hostname(key) not in keys}
    return {
        **user.content,
        "auths": {**auths, **{key: {} for key in sorted(keys)}},
        "credHelpers": {**user.credential_helpers, **dict.fromkeys(sorted(keys), "")},
    }


def _environ(
    environ: Mapping[str, str], folder: Path, user: DockerConfig, replaced: frozenset[Registry]
) -> dict[str, str]:
    """Return the environment of the programs: our folder, the user's builders, and no login that would go before ours."""
    inside = {name: value for name, value in environ.items() if name != VARIABLE}
    inside["DOCKER_CONFIG"] = str(folder)
    inside["BUILDX_CONFIG"] = environ.get("BUILDX_CONFIG") or str((user.folder / "buildx").absolute())
    others = _other_logins(environ.get(VARIABLE, ""), replaced)
    return {**inside, VARIABLE: others} if others else inside


def _other_logins(text: str, replaced: frozenset[Registry]) -> str:
    """Return DOCKER_AUTH_CONFIG without the logins that the run replaces; as it is where it cannot be read, as docker's."""
    try:
        auths = json.loads(text)["auths"]
        others = {key: auths[key] for key in auths if key not in {registry.config_key for registry in replaced}}
    except (ValueError, RecursionError, KeyError, TypeError):
        return text
    return json.dumps({"auths": others}) if others else ""
