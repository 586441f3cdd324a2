"""What happened to assets and when, as automation asks it of a ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from graph.facts import Event, Moment
from graph.partition_set import PartitionSet
from materializers.records import LedgerState


class Journal(Protocol):
    """What happened in an environment, as of the moment of its ``state``."""

    @property
    def state(self) -> LedgerState:
        """What is visible at that moment."""

    def switched_on(self) -> Mapping[str, Moment | None]:
        """By key, when automation of an asset was switched on; None where it was switched off again."""

    def in_progress(self, key: str) -> PartitionSet:
        """The partitions that a living run has claimed; ``key`` is the producer's."""

    def happened(self, event: Event, key: str, within: PartitionSet, after: Moment) -> PartitionSet:
        """See `graph.facts.Facts`; of what was requested, ``key`` is the producer's."""

    def moments(
        self, event: Event, key: str, within: PartitionSet, *, producer: str
    ) -> Mapping[Moment, PartitionSet]:
        """See `graph.facts.Facts`.

        Args:
            producer: the key that attempts at the asset are recorded under.
        """
