"""Which dates of a calendar a table lacks, group by group, between the first and the last one that it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from checks.columns import CannotJudge, Column, find
from checks.declaration import Check
from checks.own_checks import GRIDS
from checks.own_rules import day, hour
from checks.plain_values import Plain
from checks.probe import Frame
from checks.rules import Asked, Rows
from checks.scan import ask, ask_table, explained, opened
from checks.table import Source, mappings
from checks.verdict import Finding
from graph.errors import near_miss

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    from numpy.typing import NDArray

_EPOCH = date(1970, 1, 1)
_MOST = 5_000_000
"""Dates of a calendar: of a longer span one is wrong, such as one of the year 9999 among hours."""

_AROUND = timedelta(days=14)
"""A calendar begins and ends with a session, so it is asked for more than the longest holidays on both sides."""


def complete_finding(
    check: Check, source: Source, columns: Mapping[str, Column | None], now: datetime, sample_rows: int
) -> Finding:
    """What is missing of a calendar's dates, and how many.

    Raises:
        CannotJudge: a column is missing or no date, or nobody knows the calendar for these dates.
    """
    column, *by = (find(columns, name) for name in check.columns)
    at = hour(column) if check["calendar"] == "hour" else day(column, check["timezone"])
    where = check.row_condition.sql if check.row_condition is not None else ""
    asked = Asked(rule=Rows(holds="true"), first=check.columns, where=where)
    with opened(source, [asked]) as (cursor, whole, refused):
        if strange := refused.intersection(check.columns):
            raise CannotJudge(f"column '{min(strange)}' is of a type that DuckDB does not know.")
        frame = Frame(table=whole.table, row=whole.row, where=where)
        try:
            keys = "".join(f", {column.sql} AS g{n}" for n, column in enumerate(by))
            found = f"SELECT {at} AS moment{keys}, count(*) AS times FROM {frame.rows} GROUP BY ALL"
            ask(cursor, f"CREATE TEMP TABLE present AS {found}")
            return _judged(check, cursor, now, sample_rows)
        except CannotJudge as reason:
            raise explained(reason, source) from reason


def _judged(check: Check, cursor: duckdb.DuckDBPyConnection, now: datetime, sample_rows: int) -> Finding:
    """The finding, from a table of what is present: a group's key in ``g0``, ``g1`` and so on, and ``moment``."""
    keys = [f"g{n}" for n in range(len(check.columns) - 1)]
    ((first, last, rows),) = ask(
        cursor, "SELECT min(moment), max(moment), coalesce(sum(times), 0) FROM present"
    )
    if first is None:
        return Finding(passed=True, failing=0, counted=0, rows=int(rows))
    through = _through(check, now)
    last = last if through is None else max(last, through)
    with _expected(cursor, _dates(check["calendar"], first, last)) as expected:
        reach = "max(moment)" if through is None else f"greatest(max(moment), {through})"
        grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
        names = "".join(f"{key}, " for key in keys)
        spans = f"SELECT {names}min(moment) AS since, {reach} AS until FROM present WHERE moment IS NOT NULL{grouped}"
        wanted = (
            f"SELECT s.*, e.moment FROM ({spans}) s JOIN {expected} e ON e.moment BETWEEN s.since AND s.until"
        )
        same = " AND ".join(
            ["p.moment = w.moment", *(f"p.{key} IS NOT DISTINCT FROM w.{key}" for key in keys)]
        )
        absent = f"FROM ({wanted}) w ANTI JOIN present p ON {same}"
        ((counted,),) = ask(cursor, f"SELECT count(*) FROM ({wanted})")
        ((failing,),) = ask(cursor, f"SELECT count(*) {absent}")
        sample: Sequence[Mapping[str, Plain]] = ()
        if failing and sample_rows > 0:
            order = ", ".join(["w.moment", *(f"w.{key}" for key in keys)])
            query = (
                f"SELECT {', '.join([*(f'w.{key}' for key in keys), 'w.moment'])} {absent} ORDER BY {order}"
            )
            found = ask_table(cursor, f"{query} LIMIT {sample_rows}")
            sample = [_named(check, row) for row in mappings(found)]
    return Finding(
        passed=not failing,
        failing=int(failing),
        counted=int(counted),
        rows=int(rows),
        observed=f"from {_shown(check, first)} to {_shown(check, last)}",
        sample=sample,
    )


