"""Alpaca's answers as the nouns of `assets.trading.broker`: numbers come as text, statuses in eighteen words.

Source: https://docs.alpaca.markets/docs/orders-at-alpaca (order lifecycle) and .../account-activities. What an answer
lacks raises `KeyError`, `TypeError`, `ValueError` or `ArithmeticError`, which callers take for an unreadable answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from assets.trading.broker import (
    AccountState,
    Fill,
    MarketClock,
    OrderState,
    OrderStatus,
    OrderTicket,
    Position,
)
from assets.trading.broker_file import number_text
from assets.trading.sizing import Side

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, ArithmeticError)
"""What reading an answer raises that is not what is documented."""

_FINAL: Mapping[str, OrderStatus] = {
    "filled": "filled",
    "canceled": "canceled",
    "expired": "expired",
    "replaced": "replaced",
    "rejected": "rejected",
}
"""The words after which nothing more happens. With any other, known or not, the order counts as open."""
_ENDS = ("filled_at", "canceled_at", "expired_at", "failed_at", "replaced_at")
_BLOCKS = ("trading_blocked", "account_blocked", "trade_suspended_by_user")
_SIDES: Mapping[str, Side] = {"buy": "BUY", "sell": "SELL", "sell_short": "SELL"}


def order_request(ticket: OrderTicket) -> dict[str, str]:
    """The body of an order: numbers as text, for the client's own class would make binary fractions of them."""
    body = {
        "client_order_id": ticket.client_order_id,
        "symbol": ticket.symbol,
        "side": ticket.side.lower(),
        "qty": number_text(ticket.quantity),
        "type": "market" if ticket.limit_price is None else "limit",
        "time_in_force": ticket.time_in_force,
    }
    if ticket.limit_price is not None:
        body["limit_price"] = number_text(ticket.limit_price)
    return body


def order_answer(account: str, answer: Any) -> OrderState:
    """An order. One of several legs has no symbol and side of its own; it counts as a buy of nothing named."""
    said, filled = answer["status"], _number(answer.get("filled_qty")) or Decimal(0)
    status = status_of(said, filled)
    closed = [answer[name] for name in _ENDS if answer.get(name)] if status in _FINAL.values() else []
    return OrderState(
        account=account,
        id=answer["id"],
        client_order_id=answer["client_order_id"],
        symbol=answer.get("symbol") or "",
        side=_SIDES[answer.get("side") or "buy"],
        kind=answer.get("type") or "",
        quantity=_number(answer.get("qty")),
        limit_price=_number(answer.get("limit_price")),
        time_in_force=answer["time_in_force"],
        status=status,
        said=said,
        filled=filled,
        average_price=_number(answer.get("filled_avg_price")) if filled else None,
        submitted_at=_time(answer["submitted_at"]),
        updated_at=_time(answer.get("updated_at") or answer["submitted_at"]),
        closed_at=max(map(_time, closed), default=None),
        reason=answer.get("reject_reason") or None,
    )


def status_of(said: str, filled: Decimal) -> OrderStatus:
    """The status for one of Alpaca's words.

    >>> [status_of(word, Decimal(0)) for word in ("pending_new", "held", "pending_cancel", "expired")]
    ['accepted', 'accepted', 'pending_cancel', 'expired']
    >>> status_of("done_for_day", Decimal(5))
    'partially_filled'
    """
    if said in _FINAL:
        return _FINAL[said]
    if said == "pending_cancel":
        return "pending_cancel"
    return "partially_filled" if filled > 0 or said == "partially_filled" else "accepted"


def fill_answer(account: str, answer: Any) -> Fill:
    """An execution, from the account's activities."""
    return Fill(
        account=account,
        id=answer["id"],
        order_id=answer["order_id"],
        symbol=answer["symbol"],
        side=_SIDES[answer["side"]],
        quantity=Decimal(answer["qty"]),
        price=Decimal(answer["price"]),
        at=_time(answer["transaction_time"]),
    )


def position_answer(account: str, answer: Any) -> Position:
    """A position."""
    quantity = abs(Decimal(answer["qty"]))
    return Position(
        account=account,
        symbol=answer["symbol"],
        quantity=-quantity if answer["side"] == "short" else quantity,
        average_price=Decimal(answer["avg_entry_price"]),
        market_value=_number(answer.get("market_value")),
    )


def account_answer(account: str, answer: Any) -> AccountState:
    """The account's money. It may trade while it is ACTIVE and nothing blocks it."""
    blocks = [name for name in _BLOCKS if answer.get(name)]
    if answer["status"] != "ACTIVE":
        blocks.append(f"status {answer['status']}")
    return AccountState(
        account=account,
        cash=Decimal(answer["cash"]),
        buying_power=Decimal(answer["buying_power"]),
        equity=Decimal(answer["equity"]),
        blocked=", ".join(blocks) or None,
    )


def clock_answer(answer: Any) -> MarketClock:
    """The market's clock."""
    return MarketClock(
        at=_time(answer["timestamp"]),
        is_open=bool(answer["is_open"]),
        next_open=_time(answer["next_open"]),
        next_close=_time(answer["next_close"]),
    )


def _number(text: str | float | None) -> Decimal | None:
    """A number, as text or not; None where there is none."""
    return None if text is None or text == "" else Decimal(str(text))


def _time(text: str) -> datetime:
    """A time as RFC 3339 writes it; what is finer than a microsecond is cut off.

    >>> _time("2024-05-06T09:30:00.123456789-04:00").isoformat()
    '2024-05-06T13:30:00.123456+00:00'
    """
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"the time {text} has no zone")
    return time.astimezone(UTC)
