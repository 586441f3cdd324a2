"""Orders are submitted once a session, sells first; and the broker's records agree with what was submitted."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assets.trading.account_records import account_records
from assets.trading.broker import Broker, OrderTicket
from assets.trading.faulty_broker import Fault, FaultyBroker
from assets.trading.holdings import Holdings, HoldingsBook
from assets.trading.holdings import holdings as read_holdings
from assets.trading.market_hours import sessions_closed_between
from assets.trading.order_submission import find, order_submission, submit, ticket_of
from assets.trading.reconciliation import reconciliation
from assets.trading.simulated_broker import SimulatedBroker
from checks import Verdict
from graph import Item, NotPerformed, Observation, Refused, source
from graph import resource as provide
from materializers import Workspace, in_memory
from materializers.runner import RunResult, run_plan

D = Decimal
FRIDAY, MONDAY, TUESDAY = (date(2024, 5, day) for day in (3, 6, 7))
EVENING = datetime(2024, 5, 6, 21, tzinfo=UTC)
"""Monday, after the close; the market opens next on Tuesday at 13:30."""
OPEN = datetime(2024, 5, 7, 15, tzinfo=UTC)


class Market:
    """A simulated broker whose clock one can set, the bars that it is told of, and the proposed orders."""

    def __init__(self, folder: Path) -> None:
        self.now = EVENING
        self.faults: deque[Fault] = deque()
        self.simulated = SimulatedBroker(
            path=folder / "broker.sqlite",
            opening_cash={"paper": D(10_000)},
            now=lambda: self.now,
        )
        self.closes = {FRIDAY: {"KO": 60.0, "AAPL": 180.0}, MONDAY: {"KO": 61.0, "AAPL": 181.0}}
        self.orders = [("KO", "BUY", "10"), ("AAPL", "BUY", "5")]
        self.accounts = ["paper"]
        self.session = MONDAY
        self.holdings = Holdings(account="paper", cash=D("10000.00"))
        self.kept: Workspace | None = None

    def broker(self) -> Broker:
        return FaultyBroker(broker=self.simulated, faults=self.faults)

    def proposals(self) -> pa.Table:
        rows = [
            {
                "account": account,
                "session": self.session,
                "client_order_id": f"{symbol}",
                "symbol": symbol,
                "side": side,
                "quantity": D(quantity),
                "limit_price": D("200.00"),
                "omitted": None,
            }
            for account in self.accounts
            for symbol, side, quantity in self.orders
        ]
        left_out = {**rows[0], "symbol": "V", "quantity": None, "omitted": "too small"} if rows else None
        return pa.Table.from_pylist([*rows, *([left_out] if left_out else [])], schema=PROPOSALS)

    def prices(self) -> pa.Table:
        rows = [
            {"symbol": symbol, "session": day, "open": close, "close": close, "volume": 1_000_000}
            for day, closes in self.closes.items()
            for symbol, close in closes.items()
        ]
        return pa.Table.from_pylist(rows)

    def run(self, **config: Any) -> RunResult:
        workspace = in_memory(
            [the_broker, the_market, told_prices, told_proposals, told_holdings, *EFFECT],
            clock=lambda: self.now,
            config={"trading/order_submission": config} if config else {},
        )
        if self.kept is not None:
            workspace.ledger, workspace.store = self.kept.ledger, self.kept.store
        self.kept = workspace
        return run_plan(workspace.plan("*"), workspace, jobs=1)

    def ended(self, **config: Any) -> tuple[str, str]:
        (found,) = [one for one in self.run(**config).results if one.name == "trading/order_submission"]
        return found.outcome, found.reason

    def rows(self, key: str) -> list[dict[str, Any]]:
        assert self.kept is not None
        rows: list[dict[str, Any]] = self.kept.load(key).to_pylist()
        return rows


PROPOSALS = pa.schema(
    [
        ("account", pa.string()),
        ("session", pa.date32()),
        ("client_order_id", pa.string()),
        ("symbol", pa.string()),
        ("side", pa.string()),
        ("quantity", pa.decimal128(18, 4)),
        ("limit_price", pa.decimal128(18, 2)),
        ("omitted", pa.string()),
    ]
)
EFFECT: list[Callable[..., Any]] = [order_submission, account_records, reconciliation]
_markets: list[Market] = []


@provide
def the_market() -> Market:
    return _markets[-1]


@provide
def the_broker() -> Broker:
    return _markets[-1].broker()


@source(name="market/prices")
def told_prices(market: Market) -> Observation:
    return Observation(value=market.prices(), as_of=market.now, ends=True)


@source(name="trading/order_proposals")
def told_proposals(market: Market) -> Observation:
    return Observation(value=market.proposals(), as_of=market.now, ends=True)


@source(name="trading/holdings", stored_as="json")
def told_holdings(market: Market) -> Observation:
    return Observation(value=market.holdings, as_of=market.now, ends=True)


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    _markets.append(Market(tmp_path))
    yield _markets[-1]
    _markets.pop()


def submitted(market: Market) -> list[str]:
    orders = market.simulated.orders("paper", datetime(2024, 1, 1, tzinfo=UTC))
    return [order.client_order_id for order in orders]


def test_the_orders_are_submitted_once_under_their_own_names(market: Market) -> None:
    assert market.ended(when_closed="submit")[0] == "published"
    names = ["paper:2024-05-06:attempt-1:KO:BUY", "paper:2024-05-06:attempt-1:AAPL:BUY"]
    assert submitted(market) == names
    rows = market.rows("trading/order_submission")
    assert [(row["item"], row["outcome"]) for row in rows] == [
        ("paper:KO:BUY", "performed"),
        ("paper:AAPL:BUY", "performed"),
    ]
    assert json.loads(rows[0]["receipt"])["client_order_id"] == names[0]
    assert market.ended(when_closed="submit")[0] == "kept"
    market.orders = [("KO", "BUY", "11")]
    assert market.ended(when_closed="submit")[1].startswith("already performed for 2024-05-06")
    assert submitted(market) == names


JSON = {"orders are JSON", "receipts are JSON"}
"""What Great Expectations itself judges."""


def json_verdicts(market: Market) -> dict[str, Verdict]:
    """What was said of the texts when the orders were submitted, which was published."""
    (found,) = [
        one
        for one in market.run(when_closed="submit").results
        if (one.name, one.outcome) == ("trading/order_submission", "published")
    ]
    return {one.check: one for one in found.verdicts["trading/order_submission"] if one.check in JSON}


def test_great_expectations_itself_judges_the_orders_and_receipts(market: Market) -> None:
    verdicts = json_verdicts(market)
    assert verdicts.keys() == JSON
    assert {(one.passed, one.failing, one.counted, one.error) for one in verdicts.values()} == {
        (True, 0, 2, None)
    }


def test_without_great_expectations_the_orders_are_published_with_a_warning(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    verdicts = json_verdicts(market)
    assert {(one.passed, one.severity) for one in verdicts.values()} == {(False, "warn")}
    assert all("it needs Great Expectations" in (one.error or "") for one in verdicts.values())
    assert len(submitted(market)) == 2


def test_sells_come_before_buys(market: Market) -> None:
    market.ended(when_closed="submit")
    market.closes[TUESDAY] = {"KO": 61.0, "AAPL": 181.0}
    market.now, market.session = datetime(2024, 5, 7, 21, tzinfo=UTC), TUESDAY
    market.simulated.advance(market.prices())
    held = market.simulated.account("paper").cash.quantize(D("0.01"))
    market.holdings = Holdings(account="paper", cash=held, positions={"KO": D(10), "AAPL": D(5)})
    market.orders = [("KO", "BUY", "1"), ("AAPL", "SELL", "2")]
    assert market.ended(when_closed="submit")[0] == "published"
    assert submitted(market)[2:] == [
        "paper:2024-05-07:attempt-1:AAPL:SELL",
        "paper:2024-05-07:attempt-1:KO:BUY",
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({}, "market closed, opens 2024-05-07 13:30 UTC", id="the market is closed"),
        pytest.param(
            {"orders": []}, "there is nothing to order: the account is at its target", id="no orders"
        ),
        pytest.param(
            {"session": FRIDAY},
            "the orders are of 2024-05-03, and 1 sessions have closed since",
            id="too late",
        ),
        pytest.param(
            {"now": OPEN, "holdings": Holdings(account="paper", cash=D("10000.00"), positions={"KO": D(3)})},
            "account 'paper' does not hold what the orders were decided from (0 KO, not 3)",
            id="other holdings",
        ),
        pytest.param(
            {"now": OPEN, "holdings": Holdings(account="paper", cash=D("9000.00"))},
            "account 'paper' does not hold what the orders were decided from (10000.00 in cash, not 9000.00)",
            id="other cash",
        ),
    ],
)
def test_it_is_skipped(market: Market, change: dict[str, Any], reason: str) -> None:
    for name, value in change.items():
        setattr(market, name, value)
    outcome, said = market.ended()
    assert (outcome, said.startswith(reason)) == ("skipped", True), said
    assert submitted(market) == []


def test_it_is_skipped_until_the_market_opens(market: Market) -> None:
    assert market.ended()[0] == "skipped"
    assert market.ended()[1].startswith("skipped until 2024-05-07 13:30 UTC: market closed")
    market.now = OPEN
    assert market.ended()[0] == "published"
    assert len(submitted(market)) == 2


def test_it_is_skipped_while_the_account_has_open_orders(market: Market) -> None:
    market.now = OPEN
    market.simulated.advance(market.prices())
    market.simulated.submit(
        OrderTicket(account="paper", client_order_id="by hand", symbol="KO", side="BUY", quantity=D(1))
    )
    assert market.ended() == ("skipped", "account 'paper' has 1 open orders (KO)")
    market.simulated.cancel("paper", "by hand")
    assert market.ended()[0] == "published"


def test_an_account_with_open_orders_waits_alone(market: Market) -> None:
    market.now, market.accounts = OPEN, ["paper", "second"]
    market.simulated.opening_cash["second"] = D(5_000)
    market.simulated.advance(market.prices())
    market.simulated.submit(
        OrderTicket(account="second", client_order_id="by hand", symbol="KO", side="BUY", quantity=D(1))
    )
    assert market.ended()[0] == "published"
    assert submitted(market) == [f"paper:2024-05-06:attempt-1:{name}:BUY" for name in ("KO", "AAPL")]
    (row,) = [row for row in market.rows("trading/order_submission") if row["outcome"] == "waiting"]
    assert (row["item"], row["reason"]) == ("second", "account 'second' has 1 open orders (KO)")
    assert market.rows("trading/reconciliation"), "what was submitted is reconciled meanwhile"
    assert market.ended() == (
        "held",
        "performed for 2024-05-06, but second waits: account 'second' has 1 open orders (KO)",
    )
    market.simulated.cancel("second", "by hand")
    assert market.ended()[0] == "published"
    orders = market.simulated.orders("second", datetime(2024, 1, 1, tzinfo=UTC))
    assert [order.client_order_id for order in orders][1:] == [
        f"second:2024-05-06:attempt-1:{name}:BUY" for name in ("KO", "AAPL")
    ]
    assert len(submitted(market)) == 2
    assert {row["outcome"] for row in market.rows("trading/order_submission")} == {"performed"}
    assert market.ended()[0] == "kept"


FAULTS: list[tuple[Fault, str]] = [
    ("unreachable", "failed"),
    ("rate limited", "failed"),
    ("unanswered before acceptance", "failed"),
    ("unanswered after acceptance", "published"),
    ("refused", "published"),
]


@pytest.mark.parametrize(("fault", "first"), FAULTS)
def test_whatever_becomes_of_a_submission_no_order_is_doubled_or_lost(
    market: Market, fault: Fault, first: str
) -> None:
    market.faults.append(fault)
    assert market.ended(when_closed="submit")[0] == first
    assert market.ended(when_closed="submit")[0] == ("kept" if first == "published" else "published")
    wanted = ["paper:2024-05-06:attempt-1:KO:BUY", "paper:2024-05-06:attempt-1:AAPL:BUY"]
    assert submitted(market) == (wanted[1:] if fault == "refused" else wanted)
    outcomes = [row["outcome"] for row in market.rows("trading/order_submission")]
    assert outcomes == (["refused", "performed"] if fault == "refused" else ["performed", "performed"])


ITEM = Item(
    effect="trading/order_submission",
    occasion="2024-05-06",
    name="paper:KO:BUY",
    attempt=2,
    payload={"account": "paper", "symbol": "KO", "side": "BUY", "quantity": "10", "limit_price": "62.00"},
)


def test_an_item_is_a_ticket_named_by_account_session_attempt_symbol_and_side() -> None:
    assert ticket_of(ITEM) == OrderTicket(
        account="paper",
        client_order_id="paper:2024-05-06:attempt-2:KO:BUY",
        symbol="KO",
        side="BUY",
        quantity=D(10),
        limit_price=D("62.00"),
    )


def test_another_order_of_that_name_is_a_refusal_and_the_same_one_a_receipt(market: Market) -> None:
    market.simulated.advance(market.prices())
    assert find(ITEM, market.simulated) is None
    receipt = submit(ITEM, market.simulated)
    assert submit(ITEM, market.simulated) == receipt == find(ITEM, market.simulated)
    other = Item(
        effect=ITEM.effect,
        occasion=ITEM.occasion,
        name=ITEM.name,
        attempt=2,
        payload={**ITEM.payload, "quantity": "9"},
    )
    for ask in (submit, find):
        with pytest.raises(Refused, match="is another order that has its name: quantity is 10, not 9"):
            ask(other, market.simulated)


@pytest.mark.parametrize("fault", ["unreachable", "rate limited"])
def test_what_is_known_not_to_be_sent_is_not_performed(market: Market, fault: Fault) -> None:
    market.faults.append(fault)
    with pytest.raises(NotPerformed):
        submit(ITEM, market.broker())


class Forgetful:
    """A broker that finds no order by its name, though it is open: it came a moment after the question."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def find(self, account: str, client_order_id: str) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


