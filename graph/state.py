"""What a plan reads of the ledger, and nothing more.

An asset of many partitions is decided from a few rows: its `Summary` (what is published), its `Settlement` (what was
found up to date, and as of which publication), and what has changed since. Versions are read of those partitions only
that have to be looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from graph.fingerprint import Basis, set_digest
from graph.partition_set import EMPTY, WHOLE, Partition, PartitionSet

Outcome = Literal[
    "published", "rejected", "failed", "skipped", "interrupted", "kept", "adopted", "held", "cancelled"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One materialization of an asset's partition, as far as deciding needs it.

    Args:
        id: its name in the ledger.
        inputs: by parameter, the data version or set digest that went in.
        as_of: the data's own time, advanced by verifications; None for what is timeless.
        ends: nothing newer will ever come.
        checks: the digest of the checks that judged it last.
        verdicts: the digest of what they said.
    """

    id: str
    key: str
    partition: Partition = WHOLE
    fingerprint: str
    basis: Basis
    inputs: Mapping[str, str]
    data_version: str
    made_at: datetime
    as_of: datetime | None = None
    ends: bool = False
    checks: str = ""
    verdicts: str = ""
    failing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The last time that somebody tried, and how it ended; ``fingerprint`` is what went in.

    ``checks`` is the digest of the checks that were asked then; empty where none were.
    """

    fingerprint: str
    outcome: Outcome
    ended_at: datetime
    reason: str = ""
    until: datetime | None = None
    checks: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a source showed when it was looked at: its data version, or why it could not be seen."""

    data_version: str | None
    as_of: datetime | None = None
    ends: bool = False
    error: str | None = None
    address: str | None = None
    format: str | None = None
    size: int = 0
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is visible of one asset, whatever the number of its partitions.

    Args:
        sequence: the number of the last publication, adoption, rollback or removal that touched it; 0 for none.
        partitions: those that have a visible version.
        digest: the `graph.fingerprint.set_digest` of their data versions.
    """

    sequence: int = 0
    partitions: PartitionSet = EMPTY
    digest: str = set_digest([])


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Partitions of an asset that were found up to date, or filled for good by a skip, as of a publication.

    They still are while the asset's basis is this, what ``checks`` says (`graph.settling.standing`) holds, and nothing
    that they read has changed since.

    Args:
        at: when they were found so.
    """

    sequence: int
    basis: Basis
    checks: str
    partitions: PartitionSet
    at: datetime | None = field(default=None, compare=False)


class State(Protocol):
    """A view of one environment of the ledger at one moment; every answer is of that moment."""

    @property
    def environment(self) -> str: ...
    @property
    def sequence(self) -> int:
        """The number of the last publication that this view contains, of any asset."""

    def summary(self, key: str) -> Summary:
        """What is visible of an asset."""

    def shown(self, key: str, partitions: PartitionSet) -> PartitionSet:
        """Those of some partitions that have a visible version: cheaper than `summary` where they are few."""

    def published(self, key: str, partitions: PartitionSet | None = None) -> Mapping[Partition, Version]:
        """The visible version of each of some partitions; without ``partitions``, of all."""

    def digest(self, key: str, partitions: PartitionSet) -> str:
        """The set digest of the visible versions among ``partitions``."""

    def changed(self, key: str, since: int, *, but: str | None = None) -> PartitionSet:
        """The partitions whose visible version was set or removed after publication number ``since``.

        Args:
            but: a run whose publications do not count.
        """

    def settlement(self, key: str) -> Settlement | None:
        """What was found up to date last."""

    def attempts(self, key: str, partitions: PartitionSet | None = None) -> Mapping[Partition, Attempt]:
        """How the last attempt that came to an end did end, for each of some partitions."""

    def version_with(
        self, key: str, partition: Partition, fingerprint: str, *, checks: str | None = None
    ) -> Version | None:
        """A version with this fingerprint that was not rejected, visible or not.

        Args:
            checks: only one that exactly these checks judged last, and that passed them; "" is one that none judged.
        """

    def made_with(self, key: str, basis: Basis) -> bool:
        """Whether any version of the asset, one that was rejected too, was ever made with this basis."""

    def pin(self, key: str, partition: Partition) -> str | None:
        """The fingerprint that was rolled back here, until something else is published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryState:
    """A state written down by hand: for tests, and to ask "what if".

    Args:
        others: versions that exist and are not visible.
        changes: by key, each change of a partition with the number of its publication.
        pins: by key and partition, the fingerprint that was rolled back.
    """

    versions: Mapping[str, Mapping[Partition, Version]] = field(default_factory=dict)
    tried: Mapping[tuple[str, Partition], Attempt] = field(default_factory=dict)
    others: Iterable[Version] = ()
    settlements: Mapping[str, Settlement] = field(default_factory=dict)
    changes: Mapping[str, Iterable[tuple[int, Partition]]] = field(default_factory=dict)
    pins: Mapping[tuple[str, Partition], str] = field(default_factory=dict)
    environment: str = "main"
    sequence: int = 0

    def summary(self, key: str) -> Summary:
        """See `State`."""
        versions = self.versions.get(key, {})
        whole = PartitionSet.of(versions)
        return Summary(
            sequence=max((number for number, _ in self.changes.get(key, ())), default=0),
            partitions=whole,
            digest=self.digest(key, whole),
        )

    def shown(self, key: str, partitions: PartitionSet) -> PartitionSet:
        """See `State`."""
        return PartitionSet.of(self.versions.get(key, ())) & partitions

    def published(self, key: str, partitions: PartitionSet | None = None) -> Mapping[Partition, Version]:
        """See `State`."""
        versions = self.versions.get(key, {})
        if partitions is None:
            return versions
        return {partition: version for partition, version in versions.items() if partition in partitions}

    def digest(self, key: str, partitions: PartitionSet) -> str:
        """See `State`."""
        found = self.published(key, partitions)
        return set_digest((partition, version.data_version) for partition, version in found.items())

    def changed(self, key: str, since: int, *, but: str | None = None) -> PartitionSet:
        """See `State`."""
        return PartitionSet.of(partition for number, partition in self.changes.get(key, ()) if number > since)

    def settlement(self, key: str) -> Settlement | None:
        """See `State`."""
        return self.settlements.get(key)

    def attempts(self, key: str, partitions: PartitionSet | None = None) -> Mapping[Partition, Attempt]:
        """See `State`."""
        return {
            partition: attempt
            for (name, partition), attempt in self.tried.items()
            if name == key and (partitions is None or partition in partitions)
        }

    def version_with(
        self, key: str, partition: Partition, fingerprint: str, *, checks: str | None = None
    ) -> Version | None:
        """See `State`."""
        for version in self.others:
            same = (version.key, version.partition, version.fingerprint) == (key, partition, fingerprint)
            if same and (checks is None or (version.checks == checks and not version.failing)):
                return version
        return None

    def made_with(self, key: str, basis: Basis) -> bool:
        """See `State`."""
        found = (*self.others, *self.versions.get(key, {}).values())
        return any(version.key == key and version.basis == basis for version in found)

    def pin(self, key: str, partition: Partition) -> str | None:
        """See `State`."""
        return self.pins.get((key, partition))
