"""Environments: which there are, and what is visible in them where they have nothing of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from graph.partition_set import Partition
from materializers.database import Reading, Row, Writing, ranges
from materializers.ledger_rows import micros, moment, partition_of
from materializers.records import MAIN, Environment, LedgerError, UnknownEnvironment

_TABLES = (
    "pointers sightings asset_state asset_slices settlements unsettled last_attempts definitions claims switches"
).split()


def environments(db: Reading) -> tuple[Environment, ...]:
    """All that there are, by name."""
    rows = db.rows("SELECT * FROM environments WHERE dropped_at IS NULL ORDER BY name")
    return tuple(map(environment_of, rows))


def environment_of(row: Row) -> Environment:
    """A row of ``environments``."""
    return Environment(
        name=row["name"], parent=row["parent"], live=bool(row["live"]), created_at=moment(row["created_at"])
    )


def chain(db: Reading, name: str) -> tuple[str, ...]:
    """An environment with those that it reads from, the nearest first.

    Raises:
        UnknownEnvironment: it is not there.
    """
    found: list[str] = []
    at: str | None = name
    while at is not None and at != MAIN:
        rows = db.rows("SELECT parent FROM environments WHERE name = ? AND dropped_at IS NULL", (at,))
        if not rows:
            raise UnknownEnvironment(at, [one.name for one in environments(db)])
        found.append(at)
        at = rows[0]["parent"]
    return (*found, MAIN) if at == MAIN else tuple(found)


def visible(db: Reading, environment: str, key: str, partitions: Iterable[Partition]) -> dict[Partition, str]:
    """The ids of the versions that are visible in an environment, of those partitions that have one."""
    found: dict[Partition, str] = {}
    asked = set(partitions)
    for name in chain(db, environment):
        rows = db.rows(
            "SELECT p.slice, p.ordinal, p.version_id FROM RANGES(?) r CROSS JOIN pointers p"
            " WHERE p.environment = ? AND p.asset = ? AND p.slice = r.slice AND p.ordinal = r.first",
            (ranges(asked), name, key),
        )
        for row in rows:
            asked.discard(partition_of(row))
            if row["version_id"] is not None:
                found[partition_of(row)] = row["version_id"]
        if not asked:
            break
    return found


def create(db: Writing, name: str, parent: str | None, *, live: bool) -> Environment:
    """Make an environment."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        raise LedgerError(
            f"an environment cannot be called '{name}': give at most 63 letters, digits, '.', '_' and '-'"
        )
    if any(one.name == name for one in environments(db)):
        raise LedgerError(f"the environment '{name}' is there already; drop it first, or give another name")
    if parent is not None:
        chain(db, parent)
    db.execute(
        "INSERT INTO environments SELECT max(id) + 1, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS INTEGER),"
        " CAST(? AS BIGINT), (SELECT coalesce(max(sequence), 0) FROM publications), NULL, NULL FROM environments",
        (name, parent, int(live), micros(db.now)),
    )
    return Environment(name=name, parent=parent, live=live, created_at=db.now)


def drop(db: Writing, name: str) -> None:
    """Forget which versions are visible in an environment."""
    chain(db, name)
    if name == MAIN:
        raise LedgerError(f"the environment '{MAIN}' cannot be dropped: it is always there")
    children = [one.name for one in environments(db) if one.parent == name]
    if children:
        raise LedgerError(f"'{children[0]}' reads from the environment '{name}'; drop '{children[0]}' first")
    runs = db.rows(
        "SELECT r.id FROM leases l JOIN runs r ON r.id = l.run_id WHERE r.environment = ?", (name,)
    )
    if runs:
        raise LedgerError(
            f"the run '{runs[0]['id']}' lives in the environment '{name}'; wait, or cancel it:"
            f" assets runs cancel {runs[0]['id']}"
        )
    for table in _TABLES:
        db.execute(f"DELETE FROM {table} WHERE environment = ?", (name,))
    db.execute(
        "UPDATE environments SET dropped_at = ? WHERE name = ? AND dropped_at IS NULL", (micros(db.now), name)
    )


def note_first(db: Writing, environment: str, sequence: int) -> None:
    """Remember from which publication on an environment differs from its parent."""
    if environment != MAIN:
        db.execute(
            "UPDATE environments SET first = ? WHERE name = ? AND dropped_at IS NULL AND first IS NULL",
            (sequence, environment),
        )
