"""Delivering what was published to its subscribers, each event once and in order, from an outbox.

The outbox is the ledger: an event is there because its version was published, in the same transaction. What was
acknowledged is recorded afterwards. A sender that is killed in between sends once more, with the same sequence, by
which a receiver knows it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event as Flag
from typing import Protocol

from materializers.events import Event, Naming, Subscriber, partition_name
from materializers.senders import NotDelivered, Sender, sender_of

AT_ONCE = 100
"""Events that are read from the outbox together."""


class Outbox(Protocol):
    """The publications, and how far each subscriber has come.

    Laws:
        ``pending`` answers events in ascending order, and no event after one that is still to become visible.
        After ``delivered(subscriber, n)`` no event up to ``n`` is pending for it; a lower ``n`` changes nothing.
        A subscriber that was never asked for begins at the end: it hears nothing of the past.
    """

    def pending(self, subscriber: str, limit: int) -> Sequence[Event]:
        """The oldest events that the subscriber has not acknowledged, at most ``limit``."""

    def delivered(self, subscriber: str, sequence: int) -> None:
        """The subscriber has acknowledged, or does not want, everything up to and including ``sequence``."""


@dataclass(slots=True)
class MemoryOutbox:
    """An outbox for tests and notebooks."""

    events: list[Event] = field(default_factory=list)
    come: dict[str, int] = field(default_factory=dict)

    def pending(self, subscriber: str, limit: int) -> Sequence[Event]:
        """See `Outbox`."""
        last = max((event.sequence for event in self.events), default=0)
        since = self.come.setdefault(subscriber, last)
        return sorted(
            (event for event in self.events if event.sequence > since), key=lambda event: event.sequence
        )[:limit]

    def delivered(self, subscriber: str, sequence: int) -> None:
        """See `Outbox`."""
        self.come[subscriber] = max(sequence, self.come.get(subscriber, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often an event is tried in one delivery, and how long after each failure; delays double."""

    tries: int = 4
    delay: timedelta = timedelta(seconds=1)

    def after(self, failures: int) -> float:
        """Seconds to wait after so many failures."""
        return self.delay.total_seconds() * 2.0 ** (failures - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one subscriber was told.

    Args:
        sent: how many events it acknowledged.
        reached: the sequence of the last event that it needs no more; None when nothing was pending.
        failed: why the next event was not acknowledged; the next delivery begins with it. Empty otherwise.
    """

    subscriber: str
    sent: int = 0
    reached: int | None = None
    failed: str = ""

    def __str__(self) -> str:
        count = f"{self.sent} {'event' if self.sent == 1 else 'events'}"
        return f"{self.subscriber}: {count} delivered{f', then {self.failed}' if self.failed else ''}"


def deliver(
    outbox: Outbox,
    subscribers: Iterable[Subscriber],
    *,
    patience: Patience | None = None,
    wait: Callable[[float], bool] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    name: Naming = partition_name,
    open_sender: Callable[[Subscriber], Sender] | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[Delivery, ...]:
    """Tell each subscriber what it has not heard yet; one that cannot be reached keeps no other waiting for good.

    To be called when a run begins (so that a new subscriber hears of all that it publishes) and when it ends.

    Args:
        wait: waits for seconds, and answers whether to give up; `threading.Event.wait` of what stops a run.
        name: how people name partitions.
    """
    known = os.environ if environ is None else environ
    route = _Route(
        outbox=outbox,
        patience=patience or Patience(),
        wait=wait or Flag().wait,
        name=name,
        open=open_sender or (lambda subscriber: sender_of(subscriber, known, clock)),
    )
    return tuple(route.tell(subscriber) for subscriber in subscribers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    outbox: Outbox
    patience: Patience
    wait: Callable[[float], bool]
    name: Naming
    open: Callable[[Subscriber], Sender]

    def tell(self, subscriber: Subscriber) -> Delivery:
        sender: Sender | None = None
        sent, reached = 0, None
        try:
            while events := self.outbox.pending(subscriber.name, AT_ONCE):
                for event in events:
                    if subscriber.wants(event):
                        sender = sender or self.open(subscriber)
                        self._send(sender, event)
                        sent += 1
                        self.outbox.delivered(subscriber.name, event.sequence)
                    reached = event.sequence
                self.outbox.delivered(subscriber.name, events[-1].sequence)
        except NotDelivered as error:
            if reached is not None:
                self.outbox.delivered(subscriber.name, reached)
            return Delivery(subscriber=subscriber.name, sent=sent, reached=reached, failed=str(error))
        finally:
            if sender is not None:
                sender.close()
        return Delivery(subscriber=subscriber.name, sent=sent, reached=reached)

    def _send(self, sender: Sender, event: Event) -> None:
        body = event.body(self.name)
        failures = 0
        while True:
            try:
                return sender.send(event.sequence, body)
            except NotDelivered as error:
                failures += 1
                is_last = not error.again or failures >= self.patience.tries
                if is_last or self.wait(self.patience.after(failures)):
                    raise
