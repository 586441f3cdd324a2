"""What a plan reads of the ledger, and nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from graph.fingerprint import Basis

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
    ordinal: int
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


class State(Protocol):
    """A view of one environment of the ledger at one moment."""

    @property
    def environment(self) -> str: ...
    @property
    def sequence(self) -> int:
        """The number of the last publication that this view contains."""

    def published(self, key: str) -> Mapping[int, Version]:
        """The visible version of each partition, by ordinal."""

    def last_attempt(self, key: str, ordinal: int) -> Attempt | None:
        """How the last attempt that came to an end did end."""

    def version_with(
        self, key: str, ordinal: int, fingerprint: str, *, checks: str | None = None
    ) -> Version | None:
        """A version with this fingerprint that was not rejected, visible or not.

        Args:
            checks: only one that exactly these checks judged last, and that passed them; "" is one that none judged.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryState:
    """A state written down by hand: for tests, and to ask "what if"."""

    versions: Mapping[str, Mapping[int, Version]] = field(default_factory=dict)
    attempts: Mapping[tuple[str, int], Attempt] = field(default_factory=dict)
    others: Iterable[Version] = ()
    environment: str = "main"
    sequence: int = 0

    def published(self, key: str) -> Mapping[int, Version]:
        """See `State`."""
        return self.versions.get(key, {})

    def last_attempt(self, key: str, ordinal: int) -> Attempt | None:
        """See `State`."""
        return self.attempts.get((key, ordinal))

    def version_with(
        self, key: str, ordinal: int, fingerprint: str, *, checks: str | None = None
    ) -> Version | None:
        """See `State`."""
        for version in self.others:
            same = (version.key, version.ordinal, version.fingerprint) == (key, ordinal, fingerprint)
            if same and (checks is None or (version.checks == checks and not version.failing)):
                return version
        return None
