"""Telling others what was published: each publication once to each subscriber, in order.

A subscriber is told by one process at a time, which has it under a lease. What was told and not yet noted when that
process dies is told again: "once" holds as far as the receiver knows a publication by its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from materializers.records import Publication


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Publications that are to be told to a subscriber now; the fencing ``token`` shows whose turn it is."""

    subscriber: str
    token: int
    publications: Sequence[Publication]


class Outbox(Protocol):
    """See the module for the laws."""

    def subscribe(self, subscriber: str, *, since: int | None = None) -> None:
        """Begin to tell a subscriber what is published from now on, or after publication number ``since``.

        One that is there already stays as it is.
        """

    def pending(self, subscriber: str, *, limit: int = 100) -> Delivery | None:
        """What it has not been told, the oldest first, for one lease; None when there is nothing, or another tells it.

        Raises:
            LedgerError: it is no subscriber.
        """

    def delivered(self, delivery: Delivery, sequence: int) -> bool:
        """Note that it was told everything up to a publication, and keep its turn for another lease.

        False when the turn was lost: somebody else tells it by now, and this one stops.
        """

    def release(self, delivery: Delivery) -> None:
        """Give the turn back before the lease ends."""
