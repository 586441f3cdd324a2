"""The trading days of the New York Stock Exchange, from exchange_calendars, as dates of the exchange.

A session is a day on which the exchange opened, early closings included; special closings (2001-09-11 to 14,
2012-10-29 and 30, days of mourning) are not sessions. The calendar reaches from 1885 to 2099; its future is what the
exchange's rules say today.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from assets.market.sources import CALENDAR, TIMEZONE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FIRST, _LAST = "1885-01-01", "2099-12-31"  # without them, exchange_calendars covers twenty years


@cache
def _times() -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
    """Every session and its close (UTC, in nanoseconds)."""
    import exchange_calendars

    calendar = exchange_calendars.get_calendar(CALENDAR, start=_FIRST, end=_LAST)
    closes = calendar.closes.dt.tz_convert(None).to_numpy("datetime64[ns]")
    return calendar.sessions.to_numpy("datetime64[D]"), closes


def sessions_between(start: date, end: date) -> NDArray[np.datetime64]:
    """The sessions from ``start`` to ``end``, both included, in order; shape (n,), dtype datetime64[D]."""
    import numpy as np

    sessions, _ = _times()
    low = np.searchsorted(sessions, np.datetime64(start, "D"), side="left")
    high = np.searchsorted(sessions, np.datetime64(end, "D"), side="right")
    return sessions[low:high]


def last_closed_session(now: datetime) -> date:
    """The last session whose close has passed at ``now`` (aware); early closings count from their early close."""
    import numpy as np

    sessions, closes = _times()
    moment = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "ns")
    closed: date = sessions[np.searchsorted(closes, moment, side="right") - 1].item()
    return closed


def session_before(session: date, count: int) -> date:
    """The session ``count`` sessions before ``session``, which need not be one itself."""
    import numpy as np

    sessions, _ = _times()
    position = int(np.searchsorted(sessions, np.datetime64(session, "D"), side="left"))
    found: date = sessions[max(position - count, 0)].item()
    return found


def exchange_day(now: datetime) -> date:
    """The date in New York at ``now`` (aware)."""
    return now.astimezone(ZoneInfo(TIMEZONE)).date()


def regular_close(session: date) -> datetime:
    """16:00 in New York on ``session``: when its data are from, to a few hours on early closings.

    It asks no calendar, so that telling the age of data costs nothing.
    """
    return datetime.combine(session, time(16), ZoneInfo(TIMEZONE))
