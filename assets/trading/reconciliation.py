"""Whether our receipts, the broker's fills, its positions and its money tell the same story."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from assets.trading.order_submission import performed
from checks import expression, not_null, one_of, unique
from graph import Previous, Skip, asset

if TYPE_CHECKING:
    import pyarrow as pa

_ZERO = Decimal(0)
_CENT = Decimal("0.01")
Row = dict[str, Any]


@asset(
    checks=[
        not_null("account", "what", "name", "agrees"),
        unique("account", "what", "name"),
        one_of("what", ["order", "filled", "position", "cash"]),
        expression(
            "agrees or what in ('position', 'cash')",
            name="every order and its fills are as the broker has them",
        ),
        expression("agrees", name="positions and cash are what the fills made of them", severity="warn"),
    ],
    unchecked="no freshness of its own: it is as fresh as the broker's records",
    accepts=["skipped", "failed", "rejected", "in doubt", "held"],
)
def reconciliation(
    order_submission: pa.Table | None,
    orders: pa.Table | None,
    fills: pa.Table | None,
    positions: pa.Table | None,
    cash: pa.Table | None,
    previous: Previous,
) -> pa.Table | Skip:
    """Our books against the broker's, a line for each thing that both know.

    A split, a dividend or a deposit moves positions or cash without a fill: that is told, and not refused. Cash counts
    from the first reconciliation on.

    Returns:
        ``account``, ``what`` (order: what was submitted is there; filled: an order's fills add up; position: the fills
        of a symbol add up; cash: it moved by the fills), ``name`` (of the order, symbol or currency), ``ours`` and
        ``theirs`` (shares or US dollars, 9 decimals), ``agrees``, ``note``.
    """
    import pyarrow as pa

    if orders is None or fills is None or positions is None or cash is None:
        return Skip("the broker's records could not be had yet")
    known = orders.to_pylist()
    told = fills.to_pylist()
    rows = [
        *_submitted([] if order_submission is None else order_submission.to_pylist(), known),
        *_filled(known, told),
        *_held(positions.to_pylist(), told),
        *_moved(cash.to_pylist(), told, previous.value),
    ]
    number = pa.decimal128(38, 9)
    fields = [("account", pa.string()), ("what", pa.string()), ("name", pa.string())]
    fields += [("ours", number), ("theirs", number), ("agrees", pa.bool_()), ("note", pa.string())]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def _submitted(receipts: list[Row], known: list[Row]) -> Iterator[Row]:
    """Every order that we have a receipt of is there, as it was submitted."""
    by_name = {(row["account"], row["client_order_id"]): row for row in known}
    for ticket in performed(receipts):
        found = by_name.get((ticket.account, ticket.client_order_id))
        same = found is not None and (found["symbol"], found["side"], found["quantity"]) == (
            ticket.symbol,
            ticket.side,
            ticket.quantity,
        )
        yield {
            "account": ticket.account,
            "what": "order",
            "name": ticket.client_order_id,
            "ours": ticket.quantity,
            "theirs": None if found is None else found["quantity"],
            "agrees": same,
            "note": "the broker does not know it" if found is None else found["status"],
        }


def _filled(known: list[Row], told: list[Row]) -> Iterator[Row]:
    """The fills of every order add up to what the broker says is filled of it."""
    sums: Mapping[tuple[str, str], Decimal] = _sums(
        ((one["account"], one["order_id"]), one["quantity"]) for one in told
    )
    for row in known:
        ours = sums.get((row["account"], row["order_id"]), _ZERO)
        yield _line(row["account"], "filled", row["client_order_id"], ours, row["filled"])


def _held(held: list[Row], told: list[Row]) -> Iterator[Row]:
    """The fills of every symbol add up to what is held of it."""
    sums = _sums(((one["account"], one["symbol"]), _signed(one) * one["quantity"]) for one in told)
    theirs = {(row["account"], row["symbol"]): row["quantity"] for row in held}
    for account, symbol in sorted(sums.keys() | theirs.keys()):
        key = account, symbol
        yield _line(account, "position", symbol, sums.get(key, _ZERO), theirs.get(key, _ZERO))


def _moved(money: list[Row], told: list[Row], previous: pa.Table | None) -> Iterator[Row]:
    """The cash moved by what the fills cost and brought; the note keeps what was there without them."""
    sums = _sums((one["account"], -_signed(one) * one["quantity"] * one["price"]) for one in told)
    before = (
        {row["account"]: row for row in previous.to_pylist() if row["what"] == "cash"} if previous else {}
    )
    for row in money:
        account, theirs = row["account"], row["cash"]
        traded = sums.get(account, _ZERO)
        kept = before[account]["note"] if account in before else None
        opening = theirs - traded if kept is None else Decimal(kept.rsplit(" ", 1)[-1])
        line = _line(account, "cash", "USD", opening + traded, theirs)
        agrees = abs(line["ours"] - line["theirs"]) < _CENT
        yield {**line, "agrees": agrees, "note": f"without the fills {opening.normalize():f}"}


def _line(account: str, what: str, name: str, ours: Decimal, theirs: Decimal) -> Row:
    ours = ours.quantize(Decimal("1e-9"))
    return {
        "account": account,
        "what": what,
        "name": name,
        "ours": ours,
        "theirs": theirs,
        "agrees": ours == theirs,
        "note": None,
    }


def _signed(fill: Row) -> int:
    return 1 if fill["side"] == "BUY" else -1


def _sums(pairs: Any) -> dict[Any, Decimal]:
    found: dict[Any, Decimal] = defaultdict(Decimal)
    for key, amount in pairs:
        found[key] += amount
    return dict(found)