@contextmanager
def _expected(cursor: duckdb.DuckDBPyConnection, dates: NDArray[np.int32]) -> Iterator[str]:
    """The name of a table of those dates."""
    import pyarrow as pa

    cursor.register("expected", pa.table({"moment": dates}))
    try:
        yield "expected"
    finally:
        cursor.unregister("expected")


def _through(check: Check, now: datetime) -> int | None:
    """Until when every group has to reach, as a date of the calendar."""
    through = check["through"]
    if through is None:
        return None
    if isinstance(through, timedelta):
        through = now - through
    if not isinstance(through, datetime):
        through = datetime.combine(through, time(), UTC)
    if through.utcoffset() is None:
        through = through.replace(tzinfo=UTC)
    if check["calendar"] == "hour":
        return int((through - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(hours=1))
    return (_day_of(check, through) - _EPOCH).days


def _day_of(check: Check, moment: datetime) -> date:
    from zoneinfo import ZoneInfo

    declared_as_day = type(check["through"]) is date
    return moment.date() if declared_as_day else moment.astimezone(ZoneInfo(check["timezone"])).date()


def _dates(calendar: str, first: int, last: int) -> NDArray[np.int32]:
    """The dates of a calendar from ``first`` to ``last``, both included; days since 1970, or hours."""
    import numpy as np

    if last - first > _MOST:
        raise CannotJudge(
            f"its dates span {last - first} {'hours' if calendar == 'hour' else 'days'}; one must be wrong.",
            quotes=True,
        )
    every = np.arange(first, last + 1, dtype=np.int32)
    match calendar:
        case "day" | "hour":
            return every
        case "weekday":
            return every[(every + 3) % 7 < 5]  # 1970 began on a Thursday
    try:
        begin, end = (_EPOCH + timedelta(days=at) for at in (first, last))
    except OverflowError:
        raise CannotJudge(f"the calendar '{calendar}' ends before the year of its last date.") from None
    try:  # whole years, so that a calendar is made once for tables of one time
        sessions = _sessions(calendar, begin.replace(month=1, day=1), end.replace(month=12, day=31))
    except CannotJudge:  # of some exchanges the holidays are not known for the rest of the year
        sessions = _sessions(calendar, begin, end)
    return sessions[np.searchsorted(sessions, first) : np.searchsorted(sessions, last, side="right")]


@lru_cache(maxsize=32)
def _sessions(calendar: str, first: date, last: date) -> NDArray[np.int32]:
    """The sessions of an exchange from ``first`` to ``last`` at least, in days since 1970."""
    import exchange_calendars
    import numpy as np
    from exchange_calendars.errors import InvalidCalendarName

    reason: Exception | None = None
    for around in (_AROUND, timedelta(0)):
        try:
            start, end = first - around, last + around
            found = exchange_calendars.get_calendar(calendar, start=start.isoformat(), end=end.isoformat())
            break
        except InvalidCalendarName:
            known = [*GRIDS, *exchange_calendars.get_calendar_names()]
            near = near_miss(calendar, known) or near_miss(calendar.upper(), known)
            raise CannotJudge(f"there is no calendar '{calendar}'.{near}") from None
        except (ValueError, OverflowError) as error:
            reason = error
    else:
        raise CannotJudge(
            f"the calendar '{calendar}' does not know the days from {first} to {last}: {reason}",
            quotes=True,
        )
    days: NDArray[np.int32] = found.sessions.to_numpy("datetime64[D]").astype(np.int32)
    return days


def _named(check: Check, row: Mapping[str, Plain]) -> Mapping[str, Plain]:
    """A missing date under the names that the table has for its group."""
    *group, at = row.values()
    return {**dict(zip(check.columns[1:], group, strict=True)), "missing": _shown(check, at)}


def _shown(check: Check, at: Any) -> str:
    if check["calendar"] == "hour":
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=at)).isoformat()
    return (_EPOCH + timedelta(days=at)).isoformat()
