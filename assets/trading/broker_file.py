"""The simulated broker's file: SQLite, safe for several processes, and whole whenever one of them is killed.

Numbers are kept as decimal text, times as UTC in one format, so that they compare as they sort.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from assets.trading.broker import Fill, OrderState, OrderTicket
from assets.trading.broker_errors import ASK_FIRST, Unanswered, Unreachable

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE accounts (
    account TEXT PRIMARY KEY,
    opening_cash TEXT NOT NULL,
    cash TEXT NOT NULL
);
CREATE TABLE orders (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES accounts,
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    limit_price TEXT,
    time_in_force TEXT NOT NULL,
    status TEXT NOT NULL,
    filled TEXT NOT NULL DEFAULT '0',
    value TEXT NOT NULL DEFAULT '0',      -- what was filled, in USD
    submitted_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    closed_at TEXT,
    reason TEXT,
    first_session TEXT NOT NULL,          -- the first session that it may trade in
    tried TEXT,                           -- the last session that it had its chance in
    UNIQUE (account, client_order_id)
);
CREATE INDEX orders_open ON orders (status) WHERE closed_at IS NULL;
CREATE TABLE fills (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES accounts,
    order_id TEXT NOT NULL REFERENCES orders (id),
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    price TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE TABLE positions (
    account TEXT NOT NULL REFERENCES accounts,
    symbol TEXT NOT NULL,
    quantity TEXT NOT NULL,
    average_price TEXT NOT NULL,
    PRIMARY KEY (account, symbol)
);
CREATE TABLE quotes (
    symbol TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    close TEXT NOT NULL
);
"""


@contextmanager
def transaction(path: Path, what: str) -> Iterator[sqlite3.Connection]:
    """One transaction on the file, which is made where there is none; it is durable when this is left.

    Args:
        what: is asked for, as errors name it.

    Raises:
        Unreachable: nothing was written.
        Unanswered: the end of the transaction failed, and it may have been written.
    """
    try:
        with closing(_open(path)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield db  # what is raised in between ends the connection, and with it the transaction
            _commit(db, path, what)
    except (sqlite3.Error, OSError) as error:
        raise Unreachable(what, f"the file {path} of the simulated broker: {error}") from error


def _commit(db: sqlite3.Connection, path: Path, what: str) -> None:
    try:
        db.execute("COMMIT")
    except sqlite3.Error as error:
        said = f"the file {path} of the simulated broker: {error}"
        raise Unanswered(what, said, ASK_FIRST) from error


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA synchronous=FULL")  # an order that was accepted survives a power failure as well
        if _version(db) == 0:
            _create(db)
        if _version(db) != SCHEMA_VERSION:
            raise sqlite3.DatabaseError(  # noqa: TRY301  # told as all that is wrong with the file
                f"it has schema {_version(db)}, and this program knows {SCHEMA_VERSION}"
            )
    except BaseException:
        db.close()
        raise
    return db


def _create(db: sqlite3.Connection) -> None:
    """Make the tables, unless another process was faster."""
    db.execute("PRAGMA journal_mode=WAL").fetchall()
    db.execute("BEGIN IMMEDIATE")
    if _version(db) == 0:
        for statement in _SCHEMA.split(";\n"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    db.execute("COMMIT")


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


def insert_order(
    db: sqlite3.Connection, ticket: OrderTicket, *, order_id: str, now: datetime, first_session: date
) -> None:
    """Write down a new order."""
    given = {
        "id": order_id,
        "account": ticket.account,
        "client_order_id": ticket.client_order_id,
        "symbol": ticket.symbol,
        "side": ticket.side,
        "quantity": number_text(ticket.quantity),
        "limit_price": None if ticket.limit_price is None else number_text(ticket.limit_price),
        "time_in_force": ticket.time_in_force,
        "status": "accepted",
        "submitted_at": time_text(now),
        "updated_at": time_text(now),
        "first_session": first_session.isoformat(),
    }
    names = ", ".join(given)
    places = ", ".join(f":{name}" for name in given)
    db.execute(f"INSERT INTO orders ({names}) VALUES ({places})", given)


def order_state(row: sqlite3.Row) -> OrderState:
    """An order as it was written down."""
    filled = Decimal(row["filled"])
    limit = row["limit_price"]
    return OrderState(
        account=row["account"],
        id=row["id"],
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=row["side"],
        kind="market" if limit is None else "limit",
        quantity=Decimal(row["quantity"]),
        limit_price=None if limit is None else Decimal(limit),
        time_in_force=row["time_in_force"],
        status=row["status"],
        said=row["status"],
        filled=filled,
        average_price=Decimal(row["value"]) / filled if filled else None,
        submitted_at=datetime.fromisoformat(row["submitted_at"]),
        updated_at=datetime.fromisoformat(row["updated_at"]),
        closed_at=datetime.fromisoformat(row["closed_at"]) if row["closed_at"] else None,
        reason=row["reason"],
    )


def fill_of(row: sqlite3.Row) -> Fill:
    """A fill as it was written down."""
    return Fill(
        account=row["account"],
        id=row["id"],
        order_id=row["order_id"],
        symbol=row["symbol"],
        side=row["side"],
        quantity=Decimal(row["quantity"]),
        price=Decimal(row["price"]),
        at=datetime.fromisoformat(row["at"]),
    )


def time_text(time: datetime) -> str:
    """An aware time in the one format that is kept.

    >>> time_text(datetime(2024, 5, 6, 9, 30, tzinfo=UTC))
    '2024-05-06T09:30:00.000000+00:00'
    """
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def number_text(number: Decimal) -> str:
    """A number in full, without an exponent.

    >>> number_text(Decimal("1E+3"))
    '1000'
    """
    return format(number, "f")
