"""Measure docker-push beside the bare tools, by turns in one run, and write the page of results and its plot.

Needs an engine and a registry: `REGISTRY` names it, as `./scripts/engine up bench --format shell` prints.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import machine
import plot
import results
from bench import QUICK, Bench, Sizes
from question import Row
from results import Results
from rows import ROWS, curve

HERE = Path(__file__).parent
CURVE = "curve"
DATA, PAGE, PICTURE = "results.json", "results.md", "cost.svg"


def main() -> None:
    """Run the rows that are asked for; a whole run of the full size writes the page."""
    given = _parsed()
    if given.render:
        write(results.from_json((HERE / DATA).read_text("utf-8")), HERE)
        return
    registry = os.environ.get("REGISTRY") or sys.exit(
        "REGISTRY is not set: run ./scripts/engine up bench --format shell"
    )
    names = [name for name in given.only or ROWS if name != CURVE]
    with tempfile.TemporaryDirectory(prefix="docker-push-bench-") as folder:
        sizes = QUICK if given.quick else Sizes()
        bench = Bench(Path(folder).resolve(), registry, given.rounds or (1 if given.quick else 5), sizes)
        output = given.output or (None if given.only or given.quick else HERE)
        found = Results(machine.described(bench.environ))
        if output and given.only and (output / DATA).exists():
            found = results.of_one_machine(results.from_json((output / DATA).read_text("utf-8")), found)
        for name in names:
            found = results.joined(found, _measured(name, bench), [*ROWS])
            if output:  # at once: a run takes the better part of an hour
                write(found, output)
        if not given.only or CURVE in given.only:
            found = replace(found, curve=curve(bench))
            if output:
                write(found, output)


def write(found: Results, folder: Path) -> None:
    """Write what is kept, the page, and the plot where there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.joinpath(DATA).write_text(results.to_json(found), "utf-8")
    folder.joinpath(PAGE).write_text(results.page(found, PICTURE), "utf-8")
    if found.curve:
        title = "Seconds to publish a commit that changes no image"
        folder.joinpath(PICTURE).write_text(plot.svg(found.curve, title), "utf-8")


def _measured(name: str, bench: Bench) -> Row:
    row = ROWS[name](bench)
    print(results.line(row), flush=True)
    return row


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, help="rounds that count (default: 5, quick: 1)")
    choices = [*ROWS, CURVE]
    parser.add_argument("--only", action="append", choices=choices, metavar="NAME", help=f"one of {', '.join(choices)}")
    parser.add_argument("--quick", action="store_true", help="few images: shows that the rows work, and no more")
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="write the results there, beside other rows of one machine"
    )
    parser.add_argument(
        "--render", action="store_true", help="measure nothing: write page and plot of the last run again"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
