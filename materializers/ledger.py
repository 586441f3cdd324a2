"""The ledger: the append-only record of attempts, versions, verdicts and publications, behind one Protocol.

Long because all nouns of the ledger stand on one page. Laws, held by one suite of tests for every implementation:

- A version becomes visible in one transaction (`publish`), which checks the fencing token of the claim.
- Only claims are changed in place; pointers are an index of the publications and can be made again from them.
- Times come from the ledger's own clock.
- A claim whose holder is dead, or whose lease has run out, is free; whoever takes it gets a higher token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from graph.errors import AssetGraphError, near_miss
from graph.estimate import Measured
from graph.fingerprint import Basis
from graph.partition_set import Partition, PartitionSet
from graph.state import Attempt, Outcome, Settlement, State, Version

MAIN = "main"
"""The environment that is always there, and live."""
LEASE = timedelta(seconds=60)
"""How long a claim lives without a sign of life of its holder."""


class LedgerError(AssetGraphError):
    """The ledger cannot be read or written."""


class UnknownEnvironment(LedgerError):
    """An environment that is not there."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"there is no environment '{name}'.{near_miss(name, known)} `assets env create {name}` makes it"
        )
        self.name = name


class ClaimLost(LedgerError):
    """Somebody else took the claim over: the result that was being published is discarded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to publish one partition of one asset, until it is taken over."""

    environment: str
    key: str
    partition: Partition
    token: int
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedAttempt:
    """An attempt under a claim; ``number`` counts the tries for one run, from 1."""

    id: int
    claim: Claim
    number: int
    fingerprint: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an attempt at one partition starts from: what goes in, and the version that is visible.

    ``label`` is the partition's key for people; empty for an asset without partitions.
    """

    fingerprint: str
    was: str | None
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """Somebody else holds the claim."""

    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Another version was published since the caller looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Where a value lies in the store, and what it is.

    Args:
        data_version: digests the logical content.
        address: names the bytes; None for what lies outside the store.
        size: in bytes.
        schema: a line ``name: type`` for each column of a table.
    """

    data_version: str
    format: str
    address: str | None = None
    size: int = 0
    rows: int | None = None
    schema: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What one parameter was given: the partitions of an upstream, with the digest of their versions.

    Args:
        digest: the data version of one partition, or the set digest of several.
        versions: the ids of the versions that were read, as long as they are few.
    """

    key: str
    partitions: PartitionSet
    digest: str
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A materialization that is about to be recorded: what went in and what came out.

    ``lineage`` says, by parameter, what was read.
    """

    content: Content
    basis: Basis
    inputs: Mapping[str, str]
    lineage: Mapping[str, Read] = field(default_factory=dict)
    as_of: datetime | None = None
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the checks of a version said.

    Args:
        checks: the digest of the checks that were asked.
        verdicts: each verdict as canonical JSON text.
        failing: an error check failed.
    """

    checks: str
    verdicts: tuple[str, ...] = ()
    failing: bool = False

    def digest(self) -> str:
        """The digest of what was said."""
        from graph.fingerprint import digest

        return digest(*self.verdicts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What an attempt at one partition gave: by key, what was made and what its checks said.

    Args:
        refused: by key, why a version is rejected instead of published.
    """

    attempt: StartedAttempt
    made: Mapping[str, Made]
    judged: Mapping[str, Judgement]
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Materialization:
    """A recorded version with all that is known about it."""

    version: Version
    content: Content
    lineage: Mapping[str, Read]
    judgement: Judgement | None
    duration: timedelta
    run_id: str
    published: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One carrying-out of one plan. ``context`` says what it ran with: git commit, library versions, host."""

    id: str
    environment: str
    selection: str
    engine: str
    started_at: datetime
    context: Mapping[str, str] = field(default_factory=dict)
    plan: str = ""
    ended_at: datetime | None = None
    outcome: str | None = None
    cancelled: bool = False
    alive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One attempt, for reading: history, runs, logs."""

    id: int
    run_id: str
    key: str
    partition: Partition
    label: str
    number: int
    fingerprint: str
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    reason: str
    error: str
    output: str
    version_id: str | None


