"""What one session's prices do to the orders that wait for it: a pure function of orders, bars and cash.

1. Sells come first, then buys, each in the order of submission.
2. A market order trades at the open, or at the close where there is no open.
3. A limit order trades at the open where that is no worse than its limit; otherwise at its limit, if the session
   reached it (by the low for a buy, the high for a sell, the close where these are missing).
4. All orders together trade at most ``participation`` of a symbol's volume, in whole shares; without a volume there is
   no such bound.
5. A buy spends no more than the account's cash, to which the session's sells have added.
6. An order for whole shares is filled in whole shares.
7. Without a bar, nothing trades.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, localcontext

from assets.trading.sizing import Side

TICK = Decimal("0.0001")
"""Prices are rounded to it (half to even), so that every amount of money is exact."""
_SMALLEST = Decimal("0.000000001")  # shares, of a fractional order
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRules:
    """The limits of rule 4 and of what is accepted.

    Args:
        participation: the fraction of a session's volume that all orders together get; None: all they want.
        sells_fund_buys: what open sells will bring counts as buying power when a buy is submitted, as it does in a
            margin account. When it comes to trading, there must be cash.
    """

    participation: Decimal | None = Decimal("0.1")
    sells_fund_buys: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A symbol's session; ``open``, ``high``, ``low`` and ``volume`` are None where only closes are known."""

    close: Decimal
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingOrder:
    """An order that the session may fill; ``remaining`` is what is not filled yet, of ``quantity``."""

    id: str
    account: str
    symbol: str
    side: Side
    quantity: Decimal
    remaining: Decimal
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What the session gave an order."""

    order: WaitingOrder
    quantity: Decimal
    price: Decimal

    @property
    def cash(self) -> Decimal:
        """What it adds to the account's cash, negative for a buy; exact."""
        value = self.quantity * self.price
        return value if self.order.side == "SELL" else -value


def trades_of_session(
    orders: Iterable[WaitingOrder], bars: Mapping[str, Bar], cash: Mapping[str, Decimal], rules: FillRules
) -> list[Trade]:
    """What a session gives the orders that wait for it, at most one trade an order.

    Args:
        orders: in the order of submission.
        bars: of this session, by symbol.
        cash: by account, before the session.
    """
    left = dict(cash)
    supply = {symbol: _supply(bar, rules) for symbol, bar in bars.items()}
    trades = []
    for order in sorted(orders, key=lambda order: order.side != "SELL"):
        bar = bars.get(order.symbol)
        price = None if bar is None else price_in(bar, order.side, order.limit_price)
        if price is None:
            continue
        quantity = order.remaining
        offered = supply[order.symbol]
        if offered is not None:
            quantity = min(quantity, offered)
        if order.side == "BUY":
            quantity = min(quantity, _affordable(left[order.account], price))
        quantity = _in_lots(quantity, order)
        if quantity <= 0:
            continue
        trade = Trade(order=order, quantity=quantity, price=price)
        left[order.account] += trade.cash
        if offered is not None:
            supply[order.symbol] = offered - quantity
        trades.append(trade)
    return trades


def price_in(bar: Bar, side: Side, limit: Decimal | None) -> Decimal | None:
    """The price at which an order trades in a session; None where its limit is not reached."""
    first = to_tick(bar.close if bar.open is None else bar.open)
    if limit is None or _reaches(first, side, limit):
        return first
    extreme = bar.low if side == "BUY" else bar.high
    later = to_tick(bar.close if extreme is None else extreme)
    return limit if _reaches(later, side, limit) else None


def to_tick(price: Decimal) -> Decimal:
    """A price as money is reckoned with.

    >>> to_tick(Decimal("142.56999969482422"))
    Decimal('142.5700')
    """
    return price.quantize(TICK, ROUND_HALF_EVEN)


def _reaches(price: Decimal, side: Side, limit: Decimal) -> bool:
    return price <= limit if side == "BUY" else price >= limit


def _supply(bar: Bar, rules: FillRules) -> Decimal | None:
    """The shares that all orders together may get; None for any number."""
    if rules.participation is None or bar.volume is None:
        return None
    return (rules.participation * bar.volume).to_integral_value(ROUND_DOWN)


def _affordable(cash: Decimal, price: Decimal) -> Decimal:
    """The shares that cash pays for; all that one could want where they cost nothing."""
    if price <= 0:
        return Decimal("Infinity")
    with localcontext(rounding=ROUND_DOWN):
        return max(cash, _ZERO) / price


def _in_lots(quantity: Decimal, order: WaitingOrder) -> Decimal:
    """The quantity that can be given: in whole shares where that was ordered."""
    if quantity == order.remaining:
        return quantity
    whole = order.quantity == order.quantity.to_integral_value()
    return quantity.quantize(Decimal(1) if whole else _SMALLEST, ROUND_DOWN)
