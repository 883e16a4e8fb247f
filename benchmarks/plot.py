"""The cost of unchanged images against their number, as a picture; pure.

A line for each side, named at its end; the colours follow the reader's light or dark scheme.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from rows import Point

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 56, 128, 44, 48
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #52514e } .title { font-size: 15px; font-weight: 600; fill: #0b0b0b }
.grid { stroke: #e4e3df } .line { fill: none; stroke-width: 2; stroke-linejoin: round }
.ours { stroke: #2a78d6 } .theirs { stroke: #d9622b } .dot { stroke: #fcfcfb; stroke-width: 2 }
.dot.ours { fill: #2a78d6 } .dot.theirs { fill: #d9622b }
.name { fill: #0b0b0b; font-weight: 600 } .back { fill: #fcfcfb }
@media (prefers-color-scheme: dark) {
text { fill: #c3c2b7 } .title, .name { fill: #ffffff } .grid { stroke: #383835 } .back { fill: #1a1a19 }
.ours { stroke: #3987e5 } .theirs { stroke: #e07a45 } .dot { stroke: #1a1a19 }
.dot.ours { fill: #3987e5 } .dot.theirs { fill: #e07a45 } }
"""


def svg(points: Sequence[Point], title: str) -> str:
    """Return the picture of some points, sorted by their number of images."""
    images = [point.images for point in points]
    highest = max(max(point.ours, point.theirs) for point in points)
    step = tick(highest)
    top = step * math.ceil(highest / step)

    def x(number: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * number / max(images)

    def y(seconds: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * seconds / top

    parts = [f'<rect class="back" width="{WIDTH}" height="{HEIGHT}"/>', _text(16, 26, title, "title")]
    for count in range(round(top / step) + 1):
        height = y(count * step)
        parts.append(f'<path class="grid" d="M{LEFT} {height:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 8, height + 4, f"{count * step:g} s", anchor="end"))
    parts += [_text(x(number), HEIGHT - BOTTOM + 20, str(number), anchor="middle") for number in images]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "images, all unchanged", anchor="middle"))
    for name, kind in (("bake, warm", "theirs"), ("docker-push", "ours")):
        places = [(x(point.images), y(getattr(point, kind))) for point in points]
        parts += _line(places, kind)
        parts.append(_text(places[-1][0] + 12, places[-1][1] + 4, name, "name"))
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{escape(title)}</title>'
    return "\n".join([head, f"<style>{_STYLE}</style>", *parts, "</svg>", ""])


def tick(highest: float) -> float:
    """Return the distance of the lines behind: 1, 2 or 5 of a power of ten, so that there are at most six."""
    power = 10.0 ** math.floor(math.log10(highest / 5))
    return next(power * times for times in (1, 2, 5, 10) if power * times * 5 >= highest)


def _line(places: Iterable[tuple[float, float]], kind: str) -> list[str]:
    places = list(places)
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = [f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>' for x, y in places]
    return [f'<path class="line {kind}" d="M{path}"/>', *dots]


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}>{escape(text)}</text>'
