"""What was measured, as JSON that is kept and as the page that is read; pure."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from question import Row
from rows import Point

HEAD = """\
# What docker-push costs beside the bare tools

Written by `nox -s bench`; do not edit. Both sides of a row are measured by turns in one run, on one engine and one registry;
times are medians, after a round that does not count, with the range and the number of rounds. Rows may be of several runs on the
machine below. What counts are the ratios: another machine, or a registry that is far away, has other seconds.
[What keeps the ratios that are not reached](limits.md) is told apart.
"""


@dataclass(frozen=True)
class Results:
    """One run of the benchmark: where it ran, its rows, and the points of the plot."""

    machine: Mapping[str, str]
    rows: Sequence[Row] = ()
    curve: Sequence[Point] = field(default_factory=tuple)


def to_json(results: Results) -> str:
    """Return the results as they are kept."""
    return f"{json.dumps(asdict(results), indent=1, ensure_ascii=False)}\n"


def from_json(text: str) -> Results:
    """Read what ``to_json`` wrote."""
    found = json.loads(text)
    rows = [Row(**row | {side: tuple(row[side]) for side in ("ours", "theirs")}) for row in found["rows"]]
    return Results(found["machine"], rows, [Point(**point) for point in found["curve"]])


def of_one_machine(kept: Results, new: Results) -> Results:
    """Return the results to go on with: those that are kept, where machine and versions are the same, or none."""
    return kept if kept.machine == new.machine else new


def joined(results: Results, row: Row, order: Sequence[str]) -> Results:
    """Return the results with a row, instead of the one of its name; ``order`` are the names of all rows."""
    rows = [*(one for one in results.rows if one.name != row.name), row]
    return replace(results, rows=sorted(rows, key=lambda one: order.index(one.name)))


def ratio(row: Row) -> float:
    """Return how the medians of both sides stand to each other."""
    return statistics.median(row.ours) / statistics.median(row.theirs)


def page(results: Results, plot: str) -> str:
    """Return the page with everything that was measured; ``plot`` is the name of the picture beside it."""
    parts = [HEAD, table(results.rows)]
    if results.curve:
        parts.append(f"![Seconds against the number of unchanged images]({plot})\n")
        parts.append(_table(("images, unchanged", "docker-push", "bake, warm"), map(_point, results.curve)))
    parts.append(_table(("where", ""), results.machine.items()))
    return "\n".join(parts)


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a table of Markdown."""
    head = ("work", "against", "docker-push", "bare", "ratio", "to reach", "reached")
    return _table(head, map(_cells, rows))


def line(row: Row) -> str:
    """Return one row for a terminal."""
    _, _, ours, theirs, found, target, reached = _cells(row)
    return f"{row.name:<12} {row.work}: {ours}, {row.against}: {theirs}; ratio {found} (to reach {target}: {reached})"


def _cells(row: Row) -> tuple[str, ...]:
    ours, theirs = (_shown(values, row.unit) for values in (row.ours, row.theirs))
    reached = "yes" if ratio(row) <= row.target else "no"
    return row.work, row.against, ours, theirs, f"{ratio(row):.2f}", f"≤ {row.target:g}", reached


def _shown(values: Sequence[float], unit: str) -> str:
    """Return the median, with the range and the number of rounds where there are several."""
    low, high = min(values), max(values)
    spread = f" ({_number(low)}–{_number(high)}, {len(values)}×)" if len(values) > 1 else ""
    return f"{_number(statistics.median(values))} {unit}{spread}"


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"  # noqa: PLR2004 - three digits


def _point(point: Point) -> tuple[str, ...]:
    return str(point.images), f"{_number(point.ours)} s", f"{_number(point.theirs)} s"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
