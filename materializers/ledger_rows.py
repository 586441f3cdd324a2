"""Rows of the ledger as nouns, and the queries that fetch them."""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from graph.fingerprint import Basis
from graph.state import Attempt, Version
from materializers.ledger import AttemptRecord, Content, Made, Publication, RunRecord, StartedAttempt

POINTERS = """
SELECT v.*, p.ordinal, p.as_of AS seen_as_of, coalesce(p.ends, v.ends) AS seen_ends,
    j.checks, j.digest, j.failing, j.verdicts
FROM pointers p JOIN versions v ON v.id = p.version_id LEFT JOIN judgements j ON j.id = p.judgement
"""
VERSIONS = """
SELECT v.*, v.first AS ordinal, v.as_of AS seen_as_of, v.ends AS seen_ends, j.checks, j.digest, j.failing, j.verdicts
FROM versions v LEFT JOIN judgements j ON j.id = (SELECT max(id) FROM judgements WHERE version_id = v.id)
"""
LAST_ATTEMPTS = """
SELECT l.asset, l.ordinal, a.fingerprint, e.outcome, e.ended_at, e.reason, e.until,
    (SELECT j.checks FROM versions v JOIN judgements j ON j.version_id = v.id
     WHERE v.attempt_id = l.attempt_id AND v.asset = l.asset ORDER BY j.id LIMIT 1) AS checks
FROM last_attempts l JOIN attempts a ON a.id = l.attempt_id JOIN attempt_ends e ON e.attempt_id = l.attempt_id
WHERE l.environment = ?
"""
ATTEMPTS = """
SELECT a.*, e.ended_at, e.outcome, e.reason, e.error, e.output,
    (SELECT min(id) FROM versions v WHERE v.attempt_id = a.id) AS version_id
FROM attempts a LEFT JOIN attempt_ends e ON e.attempt_id = a.id
"""
RUNS = """
SELECT r.*, e.ended_at, e.outcome,
    EXISTS (SELECT 1 FROM cancellations c WHERE c.run_id = r.id) AS cancelled
FROM runs r LEFT JOIN run_ends e ON e.run_id = r.id
"""


def version_of(row: sqlite3.Row) -> Version:
    """What deciding needs of a row of `POINTERS` or `VERSIONS`."""
    return Version(
        id=row["id"],
        key=row["asset"],
        ordinal=row["ordinal"],
        fingerprint=row["fingerprint"],
        basis=Basis(code=row["code"], config=row["config"], resources=_loads(row["resources"])),
        inputs=_loads(row["inputs"]),
        data_version=row["data_version"],
        made_at=moment(row["made_at"]),
        as_of=maybe_moment(row["seen_as_of"]),
        ends=bool(row["seen_ends"]),
        checks=row["checks"] or "",
        verdicts=row["digest"] or "",
        failing=bool(row["failing"]),
    )


def content_of_row(row: sqlite3.Row) -> Content:
    """Where the value of a row of ``versions`` is."""
    return Content(
        data_version=row["data_version"],
        format=row["format"],
        address=row["address"],
        size=row["size"],
        rows=row["row_count"],
        schema=row["schema"],
    )


def attempt_of(row: sqlite3.Row) -> Attempt:
    """A row of `LAST_ATTEMPTS`."""
    return Attempt(
        fingerprint=row["fingerprint"],
        outcome=row["outcome"],
        ended_at=moment(row["ended_at"]),
        reason=row["reason"],
        until=maybe_moment(row["until"]),
        checks=row["checks"] or "",
    )


def attempt_record_of(row: sqlite3.Row) -> AttemptRecord:
    """A row of `ATTEMPTS`."""
    return AttemptRecord(
        id=row["id"],
        run_id=row["run_id"],
        key=row["asset"],
        ordinal=row["ordinal"],
        number=row["number"],
        fingerprint=row["fingerprint"],
        started_at=moment(row["started_at"]),
        ended_at=maybe_moment(row["ended_at"]),
        outcome=row["outcome"],
        reason=row["reason"] or "",
        error=row["error"] or "",
        output=row["output"] or "",
        version_id=row["version_id"],
    )


