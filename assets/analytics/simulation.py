"""A portfolio carried through history: decided on one session's closes, filled at the next session's.

The rules:

- On a session with a target, orders are decided from that session's closes by `assets.trading.sizing`, as market
  orders. They are filled at the closes of the next session, sells first; buys that the cash no longer covers are cut
  down together. An order for a symbol without a close on that day is not filled and not kept.
- Each fill costs ``cost_bps`` basis points of its value. Values and costs are rounded to the cent when they happen,
  so cash is exact: it changes by what is sold less what is bought less what it costs, and by nothing else.
- Between fills nothing is done: weights drift with prices.
- A position whose symbol has no close is worth its last close, and counted as stale. After ``delisted_after``
  sessions in a row without one it is paid out at the last close less ``delisting_loss``.
- Adjusted closes stand for total returns, so there are no dividends.

Nothing on a session depends on anything later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext
from typing import Literal

from assets.allocation.panel import Panel
from assets.trading.sizing import CENT, LOT, ZERO, Order, Rules, propose
from graph import AssetGraphError

Outcome = Literal["filled", "cut to the cash", "no price", "delisted"]

MARKET_ORDERS = Rules(limit_offset=None)
"""The rules of the orders that are proposed, without limit prices."""


class UnknownSession(AssetGraphError):
    """A target that was decided on a day without prices."""

    def __init__(self, session: date) -> None:
        self.session = session
        super().__init__(
            f"a target was decided on {session}, a session that market/prices does not have: "
            "materialize allocation/target_weights from the same prices"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The conditions of a simulation.

    ``opening_cash`` is in US dollars, ``cost_bps`` in hundredths of a percent of the value traded; ``delisted_after``
    counts sessions; ``delisting_loss`` is a fraction of the last close.
    """

    opening_cash: Decimal = Decimal("100000.00")
    cost_bps: Decimal = Decimal(10)
    rules: Rules = MARKET_ORDERS
    delisted_after: int = 10
    delisting_loss: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """What became of an order; nothing was bought or sold where the outcome is ``no price``."""

    decided: date
    session: date
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    value: Decimal
    cost: Decimal
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The account at the end of a session. ``invested`` and ``cash`` make up ``equity``."""

    session: date
    equity: Decimal
    cash: Decimal
    invested: Decimal
    bought: Decimal
    sold: Decimal
    cost: Decimal
    stale: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position at the end of a session, worth ``value`` at ``price``."""

    session: date
    symbol: str
    quantity: Decimal
    price: Decimal
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Everything that happened, in the order of time."""

    days: tuple[Day, ...]
    fills: tuple[Fill, ...]
    positions: tuple[Position, ...]


def simulate(closes: Panel, targets: Mapping[date, Mapping[str, float]], terms: Terms) -> Simulation:
    """The history of an account that follows ``targets``.

    Args:
        closes: adjusted closes, sessions x symbols, NaN where a symbol has none.
        targets: weights (fractions, without cash) by the session on which they were decided.
        terms: see `Terms`.

    Returns:
        Days from the first target on; none without a target.

    Raises:
        UnknownSession: a target was decided on a day that is not one of ``closes``.
    """
    for session in sorted(targets.keys() - set(closes.sessions)):
        raise UnknownSession(session)
    account = _Account(cash=terms.opening_cash)
    days: list[Day] = []
    fills: list[Fill] = []
    positions: list[Position] = []
    pending: tuple[Order, ...] = ()
    decided: date | None = None
    for row, session in enumerate(closes.sessions):
        account.see(_quotes(closes, row))
        if decided is None and session not in targets:
            continue
        today = account.fill(pending, decided or session, session, terms)
        today += account.pay_out_delisted(session, terms)
        fills += today
        held = account.positions_on(session)
        positions += held
        days.append(_day(session, account, held, today))
        pending = ()
        if session in targets:
            decided = session
            pending = account.decide(targets[session], terms.rules)
    return Simulation(days=tuple(days), fills=tuple(fills), positions=tuple(positions))


@dataclass(slots=True, kw_only=True)
class _Account:
    """Cash and positions, and the last close of every symbol that had one."""

    cash: Decimal
    held: dict[str, Decimal] = field(default_factory=dict)
    quotes: Mapping[str, Decimal] = field(default_factory=dict)
    last: dict[str, Decimal] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)

    def see(self, quotes: Mapping[str, Decimal]) -> None:
        """Take note of a session's closes."""
        self.quotes = quotes
        self.last.update(quotes)
        for symbol in self.last:
            self.missing[symbol] = 0 if symbol in quotes else self.missing.get(symbol, 0) + 1

    def decide(self, weights: Mapping[str, float], rules: Rules) -> tuple[Order, ...]:
        """Orders by today's closes; what is held without one counts at its last, what is not held is passed over."""
        known = {
            symbol: weight
            for symbol, weight in weights.items()
            if symbol in self.quotes or symbol in self.held
        }
        return propose(known, self.held, self.cash, self.last, rules).orders

    def fill(self, orders: Iterable[Order], decided: date, session: date, terms: Terms) -> list[Fill]:
        """Carry out orders at today's closes, sells first."""
        sells = [self._fill_of(order, decided, session, terms) for order in orders if order.side == "SELL"]
        for fill in sells:
            self._settle(fill)
        buys = [self._fill_of(order, decided, session, terms) for order in orders if order.side == "BUY"]
        buys = _cut_to(self.cash, buys, terms)
        for fill in buys:
            self._settle(fill)
        return sells + buys

    def pay_out_delisted(self, session: date, terms: Terms) -> list[Fill]:
        """Close what has been without a close for too long."""
        gone = [symbol for symbol in sorted(self.held) if self.missing[symbol] >= terms.delisted_after]
        fills = []
        for symbol in gone:
            price = self.last[symbol] * (1 - terms.delisting_loss)
            fill = Fill(
                decided=session,
                session=session,
                symbol=symbol,
                side="SELL",
                quantity=self.held[symbol],
                price=price,
                value=_cents(self.held[symbol] * price),
                cost=ZERO,
                outcome="delisted",
            )
            self._settle(fill)
            fills.append(fill)
        return fills

    def positions_on(self, session: date) -> list[Position]:
        """Every position at its last close."""
        return [
            Position(
                session=session,
                symbol=symbol,
                quantity=quantity,
                price=self.last[symbol],
                value=_cents(quantity * self.last[symbol]),
            )
            for symbol, quantity in sorted(self.held.items())
        ]

    def _fill_of(self, order: Order, decided: date, session: date, terms: Terms) -> Fill:
        price = self.quotes.get(order.symbol)
        quantity = ZERO if price is None else order.quantity
        at = self.last[order.symbol] if price is None else price
        value = _cents(quantity * at)
        return Fill(
            decided=decided,
            session=session,
            symbol=order.symbol,
            side=order.side,
            quantity=quantity,
            price=at,
            value=value,
            cost=_cost(value, terms),
            outcome="no price" if price is None else "filled",
        )

    def _settle(self, fill: Fill) -> None:
        sign = 1 if fill.side == "BUY" else -1
        self.cash -= sign * fill.value + fill.cost
        quantity = self.held.get(fill.symbol, ZERO) + sign * fill.quantity
        if quantity:
            self.held[fill.symbol] = quantity
        else:
            self.held.pop(fill.symbol, None)


