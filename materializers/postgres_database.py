"""The ledger in a schema of a PostgreSQL database, for any number of processes on any number of hosts.

Every transaction that writes takes one lock of the ledger first, so that they are carried out one after another and
the numbers that they take become visible in order.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from psycopg.types.numeric import Int8Dumper

from materializers.database import Clock, Values
from materializers.records import LedgerError

T = TypeVar("T")
Connection = psycopg.Connection[dict[str, Any]]

_WORDS = {
    "LISTED(?)": "(SELECT t.value FROM jsonb_array_elements_text(CAST(? AS jsonb)) AS t(value))",
    "RANGES(?)": "(SELECT t.value ->> 0 AS slice, CAST(t.value ->> 1 AS bigint) AS first,"
    " CAST(t.value ->> 2 AS bigint) AS last FROM jsonb_array_elements(CAST(? AS jsonb)) AS t(value))",
    "JOINED(": "string_agg(",
    "NUMBERED": "BIGINT PRIMARY KEY",
    " CLUSTERED": "",
    " THROUGH pointers_at_wholes": "",
    " THROUGH last_attempts_at_wholes": "",
    " THROUGH sightings_at_wholes": "",
}
_NOW = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) AS now"
_SNAPSHOT = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_NOW}"
_IDLE = 4
"""So many connections wait for the next transaction."""
_PATIENCE_S = 30
"""How long a transaction waits for another one, and how long a process may sleep in the middle of one."""
_SETTINGS = {
    "application_name": "prefect-asset-graph",
    "connect_timeout": 10,  # seconds; these three notice a server that is gone without a word
    "keepalives_idle": 30,
    "tcp_user_timeout": 30_000,
}


class PostgresDatabase:
    """See `materializers.database.Database`.

    Args:
        url: ``postgresql://user:password@host:port/database``.
        schema: where the tables are; it is made if it is not there.
        clock: the ledger's clock; otherwise the server's.
    """

    def __init__(self, url: str, *, schema: str = "assets", clock: Clock | None = None) -> None:
        self._address = _Address(url)
        self._clock = clock
        self._mutex = threading.Lock()
        self._idle: list[Connection] = []
        self._closed = False
        self.schema = schema
        self.name = f"{self._address.shown} (schema {schema})"
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
            raise LedgerError(
                f"the ledger cannot be in the schema '{schema}' of {self._address.shown}: give a name of at most 63"
                " small letters, digits and _"
            )
        lock = int.from_bytes(sha256(f"ledger {schema}".encode()).digest()[:8], signed=True)
        self._begin = (
            f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '{_PATIENCE_S}s';"
            f" SET LOCAL idle_in_transaction_session_timeout = '{_PATIENCE_S}s';"
            f" SELECT pg_advisory_xact_lock({lock}); {_NOW}"
        )
        if not self.rows("SELECT 1 AS found FROM pg_namespace WHERE nspname = ?", (schema,)):
            with self.writing() as db:  # under the lock, so that two openers do not make it at once
                db.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')

    @contextmanager
    def writing(self) -> Iterator[_Transaction]:
        """See `Database`."""
        with self._transaction("written", self._begin) as transaction:
            yield transaction

    @contextmanager
    def reading(self) -> Iterator[_Transaction]:
        """See `Database`."""
        with self._transaction("read", _SNAPSHOT) as transaction:
            yield transaction

    def rows(self, sql: str, values: Values = ()) -> Sequence[dict[str, Any]]:
        """See `Database`."""
        connection, found = self._first("read", lambda db: _execute(db, sql, values).fetchall())
        self._give_back(connection)
        return found

    @contextmanager
    def _transaction(self, action: str, begin: str) -> Iterator[_Transaction]:
        connection, now = self._first(action, lambda db: _begun(db, begin))
        transaction = _Transaction(
            connection, self._clock() if self._clock else now, lambda error: self._failed(action, error)
        )
        try:
            yield transaction
            transaction.execute("COMMIT")
        except BaseException:
            connection.close()  # which rolls back
            raise
        self._give_back(connection)

    def _first(self, action: str, call: Callable[[Connection], T]) -> tuple[Connection, T]:
        """A connection with what a call gave that is the first on it; one that died while it was idle is replaced.

        Raises:
            LedgerError: the database cannot be reached, or could not do it.
        """
        while True:
            with self._mutex:
                if self._closed:
                    raise LedgerError(f"the ledger {self.name} was closed; open it again")
                idle = self._idle.pop() if self._idle else None
            connection = idle or self._connect()
            try:
                return connection, call(connection)
            except psycopg.Error as error:
                lost = connection.broken
                connection.close()
                if not lost or idle is None:
                    raise self._failed(action, error) from self._address.harmless(error)

    def _connect(self) -> Connection:
        try:
            connection: Connection = psycopg.connect(
                **self._address.settings, autocommit=True, row_factory=dict_row
            )
            connection.adapters.register_dumper(
                int, Int8Dumper
            )  # one type, so that a statement is prepared once
            connection.execute(f'SET search_path TO "{self.schema}"'.encode())
        except psycopg.Error as error:
            raise self._failed("opened", error) from self._address.harmless(error)
        return connection

    def _give_back(self, connection: Connection) -> None:
        with self._mutex:
            if len(self._idle) < _IDLE and not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _failed(self, action: str, error: psycopg.Error) -> LedgerError:
        if isinstance(error, psycopg.errors.LockNotAvailable):
            remedy = f"another process has held its lock for {_PATIENCE_S} s; end it, and run again"
        elif isinstance(error, psycopg.errors.InsufficientPrivilege):
            remedy = f"grant it, or create the schema {self.schema} for this user"
        elif isinstance(error, psycopg.OperationalError):
            remedy = "see that the server runs and can be reached, and run again; nothing half was recorded"
        else:
            remedy = "nothing was recorded"
        said = " ".join(self._address.hidden(str(error)).split())
        return LedgerError(f"the ledger {self.name} cannot be {action}: {said} ({remedy})")

    def close(self) -> None:
        """See `Database`."""
        with self._mutex:
            self._closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()


class _Transaction:
    """See `materializers.database.Writing`; ``failed`` is what to raise when PostgreSQL refuses."""

    __slots__ = ("_db", "_failed", "now")

    def __init__(self, db: Connection, now: datetime, failed: Callable[[psycopg.Error], LedgerError]) -> None:
        self._db = db
        self._failed = failed
        self.now = now

    def rows(self, sql: str, values: Values = ()) -> Sequence[dict[str, Any]]:
        try:
            return _execute(self._db, sql, values).fetchall()
        except psycopg.Error as error:
            raise self._failed(error) from error

    def has(self, table: str) -> bool:
        sql = "SELECT 1 AS found FROM pg_tables WHERE schemaname = current_schema() AND tablename = ?"
        return bool(self.rows(sql, (table,)))

    def execute(self, sql: str, values: Values = ()) -> int:
        try:
            return _execute(self._db, sql, values).rowcount
        except psycopg.Error as error:
            raise self._failed(error) from error

    def executemany(self, sql: str, many: Iterable[Values]) -> None:
        try:
            with self._db.cursor() as cursor:
                cursor.executemany(translated(sql), many)
        except psycopg.Error as error:
            raise self._failed(error) from error


class _Address:
    """Where the database is, and the words of its URL that nobody may read."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("postgresql", "postgres"):
            raise LedgerError(
                f"a ledger at '{parts.scheme}://' cannot be opened: give postgresql://user:password@host:port/database"
            )
        self.shown = f"{parts.netloc.rpartition('@')[2]}{parts.path}"
        raw = parts.netloc.rpartition("@")[0].partition(":")[2]
        asked = parse_qs(parts.query).get("password", [])
        self._secrets = sorted({one for one in (raw, unquote(raw), *asked) if one}, key=len, reverse=True)
        try:
            self.settings: dict[str, Any] = {**_SETTINGS, **conninfo_to_dict(url), "client_encoding": "utf8"}
        except psycopg.Error as error:
            raise LedgerError(
                f"the URL of the ledger at {self.shown} cannot be read: {self.hidden(str(error)).strip()}"
            ) from self.harmless(error)

    def hidden(self, text: str) -> str:
        """A text without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def harmless(self, error: psycopg.Error) -> psycopg.Error | None:
        """An error to be shown as a cause, unless it tells a secret."""
        return error if self.hidden(str(error)) == str(error) else None


def _execute(db: Connection, sql: str, values: Values) -> psycopg.Cursor[dict[str, Any]]:
    return db.execute(translated(sql), values or None)


def _begun(db: Connection, begin: str) -> datetime:
    """Begin a transaction in one exchange with the server; answers the time of its last statement."""
    cursor = db.execute(begin.encode(), prepare=False)
    while cursor.nextset():
        pass
    (row,) = cursor.fetchall()
    return datetime.fromtimestamp(row["now"] / 1_000_000, UTC)


@lru_cache(maxsize=512)
def translated(sql: str) -> bytes:
    """The ledger's SQL as PostgreSQL and its driver spell it."""
    for word, spelling in _WORDS.items():
        sql = sql.replace(word, spelling)
    return sql.replace("?", "%s").encode()
