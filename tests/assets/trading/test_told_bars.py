"""Of a table of bars, what a simulated market takes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from assets.market.sources import Terms, bar_table
from assets.trading.session_fills import Bar
from assets.trading.told_bars import BarsRefused, told_bars

D = Decimal
FRIDAY, MONDAY, TUESDAY = date(2024, 5, 3), date(2024, 5, 6), date(2024, 5, 7)
EVENING = datetime(2024, 5, 7, 21, tzinfo=UTC)


def table(**columns: list[Any]) -> pa.Table:
    given = {"symbol": ["AAPL", "AAPL", "KO"], "session": [MONDAY, TUESDAY, MONDAY], "close": [1.0, 2.0, 3.0]}
    return pa.table({**given, **columns})


def test_sessions_come_in_order_with_their_bars() -> None:
    backwards = table().take([2, 1, 0])
    told = told_bars(backwards, MONDAY, EVENING)
    assert [(one.day, dict(one.bars)) for one in told.sessions] == [
        (MONDAY, {"AAPL": Bar(close=D("1.0")), "KO": Bar(close=D("3.0"))}),
        (TUESDAY, {"AAPL": Bar(close=D("2.0"))}),
    ]
    assert [one.closes_at.hour for one in told.sessions] == [20, 20]


def test_only_what_is_wanted_is_taken_but_every_last_close() -> None:
    for start, days in ((TUESDAY, [TUESDAY]), (date(2024, 5, 8), []), (None, [])):
        told = told_bars(table(), start, EVENING)
        assert [one.day for one in told.sessions] == days
        assert told.closes == {"AAPL": (TUESDAY, D("2.0")), "KO": (MONDAY, D("3.0"))}


def test_a_session_that_has_not_closed_says_nothing() -> None:
    told = told_bars(table(), MONDAY, datetime(2024, 5, 7, 19, 59, tzinfo=UTC))
    assert [one.day for one in told.sessions] == [MONDAY]
    assert told.closes["AAPL"] == (MONDAY, D("1.0"))
    assert told_bars(table(), MONDAY, datetime(2024, 5, 5, tzinfo=UTC)).closes == {}


def test_bars_of_the_catalogue_are_taken_as_they_are() -> None:
    columns = {
        "symbol": ["AAPL"] * 2,
        "session": [MONDAY, TUESDAY],
        "close": [142.56999969482422, None],
        "open": [141.5, 1.0],
        "high": [float("nan"), 1.0],
        "low": [None, 1.0],
        "volume": [1000, 1],
    }
    told = told_bars(bar_table(columns, Terms(provider="sample")), MONDAY, EVENING)
    (session,) = told.sessions
    assert session.bars == {"AAPL": Bar(close=D("142.56999969482422"), open=D("141.5"), volume=1000)}


@pytest.mark.parametrize("start", [None, date(2024, 5, 4)])
def test_a_day_without_a_session_is_refused(start: date | None) -> None:
    days = [FRIDAY, date(2024, 5, 4), date(2024, 5, 4)]
    with pytest.raises(BarsRefused, match="2024-05-04") as caught:
        told_bars(table(session=days), start, EVENING)
    assert caught.value.day == date(2024, 5, 4)


def test_no_bars_say_nothing() -> None:
    told = told_bars(table().slice(0, 0), MONDAY, EVENING)
    assert (told.sessions, told.closes) == ((), {})
