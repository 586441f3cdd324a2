"""What checks said of an asset's versions, one after another."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from materializers.database import Reading, Row, listed
from materializers.ledger_environments import chain
from materializers.ledger_rows import moment, partition_of
from materializers.records import Judged, Judgement

_NEWEST = """
SELECT v.id FROM attempts a CROSS JOIN versions v
WHERE v.attempt_id = a.id AND a.environment = ? AND a.asset = ? AND v.asset = ? ORDER BY a.id DESC LIMIT ?
"""
_JUDGED = """
SELECT v.id, v.slice, v.ordinal, v.made_at, v.schema, v.row_count, v.rejected, a.label,
    j.checks, j.verdicts, j.failing, j.judged_at, j.run_id
FROM judgements j JOIN versions v ON v.id = j.version_id JOIN attempts a ON a.id = v.attempt_id
WHERE j.version_id IN LISTED(?) AND j.environment IN LISTED(?) ORDER BY j.id
"""
_LAST = """
SELECT j.version_id, j.checks, j.verdicts, j.failing FROM judgements j
WHERE j.id IN (
    SELECT max(k.id) FROM judgements k
    WHERE k.version_id IN LISTED(?) AND k.environment IN LISTED(?) GROUP BY k.version_id
)
"""


_BY_HAND = """
SELECT DISTINCT version_id FROM publications WHERE environment = ? AND asset = ? AND kind = 'release'
"""


def judgements(db: Reading, environment: str, key: str, producer: str, limit: int) -> tuple[Judged, ...]:
    """What was said of the newest versions, in the order in which it was said."""
    environments = chain(db, environment)
    versions = [row["id"] for name in environments for row in db.rows(_NEWEST, (name, producer, key, limit))][
        :limit
    ]
    released = {row["version_id"] for name in environments for row in db.rows(_BY_HAND, (name, key))}
    rows = db.rows(_JUDGED, (listed(versions), listed(environments)))
    return tuple(_judged(row, released) for row in rows)


def last_judgements(db: Reading, environment: str, versions: Iterable[str]) -> dict[str, Judgement]:
    """By version, what was said of it last, as seen from an environment; without those of which nothing was."""
    rows = db.rows(_LAST, (listed(versions), listed(chain(db, environment))))
    return {row["version_id"]: judgement_of(row) for row in rows}


def judgement_of(row: Row) -> Judgement:
    """A row of ``judgements``."""
    verdicts = tuple(json.loads(row["verdicts"]))
    return Judgement(checks=row["checks"], verdicts=verdicts, failing=bool(row["failing"]))


def _judged(row: Row, released: Collection[str]) -> Judged:
    return Judged(
        version_id=row["id"],
        partition=partition_of(row),
        label=row["label"],
        made_at=moment(row["made_at"]),
        judged_at=moment(row["judged_at"]),
        run_id=row["run_id"],
        judgement=judgement_of(row),
        rejected=None if row["id"] in released else row["rejected"],
        schema=row["schema"],
        rows=row["row_count"],
    )
