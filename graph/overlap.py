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
from graph.time_partitions import TimePartitions, between, stretch


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
        self.existing = horizon.existing(up)
        spans = self.existing.spans.get("", ())
        self.known = (spans[0][0], spans[-1][1]) if spans else None
        self.limits = (self.above.at(spans[0][0]), self.above.at(spans[-1][1] + 1)) if spans else None

    def read(self, of: PartitionSet) -> tuple[PartitionSet, PartitionSet]:
        """What some partitions read, and what they would read that does not exist."""
        if self.reach != (0, 0):
            return self._collected(self._shifted(of))
        if self.below == self.above:
            return of & self.existing, self._open((of - self.existing).ranges())
        return self._collected((self.below.at(a), self.below.at(b + 1)) for _, a, b in of.ranges())

    def reading(self, of: PartitionSet) -> PartitionSet:
        """The partitions that read some of upstream."""
        if self.reach == (0, 0) and self.below == self.above:
            return of & self.existing & self.horizon.existing(self.down)
        row = self._row()
        found = []
        for _, first, last in (of & self.existing).ranges():
            low = row.ceil(self.below.containing(self.above.at(first))) - self.reach.end
            high = row.floor(before(self.below, self.above.at(last + 1))) - self.reach.start
            found += [("", *span) for span in row.ordinals(low, high)]
        return PartitionSet.ranged(found) & self.horizon.existing(self.down)

    def _collected(self, stretches: Iterable[Range]) -> tuple[PartitionSet, PartitionSet]:
        """What overlaps stretches of time: windows that exist, and others."""
        read: list[tuple[str, int, int]] = []
        absent: list[tuple[str, int, int]] = []
        for begin, end in stretches:
            start = begin
            if self.reach == (0, 0) and begin < (opening := _opening(self.up)):
                start = min(end, self.below.at(self.below.containing(opening)))
                absent.append(("", beginning(self.above, begin), before(self.above, start)))
            if start < end:
                first, last = self.above.containing(start), before(self.above, end)
                read.append(("", first, last))
                absent += self._hanging_over(first, last)
        return PartitionSet.ranged(read) & self.existing, self._open(absent)

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
        """Those of some upstream windows that a calendar does not close."""
        opened = (between(self.up, first, last, self.horizon) for _, first, last in ranges)
        return PartitionSet.union(opened)

    def _shifted(self, of: PartitionSet) -> Iterator[Range]:
        """The stretches of time that partitions reach over, those of neighbours made one."""
        row, (early, late) = self._row(), self.reach
        joined = PartitionSet.ranged(("", *span) for span in row.numbers(of.spans.get("", ())))
        for low, high in joined.spans.get("", ()):
            if early < late or row.spans is None:
                yield self._at(row, low + early, 0), self._at(row, high + late, 1)
            else:
                for first, last in row.ordinals(low + early, high + late):
                    yield self.below.at(first), self.below.at(last + 1)

    def _at(self, row: Row, number: int, after: int) -> int:
        """The instant at which a window begins, or the one after it; or as early or late as any that matters."""
        if (ordinal := row.ordinal(number)) is None:
            low, high = self.limits or (self.below.at(row.first), self.below.at(row.last + 1))
            return low if number < 0 else high
        if row.spans is None:  # a reach may be longer than history
            low, high = self.limits or _EVER
            if self.reach.start < 0:
                ordinal = max(ordinal, self.below.containing(low) - 1)
            if self.reach.end > 0:
                ordinal = min(ordinal, self.below.containing(high) + 1)
        return self.below.at(ordinal + after)

    def _row(self) -> Row:
        """The numbers of the windows of down, as far as any of them can matter."""
        if self.down.calendar is None and not isinstance(self.below, CronTicks | MinuteTicks):
            return _PLAIN
        spans = self.horizon.existing(self.down).spans.get("", ())
        if not spans:
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
