"""Telling others what was published: each publication once to each subscriber, in order.

A subscriber is told by one process at a time, which has it under a lease. What was told and not yet noted when that
process dies is told again: "once" holds as far as the receiver knows a publication by its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from materializers.records import LedgerError, Publication


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


@dataclass(slots=True)
class MemoryOutbox:
    """An outbox for tests and notebooks, in which turns are kept until they are given back."""

    publications: list[Publication] = field(default_factory=list)
    reached: dict[str, int] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    last_token: int = 0

    def subscribe(self, subscriber: str, *, since: int | None = None) -> None:
        """See `Outbox`."""
        last = max((one.sequence for one in self.publications), default=0)
        self.reached.setdefault(subscriber, last if since is None else since)

    def pending(self, subscriber: str, *, limit: int = 100) -> Delivery | None:
        """See `Outbox`."""
        if subscriber not in self.reached:
            raise LedgerError(f"'{subscriber}' is no subscriber of the ledger; subscribe it first")
        new = [one for one in self.publications if one.sequence > self.reached[subscriber]]
        if not new or subscriber in self.turns:
            return None
        self.last_token += 1
        self.turns[subscriber] = self.last_token
        ordered = sorted(new, key=lambda one: one.sequence)
        return Delivery(subscriber=subscriber, token=self.last_token, publications=ordered[:limit])

    def delivered(self, delivery: Delivery, sequence: int) -> bool:
        """See `Outbox`."""
        if self.turns.get(delivery.subscriber) != delivery.token:
            return False
        self.reached[delivery.subscriber] = max(sequence, self.reached[delivery.subscriber])
        return True

    def release(self, delivery: Delivery) -> None:
        """See `Outbox`."""
        if self.turns.get(delivery.subscriber) == delivery.token:
            del self.turns[delivery.subscriber]
