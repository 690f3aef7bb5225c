"""The pictures of a report, as SVG: as wide as their place, with letters of one size on phone and desk.

What stands on the axis of time is placed in percent, and the bars stretch in an inner picture of one unit for each
hour. svg.py writes what it is given as it is, so every text is escaped here.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import svg
from markupsafe import Markup, escape

HEIGHT, FOOT, HEAD = 170, 34, 18  # of a picture: the bars, the days under them, and what is above; in CSS pixels
MAX_LABELS = 8  # days that are named under a picture: more would overlap on a phone
DELAY_TICKS = (1.0, 10.0, 60.0, 600.0, 3600.0, 21600.0, 86400.0, 864000.0)  # seconds


class Mark(NamedTuple):
    """A line across a picture, at a share of its height, and what stands on it."""

    share: float
    text: str


class Bar(NamedTuple):
    """One hour: parts from bottom to top, each from where to where (shares of the height), and what is told of it."""

    spans: tuple[tuple[str, float, float], ...]  # with the class of each
    title: str


class Day(NamedTuple):
    """A day under a picture: how many hours it has, and its two lines."""

    hours: int
    name: str
    date: str


def over_time(bars: Sequence[Bar], marks: Sequence[Mark], days: Sequence[Day], title: str) -> Markup:
    """Return a picture with a bar for each hour, the days under it."""
    return _markup(
        svg.SVG(
            class_=["plot"],
            width=_percent(1),
            height=HEAD + HEIGHT + FOOT,
            extra={"role": "img"},
            elements=[
                svg.Title(text=escape(title)),
                *_lines(marks),
                *_named(days, len(bars)),
                _stretched(bars),
                *_texts(marks),
            ],
        )
    )


def share_of(part: float, whole: float, css: str = "main") -> Markup:
    """Return a bar in a table."""
    share = part / whole if whole else 0.0
    bar = svg.Rect(class_=[css], width=_percent(share), height=_percent(1), rx=2)
    return _markup(
        svg.SVG(class_=["share"], width=_percent(1), height=10, elements=[bar], extra={"aria-hidden": "true"})
    )


def count_marks(most: int) -> tuple[float, list[tuple[float, int]]]:
    """Return what the top of a picture of numbers is, and the lines of it: share of the height, and number."""
    step = 1
    while step * 3 < most:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    top = max(1, math.ceil(most / step)) * step
    return top, [(number / top, number) for number in range(step, top + 1, step)]


def delay_share(seconds: float, most: float) -> float:
    """Return how high a delay stands in a picture: each step up is a multiple of the one before."""
    return math.log1p(min(seconds, most)) / math.log1p(most) if most else 0.0


def _lines(marks: Sequence[Mark]) -> list[svg.Element]:
    """Return the lines across, with the ground."""
    found: list[svg.Element] = []
    for mark in (*marks, Mark(0.0, "")):
        y = _height_of(mark)
        found.append(svg.Line(class_=["rule" if mark.text else "ground"], x1=0, x2=_percent(1), y1=y, y2=y))
    return found


def _texts(marks: Sequence[Mark]) -> list[svg.Element]:
    """Return what stands on the lines, over the bars."""
    return [svg.Text(class_=["mark"], x=0, y=_height_of(mark) - 4, text=escape(mark.text)) for mark in marks]


def _height_of(mark: Mark) -> Decimal:
    return _decimal(HEAD + HEIGHT * (1 - mark.share))


def _named(days: Sequence[Day], hours: int) -> list[svg.Element]:
    found: list[svg.Element] = []
    each, begin = math.ceil(len(days) / MAX_LABELS), 0
    for number, day in enumerate(days):
        if number:
            edge = _percent(begin / hours)
            found.append(svg.Line(class_=["rule"], x1=edge, x2=edge, y1=HEAD, y2=HEAD + HEIGHT))
        # A day of which only the first hours are there has no place for its name, unless it is the only one.
        if number % each == 0 and (day.hours >= 10 or len(days) == 1):
            middle = _percent((begin + day.hours / 2) / hours)
            for line, text in enumerate((day.name, day.date), 1):
                y = HEAD + HEIGHT + 1 + line * 15
                found.append(svg.Text(class_=["day"], x=middle, y=y, text_anchor="middle", text=escape(text)))
        begin += day.hours
    return found


def _stretched(bars: Sequence[Bar]) -> svg.SVG:
    """Return the bars; a thin one is still seen, as nothing is thinner than a screen's own point."""
    elements: list[svg.Element] = []
    for number, bar in enumerate(bars):
        if not bar.spans:
            continue
        parts: list[svg.Element] = [svg.Title(text=escape(bar.title))]
        for css, low, high in bar.spans:
            height = max(HEIGHT * (high - low), 1.5)
            y = min(HEIGHT * (1 - high), HEIGHT - height)
            parts.append(
                svg.Rect(class_=[css], x=number, y=_decimal(y), width=Decimal("0.86"), height=_decimal(height))
            )
        elements.append(svg.G(elements=parts))
    return svg.SVG(
        y=HEAD,
        width=_percent(1),
        height=HEIGHT,
        viewBox=svg.ViewBoxSpec(0, 0, len(bars), HEIGHT),
        preserveAspectRatio=svg.PreserveAspectRatio("none"),
        elements=elements,
    )


def _percent(share: float) -> svg.Length:
    return svg.Length(_decimal(share * 100), "%")


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.2f}")


def _markup(picture: svg.SVG) -> Markup:
    return Markup(picture.as_str())  # numbers, and what is escaped above
