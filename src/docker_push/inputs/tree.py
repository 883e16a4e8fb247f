"""Directories as they are on disk, each listed once and each of its files hashed once, as BuildKit would see them.

What counts is what tonistiigi/fsutil sends (``stat.go``) and what BuildKit's cache compares
(``cache/contenthash/tarsum.go``): names, kinds, permission modes, link targets, contents, device numbers and those extended
attributes. Not times, and not owners, which buildx sets to 0.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from docker_push.inputs.ignore import Pattern
from docker_push.inputs.rooted import unreadable

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO put in a file's place would keep us waiting
_PIECE = 1 << 20  # bytes of a file that are in memory at a time
_CAPABILITY = "security.capability"
_UNCOUNTED = ("security.", "system.", "com.apple.")
_LISTXATTR = getattr(os, "listxattr", None)  # Linux alone
_REPLACED = "something else is in its place meanwhile"
_DEVICES = {stat.S_IFCHR: "character", stat.S_IFBLK: "block"}
_EMPTY = hashlib.sha256(b"").hexdigest()


class Entry(NamedTuple):
    """One entry, without its name: ``text`` is all that counts of it, ``size`` a file's in bytes, ``links`` its names."""

    text: str
    size: int = 0
    links: int = 1


Mark = tuple[int, int, int, int, int]  # what tells that a file or a directory is as it was when it was read


class Whole(NamedTuple):
    """All entries of a directory but its directories."""

    digest: bytes
    number: int
    size: int


class Folder:
    """One directory: ``directories`` and ``others`` are its names, sorted; ``own`` is what counts of itself."""

    __slots__ = ("_entries", "_matching", "_names", "_special", "_whole", "directories", "others", "own", "path")

    def __init__(self, path: str, marks: dict[str, Mark]) -> None:
        self.path = path
        self._entries: dict[str, Entry] = {}
        self._matching: dict[tuple[str, int], frozenset[str]] = {}
        self._whole: Whole | None = None
        with _opened(path) as descriptor:
            status = os.fstat(descriptor)
            marks[path] = _mark(status)
            self.own = f"directory {stat.S_IMODE(status.st_mode):o}{_attributes(descriptor)}"
            with os.scandir(descriptor) as found:
                listed = sorted((_text(entry.name), entry) for entry in found)
                self.directories = tuple(name for name, entry in listed if entry.is_dir(follow_symlinks=False))
                self._special = {name for name, entry in listed if not entry.is_file(follow_symlinks=False)}
        self.others = tuple(name for name, _ in listed if name not in self.directories)
        self._names = {name: entry.name for name, entry in listed if name != entry.name}

    def below(self, name: str) -> str:
        """Return the path of an entry, as the system calls it."""
        return f"{self.path}/{self._names.get(name, name)}"

    def matching(self, pattern: Pattern, prefix: str) -> frozenset[str]:
        """Return the names that match a pattern of a context in which this directory is called ``prefix``."""
        key = pattern.text, len(prefix)
        found = self._matching.get(key)
        if found is None:
            found = self._matching[key] = pattern.matching(prefix, {*self.directories, *self.others})
        return found

    def whole(self, marks: dict[str, Mark]) -> Whole:
        """Return all entries but the directories, read and hashed at the first call."""
        if self._whole is None:
            self._whole = summed(self.entries(self.others, marks))
        return self._whole

    def entries(self, names: Iterable[str], marks: dict[str, Mark]) -> dict[str, Entry]:
        """Return some entries that are no directories, each read at the first call that asks for it."""
        wanted = list(names)
        missing = [name for name in wanted if name not in self._entries]
        if missing:
            self._read(missing, marks)
        return {name: self._entries[name] for name in wanted}

    def _read(self, names: Collection[str], marks: dict[str, Mark]) -> None:
        with _opened(self.path) as parent:
            for name in names:
                real = self._names.get(name, name)
                path = f"{self.path}/{real}"
                try:
                    read = _special(parent, real, path) if name in self._special else file_entry(parent, real)
                except OSError as error:
                    raise unreadable(path, error) from error
                self._entries[name], marks[path] = read


