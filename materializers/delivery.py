"""Telling subscribers what was published: each event once and in order, from the ledger's outbox.

An event is pending because its version was published, in the same transaction; what was acknowledged is noted
afterwards. A teller that is killed in between tells once more, with the same sequence, by which a receiver knows it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from graph.asset_graph import key_of
from materializers.events import Event, Subscriber, subscribers
from materializers.outbox import Outbox
from materializers.records import Publication
from materializers.senders import NotDelivered, Sender, sender_of
from materializers.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often an event is tried at once, and how long after each failure; delays double.

    All of it together stays below the lease of a turn, with time for answers.
    """

    tries: int = 4
    delay: timedelta = timedelta(seconds=1)

    def after(self, failures: int) -> float:
        """Seconds to wait after so many failures."""
        return self.delay.total_seconds() * 2.0 ** (failures - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one subscriber was told.

    Args:
        sent: how many events it acknowledged.
        failed: why the next event was not acknowledged; it will be the first of the next time. Empty otherwise.
    """

    subscriber: str
    sent: int = 0
    failed: str = ""

    def __str__(self) -> str:
        count = f"{self.sent} {'event' if self.sent == 1 else 'events'}"
        return f"{self.subscriber} was told {count}{f', then: {self.failed}' if self.failed else ''}"


def subscribe_all(workspace: Workspace) -> tuple[Subscriber, ...]:
    """The subscribers of a workspace's project, known to its ledger from now on. To be called when a run begins.

    Raises:
        ProjectError: a subscriber's settings are wrong.
    """
    declared = workspace.project.events if workspace.project is not None else {}
    found = subscribers(declared, workspace.graph)
    for subscriber in found:
        workspace.ledger.outbox.subscribe(subscriber.name)
    return found


def tell_published(
    workspace: Workspace, told: Iterable[Subscriber], *, wait: Callable[[float], bool] | None = None
) -> tuple[Told, ...]:
    """Tell subscribers what was published and they have not heard. To be called when a run ends.

    Args:
        wait: see `deliver`.
    """

    def described(publication: Publication) -> Event:
        version, key = publication.version_id, publication.key
        return Event(
            sequence=publication.sequence,
            environment=publication.environment,
            key=key,
            partition=key_of(workspace.graph[key], publication.partition),
            data_version=workspace.ledger.content(version).data_version if version is not None else None,
            kind=publication.kind,
            at=publication.at,
            run_id=publication.run_id,
        )

    return deliver(workspace.ledger.outbox, told, described, wait=wait, clock=workspace.clock)


def deliver(
    outbox: Outbox,
    told: Iterable[Subscriber],
    described: Callable[[Publication], Event],
    *,
    clock: Callable[[], datetime],
    wait: Callable[[float], bool] | None = None,
    patience: Patience | None = None,
    open_sender: Callable[[Subscriber], Sender] | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[Told, ...]:
    """Tell each subscriber what is pending for it; one that cannot be reached is told of, and keeps no other waiting.

    Args:
        described: what is told of a publication; asked for what somebody wants to hear alone.
        wait: waits for seconds, and answers whether to give up: `threading.Event.wait` of what stops a run.
    """
    known = os.environ if environ is None else environ
    teller = _Teller(
        outbox=outbox,
        described=described,
        patience=patience or Patience(),
        wait=wait or threading.Event().wait,
        open=open_sender or (lambda subscriber: sender_of(subscriber, known, clock)),
    )
    return tuple(teller.tell(subscriber) for subscriber in told)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Teller:
    outbox: Outbox
    described: Callable[[Publication], Event]
    patience: Patience
    wait: Callable[[float], bool]
    open: Callable[[Subscriber], Sender]

    def tell(self, subscriber: Subscriber) -> Told:
        line = _Line(subscriber, self.open)
        sent = 0
        try:
            while delivery := self.outbox.pending(subscriber.name):
                try:
                    for publication in delivery.publications:
                        if subscriber.wants(publication.environment, publication.key):
                            self._send(line, self.described(publication))
                            sent += 1
                            if not self.outbox.delivered(delivery, publication.sequence):
                                return Told(
                                    subscriber=subscriber.name, sent=sent
                                )  # another goes on from here
                    self.outbox.delivered(delivery, delivery.publications[-1].sequence)
                finally:
                    self.outbox.release(delivery)
        except NotDelivered as error:
            return Told(subscriber=subscriber.name, sent=sent, failed=str(error))
        finally:
            line.close()
        return Told(subscriber=subscriber.name, sent=sent)

    def _send(self, line: _Line, event: Event) -> None:
        body = event.body()
        failures = 0
        while True:
            try:
                return line.sender().send(event.sequence, body)
            except NotDelivered as error:
                failures += 1
                is_last = not error.again or failures >= self.patience.tries
                if is_last or self.wait(self.patience.after(failures)):
                    raise


class _Line:
    """The way to a subscriber, opened when there is something to tell."""

    def __init__(self, subscriber: Subscriber, open_sender: Callable[[Subscriber], Sender]) -> None:
        self._subscriber, self._open = subscriber, open_sender
        self._sender: Sender | None = None

    def sender(self) -> Sender:
        """The sender, the same each time."""
        if self._sender is None:
            self._sender = self._open(self._subscriber)
        return self._sender

    def close(self) -> None:
        """Give it up, if it was opened."""
        if self._sender is not None:
            self._sender.close()


__all__ = ["Patience", "Told", "deliver", "subscribe_all", "tell_published"]
