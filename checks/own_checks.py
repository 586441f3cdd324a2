"""The project's own checks of one table: its age, its clock, its gaps, its units, and what was known when.

They follow the two rules of `checks.vocabulary`: a null is the absence of a value, and a NaN is a broken number.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import date, time, timedelta
from typing import Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from checks.declaration import Check, InvalidCheck, Severity, by_groups, columns_of, declared
from checks.plain_values import Plain
from checks.row_conditions import RowCondition
from checks.vocabulary import Number, family_of
from graph.errors import near_miss

Weekday: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Unit: TypeAlias = Literal["fraction", "percent"]

WEEKDAYS: tuple[str, ...] = get_args(Weekday)
GRIDS = ("day", "weekday", "hour")
"""The calendars that need no exchange: every day, every day from Monday to Friday, every hour."""

_SLIP = 100
"""From a fraction to a percentage, and from dollars to cents."""


def recent(
    column: str,
    within: timedelta,
    *,
    name: str | None = None,
    severity: Severity = "error",
    row_condition: RowCondition | str | None = None,
) -> Check:
    """The newest timestamp of the column is at most so old at the time of judging; without any, nothing is recent.

    A timestamp without time zone is read as UTC, a date as its midnight in UTC. Observed is the newest.
    """
    label = name if name is not None else f"recent({column})"
    if not isinstance(within, timedelta) or within <= timedelta(0):
        raise InvalidCheck(label, f"has within={within!r}; give it a duration.")
    return declared("recent", (column,), {"within": within}, label, severity, row_condition=row_condition)


def time_zone(column: str, zone: str, *, name: str | None = None, severity: Severity = "error") -> Check:
    """The column's Arrow type is a timestamp with this time zone; the schema alone answers.

    That a column has its zone does not say that its times are right: see `local_time`.
    """
    label = name if name is not None else f"time_zone({column})"
    return declared("time_zone", (column,), {"zone": _known_zone(label, zone)}, label, severity)


def local_time(
    column: str,
    low: time,
    high: time,
    *,
    timezone: str,
    weekdays: Collection[Weekday] | None = None,
    name: str | None = None,
    severity: Severity = "error",
    mostly: float = 1.0,
    row_condition: RowCondition | str | None = None,
) -> Check:
    """On the clocks of ``timezone`` each timestamp lies from ``low`` to ``high``, both included; nulls pass.

    So a feed whose times were shifted by some hours is found out. A timestamp without time zone is read as UTC.

    Args:
        low, high: times of day; where ``high`` is the earlier one, the span goes past midnight.
        weekdays: the days on which a timestamp may lie there, such as ``["mon", "tue"]``; None for all.
    """
    label = name if name is not None else f"local_time({column})"
    for bound in (low, high):
        if not isinstance(bound, time) or bound.tzinfo is not None:
            raise InvalidCheck(label, f"has the bound {bound!r}; give it a time of day without a time zone.")
    days = WEEKDAYS if weekdays is None else tuple(weekdays)
    for day in days:
        if day not in WEEKDAYS:
            miss = near_miss(str(day), WEEKDAYS)
            raise InvalidCheck(label, f"names the weekday {day!r}; they are {', '.join(WEEKDAYS)}.{miss}")
    if not days:
        raise InvalidCheck(label, "lets nothing pass: it names no weekday.")
    if (low, high) == (time.min, time.max) and set(days) == set(WEEKDAYS):
        raise InvalidCheck(label, "lets everything pass: it is the whole of every day.")
    parameters: dict[str, Plain] = {
        "low": low,
        "high": high,
        "timezone": _known_zone(label, timezone),
        "weekdays": None if set(days) == set(WEEKDAYS) else tuple(day for day in WEEKDAYS if day in days),
    }
    return declared("local_time", (column,), parameters, label, severity, mostly, row_condition)


def complete(
    column: str,
    *,
    calendar: str,
    by: Collection[str] | str = (),
    through: date | timedelta | None = None,
    timezone: str = "UTC",
    name: str | None = None,
    severity: Severity = "error",
    row_condition: RowCondition | str | None = None,
) -> Check:
    """Every date (or hour) of a calendar between the first and the last one of each group is there.

    What is there besides, such as a Saturday, or a session twice, is another check's business; rows without a date
    are left out. Failing is how many are missing, in all groups together, and a sample is a group and a missing date.

    Args:
        calendar: ``"day"``, ``"weekday"`` (Monday to Friday), ``"hour"``, or an exchange such as ``"XNYS"``, whose
            sessions are those of exchange_calendars.
        by: the columns that make a group; without, all rows are one.
        through: until when every group has to reach: a date, or how long before the time of judging.
        timezone: whose midnight begins the day of a timestamp.
    """
    groups = columns_of(by)
    label = name if name is not None else f"complete({column}{by_groups(groups)})"
    if not isinstance(calendar, str) or not calendar.strip():
        raise InvalidCheck(label, f"has the calendar {calendar!r}; say 'day', or an exchange such as 'XNYS'.")
    if not isinstance(through, date | timedelta | None):
        raise InvalidCheck(label, f"has through={through!r}; give it a date, or how long before now.")
    if isinstance(through, timedelta) and through < timedelta(0):
        raise InvalidCheck(label, f"has through={through}, which has not come yet.")
    if calendar == "hour" and timezone != "UTC":
        raise InvalidCheck(label, "counts hours, which are the same in every time zone; leave timezone= out.")
    parameters: dict[str, Plain] = {
        "calendar": calendar.strip(),
        "through": through,
        "timezone": _known_zone(label, timezone),
    }
    return declared("complete", (column, *groups), parameters, label, severity, row_condition=row_condition)


def point_in_time(
    available_at: str,
    decision_at: str,
    *,
    name: str | None = None,
    severity: Severity = "error",
    mostly: float = 1.0,
    row_condition: RowCondition | str | None = None,
) -> Check:
    """What was decided upon was available then: ``available_at <= decision_at`` in every row with a decision.

    A row without ``available_at`` fails, as it cannot be shown. A timestamp without time zone is read as UTC, a date
    as its midnight in UTC: where the hour matters, keep a timestamp.
    """
    return declared("point_in_time", (available_at, decision_at), {}, name, severity, mostly, row_condition)


def unit(
    column: str,
    low: Number,
    high: Number,
    *,
    unit: Unit = "fraction",
    name: str | None = None,
    severity: Severity = "error",
    row_condition: RowCondition | str | None = None,
) -> Check:
    """The numbers are in their unit: the median of their sizes lies where it typically does, from ``low`` to ``high``.

    Percentages that come as fractions, or cents as dollars, are off by a factor of 100. The bounds must lie closer
    together than that, so that such a slip cannot pass. Zeros and nulls have no size and are left out; without any
    number the check passes, and a NaN fails. Observed is the median.

    Args:
        low, high: what is typical of the absolute values, such as 0.001 and 0.05 for daily returns as fractions.
        unit: in which unit that is; it is told with the promise.
    """
    label = name if name is not None else f"unit({column})"
    for number in (low, high):
        if family_of(number) != "number" or not math.isfinite(number) or number <= 0:
            raise InvalidCheck(label, f"has the bound {number!r}; give it a finite number above zero.")
    if unit not in get_args(Unit):
        miss = near_miss(str(unit), get_args(Unit))
        raise InvalidCheck(label, f"has the unit {unit!r}, which is not 'fraction' or 'percent'.{miss}")
    if low > high:
        raise InvalidCheck(label, f"lets nothing pass: its low bound is {low}, its high bound {high}.")
    if high >= low * _SLIP:
        raise InvalidCheck(
            label,
            f"cannot tell a slip by a factor of {_SLIP}, as its bounds {low} and {high} are that far apart;"
            " bring them closer together: the median of many values moves little.",
        )
    bounds: dict[str, Plain] = {"low": low, "high": high, "unit": unit}
    return declared("unit", (column,), bounds, label, severity, row_condition=row_condition)


def not_all_zero(
    column: str,
    *,
    by: Collection[str] | str = (),
    name: str | None = None,
    severity: Severity = "error",
    row_condition: RowCondition | str | None = None,
) -> Check:
    """Some number in the column is neither null, NaN nor zero: in all, or for each value of ``by``.

    Failing are groups, not rows. Without ``by`` an empty table fails, as nothing in it is different from zero.
    """
    groups = columns_of(by)
    label = name if name is not None else f"not_all_zero({column}{by_groups(groups)})"
    return declared("not_all_zero", (column, *groups), {}, label, severity, row_condition=row_condition)


def _known_zone(check: str, zone: str) -> str:
    """The name of a time zone that there is."""
    try:
        return ZoneInfo(zone).key
    except (KeyError, ValueError, TypeError, OSError):  # unknown, no name at all, no text, a folder
        from zoneinfo import available_timezones

        miss = near_miss(str(zone), sorted(available_timezones()))
        raise InvalidCheck(check, f"has the time zone {zone!r}, which there is not.{miss}") from None
