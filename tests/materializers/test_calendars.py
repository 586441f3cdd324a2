"""The trading days between two days, whatever days these are."""

from __future__ import annotations

from datetime import date

import pytest

from materializers.calendars import CalendarError, sessions


@pytest.mark.parametrize(
    ("calendar", "first", "last", "days"),
    [
        pytest.param("XNYS", "2024-01-02", "2024-01-04", [2, 3, 4], id="both ends are included"),
        pytest.param("XNYS", "2024-01-01", "2024-01-02", [2], id="from a holiday"),
        pytest.param("XNYS", "2023-12-30", "2024-01-02", [2], id="from a weekend"),
        pytest.param("XNYS", "2024-01-05", "2024-01-07", [5], id="to a weekend"),
        pytest.param("XNYS", "2024-01-06", "2024-01-07", [], id="a weekend has none"),
        pytest.param("XNYS", "2024-01-03", "2024-01-02", [], id="backwards there are none"),
        pytest.param(
            "XNYS", "1990-01-01", "1990-01-03", [2, 3], id="long before the calendar's default span"
        ),
        pytest.param("XNYS", "2060-01-01", "2060-01-03", [2], id="long after it"),
        pytest.param("XKRX", "1956-01-05", "1956-01-06", [5, 6], id="close to the first day on record"),
        pytest.param("NYSE", "2024-01-01", "2024-01-02", [2], id="an alias"),
        pytest.param("24/7", "2024-01-06", "2024-01-07", [6, 7], id="a calendar without holidays"),
    ],
)
def test_the_trading_days_between_two_days(calendar: str, first: str, last: str, days: list[int]) -> None:
    found = sessions(calendar, date.fromisoformat(first), date.fromisoformat(last))
    assert [day.day for day in found] == days
    assert all(first <= day.isoformat() <= last for day in found)


@pytest.mark.parametrize(
    ("calendar", "first", "message"),
    [
        pytest.param(
            "xnys", "2024-01-01", r"no exchange calendar 'xnys'\. Did you mean 'XNYS'\?", id="a near miss"
        ),
        pytest.param("moon", "2024-01-01", r"no exchange calendar 'moon'\.$", id="nothing like it"),
        pytest.param(
            "XKRX", "1900-01-01", "'XKRX' cannot tell the days from 1900-01-01", id="before its record"
        ),
    ],
)
def test_what_no_calendar_can_tell_is_an_error(calendar: str, first: str, message: str) -> None:
    with pytest.raises(CalendarError, match=message):
        sessions(calendar, date.fromisoformat(first), date(2024, 1, 5))
