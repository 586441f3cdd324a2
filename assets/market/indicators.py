"""Technical indicators of every symbol and session, and what each of them means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from assets.market.indicators_series import (
    of_bars,
    of_bars_and_volume,
    of_close,
    of_close_and_volume,
    of_volume,
)
from assets.market.sources import PRICE_COLUMNS
from checks import between, needs, no_look_ahead, not_null, same_row_count, unique
from graph import Code, asset

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Series = NDArray[np.float64]

CLOSE = ("close",)
BARS = ("high", "low", "close")
CLOSE_VOLUME = ("close", "volume")
VOLUME = ("volume",)
BARS_VOLUME = ("high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Indicator:
    """A column of `indicators`.

    ``needs`` names the price columns that must hold a value on a bar for it to count; ``warm_up`` is how many such
    bars of a symbol pass before the first value.
    """

    name: str
    unit: str
    needs: tuple[str, ...]
    warm_up: int
    definition: str


MEAN_SEED = "seeded with the mean of the first window (TA-Lib)"
FIRST_SEED = "seeded with the first value"


def _moving_averages() -> list[Indicator]:
    simple = [
        Indicator(f"sma_{n}", "price", CLOSE, n - 1, f"mean of the last {n} closes") for n in (20, 50, 200)
    ]
    exponential = [
        Indicator(f"ema_{n}{suffix}", "price", CLOSE, n - 1, f"exponential average, weight 2/{n + 1}, {seed}")
        for n in (12, 20, 26, 50)
        for suffix, seed in (("", MEAN_SEED), ("_first", FIRST_SEED))
    ]
    return simple + exponential


def _momentum() -> list[Indicator]:
    found = []
    for suffix, seed in (("", MEAN_SEED), ("_first", FIRST_SEED)):
        fast_slow = f"EMA 12 less EMA 26, each {seed}"
        found += [
            Indicator(
                f"rsi_14{suffix}", "0 to 100", CLOSE, 14, f"relative strength, Wilder's averages {seed}"
            ),
            Indicator(f"macd{suffix}", "price", CLOSE, 25, fast_slow),
            Indicator(f"macd_signal{suffix}", "price", CLOSE, 33, f"EMA 9 of macd{suffix}, {seed}"),
            Indicator(
                f"macd_histogram{suffix}", "price", CLOSE, 33, f"macd{suffix} less macd_signal{suffix}"
            ),
        ]
    found += [
        Indicator(f"price_change_{n}d", "percent", CLOSE, n, f"change of the close over {n} sessions")
        for n in (1, 5, 30)
    ]
    return found


def _dispersion() -> list[Indicator]:
    found = [Indicator("bb_middle", "price", CLOSE, 19, "mean of the last 20 closes")]
    for suffix, deviation in (("", "population"), ("_sample", "sample")):
        found += [
            Indicator(f"bb_upper{suffix}", "price", CLOSE, 19, f"bb_middle plus 2 {deviation} deviations"),
            Indicator(f"bb_lower{suffix}", "price", CLOSE, 19, f"bb_middle less 2 {deviation} deviations"),
            Indicator(
                f"bb_position{suffix}",
                "fraction",
                CLOSE,
                19,
                "(close - lower) / (upper - lower); 0 to 1 within",
            ),
            Indicator(f"bb_width{suffix}", "percent", CLOSE, 19, "(upper - lower) / middle"),
        ]
    for suffix, deviation in (("", "sample"), ("_population", "population")):
        words = f"{deviation} deviation of 20 simple daily returns x sqrt(252)"
        found.append(Indicator(f"volatility_20{suffix}", "percent a year", CLOSE, 20, words))
    return found


def _ranges_and_volume() -> list[Indicator]:
    typical = "typical price (high + low + close) / 3, weighted by volume"
    return [
        Indicator("atr_14", "price", BARS, 14, "average true range, Wilder, first window's mean as seed"),
        Indicator("adx_14", "0 to 100", BARS, 27, "directional index as TA-Lib seeds it (13 movements)"),
        Indicator("adx_14_mean", "0 to 100", BARS, 27, "directional index, every seed a mean of 14 (Wilder)"),
        Indicator("cci_20", "1", BARS, 19, "commodity channel index, mean absolute deviation x 0.015"),
        Indicator("stochastic_k", "0 to 100", BARS, 15, "%K 14, smoothed over 3"),
        Indicator("stochastic_d", "0 to 100", BARS, 17, "mean of the last 3 stochastic_k"),
        Indicator("williams_r_14", "-100 to 0", BARS, 13, "Williams %R"),
        Indicator("obv", "shares", CLOSE_VOLUME, 0, "on-balance volume; starts at the first bar's volume"),
        Indicator("avg_volume_20", "shares", VOLUME, 19, "mean of the last 20 volumes"),
        Indicator("vwap_20", "price", BARS_VOLUME, 19, f"{typical}, over the last 20 bars"),
        Indicator("vwap_cumulative", "price", BARS_VOLUME, 0, f"{typical}, since the symbol's first bar"),
    ]


INDICATORS: tuple[Indicator, ...] = (*_moving_averages(), *_momentum(), *_dispersion(), *_ranges_and_volume())


@asset(
    checks=[
        not_null("symbol", "session"),
        unique("symbol", "session"),
        between("rsi_14", 0, 100),
        between("rsi_14_first", 0, 100),
        between("adx_14", 0, 100),
        between("bb_width", 0, None),
        between("volatility_20", 0, None),
        needs("prices", "symbol", "session", *PRICE_COLUMNS, "volume"),
        same_row_count("prices"),
        no_look_ahead("session", prices="session", cuts=1),
    ],
    code=Code(libraries=("TA-Lib",)),
    unchecked="no freshness of its own: it is as fresh as market/prices",
)
def indicators(prices: pa.Table) -> pa.Table:
    """Indicators per symbol and session, one column each, null during warm-up.

    Returns:
        One row for each row of ``prices``, sorted by symbol and session: ``symbol`` (string), ``session`` (date32)
        and every name of `INDICATORS` (float64). Each field's metadata give its unit and definition. A bar without
        the values that an indicator needs has null there, and the indicator's windows pass over it; the table's
        metadata say which columns are null throughout, and for want of what.
    """
    import pyarrow as pa

    ordered = prices.sort_by([("symbol", "ascending"), ("session", "ascending")])
    columns = indicator_columns(ordered)
    keys = ordered.select(["symbol", "session"])
    schema = pa.schema(
        [keys.schema.field("symbol"), keys.schema.field("session"), *map(_field, INDICATORS)],
        metadata=_remarks(ordered),
    )
    arrays = [
        pa.array(columns[indicator.name], pa.float64(), from_pandas=True, size=ordered.num_rows)
        for indicator in INDICATORS
    ]
    return pa.table([*keys.columns, *arrays], schema=schema)


def indicator_columns(prices: pa.Table) -> dict[str, Series]:
    """Every indicator as an array along ``prices``, which are sorted by symbol and session; NaN where undefined."""
    import numpy as np

    inputs = {name: _as_float(prices, name) for name in BARS_VOLUME}
    symbols = prices["symbol"].combine_chunks().dictionary_encode().indices.to_numpy()
    bounds = [0, *(np.flatnonzero(np.diff(symbols)) + 1).tolist(), prices.num_rows]
    columns = {indicator.name: np.full(prices.num_rows, np.nan) for indicator in INDICATORS}

    def fill(needs: Sequence[str], compute: Callable[..., Mapping[str, Series]]) -> None:
        complete = np.logical_and.reduce([np.isfinite(inputs[name]) for name in needs])
        for start, stop in pairwise(bounds):
            rows = start + np.flatnonzero(complete[start:stop])
            if rows.size:
                for name, values in compute(*(inputs[need][rows] for need in needs)).items():
                    columns[name][rows] = values

    fill(CLOSE, of_close)
    fill(BARS, of_bars)
    fill(CLOSE_VOLUME, of_close_and_volume)
    fill(VOLUME, of_volume)
    fill(BARS_VOLUME, of_bars_and_volume)
    for values in columns.values():
        values[~np.isfinite(values)] = np.nan
    return columns


def _as_float(prices: pa.Table, column: str) -> Series:
    """A column as float64; null is NaN."""
    import pyarrow as pa

    values: Series = prices[column].cast(pa.float64()).to_numpy()
    return values


def _field(indicator: Indicator) -> pa.Field:
    import pyarrow as pa

    notes = {
        "unit": indicator.unit,
        "definition": indicator.definition,
        "needs": ", ".join(indicator.needs),
        "warm_up_bars": str(indicator.warm_up),
    }
    return pa.field(indicator.name, pa.float64(), metadata=notes)


def _remarks(prices: pa.Table) -> dict[str, str]:
    """What a reader of the whole table has to know."""
    remarks = {
        "warm_up": "null, never a value from less than the whole window",
        "windows": "count the symbol's bars that hold a value, not calendar days",
        "unstable_period": "0: recursive indicators still depend on where the history starts",
    }
    lacking = [name for name in BARS_VOLUME if prices[name].null_count == prices.num_rows]
    for name in lacking:
        empty = [indicator.name for indicator in INDICATORS if name in indicator.needs]
        remarks[f"null_for_want_of_{name}"] = ", ".join(empty)
    return remarks