def test_an_order_that_came_late_is_found_among_the_open_ones(market: Market) -> None:
    market.simulated.advance(market.prices())
    receipt = submit(ITEM, market.simulated)
    assert find(ITEM, Forgetful(market.simulated)) == receipt  # the rest is delegated


# What the broker says afterwards


def test_the_books_agree_when_the_market_has_moved(market: Market) -> None:
    market.run(when_closed="submit")
    lines = {(row["what"], row["name"]): row for row in market.rows("trading/reconciliation")}
    assert all(row["agrees"] for row in lines.values())
    assert lines["order", "paper:2024-05-06:attempt-1:KO:BUY"]["note"] == "accepted"
    market.closes[TUESDAY] = {"KO": 62.5, "AAPL": 182.0}
    market.now = datetime(2024, 5, 7, 21, tzinfo=UTC)
    result = market.run(when_closed="submit")
    assert result.outcome == "succeeded"
    assert [(row["symbol"], row["quantity"]) for row in market.rows("trading/positions")] == [
        ("AAPL", D(5)),
        ("KO", D(10)),
    ]
    assert [(row["symbol"], row["price"]) for row in market.rows("trading/fills")] == [
        ("KO", D("62.5")),
        ("AAPL", D(182)),
    ]
    (money,) = market.rows("trading/cash")
    assert money["cash"] == D(10_000) - 10 * D("62.5") - 5 * D(182)
    assert {row["status"] for row in market.rows("trading/orders")} == {"filled"}
    lines = {(row["what"], row["name"]): row for row in market.rows("trading/reconciliation")}
    assert all(row["agrees"] for row in lines.values()), lines
    assert set(lines) == {
        *(("order", f"paper:2024-05-06:attempt-1:{name}:BUY") for name in ("KO", "AAPL")),
        *(("filled", f"paper:2024-05-06:attempt-1:{name}:BUY") for name in ("KO", "AAPL")),
        ("position", "KO"),
        ("position", "AAPL"),
        ("cash", "USD"),
    }


