"""Submitting the proposed orders, each once: the effect of the trading assets."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from assets.trading.broker import Broker, OrderState, OrderTicket
from assets.trading.broker_errors import DuplicateOrder, NotAccepted, OrderRefused, order_of
from assets.trading.holdings import Holdings
from assets.trading.market_hours import sessions_closed_between
from assets.trading.sizing import CENT, client_order_id
from checks import expect, expression, one_of, unique
from graph import Config, Intents, Item, NotPerformed, Refused, Run, Skip, effect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    import pyarrow as pa


class SubmissionConfig(Config):
    """When orders are submitted.

    ``when_closed``: while the market is closed, ``skip`` until it opens, or ``submit`` for the next session.
    ``sessions_late``: how many sessions may have closed since the one whose prices decided the orders.
    ``same_holdings``: only if the account holds what the orders were decided from.
    """

    when_closed: Literal["skip", "submit"] = "skip"
    sessions_late: int = Field(default=0, ge=0)
    same_holdings: bool = True


def submit(item: Item, broker: Broker) -> dict[str, str]:
    """Place the order of an item under the name that its key gives it.

    Raises:
        NotPerformed: there is no order, and another attempt may fare better.
        Refused: there is none, and there will be none.
        BrokerError: there may be one.
    """
    ticket = ticket_of(item)
    try:
        return receipt_of(broker.submit(ticket), ticket)
    except OrderRefused as error:
        raise Refused(str(error)) from error
    except NotAccepted as error:
        raise NotPerformed(str(error), retry_after=getattr(error, "retry_after", None)) from error
    except DuplicateOrder as error:
        if error.existing is None:
            raise
        return receipt_of(error.existing, ticket)


def find(item: Item, broker: Broker) -> dict[str, str] | None:
    """The order of an item, if the account has it; open orders are looked through as well, for one that came late."""
    ticket = ticket_of(item)
    found = broker.find(ticket.account, ticket.client_order_id)
    if found is None:
        waiting = broker.open_orders(ticket.account)
        found = next((one for one in waiting if one.client_order_id == ticket.client_order_id), None)
    return None if found is None else receipt_of(found, ticket)


@effect(
    perform=submit,
    reconcile=find,
    checks=[
        unique("item"),
        one_of("outcome", ["performed", "refused", "waiting", "not performed", "rehearsed"]),
        expression("outcome <> 'performed' or receipt is not null", name="what was performed has a receipt"),
        expression("outcome <> 'refused'", name="no order was refused", severity="warn"),
        # A warning: who is without Great Expectations has no judge of it, and orders that are out have to be told.
        expect.column_values_to_be_json_parseable("payload", name="orders are JSON", severity="warn"),
        expect.column_values_to_be_json_parseable("receipt", name="receipts are JSON", severity="warn"),
    ],
    unchecked="no freshness of its own: it is done once a session",
)
def order_submission(
    order_proposals: pa.Table,
    holdings: Holdings,
    prices: pa.Table,
    broker: Broker,
    config: SubmissionConfig,
    run: Run,
) -> Intents | Skip:
    """The proposed orders, submitted to the broker, sells before buys: once a session, under their own names.

    Skipped while the market is closed, and when the orders are of an older session. An account waits, while the
    others' orders are submitted, as long as it has open orders or does not hold what its orders were decided from.

    Returns:
        One item an order, named ``account:symbol:side``; its receipt is the broker's ``id`` of it, the
        ``client_order_id``, the ``status`` and when it was ``submitted``.
    """
    orders = [row for row in order_proposals.to_pylist() if row["omitted"] is None]
    if not orders:
        return Skip("there is nothing to order: the account is at its target")
    if run.live:
        broker.advance(prices)
    session: date = orders[0]["session"]
    clock = broker.clock()
    late = sessions_closed_between(session, clock.at)
    if late > config.sessions_late:
        return Skip(
            f"the orders are of {session}, and {late:,} sessions have closed since: too late to submit them. To trade"
            f" in a past market, let the simulated broker's clock stand: TRADING_CLOCK={session}T20:30:00-05:00"
        )
    if not clock.is_open and config.when_closed == "skip":
        opens = run.now + (clock.next_open - clock.at)  # by our clock: the market's may stand still
        return Skip(f"market closed, opens {clock.next_open:%Y-%m-%d %H:%M %Z}", until=opens)
    waiting = {}
    for account in sorted({row["account"] for row in orders}):
        book = holdings if config.same_holdings and account == holdings.account else None
        if reason := why_it_waits(account, book, broker):
            waiting[account] = reason
    orders.sort(key=lambda row: row["side"] != "SELL")
    return Intents(
        occasion=session.isoformat(),
        items={
            f"{row['account']}:{row['symbol']}:{row['side']}": _payload(row)
            for row in orders
            if row["account"] not in waiting
        },
        waiting=waiting,
        until=run.now + (clock.next_close - clock.at),
    )


def why_it_waits(account: str, holdings: Holdings | None, broker: Broker) -> str:
    """Why nothing can be submitted to an account now, in words; empty where it can.

    Args:
        holdings: what it should hold; None where that does not matter.
    """
    open_orders = broker.open_orders(account)
    if open_orders:
        names = ", ".join(sorted(one.symbol for one in open_orders)[:5])
        return f"account '{account}' has {len(open_orders)} open orders ({names})"
    if holdings is not None and (moved := differences(holdings, broker)):
        return (
            f"account '{account}' does not hold what the orders were decided from ({moved}); let trading/holdings"
            " read it: TRADING_HOLDINGS=broker"
        )
    return ""


def differences(holdings: Holdings, broker: Broker) -> str:
    """In what an account is not as the orders took it to be, in words; empty where it is."""
    held = Counter({one.symbol: one.quantity for one in broker.positions(holdings.account)})
    taken = Counter({symbol: quantity for symbol, quantity in holdings.positions.items() if quantity})
    found = [
        f"{held.get(symbol, 0)} {symbol}, not {taken.get(symbol, 0)}"
        for symbol in sorted(held.keys() | taken.keys())
        if held.get(symbol, 0) != taken.get(symbol, 0)
    ]
    cash = broker.account(holdings.account).cash
    if cash.quantize(CENT, ROUND_DOWN) != holdings.cash:
        found.append(f"{cash:.2f} in cash, not {holdings.cash:.2f}")
    return ", ".join(found[:3])


def ticket_of(item: Item) -> OrderTicket:
    """The order of an item, named by account, session, attempt, symbol and side."""
    told: Mapping[str, Any] = item.payload
    return OrderTicket(
        account=told["account"],
        client_order_id=client_order_id(
            told["account"], item.occasion, item.attempt, told["symbol"], told["side"]
        ),
        symbol=told["symbol"],
        side=told["side"],
        quantity=Decimal(told["quantity"]),
        limit_price=None if told["limit_price"] is None else Decimal(told["limit_price"]),
    )


def receipt_of(state: OrderState, ticket: OrderTicket) -> dict[str, str]:
    """The proof that an order is there.

    Raises:
        Refused: another order has its name.
    """
    other = state.differences(ticket)
    if other:
        raise Refused(f"{order_of(ticket)} is another order that has its name: {'; '.join(other)}")
    return {
        "id": state.id,
        "client_order_id": state.client_order_id,
        "status": state.status,
        "submitted": state.submitted_at.isoformat(),
    }


def performed(receipts: Iterable[Mapping[str, Any]]) -> list[OrderTicket]:
    """The orders of a table of receipts that were accepted."""
    import json

    return [
        ticket_of(
            Item(
                effect="trading/order_submission",
                occasion=row["occasion"],
                name=row["item"],
                attempt=row["attempt"],
                payload=json.loads(row["payload"]),
            )
        )
        for row in receipts
        if row["outcome"] == "performed"
    ]


def _payload(row: Mapping[str, Any]) -> dict[str, str | None]:
    limit = row["limit_price"]
    return {
        "account": row["account"],
        "symbol": row["symbol"],
        "side": row["side"],
        "quantity": f"{row['quantity'].normalize():f}",
        "limit_price": None if limit is None else f"{limit:f}",
    }
