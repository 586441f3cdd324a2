"""Another key for an asset: its whole history follows, and the old key stays on record."""

from __future__ import annotations

import json

from materializers.database import Reading, Writing
from materializers.ledger_claims import Liveness, close_dead_runs
from materializers.ledger_rows import micros
from materializers.records import LedgerError

_TABLES = (
    "attempts",
    "last_attempts",
    "claims",
    "versions",
    "erasures",
    "verifications",
    "publications",
    "pointers",
    "sightings",
    "asset_state",
    "asset_slices",
    "settlements",
    "unsettled",
    "definitions",
    "switches",
    "effect_events",
    "effects",
    "effect_decisions",
)


def rename(db: Writing, old: str, new: str, liveness: Liveness) -> None:
    """Give an asset another key, wherever it is named."""
    close_dead_runs(db, liveness)
    if old == new:
        return
    if not db.rows("SELECT 1 AS found FROM attempts WHERE asset = ? LIMIT 1", (old,)):
        raise LedgerError(f"the ledger has no asset '{old}' to rename; `assets list` shows what there is")
    if db.rows("SELECT 1 AS found FROM attempts WHERE asset = ? LIMIT 1", (new,)):
        raise LedgerError(f"the ledger knows an asset '{new}' already; '{old}' cannot take its key")
    held = db.rows(
        "SELECT c.run_id FROM claims c JOIN leases l ON l.run_id = c.run_id WHERE c.asset = ? AND c.held = 1",
        (old,),
    )
    if held:
        raise LedgerError(f"the run '{held[0]['run_id']}' is making asset '{old}'; wait, or cancel that run")
    unfinished = db.rows(
        "SELECT d.occasion FROM effect_decisions d LEFT JOIN effects_finished f ON f.decision_id = d.id"
        " WHERE d.asset = ? AND f.decision_id IS NULL",
        (old,),
    )
    if unfinished:
        occasion = unfinished[0]["occasion"]
        raise LedgerError(
            f"asset '{old}' has not finished {occasion}, which the world outside knows by this key;"
            " `assets effects list --open` shows what there is"
        )
    for table in _TABLES:
        db.execute(f"UPDATE {table} SET asset = ? WHERE asset = ?", (new, old))
    _rename_lineage(db, old, new)
    db.execute("UPDATE aliases SET new = ? WHERE new = ?", (new, old))
    db.execute("DELETE FROM aliases WHERE old = ?", (new,))
    db.execute(
        "INSERT INTO aliases VALUES (?, ?, ?) ON CONFLICT (old) DO UPDATE SET new = excluded.new, at = excluded.at",
        (old, new, micros(db.now)),
    )


def _rename_lineage(db: Writing, old: str, new: str) -> None:
    named = json.dumps(old)
    rows = db.rows("SELECT id, lineage FROM versions WHERE lineage LIKE ?", (f"%{named}%",))
    moved = []
    for row in rows:
        lineage = {
            name: [new if key == old else key, *rest]
            for name, (key, *rest) in json.loads(row["lineage"]).items()
        }
        moved.append((json.dumps(lineage), row["id"]))
    db.executemany("UPDATE versions SET lineage = ? WHERE id = ?", moved)


def aliases(db: Reading) -> dict[str, str]:
    """The keys that were given up, with those that took their place."""
    return {row["old"]: row["new"] for row in db.rows("SELECT old, new FROM aliases")}
