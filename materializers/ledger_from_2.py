"""From schema 2 to 3: partitions were bare ordinals, and only partitioned assets had a row of their own.

Schema 2 was SQLite's alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from graph.partition_set import PartitionSet
from materializers.database import Writing
from materializers.ledger_past import count_again
from materializers.ledger_rows import canonical, lineage_text, partition_of
from materializers.records import Read

_TABLES = (
    "schema_version runs run_ends cancellations attempts attempt_ends last_attempts versions judgements verifications"
    " publications pointers asset_state claims"
).split()
_INDEXES = (
    "attempts_of_asset attempts_of_run versions_of_asset versions_of_attempt judgements_of_version"
    " publications_of_asset claims_of_run"
).split()


def from_2(db: Writing, make: Callable[[Writing], None], copy: Callable[[Writing], None]) -> None:
    """Move every row into the tables of schema 3; ``make`` makes them, and ``copy`` copies all that is the same."""
    for index in _INDEXES:
        db.execute(f"DROP INDEX {index}")
    for table in _TABLES:
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    make(db)
    copy(db)
    _order_resources(db)
    _widen_lineage(db)
    count_again(db)
    for table in _TABLES:
        db.execute(f"DROP TABLE old_{table}")


def _order_resources(db: Writing) -> None:
    """Equal bases have equal texts."""
    found = [row["resources"] for row in db.rows("SELECT DISTINCT resources FROM versions")]
    moved = [(canonical(json.loads(text)), text) for text in found]
    db.executemany("UPDATE versions SET resources = ? WHERE resources = ?", moved)


def _widen_lineage(db: Writing) -> None:
    """Lineage names the partitions that were read, and the digest of their versions."""
    places = {row["id"]: partition_of(row) for row in db.rows("SELECT id, slice, ordinal FROM versions")}
    moved = []
    for row in db.rows("SELECT id, inputs, lineage FROM versions"):
        inputs = json.loads(row["inputs"])
        lineage = {
            name: Read(
                key=key,
                partitions=PartitionSet.of(places[one] for one in ids if one in places),
                digest=inputs.get(name, ""),
                versions=tuple(ids),
            )
            for name, (key, ids) in json.loads(row["lineage"]).items()
        }
        moved.append((lineage_text(lineage), row["id"]))
    db.executemany("UPDATE versions SET lineage = ? WHERE id = ?", moved)
