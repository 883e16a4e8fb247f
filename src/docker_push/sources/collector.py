"""Collect what the steps of one bake bring in, image by image, as BuildKit tells of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from docker_push.printable import printable
from docker_push.references import Digest
from docker_push.sources import names
from docker_push.sources.names import Image, Kind

_STEPS = 20_000  # steps of one bake that are told apart
_INPUTS = 100_000  # of all of them
_NAME = 2_000  # characters of a step's name that are read: no reference is as long
_KEY = 200  # characters of a step's digest
_REASONS = 3  # that one sentence gives
_TOO_MANY = "too many sources"
_UNREAD = "an event of BuildKit's could not be read"


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What an image was made from, beside what its own key covers.

    ``bases`` is the reference of each image that a tag names, as BuildKit writes it, and the digest that was used; what is
    pinned by digest is not in it. ``moving`` says, in words for a reader, why this cannot tell whether the image would be
    the same tomorrow, ``None`` where it can.
    """

    bases: Mapping[str, Digest]
    moving: str | None = None


@dataclass(kw_only=True)
class _Seen:
    """What the steps of one target said so far."""

    told: bool = False
    asked: set[str] = field(default_factory=set)  # tagged names whose meaning was looked up
    pinned: set[tuple[str, Digest]] = field(default_factory=set)  # tagged names that came with a digest
    used: set[tuple[str, Digest]] = field(default_factory=set)
    frontends: set[str] = field(default_factory=set)
    scanners: set[str] = field(default_factory=set)
    checked: dict[str, str] = field(default_factory=dict)  # step -> why it moves where its checksum is in doubt
    fetched: bool = False  # whether the context itself is not local
    moving: dict[str, None] = field(default_factory=dict)


