"""The orders that would bring the account to its target, for somebody or something else to submit."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from assets.allocation.caps import CASH
from assets.trading.holdings import Holdings
from assets.trading.sizing import OrdersRefused, Proposal, Rules, client_order_id, propose
from checks import between, check, expression, not_null, one_of, unique
from graph import Config, Out, multi_asset

if TYPE_CHECKING:
    import pyarrow as pa


class OrderConfig(Config):
    """The limits of `Rules`, and which attempt at this session's orders it is.

    ``weight_band`` and ``limit_offset`` are fractions, ``minimum_value`` is US dollars. Without ``limit_offset`` the
    orders are market orders.
    """

    weight_band: Decimal = Field(default=Decimal("0.01"), ge=0, lt=1)
    minimum_value: Decimal = Field(default=Decimal(10), ge=0)
    limit_offset: Decimal | None = Field(default=Decimal("0.02"), ge=0, lt=1)
    attempt: int = Field(default=1, ge=1)

    def rules(self) -> Rules:
        """The part that `propose` reads."""
        return Rules(
            weight_band=self.weight_band, minimum_value=self.minimum_value, limit_offset=self.limit_offset
        )


class OrderSummary(BaseModel):
    """What the orders amount to. Money in US dollars; ``turnover_percent`` in percent of ``net_value``.

    ``cash_after`` is what remains when every order is filled at its limit price, the worst that can happen.
    """

    model_config = ConfigDict(frozen=True)

    account: str
    session: date
    decided: date
    attempt: int
    net_value: Decimal
    cash_before: Decimal
    cash_after: Decimal
    bought: Decimal
    sold: Decimal
    turnover_percent: float
    buys: int
    sells: int
    omitted: int


@check
def cash_stays_positive(summary: OrderSummary) -> bool:
    """Filled at their limit prices, the orders leave cash that is not negative."""
    found: Any = summary
    return Decimal(str(found["cash_after"] if isinstance(found, dict) else found.cash_after)) >= 0


@multi_asset(
    Out(
        name="order_proposals",
        checks=[
            not_null("symbol", "side", "value"),
            unique("symbol"),
            unique("client_order_id"),
            one_of("side", ["BUY", "SELL"]),
            between("limit_price", 0, None, strict_low=True),
            between("weight_before", 0, 1),
            between("weight_target", 0, 1),
            expression("(quantity > 0) = (omitted is null)", name="either an order or a reason"),
            expression("side = 'BUY' or quantity <= position", name="no sell beyond the position"),
        ],
        unchecked="no freshness of its own: it is as fresh as market/prices and trading/holdings",
        description="Limit orders from the target weights, and the trades that the rules leave out.",
    ),
    Out(
        name="order_summary",
        checks=[cash_stays_positive],
        stored_as="json",
        unchecked="no freshness of its own: it is as fresh as market/prices and trading/holdings",
        description="What the proposed orders amount to.",
    ),
)
def propose_orders(
    target_weights: pa.Table, prices: pa.Table, holdings: Holdings, config: OrderConfig
) -> dict[str, Any]:
    """Orders from the newest target weights, at the newest session's closes.

    Returns:
        ``order_proposals``, sells first, symbols in order, then what was left out: ``account``, ``session`` (date32,
        whose closes were used), ``decided`` (date32, the target's), ``client_order_id`` (the same for the same
        account, session, attempt, symbol and side), ``symbol``, ``side``, ``quantity`` and ``position`` (shares,
        4 and 9 decimals), ``limit_price``, ``reference_price`` and ``value`` (US dollars), ``weight_before``,
        ``weight_target`` (fractions), ``omitted`` (why there is no order, or null).
        ``order_summary``, an `OrderSummary`.

    Raises:
        OrdersRefused: see `propose`; or there is no target.
    """
    if target_weights.num_rows == 0 or prices.num_rows == 0:
        raise OrdersRefused(
            "there are no target weights or no prices yet: materialize allocation/target_weights"
        )
    decided, weights = newest(target_weights, "weight")
    session, closes = newest(prices, "close")
    weights.pop(CASH, None)
    closing = {symbol: Decimal(repr(close)) for symbol, close in closes.items() if close is not None}
    proposal = propose(weights, holdings.positions, holdings.cash, closing, config.rules())
    names = {
        order.symbol: client_order_id(
            holdings.account, session.isoformat(), config.attempt, order.symbol, order.side
        )
        for order in proposal.orders
    }
    return {
        "order_proposals": _table(proposal, holdings, names, session, decided),
        "order_summary": _summary(proposal, holdings, session, decided, config.attempt),
    }


def newest(table: pa.Table, column: str) -> tuple[date, dict[str, float]]:
    """The last session of a long table, and its values by symbol."""
    import pyarrow.compute as pc

    last = pc.max(table["session"])
    rows = table.filter(pc.equal(table["session"], last))
    return last.as_py(), dict(zip(rows["symbol"].to_pylist(), rows[column].to_pylist(), strict=True))


def _summary(
    proposal: Proposal, holdings: Holdings, session: date, decided: date, attempt: int
) -> OrderSummary:
    cent = Decimal("0.01")
    buys = [order for order in proposal.orders if order.side == "BUY"]
    sells = [order for order in proposal.orders if order.side == "SELL"]
    zero = Decimal(0)
    spent = sum((order.worst_value for order in buys), zero)
    brought = sum((order.worst_value for order in sells), zero)
    return OrderSummary(
        account=holdings.account,
        session=session,
        decided=decided,
        attempt=attempt,
        net_value=proposal.net_value,
        cash_before=holdings.cash,
        cash_after=(holdings.cash + brought - spent).quantize(cent),
        bought=sum((order.value for order in buys), zero).quantize(cent),
        sold=sum((order.value for order in sells), zero).quantize(cent),
        turnover_percent=round(proposal.turnover_percent, 4),
        buys=len(buys),
        sells=len(sells),
        omitted=len(proposal.omissions),
    )


def _table(
    proposal: Proposal, holdings: Holdings, names: dict[str, str], session: date, decided: date
) -> pa.Table:
    import pyarrow as pa

    shared = {"account": holdings.account, "session": session, "decided": decided}
    rows: list[dict[str, Any]] = [
        {
            **shared,
            "client_order_id": names[order.symbol],
            "symbol": order.symbol,
            "side": order.side,
            "quantity": order.quantity,
            "position": holdings.positions.get(order.symbol, Decimal(0)),
            "limit_price": order.limit_price,
            "reference_price": float(order.reference_price),
            "value": order.value,
            "weight_before": order.weight_before,
            "weight_target": order.weight_target,
        }
        for order in proposal.orders
    ]
    rows += [
        {
            **shared,
            "symbol": omission.symbol,
            "side": omission.side,
            "position": holdings.positions.get(omission.symbol, Decimal(0)),
            "value": omission.value,
            "omitted": omission.reason,
        }
        for omission in proposal.omissions
    ]
    return pa.Table.from_pylist(rows, schema=_schema())


def _schema() -> pa.Schema:
    import pyarrow as pa

    dollars, shares, fraction = {"unit": "USD"}, {"unit": "shares"}, {"unit": "fraction of the account"}
    return pa.schema(
        [
            pa.field("account", pa.string()),
            pa.field("session", pa.date32()),
            pa.field("decided", pa.date32()),
            pa.field("client_order_id", pa.string()),
            pa.field("symbol", pa.string()),
            pa.field("side", pa.string()),
            pa.field("quantity", pa.decimal128(18, 4), metadata=shares),
            pa.field("position", pa.decimal128(18, 9), metadata=shares),
            pa.field("limit_price", pa.decimal128(18, 2), metadata=dollars),
            pa.field("reference_price", pa.float64(), metadata=dollars),
            pa.field("value", pa.decimal128(18, 2), metadata=dollars),
            pa.field("weight_before", pa.float64(), metadata=fraction),
            pa.field("weight_target", pa.float64(), metadata=fraction),
            pa.field("omitted", pa.string()),
        ]
    )
