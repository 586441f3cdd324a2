"""What a history of figures lets one expect of the next: a range, at a stated rate of false alarms.

The range is the median, give or take some median absolute deviations. How many is simulated for independent normal
values: of few values both are known badly, and the limit has to be wide. All of it is pure, and needs no library.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

NORMAL = 1.4826
"""Median absolute deviations in a standard deviation of normal values."""

_RATES = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001)

# For so many normal values, how many standard deviations (as the median absolute deviation tells them) the next one
# lies from their median no more often than at each of those rates. Simulated: medians and deviations drawn 60,000 to
# 1,500,000 times, the tail of the next value being known exactly.
# fmt: off
_LIMITS = {
    5: (2.465, 3.949, 5.991, 9.999, 14.489, 20.801, 33.288, 47.444, 67.607, 107.478, 151.446),
    6: (2.066, 3.042, 4.206, 6.157, 8.050, 10.413, 14.477, 18.480, 23.533, 32.287, 40.827),
    7: (1.977, 2.914, 4.035, 5.918, 7.747, 10.035, 13.974, 17.851, 22.733, 31.286, 40.025),
    8: (1.819, 2.581, 3.428, 4.741, 5.925, 7.316, 9.548, 11.600, 14.039, 18.003, 21.693),
    9: (1.774, 2.518, 3.346, 4.632, 5.793, 7.158, 9.346, 11.355, 13.734, 17.571, 21.110),
    10: (1.689, 2.345, 3.042, 4.067, 4.947, 5.938, 7.457, 8.791, 10.312, 12.654, 14.714),
    11: (1.664, 2.310, 2.996, 4.008, 4.876, 5.857, 7.361, 8.686, 10.203, 12.547, 14.615),
    12: (1.609, 2.203, 2.815, 3.685, 4.407, 5.198, 6.372, 7.372, 8.484, 10.147, 11.566),
    13: (1.594, 2.182, 2.789, 3.651, 4.367, 5.152, 6.316, 7.307, 8.408, 10.055, 11.468),
    14: (1.557, 2.112, 2.670, 3.443, 4.069, 4.742, 5.721, 6.541, 7.442, 8.775, 9.908),
    15: (1.547, 2.097, 2.652, 3.420, 4.042, 4.711, 5.682, 6.492, 7.376, 8.671, 9.754),
    16: (1.518, 2.044, 2.564, 3.269, 3.829, 4.421, 5.263, 5.951, 6.691, 7.754, 8.631),
    17: (1.510, 2.032, 2.549, 3.250, 3.807, 4.397, 5.235, 5.922, 6.660, 7.724, 8.605),
    18: (1.490, 1.994, 2.486, 3.142, 3.656, 4.191, 4.942, 5.550, 6.197, 7.122, 7.881),
    19: (1.483, 1.985, 2.475, 3.129, 3.640, 4.174, 4.921, 5.524, 6.164, 7.072, 7.811),
    20: (1.468, 1.956, 2.428, 3.050, 3.531, 4.028, 4.719, 5.271, 5.854, 6.679, 7.349),
    21: (1.462, 1.948, 2.418, 3.036, 3.514, 4.007, 4.691, 5.236, 5.810, 6.618, 7.271),
    22: (1.449, 1.925, 2.380, 2.974, 3.428, 3.893, 4.531, 5.036, 5.564, 6.302, 6.894),
    23: (1.444, 1.918, 2.371, 2.962, 3.415, 3.878, 4.514, 5.018, 5.545, 6.283, 6.877),
    24: (1.434, 1.899, 2.340, 2.910, 3.343, 3.783, 4.382, 4.852, 5.339, 6.015, 6.552),
    26: (1.421, 1.877, 2.306, 2.858, 3.273, 3.691, 4.257, 4.699, 5.153, 5.779, 6.274),
    28: (1.411, 1.859, 2.280, 2.816, 3.216, 3.618, 4.157, 4.576, 5.005, 5.594, 6.058),
    29: (1.408, 1.856, 2.276, 2.811, 3.211, 3.612, 4.150, 4.567, 4.995, 5.582, 6.043),
    34: (1.386, 1.819, 2.218, 2.720, 3.089, 3.455, 3.940, 4.310, 4.686, 5.195, 5.591),
    40: (1.370, 1.791, 2.177, 2.656, 3.005, 3.348, 3.796, 4.136, 4.477, 4.934, 5.285),
    41: (1.369, 1.789, 2.175, 2.653, 3.001, 3.343, 3.791, 4.130, 4.471, 4.926, 5.276),
    50: (1.352, 1.761, 2.131, 2.585, 2.912, 3.229, 3.639, 3.945, 4.251, 4.655, 4.962),
    60: (1.340, 1.741, 2.102, 2.540, 2.852, 3.153, 3.539, 3.824, 4.106, 4.475, 4.752),
    80: (1.326, 1.717, 2.066, 2.486, 2.782, 3.064, 3.423, 3.686, 3.943, 4.277, 4.526),
    100: (1.316, 1.702, 2.044, 2.452, 2.738, 3.009, 3.351, 3.600, 3.842, 4.153, 4.384),
    200: (1.299, 1.673, 2.001, 2.389, 2.656, 2.907, 3.218, 3.442, 3.658, 3.931, 4.131),
    400: (1.291, 1.659, 1.981, 2.358, 2.616, 2.857, 3.154, 3.365, 3.568, 3.823, 4.008),
}
# of infinitely many: the quantiles of the normal distribution
_KNOWN = (1.282, 1.645, 1.960, 2.326, 2.576, 2.807, 3.090, 3.291, 3.481, 3.719, 3.891)
# fmt: on
_SIZES = tuple(_LIMITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One figure of the past, and the time it speaks of."""

    at: datetime
    figure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """How to tell what is usual; see `checks.usual`, whose parameters these are."""

    false_alarms: float
    side: str
    warm_up: int
    history: int
    season: str | None = None
    scale: str = "linear"
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The figures that are usual, both ends included; an end that is not bounded is infinite."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TooFew:
    """How many earlier values there are, of those that it takes to expect anything."""

    there: int
    needed: int

    def __str__(self) -> str:
        return f"{self.there} of the {self.needed} earlier values that it takes to tell what is usual"


