"""From what differs to the images whose inputs it is part of."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePath

from docker_push.changes.difference import Difference
from docker_push.config import paths
from docker_push.errors import ConfigError
from docker_push.inputs import Contexts, Rules, ignore_files, read
from docker_push.options import ImageOptions, Setting

_NOT_IN_THE_IMAGE = frozenset({"cache_from", "cache_to", "depends_on"})
_ATTRIBUTES = ".gitattributes"  # they decide what a checkout writes into files


def affected(
    difference: Difference,
    now: Sequence[ImageOptions],
    then: Mapping[str, ImageOptions] | None,
    root: Path,
    content: Callable[[str], bytes | None],
) -> dict[str, str]:
    """Return image name -> why its inputs are not what they were, for the images of which that holds.

    ``now`` are the images of the run; ``then`` are all that the commit's build.toml has, resolved in the same way, or
    ``None`` where it can not be read. ``content`` returns what a file was in the commit. Images that depend on these are
    not among them. The file of a secret is no input: it is in no layer. Raises ConfigError for ignore rules that BuildKit
    refuses.
    """
    inspection = _Inspection(difference, root, Contexts(root), content)
    found: dict[str, str] = {}
    for image in now:
        reason = _options(image, then, difference.ref) or next(inspection.reasons(image), None)
        if reason is not None:
            found[image.name] = reason
    return found


def _options(image: ImageOptions, then: Mapping[str, ImageOptions] | None, ref: str) -> str | None:
    if then is None:
        return f"build.toml of {ref} cannot be read"
    before = then.get(image.name)
    if before is None:
        return f"build.toml: not in {ref}"
    names = [field.name for field in fields(image) if field.name not in _NOT_IN_THE_IMAGE]
    differ = [name for name in names if _value(getattr(image, name)) != _value(getattr(before, name))]
    return f"build.toml: {', '.join(name.replace('_', '-') for name in differ)} changed" if differ else None


def _value(setting: object) -> object:
    return setting.value if isinstance(setting, Setting) else setting


@dataclass(frozen=True)
class _Inspection:
    """The images of one run, held against one difference."""

    difference: Difference
    root: Path
    contexts: Contexts
    content: Callable[[str], bytes | None]

    def reasons(self, image: ImageOptions) -> Iterator[str]:
        """Yield what differs of an image's files, cheapest first."""
        context, dockerfile = image.context.value, image.dockerfile.value
        if not paths.is_remote(context):
            yield from self._named(dockerfile)
            yield from self._named(f"{dockerfile}.rego")  # buildx builds by it
            yield from self._folder(context, dockerfile)
        for value in image.contexts.values():
            folder = paths.local_folder(value)
            if folder is not None and value.startswith("oci-layout://"):
                yield from self._inside(folder, Rules())
            elif folder is not None:
                yield from self._folder(folder, None)

    def _named(self, path: str) -> Iterator[str]:
        """Yield a file that differs, by its name or by what the name leads to."""
        places = _places(self.root, path)
        for changed in (*self.difference.paths, *self.difference.folders):
            if any(_below(changed, place) == "" for place in places):
                yield f"{changed} changed"

    def _folder(self, context: str, dockerfile: str | None) -> Iterator[str]:
        rules = self.contexts.rules(dockerfile, context)
        changed = [path for path in ignore_files(dockerfile, context) if any(self._named(path))]
        if changed and not self._are_as_before(rules, dockerfile, context):
            yield f"{changed[0]} changed"
        yield from self._inside(context, rules)

    def _are_as_before(self, rules: Rules, dockerfile: str | None, context: str) -> bool:
        for path in ignore_files(dockerfile, context):
            before = self.content(min(_places(self.root, path) - {path}, default=path))
            if before is not None:
                try:
                    return read(before, path).key == rules.key
                except ConfigError:  # nothing was built by them
                    return False
        return not rules.key

    def _inside(self, context: str, rules: Rules) -> Iterator[str]:
        """Yield what differs in a folder and is not ignored."""
        for place in _places(self.root, context):
            for path in self.difference.paths:
                below = _below(path, place)
                if below is not None and (not below or not rules.ignores(below)):
                    yield f"{path} changed"
                if PurePath(path).name == _ATTRIBUTES and _touches(str(PurePath(path).parent), place):
                    yield f"{path} changed"
            for path in self.difference.folders:
                below = _below(path, place)
                if below is not None and (not below or not rules.ignores(below) or rules.enters(below)):
                    yield f"{path} changed"
            git = (self.root / place / ".git").exists() and not rules.ignores(".git")
            if self.difference.moved and git:
                yield ".git is part of its context, and changes with every commit"


def _places(root: Path, path: str) -> set[str]:
    """Return the names of a file or folder below the root: its own, and where links lead to."""
    own = os.path.normpath(path)
    real = Path(os.path.realpath(root / path))
    top = os.path.realpath(root)
    return {own, str(real.relative_to(top))} if real.is_relative_to(top) else {own}


def _below(path: str, folder: str) -> str | None:
    """Return a path as a folder has it; an empty one where the folder is it, or is in it, and ``None`` elsewhere."""
    if folder == ".":
        return path
    if path == folder or folder.startswith(f"{path}/"):
        return ""
    return path.removeprefix(f"{folder}/") if path.startswith(f"{folder}/") else None


def _touches(one: str, other: str) -> bool:
    """Return whether one folder is the other, or in it, or around it."""
    return "." in {one, other} or f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")
