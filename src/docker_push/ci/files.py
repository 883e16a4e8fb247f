"""The files of a CI on disk: found and read within bounds, written all or none. The one place that touches them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from docker_push.ci import scaffold
from docker_push.ci.document import MAX_BYTES, read
from docker_push.ci.model import Said
from docker_push.ci.reading import github, gitlab
from docker_push.errors import ConfigError
from docker_push.matrix import INCLUDED

_MOST = 500  # files of one CI
_OWN_MODE = {scaffold.SCRIPT: 0o755}


@dataclass(frozen=True, kw_only=True)
class Found:
    """Path -> text of a CI's files, and the includes that were not looked at."""

    texts: dict[str, str]
    unread: tuple[Said, ...] = ()


def top(folder: Path) -> Path:
    """Return the top of the repository that a folder is in, where its CI's files are; the folder itself outside of one."""
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), folder)


def find(root: Path) -> Found:
    """Read every file of a CI below a repository's top; raises ConfigError for one that cannot be read.

    A link that leads out of the repository is not followed: such a file is said not to have been looked at.
    """
    root = root.resolve()
    texts: dict[str, str] = {}
    unread: list[Said] = []
    for name in _workflows(root):
        _take(root, name, texts, unread)
    _take(root, gitlab.FILE, texts, unread)
    if gitlab.FILE in texts:
        _includes(root, gitlab.FILE, texts, unread)
        _take(root, INCLUDED, texts, unread)
    _take(root, scaffold.SCRIPT, texts, unread)
    return Found(texts=texts, unread=tuple(unread))


def _workflows(root: Path) -> list[str]:
    folder = root / github.FOLDER
    if not folder.resolve().is_relative_to(root):
        raise ConfigError(
            f"{github.FOLDER} leads out of the repository", hint="Put a folder there; the link is not followed."
        )
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    found = [f"{github.FOLDER}/{name}" for name in names if name.endswith((".yml", ".yaml"))]
    if len(found) > _MOST:
        raise ConfigError(
            f"{github.FOLDER} has more than {_MOST} workflows", hint="Name what they share in fewer files."
        )
    return found


def _take(root: Path, name: str, texts: dict[str, str], unread: list[Said], at: Said | None = None) -> None:
    """Read one file into ``texts``; one that is not there is left out, unless something names it."""
    path = root / name
    try:
        if not path.resolve().is_relative_to(root):
            unread.append(Said(name, at.file if at else name, at.line if at else 1))
        elif path.is_file():
            texts[name] = _text(path, name)
        elif at is not None:
            unread.append(at)
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links, before Python 3.13
        cause = getattr(error, "strerror", None) or "its links lead nowhere"
        raise ConfigError(f"{name} cannot be read: {cause}", hint="Make it readable.") from None


def _text(path: Path, name: str) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES * 4 + 1)  # of four bytes a character at most
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: not UTF-8", hint="Save the file as UTF-8.") from None


def _includes(root: Path, name: str, texts: dict[str, str], unread: list[Said]) -> None:
    """Read what a pipeline includes, and what that includes; a broken file is told of when it is checked."""
    waiting = [name]
    while waiting and len(texts) < _MOST:
        current = waiting.pop(0)
        with suppress(ConfigError):
            for place, path in gitlab.local_includes(read(texts[current], current)):
                said = Said(place.text, current, place.line)
                if path is None or "*" in path or "$" in path:
                    unread.append(said)
                elif path not in texts:
                    _take(root, path, texts, unread, said)
                    waiting += [path] if path in texts else []


def write(root: Path, texts: Mapping[str, str]) -> None:
    """Write files, all of them or none; raises ConfigError. What a link leads to is written, and stays a link's."""
    root = root.resolve()
    targets = {(root / name).resolve(): (name, text) for name, text in texts.items()}
    outside = [name for path, (name, _) in targets.items() if not path.is_relative_to(root)]
    if outside:
        raise ConfigError(f"{outside[0]} leads out of the repository", hint="Put a file there; nothing was written.")
    halves: dict[Path, Path] = {}
    try:
        for path, (name, text) in targets.items():
            halves[path] = path.with_name(f".{path.name}.{os.getpid()}")
            _fill(halves[path], path, name, text)
        _replace(halves)
    except OSError as error:
        for half in halves.values():
            with suppress(OSError):  # it may not be there, nor its folder be one
                half.unlink()
        shown = error.filename or "a file"
        hint = "Make it writable, and run the same command again; nothing was written."
        raise ConfigError(f"{shown} cannot be written: {error.strerror}", hint=hint) from None


def _fill(half: Path, path: Path, name: str, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    half.write_bytes(text.encode("utf-8"))
    mode = path.stat().st_mode if path.exists() else _OWN_MODE.get(name)
    if mode is not None:
        half.chmod(mode & 0o7777)


def _replace(halves: Mapping[Path, Path]) -> None:
    """Put new files in place of old ones; where one cannot be, those before it are put back."""
    before: dict[Path, bytes | None] = {}
    try:
        for path, half in halves.items():
            old = path.read_bytes() if path.exists() else None
            half.replace(path)
            before[path] = old
    except OSError:
        for path, content in before.items():
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content)
        raise
