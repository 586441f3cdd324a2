"""When the New York Stock Exchange is open, from exchange_calendars: early closings and special closings included."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING

from assets.market.sources import CALENDAR
from assets.trading.broker import MarketClock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FIRST, _LAST = (
    "1885-01-01",
    "2099-12-31",
)  # as the market's sessions: the library then makes one calendar for both


@cache
def _hours() -> tuple[NDArray[np.datetime64], NDArray[np.datetime64], NDArray[np.datetime64]]:
    """Sessions, opens and closes (UTC, in seconds), in order."""
    import exchange_calendars

    calendar = exchange_calendars.get_calendar(CALENDAR, start=_FIRST, end=_LAST)
    opens, closes = (
        times.dt.tz_convert(None).to_numpy("datetime64[s]") for times in (calendar.opens, calendar.closes)
    )
    return calendar.sessions.to_numpy("datetime64[D]"), opens, closes


def market_clock(now: datetime) -> MarketClock:
    """The exchange's clock at ``now`` (aware); it is open from the opening to before the close."""
    _, opens, closes = _hours()
    opened, closed = _passed(opens, now), _passed(closes, now)
    return MarketClock(
        at=now, is_open=opened > closed, next_open=_aware(opens[opened]), next_close=_aware(closes[closed])
    )


def next_session(now: datetime) -> date:
    """The first session that opens after ``now`` (aware)."""
    sessions, opens, _ = _hours()
    found: date = sessions[_passed(opens, now)].item()
    return found


def sessions_closed_between(session: date, now: datetime) -> int:
    """How many sessions after ``session`` have closed by ``now`` (aware)."""
    import numpy as np

    sessions, _, closes = _hours()
    up_to = int(np.searchsorted(sessions, np.datetime64(session, "D"), side="right"))
    return max(0, _passed(closes, now) - up_to)


def session_hours(session: date) -> tuple[datetime, datetime] | None:
    """When a session opens and closes; None where the exchange is closed on that day."""
    import numpy as np

    sessions, opens, closes = _hours()
    wanted = np.datetime64(session, "D")
    at = int(np.searchsorted(sessions, wanted))
    if at == len(sessions) or sessions[at] != wanted:
        return None
    return _aware(opens[at]), _aware(closes[at])


def _passed(times: NDArray[np.datetime64], now: datetime) -> int:
    """How many of ``times`` are at or before ``now``."""
    import numpy as np

    moment = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us")
    return int(np.searchsorted(times, moment, side="right"))


def _aware(time: np.datetime64) -> datetime:
    found: datetime = time.astype(datetime).replace(tzinfo=UTC)
    return found
