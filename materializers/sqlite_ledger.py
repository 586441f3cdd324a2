"""The ledger in one SQLite file (WAL), for any number of threads and processes of one host.

A run holds an operating-system lock on a file of its own while it lives, so that the claims of a killed run are free
at once and not only when their lease ends.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

from graph.fingerprint import Basis, replaced, set_digest
from graph.partitions import UNPARTITIONED, ranges
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
    StartedAttempt,
)
from materializers.liveness import RunLocks

SCHEMA_VERSION = 1
Clock = Callable[[], datetime]


def host_clock() -> datetime:
    """The host's time, aware."""
    return datetime.now(UTC)


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
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path or ":memory:", timeout=30, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode=WAL").fetchall()
            self._db.execute(f"PRAGMA synchronous={'FULL' if fsync else 'NORMAL'}")
            self._create()
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(f"the ledger {path} cannot be opened: {error}") from error

    def _create(self) -> None:
        with self._writing():
            known = self._db.execute("SELECT name FROM sqlite_master WHERE name = 'schema_version'").fetchall()
            if not known:
                for statement in Path(__file__).with_name("ledger.sql").read_text("utf-8").split(";\n"):
                    self._db.execute(statement)
            (version,) = self._db.execute("SELECT version FROM schema_version").fetchone()
        if version != SCHEMA_VERSION:
            raise LedgerError(f"the ledger has schema {version}, this program knows {SCHEMA_VERSION}; upgrade it")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; the only place where the ledger is written."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                raise LedgerError(f"the ledger cannot be written: {error}") from error

    def _rows(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, parameters).fetchall()

    # Runs

    def begin_run(self, run: RunRecord) -> tuple[AttemptRecord, ...]:
        """See `Ledger`."""
        self._locks.hold(run.id)
        row = (
            run.id,
            run.environment,
            run.selection,
            run.engine,
            _micros(run.started_at),
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
        now = _micros(self._clock())
        for run_id in dead:
            rows = db.execute(f"{_ATTEMPTS} WHERE a.run_id = ? AND e.attempt_id IS NULL", (run_id,)).fetchall()
            found.extend(_attempt_record(row) for row in rows)
            db.executemany(
                "INSERT INTO attempt_ends VALUES (?, ?, 'interrupted', 'the run was killed', '', NULL, '')",
                [(row["id"], now) for row in rows],
            )
            db.execute("UPDATE claims SET expires_at = 0 WHERE run_id = ?", (run_id,))
            db.execute("INSERT INTO run_ends VALUES (?, ?, 'interrupted')", (run_id, now))
            self._locks.release(run_id)
        return tuple(found)

    def end_run(self, run_id: str, outcome: str) -> None:
        """See `Ledger`."""
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO run_ends VALUES (?, ?, ?)", (run_id, _micros(self._clock()), outcome))
            db.execute("UPDATE claims SET expires_at = 0 WHERE run_id = ?", (run_id,))
        self._locks.release(run_id)

    def cancel_run(self, run_id: str) -> bool:
        """See `Ledger`."""
        run = self.run(run_id)
        if run.ended_at is not None or not run.alive:
            return False
        with self._writing() as db:
            db.execute("INSERT INTO cancellations VALUES (?, ?)", (run.id, _micros(self._clock())))
        return True

    def cancelled(self, run_id: str) -> bool:
        """See `Ledger`."""
        return bool(self._rows("SELECT 1 FROM cancellations WHERE run_id = ?", (run_id,)))

    def renew(self, run_id: str) -> None:
        """See `Ledger`."""
        with self._writing() as db:
            until = _micros(self._clock() + LEASE)
            db.execute("UPDATE claims SET expires_at = ? WHERE run_id = ? AND expires_at > 0", (until, run_id))

    # Attempts

    def begin(
        self, environment: str, key: str, ordinal: int, *, run_id: str, fingerprint: str, number: int, was: str | None
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
                free = held["expires_at"] <= _micros(now) or held["run_id"] == run_id
                if not free and self._locks.alive(held["run_id"]):
                    return Busy(run_id=held["run_id"])
                token = held["token"] + 1
            visible = db.execute(
                "SELECT version_id FROM pointers WHERE environment = ? AND asset = ? AND ordinal = ?", place
            ).fetchall()
            if (visible[0]["version_id"] if visible else None) != was:
                return Moved()
            db.execute(
                "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?)", (*place, token, run_id, _micros(now + LEASE))
            )
            cursor = db.execute(
                "INSERT INTO attempts (run_id, environment, asset, ordinal, number, token, fingerprint, started_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (run_id, *place, number, token, fingerprint, _micros(now)),
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
            (attempt.id, _micros(self._clock()), outcome, reason, error, _micros(until), output),
        )
        if outcome in _SETTLED:
            db.execute(
                "INSERT OR REPLACE INTO last_attempts VALUES (?, ?, ?, ?)",
                (claim.environment, claim.key, claim.ordinal, attempt.id),
            )
        db.execute(
            "UPDATE claims SET expires_at = 0 WHERE environment = ? AND asset = ? AND ordinal = ? AND token = ?",
            (claim.environment, claim.key, claim.ordinal, claim.token),
        )

    def _check_token(self, db: sqlite3.Connection, attempt: StartedAttempt) -> None:
        claim = attempt.claim
        rows = db.execute(
            "SELECT token, expires_at FROM claims WHERE environment = ? AND asset = ? AND ordinal = ?",
            (claim.environment, claim.key, claim.ordinal),
        ).fetchall()
        if not rows or rows[0]["token"] != claim.token or rows[0]["expires_at"] == 0:
            raise ClaimLost(f"asset '{claim.key}' was taken over by another run; this result is discarded")

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
                if said.verdicts:
                    judgement = self._insert_judgement(db, version_id, said, now, attempt.claim.run_id)
                if key not in refused:
                    pointer = _Pointer(key, version_id, product.content.data_version, product.as_of, judgement)
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
        content, ordinal = made.content, attempt.claim.ordinal
        db.execute(
            f"INSERT INTO versions VALUES ({', '.join('?' * 23)})",
            (
                version_id,
                key,
                ordinal,
                ordinal,
                attempt.fingerprint,
                made.basis.code,
                made.basis.config,
                json.dumps(made.basis.resources),
                json.dumps(made.inputs),
                json.dumps(made.lineage),
                content.data_version,
                content.format,
                content.address,
                content.size,
                content.rows,
                content.schema,
                _micros(made.as_of),
                int(made.ends),
                _micros(now),
                _micros(now) - _micros(attempt.started_at),
                attempt.claim.run_id,
                attempt.id,
                rejected,
            ),
        )

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
                _micros(now),
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
            (*place, to.version_id, kind, _micros(now), attempt.claim.run_id),
        )
        if attempt.claim.ordinal != UNPARTITIONED:
            self._count(db, place, to.data_version)
        db.execute(
            "INSERT OR REPLACE INTO pointers VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*place, to.version_id, cursor.lastrowid, _micros(to.as_of), to.judgement),
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
            "SELECT counter, partitions, set_digest FROM asset_state WHERE environment = ? AND asset = ?", asset
        ).fetchall()
        counter, partitions, whole = tuple(states[0]) if states else (0, "[]", set_digest([]))
        before = old[0]["data_version"] if old else None
        if before is None:
            partitions = _with_ordinal(partitions, ordinal)
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

    def adopt(self, attempt: StartedAttempt, version_id: str, as_of: datetime | None) -> None:
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
            pointer = _Pointer(claim.key, version_id, row["data_version"], as_of, row["judgement"])
            self._point(db, attempt, pointer, "adopt", now)
            self._end(db, attempt, "adopted")

    def verify(self, environment: str, seen: Sequence[tuple[Version, datetime | None]], run_id: str) -> None:
        """See `Ledger`."""
        if not seen:
            return
        now = _micros(self._clock())
        with self._writing() as db:
            db.executemany(
                "INSERT INTO verifications (environment, asset, first, last, version_id, as_of, at, run_id)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (environment, version.key, version.ordinal, version.ordinal, version.id, _micros(as_of), now, run_id)
                    for version, as_of in seen
                ],
            )
            db.executemany(
                "UPDATE pointers SET as_of = ? WHERE environment = ? AND asset = ? AND ordinal = ? AND version_id = ?",
                [
                    (_micros(as_of), environment, version.key, version.ordinal, version.id)
                    for version, as_of in seen
                ],
            )

    def judge(self, environment: str, version: Version, judgement: Judgement, run_id: str) -> None:
        """See `Ledger`."""
        with self._writing() as db:
            judged = self._insert_judgement(db, version.id, judgement, self._clock(), run_id)
            db.execute(
                "UPDATE pointers SET judgement = ? WHERE environment = ? AND asset = ? AND ordinal = ? AND version_id = ?",
                (judged, environment, version.key, version.ordinal, version.id),
            )

    # Reading

    def state(self, environment: str, keys: Iterable[str] | None = None) -> State:
        """See `Ledger`."""
        chosen = None if keys is None else list(keys)
        where, parameters = _among("p.asset", chosen)
        with self._lock:
            sequence = self._rows("SELECT coalesce(max(sequence), 0) FROM publications")[0][0]
            rows = self._rows(f"{_POINTERS} WHERE p.environment = ?{where}", (environment, *parameters))
            where, parameters = _among("l.asset", chosen)
            ends = self._rows(f"{_LAST_ATTEMPTS}{where}", (environment, *parameters))
        versions: dict[str, dict[int, Version]] = {}
        for row in rows:
            version = _version(row)
            versions.setdefault(version.key, {})[version.ordinal] = version
        attempts = {
            (row["asset"], row["ordinal"]): Attempt(
                fingerprint=row["fingerprint"],
                outcome=row["outcome"],
                ended_at=_time(row["ended_at"]),
                reason=row["reason"],
                until=_maybe_time(row["until"]),
            )
            for row in ends
        }
        return _SqliteState(self, environment, sequence, versions, attempts)

    def version_with(self, key: str, ordinal: int, fingerprint: str) -> Version | None:
        """The newest good version with a fingerprint, visible anywhere or not."""
        rows = self._rows(
            f"{_VERSIONS} WHERE v.asset = ? AND v.first = ? AND v.fingerprint = ? AND v.rejected IS NULL"
            " ORDER BY v.made_at DESC LIMIT 1",
            (key, ordinal, fingerprint),
        )
        return _version(rows[0]) if rows else None

    def content(self, version_id: str) -> Content:
        """See `Ledger`."""
        rows = self._rows("SELECT * FROM versions WHERE id = ?", (version_id,))
        if not rows:
            raise LedgerError(f"the ledger has no version '{version_id}'")
        return _content(rows[0])

    def materialization(self, version_id: str) -> Materialization:
        """See `Ledger`."""
        rows = self._rows(f"{_VERSIONS} WHERE v.id = ?", (version_id,))
        if not rows:
            raise LedgerError(f"the ledger has no version '{version_id}'")
        (row,) = rows
        verdicts = row["verdicts"]
        judgement = (
            Judgement(checks=row["checks"], verdicts=tuple(json.loads(verdicts)), failing=bool(row["failing"]))
            if verdicts is not None
            else None
        )
        return Materialization(
            version=_version(row),
            content=_content(row),
            lineage={name: (key, tuple(ids)) for name, (key, ids) in json.loads(row["lineage"]).items()},
            judgement=judgement,
            duration=timedelta(microseconds=row["duration"]),
            run_id=row["run_id"],
            published=row["rejected"] is None,
        )

    def history(self, key: str, *, environment: str, limit: int = 50) -> tuple[AttemptRecord, ...]:
        """See `Ledger`."""
        rows = self._rows(
            f"{_ATTEMPTS} WHERE a.environment = ? AND a.asset = ? ORDER BY a.id DESC LIMIT ?", (environment, key, limit)
        )
        return tuple(_attempt_record(row) for row in rows)

    def publications(self, key: str, *, environment: str, limit: int = 50) -> tuple[Publication, ...]:
        """See `Ledger`."""
        rows = self._rows(
            "SELECT * FROM publications WHERE environment = ? AND asset = ? ORDER BY sequence DESC LIMIT ?",
            (environment, key, limit),
        )
        return tuple(
            Publication(
                sequence=row["sequence"],
                environment=row["environment"],
                key=row["asset"],
                first=row["first"],
                last=row["last"],
                version_id=row["version_id"],
                kind=row["kind"],
                at=_time(row["at"]),
                run_id=row["run_id"],
            )
            for row in rows
        )

    def runs(self, *, limit: int = 20) -> tuple[RunRecord, ...]:
        """See `Ledger`."""
        return tuple(map(self._run_record, self._rows(f"{_RUNS} ORDER BY r.started_at DESC LIMIT ?", (limit,))))

    def run(self, run_id: str) -> RunRecord:
        """See `Ledger`."""
        rows = self._rows(f"{_RUNS} WHERE substr(r.id, 1, length(?)) = ? LIMIT 2", (run_id, run_id))
        if not rows:
            raise LedgerError(f"there is no run '{run_id}'; `assets runs list` shows what there is")
        if len(rows) > 1 and rows[0]["id"] != run_id:
            raise LedgerError(f"'{run_id}' begins the ids of several runs; give more of it")
        return self._run_record(rows[0])

    def _run_record(self, row: sqlite3.Row) -> RunRecord:
        return RunRecord(
            id=row["id"],
            environment=row["environment"],
            selection=row["selection"],
            engine=row["engine"],
            started_at=_time(row["started_at"]),
            context=json.loads(row["context"]),
            plan=row["plan"],
            ended_at=_maybe_time(row["ended_at"]),
            outcome=row["outcome"],
            cancelled=bool(row["cancelled"]),
            alive=row["ended_at"] is None and self._locks.alive(row["id"]),
        )

    def attempts_of(self, run_id: str) -> tuple[AttemptRecord, ...]:
        """See `Ledger`."""
        rows = self._rows(f"{_ATTEMPTS} WHERE a.run_id = ? ORDER BY a.id", (run_id,))
        return tuple(_attempt_record(row) for row in rows)

    def addresses(self) -> frozenset[str]:
        """See `Ledger`."""
        return frozenset(row[0] for row in self._rows("SELECT address FROM versions WHERE address IS NOT NULL"))

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

    def version_with(self, key: str, ordinal: int, fingerprint: str) -> Version | None:
        return self._ledger.version_with(key, ordinal, fingerprint)


