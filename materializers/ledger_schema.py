"""The tables of the ledger: made where there are none, and brought from older schemas to today's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from materializers.database import Database, Reading, Writing
from materializers.ledger_from_2 import from_2
from materializers.records import LedgerError


def _carry_out(file: str, db: Writing) -> None:
    for statement in Path(__file__).with_name(file).read_text("utf-8").split(";\n"):
        if statement.strip():
            db.execute(statement)


_tables_of_3 = partial(_carry_out, "schema_3.sql")


MIGRATIONS: Mapping[int, tuple[int, Callable[[Writing], None]]] = {
    0: (3, _tables_of_3),
    2: (3, partial(from_2, make=_tables_of_3, copy=partial(_carry_out, "schema_2_to_3.sql"))),
}
"""By schema (0 is an empty database), which one it becomes and how. A new ledger goes the way of the old ones from the
first schema of today's kind on. What was released is never changed."""
SCHEMA = 3


def prepare(database: Database) -> None:
    """Bring a database to today's schema; one that has it is not written to.

    Raises:
        LedgerError: its schema is newer than this program or too old, or it has to be written and cannot be.
    """
    with database.reading() as db:
        if _schema(db, database.name) == SCHEMA:
            return
    with database.writing() as writing:
        while (found := _schema(writing, database.name)) != SCHEMA:  # another process may have been faster
            become, migrate = MIGRATIONS[found]
            migrate(writing)
            writing.execute("UPDATE schema_version SET version = ?", (become,))


def _schema(db: Reading, name: str) -> int:
    if not db.has("schema_version"):
        return 0
    (row,) = db.rows("SELECT version FROM schema_version")
    found = int(row["version"])
    if found == SCHEMA or found in MIGRATIONS:
        return found
    remedy = (
        "upgrade it" if found > SCHEMA else "move the ledger away with its data, and run everything again"
    )
    raise LedgerError(f"the ledger {name} has schema {found}, this program knows {SCHEMA}; {remedy}")
