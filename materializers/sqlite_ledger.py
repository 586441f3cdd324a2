"""The ledger in one SQLite file (WAL), for any number of threads and processes of one host.

Long because every transaction of the ledger stands here, where the laws of one can be compared with the others'.
A run holds an operating-system lock on a file of its own while it lives, so that the claims of a killed run are free
at once and not only when their lease ends.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

from graph.fingerprint import replaced, set_digest
from graph.partitions import UNPARTITIONED
from graph.state import Attempt, Outcome, State, Version
from materializers.ledger import (
    LEASE,
    AttemptRecord,
    Busy,
    Claim,
    ClaimLost,
    Content,
    Judgement,
    LedgerError,
    Made,
    Materialization,
    Moved,
    Publication,
    RunRecord,
    Seen,
    StartedAttempt,
)
from materializers.ledger_file import open_ledger_file
from materializers.ledger_rows import (
    ATTEMPTS,
    LAST_ATTEMPTS,
    POINTERS,
    RUNS,
    VERSIONS,
    attempt_of,
    attempt_record_of,
    conditions,
    content_of_row,
    micros,
    publication_of,
    run_record_of,
    version_of,
    version_row,
    with_ordinal,
)
from materializers.liveness import RunLocks

Clock = Callable[[], datetime]


def host_clock() -> datetime:
    """The host's time, aware."""
    return datetime.now(UTC)


_SETTLED = frozenset({"published", "rejected", "failed", "skipped", "adopted"})


