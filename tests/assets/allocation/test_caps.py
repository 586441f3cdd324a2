"""The limits of a target, as a table and as laws."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.allocation.caps import WeightsRefused, target, turnover


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        pytest.param({"A": 0.1, "B": 0.15}, {"A": 0.1, "B": 0.15, "CASH": 0.75}, id="within the limits"),
        pytest.param(
            {"A": 0.5, "B": 0.1}, {"A": 0.2, "B": 0.1, "CASH": 0.7}, id="what exceeds the cap is cash"
        ),
        pytest.param({"A": 0.2}, {"A": 0.2, "CASH": 0.8}, id="exactly the cap"),
        pytest.param(
            dict.fromkeys("ABCDEFGHIJ", 0.1),
            dict.fromkeys("ABCDEFGHIJ", 0.098) | {"CASH": 0.02},
            id="stocks are scaled down together until there is enough cash",
        ),
        pytest.param({"A": 0.0}, {"A": 0.0, "CASH": 1.0}, id="nothing wanted is all cash"),
        pytest.param({}, {"CASH": 1.0}, id="no stocks at all"),
    ],
)
def test_target(weights: dict[str, float], expected: dict[str, float]) -> None:
    assert target(weights, cap=0.2, cash_floor=0.02) == expected


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        pytest.param({"A": math.nan}, "weight of 'A' is nan", id="NaN"),
        pytest.param({"A": math.inf}, "weight of 'A' is inf", id="infinite"),
        pytest.param({"B": 0.1, "A": -0.1}, "weight of 'A' is -0.1", id="negative"),
        pytest.param({"A": 30.0, "B": 70.0}, "sum to 100, most of it 'B'.*not percent", id="percent"),
        pytest.param({"CASH": 0.1}, "rename that stock", id="a stock called CASH"),
    ],
)
def test_is_refused_by_name(weights: dict[str, float], message: str) -> None:
    with pytest.raises(WeightsRefused, match=message):
        target(weights, cap=0.2, cash_floor=0.02)


@given(
    st.dictionaries(st.sampled_from("ABCDEFGHIJKLMNOPQRST"), st.integers(0, 1000)),
    st.sampled_from([0.05, 0.2, 0.5, 1.0]),
    st.sampled_from([0.0, 0.02, 0.3]),
)
def test_every_target_keeps_its_limits_exactly(parts: dict[str, int], cap: float, floor: float) -> None:
    total = sum(parts.values()) or 1
    found = target({symbol: part / total for symbol, part in parts.items()}, cap=cap, cash_floor=floor)
    cash = found.pop("CASH")
    assert cash >= floor
    assert all(0 <= weight <= cap for weight in found.values())
    assert math.fsum([cash, *found.values()]) == pytest.approx(1, abs=1e-12)
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({"CASH": 1.0}, {"CASH": 1.0}, 0.0, id="nothing moved"),
        pytest.param({"CASH": 1.0}, {"A": 1.0}, 1.0, id="all of it"),
        pytest.param({"A": 0.5, "B": 0.5}, {"B": 0.5, "C": 0.5}, 0.5, id="one stock for another"),
    ],
)
def test_turnover(before: dict[str, float], after: dict[str, float], expected: float) -> None:
    assert turnover(before, after) == expected
    assert turnover(after, before) == expected
