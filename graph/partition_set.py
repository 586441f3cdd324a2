"""Partitions and sets of them: what the plan, the ledger and the mappings between assets calculate with.

A partition is an address of two parts. Its *slice* names everything about it that is not time (``"AAPL"``, or
``"AAPL|ppo"`` for two dimensions); its *ordinal* numbers its place in time, so that a stretch of time is a range of
integers. A set of partitions is a few ranges for each slice, however many partitions it has.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

Range = tuple[int, int]
"""Ordinals from the first to the last, both included."""


class Partition(NamedTuple):
    """One partition of an asset.

    Args:
        slice: the keys of the dimensions that are not time, joined by ``|``; empty when there are none.
        ordinal: the place in time; 0 when time is no dimension.
    """

    slice: str = ""
    ordinal: int = 0


WHOLE = Partition()
"""The one partition of an asset that has none."""


@dataclass(frozen=True, slots=True)
class PartitionSet:
    """A set of partitions: for each slice, ascending ranges that neither touch nor overlap.

    Make one with `of`, `span` or `between`; the usual operators combine them.

    >>> week = PartitionSet.span(1, 7)
    >>> list((week - PartitionSet.span(3, 4)).ranges())
    [('', 1, 2), ('', 5, 7)]
    >>> len(week | PartitionSet.span(6, 9)), Partition(ordinal=9) in week
    (9, False)
    """

    spans: Mapping[str, tuple[Range, ...]]

    @classmethod
    def of(cls, partitions: Iterable[Partition]) -> PartitionSet:
        """The set of some partitions, in any order."""
        found: dict[str, list[Range]] = {}
        for name, ordinal in partitions:
            found.setdefault(name, []).append((ordinal, ordinal))
        return cls({name: _joined(ranges) for name, ranges in found.items()})

    @classmethod
    def span(cls, first: int, last: int, name: str = "") -> PartitionSet:
        """A stretch of time of one slice; empty when it ends before it starts."""
        return cls({name: ((first, last),)}) if first <= last else EMPTY

    @classmethod
    def ranged(cls, ranges: Iterable[tuple[str, int, int]]) -> PartitionSet:
        """The set of some ranges ``(slice, first, last)``, in any order; the inverse of `ranges`."""
        found: dict[str, list[Range]] = {}
        for name, first, last in ranges:
            if first <= last:
                found.setdefault(name, []).append((first, last))
        return cls({name: _joined(spans) for name, spans in found.items()})

    @classmethod
    def union(cls, sets: Iterable[PartitionSet]) -> PartitionSet:
        """Everything that is in one of some sets."""
        sets = [one for one in sets if one.spans]
        if len(sets) < 2:
            return sets[0] if sets else EMPTY
        return cls.ranged(each for one in sets for each in one.ranges())

    def ranges(self) -> Iterator[tuple[str, int, int]]:
        """The ranges ``(slice, first, last)``, slices in the order of their names."""
        for name in sorted(self.spans):
            for first, last in self.spans[name]:
                yield name, first, last

    def __iter__(self) -> Iterator[Partition]:
        for name, first, last in self.ranges():
            for ordinal in range(first, last + 1):
                yield Partition(name, ordinal)

    def __len__(self) -> int:
        return sum(last - first + 1 for spans in self.spans.values() for first, last in spans)

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __contains__(self, partition: object) -> bool:
        if not isinstance(partition, Partition):
            return False
        spans = self.spans.get(partition.slice, ())
        at = bisect_left(spans, partition.ordinal, key=_last)
        return at < len(spans) and spans[at][0] <= partition.ordinal

    def __or__(self, other: PartitionSet) -> PartitionSet:
        if not self.spans or self.spans == other.spans:
            return other
        if not other.spans:
            return self
        few, many = _by_slices(self, other)
        merged = dict(many.spans)
        for name, spans in few.spans.items():
            merged[name] = _joined([*merged[name], *spans]) if name in merged else spans
        return PartitionSet(merged)

    def __and__(self, other: PartitionSet) -> PartitionSet:
        if self.spans == other.spans:
            return self
        few, many = _by_slices(self, other)
        common = {
            name: _common(spans, many.spans[name]) for name, spans in few.spans.items() if name in many.spans
        }
        return PartitionSet({name: spans for name, spans in common.items() if spans})

    def __sub__(self, other: PartitionSet) -> PartitionSet:
        if not self.spans or not other.spans:
            return self
        if self.spans == other.spans:
            return EMPTY
        few, many = _by_slices(self, other)
        left = dict(self.spans)
        for name in few.spans:
            if name in many.spans:
                rest = _without(self.spans[name], other.spans[name])
                if rest:
                    left[name] = rest
                else:
                    del left[name]
        return PartitionSet(left)

    def __le__(self, other: PartitionSet) -> bool:
        """Whether every partition of this set is in the other."""
        return not self - other

    def __hash__(self) -> int:
        return hash(frozenset(self.spans.items()))

    def to_plain(self) -> dict[str, list[list[int]]]:
        """The set as JSON values, the same for equal sets; `from_plain` is the inverse."""
        return {name: [[first, last] for first, last in self.spans[name]] for name in sorted(self.spans)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Iterable[Iterable[int]]]) -> PartitionSet:
        """What `to_plain` wrote.

        Raises:
            ValueError: it is none, or not in the form that sets have.
        """
        found = cls({name: tuple((first, last) for first, last in spans) for name, spans in plain.items()})
        if cls.ranged(found.ranges()) != found:
            raise ValueError(f"{plain!r} is no set of partitions")
        return found

    def to_json(self) -> str:
        """The set as JSON text, the same for equal sets; `from_json` is the inverse."""
        return json.dumps(self.to_plain(), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> PartitionSet:
        """What `to_json` wrote."""
        return cls(
            {name: tuple((first, last) for first, last in spans) for name, spans in json.loads(text).items()}
        )


def _by_slices(one: PartitionSet, other: PartitionSet) -> tuple[PartitionSet, PartitionSet]:
    """The set with fewer slices first: its slices are walked, those of the other are only looked up."""
    return (one, other) if len(one.spans) <= len(other.spans) else (other, one)


def _joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Ranges in ascending order, those that touch or overlap made one."""
    if isinstance(ranges, list) and len(ranges) == 1:
        return (ranges[0],)
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def _common(one: tuple[Range, ...], other: tuple[Range, ...]) -> tuple[Range, ...]:
    """What is in both, found from the smaller side."""
    few, many = (one, other) if len(one) <= len(other) else (other, one)
    found: list[Range] = []
    at = 0
    for first, last in few:
        at = bisect_left(many, first, lo=at, key=_last)
        for start, end in islice(many, at, None):
            if start > last:
                break
            found.append((max(first, start), min(last, end)))
    return tuple(found)


def _without(one: tuple[Range, ...], other: tuple[Range, ...]) -> tuple[Range, ...]:
    """What is left of one side; what lies before and after all that is taken away is copied as it is."""
    taken = other[bisect_left(other, one[0][0], key=_last) : bisect_right(other, one[-1][1], key=_first)]
    if not taken:
        return one
    start = bisect_left(one, taken[0][0], key=_last)
    end = bisect_right(one, taken[-1][1], key=_first)
    found: list[Range] = []
    at = 0
    for begin, last in one[start:end]:
        first = begin
        while at < len(taken) and taken[at][1] < first:
            at += 1
        for gap in islice(taken, at, None):
            if gap[0] > last:
                break
            if first < gap[0]:
                found.append((first, gap[0] - 1))
            first = gap[1] + 1
        if first <= last:
            found.append((first, last))
    return (*one[:start], *found, *one[end:])


def _first(span: Range) -> int:
    return span[0]


def _last(span: Range) -> int:
    return span[1]


EMPTY = PartitionSet({})
ONLY = PartitionSet.of([WHOLE])
"""All partitions of an asset that has none: the one."""