class SqliteLedger:
    """See `materializers.ledger.Ledger`. ``path=None`` keeps it in memory, for notebooks and tests.

    Args:
        fsync: every commit waits for the disk, so that it survives a power failure and not only a kill.
        clock: the ledger's clock.
    """

    def __init__(self, path: Path | None = None, *, fsync: bool = False, clock: Clock = host_clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._locks = RunLocks(path.with_name(path.name + ".runs") if path else None)
        self._file = open_ledger_file(path, fsync=fsync)
        self._db = self._file.db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that writes.

        Raises:
            LedgerError: the ledger is read-only or gone from its place, or SQLite could not write.
        """
        self._file.check()
        with self._transaction("IMMEDIATE") as db:
            yield db

    @contextmanager
    def _transaction(self, kind: Literal["IMMEDIATE", "DEFERRED"]) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute(f"BEGIN {kind}")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                action = "read" if kind == "DEFERRED" else "written"
                raise LedgerError(f"the ledger cannot be {action}: {error}") from error

    def _rows(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[sqlite3.Row]:
        with self._lock:
            try:
                return self._db.execute(sql, parameters).fetchall()
            except sqlite3.Error as error:
                raise LedgerError(f"the ledger cannot be read: {error}") from error

    # Runs

    def begin_run(self, run: RunRecord) -> tuple[AttemptRecord, ...]:
        """See `Ledger`."""
        self._file.check()
        self._locks.hold(run.id)
        row = (
            run.id,
            run.environment,
            run.selection,
            run.engine,
            micros(run.started_at),
            json.dumps(run.context),
            run.plan,
        )
        with self._writing() as db:
            db.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            return self._interrupt_dead(db)

    def _interrupt_dead(self, db: sqlite3.Connection) -> tuple[AttemptRecord, ...]:
        open_runs = db.execute("SELECT id FROM runs WHERE id NOT IN (SELECT run_id FROM run_ends)").fetchall()
        dead = [run_id for (run_id,) in open_runs if not self._locks.alive(run_id)]
        found: list[AttemptRecord] = []
        for run_id in dead:
            found.extend(self._close_run(db, run_id, "interrupted", "the run was killed"))
            self._locks.release(run_id)
        return tuple(found)

    def _close_run(self, db: sqlite3.Connection, run_id: str, outcome: str, why: str) -> list[AttemptRecord]:
        """End a run with the attempts that it left open, and free its claims; answers those attempts."""
        now = micros(self._clock())
        rows = db.execute(f"{ATTEMPTS} WHERE a.run_id = ? AND e.attempt_id IS NULL", (run_id,)).fetchall()
        db.executemany(
            "INSERT INTO attempt_ends VALUES (?, ?, 'interrupted', ?, '', NULL, '')",
            [(row["id"], now, why) for row in rows],
        )
        db.execute("UPDATE claims SET expires_at = 0 WHERE run_id = ?", (run_id,))
        db.execute("INSERT OR IGNORE INTO run_ends VALUES (?, ?, ?)", (run_id, now, outcome))
        return [attempt_record_of(row) for row in rows]

    def end_run(self, run_id: str, outcome: str) -> None:
        """See `Ledger`."""
        try:
            with self._writing() as db:
                self._close_run(db, run_id, outcome, "the run was stopped")
        finally:
            self._locks.release(run_id)

    def cancel_run(self, run_id: str) -> bool:
        """See `Ledger`."""
        run = self.run(run_id)
        if run.ended_at is not None or not run.alive:
            return False
        with self._writing() as db:
            db.execute("INSERT INTO cancellations VALUES (?, ?)", (run.id, micros(self._clock())))
        return True

    def cancelled(self, run_id: str) -> bool:
        """See `Ledger`."""
        return bool(self._rows("SELECT 1 FROM cancellations WHERE run_id = ?", (run_id,)))

    def renew(self, run_id: str) -> None:
        """See `Ledger`."""
        with self._transaction("IMMEDIATE") as db:  # the next step that is recorded tells what is wrong
            until = micros(self._clock() + LEASE)
            db.execute(
                "UPDATE claims SET expires_at = ? WHERE run_id = ? AND expires_at > 0", (until, run_id)
            )

    # Attempts

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
        """See `Ledger`."""
        now = self._clock()
        place = (environment, key, ordinal)
        with self._writing() as db:
            rows = db.execute(
                "SELECT token, run_id, expires_at FROM claims WHERE environment = ? AND asset = ? AND ordinal = ?",
                place,
            ).fetchall()
            token = 1
            if rows:
                (held,) = rows
                free = held["expires_at"] <= micros(now) or held["run_id"] == run_id
                if not free and self._locks.alive(held["run_id"]):
                    return Busy(run_id=held["run_id"])
                token = held["token"] + 1
            visible = db.execute(
                "SELECT version_id FROM pointers WHERE environment = ? AND asset = ? AND ordinal = ?", place
            ).fetchall()
            if (visible[0]["version_id"] if visible else None) != was:
                return Moved()
            db.execute(
                "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?)",
                (*place, token, run_id, micros(now + LEASE)),
            )
            cursor = db.execute(
                "INSERT INTO attempts (run_id, environment, asset, ordinal, number, token, fingerprint, started_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (run_id, *place, number, token, fingerprint, micros(now)),
            )
            attempt_id = cursor.lastrowid
        claim = Claim(environment=environment, key=key, ordinal=ordinal, token=token, run_id=run_id)
        return StartedAttempt(
            id=attempt_id or 0, claim=claim, number=number, fingerprint=fingerprint, started_at=now
        )

    def _end(
        self,
        db: sqlite3.Connection,
        attempt: StartedAttempt,
        outcome: Outcome,
        *,
        reason: str = "",
        error: str = "",
        until: datetime | None = None,
        output: str = "",
    ) -> None:
        claim = attempt.claim
        db.execute(
            "INSERT OR IGNORE INTO attempt_ends VALUES (?, ?, ?, ?, ?, ?, ?)",
            (attempt.id, micros(self._clock()), outcome, reason, error, micros(until), output),
        )
        freed = db.execute(
            "UPDATE claims SET expires_at = 0"
            " WHERE environment = ? AND asset = ? AND ordinal = ? AND token = ? AND expires_at > 0",
            (claim.environment, claim.key, claim.ordinal, claim.token),
        )
        if freed.rowcount and outcome in _SETTLED:  # who lost the claim does not speak for the partition
            db.execute(
                "INSERT OR REPLACE INTO last_attempts VALUES (?, ?, ?, ?)",
                (claim.environment, claim.key, claim.ordinal, attempt.id),
            )

    def _check_token(self, db: sqlite3.Connection, attempt: StartedAttempt) -> None:
        claim = attempt.claim
        rows = db.execute(
            "SELECT token, expires_at FROM claims WHERE environment = ? AND asset = ? AND ordinal = ?",
            (claim.environment, claim.key, claim.ordinal),
        ).fetchall()
        if not rows or rows[0]["token"] != claim.token or rows[0]["expires_at"] == 0:
            raise ClaimLost(
                f"asset '{claim.key}' is no longer this run's to publish (its claim was taken over, or the run has"
                " ended); the result is discarded"
            )

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
        """See `Ledger`."""
        refused = reject or {}
        now = self._clock()
        ids: dict[str, str] = {}
        with self._writing() as db:
            self._check_token(db, attempt)
            for key, product in made.items():
                ids[key] = version_id = f"{time.time_ns() // 1000:013x}{secrets.token_hex(5)}"
                self._insert_version(db, version_id, key, attempt, product, now, refused.get(key))
                said = judged[key]
                judgement = None  # without any checks there is nothing to record
                if said.checks or said.verdicts:
                    judgement = self._insert_judgement(db, version_id, said, now, attempt.claim.run_id)
                if key not in refused:
                    pointer = _Pointer(
                        key=key,
                        version_id=version_id,
                        data_version=product.content.data_version,
                        as_of=product.as_of,
                        ends=product.ends,
                        judgement=judgement,
                    )
                    self._point(db, attempt, pointer, kind, now)
            outcome: Outcome = "rejected" if refused else "published"
            self._end(db, attempt, outcome, reason="; ".join(refused.values()), output=output)
        return ids

    def _insert_version(
        self,
        db: sqlite3.Connection,
        version_id: str,
        key: str,
        attempt: StartedAttempt,
        made: Made,
        now: datetime,
        rejected: str | None,
    ) -> None:
        row = version_row(version_id, key, attempt, made, now, rejected)
        db.execute(f"INSERT INTO versions VALUES ({', '.join('?' * len(row))})", row)

    def _insert_judgement(
        self, db: sqlite3.Connection, version_id: str, judged: Judgement, now: datetime, run_id: str
    ) -> int | None:
        cursor = db.execute(
            "INSERT INTO judgements (version_id, checks, verdicts, digest, failing, judged_at, run_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                version_id,
                judged.checks,
                json.dumps(judged.verdicts),
                judged.digest(),
                int(judged.failing),
                micros(now),
                run_id,
            ),
        )
        return cursor.lastrowid

    def _point(
        self, db: sqlite3.Connection, attempt: StartedAttempt, to: _Pointer, kind: str, now: datetime
    ) -> None:
        """Publish: the event, the pointer that indexes it, and the asset's set of partitions."""
        place = (attempt.claim.environment, to.key, attempt.claim.ordinal)
        cursor = db.execute(
            "INSERT INTO publications (environment, asset, first, last, version_id, kind, at, run_id)"
            " VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7)",
            (*place, to.version_id, kind, micros(now), attempt.claim.run_id),
        )
        if attempt.claim.ordinal != UNPARTITIONED:
            self._count(db, place, to.data_version)
        db.execute(
            "INSERT OR REPLACE INTO pointers VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*place, to.version_id, cursor.lastrowid, micros(to.as_of), to.ends, to.judgement),
        )

    def _count(self, db: sqlite3.Connection, place: tuple[str, str, int], data_version: str) -> None:
        """Renew the row from which a partitioned asset is decided without its partitions."""
        *asset, ordinal = place
        old = db.execute(
            "SELECT v.data_version FROM pointers p JOIN versions v ON v.id = p.version_id"
            " WHERE p.environment = ? AND p.asset = ? AND p.ordinal = ?",
            place,
        ).fetchall()
        states = db.execute(
            "SELECT counter, partitions, set_digest FROM asset_state WHERE environment = ? AND asset = ?",
            asset,
        ).fetchall()
        counter, partitions, whole = tuple(states[0]) if states else (0, "[]", set_digest([]))
        before = old[0]["data_version"] if old else None
        if before is None:
            partitions = with_ordinal(partitions, ordinal)
        db.execute(
            "INSERT OR REPLACE INTO asset_state VALUES (?, ?, ?, ?, ?)",
            (*asset, counter + 1, partitions, replaced(whole, ordinal, before, data_version)),
        )

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
        """See `Ledger`."""
        with self._writing() as db:
            self._end(db, attempt, outcome, reason=reason, error=error, until=until, output=output)

    def adopt(
        self, attempt: StartedAttempt, version_id: str, as_of: datetime | None, *, ends: bool | None = None
    ) -> None:
        """See `Ledger`."""
        claim = attempt.claim
        now = self._clock()
        with self._writing() as db:
            self._check_token(db, attempt)
            (row,) = db.execute(
                "SELECT data_version, (SELECT max(id) FROM judgements WHERE version_id = v.id) AS judgement"
                " FROM versions v WHERE id = ?",
                (version_id,),
            ).fetchall()
            pointer = _Pointer(
                key=claim.key,
                version_id=version_id,
                data_version=row["data_version"],
                as_of=as_of,
                ends=ends,
                judgement=row["judgement"],
            )
            self._point(db, attempt, pointer, "adopt", now)
            self._end(db, attempt, "adopted")

    def verify(self, environment: str, seen: Sequence[Seen], run_id: str) -> None:
        """See `Ledger`."""
        if not seen:
            return
        rows = [
            {
                "environment": environment,
                "asset": entry[0].key,
                "ordinal": entry[0].ordinal,
                "version": entry[0].id,
                "as_of": micros(entry[1]),
                "ends": entry[2] if len(entry) == 3 else None,
                "at": micros(self._clock()),
                "run": run_id,
            }
            for entry in seen
        ]
        with self._writing() as db:
            db.executemany(
                "INSERT INTO verifications (environment, asset, first, last, version_id, as_of, ends, at, run_id)"
                " VALUES (:environment, :asset, :ordinal, :ordinal, :version, :as_of, :ends, :at, :run)",
                rows,
            )
            db.executemany(
                "UPDATE pointers SET as_of = :as_of, ends = coalesce(:ends, ends) WHERE environment = :environment"
                " AND asset = :asset AND ordinal = :ordinal AND version_id = :version",
                rows,
            )

    def judge(self, environment: str, version: Version, judgement: Judgement, run_id: str) -> None:
        """See `Ledger`."""
        with self._writing() as db:
            judged = self._insert_judgement(db, version.id, judgement, self._clock(), run_id)
            db.execute(
                "UPDATE pointers SET judgement = ?"
                " WHERE environment = ? AND asset = ? AND ordinal = ? AND version_id = ?",
                (judged, environment, version.key, version.ordinal, version.id),
            )

    # Reading

    def state(
        self,
        environment: str,
        keys: Iterable[str] | None = None,
        *,
        ordinals: Mapping[str, Collection[int]] | None = None,
    ) -> State:
        """See `Ledger`."""
        chosen = None if keys is None else list(keys)
        only = ordinals or {}
        versions: dict[str, dict[int, Version]] = {}
        attempts: dict[tuple[str, int], Attempt] = {}
        with self._transaction("DEFERRED"):  # one moment for all of it
            sequence = self._rows("SELECT coalesce(max(sequence), 0) FROM publications")[0][0]
            for where, parameters in conditions("p", chosen, only):
                for row in self._rows(
                    f"{POINTERS} WHERE p.environment = ?{where}", (environment, *parameters)
                ):
                    versions.setdefault(row["asset"], {})[row["ordinal"]] = version_of(row)
            for where, parameters in conditions("l", chosen, only):
                for row in self._rows(f"{LAST_ATTEMPTS}{where}", (environment, *parameters)):
                    attempts[row["asset"], row["ordinal"]] = attempt_of(row)
        return _SqliteState(self, environment, sequence, versions, attempts)

    def version_with(
        self, key: str, ordinal: int, fingerprint: str, *, checks: str | None = None
    ) -> Version | None:
        """The newest such version; see `graph.state.State`."""
        passed = "" if checks is None else " AND coalesce(j.checks, '') = ? AND NOT coalesce(j.failing, 0)"
        rows = self._rows(
            f"{VERSIONS} WHERE v.asset = ? AND v.first = ? AND v.fingerprint = ? AND v.rejected IS NULL{passed}"
            " ORDER BY v.made_at DESC LIMIT 1",
            (key, ordinal, fingerprint, *(() if checks is None else (checks,))),
        )
        return version_of(rows[0]) if rows else None

    def content(self, version_id: str) -> Content:
        """See `Ledger`."""
        rows = self._rows("SELECT * FROM versions WHERE id = ?", (version_id,))
        if not rows:
            raise LedgerError(f"the ledger has no version '{version_id}'")
        return content_of_row(rows[0])

    def materialization(self, version_id: str) -> Materialization:
        """See `Ledger`."""
        rows = self._rows(f"{VERSIONS} WHERE v.id = ?", (version_id,))
        if not rows:
            raise LedgerError(f"the ledger has no version '{version_id}'")
        (row,) = rows
        verdicts = row["verdicts"]
        judgement = (
            Judgement(
                checks=row["checks"], verdicts=tuple(json.loads(verdicts)), failing=bool(row["failing"])
            )
            if verdicts is not None
            else None
        )
        return Materialization(
            version=version_of(row),
            content=content_of_row(row),
            lineage={name: (key, tuple(ids)) for name, (key, ids) in json.loads(row["lineage"]).items()},
            judgement=judgement,
            duration=timedelta(microseconds=row["duration"]),
            run_id=row["run_id"],
            published=row["rejected"] is None,
        )

    def history(self, key: str, *, environment: str, limit: int = 50) -> tuple[AttemptRecord, ...]:
        """See `Ledger`."""
        rows = self._rows(
            f"{ATTEMPTS} WHERE a.environment = ? AND a.asset = ? ORDER BY a.id DESC LIMIT ?",
            (environment, key, limit),
        )
        return tuple(attempt_record_of(row) for row in rows)

    def publications(self, key: str, *, environment: str, limit: int = 50) -> tuple[Publication, ...]:
        """See `Ledger`."""
        rows = self._rows(
            "SELECT * FROM publications WHERE environment = ? AND asset = ? ORDER BY sequence DESC LIMIT ?",
            (environment, key, limit),
        )
        return tuple(map(publication_of, rows))

    def runs(self, *, limit: int = 20) -> tuple[RunRecord, ...]:
        """See `Ledger`."""
        return tuple(
            map(self._run_record, self._rows(f"{RUNS} ORDER BY r.started_at DESC LIMIT ?", (limit,)))
        )

    def run(self, run_id: str) -> RunRecord:
        """See `Ledger`."""
        rows = self._rows(f"{RUNS} WHERE substr(r.id, 1, length(?)) = ? LIMIT 2", (run_id, run_id))
        if not rows:
            raise LedgerError(f"there is no run '{run_id}'; `assets runs list` shows what there is")
        if len(rows) > 1 and rows[0]["id"] != run_id:
            raise LedgerError(f"'{run_id}' begins the ids of several runs; give more of it")
        return self._run_record(rows[0])

    def _run_record(self, row: sqlite3.Row) -> RunRecord:
        return run_record_of(row, alive=row["ended_at"] is None and self._locks.alive(row["id"]))

    def attempts_of(self, run_id: str) -> tuple[AttemptRecord, ...]:
        """See `Ledger`."""
        rows = self._rows(f"{ATTEMPTS} WHERE a.run_id = ? ORDER BY a.id", (run_id,))
        return tuple(attempt_record_of(row) for row in rows)

    def addresses(self) -> frozenset[str]:
        """See `Ledger`."""
        return frozenset(
            row[0] for row in self._rows("SELECT address FROM versions WHERE address IS NOT NULL")
        )

    def close(self) -> None:
        """See `Ledger`."""
        self._locks.close()
        with self._lock:
            self._db.close()


class _Pointer(NamedTuple):
    """What becomes visible."""

    key: str
    version_id: str
    data_version: str
    as_of: datetime | None
    ends: bool | None
    judgement: int | None


class _SqliteState:
    """One environment at one moment; old versions are looked up when somebody asks."""

    def __init__(
        self,
        ledger: SqliteLedger,
        environment: str,
        sequence: int,
        versions: Mapping[str, Mapping[int, Version]],
        attempts: Mapping[tuple[str, int], Attempt],
    ) -> None:
        self._ledger = ledger
        self.environment = environment
        self.sequence = sequence
        self._versions = versions
        self._attempts = attempts

    def published(self, key: str) -> Mapping[int, Version]:
        return self._versions.get(key, {})

    def last_attempt(self, key: str, ordinal: int) -> Attempt | None:
        return self._attempts.get((key, ordinal))

    def version_with(
        self, key: str, ordinal: int, fingerprint: str, *, checks: str | None = None
    ) -> Version | None:
        return self._ledger.version_with(key, ordinal, fingerprint, checks=checks)
