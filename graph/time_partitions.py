"""Partitions that are windows of time: hours, days, weeks, months, and the windows between the ticks of a cron.

A window begins at a tick and ends at the next. It is a partition from its end on, if it lies between the start and
the end that are declared, and if the exchange calendar, where there is one, has a session in it.

The five kinds differ in their ticks; what they answer alike are the functions below, which are their methods.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import ClassVar, Literal, Protocol, TypeGuard
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from graph.cron_ticks import MinuteTicks, cron_ticks, days_of, problems_of
from graph.horizon import BadPartition, Horizon, Partitions, Window
from graph.partition_set import EMPTY, Partition, PartitionSet
from graph.rows import Row
from graph.ticks import (
    DailyTicks,
    HourlyTicks,
    MonthlyTicks,
    Ticks,
    WeeklyTicks,
    before,
    beginning,
    earliest,
    empty_windows,
    local,
    settled,
)

_SHAPE = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)([-T ](?P<hour>\d\d)(:(?P<minute>\d\d)"
    r"(?P<offset>[+-]\d{4}(\d\d)?)?)?)?)?)?"
)

Kept = Literal["begins", "meets"]
"""Which windows a session keeps: those that begin on its day, or all that have a moment of it."""


class Timed(Protocol):
    """What the functions of this module read of a definition."""

    @property
    def start(self) -> str: ...
    @property
    def end(self) -> str | None: ...
    @property
    def calendar(self) -> str | None: ...
    @property
    def timezone(self) -> str: ...
    @property
    def end_offset(self) -> int: ...
    @property
    def ticks(self) -> Ticks: ...
    @property
    def by_day(self) -> bool:
        """Whether the day on which a window begins tells it apart from all others, and is its key."""
        ...

    @property
    def kept_by(self) -> Kept: ...
    def problems(self) -> list[str]: ...
    def __hash__(self) -> int: ...


def stretch(text: str) -> tuple[datetime, datetime] | None:
    """The local time that a written time covers, down to what it leaves out; None when it is not one.

    >>> stretch("2024-02")
    (datetime.datetime(2024, 2, 1, 0, 0), datetime.datetime(2024, 3, 1, 0, 0))
    """
    found = _SHAPE.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute = (
        None if found[name] is None else int(found[name])
        for name in ("year", "month", "day", "hour", "minute")
    )
    try:
        begin = datetime(year or 0, month or 1, day or 1, hour or 0, minute or 0)  # noqa: DTZ001  # local time
        if month is None:
            return begin, begin.replace(year=begin.year + 1)
        if day is None:
            return begin, begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    except ValueError:
        return None
    length = (
        timedelta(days=1) if hour is None else timedelta(hours=1) if minute is None else timedelta(minutes=1)
    )
    return begin, begin + length


@lru_cache(maxsize=4096)
def bounds(self: Timed) -> tuple[int, int | None]:
    """The ordinals of the first and the last window that are declared."""
    begin, _ = stretch(self.start) or _unreadable(self.start)
    first = beginning(self.ticks, earliest(begin, self.ticks.zone))
    if self.end is None:
        return first, None
    _, end = stretch(self.end) or _unreadable(self.end)
    return first, before(self.ticks, earliest(end, self.ticks.zone))


def _unreadable(text: str) -> tuple[datetime, datetime]:
    raise BadPartition(text, f"'{text}' is not a time written {_DAY} or {_TIME}")


def between(self: Timed, first: int, last: int, horizon: Horizon) -> PartitionSet:
    """The windows from first to last that are partitions, whatever start, end and the time are."""
    if last < first:
        return EMPTY
    found = PartitionSet.span(first, last)
    if self.calendar is not None:
        zone = self.ticks.zone
        opens = local(self.ticks.at(first), zone).date()
        closes = local(self.ticks.at(last + 1) - 1, zone).date()
        found &= PartitionSet.ranged(_of_sessions(self, horizon.open_days(self.calendar, opens, closes)))
    empty = empty_windows(self.ticks, first, last)
    return found - PartitionSet.of(Partition(ordinal=ordinal) for ordinal in empty) if empty else found


def _of_sessions(self: Timed, days: Iterable[date]) -> Iterable[tuple[str, int, int]]:
    """The windows that each session keeps."""
    ticks = self.ticks
    for day in days:
        if isinstance(ticks, DailyTicks):
            yield "", day.toordinal(), day.toordinal()
            continue
        opens, closes = (
            earliest(datetime.combine(each, time()), ticks.zone) for each in (day, day + timedelta(days=1))
        )
        first = beginning(ticks, opens) if self.kept_by == "begins" else ticks.containing(opens)
        yield "", first, before(ticks, closes)


def _existing(self: Timed, horizon: Horizon) -> PartitionSet:
    first, last = bounds(self)
    ended = self.ticks.containing(math.floor(horizon.now.timestamp())) - 1
    found = between(self, first, ended, horizon)
    if self.end_offset < 0:
        found = _oldest(found, len(found) + self.end_offset)
    elif self.end_offset > 0:
        coming = _next(self, ended + 1, self.end_offset, horizon)
        found |= coming - PartitionSet.span(ended + 1, first - 1)
    return found if last is None else found & PartitionSet.span(first, last)


def _next(self: Timed, first: int, count: int, horizon: Horizon) -> PartitionSet:
    """The next partitions from an ordinal on, up to where a calendar has none for a thousand windows."""
    found, reach = EMPTY, count
    while len(found) < count and reach < count + 1000:
        found = between(self, first, first + reach - 1, horizon)
        reach += 2 * (count - len(found))
    return _oldest(found, count)


def next_at(self: Timed, horizon: Horizon) -> datetime | None:
    """When the partitions that exist will be others; None when that is never, or far away."""
    first, last = bounds(self)
    unended = max(first, self.ticks.containing(math.floor(horizon.now.timestamp())))
    coming = _next(self, unended, 1, horizon)
    if not coming or (last is not None and next(iter(coming)).ordinal > last):
        return None
    return datetime.fromtimestamp(self.ticks.at(next(iter(coming)).ordinal + 1), UTC)


def _oldest(found: PartitionSet, count: int) -> PartitionSet:
    """The first so many of a set."""
    row = Row.of(found.spans.get("", ()))
    return PartitionSet.ranged(("", *span) for span in row.ordinals(0, count - 1))


def _declares(self: Timed, partition: Partition) -> bool:
    first, last = bounds(self)
    return not partition.slice and first <= partition.ordinal and (last is None or partition.ordinal <= last)


def _key(self: Timed, partition: Partition) -> str:
    moment = local(self.ticks.at(partition.ordinal), self.ticks.zone)
    if self.by_day:
        return moment.date().isoformat()
    second = moment.fold and isinstance(self.ticks, HourlyTicks | MinuteTicks)
    return f"{moment:%Y-%m-%d-%H:%M%z}" if second else f"{moment:%Y-%m-%d-%H:%M}"


def _partition(self: Timed, key: str) -> Partition:
    if not _is_key(self, key):
        form = _DAY if self.by_day else _TIME
        raise BadPartition(key, f"'{key}' is no partition: write {form}, such as {_example(self)}.")
    partition = window_with_key(self, key)
    if partition is None:
        begin, _ = stretch(key) or _unreadable(key)
        around = Partition(ordinal=self.ticks.containing(earliest(begin, self.ticks.zone)))
        raise BadPartition(key, f"no partition begins at '{key}': it lies in {_key(self, around)}.")
    if not _declares(self, partition):
        until = f" and end with {self.end}" if self.end else ""
        raise BadPartition(key, f"there is no partition '{key}': they start with {self.start}{until}.")
    return partition


def _is_key(self: Timed, key: str) -> bool:
    shape = _SHAPE.fullmatch(key.strip())
    whole = shape is not None and shape["day"] is not None and (self.by_day or shape["minute"] is not None)
    return whole and stretch(key) is not None


def instants(self: Timed, text: str) -> tuple[int, int] | None:
    """From when to when a written time lasts; None when it is not one.

    An ambiguous local time is its first pass, unless it has an offset: ``2024-11-03-01:00-0500``.
    """
    shape, covered = _SHAPE.fullmatch(text.strip()), stretch(text)
    if shape is None or covered is None:
        return None
    if shape["offset"]:
        ahead = datetime.strptime(shape["offset"], "%z").tzinfo
        instant = int(covered[0].replace(tzinfo=ahead).timestamp())
        return instant, instant + 60
    return earliest(covered[0], self.ticks.zone), earliest(covered[1], self.ticks.zone)


def window_with_key(self: Timed, key: str) -> Partition | None:
    """The window that a key names, whether it is declared or not; None where none begins."""
    covered, lasts = stretch(key), instants(self, key)
    if covered is None or lasts is None:
        return None
    begin, end = lasts
    once = not isinstance(self.ticks, HourlyTicks | MinuteTicks)
    if once and covered[1] - covered[0] == timedelta(minutes=1):  # a time that may be skipped or ambiguous
        begin = settled(covered[0], self.ticks.zone)
        end = begin + 60
    ordinal = beginning(self.ticks, begin)
    return Partition(ordinal=ordinal) if self.ticks.at(ordinal) < end else None


def _window(self: Timed, partition: Partition) -> Window:
    ticks = self.ticks
    return Window(
        start=local(ticks.at(partition.ordinal), ticks.zone),
        end=local(ticks.at(partition.ordinal + 1), ticks.zone),
    )


def _dimensions(self: Partitions) -> tuple[tuple[str, Partitions], ...]:
    return (("", self),)


def _example(self: Timed) -> str:
    return _key(self, Partition(ordinal=bounds(self)[0]))


_DAY, _TIME = "YYYY-MM-DD", "YYYY-MM-DD-HH:MM"


def _problems(self: Timed, offsets: Iterable[tuple[str, int, int, int]] = ()) -> list[str]:
    """What is wrong with the words and numbers of a definition.

    Args:
        offsets: names of fields with their value and the first and last that are possible.
    """
    given = [(label, text) for label, text in (("start", self.start), ("end", self.end)) if text is not None]
    found = [
        f"has a partition {label} {text!r}, which is no text; write it {_DAY if self.by_day else _TIME}"
        for label, text in given
        if not isinstance(text, str)
    ] or [
        f"has a partition {label} '{text}', and time is counted from year 2 to year 9998"
        for label, text in given
        if text[:4].isdigit() and not "0002" <= text[:4] <= "9998"
    ]
    if found:
        return found
    found = [
        f"has a partition {label} '{text}' that is not {'a day written ' + _DAY if self.by_day else 'a time'}"
        + ("" if self.by_day else f" written {_TIME}")
        for label, text in given
        if stretch(text) is None
    ]
    try:
        ZoneInfo(self.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        found.append(f"names a time zone that does not exist: '{self.timezone}'")
    found += [
        f"has partitions with {name}={value}, which must lie between {low} and {high}"
        for name, value, low, high in offsets
        if not low <= value <= high
    ]
    if not found and self.end is not None:
        first, last = bounds(self)
        if last is not None and last < first:
            found.append(f"has partitions that end ({self.end}) before they start ({self.start})")
    return found


def _clock_offsets(self: Daily | Weekly | Monthly) -> list[tuple[str, int, int, int]]:
    return [("hour_offset", self.hour_offset, 0, 23), ("minute_offset", self.minute_offset, 0, 59)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hourly:
    """One partition an hour, or one an hour of each session's day.

    Args:
        start: the first hour, ``YYYY-MM-DD-HH:MM``, or the day that it begins.
        end: the last, included; without it, partitions appear as hours end.
        calendar: the name of an exchange calendar (``XNYS``); only hours of its sessions' days are partitions.
        timezone: whose hours and days they are.
        minute_offset: at which minute an hour begins.
        end_offset: how many hours exist that have not ended yet; negative, how many that have do not.
    """

    start: str
    end: str | None = None
    calendar: str | None = None
    timezone: str = "UTC"
    minute_offset: int = 0
    end_offset: int = 0
    by_day: ClassVar[bool] = False
    kept_by: ClassVar[Kept] = "begins"

    @property
    def ticks(self) -> Ticks:
        """When the hours begin."""
        return HourlyTicks(zone=ZoneInfo(self.timezone), minute=self.minute_offset)

    def problems(self) -> list[str]:
        """What is wrong with this definition, in words; empty when nothing is."""
        return _problems(self, [("minute_offset", self.minute_offset, 0, 59)])

    existing, declares, window = _existing, _declares, _window
    key, partition, dimensions = _key, _partition, property(_dimensions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """One partition a day, from ``start`` on, or one a session of an exchange calendar.

    Args:
        start: the first day, ``YYYY-MM-DD``.
        end: the last day, included; without it, partitions appear as days end.
        calendar: the name of an exchange calendar (``XNYS``); only its sessions are partitions.
        timezone: where midnight is. A partition exists once its day has ended there.
        minute_offset, hour_offset: at what time a day begins, if not at midnight.
        end_offset: how many days exist that have not ended yet; negative, how many that have do not.
    """

    start: str
    end: str | None = None
    calendar: str | None = None
    timezone: str = "UTC"
    minute_offset: int = 0
    hour_offset: int = 0
    end_offset: int = 0
    by_day: ClassVar[bool] = True
    kept_by: ClassVar[Kept] = "begins"

    @property
    def ticks(self) -> Ticks:
        """When the days begin."""
        return DailyTicks(zone=ZoneInfo(self.timezone), clock=time(self.hour_offset, self.minute_offset))

    def problems(self) -> list[str]:
        """What is wrong with this definition, in words; empty when nothing is."""
        return _problems(self, _clock_offsets(self))

    existing, declares, window = _existing, _declares, _window
    key, partition, dimensions = _key, _partition, property(_dimensions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """One partition a week, known by its first day.

    Args:
        start: a day; the first week is the first that begins on it or later.
        end: a day; the last week is the last that begins on it or earlier.
        calendar: the name of an exchange calendar; weeks without any session are no partitions.
        timezone: where midnight is. A partition exists once its week has ended there.
        minute_offset, hour_offset: at what time a week begins, if not at midnight.
        day_offset: on which day a week begins: 0 for Sunday to 6 for Saturday.
        end_offset: how many weeks exist that have not ended yet; negative, how many that have do not.
    """

    start: str
    end: str | None = None
    calendar: str | None = None
    timezone: str = "UTC"
    minute_offset: int = 0
    hour_offset: int = 0
    day_offset: int = 0
    end_offset: int = 0
    by_day: ClassVar[bool] = True
    kept_by: ClassVar[Kept] = "meets"

    @property
    def ticks(self) -> Ticks:
        """When the weeks begin."""
        clock = time(self.hour_offset, self.minute_offset)
        return WeeklyTicks(zone=ZoneInfo(self.timezone), day=self.day_offset, clock=clock)

    def problems(self) -> list[str]:
        """What is wrong with this definition, in words; empty when nothing is."""
        return _problems(self, [*_clock_offsets(self), ("day_offset", self.day_offset, 0, 6)])

    existing, declares, window = _existing, _declares, _window
    key, partition, dimensions = _key, _partition, property(_dimensions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Monthly:
    """One partition a month, known by its first day.

    Args:
        start: a day; the first month is the first that begins on it or later.
        end: a day; the last month is the last that begins on it or earlier.
        calendar: the name of an exchange calendar; months without any session are no partitions.
        timezone: where midnight is. A partition exists once its month has ended there.
        minute_offset, hour_offset: at what time a month begins, if not at midnight.
        day_offset: on which day a month begins: 1 to 28, which every month has.
        end_offset: how many months exist that have not ended yet; negative, how many that have do not.
    """

    start: str
    end: str | None = None
    calendar: str | None = None
    timezone: str = "UTC"
    minute_offset: int = 0
    hour_offset: int = 0
    day_offset: int = 1
    end_offset: int = 0
    by_day: ClassVar[bool] = True
    kept_by: ClassVar[Kept] = "meets"

    @property
    def ticks(self) -> Ticks:
        """When the months begin."""
        clock = time(self.hour_offset, self.minute_offset)
        return MonthlyTicks(zone=ZoneInfo(self.timezone), day=self.day_offset, clock=clock)

    def problems(self) -> list[str]:
        """What is wrong with this definition, in words; empty when nothing is."""
        return _problems(self, [*_clock_offsets(self), ("day_offset", self.day_offset, 1, 28)])

    existing, declares, window = _existing, _declares, _window
    key, partition, dimensions = _key, _partition, property(_dimensions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """One partition from each tick of a cron expression to the next.

    It is known by the day on which it begins where a day has at most one, otherwise by day and time.

    Args:
        cron: five fields: minute, hour, day of the month, month, day of the week.
        start: a day or time; the first partition is the first that begins then or later.
        end: a day or time; the last partition is the last that begins in it or earlier.
        calendar: the name of an exchange calendar; windows without a moment of a session's day are no partitions.
        timezone: whose times the ticks are.
        end_offset: how many windows exist that have not ended yet; negative, how many that have do not.
    """

    cron: str
    start: str
    end: str | None = None
    calendar: str | None = None
    timezone: str = "UTC"
    end_offset: int = 0
    kept_by: ClassVar[Kept] = "meets"

    @property
    def ticks(self) -> Ticks:
        """When the windows begin."""
        return cron_ticks(self.cron, self.timezone)

    @property
    def by_day(self) -> bool:
        """Whether the expression has one time a day."""
        return len(days_of(self.cron).times) == 1

    def problems(self) -> list[str]:
        """What is wrong with this definition, in words; empty when nothing is."""
        return problems_of(self.cron) or _problems(self)

    existing, declares, window = _existing, _declares, _window
    key, partition, dimensions = _key, _partition, property(_dimensions)


TimePartitions = Hourly | Daily | Weekly | Monthly | Cron
"""The five kinds of partitions that are windows of time."""


def is_timed(partitions: object) -> TypeGuard[TimePartitions]:
    """Whether partitions are windows of time."""
    return isinstance(partitions, Hourly | Daily | Weekly | Monthly | Cron)
