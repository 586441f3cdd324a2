"""The ticks of any cron expression, counted without walking from one to the next.

The days that an expression matches repeat by month: a month's days depend on its name, its length and its first
weekday only. Days are therefore counted by months, and ticks by days and times of day; cronsim reads the expression
and says which days match.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from hashlib import sha256
from itertools import accumulate
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from graph.ticks import BLOCK, HOUR_S, changes, local, offset_at, settled

if TYPE_CHECKING:
    from cronsim import CronSim

_CYCLE, _DAYS = 400, 146_097
"""After so many years, of so many days, the calendar repeats, weekdays and all."""
_BLOCKS = range(64, 1 << 20)
"""Those in which expressions count: any two have different ones but for one case in a million."""


def problems_of(cron: str) -> list[str]:
    """What is wrong with a cron expression, in words."""
    from cronsim import CronSimError

    if len(cron.split()) != 5:
        return [f"has partitions by '{cron}', which is not a cron expression of five fields"]
    try:
        days = days_of(cron)
    except CronSimError as error:
        return [f"has partitions by '{cron}', which is not a cron expression: {error}"]
    return [] if days.before[-1] else [f"has partitions by '{cron}', which no day matches"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Days:
    """The days and times that a cron expression matches, on a calendar without time zones.

    Args:
        times: the times of a day, ascending.
        every_hour: whether hours and days are unrestricted, so that ticks go by hours that pass.
        months: the matching days of each month of a cycle of years.
        before: how many days match before each of these months, and in all.
        first: where the block begins in which this expression, and all that match the same, counts.
    """

    times: tuple[time, ...]
    every_hour: bool
    months: Sequence[tuple[int, ...]]
    before: Sequence[int]
    first: int

    def number(self, day: date) -> int:
        """How many days match before a day."""
        cycle, year = divmod(day.year, _CYCLE)
        month = year * 12 + day.month - 1
        return cycle * self.before[-1] + self.before[month] + bisect_left(self.months[month], day.day)

    def day(self, number: int) -> date:
        """The matching day that has a number of them before it."""
        cycle, number = divmod(number, self.before[-1])
        month = bisect_right(self.before, number) - 1
        return date(
            cycle * _CYCLE + month // 12, month % 12 + 1, self.months[month][number - self.before[month]]
        )

    def match(self, day: date) -> bool:
        """Whether a day matches."""
        return day.day in self.months[day.year % _CYCLE * 12 + day.month - 1]


@lru_cache(maxsize=256)
def days_of(cron: str) -> Days:
    """What an expression matches.

    Raises:
        CronSimError: it is not a cron expression.
    """
    from cronsim import CronSim

    expression = CronSim(cron, datetime(2024, 1, 1, tzinfo=UTC))
    alike: dict[tuple[int, int, int], tuple[int, ...]] = {}
    months = []
    for year in range(_CYCLE, 2 * _CYCLE):
        for month in range(1, 13):
            weekday, length = monthrange(year, month)
            kind = (month, length, weekday)
            if kind not in alike:
                alike[kind] = _matching(expression, date(year, month, 1), length)
            months.append(alike[kind])
    minutes, hours = sorted(expression.minutes), sorted(expression.hours)
    before = list(accumulate((len(days) for days in months), initial=0))
    matching = repr((hours, minutes, sorted(alike.items()))).encode()
    block = _BLOCKS[int.from_bytes(sha256(matching).digest()[:8]) % len(_BLOCKS)]
    return Days(
        times=tuple(time(hour, minute) for hour in hours for minute in minutes),
        every_hour=len(hours) == 24 and before[-1] == _DAYS,
        months=months,
        before=before,
        first=block * BLOCK,
    )


def _matching(expression: CronSim, first: date, length: int) -> tuple[int, ...]:
    if first.month not in expression.months:
        return ()
    days = (first.replace(day=number) for number in range(1, length + 1))
    return tuple(day.day for day in days if expression.match_day(day))


@dataclass(frozen=True, slots=True, kw_only=True)
class CronTicks:
    """The ticks of a cron expression; an ordinal is how many there were before, by the calendar alone, in its block.

    An expression with restricted hours or days ticks once at each of its local times: one that the clocks skip at the
    moment at which they do, one that they show twice at the later. Ticks that fall together are one.
    """

    zone: ZoneInfo
    days: Days

    def at(self, ordinal: int) -> int:
        number, slot = divmod(ordinal - self.days.first, len(self.days.times))
        return settled(datetime.combine(self.days.day(number), self.days.times[slot]), self.zone)

    def containing(self, instant: int) -> int:
        moment = local(instant, self.zone)
        ordinal = self.days.first + self.days.number(moment.date()) * len(self.days.times)
        ordinal += bisect_right(self.days.times, moment.time()) if self.days.match(moment) else 0
        while self.at(ordinal) > instant:
            ordinal -= 1
        while self.at(ordinal + 1) <= instant:
            ordinal += 1
        return ordinal

    def may_lose(self, shift_s: int) -> bool:
        return shift_s > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteTicks:
    """Several ticks in each hour that passes; an ordinal counts them from 1970 UTC on, in the block of its minutes.

    Where the clocks change by half an hour, an hour may lack some of them; those have empty windows.

    Args:
        minutes: the local minutes, ascending.
        first: where the block begins.
    """

    zone: ZoneInfo
    minutes: tuple[int, ...]
    first: int

    def at(self, ordinal: int) -> int:
        hour, slot = divmod(ordinal - self.first, len(self.minutes))
        instants = self._of_hour(hour)
        while slot >= len(instants):
            hour, slot = hour + 1, 0
            instants = self._of_hour(hour)
        return instants[slot]

    def containing(self, instant: int) -> int:
        hour = instant // HOUR_S
        while not (passed := bisect_right(self._of_hour(hour), instant)):
            hour -= 1
        return self.first + hour * len(self.minutes) + passed - 1

    def may_lose(self, shift_s: int) -> bool:
        return shift_s % HOUR_S != 0

    def _of_hour(self, hour: int) -> list[int]:
        """The instants in an hour of UTC, at most as many as there are minutes."""
        begin, end = hour * HOUR_S, (hour + 1) * HOUR_S
        spans = [(begin, end)]
        if offset_at(begin, self.zone) != offset_at(end - 1, self.zone):
            (change,) = (
                moment for moment in changes(self.zone, local(begin, UTC).year) if begin <= moment < end
            )
            spans = [(begin, change), (change, end)]
        found = []
        for first, last in spans:
            offset = offset_at(first, self.zone)
            instants = (first + (minute * 60 - offset - first) % HOUR_S for minute in self.minutes)
            found += sorted(instant for instant in instants if instant < last)
        return found[: len(self.minutes)]


@lru_cache(maxsize=256)
def cron_ticks(cron: str, timezone: str) -> CronTicks | MinuteTicks:
    """The ticks of an expression in a time zone."""
    days, zone = days_of(cron), ZoneInfo(timezone)
    if days.every_hour:
        minutes = tuple(moment.minute for moment in days.times if moment.hour == 0)
        return MinuteTicks(zone=zone, minutes=minutes, first=days.first)
    return CronTicks(zone=zone, days=days)
