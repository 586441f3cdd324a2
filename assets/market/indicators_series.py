"""Technical indicators of one symbol: arrays in, arrays of the same length out, nothing else.

Every input is a gap-free float64 array in the order of time: a bar that lacks a value is left out by the caller, so
windows count *bars with a value*, not calendar days. Every output has the length of its input; what is not defined
there (warm-up, a ratio of zero to zero) is NaN, never a value made from less than the whole window.

TA-Lib does the arithmetic, with its unstable period left at 0: recursive indicators (EMA, RSI, MACD, ATR, ADX) give a
value as soon as their window is full, and that value still depends on where the history starts. Where systems in use
differ in how the recursion is seeded or how a deviation is divided, both definitions exist under names of their own:

- plain names: seeded with the simple mean of the first window (TA-Lib, Wilder); population deviation (divided by n);
- ``_first``: seeded with the first value, ``y[0] = x[0]``, as pandas' ``ewm(adjust=False)`` does;
- ``_sample``: sample deviation (divided by n - 1);
- ``adx_14_mean``: every average seeded with the mean of its first 14 values (Wilder's book), where TA-Lib seeds
  directional movement with 13 of them.

Sources: Wilder (1978), New Concepts in Technical Trading Systems; Appel (1979) for MACD; Bollinger (2001);
Lambert (1980) for CCI; Granville (1963) for on-balance volume.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Series = NDArray[np.float64]

SESSIONS_PER_YEAR = 252


def of_close(close: Series) -> dict[str, Series]:
    """The indicators that need closing prices alone."""
    import numpy as np
    import talib

    series: dict[str, Series] = {}
    for bars in (20, 50, 200):
        series[f"sma_{bars}"] = talib.SMA(close, bars)
    for bars in (12, 20, 26, 50):
        series[f"ema_{bars}"] = talib.EMA(close, bars)
        series[f"ema_{bars}_first"] = _seeded_with_first(close, 2 / (bars + 1), bars)
    series["rsi_14"] = _rsi(close)
    series["rsi_14_first"] = _rsi_first(close, 14)
    series |= _macd(series["ema_12"] - series["ema_26"])
    series |= _macd_first(close)
    series |= _bollinger(close, series["sma_20"])
    change = talib.ROCP(close, 1)  # simple return, a fraction
    population = talib.STDDEV(change, 20)
    to_annual_percent = np.sqrt(SESSIONS_PER_YEAR) * 100
    series["volatility_20"] = population * np.sqrt(20 / 19) * to_annual_percent
    series["volatility_20_population"] = population * to_annual_percent
    for bars in (1, 5, 30):
        series[f"price_change_{bars}d"] = talib.ROCP(close, bars) * 100
    return series


def of_bars(high: Series, low: Series, close: Series) -> dict[str, Series]:
    """The indicators that need high, low and close."""
    import numpy as np
    import talib

    fast = talib.STOCHF(high, low, close, fastk_period=14, fastd_period=1)[0]
    fast[_flat(high, low, 14)] = np.nan  # TA-Lib says 0 where the range is 0 and the ratio undefined
    slow = _mean_of_full_windows(fast, 3)
    williams = talib.WILLR(high, low, close, 14)
    williams[_flat(high, low, 14)] = np.nan
    cci = talib.CCI(high, low, close, 20)
    typical = (high + low + close) / 3
    cci[_flat(typical, typical, 20)] = np.nan
    adx = talib.ADX(high, low, close, 14)
    adx_mean = _adx_mean(high, low, close, 14)
    adx[np.isnan(adx_mean)] = np.nan  # no directional movement at all: 0/0 in both definitions
    return {
        "atr_14": talib.ATR(high, low, close, 14),
        "adx_14": np.minimum(adx, 100),  # averages of 100s may round to more
        "adx_14_mean": np.minimum(adx_mean, 100),
        "cci_20": cci,
        "stochastic_k": slow,
        "stochastic_d": _mean_of_full_windows(slow, 3),
        "williams_r_14": williams,
    }


def of_close_and_volume(close: Series, volume: Series) -> dict[str, Series]:
    """On-balance volume, in shares; it starts at the first bar's volume, so only its changes mean anything."""
    import talib

    return {"obv": talib.OBV(close, volume)}


def of_volume(volume: Series) -> dict[str, Series]:
    """Average volume, in shares."""
    import talib

    return {"avg_volume_20": talib.SMA(volume, 20)}


def of_bars_and_volume(high: Series, low: Series, close: Series, volume: Series) -> dict[str, Series]:
    """Volume-weighted average of the typical price: over the last 20 bars, and since the first bar."""
    import numpy as np
    import talib

    traded = (high + low + close) / 3 * volume
    with np.errstate(divide="ignore", invalid="ignore"):
        rolling = talib.SMA(traded, 20) / talib.SMA(volume, 20)
        cumulative = np.cumsum(traded) / np.cumsum(volume)
    rolling[talib.MAX(volume, 20) == 0] = np.nan
    return {"vwap_20": rolling, "vwap_cumulative": cumulative}


def _seeded_with_first(values: Series, weight: float, bars: int) -> Series:
    """``y[0] = x[0]; y[t] = weight * x[t] + (1 - weight) * y[t-1]``, NaN before ``bars`` values were seen.

    Leading NaN are passed over: the recursion starts at the first value.
    """
    import pandas as pd

    weights = pd.Series(values).ewm(alpha=weight, adjust=False, min_periods=bars)
    averages: Series = weights.mean().to_numpy(copy=True)
    return averages


