"""What the broker says of the accounts: orders, fills, positions and money, all looked at together."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from assets.trading.broker import Broker
from checks import between, expression, not_null, one_of, unique
from graph import Out, Run, multi_asset

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_AGE = "no freshness of its own: asked for again when prices move, and after a submission"
_SIDES = ["BUY", "SELL"]


@multi_asset(
    Out(
        name="orders",
        checks=[
            not_null("account", "order_id", "client_order_id", "symbol", "status"),
            unique("account", "client_order_id"),
            one_of("side", _SIDES),
            expression("quantity is null or filled <= quantity", name="no more is filled than was ordered"),
        ],
        unchecked=_AGE,
        description="Every order that the accounts have or had, and how it stands.",
    ),
    Out(
        name="fills",
        checks=[
            not_null("account", "fill_id", "order_id", "symbol", "at"),
            unique("account", "fill_id"),
            one_of("side", _SIDES),
            between("quantity", 0, None, strict_low=True),
            between("price", 0, None, strict_low=True),
        ],
        unchecked=_AGE,
        description="Every execution of the accounts' orders.",
    ),
    Out(
        name="positions",
        checks=[not_null("account", "symbol"), unique("account", "symbol"), expression("quantity <> 0")],
        unchecked=_AGE,
        description="What the accounts hold.",
    ),
    Out(
        name="cash",
        checks=[
            not_null("account", "cash", "equity"),
            unique("account"),
            between("buying_power", 0, None, severity="warn"),
            expression("blocked is null", name="no account is blocked", severity="warn"),
        ],
        unchecked=_AGE,
        description="The accounts' money.",
    ),
    volatile=True,
    accepts=["skipped", "failed", "rejected", "in doubt", "held"],
)
def account_records(
    order_submission: pa.Table | None, prices: pa.Table | None, broker: Broker, run: Run
) -> dict[str, Any]:
    """The broker's records of all accounts, after the orders were submitted and the market has moved.

    A simulated market moves by the prices of a live environment alone: what is only tried moves nobody's orders.

    Returns:
        ``orders``, ``fills``, ``positions`` and ``cash``. Quantities in shares and prices and money in US dollars,
        all decimals with 9 places; times in UTC; null where the broker says nothing.
    """
    if run.live and prices is not None:
        broker.advance(prices)
    names = broker.accounts()
    return {
        "orders": _table(
            (
                {
                    "account": one.account,
                    "order_id": one.id,
                    "client_order_id": one.client_order_id,
                    "symbol": one.symbol,
                    "side": one.side,
                    "kind": one.kind,
                    "status": one.status,
                    "quantity": one.quantity,
                    "limit_price": one.limit_price,
                    "filled": one.filled,
                    "average_price": one.average_price,
                    "submitted_at": one.submitted_at,
                    "closed_at": one.closed_at,
                    "reason": one.reason,
                }
                for name in names
                for one in broker.orders(name, _EVER)
            ),
            text="account order_id client_order_id symbol side kind status reason",
            numbers="quantity limit_price filled average_price",
            times="submitted_at closed_at",
        ),
        "fills": _table(
            (
                {
                    "account": one.account,
                    "fill_id": one.id,
                    "order_id": one.order_id,
                    "symbol": one.symbol,
                    "side": one.side,
                    "quantity": one.quantity,
                    "price": one.price,
                    "at": one.at,
                }
                for name in names
                for one in broker.fills(name, _EVER)
            ),
            text="account fill_id order_id symbol side",
            numbers="quantity price",
            times="at",
        ),
        "positions": _table(
            (
                {
                    "account": one.account,
                    "symbol": one.symbol,
                    "quantity": one.quantity,
                    "average_price": one.average_price,
                    "market_value": one.market_value,
                }
                for name in names
                for one in broker.positions(name)
            ),
            text="account symbol",
            numbers="quantity average_price market_value",
        ),
        "cash": _table(
            (
                {
                    "account": one.account,
                    "cash": one.cash,
                    "buying_power": one.buying_power,
                    "equity": one.equity,
                    "blocked": one.blocked,
                }
                for one in map(broker.account, names)
            ),
            text="account blocked",
            numbers="cash buying_power equity",
        ),
    }


def _table(rows: Iterable[dict[str, Any]], *, text: str, numbers: str, times: str = "") -> pa.Table:
    import pyarrow as pa

    number = pa.decimal128(38, 9)
    fields = [pa.field(name, pa.string()) for name in text.split()]
    fields += [pa.field(name, number) for name in numbers.split()]
    fields += [pa.field(name, pa.timestamp("us", "UTC")) for name in times.split()]
    plain = [{name: rounded(value) for name, value in row.items()} for row in rows]
    return pa.Table.from_pylist(plain, schema=pa.schema(fields))


def rounded(value: Any) -> Any:
    """A number with the places that are kept; anything else as it is."""
    return value.quantize(Decimal("1e-9")) if isinstance(value, Decimal) else value
