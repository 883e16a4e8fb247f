"""What no table of build.toml can tell alone: names that others must know, cycles, places that two images share.

The rules look at the data as it was read, whatever else is wrong with it, so that every error comes out at once; what
has the wrong type is another's finding and passed over here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from docker_push.config import builders, cache, grammar, places
from docker_push.config.findings import Problem, listed
from docker_push.config.layout import Path
from docker_push.config.source import Data, build_tables, table_at
from docker_push.errors import ConfigError
from docker_push.references import quoted

Named = dict[str, tuple[str, object]]
Edges = Mapping[str, Mapping[str, Path]]
_SHOWN = 10  # names of a cycle


def problems(data: Data) -> Iterator[Problem]:
    """Find everything that is wrong between the tables of a file."""
    images = _named(table_at(data, ("images",)))
    groups = _named(table_at(data, ("groups",)))
    yield from _same_name(data)
    if data.get("images") == {}:
        yield Problem(("images",), "no image is listed", 'Add a table [images.NAME] with dockerfile = "Dockerfile".')
    yield from _members(groups, images)
    yield from _targets(data, images)
    yield from _cycles(_group_edges(groups), "the groups hold one another")
    yield from _cycles(_image_edges(data), "the images need one another")
    yield from _repeated_ids(data)
    yield from _repeated_platforms(table_at(data, ("runners",)))
    yield from _extra_tags(table_at(data, ("tags",)))
    yield from places.problems(data)
    yield from cache.problems(data)
    yield from builders.problems(data)


def _named(table: Data) -> Named:
    """Return a table by the names in their one spelling, each with the key as it is written."""
    return {key.lower(): (key, value) for key, value in table.items()}


def _same_name(data: Data) -> Iterator[Problem]:
    allowed = "Names are read in lower case, and images and groups share them: give each its own."
    seen: dict[str, str] = {}
    for table in ("images", "groups"):
        for key in table_at(data, (table,)):
            if key.lower() in seen:
                yield Problem((table, key), f"{seen[key.lower()]} has this name already", allowed)
            seen.setdefault(key.lower(), f"[{table}] {quoted(key)}")


def _members(groups: Named, images: Iterable[str]) -> Iterator[Problem]:
    names = dict.fromkeys((*images, *groups))
    nobody = _Nobody(tuple(names))
    for key, members in groups.values():
        for index, member in enumerate(members if isinstance(members, tuple) else ()):
            if isinstance(member, str) and member.lower() not in names and _is_name(member):
                yield nobody(("groups", key, index), member)


def _targets(data: Data, images: Mapping[str, object]) -> Iterator[Problem]:
    nobody = _Nobody(tuple(images))
    for table in build_tables(data):
        for name, path in _needs(table_at(data, table), table).items():
            if name not in images and _is_name(name):
                yield nobody(path, name)


class _Nobody:
    """The problem of a name that no image has."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._listed = listed(names)

    def __call__(self, path: Path, name: str) -> Problem:
        allowed = f"Known: {self._listed}."
        return Problem(path, f"there is no image {quoted(name)}", allowed, name, self._names)


def _is_name(text: str) -> bool:
    with suppress(ConfigError):
        return bool(grammar.image(text))
    return False


def _needs(table: Data, path: Path) -> dict[str, Path]:
    """Return the images that the contexts of a table name, and where."""
    return {
        value.removeprefix("target:").lower(): (*path, "contexts", key)
        for key, value in table_at(table, ("contexts",)).items()
        if isinstance(value, str) and value.startswith("target:")
    }


def _image_edges(data: Data) -> Edges:
    """Return what each image needs, by the rule of options: a context of [defaults] holds unless the image has its own."""
    shared = table_at(data, ("defaults", "contexts"))
    edges: dict[str, Mapping[str, Path]] = {}
    for key in table_at(data, ("images",)):
        table = table_at(data, ("images", key))
        own = table_at(table, ("contexts",))
        inherited = {name: value for name, value in shared.items() if name not in own}
        edges[key.lower()] = _needs({"contexts": inherited}, ("defaults",)) | _needs(table, ("images", key))
    return edges


def _group_edges(groups: Named) -> Edges:
    return {
        name: {
            member.lower(): ("groups", key, index)
            for index, member in enumerate(members if isinstance(members, tuple) else ())
            if isinstance(member, str)
        }
        for name, (key, members) in groups.items()
    }


def _cycles(edges: Edges, what: str) -> Iterator[Problem]:
    """Find cycles, without recursion: a hostile file may be thousands of names deep."""
    done: set[str] = set()
    for start in edges:
        trail: dict[str, Iterator[str]] = {} if start in done else {start: iter(edges[start])}
        while trail:
            name, waiting = next(reversed(trail.items()))
            following = next((other for other in waiting if other in edges and other not in done), None)
            if following is None:
                done.add(name)
                del trail[name]
            elif following in trail:
                circle = _circle([*trail], following)
                yield Problem(edges[name][following], f"{what}: {circle}", "Take one of these out.")
            else:
                trail[following] = iter(edges[following])


def _circle(trail: list[str], first: str) -> str:
    names = [*trail[trail.index(first) :], first]
    shown = names if len(names) <= _SHOWN else [*names[: _SHOWN - 2], "...", first]
    return " -> ".join(shown)


def _repeated_ids(data: Data) -> Iterator[Problem]:
    allowed = "Give each its own id, and mount it by that."
    for table in build_tables(data):
        for key in ("secret", "ssh"):
            entries = table_at(data, table).get(key)
            seen: set[str] = set()
            for index, entry in enumerate(entries if isinstance(entries, tuple) else ()):
                name = entry.get("id") if isinstance(entry, Mapping) else None
                if isinstance(name, str):
                    if name in seen:
                        yield Problem((*table, key, index), f"the id {quoted(name)} is given twice", allowed)
                    seen.add(name)


def _repeated_platforms(runners: Data) -> Iterator[Problem]:
    """Find platforms that are one, spelled in two ways: one of them would be dropped without a word."""
    seen: dict[str, str] = {}
    for key in runners:
        with suppress(ConfigError):
            name = grammar.platform(key)
            if name in seen:
                yield Problem(("runners", key), f"is the same platform as {quoted(seen[name])}", "Keep one of them.")
            seen.setdefault(name, key)


def _extra_tags(tags: Data) -> Iterator[Problem]:
    """Find further tags that what else [tags] says gives a meaning; those that always have one are found by themselves."""
    names, semver, length = tags.get("extra"), tags.get("semver"), tags.get("sha-length")
    templates = [text for text in semver if isinstance(text, str)] if isinstance(semver, tuple) else []
    for index, name in enumerate(names if isinstance(names, tuple) else ()):
        with suppress(ConfigError):
            own = grammar.extra_tag(str(name))
            try:
                grammar.unreserved(own, length if isinstance(length, int) else 40, templates)
            except ConfigError as error:
                yield Problem(("tags", "extra", index), error.message, error.hint)