class Collector:
    """Take the events of one bake, and say what each image was made from.

    ``targets`` is image name -> bake target of everything that the bake builds, ``needs`` image name -> names of the images
    that it is built on: their sources are its own. Events come from one thread.

    Buildx puts the target's name before a step's where a bake has several targets. BuildKit gives a step that several builds
    share the name that the first gave it, so that a name may be another build's: it tells of the very same operation. Where
    steps of two targets come to the same content it joins them, and tells both targets of the steps of either: an image may
    be said to have more sources than it has (it is then built for nothing at worst), never fewer.
    """

    def __init__(self, targets: Mapping[str, str], needs: Mapping[str, Iterable[str]]) -> None:
        self._targets = {target: image for image, target in targets.items()}
        self._needs = {image: tuple(name for name in needs.get(image, ()) if name in targets) for image in targets}
        self._seen = {image: _Seen() for image in targets}
        self._known: set[tuple[str, int]] = set()  # step, and its name's hash
        self._room = _INPUTS
        self._inputs: dict[str, tuple[str, ...]] = {}
        self._texts: dict[str, int] = {}  # step -> the hash of its instruction
        self._images: set[str] = set()  # steps that bring in an image
        self._everywhere: dict[str, None] = {}  # why every image moves

    def take(self, event: Mapping[str, object] | None) -> None:
        """Take one event; ``None`` is one that could not be read."""
        vertexes = event.get("vertexes") if event is not None else 0
        if vertexes is None:
            return
        if not isinstance(vertexes, list):
            self._everywhere[_UNREAD] = None
            return
        for vertex in vertexes:
            self._take(vertex)

    def sources(self) -> dict[str, Sources]:
        """Return image name -> what it was made from, for every image of the bake."""
        return {image: self._sources(image) for image in self._seen}

    def _take(self, vertex: object) -> None:
        digest, name, inputs = _vertex(vertex)
        if not digest or not name:
            self._everywhere[_UNREAD] = None
            return
        known = digest, hash(name)
        if known in self._known:
            return
        if len(self._known) >= _STEPS or self._room < len(inputs):
            self._everywhere[_TOO_MANY] = None
            return
        self._known.add(known)
        self._room -= len(inputs)
        self._inputs[digest] = inputs
        self._texts[digest] = hash(names.instruction(name))
        image, rest = self._attributed(name)
        if image is None:
            self._of_nobody(name)
            return
        seen = self._seen[image]
        seen.told = True
        if inputs:
            seen.scanners.update(filter(None, [names.scanner(rest)]))
        else:
            self._read(seen, digest, rest)

    def _attributed(self, name: str) -> tuple[str | None, str]:
        """Return whose step this is, and its name without the target's."""
        if len(self._targets) == 1:
            return next(iter(self._targets.values())), name
        word, blank, rest = name.removeprefix("[").partition(" ")
        if not name.startswith("[") or not blank:
            return None, name
        bare = word.removesuffix("]")
        return self._targets.get(bare), rest if word.endswith("]") else f"[{rest}"

    def _of_nobody(self, name: str) -> None:
        """Take a step that no target is named for: buildx's own, or one that may be of any of them."""
        step = names.read(name[:_NAME], _shown(name))
        if step.kind is not Kind.NOTHING:
            self._everywhere[step.why or f"it is not said whose step this is: {names.short(_shown(name))}"] = None

    def _read(self, seen: _Seen, digest: str, name: str) -> None:
        shown = _shown(name)
        if len(name) > _NAME:
            seen.moving[f"the name of a step is too long: {names.short(shown)}"] = None
            return
        step = names.read(name, shown)
        if step.image is not None:
            self._read_image(seen, digest, step.kind, step.image)
        elif step.kind is Kind.CHECKED:
            seen.checked[digest] = step.why
        elif step.kind is Kind.MOVING:
            seen.moving[step.why] = None
        seen.fetched |= name.startswith(("[internal] load git source ", "[internal] load remote build context"))

    def _read_image(self, seen: _Seen, digest: str, kind: Kind, image: Image) -> None:
        """Note an image. One without a tag is pinned by its digest, and says nothing that could change."""
        if kind is not Kind.ASKED:
            self._images.add(digest)
        if kind is Kind.FRONTEND and not names.is_dockerfile_frontend(image):
            seen.frontends.add(image.text)
        if kind is Kind.ASKED and image.tagged:
            if image.pin is None:
                seen.asked.add(image.name)
            else:
                seen.pinned.add((image.name, image.pin))
        elif image.pin is None:
            seen.moving[_untold(image.name)] = None
        elif image.tagged:
            seen.used.add((image.name, image.pin))

    def _sources(self, image: str) -> Sources:
        """Put together what the image and all that it is built on said; a shared step may be told of for one of them."""
        everyone = [self._seen[name] for name in self._closure(image)]
        asked, pinned, used = (
            {one for seen in everyone for one in getattr(seen, key)} for key in ("asked", "pinned", "used")
        )
        why = dict(self._everywhere)
        if not all(seen.told for seen in everyone):
            why["BuildKit told nothing of it"] = None
        for seen in everyone:
            why |= seen.moving
            why |= dict.fromkeys(self._doubts(seen))
        bases: dict[str, Digest] = {}
        for name in sorted(asked | {name for name, _ in used - pinned}):
            found = {pin for other, pin in used - pinned if other == name}
            found = found or {pin for other, pin in used if other == name}
            if len(found) == 1:
                bases[name] = next(iter(found))
            else:
                why[f"{name} was several images within one build" if found else _untold(name)] = None
        return Sources(bases=bases, moving="; ".join([*why][:_REASONS]) or None)

    def _doubts(self, seen: _Seen) -> Iterator[str]:
        """Yield why a checksum or a frontend of a target is not to be relied on."""
        for digest, why in seen.checked.items():
            if seen.fetched or not self._is_alone(digest):
                yield why
        for text in sorted(seen.frontends - seen.scanners):
            yield f"the Dockerfile is read by {text}, whose steps are not known here"

    def _is_alone(self, digest: str) -> bool:
        """Tell whether what ADD brings in is its only source: an option ``--checksum`` allows for no second one.

        What looks like the option may be the name of a file, in a variable. The step that puts the files in place then has
        the build context for a further input, beside what it puts them on: an image, or what other steps made. And where
        it is of another instruction, the name that was read is another build's.
        """
        takers = {taker: inputs for taker, inputs in self._inputs.items() if digest in inputs}
        others = [[one for one in inputs if one != digest] for inputs in takers.values()]
        return (
            bool(takers)
            and all(self._texts[taker] == self._texts[digest] for taker in takers)
            and all(
                len(rest) <= 1 and all(one in self._images or self._inputs.get(one) for one in rest) for rest in others
            )
        )

    def _closure(self, image: str) -> list[str]:
        found: dict[str, None] = {}
        waiting = [image]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = None
                waiting += self._needs[name]
        return [*found]


def _vertex(vertex: object) -> tuple[str, str, tuple[str, ...]]:
    """Return digest, name and inputs of a step as BuildKit tells it; empty where it is not told so."""
    if not isinstance(vertex, dict):
        return "", "", ()
    digest, name, inputs = vertex.get("digest"), vertex.get("name"), vertex.get("inputs")
    inputs = [] if inputs is None else inputs
    if not isinstance(digest, str) or not isinstance(name, str) or not isinstance(inputs, list):
        return "", "", ()
    keys = tuple(str(one) for one in inputs)
    return (digest, name, keys) if all(len(key) <= _KEY for key in (digest, *keys)) else ("", "", ())


def _shown(name: str) -> str:
    return " ".join(printable(name[:_NAME]).split())


def _untold(name: str) -> str:
    return f"BuildKit does not tell the digest of {name}"
