"""What holds for every broker: the laws of `Broker`, over the simulated one and over Alpaca's on this machine.

Both begin on Monday, 2024-05-06, before the opening, with 10,000 USD in each of the accounts ppo and hrp, and know
AAPL at 100, MSFT at 200 and KO at 50 USD.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pytest
from alpaca_server import serving
from pydantic import SecretStr

from assets.market.http_retries import Patience
from assets.trading.alpaca_broker import AlpacaAccount, AlpacaBroker
from assets.trading.broker import Broker, OrderTicket
from assets.trading.broker_errors import AccessRefused, DuplicateOrder, OrderRefused, UnknownOrder
from assets.trading.faulty_broker import FaultyBroker
from assets.trading.simulated_broker import SimulatedBroker

D = Decimal
Ticket = Callable[..., OrderTicket]
MORNING = datetime(2024, 5, 6, 12, tzinfo=UTC)
MONDAY, TUESDAY = date(2024, 5, 6), date(2024, 5, 7)
BEFORE = datetime(2024, 1, 1, tzinfo=UTC)


def close_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 20, tzinfo=UTC)


class Stage(Protocol):
    """A broker and its market."""

    broker: Broker

    def session(self, day: date, *, volume: int | None = None, **prices: str) -> None:
        """A session at one price a symbol, in which up to ``volume`` shares of each can be had."""


@dataclass(slots=True)
class SimulatedStage:
    folder: Path
    now: datetime = MORNING
    broker: Broker = field(init=False)

    def __post_init__(self) -> None:
        self.broker = SimulatedBroker(
            path=self.folder / "broker.sqlite",
            opening_cash={"ppo": D(10000), "hrp": D(10000)},
            now=lambda: self.now,
        )
        self.broker.advance(bars(date(2024, 5, 3), None, AAPL="100", MSFT="200", KO="50"))

    def session(self, day: date, *, volume: int | None = None, **prices: str) -> None:
        self.now = close_of(day)
        self.broker.advance(bars(day, None if volume is None else 10 * volume, **prices))


@dataclass(slots=True)
class AlpacaStage:
    broker: Broker
    control: Any

    def session(self, day: date, *, volume: int | None = None, **prices: str) -> None:
        bound = {} if volume is None else {"volume": str(volume)}
        given = {symbol: {"price": price, **bound} for symbol, price in prices.items()}
        self.control.session(given, close_of(day).isoformat())


def bars(day: date, volume: int | None, **prices: str) -> pa.Table:
    numbers = [float(price) for price in prices.values()]
    return pa.table(
        {
            "symbol": list(prices),
            "session": [day] * len(prices),
            **dict.fromkeys(("open", "high", "low", "close"), numbers),
            "volume": pa.array([volume] * len(prices), pa.int64()),
        }
    )


@pytest.fixture(params=["simulated", "simulated, wrapped", "alpaca"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    if request.param == "alpaca":
        with serving(tmp_path / "alpaca.json") as control:
            keys = {
                name: AlpacaAccount(key=SecretStr(f"key-of-{name}"), secret=SecretStr(f"secret-of-{name}"))
                for name in ("ppo", "hrp")
            }
            patience = Patience(timeout_s=5.0, attempts=2, first_wait_s=0.0)
            yield AlpacaStage(AlpacaBroker(keys=keys, url=control.url, patience=patience), control)
        return
    simulated = SimulatedStage(tmp_path)
    if request.param == "simulated, wrapped":
        simulated.broker = FaultyBroker(broker=simulated.broker)
    yield simulated


def test_what_was_submitted_is_there(stage: Stage, ticket: Ticket) -> None:
    order = ticket("one", quantity="2.5", limit_price="101.25")
    state = stage.broker.submit(order)
    assert stage.broker.find("ppo", "one") == state
    assert state.differences(order) == ()
    assert (state.status, state.filled, state.average_price, state.closed_at) == ("accepted", 0, None, None)
    assert (state.is_open, state.submitted_at) == (True, MORNING)
    assert stage.broker.open_orders("ppo") == stage.broker.orders("ppo", BEFORE) == (state,)


def test_what_was_not_submitted_is_not_there(stage: Stage, ticket: Ticket) -> None:
    stage.broker.submit(ticket("one"))
    assert stage.broker.find("ppo", "two") is None
    assert stage.broker.find("hrp", "one") is None


@pytest.mark.parametrize("fate", ["open", "filled", "canceled", "expired"])
def test_a_name_is_taken_for_ever(stage: Stage, ticket: Ticket, fate: str) -> None:
    order = ticket("one", limit_price="1" if fate == "expired" else "100")
    stage.broker.submit(order)
    if fate == "canceled":
        stage.broker.cancel("ppo", "one")
    elif fate != "open":
        stage.session(MONDAY, AAPL="100")
    before = stage.broker.find("ppo", "one")
    assert before is not None
    assert (before.status == "accepted") if fate == "open" else (before.status == fate)
    for again in (order, ticket("one", symbol="KO", quantity=7)):
        with pytest.raises(
            DuplicateOrder, match="order 'one' of account 'ppo' was not submitted a second"
        ) as caught:
            stage.broker.submit(again)
        assert caught.value.existing == before
    assert stage.broker.orders("ppo", BEFORE) == (before,)


def test_a_name_that_means_another_order_is_seen(stage: Stage, ticket: Ticket) -> None:
    state = stage.broker.submit(ticket("one"))
    assert state.differences(ticket("one", quantity=7, limit_price="100")) == (
        "kind is market, not limit",
        "quantity is 1, not 7",
        "limit_price is None, not 100",
    )


def test_accounts_share_nothing(stage: Stage, ticket: Ticket) -> None:
    stage.broker.submit(ticket("one", quantity=50))
    stage.broker.submit(ticket("one", account="hrp", symbol="KO", quantity=3))
    assert [order.symbol for order in stage.broker.open_orders("ppo")] == ["AAPL"]
    assert [order.symbol for order in stage.broker.open_orders("hrp")] == ["KO"]
    stage.session(MONDAY, AAPL="100", KO="50")
    assert stage.broker.account("ppo").cash == 5000
    assert stage.broker.account("hrp").cash == 9850
    assert [held.symbol for held in stage.broker.positions("hrp")] == ["KO"]
    assert [fill.symbol for fill in stage.broker.fills("hrp", BEFORE)] == ["KO"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"symbol": "AAPLE"}, "AAPLE", id="a symbol that is not known"),
        pytest.param({"symbol": " "}, "it has no symbol", id="no symbol"),
        pytest.param({"quantity": "100.01"}, "insufficient buying power", id="more than the cash"),
        pytest.param({"quantity": 1, "limit_price": "10001"}, "insufficient buying power", id="a high limit"),
        pytest.param({"side": "SELL"}, "insufficient q", id="a sell of what is not held"),
        pytest.param({"quantity": 0}, "more than zero", id="no quantity"),
        pytest.param({"quantity": -1}, "more than zero", id="a negative quantity"),
        pytest.param({"quantity": "NaN"}, "more than zero", id="a quantity that is none"),
        pytest.param({"quantity": "0.0000000001"}, "9 decimals", id="a quantity too fine"),
        pytest.param(
            {"quantity": "1.5", "time_in_force": "gtc"}, "of the day", id="a fraction until canceled"
        ),
        pytest.param({"limit_price": "100.001"}, "2 decimals", id="a limit below the cent"),
        pytest.param({"limit_price": "0.10001"}, "4 decimals", id="a small limit too fine"),
        pytest.param({"limit_price": 0}, "more than zero", id="a limit of nothing"),
        pytest.param({"client_order_id": ""}, "1 to 128 characters, not 0", id="no name"),
        pytest.param({"client_order_id": "x" * 129}, "1 to 128 characters, not 129", id="a long name"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    stage: Stage, ticket: Ticket, changed: dict[str, Any], said: str
) -> None:
    wrong = ticket(**{"client_order_id": "one", **changed})
    with pytest.raises(OrderRefused, match=said) as caught:
        stage.broker.submit(wrong)
    assert not caught.value.again
    assert stage.broker.orders("ppo", BEFORE) == ()
    assert stage.broker.submit(ticket("one")).is_open  # the name is still free


def test_a_name_of_the_greatest_length_is_taken(stage: Stage, ticket: Ticket) -> None:
    name = "paper:2024-05-06:attempt-1:AAPL:BUY".ljust(128, "&")
    stage.broker.submit(ticket(name))
    assert stage.broker.find("ppo", name) is not None


def test_open_buys_bind_the_buying_power(stage: Stage, ticket: Ticket) -> None:
    stage.broker.submit(ticket("one", quantity=60, limit_price="100"))
    assert stage.broker.account("ppo").buying_power == 4000
    assert stage.broker.account("ppo").cash == 10000
    with pytest.raises(OrderRefused, match="insufficient buying power"):
        stage.broker.submit(ticket("two", quantity=41, limit_price="100"))
    stage.broker.cancel("ppo", "one")
    assert stage.broker.submit(ticket("three", quantity=41, limit_price="100")).is_open


def test_open_sells_bind_the_position(stage: Stage, ticket: Ticket) -> None:
    stage.broker.submit(ticket("buy", quantity=10))
    stage.session(MONDAY, AAPL="100")
    stage.broker.submit(ticket("sell", side="SELL", quantity=7, limit_price="150"))
    with pytest.raises(OrderRefused, match="insufficient q"):
        stage.broker.submit(ticket("more", side="SELL", quantity=4))
    assert stage.broker.submit(ticket("rest", side="SELL", quantity=3)).is_open


def test_a_market_order_is_filled_in_the_next_session(stage: Stage, ticket: Ticket) -> None:
    stage.broker.submit(ticket("one", quantity="12.5"))
    stage.session(MONDAY, AAPL="104")
    state = stage.broker.find("ppo", "one")
    assert state is not None
    assert (state.status, state.filled, state.average_price) == ("filled", D("12.5"), 104)
    assert (state.is_open, state.closed_at) == (False, close_of(MONDAY))
    assert stage.broker.open_orders("ppo") == ()
    (fill,) = stage.broker.fills("ppo", BEFORE)
    assert (fill.order_id, fill.symbol, fill.side) == (state.id, "AAPL", "BUY")
    assert (fill.quantity, fill.price, fill.at) == (D("12.5"), 104, close_of(MONDAY))
    (held,) = stage.broker.positions("ppo")
    assert (held.symbol, held.quantity, held.average_price, held.market_value) == (
        "AAPL",
        D("12.5"),
        104,
        1300,
    )
    money = stage.broker.account("ppo")
    assert (money.cash, money.equity, money.buying_power, money.blocked) == (8700, 10000, 8700, None)


def test_what_is_sold_whole_is_no_position(stage: Stage, ticket: Ticket) -> None:
    stage.broker.submit(ticket("buy", quantity="0.5"))
    stage.session(MONDAY, AAPL="100")
    stage.broker.submit(ticket("sell", side="SELL", quantity="0.5"))
    stage.session(TUESDAY, AAPL="120")
    assert stage.broker.positions("ppo") == ()
    assert stage.broker.account("ppo").cash == 10010
    assert [fill.side for fill in stage.broker.fills("ppo", BEFORE)] == ["BUY", "SELL"]


@pytest.mark.parametrize(
    ("side", "limit", "status"),
    [
        pytest.param("BUY", "100", "filled", id="a buy at its limit"),
        pytest.param("BUY", "99.99", "expired", id="a buy below the price"),
        pytest.param("SELL", "100", "filled", id="a sell at its limit"),
        pytest.param("SELL", "100.01", "expired", id="a sell above the price"),
    ],
)
def test_a_limit_is_kept(stage: Stage, ticket: Ticket, side: str, limit: str, status: str) -> None:
    stage.broker.submit(ticket("have", quantity=1))
    stage.session(MONDAY, AAPL="100")
    stage.broker.submit(ticket("one", side=side, limit_price=limit))
    stage.session(TUESDAY, AAPL="100")
    state = stage.broker.find("ppo", "one")
    assert state is not None
    assert (state.status, state.is_open) == (status, False)
    assert state.closed_at == close_of(TUESDAY)


def test_an_order_until_canceled_waits(stage: Stage, ticket: Ticket) -> None:
    stage.broker.submit(ticket("one", limit_price="90", time_in_force="gtc"))
    stage.session(MONDAY, AAPL="100")
    (state,) = stage.broker.open_orders("ppo")
    assert state.status == "accepted"
    stage.session(TUESDAY, AAPL="90")
    assert stage.broker.open_orders("ppo") == ()
    assert [fill.at for fill in stage.broker.fills("ppo", BEFORE)] == [close_of(TUESDAY)]


def test_an_order_of_the_day_that_is_partly_filled_expires(stage: Stage, ticket: Ticket) -> None:
    stage.broker.submit(ticket("one", quantity=10))
    stage.session(MONDAY, AAPL="100", volume=4)
    state = stage.broker.find("ppo", "one")
    assert state is not None
    assert (state.status, state.filled, state.average_price) == ("expired", 4, 100)
    assert stage.broker.account("ppo").cash == 9600


def test_an_order_until_canceled_is_filled_in_parts(stage: Stage, ticket: Ticket) -> None:
    stage.broker.submit(ticket("one", quantity=10, time_in_force="gtc"))
    stage.session(MONDAY, AAPL="100", volume=4)
    (state,) = stage.broker.open_orders("ppo")
    assert (state.status, state.filled, state.is_open) == ("partially_filled", 4, True)
    stage.session(TUESDAY, AAPL="105")
    done = stage.broker.find("ppo", "one")
    assert done is not None
    assert (done.status, done.filled, done.average_price) == ("filled", 10, 103)
    assert [fill.quantity for fill in stage.broker.fills("ppo", BEFORE)] == [4, 6]


def test_what_is_canceled_stays_canceled(stage: Stage, ticket: Ticket) -> None:
    stage.broker.submit(ticket("one"))
    state = stage.broker.cancel("ppo", "one")
    assert (state.status, state.is_open) == ("canceled", False)
    assert stage.broker.cancel("ppo", "one") == state == stage.broker.find("ppo", "one")
    stage.session(MONDAY, AAPL="100")
    assert stage.broker.fills("ppo", BEFORE) == ()


def test_what_is_filled_is_not_canceled(stage: Stage, ticket: Ticket) -> None:
    stage.broker.submit(ticket("one"))
    stage.session(MONDAY, AAPL="100")
    assert stage.broker.cancel("ppo", "one").status == "filled"


def test_what_is_not_there_cannot_be_canceled(stage: Stage) -> None:
    with pytest.raises(UnknownOrder, match="order 'one' of account 'ppo' cannot be canceled: there is none"):
        stage.broker.cancel("ppo", "one")


def test_since_is_included_and_the_order_is_that_of_time(stage: Stage, ticket: Ticket) -> None:
    names = [f"order-{number}" for number in range(7)]
    for name in names[:4]:
        stage.broker.submit(ticket(name))
    stage.session(MONDAY, AAPL="100")
    for name in names[4:]:
        stage.broker.submit(ticket(name))
    stage.session(TUESDAY, AAPL="100")

    def ordered(since: datetime) -> list[str]:
        return [order.client_order_id for order in stage.broker.orders("ppo", since)]

    moment = timedelta(microseconds=1)
    assert ordered(MORNING) == names
    assert ordered(MORNING + moment) == ordered(close_of(MONDAY)) == names[4:]
    assert ordered(close_of(MONDAY) + moment) == []
    assert len(stage.broker.fills("ppo", close_of(MONDAY))) == 7
    assert len(stage.broker.fills("ppo", close_of(MONDAY) + moment)) == 3
    assert stage.broker.fills("ppo", close_of(TUESDAY) + moment) == ()


def test_the_clock_tells_the_hours(stage: Stage) -> None:
    clock = stage.broker.clock()
    assert (clock.at, clock.is_open) == (MORNING, False)
    assert clock.next_open == datetime(2024, 5, 6, 13, 30, tzinfo=UTC)
    assert clock.next_close == close_of(MONDAY)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda broker, ticket: broker.submit(ticket("one", account="pop")), id="submit"),
        pytest.param(lambda broker, _: broker.find("pop", "one"), id="find"),
        pytest.param(lambda broker, _: broker.open_orders("pop"), id="open orders"),
        pytest.param(lambda broker, _: broker.orders("pop", BEFORE), id="orders"),
        pytest.param(lambda broker, _: broker.fills("pop", BEFORE), id="fills"),
        pytest.param(lambda broker, _: broker.positions("pop"), id="positions"),
        pytest.param(lambda broker, _: broker.account("pop"), id="account"),
        pytest.param(lambda broker, _: broker.cancel("pop", "one"), id="cancel"),
    ],
)
def test_an_account_that_is_not_known_is_told(
    stage: Stage, ticket: Ticket, ask: Callable[[Broker, Ticket], object]
) -> None:
    with pytest.raises(AccessRefused, match=r"There are: hrp, ppo\. Did you mean 'ppo'\?"):
        ask(stage.broker, ticket)


def test_looking_changes_nothing(stage: Stage, ticket: Ticket) -> None:
    stage.broker.submit(ticket("one"))

    def seen() -> object:
        broker = stage.broker
        return (
            *(broker.clock(), broker.accounts(), broker.identity(), broker.find("ppo", "one")),
            *(broker.open_orders("ppo"), broker.orders("ppo", BEFORE), broker.fills("ppo", BEFORE)),
            *(broker.positions("ppo"), broker.account("ppo")),
        )

    assert seen() == seen()


def test_it_tells_its_accounts_and_no_secret(stage: Stage) -> None:
    assert stage.broker.accounts() == ("hrp", "ppo")
    told = repr(stage.broker) + repr(stage.broker.identity())
    assert "key-of" not in told
    assert "secret-of" not in told
