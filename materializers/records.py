"""The nouns of the ledger, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from graph.errors import AssetGraphError, near_miss
from graph.fingerprint import Basis
from graph.partition_set import Partition, PartitionSet
from graph.state import Outcome, State, Version

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


class ContentGone(LedgerError):
    """A version whose content was removed from the store cannot become visible again."""


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
class Judged:
    """What was said of one version at one time, for reading: trends, reports, checks that compare with what was.

    Args:
        label: the partition's key for people; empty for an asset without partitions.
        rejected: why the version was held back; None where it was published, at once or later by hand.
        schema, rows: of the version; see `Content`.
    """

    version_id: str
    partition: Partition
    label: str
    made_at: datetime
    judged_at: datetime
    run_id: str
    judgement: Judgement
    rejected: str | None = None
    schema: str | None = None
    rows: int | None = None


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


Kind = Literal["publish", "adopt", "observe", "promote", "rollback", "release", "withdraw", "erase"]
"""How a version became visible: ``release`` is a rejected one by hand; ``withdraw`` leaves none visible.

``erase`` shows what remains of the version that was visible before.
"""


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
