"""What may be removed from the store, in the ledger's database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from graph.partition_set import WHOLE
from materializers.database import Database, listed
from materializers.garbage import COLLECTION
from materializers.ledger_claims import Liveness, close_dead_runs
from materializers.ledger_moving import busy
from materializers.ledger_rows import micros
from materializers.records import MAIN

_VISIBLE = (
    "SELECT v.address FROM pointers p JOIN versions v ON v.id = p.version_id WHERE v.address IS NOT NULL"
)


class SqlGarbage:
    """See `materializers.garbage.Garbage`."""

    def __init__(self, database: Database, liveness: Liveness) -> None:
        self._database = database
        self._liveness = liveness

    def needed(self, *, retention: timedelta, last: int = 1) -> frozenset[str]:
        """See `Garbage`."""
        with self._database.reading() as db:
            since = micros(db.now - retention)
            rows = db.rows(
                f"{_VISIBLE} UNION SELECT address FROM versions WHERE made_at >= ?"
                # what was visible within the time, and is no more, was replaced within it
                " UNION SELECT v.address FROM publications n JOIN publications p ON p.sequence ="
                " (SELECT max(m.sequence) FROM publications m WHERE m.environment = n.environment"
                " AND m.asset = n.asset AND m.sequence < n.sequence AND m.slice = n.slice"
                " AND m.ordinal = n.ordinal) JOIN versions v ON v.id = p.version_id WHERE n.at >= ?"
                " UNION SELECT address FROM (SELECT address, row_number() OVER (PARTITION BY asset, slice, ordinal"
                " ORDER BY made_at DESC, id DESC) AS place FROM versions WHERE rejected IS NULL) AS newest"
                " WHERE place <= ?",
                (since, since, last),
            )
            return frozenset(row["address"] for row in rows if row["address"] is not None)

    def keep(self, address: str) -> bool:
        """See `Garbage`."""
        rows = self._database.rows("SELECT state FROM tombstones WHERE address = ?", (address,))
        if not rows or rows[0]["state"] == "gone":
            return True
        with self._database.writing() as db:
            db.execute(
                "UPDATE tombstones SET at = ? WHERE address = ? AND state = 'condemned'",
                (micros(db.now), address),
            )
            rows = db.rows("SELECT state FROM tombstones WHERE address = ?", (address,))
            return not rows or rows[0]["state"] != "removing"

    def save(self, address: str) -> bool:
        """See `Garbage`."""
        with self._database.writing() as db:
            close_dead_runs(db, self._liveness)
            if busy(db, MAIN, COLLECTION, [WHOLE], self._liveness) is not None:
                return False
            db.execute(
                "UPDATE tombstones SET state = 'condemned', at = ? WHERE address = ? AND state = 'removing'",
                (micros(db.now), address),
            )
            return True

    def condemn(self, addresses: Iterable[str]) -> frozenset[str]:
        """See `Garbage`."""
        with self._database.writing() as db:
            asked = frozenset(addresses)
            kept = {
                row["address"] for row in db.rows(f"{_VISIBLE} AND v.address IN LISTED(?)", (listed(asked),))
            }
            before = {
                row["address"]
                for row in db.rows(
                    "SELECT address FROM tombstones WHERE address IN LISTED(?) AND state <> 'gone'",
                    (listed(asked),),
                )
            }
            found = asked - kept - before
            db.executemany(
                "INSERT INTO tombstones VALUES (?, 'condemned', ?) ON CONFLICT (address) DO UPDATE SET"
                " state = 'condemned', at = excluded.at",
                [(address, micros(db.now)) for address in found],
            )
            return found

    def remove(self, *, grace: timedelta, limit: int = 1000) -> frozenset[str]:
        """See `Garbage`."""
        with self._database.writing() as db:
            close_dead_runs(db, self._liveness)
            db.execute(f"DELETE FROM tombstones WHERE state = 'condemned' AND address IN ({_VISIBLE})")
            rows = db.rows(
                "SELECT address FROM tombstones WHERE state = 'removing' OR (state = 'condemned' AND at <= ?"
                " AND at < (SELECT coalesce(min(since), 9223372036854775807) FROM leases)) ORDER BY at LIMIT ?",
                (micros(db.now - grace), limit),
            )
            found = frozenset(row["address"] for row in rows)
            db.executemany(
                "UPDATE tombstones SET state = 'removing', at = ? WHERE address = ?",
                [(micros(db.now), address) for address in found],
            )
            return found

    def still(self, address: str) -> bool:
        """See `Garbage`."""
        rows = self._database.rows("SELECT state FROM tombstones WHERE address = ?", (address,))
        return bool(rows) and rows[0]["state"] == "removing"

    def removed(self, addresses: Iterable[str]) -> None:
        """See `Garbage`."""
        with self._database.writing() as db:
            db.executemany(
                "UPDATE tombstones SET state = 'gone', at = ? WHERE address = ? AND state = 'removing'",
                [(micros(db.now), address) for address in addresses],
            )

    def forget(self, *, retention: timedelta) -> int:
        """See `Garbage`."""
        with self._database.writing() as db:
            before = micros(db.now - retention)
            needed = (
                "SELECT v.attempt_id FROM versions v WHERE NOT EXISTS"
                " (SELECT 1 FROM tombstones t WHERE t.address = v.address AND t.state = 'gone')"
                " UNION SELECT attempt_id FROM last_attempts UNION SELECT attempt_id FROM effect_events"
                " UNION SELECT max(id) FROM attempts"  # the next one is counted from it
            )
            old = (
                "SELECT a.id FROM attempts a JOIN run_ends r ON r.run_id = a.run_id"
                f" WHERE r.ended_at < ? AND a.id NOT IN ({needed})"
            )
            db.execute(f"DELETE FROM attempt_ends WHERE attempt_id IN ({old})", (before,))
            db.execute(f"DELETE FROM attempts WHERE id IN ({old})", (before,))
            gone = [
                row["run_id"]
                for row in db.rows(
                    "SELECT e.run_id FROM run_ends e WHERE e.ended_at < ?"
                    " AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.run_id = e.run_id)"
                    " AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.run_id = e.run_id)",
                    (before,),
                )
            ]
            for table, column in (("runs", "id"), ("run_ends", "run_id"), ("cancellations", "run_id")):
                db.execute(f"DELETE FROM {table} WHERE {column} IN LISTED(?)", (listed(gone),))
            return len(gone)