def _loads(text: str) -> Any:
    return {} if text == "{}" else json.loads(text)


def with_ordinal(partitions: str, ordinal: int) -> str:
    """A set of partitions, written as ascending JSON ranges, with one more.

    >>> with_ordinal("[[1, 2], [4, 4]]", 3), with_ordinal("[[1, 2]]", 9)
    ('[[1, 4]]', '[[1, 2], [9, 9]]')
    """
    spans: list[list[int]] = json.loads(partitions)
    at = bisect_right(spans, ordinal, key=lambda span: span[0])
    if at and ordinal <= spans[at - 1][1]:
        return partitions
    left = at > 0 and spans[at - 1][1] == ordinal - 1
    right = at < len(spans) and spans[at][0] == ordinal + 1
    first = spans[at - 1][0] if left else ordinal
    last = spans[at][1] if right else ordinal
    spans[at - left : at + right] = [[first, last]]
    return json.dumps(spans)


def conditions(
    alias: str, keys: Sequence[str] | None, ordinals: Mapping[str, Collection[int]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The conditions whose rows together are the wanted ones: one for whole assets, one for each that is not."""
    whole = None if keys is None else [key for key in keys if key not in ordinals]
    if whole is None or whole:
        where, parameters = among(f"{alias}.asset", whole)
        if ordinals:
            where += f" AND {alias}.asset NOT IN (SELECT value FROM json_each(?))"
            parameters = (*parameters, json.dumps(list(ordinals)))
        yield where, parameters
    for key in ordinals if keys is None else ordinals.keys() & set(keys):
        yield (
            f" AND {alias}.asset = ? AND {alias}.ordinal IN (SELECT value FROM json_each(?))",
            (key, json.dumps(list(ordinals[key]))),
        )


def among(column: str, keys: Sequence[str] | None) -> tuple[str, tuple[str, ...]]:
    """A condition for few keys; many are read with all the others, which is faster."""
    if keys is None or len(keys) > 200:
        return "", ()
    return f" AND {column} IN ({', '.join('?' * len(keys))})", tuple(keys)


def micros(at: datetime | None) -> Any:
    """A moment as the ledger writes it."""
    return None if at is None else round(at.timestamp() * 1_000_000)


def moment(written: int) -> datetime:
    """What `micros` wrote."""
    return datetime.fromtimestamp(written / 1_000_000, UTC)


def maybe_moment(written: int | None) -> datetime | None:
    """What `micros` wrote, if anything."""
    return None if written is None else moment(written)


def publication_of(row: sqlite3.Row) -> Publication:
    """A row of ``publications``."""
    return Publication(
        sequence=row["sequence"],
        environment=row["environment"],
        key=row["asset"],
        first=row["first"],
        last=row["last"],
        version_id=row["version_id"],
        kind=row["kind"],
        at=moment(row["at"]),
        run_id=row["run_id"],
    )


def run_record_of(row: sqlite3.Row, *, alive: bool) -> RunRecord:
    """A row of `RUNS`."""
    return RunRecord(
        id=row["id"],
        environment=row["environment"],
        selection=row["selection"],
        engine=row["engine"],
        started_at=moment(row["started_at"]),
        context=json.loads(row["context"]),
        plan=row["plan"],
        ended_at=maybe_moment(row["ended_at"]),
        outcome=row["outcome"],
        cancelled=bool(row["cancelled"]),
        alive=alive,
    )


def version_row(
    version_id: str, key: str, attempt: StartedAttempt, made: Made, now: datetime, rejected: str | None
) -> tuple[object, ...]:
    """A materialization as a row of ``versions``, in the order of its columns."""
    content, ordinal = made.content, attempt.claim.ordinal
    return (
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
        micros(made.as_of),
        int(made.ends),
        micros(now),
        micros(now) - micros(attempt.started_at),
        attempt.claim.run_id,
        attempt.id,
        rejected,
    )
