"""The exchange's hours, with their early and special closings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from assets.trading.market_hours import market_clock, next_session, session_hours


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("now", "is_open", "next_open", "next_close"),
    [
        pytest.param("2024-05-06T13:29:59Z", False, "2024-05-06T13:30Z", "2024-05-06T20:00Z", id="early"),
        pytest.param("2024-05-06T13:30:00Z", True, "2024-05-07T13:30Z", "2024-05-06T20:00Z", id="opening"),
        pytest.param("2024-05-06T15:59:59-04:00", True, "2024-05-07T13:30Z", "2024-05-06T20:00Z", id="late"),
        pytest.param("2024-05-06T20:00:00Z", False, "2024-05-07T13:30Z", "2024-05-07T20:00Z", id="closing"),
        pytest.param("2024-05-04T12:00:00Z", False, "2024-05-06T13:30Z", "2024-05-06T20:00Z", id="Saturday"),
        pytest.param(
            "2024-07-03T16:59Z", True, "2024-07-05T13:30Z", "2024-07-03T17:00Z", id="an early closing"
        ),
        pytest.param("2024-07-03T17:00Z", False, "2024-07-05T13:30Z", "2024-07-05T20:00Z", id="after it"),
        pytest.param(
            "2024-03-08T21:00Z", False, "2024-03-11T13:30Z", "2024-03-11T20:00Z", id="summer begins"
        ),
        pytest.param("2001-09-11T12:00Z", False, "2001-09-17T13:30Z", "2001-09-17T20:00Z", id="2001-09-11"),
    ],
)
def test_the_clock(now: str, is_open: bool, next_open: str, next_close: str) -> None:
    clock = market_clock(at(now))
    assert (clock.at, clock.is_open) == (at(now), is_open)
    assert (clock.next_open, clock.next_close) == (at(next_open), at(next_close))
    assert clock.is_open == (clock.next_close < clock.next_open)


def test_the_next_session_opens_after_now() -> None:
    opening = datetime(2024, 5, 6, 13, 30, tzinfo=UTC)
    assert next_session(opening - timedelta(microseconds=1)) == date(2024, 5, 6)
    assert next_session(opening) == date(2024, 5, 7)
    assert next_session(opening.astimezone(timezone(timedelta(hours=14)))) == date(2024, 5, 7)


def test_hours_of_sessions_and_of_other_days() -> None:
    assert session_hours(date(2024, 12, 24)) == (at("2024-12-24T14:30Z"), at("2024-12-24T18:00Z"))
    assert session_hours(date(2024, 12, 25)) is None
    assert session_hours(date(1800, 1, 1)) is None
    assert session_hours(date(2100, 1, 4)) is None
