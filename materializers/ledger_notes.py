"""What the ledger remembers beside versions: the definitions that serve an environment, and dynamic partition keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from graph.fingerprint import Basis
from materializers.database import Reading, Writing, listed
from materializers.ledger_environments import chain
from materializers.ledger_rows import canonical, micros, moment
from materializers.records import Definition, DefinitionRecord
from materializers.serving import served_otherwise, to_record


def definitions(
    db: Reading, environment: str, keys: Iterable[str] | None = None
) -> dict[str, DefinitionRecord]:
    """By key, what an environment is served with."""
    chain(db, environment)
    among, values = ("", ()) if keys is None else (" AND asset IN LISTED(?)", (listed(keys),))
    rows = db.rows(f"SELECT * FROM definitions WHERE environment = ?{among}", (environment, *values))
    return {
        row["asset"]: DefinitionRecord(
            definition=Definition(
                basis=Basis(code=row["code"], config=row["config"], resources=json.loads(row["resources"])),
                checks=row["checks"],
            ),
            checkout=row["checkout"],
            at=moment(row["at"]),
            run_id=row["run_id"],
        )
        for row in rows
    }


def record_definitions(
    db: Writing,
    environment: str,
    found: Mapping[str, Definition],
    *,
    checkout: str,
    run_id: str,
    take_over: bool,
) -> Mapping[str, DefinitionRecord]:
    """Record what a checkout serves an environment with, unless another one serves it otherwise: that is answered."""
    on_record = definitions(db, environment, found)
    otherwise = {} if take_over else served_otherwise(found, on_record, checkout)
    if otherwise:
        return {key: theirs for key, (_, theirs) in otherwise.items()}
    db.executemany(
        "INSERT INTO definitions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (environment, asset) DO UPDATE SET"
        " code = excluded.code, config = excluded.config, resources = excluded.resources, checks = excluded.checks,"
        " checkout = excluded.checkout, at = excluded.at, run_id = excluded.run_id",
        [
            (
                environment,
                key,
                one.basis.code,
                one.basis.config,
                canonical(one.basis.resources),
                one.checks,
                checkout,
                micros(db.now),
                run_id,
            )
            for key, one in to_record(found, on_record).items()
        ],
    )
    return {}


def promote_definitions(db: Writing, source: str, target: str, keys: Iterable[str]) -> None:
    """What was promoted is served from now on as where it came from, so that nobody else undoes the promotion."""
    db.execute(
        "INSERT INTO definitions SELECT CAST(? AS TEXT), asset, code, config, resources, checks, checkout,"
        " CAST(? AS BIGINT), run_id FROM definitions WHERE environment = ? AND asset IN LISTED(?)"
        " ON CONFLICT (environment, asset) DO UPDATE SET code = excluded.code, config = excluded.config,"
        " resources = excluded.resources, checks = excluded.checks, checkout = excluded.checkout, at = excluded.at,"
        " run_id = excluded.run_id WHERE definitions.code <> excluded.code OR definitions.config <> excluded.config"
        " OR definitions.resources <> excluded.resources OR definitions.checks <> excluded.checks",
        (target, micros(db.now), source, listed(keys)),
    )


def dynamic_keys(db: Reading, name: str, as_of: datetime | None) -> tuple[str, ...]:
    """The keys of a dynamic partitioning, in the order in which they came."""
    until, values = ("", (name,)) if as_of is None else (" AND at <= ?", (name, micros(as_of)))
    rows = db.rows(
        "SELECT d.key FROM dynamic_keys d WHERE d.present = 1 AND d.id IN"
        f" (SELECT max(id) FROM dynamic_keys WHERE name = ?{until} GROUP BY key) ORDER BY d.id",
        values,
    )
    return tuple(row["key"] for row in rows)


def change_dynamic(db: Writing, name: str, keys: Iterable[str], *, present: bool) -> tuple[str, ...]:
    """Add or remove keys; answers those for which that is a change."""
    there = set(dynamic_keys(db, name, None))
    changed = tuple(key for key in dict.fromkeys(keys) if (key in there) != present)
    (last,) = db.rows("SELECT coalesce(max(id), 0) AS id FROM dynamic_keys")
    db.executemany(
        "INSERT INTO dynamic_keys VALUES (?, ?, ?, ?, ?)",
        [
            (number, name, key, int(present), micros(db.now))
            for number, key in enumerate(changed, start=last["id"] + 1)
        ],
    )
    return changed
