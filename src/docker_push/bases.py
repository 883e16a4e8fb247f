"""What the names of base images mean today: one look each, at the hosts that the engine would ask, with little patience.

The engine's rule is moby's ``daemon/hosts.go`` (mirrors are for Docker Hub alone, and come before it) and containerd's
``core/remotes/docker/resolver.go``: hosts are tried in order, whatever a mirror answers but the manifest leads to the next
one, a mirror is asked once and told whose image is meant (``?ns=docker.io``).
"""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from docker_push.config import RetryTable
from docker_push.credentials import Credentials
from docker_push.errors import (
    AuthenticationError,
    ConfigError,
    DockerPushError,
    InterruptedRunError,
    RateLimitError,
    RegistryError,
)
from docker_push.parallel import in_parallel
from docker_push.references import Digest, Reference, Registry, Repository, Tag, quoted
from docker_push.registry import Client, Limits, Waiting
from docker_push.run import Run, network

_PATIENCE = 10.0  # seconds for all: after that nothing more is asked
_LIMITS = Limits(connect=3.0, read=4.0, total=6.0)
_POLICY = RetryTable(
    attempts=2, first_wait=0.5, longest_wait=0.5, longest_asked=1.0, rate_limit_waits=(), lag=0.0, total=_PATIENCE / 2
)
_MANIFEST = re.compile(r"(https?://[^/]+)/v2/(.+/manifests/[^/?]+)")
_HUB = Registry("docker.io")


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """A place that the engine asks before Docker Hub: the URL that stands for Docker Hub's ``/v2``."""

    registry: Registry
    path: str
    plain: bool

    @classmethod
    def parse(cls, text: str) -> Mirror:
        """Read an entry of ``registry-mirrors`` as moby does (``mirrorsToRegistryHosts``); raises ConfigError."""
        try:
            parts = urlsplit(text if "://" in text else f"https://{text}")
        except ValueError:
            hint = "Give registry-mirrors of the engine's configuration URLs."
            raise ConfigError(f"the engine's mirror {quoted(text)} is no URL", hint=hint) from None
        path = parts.path.rstrip("/")
        path = path if path.endswith("/v2") else f"{path}/v2"
        return cls(registry=Registry.parse(parts.netloc), path=path, plain=parts.scheme == "http")

    def url(self, asked: str) -> str:
        """Return where a manifest is asked for; what is no manifest of a registry stays where it is."""
        match = _MANIFEST.fullmatch(asked)
        if match is None or urlsplit(asked).netloc != self.registry.api_host:
            return asked
        return f"{match[1]}{self.path}/{match[2]}?ns={_HUB.host}"


@dataclass(frozen=True, kw_only=True)
class EngineHosts:
    """What the engine says of registries: Docker Hub's ``mirrors`` in order, and to whom it speaks without TLS.

    Without an engine, and for a builder that is not the engine's own, there are none of either.
    """

    mirrors: tuple[str, ...] = ()
    insecure: frozenset[str] = frozenset()  # names, as in docker's configuration
    networks: tuple[str, ...] = ()

    @classmethod
    def read(cls, info: Mapping[str, Any]) -> EngineHosts:
        """Read what ``docker info`` says (``EngineInfo.content``); whatever is not of its form says nothing."""
        table = _table(info.get("RegistryConfig"))
        indexes = _table(table.get("IndexConfigs"))
        return cls(
            mirrors=_texts(table.get("Mirrors")),
            insecure=frozenset(name for name, index in indexes.items() if _table(index).get("Secure") is False),
            networks=_texts(table.get("InsecureRegistryCIDRs")),
        )

    def is_insecure(self, registry: Registry) -> bool:
        """Tell whether the engine speaks to ``registry`` without TLS; a name is not looked up, an address is compared."""
        if str(registry) in self.insecure:
            return True
        try:
            address = ipaddress.ip_address(registry.host.strip("[]"))
            return any(address in ipaddress.ip_network(text, strict=False) for text in self.networks)
        except ValueError:
            return False


# makes the client of a registry, or of a mirror in its place, and says whether it has credentials
Connect = Callable[[Registry, "Mirror | None"], tuple[Client, bool]]


class _Host:
    """One registry or mirror, asked through one client that is made at the first question.

    The first question is asked alone: a password that is refused, and a host that does not answer, are met once.
    """

    def __init__(self, connect: Callable[[], tuple[Client, bool]], registry: Registry) -> None:
        self.registry = registry
        self.client: Client | None = None
        self._connect = connect
        self._is_known = self._is_asked = False
        self._why = ""  # nothing more is asked
        self._first = threading.Lock()

    def look(self, path: str, tag: Tag) -> tuple[Digest | None, str]:
        """Return what the tag names, or why that cannot be told."""
        if self._is_asked:
            return self._look(path, tag)
        with self._first:
            try:
                return self._look(path, tag)
            finally:
                self._is_asked = True

    def _look(self, path: str, tag: Tag) -> tuple[Digest | None, str]:
        if self._why:
            return None, self._why
        try:
            if self.client is None:
                self.client, self._is_known = self._connect()
            found = self.client.head(Repository(self.registry, path), tag)
        except InterruptedRunError:
            raise
        except DockerPushError as error:
            if self.client is None or self._is_of_host(error):
                self._why = error.message
            return None, error.message
        return (found.digest, "") if found else (None, f"{self.registry} has no {path}:{tag}")

    def _is_of_host(self, error: DockerPushError) -> bool:
        """Tell whether the same would be said of every image there, or should be asked for no second time."""
        if isinstance(error, RegistryError):
            return error.transient
        return isinstance(error, RateLimitError) or (self._is_known and isinstance(error, AuthenticationError))


