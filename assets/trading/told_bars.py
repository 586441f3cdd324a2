"""Of a table of daily bars, what a simulated market needs: some sessions by symbol, and the last closes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from assets.trading.market_hours import session_hours
from assets.trading.session_fills import Bar
from graph import AssetGraphError

if TYPE_CHECKING:
    import pyarrow as pa


class BarsRefused(AssetGraphError):
    """Bars of a day on which the exchange was closed; ``day`` is the first such."""

    def __init__(self, day: date) -> None:
        self.day = day
        super().__init__(
            f"the simulated market was told prices of {day}, a day on which the exchange was closed:"
            " mend market/prices"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldSession:
    """A session that has closed, with its bars by symbol."""

    day: date
    closes_at: datetime
    bars: Mapping[str, Bar]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldBars:
    """Sessions in order, and the last session and close of each symbol."""

    sessions: tuple[ToldSession, ...] = ()
    closes: Mapping[str, tuple[date, Decimal]]


def told_bars(bars: pa.Table, start: date | None, now: datetime) -> ToldBars:
    """What the sessions that have closed by ``now`` say; the bars themselves from ``start``, or none without it.

    Args:
        bars: the columns ``symbol``, ``session`` and ``close``; ``open``, ``high``, ``low`` and ``volume`` may be
            null or missing. Rows without a close say nothing.

    Raises:
        BarsRefused: see there; only days that matter are looked at.
    """
    import pyarrow.compute as pc

    known = bars.filter(pc.and_(pc.is_finite(bars["close"]), pc.less_equal(bars["session"], now.date())))
    last = _closed(sorted(pc.unique(known["session"]).to_pylist()), now)
    if last is None:
        return ToldBars(closes={})
    known = known.filter(pc.less_equal(known["session"], last))
    wanted = known.filter(pc.greater_equal(known["session"], start)) if start else known.slice(0, 0)
    by_day: dict[date, dict[str, Bar]] = {}
    for row in wanted.to_pylist():
        by_day.setdefault(row["session"], {})[row["symbol"]] = _bar(row)
    sessions = (_session(day, found) for day, found in sorted(by_day.items()))
    return ToldBars(sessions=tuple(sessions), closes=_last_closes(known))


def _session(day: date, bars: Mapping[str, Bar]) -> ToldSession:
    hours = session_hours(day)
    if hours is None:
        raise BarsRefused(day)
    return ToldSession(day=day, closes_at=hours[1], bars=bars)


def _closed(days: list[date], now: datetime) -> date | None:
    """The last of ``days`` whose session has closed by ``now``."""
    for day in reversed(days):
        hours = session_hours(day)
        if hours is None:
            raise BarsRefused(day)
        if hours[1] <= now:
            return day
    return None


def _last_closes(bars: pa.Table) -> dict[str, tuple[date, Decimal]]:
    newest = bars.group_by("symbol").aggregate([("session", "max")])
    rows = bars.select(["symbol", "session", "close"]).join(
        newest, keys=["symbol", "session"], right_keys=["symbol", "session_max"], join_type="inner"
    )
    return {row["symbol"]: (row["session"], _price(row["close"])) for row in rows.to_pylist()}


def _bar(row: Mapping[str, Any]) -> Bar:
    volume = row.get("volume")
    return Bar(
        close=_price(row["close"]),
        open=_known_price(row.get("open")),
        high=_known_price(row.get("high")),
        low=_known_price(row.get("low")),
        volume=None if volume is None else int(volume),
    )


def _known_price(price: float | Decimal | None) -> Decimal | None:
    return None if price is None or not math.isfinite(price) else _price(price)


def _price(price: float | Decimal) -> Decimal:
    """A price as it is written."""
    return Decimal(repr(price)) if isinstance(price, float) else Decimal(price)
