"""Runs and their claims: who may publish which partition, and who is dead.

A run has a lease, which its heartbeat renews; a claim lives as long as the lease of its run, unless it is given back
before. Every claim of a partition has a higher token than the one before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from graph.partition_set import Partition
from materializers.database import Writing, ranges
from materializers.ledger_environments import chain
from materializers.ledger_rows import ATTEMPTS, attempt_record_of, micros, moment, partition_of, plain
from materializers.records import (
    AttemptRecord,
    Busy,
    Claim,
    ClaimLost,
    Moved,
    RunRecord,
    StartedAttempt,
    Wanted,
)


class Liveness(Protocol):
    """How one finds out that a run is dead."""

    def hold(self, run_id: str) -> None:
        """Show from now on that this run lives."""

    def release(self, run_id: str) -> None:
        """The run has ended."""

    def dead(self, run_id: str, lease_ends: datetime, now: datetime) -> bool:
        """Whether a run that has not ended will never do so."""

    def close(self) -> None:
        """Give up whatever shows that runs live."""


class Leases:
    """Where runs are on several hosts, one is dead when its lease has run out."""

    def hold(self, run_id: str) -> None:
        """See `Liveness`."""

    def release(self, run_id: str) -> None:
        """See `Liveness`."""

    def dead(self, run_id: str, lease_ends: datetime, now: datetime) -> bool:
        """See `Liveness`."""
        return lease_ends <= now

    def close(self) -> None:
        """See `Liveness`."""


def start_run(db: Writing, run: RunRecord, lease: timedelta) -> None:
    """Record that a run starts, with its lease."""
    chain(db, run.environment)
    db.execute(
        "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            run.id,
            run.environment,
            plain(run.selection),
            run.engine,
            micros(run.started_at),
            json.dumps(dict(run.context)),
            plain(run.plan),
        ),
    )
    now = micros(db.now)
    db.execute("INSERT INTO leases VALUES (?, ?, ?)", (run.id, now, micros(db.now + lease)))


def close_dead_runs(db: Writing, liveness: Liveness) -> tuple[AttemptRecord, ...]:
    """End every run that is dead; answers the attempts that it left open."""
    found: list[AttemptRecord] = []
    for row in db.rows("SELECT run_id, expires_at FROM leases"):
        if liveness.dead(row["run_id"], moment(row["expires_at"]), db.now):
            found.extend(close_run(db, row["run_id"], "interrupted", "the run was killed"))
            liveness.release(row["run_id"])
    return tuple(found)


def close_run(db: Writing, run_id: str, outcome: str, why: str) -> tuple[AttemptRecord, ...]:
    """End a run with the attempts that it left open, and free its claims; answers those attempts."""
    now = micros(db.now)
    rows = db.rows(f"{ATTEMPTS} WHERE a.run_id = ? AND e.attempt_id IS NULL ORDER BY a.id", (run_id,))
    db.executemany(
        "INSERT INTO attempt_ends VALUES (?, ?, 'interrupted', ?, '', NULL, '')",
        [(row["id"], now, why) for row in rows],
    )
    db.execute("UPDATE claims SET held = 0 WHERE run_id = ? AND held = 1", (run_id,))
    db.execute("DELETE FROM leases WHERE run_id = ?", (run_id,))
    db.execute(
        "INSERT INTO run_ends VALUES (?, ?, ?) ON CONFLICT (run_id) DO NOTHING", (run_id, now, outcome)
    )
    return tuple(attempt_record_of(row) for row in rows)


def renew(db: Writing, run_id: str, lease: timedelta) -> bool:
    """Give a run a whole lease from now on; False when it has ended."""
    until = micros(db.now + lease)
    return db.execute("UPDATE leases SET expires_at = ? WHERE run_id = ?", (until, run_id)) > 0


def claim(
    db: Writing,
    environment: str,
    key: str,
    wanted: Mapping[Partition, Wanted],
    visible: Mapping[Partition, str],
    *,
    run_id: str,
    number: int,
    liveness: Liveness,
    seen: int | None = None,
) -> tuple[StartedAttempt, ...] | Busy | Moved:
    """Claim partitions together and start an attempt at each, or nothing of it.

    Args:
        visible: the version of each partition that has one.
        seen: the last publication that was known when it was decided what goes in; otherwise the last that there is.
    """
    tokens = dict.fromkeys(wanted, 0)
    held = db.rows(
        "SELECT c.slice, c.ordinal, c.token, c.run_id, c.held, coalesce(l.expires_at, 0) AS expires_at"
        " FROM RANGES(?) r CROSS JOIN claims c LEFT JOIN leases l ON l.run_id = c.run_id"
        " WHERE c.environment = ? AND c.asset = ? AND c.slice = r.slice AND c.ordinal = r.first",
        (ranges(wanted), environment, key),
    )
    for row in held:
        holder, ends = row["run_id"], moment(row["expires_at"])
        free = not row["held"] or holder == run_id or ends <= db.now or liveness.dead(holder, ends, db.now)
        if not free:
            return Busy(run_id=holder)
        tokens[partition_of(row)] = row["token"]
    if any(visible.get(partition) != each.was for partition, each in wanted.items()):
        return Moved()
    (last,) = db.rows("SELECT coalesce(max(id), 0) AS id FROM attempts")
    started = tuple(
        StartedAttempt(
            id=last["id"] + place,
            claim=Claim(
                environment=environment,
                key=key,
                partition=partition,
                token=tokens[partition] + 1,
                run_id=run_id,
            ),
            number=number,
            fingerprint=each.fingerprint,
            started_at=db.now,
        )
        for place, (partition, each) in enumerate(wanted.items(), start=1)
    )
    _record(db, started, wanted, _seen(db, seen))
    return started


def _seen(db: Writing, seen: int | None) -> tuple[int, int]:
    """The last publication that an attempt knows of, and the last moment at which there was no later one."""
    now = micros(db.now)
    if seen is None:
        (last,) = db.rows("SELECT coalesce(max(sequence), 0) AS sequence FROM publications")
        return last["sequence"], now
    later = db.rows("SELECT at FROM publications WHERE sequence > ? ORDER BY sequence LIMIT 1", (seen,))
    return seen, min(now, later[0]["at"]) if later else now


def _record(
    db: Writing,
    started: Sequence[StartedAttempt],
    wanted: Mapping[Partition, Wanted],
    seen: tuple[int, int],
) -> None:
    now = micros(db.now)
    db.executemany(
        "INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT (environment, asset, slice, ordinal)"
        " DO UPDATE SET token = excluded.token, run_id = excluded.run_id, held = 1",
        [
            (one.claim.environment, one.claim.key, *one.claim.partition, one.claim.token, one.claim.run_id)
            for one in started
        ],
    )
    db.executemany(
        "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                one.id,
                one.claim.run_id,
                one.claim.environment,
                one.claim.key,
                *one.claim.partition,
                plain(wanted[one.claim.partition].label),
                one.number,
                one.claim.token,
                one.fingerprint,
                now,
                *seen,
            )
            for one in started
        ],
    )


def held(db: Writing, claims: Iterable[Claim]) -> frozenset[Claim]:
    """Those of some claims that nobody took over, and that were not given back."""
    by_asset: dict[tuple[str, str], dict[tuple[Partition, int, str], Claim]] = {}
    for one in claims:
        by_asset.setdefault((one.environment, one.key), {})[one.partition, one.token, one.run_id] = one
    found: list[Claim] = []
    for (environment, key), expected in by_asset.items():
        rows = db.rows(
            "SELECT c.slice, c.ordinal, c.token, c.run_id FROM RANGES(?) r CROSS JOIN claims c WHERE c.environment = ?"
            " AND c.asset = ? AND c.slice = r.slice AND c.ordinal = r.first AND c.held = 1",
            (ranges(mark[0] for mark in expected), environment, key),
        )
        marks = {(partition_of(row), row["token"], row["run_id"]) for row in rows}
        found.extend(one for mark, one in expected.items() if mark in marks)
    return frozenset(found)


def check_held(db: Writing, claims: Sequence[Claim]) -> None:
    """That nobody took the claims over.

    Raises:
        ClaimLost: somebody did, or the run has ended.
    """
    for lost in set(claims) - held(db, claims):
        raise ClaimLost(
            f"asset '{lost.key}' is no longer this run's to publish (its claim was taken over, or the run has ended);"
            " the result is discarded"
        )


def give_back(db: Writing, claims: Iterable[Claim]) -> None:
    """Free claims that are held."""
    db.executemany(
        "UPDATE claims SET held = 0 WHERE environment = ? AND asset = ? AND slice = ? AND ordinal = ? AND token = ?",
        [(one.environment, one.key, *one.partition, one.token) for one in claims],
    )
