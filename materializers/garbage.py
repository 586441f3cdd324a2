"""What may be removed from the store, and how that is agreed with whoever writes meanwhile.

Content is named by what it is, so a run may find that what it made is there already. Removing it is therefore done in
steps: what nothing needs is *condemned*; after a time of grace, and when every run has ended that lived by then, it is
*removing*, then deleted, then *gone*. A run asks `Garbage.keep` before it looks whether content exists, and is safe:

- If nobody had condemned it, whoever does so later waits until this run has ended.
- If somebody had, it is condemned anew from now on, and the same holds.
- If it is being removed, the run waits a moment and asks again; if whoever removes it has died, it is saved.

What is gone is no longer adopted; a version that is published with the same address brings it back.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Protocol

COLLECTION = "(garbage)"
"""What whoever removes content claims, like an asset of the main environment, so that there is one at a time."""


class Garbage(Protocol):
    """See the module for the laws. Times are the ledger's."""

    def needed(self, *, retention: timedelta, last: int = 1) -> frozenset[str]:
        """The addresses that are visible in some environment, or of versions that are still to be had.

        Args:
            retention: versions that were made or visible within this time.
            last: so many of the newest good versions of each partition.
        """

    def keep(self, address: str) -> bool:
        """Ask that content is not removed while the asking run lives; False while it is just being removed."""

    def save(self, address: str) -> bool:
        """Condemn content anew that was being removed by somebody who has died; False while somebody lives who may."""

    def condemn(self, addresses: Iterable[str]) -> frozenset[str]:
        """Condemn what is visible in no environment; answers what is condemned now and was not before."""

    def remove(self, *, grace: timedelta, limit: int = 1000) -> frozenset[str]:
        """What is to be deleted now: condemned for the time of grace, and no run lives that was there before.

        Also what somebody was removing who has died. What has become visible again is no longer condemned.
        """

    def still(self, address: str) -> bool:
        """Whether content is still to be deleted: nobody has saved it meanwhile, from somebody who was slow."""

    def removed(self, addresses: Iterable[str]) -> None:
        """Record that content was deleted from the store."""

    def forget(self, *, retention: timedelta) -> int:
        """Delete the rows of runs that ended before this time, but those that the state of an asset needs.

        Attempts that made a version which is still to be had, or that were a partition's last one, stay with their
        runs; so do effects with theirs. Answers the number of runs that are gone.
        """
