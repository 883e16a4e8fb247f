"""Where the images of a run go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from docker_push.config import RegistryTable
from docker_push.errors import ConfigError
from docker_push.options.declarations import CREDENTIALS
from docker_push.options.inputs import Inputs
from docker_push.options.model import RegistryOptions, Setting, Source
from docker_push.references import Registry, Repository, quoted

_GITLAB = ("CI_REGISTRY_USER", "CI_REGISTRY_PASSWORD")


def resolved(inputs: Inputs) -> tuple[RegistryOptions, ...]:
    """Return the registries of a run, in build.toml's order.

    Flag and variable replace the first one's domain, and with it what build.toml says of that registry: plain http and
    credentials are for the registry that it says them of, or the password would go to another one. Where nobody names
    the first and GitLab runs us, it is GitLab's own, with GitLab's credentials unless DOCKER_USER is set. Entries of one
    registry share the credentials of the first that names any, since a run logs in to a registry once.
    """
    first, *further = inputs.file.registry
    found = (_first(inputs, first), *_further(further))
    seen: dict[tuple[Registry, str], str] = {}
    for entry in found:
        place = (entry.registry.value, entry.path)
        if place in seen:
            problem = f"{entry.registry.value} is a registry of this run already, with the same path"
            inputs.refuse(seen[place], problem, "Give each registry once.")
        seen.setdefault(place, entry.registry.origin)
    _check_transport(inputs, found)
    return tuple(_shared(found))


def _check_transport(inputs: Inputs, entries: Iterable[RegistryOptions]) -> None:
    said: dict[Registry, bool] = {}
    for number, entry in enumerate(entries, start=1):
        registry = entry.registry.value
        if said.setdefault(registry, entry.insecure) != entry.insecure:
            here, above = ("plain http", "TLS") if entry.insecure else ("TLS", "plain http")
            problem = f"{registry} has {here} here, and {above} in an entry above"
            allowed = "Give every entry of one registry the same insecure."
            inputs.refuse(f"[[registry]] {number} insecure", problem, allowed)


def _shared(entries: tuple[RegistryOptions, ...]) -> Iterator[RegistryOptions]:
    """Return entries with the variables that another one of their registry names; both come from the same entry."""
    named: dict[Registry, RegistryOptions] = {}
    for entry in entries:
        if entry.username_env or entry.password_env:
            named.setdefault(entry.registry.value, entry)
    for entry in entries:
        own = entry if entry.username_env or entry.password_env else named.get(entry.registry.value, entry)
        yield replace(entry, username_env=own.username_env, password_env=own.password_env)


def _further(tables: list[RegistryTable]) -> Iterator[RegistryOptions]:
    for number, table in enumerate(tables, start=2):
        domain = table.domain or ""  # each names its own: the file was checked for that
        origin = f"[[registry]] {number} domain"
        yield RegistryOptions(
            registry=Setting(Registry.parse(domain), Source.FILE, origin),
            path=table.path,
            insecure=table.insecure,
            username_env=table.username_env,
            password_env=table.password_env,
            connections=table.connections,
        )


def _first(inputs: Inputs, table: RegistryTable) -> RegistryOptions:
    domain = inputs.one("domain")
    assert domain is not None  # noqa: S101 - there is a built-in one
    user, password = CREDENTIALS
    path = table.path
    registry = Setting(Registry.parse(domain.value), domain.source, domain.origin)
    if domain.source is Source.BUILT_IN and (gitlab := _gitlab(inputs)):
        registry = gitlab
        if not inputs.variable(user):  # who sets the seed's variables means them
            user, password = _GITLAB
        path = path if "path" in table.model_fields_set else _gitlab_path(inputs, gitlab.value) or path
    own = table if domain.source is Source.BUILT_IN else _table_of(inputs, registry.value)
    return RegistryOptions(
        registry=registry,
        path=path,
        insecure=own.insecure,
        username_env=own.username_env or user,
        password_env=own.password_env or password,
        connections=own.connections,
    )


def _table_of(inputs: Inputs, registry: Registry) -> RegistryTable:
    """Return what build.toml says of a registry, whichever entry says it."""
    named = ((table.domain, table) for table in inputs.file.registry)
    found = (table for domain, table in named if domain and Registry.parse(domain) == registry)
    return next(found, RegistryTable())


def _gitlab(inputs: Inputs) -> Setting[Registry] | None:
    """Return GitLab's own registry, where there is one (GitLab, "Predefined CI/CD variables")."""
    domain = inputs.variable("CI_REGISTRY") if inputs.variable("GITLAB_CI") else None
    try:
        return Setting(Registry.parse(domain), Source.ENVIRONMENT, "CI_REGISTRY") if domain else None
    except ConfigError as error:
        inputs.refuse("CI_REGISTRY", error.message, error.hint)
    return None


def _gitlab_path(inputs: Inputs, registry: Registry) -> str | None:
    """Return the path below which GitLab lets a project push, as a path of images."""
    image = inputs.variable("CI_REGISTRY_IMAGE")
    if image is None:
        return None
    domain, _, path = image.partition("/")
    try:
        if Registry.parse(domain) == registry:
            return f"{Repository.parse(registry, path).path}/{{image}}"
    except ConfigError as error:
        inputs.refuse("CI_REGISTRY_IMAGE", error.message, error.hint)
        return None
    inputs.refuse("CI_REGISTRY_IMAGE", f"{quoted(image)} is not in {registry}", "GitLab sets both: change neither.")
    return None
