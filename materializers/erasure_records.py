"""What is taken out of versions that are kept: how the ledger records it, without what it was.

Erasing is the one thing that changes what a version is. It keeps its name, its place and its fingerprint, so that what
was made from it can still be told; its data version and its bytes are others from then on, also for those who look at
the past. It happens in three steps, of which the second is one transaction, so that it may be killed at any instant:

1. What remains of each version is written into the store. Nothing names it yet.
2. `Erasures.erase`: the versions name what remains, every environment that shows one of them publishes it anew, samples
   in verdicts are gone, and the old bytes are marked as being removed.
3. The old bytes are deleted. Who finds them marked, the next erasure or `assets gc`, goes on with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from materializers.records import Busy, Content, Materialization, Moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What is left of a version.

    Args:
        was: where its bytes were when it was looked at.
        rows: how many rows it has lost.
    """

    was: str
    content: Content
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRecord:
    """That rows were erased from versions of an asset; what they were is on no record."""

    key: str
    versions: int
    rows: int
    name: str
    reason: str
    at: datetime


class Erasures(Protocol):
    """See the module for the laws."""

    def versions(self, key: str) -> Sequence[Materialization]:
        """Every version of an asset that is on record, of all environments, oldest first; rejected ones too."""

    def erase(
        self,
        key: str,
        remains: Mapping[str, Remains],
        *,
        without_samples: Iterable[str] = (),
        run_id: str,
        name: str,
        reason: str,
    ) -> frozenset[str] | Busy | Moved:
        """Let versions name what remains of them; answers the addresses of bytes that are to be deleted.

        Those that a version of another asset names as well are not among them.

        Args:
            without_samples: other versions whose verdicts lose the rows that they show.

        `Busy` when any other run lives, which may be reading what goes; `Moved` when a version is not what it was.
        """

    def unfinished(self) -> frozenset[str]:
        """Addresses of bytes that are to be deleted, as an erasure or a collection of garbage has left them."""

    def sharing(self, addresses: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """By address, the assets that have a version with these bytes."""

    def records(self, key: str) -> Sequence[ErasureRecord]:
        """What was erased of an asset, newest first."""
