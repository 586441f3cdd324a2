"""Places and bounds: rounding to a column's lattice changes no comparison, in SQL or in Python."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.columns import Place, column_of, interval, literal, quoted


def column(arrow_type: Any) -> Any:
    return column_of("a", arrow_type, '"a"')


@pytest.mark.parametrize(
    ("arrow_type", "value", "down", "up"),
    [
        pytest.param(pa.int64(), 1.5, 1, 2, id="between two integers"),
        pytest.param(pa.int64(), 2.0, 2, 2, id="a whole float is an integer"),
        pytest.param(pa.int64(), -math.inf, -math.inf, -math.inf, id="an infinity stays one"),
        pytest.param(pa.decimal128(9, 2), 0.1, Decimal("0.10"), Decimal("0.10"), id="a float as printed"),
        pytest.param(pa.decimal128(9, 2), 0.125, Decimal("0.12"), Decimal("0.13"), id="finer than the scale"),
        pytest.param(pa.decimal128(9, 2), -1, Decimal("-1.00"), Decimal("-1.00"), id="a negative integer"),
        pytest.param(pa.float64(), Fraction(1, 3), 1 / 3, 1 / 3, id="the nearest float"),
        pytest.param(
            pa.float32(), 0.1, 0.10000000149011612, 0.10000000149011612, id="the nearest 32-bit float"
        ),
        pytest.param(pa.float32(), 1e300, math.inf, math.inf, id="beyond all 32-bit floats"),
        pytest.param(pa.date32(), datetime(1970, 1, 2, 12, tzinfo=UTC), 1, 2, id="noon between two days"),
        pytest.param(pa.timestamp("s"), date(1970, 1, 2), 86_400_000_000, 86_400_000_000, id="midnight"),
        pytest.param(
            pa.timestamp("ns"), date(1970, 1, 2), 86_400 * 10**9, 86_400 * 10**9, id="in nanoseconds"
        ),
        pytest.param(pa.duration("ms"), timedelta(milliseconds=3), 3000, 3000, id="a duration"),
        pytest.param(pa.string(), "x", "x", "x", id="a text"),
    ],
)
def test_a_value_has_a_place(arrow_type: Any, value: Any, down: Place, up: Place) -> None:
    assert (column(arrow_type).at(value, up=False), column(arrow_type).at(value, up=True)) == (down, up)


@given(value=st.integers(-50, 50), low=st.fractions(-5, 5), strict=st.booleans())
def test_a_rounded_bound_compares_as_the_bound_itself(value: int, low: Fraction, strict: bool) -> None:
    tenths = Decimal(value) / 10
    above = interval(column(pa.decimal128(9, 1)), low, None, strict_low=strict).test()
    below = interval(column(pa.decimal128(9, 1)), None, low, strict_high=strict).test()
    exact = Fraction(value, 10)
    assert above(tenths) is (exact > low if strict else exact >= low)
    assert below(tenths) is (exact < low if strict else exact <= low)


@given(st.text() | st.binary() | st.booleans() | st.integers(-(2**126), 2**126) | st.floats(allow_nan=False))
def test_a_literal_is_its_value(place: Any) -> None:
    ((read,),) = duckdb.execute(f"SELECT {literal(place)}").fetchall()
    assert read == place


@given(st.decimals(allow_nan=False, allow_infinity=False, places=10, min_value=-(10**27), max_value=10**27))
def test_a_decimal_literal_is_its_value(place: Decimal) -> None:
    ((read,),) = duckdb.execute(f"SELECT {literal(place)}").fetchall()
    assert read == place


@pytest.mark.parametrize("place", [2**127, -(2**200), Decimal("9" * 39), Decimal(f"-{'9' * 37}.99")], ids=str)
def test_what_no_column_reaches_is_an_infinity(place: Any) -> None:
    assert literal(place) == f"'{'-' if place < 0 else ''}inf'::DOUBLE"


@pytest.mark.parametrize("name", ["a", 'a"b', '"', "select", "é x"])
def test_a_quoted_name_names_the_column(name: str) -> None:
    cursor = duckdb.execute(f"SELECT 1 AS {quoted(name)}")
    assert [column[0] for column in cursor.description or ()] == [name]
    cursor.fetchall()
