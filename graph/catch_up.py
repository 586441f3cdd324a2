"""Which missing partitions of time are built when somebody asks for an asset: all, the newest few, or the newest only."""

from __future__ import annotations

from dataclasses import dataclass

from graph.partition_set import PartitionSet, Range


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Of the partitions that are missing, those among the ``newest`` of each slice are caught up; None is all of them.

    What was chosen by hand is built whatever the policy says.
    """

    newest: int | None

    def problems(self) -> list[str]:
        """What is wrong with this policy, in words."""
        if self.newest is not None and self.newest < 1:
            return [f"catches up the newest {self.newest} partitions: it must be at least one"]
        return []

    def left_out(self, existing: PartitionSet, missing: PartitionSet) -> PartitionSet:
        """The missing partitions that are not caught up.

        >>> CatchUp(2).left_out(PartitionSet.span(1, 9), PartitionSet.span(6, 9))
        PartitionSet(spans={'': ((6, 7),)})
        """
        if self.newest is None or not missing:
            return missing - missing
        recent = {name: _newest(spans, self.newest) for name, spans in existing.spans.items()}
        return missing - PartitionSet(recent)

    def __str__(self) -> str:
        match self.newest:
            case None:
                return "all are caught up"
            case 1:
                return "only the newest is caught up"
            case _:
                return f"only the newest {self.newest} are caught up"


def last(newest: int) -> CatchUp:
    """Catch up what is missing among the newest partitions."""
    return CatchUp(newest)


ALL = CatchUp(None)
NONE = CatchUp(1)


def _newest(spans: tuple[Range, ...], count: int) -> tuple[Range, ...]:
    found: list[Range] = []
    for start, end in reversed(spans):
        if count <= 0:
            break
        first = max(start, end - count + 1)
        found.append((first, end))
        count -= end - first + 1
    return tuple(reversed(found))
