"""The trend of a check as a small picture: what it observed over the history, with the failures marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from checks.markup import Markup, escaped
from checks.plain_values import Plain
from checks.quality_report import Point
from checks.quality_words import counted, moment, value_text

WIDTH, HEIGHT, _MARGIN = 120, 28, 4


def trend_svg(points: Sequence[Point], *, drawn: int) -> Markup | None:
    """The newest ``drawn`` points as SVG; None where there is nothing to see: too few, or all passed without a number.

    A line where numbers were observed, or rows counted that fail; otherwise a stroke for each time. What failed is
    marked by shape as well as by colour.
    """
    shown = points[-drawn:]
    if len(shown) < 2:
        return None
    what, series = _series(shown)
    if not what and all(point.status == "passed" for point in shown):
        return None
    xs = [round(_MARGIN + at * (WIDTH - 2 * _MARGIN) / (len(shown) - 1)) for at in range(len(shown))]
    marks = _line(shown, xs, series) if what else _strokes(shown, xs)
    title, description = _words(points, shown, what, series)
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{escaped(title)}</title>'
        f"<desc>{escaped(description)}</desc>{marks}</svg>"
    )


def number_of(value: Plain) -> float | None:
    """A value as a number that can be drawn; None for any other."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _series(points: Sequence[Point]) -> tuple[str, list[float | None]]:
    observed = [number_of(point.observed) for point in points]
    if sum(value is not None for value in observed) > 1:
        return "observed", observed
    failing = [None if point.failing is None else float(point.failing) for point in points]
    if any(failing):
        return "rows that fail", failing
    return "", []


def _line(points: Sequence[Point], xs: Sequence[int], series: Sequence[float | None]) -> str:
    numbers = [value for value in series if value is not None]
    low, high = min(numbers), max(numbers)
    scale = max(abs(low), abs(high))  # differences of large numbers may be larger than a float
    span = high / scale - low / scale if scale else 0.0

    def y(value: float) -> int:
        part = (value / scale - low / scale) / span if span else 0.5
        return round(HEIGHT - _MARGIN - part * (HEIGHT - 2 * _MARGIN))

    places = [None if value is None else (x, y(value)) for x, value in zip(xs, series, strict=True)]
    lines = f'<path class="l" d="{_path(places)}"/>'
    marks = "".join(
        _mark(point, x, HEIGHT // 2 if value is None else y(value))
        for point, x, value in zip(points, xs, series, strict=True)
        if point.status != "passed"
    )
    return lines + marks


def _path(places: Sequence[tuple[int, int] | None]) -> str:
    """A line through the places, broken where there is none; in steps from one to the next, which are short to write.

    >>> _path([(4, 9), (6, 8), None, (10, 8), (12, 12)])
    'M4 9l2-1M10 8l2 4'
    """
    path = ""
    last: tuple[int, int] | None = None
    for place in places:
        if place is not None and last is None:
            path += f"M{place[0]} {place[1]}"
        elif place is not None and last is not None:
            path += f"l{place[0] - last[0]} {place[1] - last[1]}".replace(" -", "-")
        last = place
    return path


def _mark(point: Point, x: int, y: int) -> str:
    if point.status == "cannot be judged":
        return f'<path class="e" d="M{x - 2},{y - 2}l4,4m0,-4l-4,4"/>'
    return f'<circle cx="{x}" cy="{y}" r="3"/>'


def _strokes(points: Sequence[Point], xs: Sequence[int]) -> str:
    good = "".join(f"M{x},12v8" for x, point in zip(xs, points, strict=True) if point.status == "passed")
    bad = "".join(_mark(point, x, 8) for x, point in zip(xs, points, strict=True) if point.status != "passed")
    return (f'<path class="s" d="{good}"/>' if good else "") + bad


def _words(
    points: Sequence[Point], shown: Sequence[Point], what: str, series: Sequence[float | None]
) -> tuple[str, str]:
    bad = [point for point in shown if point.status != "passed"]
    judged = counted(len(shown), "judgement")
    judged = counted(len(shown), "judgement")
    title = f"{len(bad):,} of {judged} did not pass" if bad else f"{judged} passed"
    left = f"; the newest of {len(points):,}" if len(points) > len(shown) else ""
    said = [f"{shown[0].at.date()} to {shown[-1].at.date()}{left}"]
    numbers = [value for value in series if value is not None]
    if numbers:
        said.append(
            f"{what} {value_text(min(numbers))} to {value_text(max(numbers))}, last {value_text(numbers[-1])}"
        )
    if bad:
        said.append(f"last not passed {moment(bad[-1].at)}")
    return title, "; ".join(said)
