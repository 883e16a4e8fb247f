"""A row of the table: what is asked, and what was measured of both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from measure import Cost, Side, by_turns

SECONDS, MEMORY = "s", "MiB"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured: every round of both sides, in ``unit``; ``target`` is the ratio of their medians to reach."""

    name: str
    work: str
    against: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    target: float
    unit: str = SECONDS


@dataclass(frozen=True, kw_only=True)
class Question:
    """A row that is still to be measured."""

    name: str
    work: str
    against: str
    target: float

    def timed(self, rounds: int, ours: Side, theirs: Side, times: int = 1, *, warm: bool = True) -> Row:
        """Measure the wall time of both sides, the bare one counted ``times`` times; ``warm``: after a round that does not count."""
        first, second = by_turns(rounds, ours, theirs, warm=warm)
        return self._row([one.seconds for one in first], [times * one.seconds for one in second], SECONDS)

    def peaks(self, ours: Side, theirs: Side) -> Row:
        """Measure the peak memory of both sides, once."""
        first, second = by_turns(1, ours, theirs)
        return self._row([one.peak / 1024 for one in first], [one.peak / 1024 for one in second], MEMORY)

    def _row(self, ours: Iterable[float], theirs: Iterable[float], unit: str) -> Row:
        return Row(
            name=self.name,
            work=self.work,
            against=self.against,
            target=self.target,
            ours=tuple(ours),
            theirs=tuple(theirs),
            unit=unit,
        )


def after(prepare: Callable[[], object], side: Side) -> Side:
    """Return a side that is prepared before each run; only the run counts."""

    def run() -> Cost:
        prepare()
        return side()

    return run
