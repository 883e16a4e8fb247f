"""What was given on the command line as values, checked where no option of a run does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from docker_push.errors import ConfigError
from docker_push.options import Flags

_DIGITS = 6  # of a number of jobs


def flags_of(given: Mapping[str, Any]) -> Flags:
    """Return what was given as the flags that options are resolved from."""
    return Flags(
        images=tuple(given.get("image") or ()),
        platforms=tuple(given.get("platform") or ()),
        version=given.get("version"),
        domain=given.get("domain"),
        repository=given.get("repository"),
        changed_since=given.get("changed_since"),
        builder=given.get("builder"),
        tags=tuple(given.get("tag") or ()),
        rebuild=bool(given.get("rebuild")),
        allow_dirty=bool(given.get("allow_dirty")),
        allow_older=bool(given.get("allow_older")),
        force=bool(given.get("force")),
        keep_going=bool(given.get("keep_going")),
        require_push=bool(given.get("require_push")),
        no_preflight=bool(given.get("no_preflight")),
        allow_secret_args=tuple(given.get("allow_secret_arg") or ()),
    )


def as_part(flags: Flags, folders: Sequence[str]) -> Flags:
    """Return the flags of a run that stages a part: --platform is the one that it builds, and not all that the images are for.

    Without a folder they stay as they are. Raises ConfigError where it is not one folder and one platform.
    """
    if not folders:
        return flags
    if len(folders) > 1 or len(flags.platforms) != 1 or not folders[0]:
        hint = "Give each once, as in --platform linux/arm64 --part parts."
        raise ConfigError("a part is one --platform, and one folder for --part", hint=hint)
    return replace(flags, platforms=(), part=flags.platforms[0])


def part_paths(folder: Path, given: Sequence[str]) -> tuple[Path, ...]:
    """Return where the parts of a merge are; raises ConfigError where nothing says it."""
    if not given or "" in given:
        hint = "Give it the folders or files that docker.stage --part wrote."
        raise ConfigError("docker.merge has no --part, or an empty one", hint=hint)
    return tuple(folder / path for path in given)


def one_of(flag: str, value: str, allowed: Sequence[str]) -> None:
    """Refuse a value that is none of those that are allowed; raises ConfigError."""
    if value not in allowed:
        raise ConfigError(f"{flag} {value!r} is not known", hint=f"Give one of: {', '.join(allowed)}.")


def whole_number(flag: str, value: str | None) -> int | None:
    """Return a number of one or more, ``None`` where none is given; raises ConfigError for anything else."""
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS and int(value)):
        raise ConfigError(f"{flag} {value[:20]!r} is no number", hint=f"Give a whole number, as in {flag} 50.")
    return int(value)
