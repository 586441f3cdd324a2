"""What a mapping between the partitions of two assets answers."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from graph.partitions import Horizon, Partitions, PartitionSet


class Mapped(NamedTuple):
    """What some partitions read of an upstream.

    Args:
        read: the upstream partitions that they read, all of which exist.
        absent: the upstream partitions that they would need and that do not exist.
    """

    read: PartitionSet
    absent: PartitionSet


class PartitionMapping(Protocol):
    """Which partitions of *up* each partition of *down* reads. None stands for an asset without partitions."""

    @property
    def goes_back(self) -> bool:
        """Whether every partition reads earlier ones only, so that an asset may read itself."""
        ...

    def problems(self, down: Partitions | None, up: Partitions | None) -> list[str]:
        """Why this mapping cannot work between two assets, in words; empty when it can."""
        ...

    def upstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> Mapped:
        """What existing partitions ``of`` down read."""
        ...

    def downstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> PartitionSet:
        """The existing partitions of down that read any of some partitions ``of`` up."""
        ...
