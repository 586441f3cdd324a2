"""The trading days of exchange calendars."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from graph import AssetGraphError, near_miss

_AROUND = timedelta(days=14)
"""A calendar begins and ends with a session, so it is asked for more than the longest holidays on both sides."""


class CalendarError(AssetGraphError):
    """An exchange calendar that does not exist, or does not know the days that it is asked for."""


@lru_cache(maxsize=64)
def sessions(calendar: str, first: date, last: date) -> tuple[date, ...]:
    """The trading days of an exchange calendar between two days, both included; neither has to be one.

    Args:
        calendar: a name such as ``XNYS``, or an alias of it such as ``NYSE``.

    Raises:
        CalendarError: there is no such calendar, or its holidays are not recorded for all of these days.
    """
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    if last < first:
        return ()
    for around in (_AROUND, timedelta(0)):  # the second for days close to where the holidays' record ends
        start, end = first - around, last + around
        try:
            found = exchange_calendars.get_calendar(calendar, start=start.isoformat(), end=end.isoformat())
            break
        except InvalidCalendarName:
            known = exchange_calendars.get_calendar_names()
            near = near_miss(calendar.upper(), known)
            raise CalendarError(f"there is no exchange calendar '{calendar}'.{near}") from None
        except ValueError as error:
            reason = error
    else:
        raise CalendarError(
            f"the exchange calendar '{calendar}' cannot tell the days from {first} to {last}: {reason}"
        )
    days = (moment.date() for moment in found.sessions)
    return tuple(day for day in days if first <= day <= last)