class Bases:
    """Look up what references name, each once in a run; safe to call from one thread.

    ``reasons`` says of each reference that could not
    be told why, in words for a reader.
    """

    def __init__(self, connect: Connect, *, clock: Callable[[], float], hosts: EngineHosts | None = None) -> None:
        self.reasons: dict[str, str] = {}
        self._connect = connect
        self._clock = clock
        self._engine = hosts or EngineHosts()
        self._known: dict[str, Digest | None] = {}
        self._hosts: dict[str, _Host] = {}

    def resolve(self, references: Iterable[str]) -> Mapping[str, Digest | None]:
        """Return what each reference (as BuildKit writes it, with a tag) names today; ``None`` where that cannot be told.

        Never raises but for a signal, and takes about ten seconds at most.
        """
        wanted = list(dict.fromkeys(references))
        until = self._clock() + _PATIENCE
        jobs = {text: self._job(text) for text in wanted if text not in self._known}
        answers = in_parallel(lambda job: self._look(job, until), jobs.values())
        for text, (digest, why) in zip(jobs, answers, strict=True):
            self._known[text] = digest
            if digest is None:
                self.reasons[text] = why
        return {text: self._known[text] for text in wanted}

    def close(self) -> None:
        """Close the connections that are kept open."""
        for host in self._hosts.values():
            if host.client:
                host.client.close()

    def _job(self, text: str) -> tuple[Reference | None, Sequence[_Host]]:
        try:
            reference = Reference.parse(text)
        except ConfigError as error:
            return None, [_Host(_raising(error), _HUB)]
        registry = reference.repository.registry
        hosts = [self._mirror(mirror) for mirror in self._engine.mirrors] if registry == _HUB else []
        return reference, [*hosts, self._host(str(registry), registry, None)]

    def _mirror(self, text: str) -> _Host:
        try:
            mirror = Mirror.parse(text)
        except ConfigError as error:
            return self._hosts.setdefault(text, _Host(_raising(error), _HUB))
        return self._host(text, mirror.registry, mirror)

    def _host(self, key: str, registry: Registry, mirror: Mirror | None) -> _Host:
        return self._hosts.setdefault(key, _Host(lambda: self._connect(registry, mirror), registry))

    def _look(self, job: tuple[Reference | None, Sequence[_Host]], until: float) -> tuple[Digest | None, str]:
        """Ask the hosts in turn; the reason is that of the last, which is the registry itself."""
        reference, hosts = job
        if reference is None or reference.tag is None:
            return None, "it is not the name of an image with a tag"
        why = ""
        for host in hosts:
            if self._clock() >= until:
                return None, why or "other registries took too long"
            digest, why = host.look(reference.repository.path, reference.tag)
            if digest is not None:
                return digest, ""
        return None, why


def connector(run: Run, engine: EngineHosts) -> Connect:
    """Return what makes the clients of a run: anybody's registry, with that registry's own credentials and no others.

    A stranger's run has none. Without TLS a registry is asked where it is on this machine, where the engine says so, or
    where build.toml calls it insecure; credentials go there only in the first case and the last.
    """
    told = {entry.registry.value: entry.insecure for entry in run.options.registries}

    def connect(registry: Registry, mirror: Mirror | None) -> tuple[Client, bool]:
        listed = told.get(registry, False) or engine.is_insecure(registry)
        if mirror and mirror.plain and not (registry.is_loopback or listed):
            hint = "List it among the engine's insecure registries, or give it TLS."
            raise ConfigError(f"the mirror {registry} is asked without TLS, and not an insecure registry", hint=hint)
        is_safe = registry.is_loopback or told.get(registry, False) or not listed
        account = run.account(registry) if is_safe else None
        plain = listed and (mirror is None or mirror.plain)
        return _client(run, registry, mirror, account, plain=plain), account is not None

    return connect


def _client(run: Run, registry: Registry, mirror: Mirror | None, account: Credentials | None, *, plain: bool) -> Client:
    """Return a client that is asked once where it is a mirror's, as by the engine, else twice."""
    world = run.surroundings
    reached = network(world.environ, registry)
    return world.client(
        registry,
        account,
        insecure=plain,
        clock=world.clock,
        limits=_LIMITS,
        network=replace(reached, place=mirror.url) if mirror else reached,
        waiting=None if mirror else Waiting(policy=_POLICY, sleep=world.sleep, tell=lambda _line: None),
    )


def _raising(error: ConfigError) -> Callable[[], tuple[Client, bool]]:
    def connect() -> tuple[Client, bool]:
        raise error

    return connect


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> tuple[str, ...]:
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()