def _day(session: date, account: _Account, held: list[Position], fills: list[Fill]) -> Day:
    invested = sum((position.value for position in held), ZERO)
    return Day(
        session=session,
        equity=account.cash + invested,
        cash=account.cash,
        invested=invested,
        bought=sum((fill.value for fill in fills if fill.side == "BUY"), ZERO),
        sold=sum((fill.value for fill in fills if fill.side == "SELL"), ZERO),
        cost=sum((fill.cost for fill in fills), ZERO),
        stale=sum(position.symbol not in account.quotes for position in held),
    )


def _cut_to(cash: Decimal, buys: list[Fill], terms: Terms) -> list[Fill]:
    """The buys, scaled down together where they and their costs exceed the cash."""
    needed = sum((fill.value + fill.cost for fill in buys), ZERO)
    if not buys or needed <= cash:
        return buys
    cut = []
    with localcontext(rounding=ROUND_DOWN):
        # value and cost of each are rounded to the cent, up by at most half a cent each
        share = max(cash - CENT * len(buys), ZERO) / needed
        for fill in buys:
            quantity = (fill.quantity * share).quantize(LOT)
            value = _cents(quantity * fill.price)
            outcome = fill.outcome if fill.outcome == "no price" else "cut to the cash"
            cut.append(
                replace(fill, quantity=quantity, value=value, cost=_cost(value, terms), outcome=outcome)
            )
    return cut


def _cost(value: Decimal, terms: Terms) -> Decimal:
    return _cents(value * terms.cost_bps / 10_000)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def _quotes(closes: Panel, row: int) -> dict[str, Decimal]:
    """A session's closes, exactly as they are printed."""
    return {
        symbol: Decimal(repr(close))
        for symbol, close in zip(closes.symbols, closes.values[row].tolist(), strict=True)
        if close > 0  # NaN is not
    }