def _seeded_with_mean(values: Series, bars: int) -> Series:
    """Wilder's average: the mean of the first ``bars`` values, from then on each new value weighs ``1 / bars``."""
    import numpy as np

    valid = np.flatnonzero(~np.isnan(values))
    if valid.size < bars:
        return np.full(values.shape, np.nan)
    seed_at = valid[0] + bars - 1
    seeded = values.copy()
    seeded[:seed_at] = np.nan
    seeded[seed_at] = values[valid[0] : seed_at + 1].mean()
    return _seeded_with_first(seeded, 1 / bars, 1)


def _rsi(close: Series) -> Series:
    """Wilder's RSI; NaN as long as the price has never moved (0/0)."""
    import numpy as np
    import talib

    rsi = talib.RSI(close, 14)
    if close.size:
        moved = np.cumsum(np.abs(np.diff(close, prepend=close[:1]))) > 0
        rsi[~moved] = np.nan
    return rsi


def _rsi_first(close: Series, bars: int) -> Series:
    """RSI whose averages of gains and losses start with the first change."""
    import numpy as np

    change = np.full(close.shape, np.nan)
    change[1:] = np.diff(close)
    gain = _seeded_with_first(np.maximum(change, 0), 1 / bars, bars)
    loss = _seeded_with_first(np.maximum(-change, 0), 1 / bars, bars)
    with np.errstate(invalid="ignore"):
        rsi: Series = 100 * (gain / (gain + loss))
    return rsi


def _macd(line: Series) -> dict[str, Series]:
    """MACD from a line that is the difference of two EMAs, each seeded from its own first window.

    Not TA-Lib's own MACD, which seeds the fast EMA later so that both start on one bar: with this one
    ``macd == ema_12 - ema_26`` holds on every row.
    """
    import talib

    signal = talib.EMA(line, 9)
    return {"macd": line, "macd_signal": signal, "macd_histogram": line - signal}


def _macd_first(close: Series) -> dict[str, Series]:
    """MACD from EMAs that are seeded with the first value, the signal with the first value of the line."""
    line = _seeded_with_first(close, 2 / 13, 12) - _seeded_with_first(close, 2 / 27, 26)
    signal = _seeded_with_first(line, 2 / 10, 9)
    return {"macd_first": line, "macd_signal_first": signal, "macd_histogram_first": line - signal}


def _bollinger(close: Series, middle: Series) -> dict[str, Series]:
    """Bands of 2 deviations around the mean of 20, by either deviation."""
    import numpy as np
    import talib

    population = talib.STDDEV(close, 20)
    population[_flat(close, close, 20)] = 0
    series = {"bb_middle": middle}
    for suffix, deviation in (("", population), ("_sample", population * np.sqrt(20 / 19))):
        upper, lower = middle + 2 * deviation, middle - 2 * deviation
        with np.errstate(divide="ignore", invalid="ignore"):
            position = (close - lower) / (upper - lower)
        position[deviation == 0] = np.nan
        series[f"bb_upper{suffix}"] = upper
        series[f"bb_lower{suffix}"] = lower
        series[f"bb_position{suffix}"] = position
        series[f"bb_width{suffix}"] = (upper - lower) / middle * 100
    return series


def _adx_mean(high: Series, low: Series, close: Series, bars: int) -> Series:
    """ADX with Wilder's own seeds: means of the first ``bars`` true ranges, movements and directional indices."""
    import numpy as np
    import talib

    size = high.size
    up, down = np.full(size, np.nan), np.full(size, np.nan)
    up[1:], down[1:] = np.diff(high), -np.diff(low)
    plus = np.where((up > down) & (up > 0), up, 0.0)
    minus = np.where((down > up) & (down > 0), down, 0.0)
    plus[:1] = minus[:1] = np.nan
    plus_average, minus_average = _seeded_with_mean(plus, bars), _seeded_with_mean(minus, bars)
    with np.errstate(divide="ignore", invalid="ignore"):
        # the true range cancels: |+DI - -DI| / (+DI + -DI) has it in both places
        index = 100 * (np.abs(plus_average - minus_average) / (plus_average + minus_average))
    moved = np.nancumsum(plus + minus) > 0
    index[~moved & ~np.isnan(plus_average)] = 0  # bars without any movement have no direction
    average = _seeded_with_mean(index, bars)
    true_range = talib.TRANGE(high, low, close)
    average[np.nancumsum(true_range) == 0] = np.nan
    return average


def _flat(high: Series, low: Series, bars: int) -> NDArray[np.bool_]:
    """Where the highest and the lowest of the last ``bars`` are the same."""
    import talib

    same: NDArray[np.bool_] = talib.MAX(high, bars) == talib.MIN(low, bars)
    return same


def _mean_of_full_windows(values: Series, bars: int) -> Series:
    """Means of ``bars`` values; NaN wherever one of them is, and only there."""
    import numpy as np

    means = np.full(values.shape, np.nan)
    if values.size >= bars:
        means[bars - 1 :] = np.lib.stride_tricks.sliding_window_view(values, bars).mean(axis=1)
    return means
