"""build.toml as frozen models, with every error of it at once.

``load`` and ``parse`` are the doors. Inside: ``layout`` and ``source`` read the text and know its lines, ``grammar`` and
``values`` hold single values to their rules, ``table``, ``tables``, ``cache`` and ``builders`` are the models, ``rules`` and
``places`` what holds between tables, ``files`` what holds on disk, ``fields`` and ``findings`` say what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from docker_push.config import files, rules
from docker_push.config.builders import BuilderTable, NodeTable
from docker_push.config.cache import CacheTable
from docker_push.config.findings import Problem, report, translate
from docker_push.config.source import MAX_BYTES, Source, read, table_at
from docker_push.config.table import Table
from docker_push.config.tables import (
    BuildFile,
    BuildTable,
    ProjectTable,
    RegistryTable,
    RetryTable,
    SecretTable,
    SshTable,
    TagsTable,
)
from docker_push.errors import ConfigError

__all__ = [
    "BuildFile",
    "BuildTable",
    "BuilderTable",
    "CacheTable",
    "NodeTable",
    "ProjectTable",
    "RegistryTable",
    "RetryTable",
    "SecretTable",
    "SshTable",
    "Table",
    "TagsTable",
    "image_lines",
    "load",
    "locate",
    "parse",
    "place",
]


def parse(text: bytes, name: str) -> BuildFile:
    """Read the text of a build.toml, called ``name`` in messages; raises ConfigError, with every finding at once.

    Paths are checked by their spelling alone: ``load`` looks at the disk.
    """
    return _validated(read(text, name), ())


def load(path: Path, root: Path) -> BuildFile:
    """Read the build.toml at ``path``, whose paths are relative to ``root``; raises ConfigError, as ``parse`` does.

    No path of it leads out of ``root``, also not by a symbolic link, and every Dockerfile that it names exists.
    """
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    source = read(_content(path, name), name)
    return _validated(source, files.problems(source.data, root))


def locate(path: Path, root: Path, image: str, *keys: str) -> str:
    """Return where a key of an image stands, as in ``build.toml:12 [images.api] args.TOKEN``: its own table or [defaults].

    ``path`` is a build.toml that was loaded before.
    """
    source = _again(path, root)
    written = next((key for key in table_at(source.data, ("images",)) if key.lower() == image), image)
    own, shared = ("images", written, *keys), ("defaults", *keys)
    return source.where(shared if source.holds(shared) and not source.holds(own) else own)


def image_lines(path: Path, root: Path) -> dict[str, int]:
    """Return image name -> the line of its table in a build.toml that was loaded before."""
    source = _again(path, root)
    return {str(key).lower(): source.line(("images", key)) for key in table_at(source.data, ("images",))}


def place(path: Path, root: Path, *keys: str | int) -> str:
    """Return where a key stands, as in ``build.toml:12 [[builder.nodes]] 1 ca``; ``path`` was loaded before."""
    return _again(path, root).where(keys)


def _again(path: Path, root: Path) -> Source:
    """Return a build.toml that was loaded before, with its lines."""
    name = path.relative_to(root).as_posix()
    return read(_content(path, name), name)


def _content(path: Path, name: str) -> bytes:
    try:
        if path.is_fifo():  # reading would wait for somebody to write
            raise ConfigError(f"{name} is not a file", hint="Put build.toml there as a file.")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        hint = 'Run the command where it is, or write one: [images.NAME] with dockerfile = "Dockerfile".'
        raise ConfigError(f"{name} cannot be read: {error.strerror}", hint=hint) from None


def _validated(source: Source, further: Iterable[Problem]) -> BuildFile:
    problems = [*rules.problems(source.data), *further]
    try:
        file = BuildFile.model_validate(source.data, by_alias=True, by_name=False)
    except ValidationError as error:
        raise report(source, [*problems, *translate(error, BuildFile)]) from None
    if problems:
        raise report(source, problems)
    return file
