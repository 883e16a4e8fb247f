"""The benchmark's page and plot, made of numbers that are known: what they say of them is right."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

import plot
import results
from measure import Cost, by_turns
from question import MEMORY, Row
from results import Results
from rows import Point

SLOW = Row(
    name="slow", work="50 images", against="`bake`", ours=(3.0, 1.0, 2.0), theirs=(2.0, 2.0, 2.0), target=0.9, unit="s"
)
SMALL = Row(name="small", work="memory", against="buildx", ours=(60.0,), theirs=(120.0,), target=1.5, unit=MEMORY)
CURVE = (Point(1, 0.4, 1.2), Point(25, 0.5, 11.0), Point(50, 0.6, 23.0))
FOUND = Results({"Machine": "a machine", "buildx": "0.29"}, [SLOW, SMALL], CURVE)
SVG = "{http://www.w3.org/2000/svg}"


def test_a_row_says_medians_ranges_their_ratio_and_whether_it_was_reached():
    assert results.table([SLOW, SMALL]).splitlines()[2:] == [
        "| 50 images | `bake` | 2.00 s (1.00–3.00, 3×) | 2.00 s (2.00–2.00, 3×) | 1.00 | ≤ 0.9 | no |",
        "| memory | buildx | 60.0 MiB | 120 MiB | 0.50 | ≤ 1.5 | yes |",
    ]


def test_a_ratio_that_is_just_met_is_reached():
    assert "| yes |" in results.table([Row(name="x", work="", against="", ours=(9.0,), theirs=(10.0,), target=0.9)])


def test_the_page_holds_every_row_the_plot_and_where_it_was_measured():
    page = results.page(FOUND, "cost.svg")

    assert results.table(FOUND.rows) in page
    assert "times are medians" in page
    assert "(cost.svg)" in page
    assert "| 50 | 0.60 s | 23.0 s |" in page
    assert "| buildx | 0.29 |" in page


def test_a_page_without_a_plot_shows_none():
    assert "cost.svg" not in results.page(Results({}, [SLOW]), "cost.svg")


def test_what_is_kept_gives_the_same_page_again():
    kept = results.from_json(results.to_json(FOUND))

    assert results.page(kept, "cost.svg") == results.page(FOUND, "cost.svg")


def test_a_new_row_takes_the_place_of_the_one_of_its_name_and_stands_in_its_order():
    again = replace(SLOW, ours=(9.0,))

    assert results.joined(FOUND, again, ["small", "slow"]).rows == [SMALL, again]
    assert results.joined(Results({}), again, ["small", "slow"]).rows == [again]


def test_rows_of_another_machine_are_not_kept():
    assert results.of_one_machine(FOUND, Results(FOUND.machine)) == FOUND
    assert results.of_one_machine(FOUND, Results({"Machine": "another"})).rows == ()


def drawn(title: str = "") -> ET.Element:
    return ET.fromstring(plot.svg(CURVE, title))  # noqa: S314 - our own


def test_the_plot_has_a_named_line_for_each_side_and_a_dot_for_each_measure():
    picture = drawn("cost & number")
    texts = [text.text for text in picture.iter(f"{SVG}text")]

    assert texts[0] == "cost & number"
    assert {"docker-push", "bake, warm", "0 s", "25 s", "1", "50"} <= set(texts)
    for side in ("ours", "theirs"):
        dots = [dot for dot in picture.iter(f"{SVG}circle") if dot.get("class") == f"dot {side}"]
        assert len(dots) == len(CURVE)
    assert "prefers-color-scheme: dark" in plot.svg(CURVE, "")


def test_what_takes_longer_is_drawn_higher_and_inside_the_picture():
    picture = drawn()
    heights = [float(dot.get("cy", "")) for dot in picture.iter(f"{SVG}circle") if dot.get("class") == "dot theirs"]

    assert heights == sorted(heights, reverse=True)
    assert all(plot.TOP <= height <= plot.HEIGHT - plot.BOTTOM for height in heights)


@pytest.mark.parametrize(
    ("highest", "step"), [(0.4, 0.1), (0.6, 0.2), (1.0, 0.2), (5.0, 1.0), (23.0, 5.0), (40.0, 10.0), (260.0, 100.0)]
)
def test_the_lines_behind_are_few_and_at_round_numbers(highest: float, step: float):
    assert plot.tick(highest) == pytest.approx(step)


def test_both_sides_go_by_turns_and_the_first_round_does_not_count():
    order: list[str] = []

    def side(name: str) -> Cost:
        order.append(name)
        return Cost(float(len(order)), 0)

    ours, theirs = by_turns(2, lambda: side("ours"), lambda: side("theirs"))

    assert order == ["theirs", "ours", "ours", "theirs", "theirs", "ours"]
    assert [one.seconds for one in ours] == [3.0, 6.0]
    assert [one.seconds for one in theirs] == [4.0, 5.0]
