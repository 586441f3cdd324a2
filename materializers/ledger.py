"""The ledger: the append-only record of attempts, versions, verdicts and publications, behind one Protocol.

Laws, held by one suite of tests for every implementation:

- A version becomes visible in one transaction (`publish`), which checks the fencing token of the claim.
- Only claims are changed in place, and versions from which something is erased; pointers are an index of the
  publications and can be made again from them.
- Times come from the ledger's own clock.
- A claim whose holder is dead, or whose lease has run out, is free; whoever takes it gets a higher token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Literal, Protocol

from graph.estimate import Measured
from graph.partition_set import Partition, PartitionSet
from graph.state import Attempt, Outcome, Settlement, Version
from materializers.effect_records import EffectRecords
from materializers.erasure_records import Erasures
from materializers.garbage import Garbage
from materializers.journal import Journal
from materializers.outbox import Outbox
from materializers.records import (
    LEASE,
    MAIN,
    AttemptRecord,
    Busy,
    Claim,
    ClaimLost,
    Content,
    ContentGone,
    Definition,
    DefinitionRecord,
    Environment,
    Judged,
    Judgement,
    Kind,
    LedgerError,
    LedgerState,
    Made,
    Materialization,
    Move,
    Moved,
    Product,
    Publication,
    Read,
    RunRecord,
    StartedAttempt,
    UnknownEnvironment,
    Wanted,
)

Seen = tuple[Version, datetime | None] | tuple[Version, datetime | None, bool]
"""A published version that was found current: its ``as_of``, and ``ends`` where that is known anew."""


class Ledger(Protocol):
    """See the module for the laws. Every method is safe to call from several threads.

    An environment that is not there is an `UnknownEnvironment`.
    """

    @property
    def effects(self) -> EffectRecords:
        """What was done to the outside world."""

    @property
    def erasures(self) -> Erasures:
        """What is taken out of versions that are kept."""

    @property
    def garbage(self) -> Garbage:
        """What may be removed from the store."""

    @property
    def outbox(self) -> Outbox:
        """Who is told what was published."""

    def state(
        self, environment: str, keys: Iterable[str] | None = None, *, as_of: datetime | None = None
    ) -> AbstractContextManager[LedgerState]:
        """A view of one moment: of all assets, or of ``keys`` alone. Leave it soon: it holds back the cleaning up.

        Summaries and settlements, and what is known of assets without partitions, are read at once; versions and
        attempts of partitions when they are asked for. Where an environment has nothing of its own, it shows what its
        parent does.

        Args:
            as_of: what was visible then. Nothing is decided in the past: it has no attempts and no settlements.
        """

    def begin_run(self, run: RunRecord) -> tuple[AttemptRecord, ...]:
        """Record that a run starts and lives; answers the attempts of dead runs, which it marks interrupted."""

    def end_run(self, run_id: str, outcome: str) -> None:
        """Record how a run ended and free every claim that it still has."""

    def cancel_run(self, run_id: str) -> bool:
        """Ask a run to stop; False when it is not running."""

    def cancelled(self, run_id: str) -> bool:
        """Whether somebody asked the run to stop."""

    def begin(
        self,
        environment: str,
        key: str,
        wanted: Mapping[Partition, Wanted],
        *,
        run_id: str,
        number: int,
        seen: int | None = None,
    ) -> tuple[StartedAttempt, ...] | Busy | Moved:
        """Claim partitions together and record that an attempt at each starts, in one transaction: all or none.

        Args:
            seen: the last publication that was known when it was decided what goes in; otherwise the last there is.

        Raises:
            ClaimLost: the run has ended, or was taken for dead.
        """

    @property
    def lease(self) -> timedelta:
        """How long a run's claims live without a sign of life."""

    def renew(self, run_id: str) -> None:
        """A sign of life: every claim of the run gets a whole lease.

        Raises nothing: what is wrong with the ledger is told when the next step is recorded.
        """

    def publish(
        self,
        products: Sequence[Product],
        *,
        output: str = "",
        kind: Literal["publish", "observe"] = "publish",
        name: str | None = None,
        reason: str | None = None,
    ) -> tuple[Mapping[str, str], ...]:
        """Record versions and make them visible, except those that are refused, all in one transaction.

        Ends the attempts and frees their claims; ``output`` is kept with the first of them. Answers the version ids by
        key, for each product.

        Args:
            name: who brought it in by hand, for ``reason``.

        Raises:
            ClaimLost: a claim was taken over; nothing was recorded.
        """

    def finish(
        self,
        attempt: StartedAttempt,
        outcome: Outcome,
        *,
        reason: str = "",
        error: str = "",
        until: datetime | None = None,
        output: str = "",
    ) -> None:
        """Record how an attempt ended that published nothing, and free its claim.

        An attempt whose claim was taken over is recorded, but is not the partition's last one.
        """

    def adopt(
        self, attempt: StartedAttempt, version_id: str, as_of: datetime | None, *, ends: bool | None = None
    ) -> None:
        """Make an existing version visible; ends the attempt. ``ends=None`` is as when it was made."""

    def verify(self, environment: str, seen: Sequence[Seen], run_id: str) -> None:
        """Record that published versions were found current as of a time, and whether anything newer will come."""

    def judge(self, environment: str, version: Version, judgement: Judgement, run_id: str) -> None:
        """Record what changed checks say of a published version."""

    def settle(self, environment: str, settlements: Mapping[str, Settlement]) -> None:
        """Note what was found up to date, by key; it replaces what was noted before, unless that is newer."""

    # Environments

    def environments(self) -> tuple[Environment, ...]:
        """All that there are, by name; `MAIN` is always among them."""

    def own_keys(self, environment: str) -> frozenset[str]:
        """The assets of which an environment has something of its own."""

    def create_environment(self, name: str, *, parent: str | None = MAIN, live: bool = False) -> Environment:
        """Make one that reads its parent's current versions, partition by partition, until it has its own.

        Nothing is copied: it follows its parent.

        Raises:
            LedgerError: it is there already, or the name is none.
        """

    def drop_environment(self, name: str) -> None:
        """Forget which versions are visible in it. The versions and the publications stay on record.

        Raises:
            LedgerError: it is the main one, the parent of another one, or a run lives in it.
        """

    def promote(
        self,
        source: str,
        target: str,
        moves: Mapping[str, Mapping[Partition, Move]],
        *,
        run_id: str | None = None,
    ) -> Moved | Busy | None:
        """Make visible in the target what is visible in the source: all of ``moves`` in one transaction, or nothing.

        `Moved` when the source no longer shows these versions, or the target no longer what was seen there; `Busy` when
        a run has claimed one of the partitions in the target.
        """

    def withdraw(
        self, environment: str, key: str, partitions: PartitionSet, *, name: str, reason: str
    ) -> PartitionSet | Busy:
        """Make partitions invisible; answers those that were visible.

        Their versions stay, but are not adopted here any more: what was taken away does not come back by itself.
        """

    def point(
        self,
        environment: str,
        key: str,
        partition: Partition,
        version_id: str,
        *,
        kind: Literal["rollback", "release"],
        name: str,
        reason: str,
    ) -> Busy | None:
        """`point_each` for one partition."""

    def point_each(
        self,
        environment: str,
        key: str,
        versions: Mapping[Partition, str],
        *,
        kind: Literal["rollback", "release"],
        name: str,
        reason: str,
    ) -> Busy | None:
        """Make versions visible by hand, whatever their verdicts, in one transaction.

        A rollback pins the partition: its state tells the fingerprint that was rolled back, until something else is
        published. What is rolled back further stays pinned to the first one.

        Raises:
            LedgerError: there is no such version of this partition.
        """

    def rebuild(self) -> None:
        """Make the pointers, and what is counted from them, again from the publications."""

    def definitions(
        self, environment: str, keys: Iterable[str] | None = None
    ) -> Mapping[str, DefinitionRecord]:
        """By key, what the environment is served with, of some assets or all; a parent's does not count."""

    def record_definitions(
        self,
        environment: str,
        definitions: Mapping[str, Definition],
        *,
        checkout: str,
        run_id: str,
        take_over: bool = True,
    ) -> Mapping[str, DefinitionRecord]:
        """Record that a checkout serves the environment with these definitions from now on.

        Args:
            take_over: otherwise nothing is recorded where another checkout serves one of them with another
                definition; these are answered.
        """

    # Dynamic partitions

    def dynamic_keys(self, name: str, *, as_of: datetime | None = None) -> tuple[str, ...]:
        """The keys of a dynamic partitioning, in the order in which they came; or those of an earlier time."""

    def add_dynamic(self, name: str, keys: Iterable[str]) -> tuple[str, ...]:
        """Add keys; answers those that are new."""

    def remove_dynamic(self, name: str, keys: Iterable[str]) -> tuple[str, ...]:
        """Remove keys; answers those that were there. When they came and went stays on record."""

    # Automation

    def journal(self, environment: str, keys: Iterable[str] | None = None) -> AbstractContextManager[Journal]:
        """What happened in an environment and when, with the state of the same moment; see `state`."""

    def switch_automation(self, environment: str, keys: Iterable[str], *, on: bool) -> tuple[str, ...]:
        """Switch automation of assets on or off, as of now; answers those for which that is a change."""

    # Reading

    def content(self, version_id: str) -> Content:
        """Where a version's value is."""

    def materialization(self, version_id: str, *, environment: str | None = None) -> Materialization:
        """All that is known of one version; its judgement is the last one there is, or that an environment sees."""

    def judgements(
        self, key: str, *, environment: str, producer: str | None = None, limit: int = 400
    ) -> tuple[Judged, ...]:
        """What checks said of the newest versions of an asset, published or rejected, in the order it was said.

        Of an environment, and of those that it reads from.

        Args:
            producer: the key that attempts at the asset are recorded under, where that is another one.
            limit: so many versions.
        """

    def last_judgements(self, versions: Iterable[str], *, environment: str) -> Mapping[str, Judgement]:
        """By the id of a version, what checks said of it last; without those of which nothing was said.

        In an environment, or in one that it reads from.
        """

    def history(self, key: str, *, environment: str, limit: int = 50) -> tuple[AttemptRecord, ...]:
        """The attempts of an asset, newest first."""

    def publications(self, key: str, *, environment: str, limit: int = 50) -> tuple[Publication, ...]:
        """What became visible of an asset, newest first."""

    def runs(self, *, limit: int = 20) -> tuple[RunRecord, ...]:
        """Runs, newest first."""

    def run(self, run_id: str) -> RunRecord:
        """One run; a unique beginning of its id is enough."""

    def attempts_of(self, run_id: str) -> tuple[AttemptRecord, ...]:
        """The attempts of a run, in order."""

    def measured(self, keys: Iterable[str]) -> Mapping[str, Sequence[Measured]]:
        """By key, what some partitions of assets took and gave when they were made, of whatever environment."""

    def rename(self, old: str, new: str) -> None:
        """Give an asset another key: everything that is on record of it follows.

        Raises:
            LedgerError: there is nothing of the old one, something of the new one, or a run is making it.
        """

    def aliases(self) -> Mapping[str, str]:
        """The keys that were given up, with those that took their place."""

    def addresses(self) -> frozenset[str]:
        """Every address in the store that a version names."""

    def close(self) -> None:
        """Give up files and connections."""


__all__ = [
    "LEASE",
    "MAIN",
    "Attempt",
    "AttemptRecord",
    "Busy",
    "Claim",
    "ClaimLost",
    "Content",
    "ContentGone",
    "Definition",
    "DefinitionRecord",
    "Environment",
    "Judged",
    "Judgement",
    "Kind",
    "Ledger",
    "LedgerError",
    "LedgerState",
    "Made",
    "Materialization",
    "Move",
    "Moved",
    "Product",
    "Publication",
    "Read",
    "RunRecord",
    "Seen",
    "StartedAttempt",
    "UnknownEnvironment",
    "Wanted",
]