_SETTLED = frozenset({"published", "rejected", "failed", "skipped", "adopted"})
_POINTERS = """
SELECT v.*, p.ordinal, p.as_of AS seen_as_of, j.checks, j.digest, j.failing, j.verdicts
FROM pointers p JOIN versions v ON v.id = p.version_id LEFT JOIN judgements j ON j.id = p.judgement
"""
_VERSIONS = """
SELECT v.*, v.first AS ordinal, v.as_of AS seen_as_of, j.checks, j.digest, j.failing, j.verdicts
FROM versions v LEFT JOIN judgements j ON j.id = (SELECT max(id) FROM judgements WHERE version_id = v.id)
"""
_LAST_ATTEMPTS = """
SELECT l.asset, l.ordinal, a.fingerprint, e.outcome, e.ended_at, e.reason, e.until
FROM last_attempts l JOIN attempts a ON a.id = l.attempt_id JOIN attempt_ends e ON e.attempt_id = l.attempt_id
WHERE l.environment = ?
"""
_ATTEMPTS = """
SELECT a.asset, a.ordinal, a.fingerprint, e.outcome, e.ended_at, e.reason, e.until
FROM attempts a JOIN attempt_ends e ON e.attempt_id = a.id
WHERE a.id IN (
    SELECT max(a.id) FROM attempts a JOIN attempt_ends e ON e.attempt_id = a.id
    WHERE a.environment = ?{where} AND e.outcome IN ('published', 'rejected', 'failed', 'skipped', 'adopted')
    GROUP BY a.asset, a.ordinal
)
"""
_ATTEMPTS = """
SELECT a.*, e.ended_at, e.outcome, e.reason, e.error, e.output,
    (SELECT min(id) FROM versions v WHERE v.attempt_id = a.id) AS version_id
FROM attempts a LEFT JOIN attempt_ends e ON e.attempt_id = a.id
"""
_RUNS = """
SELECT r.*, e.ended_at, e.outcome,
    EXISTS (SELECT 1 FROM cancellations c WHERE c.run_id = r.id) AS cancelled
FROM runs r LEFT JOIN run_ends e ON e.run_id = r.id
"""