def expected(past: Sequence[Past], at: datetime, told: Usual) -> Expected | TooFew:
    """What the next figure is expected to be, at a time ``at``; ``past`` is in order, the oldest first."""
    log = told.scale == "log"
    known = [
        Past(at=one.at, figure=math.log(one.figure) if log else one.figure)
        for one in past[-told.history :]
        if math.isfinite(one.figure) and (not log or one.figure > 0)
    ]
    found = _center_and_reach(known, at, told)
    if isinstance(found, TooFew):
        return found
    center, reach = found
    low, high = center - reach, center + reach
    if log:
        center, low, high = (_exp(value) for value in (center, low, high))
    slack = max(told.tolerance, abs(center) * 1e-9)  # digits that the order of adding leaves
    return Expected(
        low=min(low, center - slack) if told.side != "high" else -math.inf,
        high=max(high, center + slack) if told.side != "low" else math.inf,
    )


def limit(values: int, false_alarms: float) -> float:
    """How many standard deviations from the median of so many normal values the next one may lie, on both sides.

    Args:
        values: at least 5.
        false_alarms: between 0.0001 and 0.2.
    """
    if values in _LIMITS:
        return _between_rates(_LIMITS[values], false_alarms)
    above = bisect_left(_SIZES, values)
    fewer = _SIZES[above - 1]
    narrow = _between_rates(_LIMITS[fewer], false_alarms)
    if above == len(_SIZES):  # of infinitely many values both are known
        wide, part = _between_rates(_KNOWN, false_alarms), fewer / values
    else:
        more = _SIZES[above]
        wide = _between_rates(_LIMITS[more], false_alarms)
        part = (1 / values - 1 / more) / (1 / fewer - 1 / more)
    return math.exp((1 - part) * math.log(wide) + part * math.log(narrow))


def spread(deviations: Sequence[float]) -> float:
    """The standard deviation that deviations from a median tell: robustly, unless half of them are nothing."""
    robust = NORMAL * median([abs(one) for one in deviations])
    if robust:
        return robust
    mean = math.fsum(deviations) / len(deviations)
    return math.sqrt(math.fsum((one - mean) ** 2 for one in deviations) / len(deviations))


def median(values: Sequence[float]) -> float:
    """The median of at least one value."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _center_and_reach(past: Sequence[Past], at: datetime, told: Usual) -> tuple[float, float] | TooFew:
    """The figure that is expected most, and how far off the next one may be."""
    rate = told.false_alarms if told.side == "both" else 2 * told.false_alarms
    if told.season is None:
        return _alone([one.figure for one in past], told.warm_up, rate)
    by_day: dict[int, list[float]] = {}
    for one in past:
        by_day.setdefault(_weekday(one.at), []).append(one.figure)
    today = by_day.get(_weekday(at), [])
    if len(today) >= 2 * told.warm_up:
        return _alone(today, told.warm_up, rate)
    # each deviation is from the median of the other values of its day, as that of the next one will be
    comparable = [figures for figures in by_day.values() if len(figures) > 1]
    deviations = [
        figure - median(figures[:n] + figures[n + 1 :])
        for figures in comparable
        for n, figure in enumerate(figures)
    ]
    free = len(deviations) - len(comparable)  # a day of two figures has one deviation, twice
    if len(today) < 2 or free < told.warm_up:
        return TooFew(there=min(free, told.warm_up - 1), needed=told.warm_up)
    return median(today), limit(free, rate) * spread(deviations)


def _alone(figures: Sequence[float], warm_up: int, rate: float) -> tuple[float, float] | TooFew:
    if len(figures) < warm_up:
        return TooFew(there=len(figures), needed=warm_up)
    center = median(figures)
    return center, limit(len(figures), rate) * spread([figure - center for figure in figures])


def _between_rates(limits: Sequence[float], rate: float) -> float:
    """The limit for a rate that lies between those that were simulated."""
    if rate in _RATES:
        return limits[_RATES.index(rate)]
    after = next((n for n, one in enumerate(_RATES) if one < rate), len(_RATES) - 1)
    after = max(after, 1)
    seldom, often = math.log(_RATES[after]), math.log(_RATES[after - 1])
    part = (math.log(rate) - often) / (seldom - often)
    return math.exp((1 - part) * math.log(limits[after - 1]) + part * math.log(limits[after]))


def _weekday(at: datetime) -> int:
    return at.astimezone(UTC).weekday()


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
