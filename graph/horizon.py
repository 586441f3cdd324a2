"""What every kind of partitions has: windows of time, the horizon that decides which exist, and one interface."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from graph.errors import AssetGraphError
from graph.partition_set import ONLY, Partition, PartitionSet

Sessions = Callable[[str, date, date], Sequence[date]]
"""Answers the trading days of a calendar between two days, both included."""


class BadPartition(AssetGraphError):
    """A key, or a choice of partitions, that an asset does not have.

    Args:
        text: what was asked for.
    """

    def __init__(self, text: str, message: str) -> None:
        self.text = text
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time that one partition covers: ``start <= t < end``, both aware."""

    start: datetime
    end: datetime

    @property
    def day(self) -> date:
        """The local day on which the window starts."""
        return self.start.date()


def no_dynamic(name: str) -> Sequence[str]:
    """The keys of a dynamic set where none are known: none."""
    del name
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """Everything that decides which partitions exist: one moment, and what was known at it.

    What it answers is remembered for as long as it lives, so both functions must keep to their answers that long;
    another moment is another horizon.

    Args:
        now: the moment, aware. A partition of time exists once its window has ended.
        sessions: the trading days of an exchange calendar.
        dynamic: the keys of a dynamic set, in the order in which they were added.
    """

    now: datetime
    sessions: Sessions
    dynamic: Callable[[str], Sequence[str]] = no_dynamic
    _existing: dict[Partitions, PartitionSet] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _open: dict[str, tuple[date, date, Sequence[date]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def existing(self, partitions: Partitions | None) -> PartitionSet:
        """The partitions that exist; the one and only of an asset without partitions."""
        if partitions is None:
            return ONLY
        found = self._existing.get(partitions)
        if found is None:
            found = self._existing[partitions] = partitions.existing(self)
        return found

    def open_days(self, calendar: str, first: date, last: date) -> Sequence[date]:
        """The sessions of a calendar between two days, both included; it is asked for few and long stretches."""
        if last < first:
            return ()
        known = self._open.get(calendar)
        if known is None or first < known[0] or known[1] < last:
            start, end = (first, last) if known is None else (min(first, known[0]), max(last, known[1]))
            known = self._open[calendar] = (start, end, self.sessions(calendar, start, end))
        days = known[2]
        return days[bisect_left(days, first) : bisect_right(days, last)]


class Partitions(Protocol):
    """How an asset is partitioned. Implementations are frozen and hashable, and read no clock.

    Laws: ``partition(key(p)) == p``; what exists is declared; a definition with `problems` has no other answers.
    """

    @property
    def dimensions(self) -> tuple[tuple[str, Partitions], ...]:
        """The dimensions by name, in declared order; a definition of one dimension is its own, without a name."""
        ...

    def problems(self) -> list[str]:
        """What is wrong with this definition, in words; empty when nothing is."""
        ...

    def existing(self, horizon: Horizon) -> PartitionSet:
        """The partitions that exist. Ask `Horizon.existing`, which remembers the answer."""
        ...

    def declares(self, partition: Partition) -> bool:
        """Whether a partition is one of these, whatever the time is."""
        ...

    def key(self, partition: Partition) -> str:
        """The key that people read; the inverse of `partition`."""
        ...

    def partition(self, key: str) -> Partition:
        """The partition with a key.

        Raises:
            BadPartition: there is none, with the form that is expected or the near miss.
        """
        ...

    def window(self, partition: Partition) -> Window | None:
        """The time that a partition covers, or None where time is no dimension."""
        ...

    def __hash__(self) -> int: ...
