"""The forward-only rule: a moving tag never goes back to an older commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from docker_push.history import History
from docker_push.references import Digest, Repository, Tag
from docker_push.registry import Client, Descriptor


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a moving tag may be put on our commit's bytes.

    ``why`` is the reason where it may not, and a warning where it may although nothing could be known. ``newer`` is the
    commit that published what stands there, where that is newer than ours.
    """

    moves: bool
    why: str = ""
    newer: str | None = None


def judge(
    client: Client,  # noqa: ARG001
    repository: Repository,  # noqa: ARG001
    tag: Tag,  # noqa: ARG001
    before: Descriptor,  # noqa: ARG001
    ours: Digest,  # noqa: ARG001
    history: History,  # noqa: ARG001
    commit_tag: Callable[[str], Tag],  # noqa: ARG001
) -> Verdict:
    """Tell whether a moving tag may be put on our bytes; nothing is held back yet."""
    return Verdict(moves=True)
