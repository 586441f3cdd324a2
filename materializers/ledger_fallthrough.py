"""What an environment shows: its own, and where it has nothing of its own what its parent shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import reduce
from typing import Protocol

from graph.fingerprint import Basis, joined
from graph.partition_set import ONLY, Partition, PartitionSet
from graph.state import Attempt, Settlement, Summary, Version
from materializers.database import Reading
from materializers.ledger import LedgerState
from materializers.ledger_environments import chain
from materializers.ledger_past import past_of
from materializers.ledger_rows import Sighting
from materializers.ledger_state import SqlState


class OwnState(LedgerState, Protocol):
    """What an environment has of its own; ``first`` is its first publication."""

    @property
    def first(self) -> int | None: ...

    def withdrawn(self, key: str, partitions: PartitionSet | None = None) -> PartitionSet:
        """The partitions that were made invisible here; of some, where only those are asked for."""

    def sightings(self, key: str, partitions: PartitionSet) -> Mapping[Partition, Sighting]:
        """What was seen here of versions that are read from a parent."""


def state_of(
    db: Reading, environment: str, keys: Iterable[str] | None, as_of: datetime | None = None
) -> LedgerState:
    """The view of an environment now, or as it was.

    Raises:
        UnknownEnvironment: it is not there.
    """
    chosen = None if keys is None else list(keys)
    own: list[OwnState]
    if as_of is None:
        own = [SqlState(db, name, chosen) for name in chain(db, environment)]
    else:
        own = list(past_of(db, environment, as_of))
    lowest: LedgerState = own[-1]
    return reduce(lambda below, nearer: Fallthrough(nearer, below), reversed(own[:-1]), lowest)


class Fallthrough:
    """See `materializers.ledger.LedgerState`: ``own`` where it has something, otherwise what is ``below``."""

    def __init__(self, own: OwnState, below: LedgerState) -> None:
        self._own = own
        self._below = below
        self.environment = own.environment
        self.sequence = own.sequence
        self.now = own.now
        self._summaries: dict[str, Summary] = {}
        self._decided: dict[str, PartitionSet] = {}

    def _of_its_own(self, key: str, among: PartitionSet | None = None) -> PartitionSet:
        """The partitions that this environment decides, be it that they are invisible."""
        found = self._decided.get(key)
        if found is None and among is not None:
            return self._own.shown(key, among) | self._own.withdrawn(key, among)
        if found is None:
            found = self._decided[key] = self._own.summary(key).partitions | self._own.withdrawn(key)
        return found

    def summary(self, key: str) -> Summary:
        """See `graph.state.State`; ``sequence`` may be that of a change below which is not seen from here."""
        found = self._summaries.get(key)
        if found is None:
            found = self._summaries[key] = self._sum(key)
        return found

    def _sum(self, key: str) -> Summary:
        own, below, decided = self._own.summary(key), self._below.summary(key), self._of_its_own(key)
        if not decided:
            return below
        inherited = below.partitions - decided
        alone = decided == ONLY and below.partitions <= ONLY
        return Summary(
            sequence=own.sequence if alone else max(own.sequence, below.sequence),
            partitions=own.partitions | inherited,
            digest=joined(own.digest, self._below.digest(key, inherited)),
        )

    def shown(self, key: str, partitions: PartitionSet) -> PartitionSet:
        """See `graph.state.State`."""
        below = partitions - self._of_its_own(key, partitions)
        return self._own.shown(key, partitions) | self._below.shown(key, below)

    def published(self, key: str, partitions: PartitionSet | None = None) -> Mapping[Partition, Version]:
        """See `graph.state.State`."""
        asked = self.summary(key).partitions if partitions is None else partitions
        below = self._below.published(key, asked - self._of_its_own(key, asked))
        own = self._own.published(key, partitions)
        if not below:
            return own
        seen = self._own.sightings(key, PartitionSet.of(below))
        found = {at: seen[at].of(one) if at in seen else one for at, one in below.items()}
        return {**found, **own}

    def pin(self, key: str, partition: Partition) -> str | None:
        """See `graph.state.State`."""
        decides = self._own if self._of_its_own(key, PartitionSet.of([partition])) else self._below
        return decides.pin(key, partition)

    def digest(self, key: str, partitions: PartitionSet) -> str:
        """See `graph.state.State`."""
        known = self._summaries.get(key)
        if known is not None and known.partitions <= partitions:
            return known.digest
        inherited = partitions - self._of_its_own(key, partitions)
        return joined(self._own.digest(key, partitions), self._below.digest(key, inherited))

    def changed(self, key: str, since: int, *, but: str | None = None) -> PartitionSet:
        """See `graph.state.State`."""
        below = self._below.changed(key, since, but=but)
        return self._own.changed(key, since, but=but) | (below - self._of_its_own(key, below))

    def settlement(self, key: str) -> Settlement | None:
        """See `graph.state.State`.

        A parent's holds here as of the last publication before the two began to differ.
        """
        own = self._own.settlement(key)
        below = self._below.settlement(key) if own is None else None
        if own is not None or below is None or self._own.first is None:
            return own or below
        return replace(below, sequence=min(below.sequence, self._own.first - 1))

    def attempts(self, key: str, partitions: PartitionSet | None = None) -> Mapping[Partition, Attempt]:
        """See `graph.state.State`."""
        below, own = self._below.attempts(key, partitions), self._own.attempts(key, partitions)
        return {**below, **own} if below else own

    def version_with(
        self, key: str, partition: Partition, fingerprint: str, *, checks: str | None = None
    ) -> Version | None:
        """See `graph.state.State`; versions are those of all environments."""
        return self._own.version_with(key, partition, fingerprint, checks=checks)

    def made_with(self, key: str, basis: Basis) -> bool:
        """See `graph.state.State`; versions are those of all environments."""
        return self._own.made_with(key, basis)
