"""Ordinals numbered without gaps, so that the neighbours of an exchange calendar differ by one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from graph.partition_set import Range


@dataclass(frozen=True, slots=True)
class Row:
    """Windows numbered without the gaps that calendars leave, so that neighbours differ by one.

    Args:
        spans: the ranges of ordinals, ascending; None where there are no gaps, and the number is the ordinal.
        before: how many windows there are before each range, and in all.
    """

    spans: tuple[Range, ...] | None
    before: tuple[int, ...] = ()

    @classmethod
    def of(cls, spans: tuple[Range, ...]) -> Row:
        """The row of some ranges."""
        counts = accumulate((last - first + 1 for first, last in spans), initial=0)
        return cls(spans, tuple(counts))

    def ceil(self, ordinal: int) -> int:
        """The number of the first window that is ``ordinal`` or later."""
        if self.spans is None:
            return ordinal
        place = bisect_left(self.spans, ordinal, key=lambda span: span[1])
        if place == len(self.spans):
            return self.before[-1]
        return self.before[place] + max(0, ordinal - self.spans[place][0])

    def floor(self, ordinal: int) -> int:
        """The number of the last window that is ``ordinal`` or earlier."""
        if self.spans is None:
            return ordinal
        place = bisect_right(self.spans, ordinal, key=lambda span: span[0]) - 1
        if place < 0:
            return -1
        return self.before[place] + min(ordinal, self.spans[place][1]) - self.spans[place][0]

    def ordinal(self, number: int) -> int | None:
        """The window with a number; None beyond those that matter."""
        if self.spans is None:
            return number
        if not 0 <= number < self.before[-1]:
            return None
        place = bisect_right(self.before, number) - 1
        return self.spans[place][0] + number - self.before[place]

    def numbers(self, spans: Iterable[Range]) -> Iterator[Range]:
        """Ranges of ordinals as ranges of numbers."""
        for first, last in spans:
            low, high = self.ceil(first), self.floor(last)
            if low <= high:
                yield low, high

    def ordinals(self, low: int, high: int) -> Iterator[Range]:
        """A range of numbers as ranges of ordinals."""
        if self.spans is None:
            yield low, high
            return
        low, high = max(low, 0), min(high, self.before[-1] - 1)
        while low <= high:
            place = bisect_right(self.before, low) - 1
            first, _ = self.spans[place]
            stop = min(high, self.before[place + 1] - 1)
            yield first + low - self.before[place], first + stop - self.before[place]
            low = stop + 1
