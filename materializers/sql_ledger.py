"""The ledger in a SQL database: one body of SQL, carried out by SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from graph.estimate import Measured
from graph.partition_set import Partition, PartitionSet
from graph.state import Outcome, Settlement, Version
from materializers import ledger_claims as claims
from materializers import ledger_environments as environments
from materializers import ledger_moving as moving
from materializers import ledger_notes as notes
from materializers import ledger_publishing as publishing
from materializers import ledger_renaming as renaming
from materializers.database import Clock, Database, Reading, Row, host_clock
from materializers.journal import Journal
from materializers.ledger import (
    LEASE,
    MAIN,
    AttemptRecord,
    Busy,
    ClaimLost,
    Content,
    Definition,
    DefinitionRecord,
    Environment,
    Judged,
    Judgement,
    LedgerError,
    LedgerState,
    Materialization,
    Move,
    Moved,
    Product,
    Publication,
    RunRecord,
    Seen,
    StartedAttempt,
    Wanted,
)
from materializers.ledger_effects import SqlEffects
from materializers.ledger_erasing import SqlErasures
from materializers.ledger_fallthrough import state_of
from materializers.ledger_garbage import SqlGarbage
from materializers.ledger_journal import journal_of, switch
from materializers.ledger_measures import measured
from materializers.ledger_outbox import SqlOutbox
from materializers.ledger_past import rebuild
from materializers.ledger_rows import (
    ATTEMPTS,
    RUNS,
    VERSIONS,
    attempt_record_of,
    content_of,
    materialization_of,
    micros,
    moment,
    publication_of,
    run_record_of,
)
from materializers.ledger_schema import prepare
from materializers.ledger_verdicts import judgements, last_judgements
from materializers.liveness import RunLocks


class SqlLedger:
    """See `materializers.ledger.Ledger`; made by `open_sqlite_ledger` and `open_postgres_ledger`."""

    def __init__(self, database: Database, liveness: claims.Liveness, lease: timedelta) -> None:
        self.database = database
        self.lease = lease
        self.effects = SqlEffects(database, liveness)
        self.erasures = SqlErasures(database, liveness)
        self.garbage = SqlGarbage(database, liveness)
        self.outbox = SqlOutbox(database, lease)
        self._liveness = liveness

    # Runs

    def begin_run(self, run: RunRecord) -> tuple[AttemptRecord, ...]:
        """See `Ledger`."""
        with self.database.writing() as db:
            self._liveness.hold(run.id)
            claims.start_run(db, run, self.lease)
            return claims.close_dead_runs(db, self._liveness)

    def end_run(self, run_id: str, outcome: str) -> None:
        """See `Ledger`."""
        try:
            with self.database.writing() as db:
                claims.close_run(db, run_id, outcome, "the run was stopped")
        finally:
            self._liveness.release(run_id)

    def cancel_run(self, run_id: str) -> bool:
        """See `Ledger`."""
        run = self.run(run_id)
        if not run.alive:
            return False
        with self.database.writing() as db:
            db.execute("INSERT INTO cancellations VALUES (?, ?)", (run.id, micros(db.now)))
        return True

    def cancelled(self, run_id: str) -> bool:
        """See `Ledger`."""
        return bool(self.database.rows("SELECT at FROM cancellations WHERE run_id = ?", (run_id,)))

    def renew(self, run_id: str) -> None:
        """See `Ledger`."""
        with suppress(LedgerError), self.database.writing() as db:
            claims.renew(db, run_id, self.lease)

    # Attempts

    def begin(
        self,
        environment: str,
        key: str,
        wanted: Mapping[Partition, Wanted],
        *,
        run_id: str,
        number: int,
        seen: int | None = None,
    ) -> tuple[StartedAttempt, ...] | Busy | Moved:
        """See `Ledger`."""
        with self.database.writing() as db:
            if not claims.renew(db, run_id, self.lease):
                raise ClaimLost(
                    f"asset '{key}' cannot be claimed by run '{run_id}': it has ended, or was taken for dead when it"
                    " gave no sign of life; run again"
                )
            return claims.claim(
                db,
                environment,
                key,
                wanted,
                environments.visible(db, environment, key, wanted),
                run_id=run_id,
                number=number,
                liveness=self._liveness,
                seen=seen,
            )

    def publish(
        self,
        products: Sequence[Product],
        *,
        output: str = "",
        kind: Literal["publish", "observe"] = "publish",
        name: str | None = None,
        reason: str | None = None,
    ) -> tuple[Mapping[str, str], ...]:
        """See `Ledger`."""
        if not products:
            return ()
        with self.database.writing() as db:
            return publishing.publish(db, products, output=output, kind=kind, name=name, reason=reason)

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
        ending = publishing.Ending(
            attempt=attempt, outcome=outcome, reason=reason, error=error, until=until, output=output
        )
        with self.database.writing() as db:
            publishing.end(db, [ending])

    def adopt(
        self, attempt: StartedAttempt, version_id: str, as_of: datetime | None, *, ends: bool | None = None
    ) -> None:
        """See `Ledger`."""
        with self.database.writing() as db:
            publishing.adopt(db, attempt, version_id, as_of, ends=ends)

    def verify(self, environment: str, seen: Sequence[Seen], run_id: str) -> None:
        """See `Ledger`."""
        if seen:
            with self.database.writing() as db:
                publishing.verify(db, environment, seen, run_id)

    def judge(self, environment: str, version: Version, judgement: Judgement, run_id: str) -> None:
        """See `Ledger`."""
        with self.database.writing() as db:
            publishing.judge(db, environment, version, judgement, run_id)

    def settle(self, environment: str, settlements: Mapping[str, Settlement]) -> None:
        """See `Ledger`."""
        if settlements:
            with self.database.writing() as db:
                publishing.settle(db, environment, settlements)

    # Environments

    def environments(self) -> tuple[Environment, ...]:
        """See `Ledger`."""
        with self.database.reading() as db:
            return environments.environments(db)

    def own_keys(self, environment: str) -> frozenset[str]:
        """See `Ledger`."""
        with self.database.reading() as db:
            environments.chain(db, environment)
            rows = db.rows("SELECT asset FROM asset_state WHERE environment = ?", (environment,))
            return frozenset(row["asset"] for row in rows)

    def create_environment(self, name: str, *, parent: str | None = MAIN, live: bool = False) -> Environment:
        """See `Ledger`."""
        with self.database.writing() as db:
            return environments.create(db, name, parent, live=live)

    def drop_environment(self, name: str) -> None:
        """See `Ledger`."""
        with self.database.writing() as db:
            environments.drop(db, name)

    def promote(
        self,
        source: str,
        target: str,
        moves: Mapping[str, Mapping[Partition, Move]],
        *,
        run_id: str | None = None,
    ) -> Moved | Busy | None:
        """See `Ledger`."""
        with self.database.writing() as db:
            return moving.promote(db, source, target, moves, run_id=run_id, liveness=self._liveness)

    def withdraw(
        self, environment: str, key: str, partitions: PartitionSet, *, name: str, reason: str
    ) -> PartitionSet | Busy:
        """See `Ledger`."""
        with self.database.writing() as db:
            return moving.withdraw(
                db, environment, key, partitions, name=name, reason=reason, liveness=self._liveness
            )

    def point(
        self,
        environment: str,
        key: str,
        partition: Partition,
        version_id: str,
        *,
        kind: Literal["rollback", "release"],
        name: str,
        reason: str,
    ) -> Busy | None:
        """See `Ledger`."""
        return self.point_each(environment, key, {partition: version_id}, kind=kind, name=name, reason=reason)

    def point_each(
        self,
        environment: str,
        key: str,
        versions: Mapping[Partition, str],
        *,
        kind: Literal["rollback", "release"],
        name: str,
        reason: str,
    ) -> Busy | None:
        """See `Ledger`."""
        with self.database.writing() as db:
            return moving.point_by_hand(
                db,
                environment,
                key,
                versions,
                cause=publishing.Cause(kind=kind, name=name, reason=reason),
                liveness=self._liveness,
            )

    def rebuild(self) -> None:
        """See `Ledger`."""
        with self.database.writing() as db:
            rebuild(db)

    def definitions(
        self, environment: str, keys: Iterable[str] | None = None
    ) -> Mapping[str, DefinitionRecord]:
        """See `Ledger`."""
        with self.database.reading() as db:
            return notes.definitions(db, environment, keys)

    def record_definitions(
        self,
        environment: str,
        definitions: Mapping[str, Definition],
        *,
        checkout: str,
        run_id: str,
        take_over: bool = True,
    ) -> Mapping[str, DefinitionRecord]:
        """See `Ledger`."""
        if not definitions:
            return {}
        with self.database.writing() as db:
            return notes.record_definitions(
                db, environment, definitions, checkout=checkout, run_id=run_id, take_over=take_over
            )

    def dynamic_keys(self, name: str, *, as_of: datetime | None = None) -> tuple[str, ...]:
        """See `Ledger`."""
        with self.database.reading() as db:
            return notes.dynamic_keys(db, name, as_of)

    def add_dynamic(self, name: str, keys: Iterable[str]) -> tuple[str, ...]:
        """See `Ledger`."""
        with self.database.writing() as db:
            return notes.change_dynamic(db, name, keys, present=True)

    def remove_dynamic(self, name: str, keys: Iterable[str]) -> tuple[str, ...]:
        """See `Ledger`."""
        with self.database.writing() as db:
            return notes.change_dynamic(db, name, keys, present=False)

    def switch_automation(self, environment: str, keys: Iterable[str], *, on: bool) -> tuple[str, ...]:
        """See `Ledger`."""
        with self.database.writing() as db:
            return switch(db, environment, keys, on=on)

    # Reading

    @contextmanager
    def state(
        self, environment: str, keys: Iterable[str] | None = None, *, as_of: datetime | None = None
    ) -> Iterator[LedgerState]:
        """See `Ledger`."""
        with self.database.reading() as db:
            yield state_of(db, environment, keys, as_of)

    @contextmanager
    def journal(self, environment: str, keys: Iterable[str] | None = None) -> Iterator[Journal]:
        """See `Ledger`."""
        with self.database.reading() as db:
            yield journal_of(db, environment, keys, self._liveness)

    def content(self, version_id: str) -> Content:
        """See `Ledger`."""
        rows = self.database.rows("SELECT * FROM versions WHERE id = ?", (version_id,))
        return content_of(_only(rows, version_id))

    def materialization(self, version_id: str, *, environment: str | None = None) -> Materialization:
        """See `Ledger`."""
        with self.database.reading() as db:
            found = materialization_of(
                _only(db.rows(f"{VERSIONS} WHERE v.id = ?", (version_id,)), version_id)
            )
            if environment is None:
                return found
            return replace(found, judgement=last_judgements(db, environment, [version_id]).get(version_id))

    def judgements(
        self, key: str, *, environment: str, producer: str | None = None, limit: int = 400
    ) -> tuple[Judged, ...]:
        """See `Ledger`."""
        with self.database.reading() as db:
            return judgements(db, environment, key, producer or key, limit)

    def last_judgements(self, versions: Iterable[str], *, environment: str) -> Mapping[str, Judgement]:
        """See `Ledger`."""
        with self.database.reading() as db:
            return last_judgements(db, environment, versions)

    def history(self, key: str, *, environment: str, limit: int = 50) -> tuple[AttemptRecord, ...]:
        """See `Ledger`."""
        rows = self.database.rows(
            f"{ATTEMPTS} WHERE a.environment = ? AND a.asset = ? ORDER BY a.id DESC LIMIT ?",
            (environment, key, limit),
        )
        return tuple(map(attempt_record_of, rows))

    def publications(self, key: str, *, environment: str, limit: int = 50) -> tuple[Publication, ...]:
        """See `Ledger`."""
        rows = self.database.rows(
            "SELECT * FROM publications WHERE environment = ? AND asset = ? ORDER BY sequence DESC LIMIT ?",
            (environment, key, limit),
        )
        return tuple(map(publication_of, rows))

    def runs(self, *, limit: int = 20) -> tuple[RunRecord, ...]:
        """See `Ledger`."""
        with self.database.reading() as db:
            rows = db.rows(f"{RUNS} ORDER BY r.started_at DESC, r.id DESC LIMIT ?", (limit,))
            return tuple(self._run_record(db, row) for row in rows)

    def run(self, run_id: str) -> RunRecord:
        """See `Ledger`."""
        with self.database.reading() as db:
            rows = db.rows(
                f"{RUNS} WHERE substr(r.id, 1, CAST(? AS INTEGER)) = ? ORDER BY r.id LIMIT 2",
                (len(run_id), run_id),
            )
            if not rows:
                raise LedgerError(f"there is no run '{run_id}'; `assets runs list` shows what there is")
            if len(rows) > 1 and rows[0]["id"] != run_id:
                raise LedgerError(f"'{run_id}' begins the ids of several runs; give more of it")
            return self._run_record(db, rows[0])

    def _run_record(self, db: Reading, row: Row) -> RunRecord:
        ends = row["expires_at"]
        alive = ends is not None and not self._liveness.dead(row["id"], moment(ends), db.now)
        return run_record_of(row, alive=alive)

    def attempts_of(self, run_id: str) -> tuple[AttemptRecord, ...]:
        """See `Ledger`."""
        rows = self.database.rows(f"{ATTEMPTS} WHERE a.run_id = ? ORDER BY a.id", (run_id,))
        return tuple(map(attempt_record_of, rows))

    def measured(self, keys: Iterable[str]) -> Mapping[str, Sequence[Measured]]:
        """See `Ledger`."""
        with self.database.reading() as db:
            return measured(db, keys)

    def rename(self, old: str, new: str) -> None:
        """See `Ledger`."""
        with self.database.writing() as db:
            renaming.rename(db, old, new, self._liveness)

    def aliases(self) -> Mapping[str, str]:
        """See `Ledger`."""
        with self.database.reading() as db:
            return renaming.aliases(db)

    def addresses(self) -> frozenset[str]:
        """See `Ledger`."""
        rows = self.database.rows("SELECT DISTINCT address FROM versions WHERE address IS NOT NULL")
        return frozenset(row["address"] for row in rows)

    def close(self) -> None:
        """See `Ledger`."""
        self._liveness.close()
        self.database.close()


def _only(rows: Sequence[Row], version_id: str) -> Row:
    if not rows:
        raise LedgerError(f"the ledger has no version '{version_id}'")
    return rows[0]


def open_sqlite_ledger(
    path: Path | None, *, fsync: bool = False, clock: Clock = host_clock, lease: timedelta = LEASE
) -> SqlLedger:
    """The ledger in one SQLite file, for any number of threads and processes of one host.

    A run holds an operating-system lock on a file of its own while it lives, so that the claims of a killed run are
    free at once and not only when their lease ends.

    Args:
        path: None for a ledger that goes when it is closed, for notebooks and tests.
        fsync: every commit waits for the disk, so that it survives a power failure and not only a kill.
        clock: the ledger's clock.

    Raises:
        LedgerError: it cannot be opened, is no ledger, or has the schema of another version of this program.
    """
    from materializers.sqlite_database import SqliteDatabase

    database = SqliteDatabase(path, fsync=fsync, clock=clock)
    return _opened(database, RunLocks(path.with_name(path.name + ".runs") if path else None), lease)


def open_postgres_ledger(
    url: str, *, schema: str = "assets", clock: Clock | None = None, lease: timedelta = LEASE
) -> SqlLedger:
    """The ledger in a schema of a PostgreSQL database, for any number of hosts.

    Args:
        url: ``postgresql://user:password@host:port/database``.
        schema: made if it is not there.
        clock: the ledger's clock; otherwise the server's.

    Raises:
        LedgerError: it cannot be reached or opened, or has the schema of another version of this program.
    """
    try:
        from materializers.postgres_database import PostgresDatabase
    except ImportError as error:
        raise LedgerError(
            "a ledger on PostgreSQL needs psycopg: pip install 'prefect-asset-graph[postgres]'"
        ) from error
    return _opened(PostgresDatabase(url, schema=schema, clock=clock), claims.Leases(), lease)


def _opened(database: Database, liveness: claims.Liveness, lease: timedelta) -> SqlLedger:
    try:
        prepare(database)
    except BaseException:
        database.close()
        raise
    return SqlLedger(database, liveness, lease)
