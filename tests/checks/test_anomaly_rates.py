"""How often the checks against a history alarm for nothing, and what they find: the tables of docs/anomalies.md.

Each row of the tables is measured again, and has to be what the page says as far as chance allows: a count of so many
independent judgements that the page's rate gives less than once in a hundred thousand times is a failure.
"""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, TypeAlias

import pytest

from checks.anomalies import Expected, Past, TooFew, Usual, expected
from checks.drift import QUANTILES, Band, expected_band

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Draw: TypeAlias = "Callable[[np.random.Generator, int], NDArray[np.float64]]"

PAGE = Path(__file__).resolve().parents[2] / "docs" / "anomalies.md"
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
SELDOM = 1e-5
WEEK = (0.0, 1.0, 2.0, 2.0, 1.0, -6.0, -8.0)


def usual(**changes: object) -> Usual:
    given = {"false_alarms": 0.001, "side": "both", "warm_up": 14, "history": 400, **changes}
    return Usual(**given)


def autoregressive(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Each value half the one before it, and something new; of variance 1."""
    import numpy as np

    new = rng.standard_normal(count)
    values = np.empty(count)
    values[0] = new[0]
    for n in range(1, count):
        values[n] = 0.5 * values[n - 1] + math.sqrt(0.75) * new[n]
    return values


def weekly(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    import numpy as np

    return np.resize(WEEK, count) + rng.standard_normal(count)


SERIES: dict[str, tuple[Draw, Usual]] = {
    "normal": (lambda rng, n: rng.standard_normal(n), usual()),
    'log-normal, `scale="log"`': (lambda rng, n: rng.lognormal(0, 0.5, n), usual(scale="log")),
    "log-normal": (lambda rng, n: rng.lognormal(0, 0.5, n), usual()),
    "Poisson counts around 100": (lambda rng, n: rng.poisson(100, n).astype(float), usual()),
    "Poisson counts around 4": (lambda rng, n: rng.poisson(4, n).astype(float), usual()),
    "Student's t, 4 degrees": (lambda rng, n: rng.standard_t(4, n), usual()),
    "autoregressive, 0.5": (autoregressive, usual()),
    "weekly season": (weekly, usual()),
    'weekly season, `season="week"`': (weekly, usual(season="week")),
}  # fmt: skip

DAMAGE: dict[str, Callable[[float], float]] = {
    "3 sigma more": lambda x: x + 3,
    "5 sigma more": lambda x: x + 5,
    "10 sigma more": lambda x: x + 10,
}
VOLUME: dict[str, Callable[[float], float]] = {
    "rows halved": lambda x: x / 2,
    "rows doubled": lambda x: x * 2,
    "no rows": lambda x: 0.0,
}


def judged(values: NDArray[np.float64], told: Usual, damage: Callable[[float], float] = lambda x: x) -> bool:
    """Whether the last value, damaged, is an alarm to the others."""
    *before, last = map(float, values)
    past = [Past(at=MONDAY + timedelta(days=n), figure=one) for n, one in enumerate(before)]
    found = expected(past, MONDAY + timedelta(days=len(before)), told)
    assert isinstance(found, Expected)
    return not found.low <= damage(last) <= found.high


def rows_of(title: str) -> dict[str, list[float]]:
    """The rows of the table below a title of the page: their shares, as it says them."""
    section = PAGE.read_text().split(f"## {title}\n")[1].split("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return {
        name: [float(cell.removesuffix("%")) / 100 if cell.endswith("%") else math.nan for cell in shares]
        for name, *shares in cells
    }


def agrees(alarms: int, of: int, rate: float) -> bool:
    """Whether so many alarms are as good as what the page says, which was counted too."""
    slack = 0.15 * rate * (1 - rate) + 0.0002
    return (
        _tail(alarms, of, min(rate + slack, 1.0)) > SELDOM
        and _tail(of - alarms, of, 1 - max(rate - slack, 0.0)) > SELDOM
    )


def _tail(successes: int, of: int, rate: float) -> float:
    """The probability of so many successes or more."""
    if successes == 0 or rate >= 1:
        return 1.0
    if rate <= 0:
        return 0.0
    below = (
        math.exp(
            math.lgamma(of + 1)
            - math.lgamma(n + 1)
            - math.lgamma(of - n + 1)
            + n * math.log(rate)
            + (of - n) * math.log1p(-rate)
        )
        for n in range(successes)
    )
    return max(1.0 - math.fsum(below), 0.0) or float(successes <= rate * of)


@pytest.mark.faults(small=2, full=50)
@pytest.mark.parametrize("name", SERIES)
def test_false_alarms(name: str, fault_seed: int) -> None:
    import numpy as np

    draw, told = SERIES[name]
    rng = np.random.default_rng(fault_seed)
    said = rows_of("False alarms")[name]
    for count, rate in zip((28, 100), said[1:], strict=True):
        alarms = sum(judged(draw(rng, count + 1), told) for _ in range(1000))
        assert agrees(alarms, 1000, rate)


@pytest.mark.faults(small=1, full=20)
@pytest.mark.parametrize("name", [*DAMAGE, *VOLUME])
def test_what_is_found(name: str, fault_seed: int) -> None:
    import numpy as np

    rng = np.random.default_rng(fault_seed)
    said = rows_of("What is found")[name]
    for count, rate in zip((14, 28, 100), said, strict=True):
        found = sum(found_in(rng, name, count) for _ in range(300))
        assert agrees(found, 300, rate)


def found_in(rng: np.random.Generator, name: str, count: int) -> bool:
    if name in DAMAGE:
        return judged(rng.standard_normal(count + 1), usual(), DAMAGE[name])
    return judged(np_round(1000 * rng.lognormal(0, 0.1, count + 1)), usual(), VOLUME[name])


def np_round(values: NDArray[np.float64]) -> NDArray[np.float64]:
    rounded: NDArray[np.float64] = values.round()
    return rounded


def quantiles(values: NDArray[np.float64]) -> tuple[float, ...]:
    import numpy as np

    return tuple(np.quantile(values, QUANTILES).tolist())


DISTRIBUTIONS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "Student's t, 4 degrees": lambda rng, n: rng.standard_t(4, n),
    "log-normal": lambda rng, n: rng.lognormal(0, 1, n),
}


def drifted(rng: np.random.Generator, draw: Draw, shift: float, width: float, past: int = 28) -> bool:
    """Whether 500 numbers that are shifted and stretched are an alarm to so many samples of 500."""
    seen = [quantiles(draw(rng, 500)) for _ in range(past)]
    band = expected_band(seen, false_alarms=0.001, warm_up=28, history=400)
    assert isinstance(band, Band)
    return not band.holds(quantiles(shift + width * draw(rng, 500)))


@pytest.mark.faults(small=1, full=20)
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions(name: str, fault_seed: int) -> None:
    import numpy as np

    rng = np.random.default_rng(fault_seed)
    rates = rows_of("Distributions")[name]
    for (shift, width), rate in zip(((0, 1), (0.5, 1), (0, 1.5)), rates, strict=True):
        alarms = sum(drifted(rng, DISTRIBUTIONS[name], shift, width) for _ in range(100))
        assert agrees(alarms, 100, rate)


def rolling(series: list[tuple[date, float]], told: Usual) -> tuple[int, int]:
    """How many alarms of how many judgements, each value being judged beside those before it."""
    past = [
        Past(at=datetime(day.year, day.month, day.day, tzinfo=UTC), figure=figure) for day, figure in series
    ]
    alarms = judgements = 0
    for n, one in enumerate(past):
        found = expected(past[max(n - told.history, 0) : n], one.at, told)
        if not isinstance(found, TooFew):
            judgements += 1
            alarms += not found.low <= one.figure <= found.high
    return alarms, judgements


def mean_absolute_returns(folder: Path) -> list[tuple[date, float]]:
    """For each day from 1990 to 2018, how much 20 stocks moved."""
    with (folder / "portfolio" / "stock_prices.csv").open() as file:
        header, *lines = csv.reader(file)
    assert len(header) == 21
    found = []
    for before, line in pairwise(lines):
        moves = [
            abs(math.log(float(new) / float(old)))
            for old, new in zip(before[1:], line[1:], strict=True)
            if old and new
        ]
        if moves:
            found.append((date.fromisoformat(line[0][:10]), fmean(moves)))
    return found


def daily_bars(folder: Path) -> list[list[str]]:
    """Every bar of ten symbols, 1998 to 2021."""
    bars = []
    for path in sorted((folder / "market").glob("daily_*.zip")):
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
            bars += list(csv.reader(TextIOWrapper(file, "utf-8")))
    return bars


def volumes(folder: Path) -> list[tuple[date, float]]:
    total: dict[str, float] = {}
    for day, *_, volume in daily_bars(folder):
        total[day[:8]] = total.get(day[:8], 0.0) + float(volume)
    return [(date.fromisoformat(day), figure) for day, figure in sorted(total.items())]


def row_counts(folder: Path) -> list[tuple[date, float]]:
    count: dict[str, int] = {}
    for day, *_ in daily_bars(folder):
        count[day[:8]] = count.get(day[:8], 0) + 1
    return [(date.fromisoformat(day), float(figure)) for day, figure in sorted(count.items())]


REAL: dict[str, tuple[Callable[[Path], list[tuple[date, float]]], Usual]] = {
    "rows a day": (row_counts, usual(history=100)),
    "mean absolute return": (mean_absolute_returns, usual(history=100)),
    'mean absolute return, `scale="log"`': (mean_absolute_returns, usual(history=100, scale="log")),
    "volume": (volumes, usual(history=100)),
    'volume, `scale="log"`': (volumes, usual(history=100, scale="log")),
}  # fmt: skip


@pytest.mark.faults
@pytest.mark.parametrize("name", REAL)
def test_real_series_alarm_as_often_as_the_page_says(name: str, shared_data: Path) -> None:
    read, told = REAL[name]
    alarms, judgements = rolling(read(shared_data), told)
    (said,) = rows_of("Real series")[name]
    assert alarms / judgements == pytest.approx(said, abs=0.00006)


@pytest.mark.faults
def test_a_stale_feed_moves_nothing(shared_data: Path) -> None:
    """A day's prices that are repeated: the returns are nothing, which the logarithm of their size cannot miss."""
    series = mean_absolute_returns(shared_data)[-101:]
    stale = [*series[:-1], (series[-1][0], 0.0)]
    told = usual(history=100, scale="log", side="low")
    assert rolling(series, told)[0] + 1 == rolling(stale, told)[0]
