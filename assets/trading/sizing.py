"""Orders that bring an account to its target weights, decided from closing prices alone.

The rules, in this order:

1. A symbol that is held but not targeted is sold whole.
2. A position whose weight is less than ``weight_band`` of the account's value from its target is left alone; a whole
   exit is not. Trades worth less than ``minimum_value`` are left alone too. Both are listed with the reason.
3. Sells come first and never go beyond the position.
4. Buys together, at their limit prices, cost at most the cash plus what the sells bring at theirs; and at reference
   prices they leave the cash that the target leaves (1 less its weights), even where rule 2 kept a position too
   large. Where they would cost more they are scaled down together.
5. Quantities have 4 decimals and are never rounded up. Limit prices are the close plus (buy) or less (sell)
   ``limit_offset``, in cents; without an offset they are market orders, and count at the close.

Weights are fractions throughout; the one percentage is called ``turnover_percent``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal, localcontext
from typing import Literal

from graph import AssetGraphError

Side = Literal["BUY", "SELL"]

CENT = Decimal("0.01")
LOT = Decimal("0.0001")
ZERO = Decimal(0)


class OrdersRefused(AssetGraphError):
    """Inputs from which no order can be decided; ``symbol`` says whose, where it is one symbol's."""

    def __init__(self, message: str, symbol: str | None = None) -> None:
        self.symbol = symbol
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The limits of rules 2 and 5; ``weight_band`` and ``limit_offset`` are fractions, ``minimum_value`` is money."""

    weight_band: Decimal = Decimal("0.01")
    minimum_value: Decimal = Decimal(10)
    limit_offset: Decimal | None = Decimal("0.02")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A limit order, or without ``limit_price`` a market order.

    ``value`` is the quantity at the reference price, the close that it was decided from.
    """

    symbol: str
    side: Side
    quantity: Decimal
    limit_price: Decimal | None
    reference_price: Decimal
    value: Decimal
    weight_before: float
    weight_target: float

    @property
    def worst_value(self) -> Decimal:
        """The most that a buy can cost, the least that a sell can bring, as far as the order says."""
        return self.quantity * (self.reference_price if self.limit_price is None else self.limit_price)


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """A trade that the target asks for and the rules do not make."""

    symbol: str
    side: Side
    value: Decimal
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Orders, sells before buys and symbols in order within each, with what they leave out.

    ``net_value`` is cash and positions at reference prices; ``turnover_percent`` is half of what is bought and sold,
    in percent of it.
    """

    net_value: Decimal
    orders: tuple[Order, ...]
    omissions: tuple[Omission, ...]
    turnover_percent: float


def propose(
    weights: Mapping[str, float],
    positions: Mapping[str, Decimal],
    cash: Decimal,
    prices: Mapping[str, Decimal],
    rules: Rules,
) -> Proposal:
    """The orders that bring the account to ``weights``.

    Args:
        weights: target fractions by stock, without cash.
        positions: quantities held, not negative.
        cash: what is in the account beside them.
        prices: the reference price of everything that is held or targeted.
        rules: see `Rules`.

    Raises:
        OrdersRefused: a weight is not a fraction, a price is missing, a position is short, the account is empty.
    """
    _refuse_wrong_weights(weights)
    held = {symbol: quantity for symbol, quantity in sorted(positions.items()) if quantity != 0}
    wanted = {symbol: weight for symbol, weight in sorted(weights.items()) if weight > 0}
    symbols = sorted(held.keys() | wanted.keys())
    for symbol in symbols:
        _refuse_wrong_price(symbol, prices, "held" if symbol in held else "targeted")
    net_value = _net_value(held, cash, prices)

    asked = [
        _decide(symbol, wanted.get(symbol, 0.0), held.get(symbol, ZERO), prices[symbol], net_value, rules)
        for symbol in symbols
    ]
    omissions = [decided for decided in asked if isinstance(decided, Omission)]
    sells = [decided for decided in asked if isinstance(decided, Order) and decided.side == "SELL"]
    buys = [decided for decided in asked if isinstance(decided, Order) and decided.side == "BUY"]
    kept = (1 - sum((Decimal(repr(weight)) for weight in wanted.values()), ZERO)) * net_value
    funded, unfunded = _fund(buys, sells, cash, kept, rules)
    orders = (*sells, *funded)
    traded = sum((order.value for order in orders), ZERO)
    return Proposal(
        net_value=net_value.quantize(CENT, ROUND_HALF_UP),
        orders=orders,
        omissions=tuple(sorted(omissions + unfunded, key=lambda omission: omission.symbol)),
        turnover_percent=float(traded / 2 / net_value * 100),
    )


def client_order_id(account: str, session: str, attempt: int, symbol: str, side: Side) -> str:
    """The name under which a broker sees an order at most once: equal decisions have equal names.

    >>> client_order_id("paper", "2024-05-06", 1, "AAPL", "BUY")
    'paper:2024-05-06:attempt-1:AAPL:BUY'
    """
    return f"{account}:{session}:attempt-{attempt}:{symbol}:{side}"


def _refuse_wrong_weights(weights: Mapping[str, float]) -> None:
    for symbol, weight in sorted(weights.items()):
        if not math.isfinite(weight) or not 0 <= weight <= 1:
            raise OrdersRefused(
                f"the target weight of '{symbol}' is {weight}: give a fraction from 0 to 1", symbol
            )
    total = math.fsum(weights.values())
    if total > 1 + 1e-6:
        raise OrdersRefused(
            f"target weights sum to {total:.6g}: give fractions that sum to at most 1, not percent"
        )


def _refuse_wrong_price(symbol: str, prices: Mapping[str, Decimal], why: str) -> None:
    price = prices.get(symbol)
    if price is None or not price.is_finite() or price <= 0:
        has = "no price" if price is None else f"the price {price}"
        raise OrdersRefused(
            f"'{symbol}' is {why} and has {has} on the day: mend market/prices, or take it out of the target",
            symbol,
        )


def _decide(
    symbol: str, weight: float, position: Decimal, price: Decimal, net_value: Decimal, rules: Rules
) -> Order | Omission | None:
    """What one symbol asks for, before the cash is looked at."""
    change = Decimal(repr(weight)) * net_value - position * price
    if change == 0:
        return None
    side: Side = "BUY" if change > 0 else "SELL"
    whole_exit = weight == 0
    sign = 1 if side == "BUY" else -1
    quantity = position if whole_exit else abs(change) / price
    quantity = min(quantity, position) if side == "SELL" else quantity
    quantity = quantity.quantize(LOT, ROUND_DOWN)
    limit = None
    if rules.limit_offset is not None:
        # rounded away from the price, so that a limit in cents is never on its wrong side
        rounding = ROUND_UP if side == "BUY" else ROUND_DOWN
        limit = (price * (1 + sign * rules.limit_offset)).quantize(CENT, rounding)
    reason = None
    if abs(change) < rules.weight_band * net_value and not whole_exit:
        reason = f"within {rules.weight_band * 100:f} % of its target"
    elif abs(change) < rules.minimum_value:
        reason = f"worth less than {rules.minimum_value:.2f}"
    elif quantity == 0:
        reason = "the quantity rounds to nothing"
    elif limit is not None and limit == 0:
        reason = "the limit price rounds to nothing"
    if reason is not None:
        return Omission(
            symbol=symbol, side=side, value=abs(change).quantize(CENT, ROUND_HALF_UP), reason=reason
        )
    return Order(
        symbol=symbol,
        side=side,
        quantity=quantity,
        limit_price=limit,
        reference_price=price,
        value=(quantity * price).quantize(CENT, ROUND_HALF_UP),
        weight_before=float(position * price / net_value),
        weight_target=weight,
    )


def _fund(
    buys: list[Order], sells: list[Order], cash: Decimal, kept: Decimal, rules: Rules
) -> tuple[list[Order], list[Omission]]:
    """The buys that the cash allows, scaled down together where it does not allow them all; and those it refuses."""
    share = min(
        _share(cash + sum((sell.worst_value for sell in sells), ZERO), (buy.worst_value for buy in buys)),
        _share(
            cash + sum((sell.value for sell in sells), ZERO) - max(kept, ZERO), (buy.value for buy in buys)
        ),
    )
    if share == 1:
        return buys, []
    funded, unfunded = [], []
    for buy in buys:
        with localcontext(rounding=ROUND_DOWN):  # not even the 28th digit is rounded up
            quantity = (buy.quantity * share).quantize(LOT)
        value = (quantity * buy.reference_price).quantize(CENT, ROUND_HALF_UP)
        if quantity > 0 and value >= rules.minimum_value:
            funded.append(replace(buy, quantity=quantity, value=value))
        else:
            reason = f"the cash allows {value:.2f}, less than {max(rules.minimum_value, CENT):.2f}"
            unfunded.append(Omission(symbol=buy.symbol, side="BUY", value=value, reason=reason))
    return funded, unfunded


def _share(available: Decimal, costs: Iterable[Decimal]) -> Decimal:
    """The part of ``costs`` that ``available`` pays, from 0 to 1."""
    needed = sum(costs, ZERO)
    if needed <= available:
        return Decimal(1)
    with localcontext(rounding=ROUND_DOWN):
        return max(available, ZERO) / needed if needed else Decimal(1)


def _net_value(held: Mapping[str, Decimal], cash: Decimal, prices: Mapping[str, Decimal]) -> Decimal:
    for symbol, quantity in held.items():
        if quantity < 0:
            raise OrdersRefused(
                f"the position in '{symbol}' is {quantity}: short positions are not handled", symbol
            )
    net_value = cash + sum((quantity * prices[symbol] for symbol, quantity in held.items()), ZERO)
    if net_value <= 0:
        raise OrdersRefused(
            f"the account is worth {net_value:.2f}: weights of nothing have no meaning; add cash"
        )
    return net_value
