"""Sessions of the New York Stock Exchange, as the exchange published them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from assets.market.exchange_sessions import (
    exchange_day,
    last_closed_session,
    regular_close,
    session_before,
    sessions_between,
)


def days(start: date, end: date) -> list[date]:
    return sessions_between(start, end).tolist()


def test_a_span_includes_both_its_ends() -> None:
    assert days(date(2024, 1, 2), date(2024, 1, 4)) == [date(2024, 1, day) for day in (2, 3, 4)]
    assert days(date(2024, 1, 6), date(2024, 1, 7)) == []


@pytest.mark.parametrize(
    ("closed", "why"),
    [
        (date(2001, 9, 11), "the attacks"),
        (date(2001, 9, 14), "the attacks"),
        (date(1994, 4, 27), "mourning for Nixon"),
        (date(2004, 6, 11), "mourning for Reagan"),
        (date(2007, 1, 2), "mourning for Ford"),
        (date(2018, 12, 5), "mourning for Bush"),
        (date(2012, 10, 29), "hurricane Sandy"),
        (date(2022, 6, 20), "Juneteenth"),
        (date(2024, 3, 29), "Good Friday"),
    ],
)
def test_special_closings_are_no_sessions(closed: date, why: str) -> None:
    assert closed not in days(closed - timedelta(days=3), closed + timedelta(days=3)), why


def test_years_have_as_many_sessions_as_the_exchange_counts() -> None:
    counts = {
        year: len(days(date(year, 1, 1), date(year, 12, 31))) for year in (1990, 2001, 2012, 2020, 2023)
    }
    assert counts == {1990: 253, 2001: 248, 2012: 250, 2020: 253, 2023: 250}


@pytest.mark.parametrize(
    ("now", "session"),
    [
        pytest.param(datetime(2024, 1, 3, 20, 59, tzinfo=UTC), date(2024, 1, 2), id="before the close"),
        pytest.param(datetime(2024, 1, 3, 21, 0, tzinfo=UTC), date(2024, 1, 3), id="at the close"),
        pytest.param(
            datetime(2024, 7, 2, 20, 0, tzinfo=UTC), date(2024, 7, 2), id="an hour earlier in summer"
        ),
        pytest.param(datetime(2024, 11, 29, 18, 0, tzinfo=UTC), date(2024, 11, 29), id="at an early close"),
        pytest.param(datetime(2024, 1, 7, 12, 0, tzinfo=UTC), date(2024, 1, 5), id="at the weekend"),
        pytest.param(datetime(2024, 1, 4, 1, 0, tzinfo=UTC), date(2024, 1, 3), id="tomorrow in UTC"),
    ],
)
def test_the_last_closed_session(now: datetime, session: date) -> None:
    assert last_closed_session(now) == session
    assert last_closed_session(now.astimezone(regular_close(session).tzinfo)) == session


@pytest.mark.parametrize(
    ("session", "count", "before"),
    [
        pytest.param(date(2024, 1, 3), 0, date(2024, 1, 3), id="none before is itself"),
        pytest.param(date(2024, 1, 3), 4, date(2023, 12, 27), id="over New Year"),
        pytest.param(date(2024, 1, 6), 1, date(2024, 1, 5), id="from a Saturday"),
        pytest.param(date(1885, 1, 5), 99, date(1885, 1, 1), id="not before the first of all"),
    ],
)
def test_sessions_are_counted_back(session: date, count: int, before: date) -> None:
    assert session_before(session, count) == before


def test_the_day_of_the_exchange_is_new_yorks() -> None:
    assert exchange_day(datetime(2024, 1, 4, 3, tzinfo=UTC)) == date(2024, 1, 3)
    assert regular_close(date(2024, 1, 3)) == datetime(2024, 1, 3, 21, tzinfo=UTC)
    assert regular_close(date(2024, 7, 3)) == datetime(2024, 7, 3, 20, tzinfo=UTC)
