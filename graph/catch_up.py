"""How many of the time partitions that were missed are made: the rest is left out, and said to be."""

from __future__ import annotations

from dataclasses import dataclass

from graph.partition_set import EMPTY, PartitionSet, Range


@dataclass(frozen=True, slots=True)
class CatchUp:
    """A catch-up policy, made by `catch_up_all`, `catch_up_last` or `catch_up_none`.

    Args:
        last: how many of the newest partitions that exist may be missing ones; None for any number.
    """

    last: int | None = None

    def problems(self) -> list[str]:
        """What is wrong with this policy, in words; empty when nothing is."""
        if self.last is not None and self.last < 0:
            return [f"catches up the last {self.last} partitions: the number must be 0 or more"]
        return []

    def __str__(self) -> str:
        return {None: "all", 0: "none"}.get(self.last, f"last({self.last})")


def catch_up_all() -> CatchUp:
    """Every partition that was missed is made."""
    return CatchUp()


def catch_up_last(count: int) -> CatchUp:
    """Of what was missed, only what is among the last ``count`` partitions that exist is made."""
    return CatchUp(count)


def catch_up_none() -> CatchUp:
    """Nothing that was missed is made: only the latest partitions are."""
    return CatchUp(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """What a policy makes of partitions that are due."""

    taken: PartitionSet
    left_out: PartitionSet = EMPTY


def caught_up(
    due: PartitionSet,
    policy: CatchUp,
    *,
    visible: PartitionSet,
    latest: PartitionSet,
    existing: PartitionSet,
) -> Caught:
    """What of ``due`` is made under a policy. What is visible already, or the latest, is made under any.

    >>> days = PartitionSet.span(1, 9)
    >>> caught = caught_up(
    ...     PartitionSet.span(4, 9),
    ...     catch_up_last(3),
    ...     visible=PartitionSet.span(1, 3),
    ...     latest=PartitionSet.span(9, 9),
    ...     existing=days,
    ... )
    >>> list(caught.taken.ranges()), list(caught.left_out.ranges())
    ([('', 7, 9)], [('', 4, 6)])
    """
    if policy.last is None:
        return Caught(taken=due)
    missed = due - visible - latest
    if not missed:
        return Caught(taken=due)
    left_out = missed - newest(existing, policy.last)
    return Caught(taken=due - left_out, left_out=left_out)


def newest(partitions: PartitionSet, count: int) -> PartitionSet:
    """The last ``count`` partitions of each slice.

    >>> list(newest(PartitionSet.ranged([("", 1, 4), ("", 8, 9)]), 3).ranges())
    [('', 4, 4), ('', 8, 9)]
    """
    if count < 1:
        return EMPTY
    return PartitionSet({name: _ending(spans, count) for name, spans in partitions.spans.items()})


def _ending(spans: tuple[Range, ...], count: int) -> tuple[Range, ...]:
    found: list[Range] = []
    left = count
    for first, last in reversed(spans):
        found.append((max(first, last - left + 1), last))
        left -= last - first + 1
        if left <= 0:
            break
    return tuple(reversed(found))
