from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from graph.partitions import ONLY, Daily, Horizon

NOW = datetime(2024, 3, 20, tzinfo=UTC)


class Exchange:
    """Open every day, and it counts the questions."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self, calendar: str, first: date, last: date) -> Sequence[date]:
        self.asked.append((str(first), str(last)))
        return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def test_an_asset_without_partitions_has_one() -> None:
    assert Horizon(now=NOW, sessions=Exchange()).existing(None) == ONLY


def test_equal_definitions_are_asked_once() -> None:
    exchange = Exchange()
    horizon = Horizon(now=NOW, sessions=exchange)
    first, second = (horizon.existing(Daily(start="2024-03-01", calendar="XNYS")) for _ in range(2))
    assert first is second
    assert exchange.asked == [("2024-03-01", "2024-03-19")]


def test_an_exchange_is_asked_for_what_is_not_known_yet() -> None:
    exchange = Exchange()
    horizon = Horizon(now=NOW, sessions=exchange)
    march = [date(2024, 3, day) for day in range(1, 32)]
    assert list(horizon.open_days("XNYS", march[4], march[9])) == march[4:10]
    assert list(horizon.open_days("XNYS", march[5], march[6])) == march[5:7]
    assert list(horizon.open_days("XNYS", march[8], march[20])) == march[8:21]
    assert list(horizon.open_days("XNYS", march[9], march[8])) == []
    assert exchange.asked == [("2024-03-05", "2024-03-10"), ("2024-03-05", "2024-03-21")]


def test_another_moment_is_another_horizon() -> None:
    daily = Daily(start="2024-03-01")
    exchange = Exchange()
    counts = [
        len(Horizon(now=NOW + timedelta(days=days), sessions=exchange).existing(daily)) for days in (0, 1)
    ]
    assert counts == [19, 20]
