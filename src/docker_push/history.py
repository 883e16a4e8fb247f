"""What the remote's branch says of our commit: whether it is the tip, and which commits came after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from docker_push.context import Context
from docker_push.process import Runner


class Relation(str, Enum):
    """How our commit stands to the tip of the remote's branch."""

    TIP = "tip"  # it is the tip
    BEHIND = "behind"  # the tip descends from it
    AHEAD = "ahead"  # it descends from the tip: not pushed yet
    DIVERGED = "diverged"  # neither: a force push took it off the branch, or it never was on it
    ALONE = "alone"  # no remote has such a branch: nobody can be newer
    UNKNOWN = "unknown"  # the history is not to be had


@dataclass(frozen=True, kw_only=True)
class History:
    """What was seen of the remote's branch.

    ``ref`` is what was asked for, as in ``refs/heads/main``. ``newer`` are the commits in ``ours..tip``, the newest first;
    empty unless our commit is behind. ``why`` says in a sentence's words what an UNKNOWN or DIVERGED relation comes from.
    """

    ref: str
    relation: Relation
    tip: str | None = None
    newer: tuple[str, ...] = ()
    why: str = ""


def observe(context: Context, runner: Runner, folder: Path, environ: Mapping[str, str]) -> History:  # noqa: ARG001
    """Return what the remote's branch says; it is not asked yet."""
    return History(ref=f"refs/heads/{context.branch}", relation=Relation.TIP)
