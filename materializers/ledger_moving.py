"""What moves pointers without a run: promotion, and what people do by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graph.partition_set import Partition, PartitionSet
from materializers.database import Writing, listed, ranges
from materializers.ledger_claims import Liveness
from materializers.ledger_environments import chain, visible
from materializers.ledger_fallthrough import state_of
from materializers.ledger_notes import promote_definitions
from materializers.ledger_publishing import Cause, Pointing, point
from materializers.ledger_rows import moment, partition_of
from materializers.ledger_tombstones import check_there
from materializers.records import Busy, LedgerError, Move, Moved


def busy(
    db: Writing, environment: str, key: str, partitions: Iterable[Partition], liveness: Liveness
) -> Busy | None:
    """Who has claimed one of some partitions, and lives."""
    rows = db.rows(
        "SELECT DISTINCT c.run_id, l.expires_at FROM RANGES(?) r CROSS JOIN claims c"
        " JOIN leases l ON l.run_id = c.run_id WHERE c.environment = ? AND c.asset = ? AND c.slice = r.slice"
        " AND c.ordinal = r.first AND c.held = 1 ORDER BY c.run_id",
        (ranges(partitions), environment, key),
    )
    for row in rows:
        ends = moment(row["expires_at"])
        if ends > db.now and not liveness.dead(row["run_id"], ends, db.now):
            return Busy(run_id=row["run_id"])
    return None


def promote(
    db: Writing,
    source: str,
    target: str,
    moves: Mapping[str, Mapping[Partition, Move]],
    *,
    run_id: str | None,
    liveness: Liveness,
) -> Moved | Busy | None:
    """Make visible in the target what the source shows: all or nothing."""
    pointings: list[Pointing] = []
    shown = state_of(db, source, moves)
    chain(db, target)
    for key, found in moves.items():
        held = busy(db, target, key, found, liveness)
        if held is not None:
            return held
        there = visible(db, target, key, found)
        here = shown.published(key, PartitionSet.of(found))
        for partition, move in found.items():
            version = here.get(partition)
            if there.get(partition) != move.was or (version.id if version else None) != move.version_id:
                return Moved()
            pointings.append(
                Pointing(
                    key=key,
                    partition=partition,
                    version_id=move.version_id,
                    data_version=version.data_version if version else None,
                    as_of=version.as_of if version else None,
                    ends=version.ends if version else None,
                    pin=shown.pin(key, partition),
                )
            )
    check_there(db, [one.version_id for one in pointings if one.version_id is not None])
    point(db, target, _judged(db, pointings), Cause(kind="promote", run_id=run_id, reason=f"from {source}"))
    promote_definitions(db, source, target, moves)
    return None


def withdraw(
    db: Writing,
    environment: str,
    key: str,
    partitions: PartitionSet,
    *,
    name: str,
    reason: str,
    liveness: Liveness,
) -> PartitionSet | Busy:
    """Make partitions invisible; answers those that were visible."""
    there = state_of(db, environment, [key]).shown(key, partitions)
    held = busy(db, environment, key, there, liveness)
    if held is not None:
        return held
    pointings = [Pointing(key=key, partition=one, version_id=None, data_version=None) for one in there]
    point(db, environment, pointings, Cause(kind="withdraw", name=name, reason=reason))
    return there


def point_by_hand(
    db: Writing,
    environment: str,
    key: str,
    versions: Mapping[Partition, str],
    *,
    cause: Cause,
    liveness: Liveness,
) -> Busy | None:
    """Make versions visible, whatever their verdicts; a rollback pins what it takes back."""
    rows = db.rows(
        "SELECT id, slice, ordinal, data_version, as_of FROM versions WHERE asset = ? AND id IN LISTED(?)",
        (key, listed(versions.values())),
    )
    there = {(partition_of(row), row["id"]): row for row in rows}
    for place in versions.items():
        if place not in there:
            raise LedgerError(
                f"the ledger has no version '{place[1]}' of this partition of asset '{key}';"
                f" `assets history {key}` shows what there is"
            )
    state = state_of(db, environment, [key])
    held = busy(db, environment, key, versions, liveness)
    if held is not None:
        return held
    check_there(db, versions.values())
    shown = state.published(key, PartitionSet.of(versions)) if cause.kind == "rollback" else {}
    pointings = []
    for (partition, version_id), row in there.items():
        now = shown.get(partition)
        pin = state.pin(key, partition) or (now.fingerprint if now else None)
        pointings.append(
            Pointing(
                key=key,
                partition=partition,
                version_id=version_id,
                data_version=row["data_version"],
                as_of=None if row["as_of"] is None else moment(row["as_of"]),
                pin=pin if cause.kind == "rollback" else None,
            )
        )
    point(db, environment, _judged(db, pointings), cause)
    return None


def _judged(db: Writing, pointings: Iterable[Pointing]) -> list[Pointing]:
    """With the last judgement of each version."""
    found = list(pointings)
    rows = db.rows(
        "SELECT version_id, max(id) AS id FROM judgements WHERE version_id IN LISTED(?) GROUP BY version_id",
        (listed(one.version_id for one in found if one.version_id is not None),),
    )
    numbers = {row["version_id"]: row["id"] for row in rows}
    return [one if one.version_id is None else one.judged(numbers.get(one.version_id)) for one in found]
