"""Long tables as matrices, and the sessions on which one decides."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from assets.allocation.panel import openings, panel

MONDAY, TUESDAY = date(2024, 1, 1), date(2024, 1, 2)


def test_a_value_stands_at_its_session_and_symbol() -> None:
    table = pa.table(
        {
            "symbol": ["B", "A", "B"],
            "session": pa.array([TUESDAY, MONDAY, MONDAY], pa.date32()),
            "close": [2.0, 3.0, 1.0],
        }
    )
    found = panel(table, "close")
    assert (found.sessions, found.symbols) == ((MONDAY, TUESDAY), ("A", "B"))
    assert found.values == pytest.approx(np.array([[3.0, 1.0], [np.nan, 2.0]]), nan_ok=True)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_absent(value: float | None) -> None:
    table = pa.table(
        {
            "symbol": ["A"],
            "session": pa.array([MONDAY], pa.date32()),
            "close": pa.array([value], pa.float64()),
        }
    )
    assert np.isnan(panel(table, "close").values).all()


def test_an_empty_table_is_an_empty_panel() -> None:
    table = pa.table(
        {
            "symbol": pa.array([], pa.string()),
            "session": pa.array([], pa.date32()),
            "close": pa.array([], pa.float64()),
        }
    )
    assert panel(table, "close").values.shape == (0, 0)


@pytest.mark.parametrize(
    ("cadence", "expected"),
    [
        pytest.param(
            "week", [1, 2, 3, 4], id="a week begins on its first session, also after a holiday Monday"
        ),
        pytest.param("month", [2, 4], id="a month on its first session"),
        pytest.param("quarter", [4], id="a quarter on its first session"),
    ],
)
def test_a_period_opens(cadence: str, expected: list[int]) -> None:
    sessions = (
        date(2024, 1, 19),
        date(2024, 1, 23),
        date(2024, 2, 1),
        date(2024, 2, 5),
        date(2024, 4, 1),
        date(2024, 4, 3),
    )
    assert openings(sessions, cadence) == expected


def test_the_first_session_of_all_opens_nothing() -> None:
    assert openings((date(2024, 2, 1),), "month") == []
    assert openings((), "month") == []
