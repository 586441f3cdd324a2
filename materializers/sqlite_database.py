"""The ledger's SQLite file (WAL), for any number of threads and processes of one host.

One connection writes; each snapshot has a connection of its own, from a small pool. A file that cannot be written is
only read.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from materializers.database import Clock, Values, host_clock
from materializers.records import LedgerError

_WORDS = {
    "LISTED(?)": "(SELECT value FROM json_each(?))",
    "RANGES(?)": "(SELECT json_extract(value, '$[0]') AS slice, json_extract(value, '$[1]') AS first,"
    " json_extract(value, '$[2]') AS last FROM json_each(?))",
    "JOINED(": "group_concat(",
    "NUMBERED": "INTEGER PRIMARY KEY",
    "CLUSTERED": "WITHOUT ROWID",
    "THROUGH ": "INDEXED BY ",
}
_IDLE = 4
"""So many connections wait for the next snapshot."""
_NEVER = datetime.min.replace(tzinfo=UTC)


class SqliteDatabase:
    """See `materializers.database.Database`.

    Args:
        path: None for a file that goes when it is closed.
        fsync: every commit waits for the disk, so that it survives a power failure and not only a kill.
        clock: the ledger's clock.
    """

    def __init__(self, path: Path | None, *, fsync: bool = False, clock: Clock = host_clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        folder = None
        if path is None:
            folder = Path(tempfile.mkdtemp(prefix="assets-ledger-"))
            path = folder / "ledger.sqlite"
        self.path = path
        self.name = str(path)
        self.writable = _may_write(path)
        try:
            if self.writable:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._db = _connect(str(self.path))
                _prepare(self._db, fsync=fsync, lasting=folder is None)
            else:
                self._db = _read_only(self.path)
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(f"the ledger {self.path} cannot be opened: {error}") from error
        self._identity = _identity(self.path)
        self._end = weakref.finalize(self, _give_up, self._db, self._idle, folder)

    @contextmanager
    def writing(self) -> Iterator[_Transaction]:
        """See `Database`.

        Raises:
            LedgerError: the ledger is read-only, was removed or replaced since it was opened, or cannot be written.
        """
        if not self.writable:
            raise LedgerError(
                f"the ledger {self.path} can only be read here: make it and its folder writable, or set ASSETS_HOME to"
                " a place that is"
            )
        self._check_place()
        with self._lock:
            transaction = _Transaction(self._db, "written")
            transaction.execute("BEGIN IMMEDIATE")
            try:
                transaction.now = self._clock()
                yield transaction
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            transaction.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[_Transaction]:
        """See `Database`."""
        with self._reader() as reader:
            reader.execute("BEGIN")
            reader.rows("SELECT 1 FROM sqlite_master LIMIT 1")  # the moment is that of the first query
            reader.now = self._clock()
            yield reader
            reader.execute("COMMIT")

    def rows(self, sql: str, values: Values = ()) -> Sequence[sqlite3.Row]:
        """See `Database`."""
        with self._reader() as reader:
            return reader.rows(sql, values)

    @contextmanager
    def _reader(self) -> Iterator[_Transaction]:
        """A connection for one snapshot; it is given up when anything goes wrong meanwhile."""
        db = self._idle_or_new()
        try:
            yield _Transaction(db, "read")
        except BaseException:
            db.close()
            raise
        with self._lock:
            if len(self._idle) < _IDLE and not self._closed:
                self._idle.append(db)
            else:
                db.close()

    def _idle_or_new(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise LedgerError(f"the ledger {self.path} was closed; open it again")
            if self._idle:
                return self._idle.pop()
        self._check_place()
        try:
            return _connect(str(self.path)) if self.writable else _read_only(self.path)
        except sqlite3.Error as error:
            raise LedgerError(f"the ledger {self.path} cannot be opened: {error}") from error

    def _check_place(self) -> None:
        """What lies at the path is still the file that was opened."""
        if _identity(self.path) != self._identity and not self._closed:
            raise LedgerError(
                f"the ledger {self.path} was removed or replaced while it was open: what was recorded in it is lost;"
                " run again"
            )

    def close(self) -> None:
        """See `Database`."""
        with self._lock:
            self._closed = True
            self._end()


class _Transaction:
    """See `materializers.database.Writing`; ``action`` is what could not be done when SQLite fails."""

    __slots__ = ("_action", "_db", "now")

    def __init__(self, db: sqlite3.Connection, action: str) -> None:
        self._db = db
        self._action = action
        self.now = _NEVER

    def rows(self, sql: str, values: Values = ()) -> Sequence[sqlite3.Row]:
        try:
            return self._db.execute(translated(sql), values).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def has(self, table: str) -> bool:
        return bool(self.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)))

    def execute(self, sql: str, values: Values = ()) -> int:
        try:
            return self._db.execute(translated(sql), values).rowcount
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def executemany(self, sql: str, many: Iterable[Values]) -> None:
        try:
            self._db.executemany(translated(sql), many)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> LedgerError:
        return LedgerError(f"the ledger cannot be {self._action}: {error}")


@lru_cache(maxsize=512)
def translated(sql: str) -> str:
    """The ledger's SQL as SQLite spells it."""
    for word, spelling in _WORDS.items():
        sql = sql.replace(word, spelling)
    return sql


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


def _prepare(db: sqlite3.Connection, *, fsync: bool, lasting: bool) -> None:
    """Set a connection up to write; the file is written to only if it is new."""
    if not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall():
        db.execute("PRAGMA journal_mode=WAL").fetchall()
    synchronous = ("FULL" if fsync else "NORMAL") if lasting else "OFF"
    db.execute(f"PRAGMA synchronous={synchronous}")


def _read_only(path: Path) -> sqlite3.Connection:
    """A connection that only reads.

    Where SQLite cannot even make its shared memory beside the file, and nothing waits in the write-ahead log, the
    file is read as one that nobody changes.
    """
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


def _give_up(db: sqlite3.Connection, idle: list[sqlite3.Connection], folder: Path | None) -> None:
    for each in [*idle, db]:
        with closing(each):
            pass
    idle.clear()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _may_write(path: Path) -> bool:
    return not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies at a path; None if none does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
