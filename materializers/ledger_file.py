"""The ledger's SQLite file: opened, made where there is none, only read where it cannot be written."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from materializers.ledger import LedgerError

SCHEMA_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFile:
    """An open ledger.

    Args:
        path: None for one in memory.
        identity: the device and inode of the file that was opened.
    """

    db: sqlite3.Connection
    path: Path | None = None
    writable: bool = True
    identity: tuple[int, int] | None = None

    def check(self) -> None:
        """Before writing: the file may be written, and is still what lies at its path.

        Raises:
            LedgerError: it is read-only, or it was removed or replaced since it was opened.
        """
        if not self.writable:
            raise LedgerError(
                f"the ledger {self.path} can only be read here: make it and its folder writable, or set ASSETS_HOME to"
                " a place that is"
            )
        if self.path is not None and _identity(self.path) != self.identity:
            raise LedgerError(
                f"the ledger {self.path} was removed or replaced while it was open: what was recorded in it is lost;"
                " run again"
            )


def open_ledger_file(path: Path | None, *, fsync: bool) -> LedgerFile:
    """Open the ledger at a path; it is written to only if it is new.

    A file that this user cannot write is opened for reading. Where SQLite cannot even make its shared memory beside
    it, and nothing waits in the write-ahead log, the file is read as one that nobody changes.

    Raises:
        LedgerError: it cannot be opened, is no ledger, or has the schema of another version of this program.
    """
    writable = path is None or not path.exists() or (_may_write(path) and _may_write(path.parent))
    try:
        if path is not None and not writable:
            db = _read_only(path)
        else:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            db = _connect(str(path or ":memory:"))
            db.execute(f"PRAGMA synchronous={'FULL' if fsync else 'NORMAL'}")
        try:
            _check_schema(db, path)
        except BaseException:
            db.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise LedgerError(f"the ledger {path} cannot be opened: {error}") from error
    return LedgerFile(db=db, path=path, writable=writable, identity=_identity(path) if path else None)


def _connect(database: str, *, uri: bool = False) -> sqlite3.Connection:
    db = sqlite3.connect(
        database,
        timeout=30,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
        uri=uri,
    )
    db.row_factory = sqlite3.Row
    return db


def _read_only(path: Path) -> sqlite3.Connection:
    db = _connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        db.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError:
        db.close()
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise
        return _connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    return db


def _check_schema(db: sqlite3.Connection, path: Path | None) -> None:
    version = _schema_version(db)
    if version is None:
        version = _create(db)
    if version == SCHEMA_VERSION:
        return
    remedy = (
        "upgrade it"
        if version > SCHEMA_VERSION
        else "move the ledger away with its data, and run everything again"
    )
    raise LedgerError(
        f"the ledger {path} has schema {version}, this program knows {SCHEMA_VERSION}; {remedy}"
    )


def _schema_version(db: sqlite3.Connection) -> int | None:
    """The schema's number; None in an empty file."""
    if not db.execute("SELECT name FROM sqlite_master WHERE name = 'schema_version'").fetchall():
        return None
    (version,) = db.execute("SELECT version FROM schema_version").fetchone()
    return int(version)


def _create(db: sqlite3.Connection) -> int:
    """Make the tables, unless another process was faster."""
    db.execute("PRAGMA journal_mode=WAL").fetchall()
    db.execute("BEGIN IMMEDIATE")
    try:
        version = _schema_version(db)
        if version is None:
            for statement in Path(__file__).with_name("ledger.sql").read_text("utf-8").split(";\n"):
                db.execute(statement)
            version = SCHEMA_VERSION
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return version


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK)


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies at a path; None if none does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
