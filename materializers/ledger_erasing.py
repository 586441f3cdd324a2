"""Taking rows out of versions that are kept, in the ledger's database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from graph.fingerprint import digest
from materializers.database import Database, Row, Writing, listed
from materializers.erasure_records import ErasureRecord, Remains
from materializers.ledger_claims import Liveness
from materializers.ledger_publishing import Cause, Pointing, point
from materializers.ledger_rows import (
    VERSIONS,
    materialization_of,
    maybe_moment,
    micros,
    moment,
    partition_of,
)
from materializers.records import Busy, Materialization, Moved


class SqlErasures:
    """See `materializers.erasure_records.Erasures`."""

    def __init__(self, database: Database, liveness: Liveness) -> None:
        self._database = database
        self._liveness = liveness

    def versions(self, key: str) -> Sequence[Materialization]:
        """See `Erasures`."""
        rows = self._database.rows(f"{VERSIONS} WHERE v.asset = ? ORDER BY v.id", (key,))
        return tuple(map(materialization_of, rows))

    def erase(
        self,
        key: str,
        remains: Mapping[str, Remains],
        *,
        without_samples: Iterable[str] = (),
        run_id: str,
        name: str,
        reason: str,
    ) -> frozenset[str] | Busy | Moved:
        """See `Erasures`."""
        with self._database.writing() as db:
            other = self._other_run(db, run_id)
            if other is not None:
                return Busy(run_id=other)
            rows = db.rows("SELECT id, address FROM versions WHERE id IN LISTED(?)", (listed(remains),))
            if {row["id"]: row["address"] for row in rows} != {
                one: each.was for one, each in remains.items()
            }:
                return Moved()
            _rename(db, remains)
            _publish(db, key, remains, Cause(kind="erase", run_id=run_id, name=name, reason=reason))
            _drop_samples(db, {*remains, *without_samples})
            db.execute(
                "INSERT INTO erasures SELECT coalesce(max(id), 0) + 1, CAST(? AS TEXT), CAST(? AS INTEGER),"
                " CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT) FROM erasures",
                (
                    key,
                    len(remains),
                    sum(each.rows for each in remains.values()),
                    name,
                    reason,
                    micros(db.now),
                ),
            )
            return _bury(db, remains)

    def _other_run(self, db: Writing, run_id: str) -> str | None:
        for row in db.rows("SELECT run_id, expires_at FROM leases WHERE run_id <> ?", (run_id,)):
            if not self._liveness.dead(row["run_id"], moment(row["expires_at"]), db.now):
                found: str = row["run_id"]
                return found
        return None

    def unfinished(self) -> frozenset[str]:
        """See `Erasures`."""
        rows = self._database.rows("SELECT address FROM tombstones WHERE state = 'removing'")
        return frozenset(row["address"] for row in rows)

    def sharing(self, addresses: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """See `Erasures`."""
        found: dict[str, set[str]] = {}
        for row in self._database.rows(
            "SELECT DISTINCT address, asset FROM versions WHERE address IN LISTED(?)", (listed(addresses),)
        ):
            found.setdefault(row["address"], set()).add(row["asset"])
        return {address: frozenset(keys) for address, keys in found.items()}

    def records(self, key: str) -> Sequence[ErasureRecord]:
        """See `Erasures`."""
        rows = self._database.rows("SELECT * FROM erasures WHERE asset = ? ORDER BY id DESC", (key,))
        return tuple(
            ErasureRecord(
                key=row["asset"],
                versions=row["versions"],
                rows=row["row_count"],
                name=row["name"],
                reason=row["reason"],
                at=moment(row["at"]),
            )
            for row in rows
        )


def _rename(db: Writing, remains: Mapping[str, Remains]) -> None:
    """Let the versions name what remains of them."""
    db.executemany(
        "UPDATE versions SET data_version = ?, address = ?, size = ?, row_count = ?, schema = ? WHERE id = ?",
        [
            (
                one.content.data_version,
                one.content.address,
                one.content.size,
                one.content.rows,
                one.content.schema,
                version_id,
            )
            for version_id, one in remains.items()
        ],
    )


def _publish(db: Writing, key: str, remains: Mapping[str, Remains], cause: Cause) -> None:
    """Whatever shows one of the versions shows it anew, so that what reads it sees that it has moved."""
    by_environment: dict[str, list[Row]] = {}
    for row in db.rows(
        "SELECT * FROM pointers WHERE asset = ? AND version_id IN LISTED(?)", (key, listed(remains))
    ):
        by_environment.setdefault(row["environment"], []).append(row)
    for environment, rows in by_environment.items():
        point(db, environment, [_pointing(key, row, remains) for row in rows], cause)


def _pointing(key: str, row: Row, remains: Mapping[str, Remains]) -> Pointing:
    return Pointing(
        key=key,
        partition=partition_of(row),
        version_id=row["version_id"],
        data_version=remains[row["version_id"]].content.data_version,
        as_of=maybe_moment(row["as_of"]),
        ends=None if row["ends"] is None else bool(row["ends"]),
        judgement=row["judgement"],
        pin=row["pin"],
    )


def _drop_samples(db: Writing, version_ids: Iterable[str]) -> None:
    """Verdicts show rows that failed: not any more."""
    changed = []
    for row in db.rows(
        "SELECT id, verdicts FROM judgements WHERE version_id IN LISTED(?)", (listed(version_ids),)
    ):
        verdicts = [_without_sample(text) for text in json.loads(row["verdicts"])]
        changed.append((json.dumps(verdicts), digest(*verdicts), row["id"]))
    db.executemany("UPDATE judgements SET verdicts = ?, digest = ? WHERE id = ?", changed)


def _without_sample(text: str) -> str:
    verdict = json.loads(text)
    for field in ("sample", "observed"):
        if verdict.get(field):
            verdict[field] = [] if field == "sample" else None
    return json.dumps(verdict, sort_keys=True, separators=(",", ":"))


def _bury(db: Writing, remains: Mapping[str, Remains]) -> frozenset[str]:
    """Mark the bytes that no version names any more as being removed; what remains is needed."""
    db.execute(
        "DELETE FROM tombstones WHERE address IN LISTED(?)",
        (listed(one.content.address for one in remains.values() if one.content.address),),
    )
    old = {one.was for one in remains.values()}
    kept = db.rows("SELECT DISTINCT address FROM versions WHERE address IN LISTED(?)", (listed(old),))
    going = frozenset(old - {row["address"] for row in kept})
    db.executemany(
        "INSERT INTO tombstones VALUES (?, 'removing', ?) ON CONFLICT (address) DO UPDATE SET"
        " state = 'removing', at = excluded.at",
        [(address, micros(db.now)) for address in sorted(going)],
    )
    return going
