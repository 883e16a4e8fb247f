"""The local inputs of images: a Dockerfile, and a folder as its ignore rules leave it.

Which rules (moby/buildkit ``frontend/dockerui/config.go`` and ``namedcontext.go``): ``<Dockerfile's name>.dockerignore``
beside the Dockerfile, else ``.dockerignore`` at the context's root; a folder that ``contexts`` names has its own one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path, PurePath

from docker_push.errors import ConfigError
from docker_push.inputs import ignore, rooted
from docker_push.inputs.ignore import Rules
from docker_push.inputs.tree import Entry, Folder, Mark, changed, digest, summed, with_links, without_content

_NAME = ".dockerignore"


def ignore_files(dockerfile: str | None, context: str) -> tuple[str, ...]:
    """Return the paths of the ignore files of a context; the first one that there is holds alone."""
    own = str(PurePath(context, _NAME))
    return (own,) if dockerfile is None else (f"{PurePath(dockerfile)}{_NAME}", own)


@dataclass(frozen=True, kw_only=True)
class Local:
    """A folder as BuildKit is sent it.

    ``digest`` is a SHA-256 over it. ``files`` counts the entries that are no directories; ``size`` is in bytes.
    ``holds_git``: a ``.git`` that is not ignored is part of it. ``dockerfile`` is the SHA-256 of the Dockerfile's own
    bytes, which count even where it is ignored; ``None`` for a folder that ``contexts`` names.
    """

    digest: str
    files: int
    size: int
    holds_git: bool
    dockerfile: str | None = None


@dataclass
class _Visit:
    """A directory that is walked.

    ``found`` is what it tells its entries of the rules, ``every`` has all patterns that match it or one it is in; ``sent``:
    it is not ignored itself. ``kept`` are its entries that are no directories, ``None`` where that is all of them;
    ``hollow`` are those of them that are sent empty. The rest is counted of what is below it.
    """

    folder: Folder
    prefix: str
    found: int
    every: int
    parent: _Visit | None
    name: str
    sent: bool
    kept: list[str] | None = None
    hollow: frozenset[str] = frozenset()
    git: bool = False
    files: int = 0
    size: int = 0
    directories: list[str] | None = None


class Contexts:
    """The folders below ``root`` that images are built from, for one run.

    A directory is listed once, a file hashed once, however many images and ignore rules there are; folders that no rules
    leave anything of are not entered. Not for several threads at once.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: dict[str, Folder] = {}
        self._marks: dict[str, Mark] = {}
        self._locals: dict[tuple[str, object], Local] = {}

    def local(self, dockerfile: str, context: str) -> Local:
        """Return the inputs of an image; both paths are relative to the root.

        Raises ConfigError for what cannot be read, or is gone while it is being read, and for a pattern that BuildKit
        refuses.
        """
        own = self._dockerfile(dockerfile)
        found = self._local(context, self.rules(dockerfile, context))
        return replace(found, dockerfile=own)

    def named(self, context: str) -> Local:
        """Return a folder that ``contexts`` names; raises as ``local``."""
        return self._local(context, self.rules(None, context))

    def whole(self, folder: str) -> Local:
        """Return a folder that has no ignore rules: an OCI layout; raises as ``local``."""
        return self._local(folder, Rules())

    def entries(self, dockerfile: str | None, context: str) -> dict[str, str]:
        """Return path -> all that counts of it, for every entry that ``local`` counts (``named`` without a Dockerfile)."""
        rules = self.rules(dockerfile, context)
        found: dict[str, str] = {}
        visits = list(self._visits(context, rules))
        linked = any(visit.hollow for visit in visits)
        for visit in _with_parents(visits):
            if visit.parent is not None:
                found[visit.prefix[:-1]] = visit.folder.own
            for name, entry in self._entries(visit, linked=linked).items():
                found[visit.prefix + name] = entry.text
        return dict(sorted(found.items()))

    def rules(self, dockerfile: str | None, context: str) -> Rules:
        """Return the rules by which a context is sent; without a Dockerfile it is one that ``contexts`` names.

        Raises ConfigError for a pattern that BuildKit refuses.
        """
        for path in ignore_files(dockerfile, context):
            content = rooted.read((self._root / path).parent, PurePath(path).name)
            if content is not None:
                return ignore.read(content, path)
        return Rules()

    def changed(self) -> str | None:
        """Return a path that is not as it was when it was read; ``None`` where what was built is what was hashed.

        Quick, and on the safe side: a directory has changed as soon as anything was put into it or taken from it, ignored
        or not. What digests say then, another ``Contexts`` can tell.
        """
        return changed(self._marks)

    def _dockerfile(self, dockerfile: str) -> str:
        """Return the digest of a Dockerfile, and of the policy beside it that buildx 0.31 and later build it by."""
        place = self._root / dockerfile
        content = rooted.read(place.parent, place.name)
        if content is None:
            hint = "It must be a file, or a link to one in or below its own folder: BuildKit follows no other."
            raise ConfigError(f"{dockerfile}: cannot read the Dockerfile", hint=hint)
        policy = rooted.read(place.parent, f"{place.name}.rego")
        found = sha256(content)
        return found.hexdigest() if policy is None else sha256(found.digest() + sha256(policy).digest()).hexdigest()

    def _local(self, context: str, rules: Rules) -> Local:
        key = os.path.realpath(self._root / context), rules.key
        if key not in self._locals:
            self._locals[key] = self._counted(context, rules)
        return self._locals[key]

    def _counted(self, context: str, rules: Rules) -> Local:
        """Return the digest of a folder: each directory's is over its entries, a directory among them with its own."""
        visits = list(self._visits(context, rules))
        linked = any(visit.hollow for visit in visits)
        for visit in reversed(visits):  # what is in a directory comes after it
            whole = visit.kept is None and not linked
            own = visit.folder.whole(self._marks) if whole else summed(self._entries(visit, linked=linked))
            visit.files += own.number
            visit.size += own.size
            lines = sorted(visit.directories or ())
            made = digest(f"{own.digest.hex()}\0{''.join(lines)}").hex()
            if visit.parent is None:
                return Local(digest=made, files=visit.files, size=visit.size, holds_git=visit.git)
            if visit.sent or own.number or lines:
                visit.parent.directories = [
                    *(visit.parent.directories or ()),
                    f"{visit.name}\0{visit.folder.own} {made}\0",
                ]
                visit.parent.files += visit.files
                visit.parent.size += visit.size
                visit.parent.git |= visit.git or visit.name == ".git"
        raise AssertionError("a walk begins with its root")

    def _entries(self, visit: _Visit, *, linked: bool) -> dict[str, Entry]:
        names = visit.folder.others if visit.kept is None else visit.kept
        found = visit.folder.entries(names, self._marks)
        found |= {name: without_content(found[name]) for name in visit.hollow}
        return {name: with_links(entry) for name, entry in found.items()} if linked else found

    def _visits(self, context: str, rules: Rules) -> Iterator[_Visit]:
        """Yield the directories of a context that are walked, each before those in it (fsutil ``filter.go``)."""
        top = os.path.realpath(self._root / context)
        waiting = [_Visit(self._folder(top), "", 0, 0, None, "", sent=True)]
        while waiting:
            visit = waiting.pop()
            folder = visit.folder
            own: dict[str, int] = {}
            for place, pattern in enumerate(rules.patterns):
                for name in folder.matching(pattern, visit.prefix):
                    own[name] = own.get(name, 0) | 1 << place
            _keep(visit, rules, own)
            visit.git = ".git" in (folder.others if visit.kept is None else visit.kept)
            yield visit
            for name in folder.directories:
                ignored, found = rules.decide(visit.found, own.get(name, 0))
                if not ignored or rules.enters(visit.prefix + name):
                    below = self._folder_or_nothing(folder.below(name), ignored=ignored)
                    if below is not None:
                        every = visit.every | own.get(name, 0)
                        waiting.append(
                            _Visit(below, f"{visit.prefix}{name}/", found, every, visit, name, sent=not ignored)
                        )

    def _folder_or_nothing(self, path: str, *, ignored: bool) -> Folder | None:
        """Return a directory; nothing for an ignored one that may not be read, which BuildKit passes over too."""
        try:
            return self._folder(path)
        except ConfigError as error:
            if ignored and isinstance(error.__cause__, PermissionError):
                return None
            raise

    def _folder(self, path: str) -> Folder:
        folder = self._folders.get(path)
        if folder is None:
            folder = self._folders[path] = Folder(path, self._marks)
        return folder


def _keep(visit: _Visit, rules: Rules, own: Mapping[str, int]) -> None:
    """Note which entries of a directory are sent; ``own`` has the patterns that match each, by name."""
    others = visit.folder.others
    ignored, _ = rules.decide(visit.found, 0)  # what holds for every name that no pattern matches
    differ = {name for name, bits in own.items() if rules.decide(visit.found, bits)[0] != ignored}
    if ignored or differ:
        kept = [name for name in others if (name in differ) is ignored]
        visit.kept = kept if len(kept) < len(others) else None
    if rules.excepts:
        names = others if visit.kept is None else visit.kept
        visit.hollow = frozenset(name for name in names if rules.closes(visit.every | own.get(name, 0)))


def _with_parents(walked: Sequence[_Visit]) -> Iterator[_Visit]:
    """Yield the directories that are sent, or hold something that is."""
    for visit in reversed(walked):
        names = visit.folder.others if visit.kept is None else visit.kept
        visit.sent = visit.sent or bool(names)
        if visit.sent and visit.parent is not None:
            visit.parent.sent = True
    return (visit for visit in walked if visit.sent)
