"""Which windows of one kind of time partitions overlap which of another: the arithmetic of `Overlap`.

A partition of an asset (*down*) reads the windows of its upstream (*up*) that overlap its own, where the start and
the end of its window are first shifted by whole partitions of the asset itself. All of it is arithmetic on the ends
of ranges: a set of a thousand days costs as much as one day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from graph.cron_ticks import CronTicks, MinuteTicks
from graph.horizon import Horizon
from graph.partition_set import PartitionSet, Range
from graph.rows import Row
from graph.ticks import before, beginning, earliest
from graph.time_partitions import TimePartitions, between, bounds, stretch


class Reach(NamedTuple):
    """How far around its own window a partition reads, in partitions of its own kind."""

    start: int = 0
    end: int = 0


_PLAIN = Row(None)
_EVER = (-5_364_662_400, 7_258_118_400)
"""From 1800 to 2200 UTC."""


@lru_cache(maxsize=256)
def _row(partitions: TimePartitions, first: int, last: int, horizon: Horizon) -> Row:
    found = between(partitions, first, last, horizon)
    return _PLAIN if found == PartitionSet.span(first, last) else Row.of(found.spans.get("", ()))


class Overlapping:
    """Two kinds of windows, and how far the one reaches into the other, at one horizon."""

    def __init__(self, down: TimePartitions, up: TimePartitions, reach: Reach, horizon: Horizon) -> None:
        self.down, self.up, self.reach, self.horizon = down, up, reach, horizon
        self.below, self.above = down.ticks, up.ticks
        self.alike = self.below == self.above
        self.ours, self.theirs = horizon.existing(down), horizon.existing(up)
        spans = self.theirs.spans.get("", ())
        self.known = (spans[0][0], spans[-1][1]) if spans else None
        self.limits = (self.above.at(spans[0][0]), self.above.at(spans[-1][1] + 1)) if spans else None

    def read(self, of: PartitionSet) -> tuple[PartitionSet, PartitionSet]:
        """What some partitions read, and what they would read that does not exist."""
        if self.reach != (0, 0):
            return self._overlapping(self._shifted(of))
        if self.alike:
            return of & self.theirs, self._open((of - self.theirs).ranges())
        return self._overlapping(of.spans.get("", ()))

    def reading(self, of: PartitionSet) -> PartitionSet:
        """The partitions that read some of upstream."""
        if self.reach == (0, 0) and self.alike:
            return of & self.theirs & self.ours
        row, found = self._row(), []
        for _, *span in (of & self.theirs).ranges():
            first, last = span if self.alike else self._below(*span)
            spans = row.ordinals(row.ceil(first) - self.reach.end, row.floor(last) - self.reach.start)
            found += [("", *each) for each in spans]
        return PartitionSet.ranged(found) & self.ours

    def _below(self, first: int, last: int) -> Range:
        """The windows of down that overlap a range of windows of up."""
        begin, end = self.above.at(first), self.above.at(last + 1)
        return self.below.containing(begin), before(self.below, end)

    def _overlapping(self, ranges: Iterable[Range]) -> tuple[PartitionSet, PartitionSet]:
        """What overlaps ranges of windows of down: windows that exist, and others."""
        read: list[tuple[str, int, int]] = []
        absent: list[tuple[str, int, int]] = []
        for first, last in ranges:
            span: Range | None = first, last
            if not self.alike:
                span, early = self._above(first, last)
                absent += early
            if span is not None:
                read.append(("", *span))
                absent += self._hanging_over(*span)
        return PartitionSet.ranged(read) & self.theirs, self._open(absent)

    def _above(self, first: int, last: int) -> tuple[Range | None, list[tuple[str, int, int]]]:
        """The windows of up that overlap a range of windows of down, and the absent ones of those before up starts.

        A partition that ends before up starts needs the windows that begin in it, as in Dagster.
        """
        begin, end = self.below.at(first), self.below.at(last + 1)
        early = []
        if self.reach == (0, 0) and begin < (opening := _opening(self.up)):
            start = min(end, self.below.at(self.below.containing(opening)))
            early.append(("", beginning(self.above, begin), before(self.above, start)))
            begin = start
        span = (self.above.containing(begin), before(self.above, end)) if begin < end else None
        return span, early

    def _hanging_over(self, first: int, last: int) -> Iterator[tuple[str, int, int]]:
        """What a stretch of windows needs before the first and after the last that exist.

        An end of it that was shifted outwards needs nothing there: a rolling window is shorter at the beginning.
        """
        if self.known is None or self.limits is None:
            yield "", first, last
            return
        oldest, newest = self.known
        if first < oldest and self.reach.start >= 0:
            yield "", first, min(last, oldest - 1)
        if last > newest and self.reach.end <= 0:
            yield "", max(first, newest + 1), last
        if first < oldest and last > newest and self.reach == (0, 0):
            widest = before(self.below, self.limits[0])
            if self.below.at(widest + 1) > self.limits[1]:  # one partition hangs over at both ends
                yield "", oldest, newest

    def _open(self, ranges: Iterable[tuple[str, int, int]]) -> PartitionSet:
        """Those of some upstream windows that no calendar closes; it is not asked about days before they start."""
        start = bounds(self.up)[0] if self.up.calendar and self.reach.start < 0 else None
        opened = (
            between(self.up, first if start is None else max(first, start), last, self.horizon)
            for _, first, last in ranges
        )
        return PartitionSet.union(opened)

    def _shifted(self, of: PartitionSet) -> Iterator[Range]:
        """The ranges of windows that partitions reach over; what lies between neighbours belongs to both."""
        row, (early, late) = self._row(), self.reach
        joined = PartitionSet.ranged(("", *span) for span in row.numbers(of.spans.get("", ())))
        for low, high in joined.spans.get("", ()):
            if early < late or row.spans is None:
                yield self._ordinal(row, low + early), self._ordinal(row, high + late)
            else:
                yield from row.ordinals(low + early, high + late)

    def _ordinal(self, row: Row, number: int) -> int:
        """The window with a number; of those beyond all that matter, one. A reach may be longer than history."""
        ordinal, (low, high) = row.ordinal(number), self._edges(row)
        if ordinal is None:
            return low if number < 0 else high
        ordinal = max(ordinal, low) if self.reach.start < 0 else ordinal
        return min(ordinal, high) if self.reach.end > 0 else ordinal

    def _edges(self, row: Row) -> Range:
        """A window before, and one after, all that can read what exists."""
        if row.spans and self.limits is None:
            return row.spans[0][0], row.spans[-1][1]
        low, high = (self.below.containing(limit) for limit in self.limits or _EVER)
        return low - 1, high + 1

    def _row(self) -> Row:
        """The numbers of the windows of down, as far as any of them can matter."""
        spans = self.ours.spans.get("", ())
        if not spans or (self.down.calendar is None and not isinstance(self.below, CronTicks | MinuteTicks)):
            return _PLAIN
        first, last = spans[0][0], spans[-1][1]
        if self.limits is not None:
            first = min(first, self.below.containing(self.limits[0]))
            last = max(last, before(self.below, self.limits[1]))
        return _row(self.down, first, last, self.horizon)


@lru_cache(maxsize=4096)
def _opening(partitions: TimePartitions) -> int:
    """The instant from which partitions are declared, be it the beginning of a window or not."""
    covered = stretch(partitions.start)
    return earliest(covered[0], partitions.ticks.zone) if covered else 0
