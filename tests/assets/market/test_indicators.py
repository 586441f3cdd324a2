"""The table of indicators: symbols apart, gaps passed over, absences said."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.market.indicators import INDICATORS, indicators

if TYPE_CHECKING:
    from collections.abc import Sequence

START = date(2020, 1, 1)
NAMES = [indicator.name for indicator in INDICATORS]


def bars(symbol: str, closes: Sequence[float | None], *, only_close: bool = False) -> pa.Table:
    """A price table with a bar a day; a close of None or NaN is a bar without one."""
    size = len(closes)
    numbers = [None if only_close or close is None else close for close in closes]

    def scaled(factor: float) -> pa.Array:
        return pa.array([None if n is None else n * factor for n in numbers], pa.float64())

    return pa.table(
        {
            "symbol": pa.array([symbol] * size, pa.string()),
            "session": pa.array([START + timedelta(days=day) for day in range(size)], pa.date32()),
            "open": scaled(1.0),
            "high": scaled(1.02),
            "low": scaled(0.97),
            "close": pa.array(closes, pa.float64()),
            "volume": pa.array([None if only_close else 1_000 + day for day in range(size)], pa.int64()),
        }
    )


def rising(size: int) -> list[float]:
    return [100 + day + day % 7 for day in range(size)]


def test_has_one_row_for_each_price_sorted_by_symbol_and_session() -> None:
    shuffled = pa.concat_tables([bars("B", rising(3)), bars("A", rising(2))]).take([4, 0, 2, 3, 1])
    found = indicators(shuffled)
    assert found["symbol"].to_pylist() == ["A", "A", "B", "B", "B"]
    assert found["session"].to_pylist() == [START + timedelta(days=day) for day in (0, 1, 0, 1, 2)]
    assert found.column_names == ["symbol", "session", *NAMES]


def test_symbols_know_nothing_of_each_other() -> None:
    together = indicators(pa.concat_tables([bars("A", rising(60)), bars("B", [5.0] * 40)]))
    assert together.slice(0, 60).to_pylist() == indicators(bars("A", rising(60))).to_pylist()
    assert together.slice(60).to_pylist() == indicators(bars("B", [5.0] * 40)).to_pylist()


def test_only_closes_leave_exactly_what_needs_more_null_and_say_so() -> None:
    found = indicators(bars("A", rising(260), only_close=True))
    empty = {name for name in NAMES if found[name].null_count == found.num_rows}
    assert empty == {i.name for i in INDICATORS if set(i.needs) != {"close"}}
    assert "atr_14" in found.schema.metadata[b"null_for_want_of_high"].decode()
    assert b"null_for_want_of_close" not in found.schema.metadata


def test_a_whole_table_says_nothing_of_absences() -> None:
    remarks = indicators(bars("A", rising(5))).schema.metadata
    assert not [key for key in remarks if key.startswith(b"null_for_want_of")]


def test_each_column_says_its_unit_and_definition() -> None:
    schema = indicators(bars("A", rising(1))).schema
    assert schema.field("volatility_20").metadata[b"unit"] == b"percent a year"
    assert all(schema.field(name).metadata[b"definition"] for name in NAMES)


@pytest.mark.parametrize("missing", [pytest.param(None, id="null"), pytest.param(float("nan"), id="NaN")])
@pytest.mark.parametrize(
    "gaps",
    [
        pytest.param({0, 1, 2}, id="leading"),
        pytest.param({30}, id="in the middle"),
        pytest.param({30, 31, 32, 45}, id="several"),
        pytest.param({69}, id="at the end"),
        pytest.param(set(range(70)), id="throughout"),
    ],
)
def test_a_bar_without_a_close_is_passed_over(gaps: set[int], missing: float | None) -> None:
    closes = rising(70)
    with_gaps = indicators(bars("A", [missing if day in gaps else c for day, c in enumerate(closes)]))
    kept = [day for day in range(70) if day not in gaps]
    whole = indicators(bars("A", closes).take(pa.array(kept, pa.int64())))
    for name in (i.name for i in INDICATORS if i.needs == ("close",)):
        values = with_gaps[name].to_pylist()
        assert [values[day] for day in kept] == whole[name].to_pylist()
        assert all(values[day] is None for day in gaps)


@pytest.mark.parametrize("size", [0, 1, 2, 14, 19, 20, 33])
def test_a_short_history_is_null_where_its_window_is_not_full(size: int) -> None:
    found = indicators(bars("A", rising(size)))
    for indicator in INDICATORS:
        assert found[indicator.name].null_count == min(size, indicator.warm_up), indicator.name


@given(st.lists(st.floats(0.01, 1e6, allow_nan=False), max_size=60))
def test_no_value_is_ever_nan_or_infinite(closes: list[float]) -> None:
    found = indicators(bars("A", closes))
    for name in NAMES:
        assert all(value - value == 0 for value in found[name].to_pylist() if value is not None)


@given(st.lists(st.floats(0.01, 1e6, allow_nan=False), min_size=30, max_size=60))
def test_bounded_indicators_stay_within_their_bounds(closes: list[float]) -> None:
    found = indicators(bars("A", closes))
    for name, low, high in (
        ("rsi_14", 0, 100),
        ("rsi_14_first", 0, 100),
        ("adx_14", 0, 100),
        ("adx_14_mean", 0, 100),
        ("stochastic_k", 0, 100),
        ("williams_r_14", -100, 0),
    ):
        values = [value for value in found[name].to_pylist() if value is not None]
        assert all(low <= value <= high for value in values), name
