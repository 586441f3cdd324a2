"""Measures against their definitions, and the curves that do not have them."""

from __future__ import annotations

import math
import statistics
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.analytics.measures import DEFINITIONS, Measures, measure


def measured(equity: list[float]) -> Measures:
    return measure([date(2024, 1, 1) + timedelta(days=n) for n in range(len(equity))], np.array(equity))


def walk(sessions: int, seed: int) -> list[float]:
    steps = np.random.default_rng(seed).normal(0.0004, 0.012, sessions - 1)
    return (1000 * np.cumprod(np.concatenate([[1.0], 1 + steps]))).tolist()


def by_definition(equity: list[float]) -> dict[str, float]:
    returns = [after / before - 1 for before, after in pairwise(equity)]
    mean, deviation = statistics.fmean(returns), statistics.stdev(returns)
    downside = math.sqrt(statistics.fmean([min(one, 0.0) ** 2 for one in returns]))
    peak, worst = equity[0], 0.0
    for value in equity:
        peak = max(peak, value)
        worst = min(worst, value / peak - 1)
    cagr = (equity[-1] / equity[0]) ** (252 / len(returns)) - 1
    ordered = sorted(returns)
    at = 0.05 * (len(returns) - 1)
    low = ordered[math.floor(at)]
    tail = low + (at - math.floor(at)) * (ordered[math.floor(at) + 1] - low)
    return {
        "total_return": equity[-1] / equity[0] - 1,
        "cagr": cagr,
        "volatility": deviation * math.sqrt(252),
        "sharpe": mean / deviation * math.sqrt(252),
        "sortino": mean * 252 / (downside * math.sqrt(252)),
        "max_drawdown": worst,
        "calmar": cagr / -worst,
        "value_at_risk": tail,
        "conditional_value_at_risk": statistics.fmean(ordered[: math.floor(at) + 1]),
    }


@pytest.mark.parametrize("sessions", [22, 100, 1000])
@pytest.mark.parametrize("measure_name", list(DEFINITIONS))
def test_equals_its_definition(sessions: int, measure_name: str) -> None:
    equity = walk(sessions, seed=sessions)
    expected = by_definition(equity)[measure_name]
    assert getattr(measured(equity), measure_name) == pytest.approx(expected, rel=1e-9, abs=1e-12)


TAIL = {"value_at_risk", "conditional_value_at_risk"}
FALLS = {"sortino", "calmar"}


@pytest.mark.parametrize(
    ("equity", "undefined"),
    [
        pytest.param([1000.0], set(DEFINITIONS), id="one session"),
        pytest.param([1000.0] * 30, {"sharpe", *FALLS}, id="constant equity"),
        pytest.param([1000.0 * 1.01**n for n in range(30)], {"sharpe", *FALLS}, id="a constant return"),
        pytest.param([1000.0, 1010.0], {"volatility", "sharpe", *FALLS, *TAIL}, id="one return, up"),
        pytest.param([1000.0, 990.0], {"volatility", "sharpe", "sortino", *TAIL}, id="one return, down"),
        pytest.param([1000.0, 0.0, 0.0], set(DEFINITIONS), id="all is lost"),
        pytest.param(walk(21, 1), set(), id="just enough returns for a tail"),
        pytest.param(walk(20, 1), TAIL, id="one too few"),
    ],
)
def test_what_is_not_defined_is_none_with_a_reason(equity: list[float], undefined: set[str]) -> None:
    found = measured(equity)
    assert set(found.undefined) == undefined
    assert {name for name in DEFINITIONS if getattr(found, name) is None} == undefined
    assert all(found.undefined.values())


def test_constant_equity_has_no_return_no_risk_and_no_drawdown() -> None:
    found = measured([1000.0] * 30)
    assert (found.total_return, found.cagr, found.volatility, found.max_drawdown) == (0, 0, 0, 0)


@given(st.lists(st.floats(0.01, 1e9), min_size=1, max_size=60))
def test_no_measure_is_ever_nan_or_infinite(equity: list[float]) -> None:
    found = measured(equity)
    for name in DEFINITIONS:
        value = getattr(found, name)
        assert (value is None) == (name in found.undefined)
        assert value is None or math.isfinite(value)


def test_the_span_is_said() -> None:
    found = measured(walk(25, 0))
    assert (found.first, found.last, found.sessions) == (date(2024, 1, 1), date(2024, 1, 25), 25)
