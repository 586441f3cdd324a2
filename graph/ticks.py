"""The instants at which windows of time begin, numbered in order: the arithmetic below time partitions.

Instants are whole seconds since 1970 UTC, and local times are those of a zone. Each kind of `Ticks` is total and
ascending: every ordinal has an instant, and an instant lies in exactly one window. Ordinals do not depend on where
an asset's partitions start, nor on the rules of a time zone, so that a ledger may keep them. Windows that begin on
another weekday, day of the month or minute, or by another expression, are others and have other ordinals: each such way
of counting counts from its own `BLOCK` on, and what was kept under another one is not found under its keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Protocol
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # local times are naive here: the zone is beside them
HOUR_S = 3600
_DAY_S = 24 * HOUR_S
_MIDNIGHT = time()
_NO_OFFSET = timedelta(0)
BLOCK = 1 << 33
"""More windows than a way of counting has from year 1 to year 9999, at one a minute."""
_AROUND_S = 2 * HOUR_S
"""How far from a change of the clocks it can move a tick, and more."""


class Ticks(Protocol):
    """Numbered instants of a time zone."""

    @property
    def zone(self) -> ZoneInfo: ...

    def at(self, ordinal: int) -> int:
        """The instant at which a window begins; it ends where the next begins."""
        ...

    def containing(self, instant: int) -> int:
        """The ordinal of the window in which an instant lies."""
        ...

    def may_lose(self, shift_s: int) -> bool:
        """Whether a window can be empty because the clocks are put forward over it by so many seconds."""
        ...


def local(instant: int, zone: tzinfo) -> datetime:
    """The aware local time of an instant, which also tells the two passes of an ambiguous hour apart."""
    return datetime.fromtimestamp(instant, zone)


def earliest(moment: datetime, zone: ZoneInfo) -> int:
    """The first instant at which the clocks show a naive local time, or something later."""
    early, late = _offsets(moment, zone)
    seconds = _seconds(moment)
    if late <= early:  # the same, or an ambiguous time: its first pass
        return seconds - early
    return _change(seconds - late, seconds - early, zone)


def settled(moment: datetime, zone: ZoneInfo) -> int:
    """The instant of a naive local time that may not exist, or exist twice, as Dagster settles it.

    A time that the clocks skip is the moment at which they do. Of two, the later counts; at midnight the earlier, so
    that a day begins once.
    """
    early, late = _offsets(moment, zone)
    if late < early and 1 <= moment.hour <= 3:
        return _seconds(moment) - late
    return earliest(moment, zone)


def _offsets(moment: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """The offsets of the first and the second pass of a naive local time; equal for nearly all."""
    early, late = (zone.utcoffset(moment.replace(fold=fold)) or _NO_OFFSET for fold in (0, 1))
    return _seconds_of(early), _seconds_of(late)


def _seconds(moment: datetime) -> int:
    elapsed = moment - _EPOCH
    return elapsed.days * 86400 + elapsed.seconds


def _seconds_of(offset: timedelta) -> int:
    return offset.days * 86400 + offset.seconds


def offset_at(instant: int, zone: ZoneInfo) -> int:
    """By how many seconds local time is ahead of UTC at an instant."""
    return _seconds_of(local(instant, zone).utcoffset() or _NO_OFFSET)


def _change(before: int, after: int, zone: ZoneInfo) -> int:
    """The instant at which the clocks change: after the first of two instants, and at the latest at the second."""
    was = offset_at(before, zone)
    while after - before > 1:
        middle = (before + after) // 2
        if offset_at(middle, zone) == was:
            before = middle
        else:
            after = middle
    return after


@lru_cache(maxsize=4096)
def changes(zone: ZoneInfo, year: int) -> tuple[int, ...]:
    """The instants of a year (of UTC) at which a zone's clocks change."""
    if zone.key == "UTC":
        return ()
    begin, end = (int(datetime(each, 1, 1, tzinfo=UTC).timestamp()) for each in (year, year + 1))
    offsets = [offset_at(day, zone) for day in range(begin - 1, end, _DAY_S)]
    return tuple(
        _change(begin - 1 + index * _DAY_S, begin - 1 + (index + 1) * _DAY_S, zone)
        for index, (was, will) in enumerate(pairwise(offsets))
        if was != will
    )


