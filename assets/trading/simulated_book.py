"""The simulated broker's books: what an account can bear, and what a trade does to order, position and cash.

Every function works in the transaction that it is given.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from assets.trading.broker import OrderState, OrderStatus, OrderTicket, Position
from assets.trading.broker_file import number_text, order_state
from assets.trading.session_fills import FillRules, Trade, WaitingOrder, to_tick
from assets.trading.sizing import Side

_ZERO = Decimal(0)
_SMALLEST = Decimal("0.000000001")  # USD, of an average price


def cash_of(db: sqlite3.Connection, account: str, opening_cash: Decimal) -> Decimal:
    """The cash of an account, which is opened if it is new."""
    opening = number_text(opening_cash)
    db.execute("INSERT OR IGNORE INTO accounts VALUES (?, ?, ?)", (account, opening, opening))
    (cash,) = db.execute("SELECT cash FROM accounts WHERE account = ?", (account,)).fetchone()
    return Decimal(cash)


def find_order(db: sqlite3.Connection, account: str, client_order_id: str) -> OrderState | None:
    """The order that an account has under a name."""
    row = db.execute(
        "SELECT * FROM orders WHERE account = ? AND client_order_id = ?", (account, client_order_id)
    ).fetchone()
    return None if row is None else order_state(row)


def read_order(db: sqlite3.Connection, order_id: str) -> OrderState:
    """An order that is there."""
    return order_state(db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone())


def problem_of_account(
    db: sqlite3.Connection, ticket: OrderTicket, cash: Decimal, rules: FillRules
) -> str | None:
    """Why an account cannot bear an order, in words; None where it can."""
    quote = _quote(db, ticket.symbol)
    if quote is None:
        return f"symbol '{ticket.symbol}' is unknown: no price of it was told"
    if ticket.side == "SELL":
        open_sells = _open(db, ticket.account, "SELL")
        offered = sum((order.remaining for order in open_sells if order.symbol == ticket.symbol), _ZERO)
        held = _held(db, ticket.account, ticket.symbol)
        if ticket.quantity > held - offered:
            return f"insufficient quantity: {held} held, {offered} of it in open orders"
        return None
    cost = ticket.quantity * (quote if ticket.limit_price is None else ticket.limit_price)
    power = buying_power(db, ticket.account, cash, rules)
    if cost > power:
        return f"insufficient buying power: it may cost {cost:.2f}, and {power:.2f} are there"
    return None


def buying_power(db: sqlite3.Connection, account: str, cash: Decimal, rules: FillRules) -> Decimal:
    """The cash that is not reserved for open buys, with what open sells will bring where the rules count it."""
    bound = sum((_worth(db, order) for order in _open(db, account, "BUY")), _ZERO)
    coming = sum((_worth(db, order) for order in _open(db, account, "SELL")), _ZERO)
    return max(cash - bound + (coming if rules.sells_fund_buys else _ZERO), _ZERO)


def positions_of(db: sqlite3.Connection, account: str) -> tuple[Position, ...]:
    """What an account holds, by symbol, at the last closes."""
    rows = db.execute(
        "SELECT p.*, q.close FROM positions p LEFT JOIN quotes q ON q.symbol = p.symbol"
        " WHERE p.account = ? ORDER BY p.symbol",
        (account,),
    )
    return tuple(
        Position(
            account=account,
            symbol=row["symbol"],
            quantity=Decimal(row["quantity"]),
            average_price=Decimal(row["average_price"]),
            market_value=None if row["close"] is None else Decimal(row["quantity"]) * Decimal(row["close"]),
        )
        for row in rows
    )


def waiting_order(row: sqlite3.Row) -> WaitingOrder:
    """An open order as the session sees it."""
    quantity = Decimal(row["quantity"])
    return WaitingOrder(
        id=row["id"],
        account=row["account"],
        symbol=row["symbol"],
        side=row["side"],
        quantity=quantity,
        remaining=quantity - Decimal(row["filled"]),
        limit_price=Decimal(row["limit_price"]) if row["limit_price"] is not None else None,
    )


def book(db: sqlite3.Connection, trade: Trade, session: date, at: str) -> None:
    """Write a trade down as a fill, with what it does to the order, the cash and the position."""
    order = trade.order
    fill = (
        f"{session}:{order.id}",
        order.account,
        order.id,
        order.symbol,
        order.side,
        number_text(trade.quantity),
        number_text(trade.price),
        at,
    )
    db.execute(
        "INSERT INTO fills (id, account, order_id, symbol, side, quantity, price, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        fill,
    )
    row = db.execute("SELECT quantity, filled, value FROM orders WHERE id = ?", (order.id,)).fetchone()
    filled = Decimal(row["filled"]) + trade.quantity
    value = Decimal(row["value"]) + trade.quantity * trade.price
    db.execute(
        "UPDATE orders SET filled = ?, value = ?, status = 'partially_filled', updated_at = ? WHERE id = ?",
        (number_text(filled), number_text(value), at, order.id),
    )
    if filled == Decimal(row["quantity"]):
        close_order(db, order.id, "filled", at)
    (cash,) = db.execute("SELECT cash FROM accounts WHERE account = ?", (order.account,)).fetchone()
    changed = number_text(Decimal(cash) + trade.cash)
    db.execute("UPDATE accounts SET cash = ? WHERE account = ?", (changed, order.account))
    _move_position(db, trade)


def close_order(
    db: sqlite3.Connection, order_id: str, status: OrderStatus, at: str, reason: str | None = None
) -> None:
    """Give an order its final status."""
    db.execute(
        "UPDATE orders SET status = ?, updated_at = ?, closed_at = ?, reason = ? WHERE id = ?",
        (status, at, at, reason, order_id),
    )


def remember_closes(db: sqlite3.Connection, closes: Mapping[str, tuple[date, Decimal]]) -> None:
    """Keep the last session and close of each symbol, unless a later one is known."""
    db.executemany(
        "INSERT INTO quotes VALUES (?, ?, ?) ON CONFLICT (symbol) DO UPDATE"
        " SET session = excluded.session, close = excluded.close WHERE excluded.session > session",
        [
            (symbol, session.isoformat(), number_text(to_tick(close)))
            for symbol, (session, close) in closes.items()
        ],
    )


def _move_position(db: sqlite3.Connection, trade: Trade) -> None:
    """A buy moves the average price, a sell does not; a position of nothing is none."""
    key = (trade.order.account, trade.order.symbol)
    row = db.execute(
        "SELECT quantity, average_price FROM positions WHERE account = ? AND symbol = ?", key
    ).fetchone()
    held, average = (Decimal(row[0]), Decimal(row[1])) if row else (_ZERO, _ZERO)
    if trade.order.side == "BUY":
        average = (held * average + trade.quantity * trade.price) / (held + trade.quantity)
        held += trade.quantity
    else:
        held -= trade.quantity
    if held == 0:
        db.execute("DELETE FROM positions WHERE account = ? AND symbol = ?", key)
        return
    db.execute(
        "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)",
        (*key, number_text(held), number_text(average.quantize(_SMALLEST))),
    )


def _open(db: sqlite3.Connection, account: str, side: Side) -> list[WaitingOrder]:
    rows = db.execute(
        "SELECT * FROM orders WHERE account = ? AND side = ? AND closed_at IS NULL", (account, side)
    )
    return [waiting_order(row) for row in rows]


def _worth(db: sqlite3.Connection, order: WaitingOrder) -> Decimal:
    """What is not filled of an order, at its limit or the last close."""
    price = _quote(db, order.symbol) if order.limit_price is None else order.limit_price
    return order.remaining * (price or _ZERO)


def _quote(db: sqlite3.Connection, symbol: str) -> Decimal | None:
    row = db.execute("SELECT close FROM quotes WHERE symbol = ?", (symbol,)).fetchone()
    return None if row is None else Decimal(row["close"])


def _held(db: sqlite3.Connection, account: str, symbol: str) -> Decimal:
    row = db.execute(
        "SELECT quantity FROM positions WHERE account = ? AND symbol = ?", (account, symbol)
    ).fetchone()
    return _ZERO if row is None else Decimal(row["quantity"])