def summed(entries: Mapping[str, Entry]) -> Whole:
    """Return entries as one digest."""
    lines = "".join([f"{name}\0{entry.text}\0" for name, entry in entries.items()])
    return Whole(digest(lines), len(entries), sum([entry.size for entry in entries.values()]))


def without_content(entry: Entry) -> Entry:
    """Return a file that is sent empty; its content counts, since a builder that has it from before keeps it."""
    if not entry.text.startswith("file "):
        return entry
    head, content = entry.text[: -len(_EMPTY)], entry.text[-len(_EMPTY) :]
    return Entry(f"{head}{_EMPTY} (sent empty instead of {content})", 0, entry.links)


def with_links(entry: Entry) -> Entry:
    """Return a file with the number of its names: where one is sent empty, another of the same file may be so too."""
    return entry._replace(text=f"{entry.text} (links: {entry.links})") if entry.links > 1 else entry


def digest(text: str) -> bytes:
    """Return the SHA-256 of a text, in which a name that is no UTF-8 is as it is on disk (PEP 383)."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def changed(marks: dict[str, Mark]) -> str | None:
    """Return a path that is no longer as it was when it was read; ``None`` where all are."""
    for path, mark in marks.items():
        try:
            if _mark(os.lstat(path)) != mark:
                return path
        except OSError:
            return path
    return None


def _special(parent: int, name: str, path: str) -> tuple[Entry, Mark]:
    """Return what is neither a directory nor a file."""
    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    kind, mode = stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)
    attributes = _attributes(path)
    if kind == stat.S_IFLNK:
        text = f"link{attributes} {_text(os.readlink(name, dir_fd=parent))}"
    elif kind == stat.S_IFSOCK:  # fsutil takes the kind away, cannot open it, and sends an empty file
        text = f"file {mode:o}{attributes} {_EMPTY}"
    elif kind == stat.S_IFIFO:
        text = f"fifo {mode:o}{attributes}"
    elif kind in _DEVICES:
        text = f"{_DEVICES[kind]} {mode:o}{attributes} {os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    else:
        raise OSError(errno.ESTALE, _REPLACED)
    return Entry(text), _mark(status)


def file_entry(parent: int, name: str) -> tuple[Entry, Mark]:
    """Return a file, read to its end; raises OSError, also where it is a file no more."""
    descriptor = os.open(name, _OPEN, dir_fd=parent)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.ESTALE, _REPLACED)
        content, size = _hashed(descriptor, status.st_size)
        text = f"file {stat.S_IMODE(status.st_mode):o}{_attributes(descriptor)} {content}"
    finally:
        os.close(descriptor)
    return Entry(text, size, status.st_nlink), _mark(status)


def _hashed(descriptor: int, size: int) -> tuple[str, int]:
    """Return the SHA-256 of what can be read, and how many bytes that were; ``size`` is what is expected."""
    content = os.read(descriptor, min(size, _PIECE) + 1)
    if len(content) == size:  # one more was asked for: this is the end
        return hashlib.sha256(content).hexdigest(), size
    made, read = hashlib.sha256(), 0
    while content:
        made.update(content)
        read += len(content)
        content = os.read(descriptor, _PIECE)
    return made.hexdigest(), read


def _attributes(place: int | str) -> str:
    """Return the extended attributes that count for BuildKit's cache."""
    if _LISTXATTR is None:
        return ""
    follow = isinstance(place, int)
    try:
        names = _LISTXATTR(place, follow_symlinks=follow)
    except OSError:  # a file system without any
        return ""
    if not names:
        return ""
    counted = sorted(name for name in names if name == _CAPABILITY or not name.startswith(_UNCOUNTED))
    return "".join(f" {_text(name)}={os.getxattr(place, name, follow_symlinks=follow).hex()}" for name in counted)


def _mark(status: os.stat_result) -> Mark:
    return (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _text(name: str) -> str:
    """Return a name as UTF-8 has it, whatever the locale: BuildKit compares bytes."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "surrogateescape")


@contextmanager
def _opened(path: str) -> Iterator[int]:
    try:
        descriptor = os.open(path, _OPEN | os.O_DIRECTORY)
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)