def _found(ticks: Ticks, guess: int, instant: int) -> int:
    """The ordinal of the window of an instant, from one that is close to it."""
    while ticks.at(guess) > instant:
        guess -= 1
    while ticks.at(guess + 1) <= instant:
        guess += 1
    return guess


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyTicks:
    """Each hour at ``minute``; an ordinal is the number of whole hours since 1970 UTC, in the block of the minute.

    Hours are those that pass, so that a day has 23 or 25 when the clocks change. Where they change by half an hour,
    the hour in which they do is one or one and a half.
    """

    zone: ZoneInfo
    minute: int = 0

    def at(self, ordinal: int) -> int:
        begin = (ordinal - self.minute * BLOCK) * HOUR_S
        offset = offset_at(begin, self.zone)
        instant = begin + (self.minute * 60 - offset) % HOUR_S
        now = offset_at(instant, self.zone)
        if now == offset:
            return instant
        change = _change(begin, instant, self.zone)
        instant = change + (self.minute * 60 - now - change) % HOUR_S
        return instant if instant < begin + HOUR_S else change

    def containing(self, instant: int) -> int:
        ordinal = self.minute * BLOCK + instant // HOUR_S
        return ordinal if self.at(ordinal) <= instant else ordinal - 1

    def may_lose(self, shift_s: int) -> bool:
        del shift_s
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyTicks:
    """Each day at a time; an ordinal is the day's number, 1 for 0001-01-01."""

    zone: ZoneInfo
    clock: time = _MIDNIGHT

    def at(self, ordinal: int) -> int:
        return settled(datetime.combine(date.fromordinal(ordinal), self.clock), self.zone)

    def containing(self, instant: int) -> int:
        return _found(self, local(instant, self.zone).toordinal(), instant)

    def may_lose(self, shift_s: int) -> bool:
        return shift_s >= _DAY_S  # once each for a few islands that changed sides of the date line


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyTicks:
    """Each week on a day at a time; an ordinal counts weeks from the first Sunday of the calendar on, in its block.

    Args:
        day: 0 for Sunday to 6 for Saturday.
    """

    zone: ZoneInfo
    day: int = 0
    clock: time = _MIDNIGHT

    def at(self, ordinal: int) -> int:
        days = (ordinal - self.day * BLOCK) * 7 + self.day
        return settled(datetime.combine(date.fromordinal(days), self.clock), self.zone)

    def containing(self, instant: int) -> int:
        weeks = (local(instant, self.zone).toordinal() - self.day) // 7
        return _found(self, self.day * BLOCK + weeks, instant)

    def may_lose(self, shift_s: int) -> bool:
        del shift_s
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyTicks:
    """Each month on a day at a time; an ordinal is twelve times the year, and the month from 0 on, in its block.

    Args:
        day: 1 to 28, which every month has.
    """

    zone: ZoneInfo
    day: int = 1
    clock: time = _MIDNIGHT

    def at(self, ordinal: int) -> int:
        year, month = divmod(ordinal - (self.day - 1) * BLOCK, 12)
        return settled(datetime.combine(date(year, month + 1, self.day), self.clock), self.zone)

    def containing(self, instant: int) -> int:
        day = local(instant, self.zone)
        months = day.year * 12 + day.month - 1
        return _found(self, (self.day - 1) * BLOCK + months, instant)

    def may_lose(self, shift_s: int) -> bool:
        del shift_s
        return False


def beginning(ticks: Ticks, instant: int) -> int:
    """The ordinal of the first window that begins at an instant or later, and is not empty."""
    return ticks.containing(ticks.at(ticks.containing(instant - 1) + 1))


def before(ticks: Ticks, instant: int) -> int:
    """The ordinal of the last window that begins before an instant."""
    return ticks.containing(instant - 1)


def empty_windows(ticks: Ticks, first: int, last: int) -> list[int]:
    """The ordinals from first to last whose windows are empty: only around changes of the clocks."""
    zone, begin, end = ticks.zone, ticks.at(first), ticks.at(last)
    found: set[int] = set()
    for year in range(local(begin, UTC).year, local(end, UTC).year + 1):
        for change in changes(zone, year):
            near = begin - _AROUND_S <= change <= end + _AROUND_S
            if near and ticks.may_lose(offset_at(change, zone) - offset_at(change - 1, zone)):
                low, high = (ticks.containing(change + around) for around in (-_AROUND_S, _AROUND_S))
                around = range(max(first, low), min(last, high) + 1)
                found.update(ordinal for ordinal in around if ticks.at(ordinal) == ticks.at(ordinal + 1))
    return sorted(found)
