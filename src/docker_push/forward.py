"""The forward-only rule: a moving tag never goes back to an older commit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a moving tag may be put on our commit's bytes.

    ``why`` is the reason where it may not, and a warning where it may although nothing could be known. ``newer`` is the
    commit that published what stands there, where that is newer than ours.
    """

    moves: bool
    why: str = ""
    newer: str | None = None