Kind = Literal["publish", "adopt", "observe", "promote", "rollback", "release", "withdraw"]
"""How a version became visible: ``release`` is a rejected one by hand; ``withdraw`` leaves none visible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A version became visible in an environment, or none is any more.

    Args:
        name: who did it by hand, for ``reason``.
        pin: the fingerprint that was rolled back.
    """

    sequence: int
    environment: str
    key: str
    partition: Partition
    version_id: str | None
    kind: Kind
    at: datetime
    run_id: str | None
    name: str | None = None
    reason: str | None = None
    pin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A name for which version of everything is visible.

    Args:
        parent: where it reads what it has no version of its own of.
        live: effects are performed in it.
    """

    name: str
    parent: str | None
    live: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a promotion makes visible of one partition; ``was`` is what whoever planned it saw in the target."""

    version_id: str | None
    was: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What an environment is served with: an asset as one checkout defines it."""

    basis: Basis
    checks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionRecord:
    """A definition that is on record; ``checkout`` names the working copy whose run recorded it."""

    definition: Definition
    checkout: str
    at: datetime
    run_id: str


class LedgerState(State, Protocol):
    """The state of a ledger, which also tells when it was looked at."""

    @property
    def now(self) -> datetime:
        """The ledger's clock at that moment."""

    def pin(self, key: str, partition: Partition) -> str | None:
        """The fingerprint that was rolled back here, until something else is published."""


Seen = tuple[Version, datetime | None] | tuple[Version, datetime | None, bool]
"""A published version that was found current: its ``as_of``, and ``ends`` where that is known anew."""


class Ledger(Protocol):
    """See the module for the laws. Every method is safe to call from several threads.

    An environment that is not there is an `UnknownEnvironment`.
    """

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
    ) -> tuple[StartedAttempt, ...] | Busy | Moved:
        """Claim partitions together and record that an attempt at each starts, in one transaction: all or none.

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
    ) -> tuple[Mapping[str, str], ...]:
        """Record versions and make them visible, except those that are refused, all in one transaction.

        Ends the attempts and frees their claims; ``output`` is kept with the first of them. Answers the version ids by
        key, for each product.

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
        """Make a version visible by hand, whatever its verdicts.

        A rollback pins the partition: its state tells the fingerprint that was rolled back, until something else is
        published. What is rolled back further stays pinned to the first one.

        Raises:
            LedgerError: there is no such version of this partition.
        """

    def rebuild(self) -> None:
        """Make the pointers, and what is counted from them, again from the publications."""

    def definitions(self, environment: str) -> Mapping[str, DefinitionRecord]:
        """By key, what the environment is served with; a parent's does not count."""

    def record_definitions(
        self, environment: str, definitions: Mapping[str, Definition], *, checkout: str, run_id: str
    ) -> None:
        """Record that a checkout serves the environment with these definitions from now on."""

    # Dynamic partitions

    def dynamic_keys(self, name: str, *, as_of: datetime | None = None) -> tuple[str, ...]:
        """The keys of a dynamic partitioning, in the order in which they came; or those of an earlier time."""

    def add_dynamic(self, name: str, keys: Iterable[str]) -> tuple[str, ...]:
        """Add keys; answers those that are new."""

    def remove_dynamic(self, name: str, keys: Iterable[str]) -> tuple[str, ...]:
        """Remove keys; answers those that were there. When they came and went stays on record."""

    # Reading

    def content(self, version_id: str) -> Content:
        """Where a version's value is."""

    def materialization(self, version_id: str) -> Materialization:
        """All that is known of one version."""

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
    "Definition",
    "DefinitionRecord",
    "Environment",
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
