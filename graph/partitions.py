"""Time partitions: which days exist, and the window of time that each one is.

A partition is known by its key (``"2024-01-02"``) to people and by its ordinal (the day's number, so that
neighbours differ by one) to the ledger, which keeps sets of them as ranges. Calendars are arguments: nothing here
reads a clock or an exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Sessions = Callable[[str, date, date], Sequence[date]]
"""Answers the trading days of a calendar between two days, both included."""

UNPARTITIONED = 0
"""The ordinal of the one partition of an asset that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time that one partition covers: ``start <= t < end``, both aware."""

    start: datetime
    end: datetime

    @property
    def day(self) -> date:
        """The local day on which the window starts."""
        return self.start.date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """One partition a day, from ``start`` on, or one a session of an exchange calendar.

    Args:
        start: the first day, ``YYYY-MM-DD``.
        end: the last day, included; without it, partitions appear as days end.
        calendar: the name of an exchange calendar (``XNYS``); only its sessions are partitions.
        timezone: where midnight is. A partition exists once its day has ended there.
    """

    start: str
    end: str | None = None
    calendar: str | None = None
    timezone: str = "UTC"

    def problems(self) -> list[str]:
        """What is wrong with this definition, in words; empty when nothing is."""
        found = []
        for label, text in (("start", self.start), ("end", self.end)):
            try:
                if text is not None:
                    date.fromisoformat(text)
            except ValueError:
                found.append(f"has a partition {label} '{text}' that is not a day written YYYY-MM-DD")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            found.append(f"names a time zone that does not exist: '{self.timezone}'")
        if not found and self.end is not None and self.end < self.start:
            found.append(f"has partitions that end ({self.end}) before they start ({self.start})")
        return found

    def existing(self, now: datetime, sessions: Sessions) -> list[int]:
        """The ordinals of the partitions that exist at ``now``, ascending."""
        first = date.fromisoformat(self.start)
        last = now.astimezone(ZoneInfo(self.timezone)).date() - timedelta(days=1)
        if self.end is not None:
            last = min(last, date.fromisoformat(self.end))
        if last < first:
            return []
        if self.calendar is None:
            return list(range(first.toordinal(), last.toordinal() + 1))
        return [day.toordinal() for day in sessions(self.calendar, first, last)]

    def spans(self, ordinal: int) -> bool:
        """Whether a partition lies between the first and the last that are declared."""
        first = date.fromisoformat(self.start).toordinal()
        return first <= ordinal and (self.end is None or ordinal <= date.fromisoformat(self.end).toordinal())

    def window(self, ordinal: int) -> Window:
        """The time that a partition covers; 23 or 25 hours when the clocks change."""
        zone = ZoneInfo(self.timezone)
        day = date.fromordinal(ordinal)
        return Window(
            start=datetime.combine(day, time(), zone),
            end=datetime.combine(day + timedelta(days=1), time(), zone),
        )


def partition_key(ordinal: int) -> str | None:
    """The key that people read, or None for an asset without partitions."""
    return None if ordinal == UNPARTITIONED else date.fromordinal(ordinal).isoformat()


def partition_ordinal(key: str | None) -> int:
    """The inverse of `partition_key`."""
    return UNPARTITIONED if key is None else date.fromisoformat(key).toordinal()


def ranges(ordinals: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ascending ordinals as ranges ``(first, last)``, both included.

    >>> list(ranges([1, 2, 3, 7, 9, 10]))
    [(1, 3), (7, 7), (9, 10)]
    """
    start = previous = None
    for ordinal in ordinals:
        if previous is not None and ordinal != previous + 1:
            yield start, previous  # type: ignore[misc]  # start is set with previous
            start = ordinal
        elif previous is None:
            start = ordinal
        previous = ordinal
    if previous is not None:
        yield start, previous  # type: ignore[misc]  # as above
