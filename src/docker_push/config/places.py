"""Where images go: no two of them, and no build cache, to one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from docker_push.config import grammar
from docker_push.config.findings import Problem
from docker_push.config.layout import Path
from docker_push.config.source import Data, build_tables, table_at
from docker_push.errors import ConfigError
from docker_push.references import Registry, Repository

DOMAIN = "ghcr.io"
PATH = "{repository}/{image}"
_CACHE = "-cache"  # cache_names.repository_of: an image's cache is kept beside it, under this ending
_SAMPLE = "owner/repository"


@dataclass(frozen=True)
class _Place:
    image: str
    key: str
    domain: str
    template: str


def problems(data: Data) -> Iterator[Problem]:
    """Find what is wrong with where the images of a file go."""
    registries = _registries(data)
    yield from _own_paths(data, registries)
    yield from _further(registries)
    repository = _checked(grammar.repository, table_at(data, ("project",)).get("repository"))
    taken: dict[str, _Place] = {}
    blamed = False
    for place in _places(data, registries):
        text = f"{place.domain}/{fill(place.template, repository or _SAMPLE, place.image)}"
        refused = _refused(place, repository or _SAMPLE)
        if refused is not None:
            ours = repository is not None and _refused(place, _SAMPLE) is None
            if not (ours and blamed):
                at: Path = ("project", "repository") if ours else ("images", place.key)
                yield Problem(at, refused.message, refused.hint)
            blamed = blamed or ours
        elif taken.setdefault(text, place).image != place.image:
            allowed = "Give the path {image}, or each image a registry-path of its own."
            yield Problem(("images", place.key), f"goes to {text}, as {taken[text].image} does", allowed)
    yield from _caches(data, taken)


def fill(template: str, repository: str, image: str) -> str:
    """Return the path of an image, lower-cased; ``template`` is one that the grammar has checked."""
    owner, _, repo = repository.rpartition("/")
    names = {"repository": repository, "owner": owner, "repo": repo, "image": image}
    return template.format_map(names).lower()


def _refused(place: _Place, repository: str) -> ConfigError | None:
    try:
        Repository.parse(Registry.parse(place.domain), fill(place.template, repository, place.image))
    except ConfigError as error:
        return error
    return None


def _registries(data: Data) -> Sequence[tuple[int, Data]]:
    found = data.get("registry", {})
    tables = found if isinstance(found, tuple) else (found,)
    return [(index, table) for index, table in enumerate(tables) if isinstance(table, Mapping)]


def _own_paths(data: Data, registries: Sequence[object]) -> Iterator[Problem]:
    for table in build_tables(data):
        if len(registries) > 1 and "registry-path" in table_at(data, table):
            allowed = f"There are {len(registries)} registries, each with its own path: leave this out."
            yield Problem((*table, "registry-path"), "only with one registry", allowed)


def _further(registries: Sequence[tuple[int, Data]]) -> Iterator[Problem]:
    seen: dict[tuple[str, str], int] = {}
    for index, table in registries:
        domain, path = _domain(index, table), _checked(grammar.path_template, table.get("path", PATH))
        if index and "domain" not in table:
            allowed = 'Only the first registry has a default: add domain = "quay.io" or the like.'
            yield Problem(("registry", index), "domain is missing", allowed)
        elif domain and path and (first := seen.setdefault((domain, path), index)) != index:
            problem = f"the same place as [[registry]] {first + 1}"
            yield Problem(("registry", index), problem, "Give each registry once, or another path.")
        if index and ("username-env" in table) != ("password-env" in table):
            allowed = "Name both variables, or neither for what docker's config holds."
            yield Problem(("registry", index), "username-env and password-env go together", allowed)


def _domain(index: int, table: Data) -> str | None:
    return _checked(grammar.domain, table.get("domain", None if index else DOMAIN))


def _places(data: Data, registries: Sequence[tuple[int, Data]]) -> Iterator[_Place]:
    shared = table_at(data, ("defaults",)).get("registry-path")
    for index, registry in registries:
        domain = _domain(index, registry)
        for key in table_at(data, ("images",)):
            own = table_at(data, ("images", key)).get("registry-path", shared)
            template = _checked(grammar.path_template, registry.get("path", PATH) if own is None else own)
            image = _checked(grammar.image, key)
            if domain and template and image:
                yield _Place(image, key, domain, template)


def _caches(data: Data, taken: Mapping[str, _Place]) -> Iterator[Problem]:
    if table_at(data, ("cache",)).get("backend", "registry") != "registry":
        return
    for text, place in taken.items():
        owner = taken.get(text.removesuffix(_CACHE)) if text.endswith(_CACHE) else None
        if owner is not None:
            allowed = "Choose another name, or another backend in [cache]."
            yield Problem(("images", place.key), f"goes to where the build cache of {owner.image} is kept", allowed)


def _checked(rule: Callable[[str], str], value: object) -> str | None:
    """Return a value by its rule, or nothing where it breaks it: that is a finding of its own."""
    try:
        return rule(value) if isinstance(value, str) else None
    except ConfigError:
        return None
