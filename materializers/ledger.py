"""The ledger: the append-only record of attempts, versions, verdicts and publications, behind one Protocol.

Laws, held by one suite of tests for every implementation:

- A version becomes visible in one transaction (`publish`), which checks the fencing token of the claim.
- Only claims are changed in place; pointers are an index of the publications and can be made again from them.
- Times come from the ledger's own clock.
- A claim whose holder is dead, or whose lease has run out, is free; whoever takes it gets a higher token.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from graph.errors import AssetGraphError
from graph.fingerprint import Basis
from graph.state import Attempt, Outcome, State, Version

LEASE = timedelta(seconds=60)
"""How long a claim lives without a sign of life of its holder."""


class LedgerError(AssetGraphError):
    """The ledger cannot be read or written."""


class ClaimLost(LedgerError):
    """Somebody else took the claim over: the result that was being published is discarded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to publish one partition of one asset, until it is taken over."""

    environment: str
    key: str
    ordinal: int
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
class Made:
    """A materialization that is about to be recorded: what went in and what came out.

    ``lineage`` names, by parameter, the upstream key and the version ids that were read.
    """

    content: Content
    basis: Basis
    inputs: Mapping[str, str]
    lineage: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
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
class Materialization:
    """A recorded version with all that is known about it."""

    version: Version
    content: Content
    lineage: Mapping[str, tuple[str, tuple[str, ...]]]
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
    ordinal: int
    number: int
    fingerprint: str
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    reason: str
    error: str
    output: str
    version_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A version became visible in an environment."""

    sequence: int
    environment: str
    key: str
    first: int
    last: int
    version_id: str
    kind: Literal["publish", "adopt", "observe"]
    at: datetime
    run_id: str


Seen = tuple[Version, datetime | None] | tuple[Version, datetime | None, bool]
"""A published version that was found current: its ``as_of``, and ``ends`` where that is known anew."""


class Ledger(Protocol):
    """See the module for the laws. Every method is safe to call from several threads."""

    def state(
        self,
        environment: str,
        keys: Iterable[str] | None = None,
        *,
        ordinals: Mapping[str, Collection[int]] | None = None,
    ) -> State:
        """What is visible now, of all assets or of ``keys``.

        Args:
            ordinals: by key, the only partitions that are wanted; of a key that is not in it, all are.
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
        ordinal: int,
        *,
        run_id: str,
        fingerprint: str,
        number: int,
        was: str | None,
    ) -> StartedAttempt | Busy | Moved:
        """Claim a partition whose visible version is ``was`` and record that an attempt starts, in one transaction."""

    def renew(self, run_id: str) -> None:
        """A sign of life: every claim of the run gets a whole lease."""

    def publish(
        self,
        attempt: StartedAttempt,
        made: Mapping[str, Made],
        judged: Mapping[str, Judgement],
        *,
        output: str = "",
        kind: Literal["publish", "observe"] = "publish",
        reject: Mapping[str, str] | None = None,
    ) -> Mapping[str, str]:
        """Record versions by key and make them visible, except those in ``reject`` (key to reason).

        Ends the attempt and frees its claim. Answers the version ids by key.

        Raises:
            ClaimLost: the claim was taken over; nothing was recorded.
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

    def addresses(self) -> frozenset[str]:
        """Every address in the store that a version names."""

    def close(self) -> None:
        """Give up files and connections."""


__all__ = [
    "LEASE",
    "Attempt",
    "AttemptRecord",
    "Busy",
    "Claim",
    "ClaimLost",
    "Content",
    "Judgement",
    "Ledger",
    "LedgerError",
    "Made",
    "Materialization",
    "Moved",
    "Publication",
    "RunRecord",
    "Seen",
    "StartedAttempt",
]
