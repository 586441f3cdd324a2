"""Every indicator against its definition, written out in plain Python: no TA-Lib, no arrays, no running sums."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.market.indicators import INDICATORS
from assets.market.indicators_series import (
    of_bars,
    of_bars_and_volume,
    of_close,
    of_close_and_volume,
    of_volume,
)

Values = list[float | None]


# The definitions. None is "not defined here".


def over_window(values: Values, bars: int, of: Callable[[list[float]], float | None]) -> Values:
    """``of`` the last ``bars`` values, where none of them is None."""
    found: Values = []
    for at in range(len(values)):
        window = values[max(0, at - bars + 1) : at + 1]
        full = len(window) == bars and all(value is not None for value in window)
        found.append(of(window) if full else None)
    return found


def both(left: Values, right: Values, of: Callable[[float, float], float | None]) -> Values:
    return [None if a is None or b is None else of(a, b) for a, b in zip(left, right, strict=True)]


def mean(window: list[float]) -> float:
    return math.fsum(window) / len(window)


def deviation(window: list[float], divisor: int) -> float:
    centre = mean(window)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in window) / divisor)


def less(a: float, b: float) -> float:
    return a - b


def recursion(values: Values, weight: float, bars: int, *, mean_seed: bool) -> Values:
    """Exponential average, NaN-free from the ``bars``-th value on."""
    found: Values = []
    seen: list[float] = []
    state = 0.0
    for value in values:
        if value is None:
            found.append(None)
            continue
        seen.append(value)
        if mean_seed and len(seen) <= bars:
            state = mean(seen)
        elif len(seen) == 1:
            state = value
        else:
            state = state + weight * (value - state)
        found.append(state if len(seen) >= bars else None)
    return found


def changes(values: list[float]) -> Values:
    return [None, *(b - a for a, b in pairwise(values))][: len(values)]


def rsi(close: list[float], *, mean_seed: bool) -> Values:
    gains: Values = [None if c is None else max(c, 0.0) for c in changes(close)]
    losses: Values = [None if c is None else max(-c, 0.0) for c in changes(close)]
    gain = recursion(gains, 1 / 14, 14, mean_seed=mean_seed)
    loss = recursion(losses, 1 / 14, 14, mean_seed=mean_seed)
    return both(gain, loss, lambda g, d: None if g + d == 0 else 100 * g / (g + d))


def by_close(close: list[float]) -> dict[str, Values]:
    values: Values = list(close)
    found: dict[str, Values] = {f"sma_{n}": over_window(values, n, mean) for n in (20, 50, 200)}
    for suffix, mean_seed in (("", True), ("_first", False)):
        for n in (12, 20, 26, 50):
            found[f"ema_{n}{suffix}"] = recursion(values, 2 / (n + 1), n, mean_seed=mean_seed)
        found[f"rsi_14{suffix}"] = rsi(close, mean_seed=mean_seed)
        line = both(found[f"ema_12{suffix}"], found[f"ema_26{suffix}"], less)
        signal = recursion(line, 0.2, 9, mean_seed=mean_seed)
        found |= {f"macd{suffix}": line, f"macd_signal{suffix}": signal}
        found[f"macd_histogram{suffix}"] = both(line, signal, less)
    middle = found["bb_middle"] = found["sma_20"]
    for suffix, divisor in (("", 20), ("_sample", 19)):
        spread = over_window(values, 20, lambda w, d=divisor: 0.0 if min(w) == max(w) else deviation(w, d))
        upper = found[f"bb_upper{suffix}"] = both(middle, spread, lambda m, s: m + 2 * s)
        lower = found[f"bb_lower{suffix}"] = both(middle, spread, lambda m, s: m - 2 * s)
        width = both(upper, lower, less)
        above = both(values, lower, less)
        found[f"bb_position{suffix}"] = both(above, width, lambda a, w: a / w if w else None)
        found[f"bb_width{suffix}"] = both(width, middle, lambda w, m: 100 * w / m)
    for n in (1, 5, 30):
        before: Values = [None] * min(n, len(close)) + values[: max(0, len(close) - n)]
        found[f"price_change_{n}d"] = both(values, before, lambda now, then: 100 * (now / then - 1))
    daily: Values = [None if c is None else c / 100 for c in found["price_change_1d"]]
    for name, divisor in (("volatility_20", 19), ("volatility_20_population", 20)):
        found[name] = over_window(daily, 20, lambda w, d=divisor: 100 * math.sqrt(252) * deviation(w, d))
    return found


def movements(high: list[float], low: list[float]) -> tuple[Values, Values]:
    plus: Values = [None]
    minus: Values = [None]
    for at in range(1, len(high)):
        up, down = high[at] - high[at - 1], low[at - 1] - low[at]
        plus.append(up if up > down and up > 0 else 0.0)
        minus.append(down if down > up and down > 0 else 0.0)
    return plus[: len(high)], minus[: len(high)]


def adx(high: list[float], low: list[float], true_range: Values, *, seed_bars: int) -> Values:
    """Wilder's index; TA-Lib seeds the movements with 13 bars of a sum, Wilder's book with 14."""

    def smoothed(moves: Values) -> Values:
        found: Values = [None] * len(moves)
        total = 0.0
        for at in range(1, len(moves)):
            move = moves[at] or 0.0
            total = total + move if at <= seed_bars else total - total / 14 + move
            if at >= 14:
                found[at] = total
        return found

    plus, minus = (smoothed(moves) for moves in movements(high, low))
    index = both(plus, minus, lambda p, m: 100 * abs(p - m) / (p + m) if p + m else 0.0)
    average = recursion(index, 1 / 14, 14, mean_seed=True)
    ranged = [any(true_range[1 : at + 1]) for at in range(len(high))]
    return [value if moved else None for value, moved in zip(average, ranged, strict=True)]


def by_bars(high: list[float], low: list[float], close: list[float]) -> dict[str, Values]:
    true_range: Values = [None]
    for at in range(1, len(close)):
        true_range.append(max(high[at], close[at - 1]) - min(low[at], close[at - 1]))
    true_range = true_range[: len(close)]
    top, bottom = over_window(list(high), 14, max), over_window(list(low), 14, min)
    height = both(top, bottom, less)
    fast = both(both(list(close), bottom, less), height, lambda a, h: 100 * a / h if h else None)
    slow = over_window(fast, 3, mean)
    below = both(top, list(close), less)
    typical: Values = [(h + lo + c) / 3 for h, lo, c in zip(high, low, close, strict=True)]

    def cci(window: list[float]) -> float | None:
        if max(window) == min(window):
            return None
        centre = mean(window)
        return (window[-1] - centre) / (0.015 * mean([abs(value - centre) for value in window]))

    return {
        "atr_14": recursion(true_range, 1 / 14, 14, mean_seed=True),
        "adx_14": adx(high, low, true_range, seed_bars=13),
        "adx_14_mean": adx(high, low, true_range, seed_bars=14),
        "cci_20": over_window(typical, 20, cci),
        "stochastic_k": slow,
        "stochastic_d": over_window(slow, 3, mean),
        "williams_r_14": both(below, height, lambda b, h: -100 * b / h if h else None),
    }


def by_volume(
    high: list[float], low: list[float], close: list[float], volume: list[float]
) -> dict[str, Values]:
    obv: Values = []
    for at in range(len(close)):
        step = 1 if at == 0 else (close[at] > close[at - 1]) - (close[at] < close[at - 1])
        obv.append((obv[-1] or 0.0 if obv else 0.0) + step * volume[at])
    traded = [(h + lo + c) / 3 * v for h, lo, c, v in zip(high, low, close, volume, strict=True)]

    def vwap(bars: int) -> float | None:
        shares = math.fsum(volume[bars])
        return math.fsum(traded[bars]) / shares if shares else None

    every = range(len(close))
    return {
        "obv": obv,
        "avg_volume_20": over_window(list(volume), 20, mean),
        "vwap_20": [vwap(slice(at - 19, at + 1)) if at >= 19 else None for at in every],
        "vwap_cumulative": [vwap(slice(0, at + 1)) for at in every],
    }


# Ours, all together, with NaN as None.


def ours(bars: list[tuple[float, float, float, float]]) -> dict[str, Values]:
    high, low, close, volume = (np.array(column, dtype=float) for column in columns_of(bars))
    found = of_close(close) | of_bars(high, low, close) | of_volume(volume)
    found |= of_close_and_volume(close, volume) | of_bars_and_volume(high, low, close, volume)
    return {name: [None if math.isnan(x) else float(x) for x in values] for name, values in found.items()}


def theirs(bars: list[tuple[float, float, float, float]]) -> dict[str, Values]:
    high, low, close, volume = columns_of(bars)
    return by_close(close) | by_bars(high, low, close) | by_volume(high, low, close, volume)


def columns_of(bars: list[tuple[float, float, float, float]]) -> list[list[float]]:
    return [[bar[part] for bar in bars] for part in range(4)]


def assert_same(mine: Values, definition: Values, scale: float) -> None:
    assert len(mine) == len(definition)
    for at, (a, b) in enumerate(zip(mine, definition, strict=True)):
        assert (a is None) == (b is None), f"bar {at}: {a} against {b}"
        if a is not None and b is not None:
            assert a == pytest.approx(b, rel=1e-7, abs=1e-9 * scale), f"bar {at}"


def walk(bars: int, seed: int) -> list[tuple[float, float, float, float]]:
    """A price history with flat stretches and jumps, in whole units so that equal prices are equal."""
    draw = random.Random(seed)
    price, found = 500, []
    for _ in range(bars):
        price = max(20, price + draw.choice([0, 0, 0, 1, -1, 3, -3, 7, -7, 40, -40]))
        high, low = price + draw.choice([0, 0, 1, 5]), price - draw.choice([0, 0, 1, 5])
        found.append((float(high), float(low), float(price), float(draw.choice([0, 10, 1_000, 250_000]))))
    return found


BAR = st.tuples(
    st.sampled_from([-40, -7, -1, 0, 0, 0, 1, 7, 40]),
    st.sampled_from([0, 0, 1, 9]),
    st.sampled_from([0, 0, 1, 9]),
    st.sampled_from([0, 1, 500, 1_000_000]),
)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[float, float, float, float]]:
    price, found = draw(st.integers(50, 5_000)), []
    for step, up, down, volume in draw(st.lists(BAR, max_size=70)):
        price = max(10, price + step)
        found.append((float(price + up), float(price - down), float(price), float(volume)))
    return found


LONG = walk(320, seed=7)
LONG_OURS, LONG_THEIRS = ours(LONG), theirs(LONG)


@pytest.mark.parametrize("name", [indicator.name for indicator in INDICATORS])
def test_equals_its_definition_over_a_long_history(name: str) -> None:
    assert_same(LONG_OURS[name], LONG_THEIRS[name], scale=1_000)


@pytest.mark.parametrize("name", [indicator.name for indicator in INDICATORS])
def test_is_undefined_for_exactly_its_warm_up(name: str) -> None:
    warm_up = next(indicator.warm_up for indicator in INDICATORS if indicator.name == name)
    rising = [(float(p + 1), float(p - 2), float(p), 10.0 + p % 3) for p in range(100, 400)]
    values = ours(rising)[name]
    assert values[:warm_up] == [None] * warm_up
    assert all(value is not None for value in values[warm_up:])


@pytest.mark.parametrize("symbol", ["aapl", "spy"])
def test_equals_its_definition_on_real_bars(symbol: str, shared_data: Path) -> None:
    with ZipFile(shared_data / "market" / f"daily_{symbol}.zip") as packed:
        lines = packed.read(packed.namelist()[0]).decode().splitlines()[-320:]
    rows = [[float(number) for number in line.split(",")[1:]] for line in lines]
    bars = [(high / 1e4, low / 1e4, close / 1e4, volume) for _, high, low, close, volume in rows]
    mine, definition = ours(bars), theirs(bars)
    for name in mine:
        assert_same(mine[name], definition[name], scale=1_000)


@given(histories())
def test_equals_its_definition_on_any_history(bars: list[tuple[float, float, float, float]]) -> None:
    mine, definition = ours(bars), theirs(bars)
    assert mine.keys() == definition.keys() == {indicator.name for indicator in INDICATORS}
    for name in mine:
        assert_same(mine[name], definition[name], scale=10_000)


@given(histories(), st.integers(1, 30))
def test_the_future_changes_nothing_before_it(
    bars: list[tuple[float, float, float, float]], more: int
) -> None:
    now, later = ours(bars), ours(bars + walk(more, seed=more))
    for name, values in now.items():
        assert later[name][: len(bars)] == values, name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("rsi_14", None, id="rsi of a price that never moved is 0/0"),
        pytest.param("rsi_14_first", None, id="so it is by the other seed"),
        pytest.param("bb_position", None, id="a band without width has no positions"),
        pytest.param("bb_width", 0.0, id="its width is zero"),
        pytest.param("volatility_20", 0.0, id="no volatility"),
        pytest.param("stochastic_k", None, id="no range, no stochastic"),
        pytest.param("williams_r_14", None, id="no range, no Williams"),
        pytest.param("cci_20", None, id="no deviation, no CCI"),
        pytest.param("adx_14", None, id="no range, no direction"),
        pytest.param("atr_14", 0.0, id="the range itself is zero"),
        pytest.param("macd", 0.0, id="equal averages"),
        pytest.param("sma_20", 0.1, id="the mean is the price"),
    ],
)
def test_a_constant_price(name: str, value: float | None) -> None:
    last = ours([(0.1, 0.1, 0.1, 5.0)] * 60)[name][-1]
    assert last == (None if value is None else pytest.approx(value, abs=1e-15))


def test_the_seeds_forget_each_other() -> None:
    for name in ("ema_20", "rsi_14", "macd_signal"):
        mine, first = LONG_OURS[name], LONG_OURS[f"{name}_first"]
        early = next(at for at, value in enumerate(mine) if value is not None)
        assert mine[early] != pytest.approx(first[early], rel=1e-6)
        assert mine[-1] == pytest.approx(first[-1], rel=1e-4)
