"""Telling others what was published, in the ledger's database."""

from __future__ import annotations

from datetime import timedelta

from materializers.database import Database
from materializers.ledger_rows import micros, publication_of
from materializers.outbox import Delivery
from materializers.records import LedgerError


class SqlOutbox:
    """See `materializers.outbox.Outbox`."""

    def __init__(self, database: Database, lease: timedelta) -> None:
        self._database = database
        self._lease = lease

    def subscribe(self, subscriber: str, *, since: int | None = None) -> None:
        """See `Outbox`."""
        with self._database.writing() as db:
            if since is None:
                (last,) = db.rows("SELECT coalesce(max(sequence), 0) AS sequence FROM publications")
                since = last["sequence"]
            db.execute(
                "INSERT INTO subscribers VALUES (?, ?, 0, 0) ON CONFLICT (name) DO NOTHING",
                (subscriber, since),
            )

    def pending(self, subscriber: str, *, limit: int = 100) -> Delivery | None:
        """See `Outbox`."""
        rows = self._database.rows(
            "SELECT sequence, (SELECT max(sequence) FROM publications) AS last FROM subscribers WHERE name = ?",
            (subscriber,),
        )
        if not rows:
            raise LedgerError(f"'{subscriber}' is no subscriber of the ledger; subscribe it first")
        if (rows[0]["last"] or 0) <= rows[0]["sequence"]:
            return None
        with self._database.writing() as db:
            (row,) = db.rows("SELECT * FROM subscribers WHERE name = ?", (subscriber,))
            if row["expires_at"] > micros(db.now):
                return None
            found = db.rows(
                "SELECT * FROM publications WHERE sequence > ? ORDER BY sequence LIMIT ?",
                (row["sequence"], limit),
            )
            if not found:
                return None
            token = row["token"] + 1
            db.execute(
                "UPDATE subscribers SET token = ?, expires_at = ? WHERE name = ?",
                (token, micros(db.now + self._lease), subscriber),
            )
        return Delivery(
            subscriber=subscriber, token=token, publications=tuple(publication_of(one) for one in found)
        )

    def delivered(self, delivery: Delivery, sequence: int) -> bool:
        """See `Outbox`."""
        with self._database.writing() as db:
            touched = db.execute(
                "UPDATE subscribers SET sequence = ?, expires_at = ?"
                " WHERE name = ? AND token = ? AND expires_at > 0 AND sequence <= ?",
                (
                    sequence,
                    micros(db.now + self._lease),
                    delivery.subscriber,
                    delivery.token,
                    sequence,
                ),
            )
            return touched > 0

    def release(self, delivery: Delivery) -> None:
        """See `Outbox`."""
        with self._database.writing() as db:
            db.execute(
                "UPDATE subscribers SET expires_at = 0 WHERE name = ? AND token = ?",
                (delivery.subscriber, delivery.token),
            )