def test_without_prices_the_records_are_had_all_the_same(market: Market) -> None:
    def unreachable() -> pa.Table:
        raise ConnectionError("nobody answers")

    market.prices = unreachable
    outcomes = {one.name: one.outcome for one in market.run(when_closed="submit").results}
    assert outcomes["trading/reconciliation"] == "published", outcomes
    assert not market.rows("trading/orders")


def test_without_the_records_there_is_nothing_to_compare(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_: object) -> Any:
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(SimulatedBroker, "accounts", unreachable)
    (found,) = [
        one for one in market.run(when_closed="submit").results if one.name == "trading/reconciliation"
    ]
    assert (found.outcome, found.reason) == ("skipped", "the broker's records could not be had yet")


def test_an_order_that_the_broker_does_not_know_is_told_and_refused(market: Market, tmp_path: Path) -> None:
    market.run(when_closed="submit")
    market.simulated = SimulatedBroker(
        path=tmp_path / "another.sqlite", opening_cash={"paper": D(10_000)}, now=lambda: market.now
    )
    market.closes[MONDAY] = {"KO": 61.5, "AAPL": 181.0}  # so that the records are looked at again
    (found,) = [
        one for one in market.run(when_closed="submit").results if one.name == "trading/reconciliation"
    ]
    assert (found.outcome, found.reason.partition(":")[0]) == (
        "rejected",
        "every order and its fills are as the broker has them",
    )


def test_holdings_may_be_read_from_the_broker(market: Market) -> None:
    market.run(when_closed="submit")
    market.closes[TUESDAY] = {"KO": 62.5, "AAPL": 182.0}
    market.now = datetime(2024, 5, 7, 21, tzinfo=UTC)
    market.simulated.advance(market.prices())
    book = HoldingsBook(account="paper", opening_cash=D(1), broker=market.simulated)
    seen = read_holdings(book)
    assert seen.value == Holdings(account="paper", cash=D("8465.00"), positions={"AAPL": D(5), "KO": D(10)})
    assert not seen.ends
    assert book.identity()["broker"] == "simulated"


@pytest.mark.parametrize(
    ("session", "now", "closed"),
    [
        pytest.param(MONDAY, EVENING, 0, id="the last one that closed"),
        pytest.param(FRIDAY, EVENING, 1, id="a weekend between"),
        pytest.param(MONDAY, OPEN, 0, id="while the next one is open"),
        pytest.param(TUESDAY, EVENING, 0, id="one that has not closed"),
    ],
)
def test_sessions_that_have_closed_since(session: date, now: datetime, closed: int) -> None:
    assert sessions_closed_between(session, now) == closed
