"""What a broker is: the orders it takes, what it says of them, and the laws that its callers rely on.

Quantities are in shares, prices in USD a share, money in USD, all of them `Decimal`; times are aware. What a broker
may refuse or leave open is the error tree of `assets.trading.broker_errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, Protocol

from assets.trading.sizing import Side

if TYPE_CHECKING:
    import pyarrow as pa

TimeInForce = Literal["day", "gtc"]
"""``day``: until the close of the first session that it can trade in; ``gtc``: until it is canceled."""

OrderStatus = Literal[
    "accepted", "partially_filled", "pending_cancel", "filled", "canceled", "expired", "replaced", "rejected"
]
"""The first three are open: the order can still be filled. The others are final."""

OPEN: frozenset[OrderStatus] = frozenset({"accepted", "partially_filled", "pending_cancel"})

LONGEST_ID = 128
"""Characters of a client order id."""
QUANTITY_DECIMALS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTicket:
    """An order as it is submitted: a limit order, or without ``limit_price`` a market order.

    ``client_order_id`` is the caller's name for it, which an account's broker takes once and for ever.
    """

    account: str
    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    limit_price: Decimal | None = None
    time_in_force: TimeInForce = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """What a broker says of an order, its own or one that somebody placed by other means.

    Args:
        id: the broker's name for it.
        kind: ``market`` or ``limit``; orders placed elsewhere may be of another kind, such as ``stop``.
        quantity: None where the order was placed for an amount of money.
        status: see `OrderStatus`.
        said: the broker's own word for the status.
        filled: shares, so far.
        average_price: of what is filled; None before.
        closed_at: when the status became final.
        reason: why it was rejected, canceled or has expired, where the broker tells.
    """

    account: str
    id: str
    client_order_id: str
    symbol: str
    side: Side
    kind: str
    quantity: Decimal | None
    limit_price: Decimal | None
    time_in_force: str
    status: OrderStatus
    said: str
    filled: Decimal
    average_price: Decimal | None
    submitted_at: datetime
    updated_at: datetime
    closed_at: datetime | None = None
    reason: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can still be filled."""
        return self.status in OPEN

    def differences(self, ticket: OrderTicket) -> tuple[str, ...]:
        """In what this order is not the one of the ticket; empty where it is: the test of what `find` shows."""
        asked = {
            "account": ticket.account,
            "client_order_id": ticket.client_order_id,
            "symbol": ticket.symbol,
            "side": ticket.side,
            "kind": "market" if ticket.limit_price is None else "limit",
            "quantity": ticket.quantity,
            "limit_price": ticket.limit_price,
            "time_in_force": ticket.time_in_force,
        }
        return tuple(
            f"{name} is {getattr(self, name)}, not {value}"
            for name, value in asked.items()
            if getattr(self, name) != value
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of an order, or of a part of it. ``order_id`` is the broker's `OrderState.id`."""

    account: str
    id: str
    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What an account holds of a symbol; the quantity is negative where it is short, and never zero.

    ``average_price`` is what was paid a share; ``market_value`` is None where no price is known.
    """

    account: str
    symbol: str
    quantity: Decimal
    average_price: Decimal
    market_value: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """An account's money, in USD.

    Args:
        cash: what is there, orders that are still open not counted; negative where it was borrowed.
        buying_power: what further buys may cost.
        equity: cash and the market value of the positions.
        blocked: why it may not trade; None where it may.
    """

    account: str
    cash: Decimal
    buying_power: Decimal
    equity: Decimal
    blocked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketClock:
    """The market's clock at a moment; while it is open, ``next_close`` comes before ``next_open``."""

    at: datetime
    is_open: bool
    next_open: datetime
    next_close: datetime


class Broker(Protocol):
    """Somebody who carries out orders, for several accounts.

    Laws:
        - An order that `submit` returned is there, and stays so whatever dies.
        - Of all submissions with one ``client_order_id`` to one account, whenever and by whomever, at most one
          becomes an order. This is what lets an order be submitted again that `find` does not show: if the first
          request was only late, one of the two is a `DuplicateOrder`.
        - `submit` raises `NotAccepted` only where this call made no order, and `DuplicateOrder` only where an order
          had the name before. Whatever else it raises, `Unanswered` first of all, leaves in doubt whether there is
          an order: ask `find` before anything else. It never sends a request twice.
        - `find` answers None when the account has no such order at the moment; a late request may still make one.
        - `orders` and `fills` are complete, or raise; they come in the order of time, and ``since`` is included.
        - `cancel` may be repeated: what is closed stays as it is.
        - Nothing but `submit`, `cancel` and `advance` changes anything.
        - No key or secret is in anything that is returned, raised or shown by ``repr``.

    All may raise `AccessRefused`, `RateLimited`, `Unreachable` and `Unanswered`.
    """

    def identity(self) -> Mapping[str, str]:
        """The settings that change the data."""

    def accounts(self) -> tuple[str, ...]:
        """The names of the accounts that it knows."""

    def clock(self) -> MarketClock:
        """Whether the market is open, and when it opens and closes next."""

    def submit(self, ticket: OrderTicket) -> OrderState:
        """Place an order.

        Raises:
            NotAccepted: there is no order; ``again`` says whether another attempt has a chance.
            DuplicateOrder: there was one with this id before.
            Unanswered: there may be one.
        """

    def find(self, account: str, client_order_id: str) -> OrderState | None:
        """The order that an account has under a name, whatever became of it."""

    def open_orders(self, account: str) -> tuple[OrderState, ...]:
        """The orders that can still be filled, whoever placed them."""

    def orders(self, account: str, since: datetime) -> tuple[OrderState, ...]:
        """The orders submitted at ``since`` or later, whatever became of them."""

    def fills(self, account: str, since: datetime) -> tuple[Fill, ...]:
        """The executions at ``since`` or later."""

    def positions(self, account: str) -> tuple[Position, ...]:
        """What the account holds, by symbol."""

    def account(self, account: str) -> AccountState:
        """The account's money."""

    def cancel(self, account: str, client_order_id: str) -> OrderState:
        """Ask for an order to be canceled, and answer how it stands then.

        Raises:
            UnknownOrder: the account has no order of that name.
        """

    def advance(self, bars: pa.Table) -> None:
        """What the market did: daily bars with the schema of ``market/prices``, a session whole or not at all.

        A simulated market moves by this alone. It may be told more than it needs, and again: what it knows changes
        nothing. A broker whose market moves by itself does nothing.
        """


def problem_with(ticket: OrderTicket) -> str | None:
    """Why no broker takes such an order, in words; None where one may.

    These are Alpaca's rules, for all brokers, so that a simulation refuses what the real thing would.

    Source: https://docs.alpaca.markets/docs/orders-at-alpaca and .../fractional-trading.
    """
    name, quantity, limit = ticket.client_order_id, ticket.quantity, ticket.limit_price
    if not 1 <= len(name) <= LONGEST_ID:
        return f"a client order id has 1 to {LONGEST_ID} characters, not {len(name)}"
    if not ticket.symbol.strip():
        return "it has no symbol"
    if not quantity.is_finite() or quantity <= 0:
        return f"the quantity is {quantity}, and must be more than zero"
    if _decimals(quantity) > QUANTITY_DECIMALS:
        return f"the quantity is {quantity}, and may have {QUANTITY_DECIMALS} decimals"
    if quantity != quantity.to_integral_value() and ticket.time_in_force != "day":
        return f"a fractional quantity ({quantity}) is for orders of the day, not '{ticket.time_in_force}'"
    if limit is None:
        return None
    if not limit.is_finite() or limit <= 0:
        return f"the limit price is {limit}, and must be more than zero"
    allowed = 2 if limit >= 1 else 4
    if _decimals(limit) > allowed:
        return f"the limit price is {limit}, and may have {allowed} decimals there"
    return None


def _decimals(number: Decimal) -> int:
    """The decimals that a finite number needs.

    >>> [_decimals(Decimal(text)) for text in ("1", "1.50", "0.001", "1e3")]
    [0, 1, 3, 0]
    """
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