def _version(row: sqlite3.Row) -> Version:
    return Version(
        id=row["id"],
        key=row["asset"],
        ordinal=row["ordinal"],
        fingerprint=row["fingerprint"],
        basis=Basis(code=row["code"], config=row["config"], resources=_loads(row["resources"])),
        inputs=_loads(row["inputs"]),
        data_version=row["data_version"],
        made_at=_time(row["made_at"]),
        as_of=_maybe_time(row["seen_as_of"]),
        ends=bool(row["ends"]),
        checks=row["checks"] or "",
        verdicts=row["digest"] or "",
        failing=bool(row["failing"]),
    )


def _content(row: sqlite3.Row) -> Content:
    return Content(
        data_version=row["data_version"],
        format=row["format"],
        address=row["address"],
        size=row["size"],
        rows=row["row_count"],
        schema=row["schema"],
    )


def _attempt_record(row: sqlite3.Row) -> AttemptRecord:
    return AttemptRecord(
        id=row["id"],
        run_id=row["run_id"],
        key=row["asset"],
        ordinal=row["ordinal"],
        number=row["number"],
        fingerprint=row["fingerprint"],
        started_at=_time(row["started_at"]),
        ended_at=_maybe_time(row["ended_at"]),
        outcome=row["outcome"],
        reason=row["reason"] or "",
        error=row["error"] or "",
        output=row["output"] or "",
        version_id=row["version_id"],
    )


def _loads(text: str) -> Any:
    return {} if text == "{}" else json.loads(text)


def _with_ordinal(partitions: str, ordinal: int) -> str:
    spans = [tuple(span) for span in json.loads(partitions)]
    members = sorted({ordinal}.union(*(range(first, last + 1) for first, last in spans)))
    return json.dumps(list(ranges(members)))


def _among(column: str, keys: Sequence[str] | None) -> tuple[str, tuple[str, ...]]:
    """A condition for few keys; many are read with all the others, which is faster."""
    if keys is None or len(keys) > 200:
        return "", ()
    return f" AND {column} IN ({', '.join('?' * len(keys))})", tuple(keys)


def _micros(moment: datetime | None) -> Any:
    return None if moment is None else round(moment.timestamp() * 1_000_000)


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)


def _maybe_time(micros: int | None) -> datetime | None:
    return None if micros is None else _time(micros)
