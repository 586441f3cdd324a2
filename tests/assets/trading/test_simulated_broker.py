"""The simulated broker's own laws: money is conserved, days come back in vain, and no death undoes an order."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.market.exchange_sessions import sessions_between
from assets.trading.broker import OrderTicket
from assets.trading.broker_errors import BrokerError, DuplicateOrder, OrderRefused, Unreachable
from assets.trading.session_fills import FillRules
from assets.trading.simulated_broker import SimulatedBroker
from assets.trading.told_bars import BarsRefused

D = Decimal
Ticket = Callable[..., OrderTicket]
ROOT = Path(__file__).resolve().parents[3]
MORNING = datetime(2024, 5, 6, 12, tzinfo=UTC)
FRIDAY, MONDAY, TUESDAY, WEDNESDAY = (date(2024, 5, day) for day in (3, 6, 7, 8))
BEFORE = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    now: datetime = MORNING

    def __call__(self) -> datetime:
        return self.now

    def after(self, day: date) -> None:
        """To the evening of a day."""
        self.now = datetime(day.year, day.month, day.day, 22, tzinfo=UTC)


@dataclass(slots=True)
class World:
    """A broker that was told of Friday, on Monday before the opening."""

    path: Path
    rules: FillRules = FillRules()
    clock: Clock = field(default_factory=Clock)

    def broker(self) -> SimulatedBroker:
        cash = {"ppo": D(10000), "hrp": D(10000)}
        return SimulatedBroker(path=self.path, opening_cash=cash, rules=self.rules, now=self.clock)


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World(tmp_path / "home" / "broker.sqlite")
    found.broker().advance(told((FRIDAY, "AAPL", 100.0), (FRIDAY, "KO", 50.0)))
    return found


def told(*rows: tuple[date, str, float]) -> pa.Table:
    """Closes by session and symbol."""
    days, symbols, closes = zip(*rows, strict=True)
    return pa.table({"session": days, "symbol": symbols, "close": closes})


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: db.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in names}
    db.close()
    return found


def booked(path: Path) -> dict[str, tuple[Decimal, dict[str, Decimal]]]:
    """By account, the cash and the positions that its opening cash and its fills amount to."""
    with sqlite3.connect(path) as db:
        accounts = db.execute("SELECT account, opening_cash FROM accounts").fetchall()
        fills = db.execute("SELECT account, symbol, side, quantity, price FROM fills").fetchall()
    db.close()
    found: dict[str, tuple[Decimal, dict[str, Decimal]]] = {name: (D(cash), {}) for name, cash in accounts}
    for account, symbol, side, quantity, price in fills:
        cash, held = found[account]
        signed = D(quantity) if side == "BUY" else -D(quantity)
        held[symbol] = held.get(symbol, D(0)) + signed
        found[account] = (cash - signed * D(price), held)
    return {
        name: (cash, {symbol: quantity for symbol, quantity in held.items() if quantity})
        for name, (cash, held) in found.items()
    }


def assert_conserved(broker: SimulatedBroker) -> None:
    """Cash and positions are what the opening cash and the fills make, to the last digit."""
    for account, (cash, held) in booked(broker.path).items():
        assert broker.account(account).cash == cash >= 0
        assert {one.symbol: one.quantity for one in broker.positions(account)} == held
        assert all(quantity > 0 for quantity in held.values())


def test_the_same_days_again_change_nothing(world: World, ticket: Ticket) -> None:
    broker = world.broker()
    broker.submit(ticket("day", quantity=3))
    broker.submit(ticket("wait", quantity=3, limit_price="90", time_in_force="gtc"))
    world.clock.after(WEDNESDAY)
    days = told(
        *((day, "AAPL", price) for day, price in ((MONDAY, 99.0), (TUESDAY, 95.0), (WEDNESDAY, 89.0)))
    )
    broker.advance(days)
    after = contents(world.path)
    assert len(after["fills"]) == 2
    for again in (days, days.slice(0, 1), days.slice(1, 2)):
        broker.advance(again)
        assert contents(world.path) == after


def test_days_one_by_one_or_all_at_once_come_to_the_same(tmp_path: Path, ticket: Ticket) -> None:
    days = [(MONDAY, "AAPL", 99.0), (TUESDAY, "AAPL", 95.0), (WEDNESDAY, "AAPL", 89.0)]
    found = []
    for name, parts in (("once", [days]), ("by one", [[day] for day in days])):
        world = World(tmp_path / name)
        world.broker().advance(told((FRIDAY, "AAPL", 100.0)))
        world.broker().submit(ticket("one", quantity=3, limit_price="96", time_in_force="gtc"))
        world.broker().submit(ticket("two"))
        world.clock.after(WEDNESDAY)
        for part in parts:
            world.broker().advance(told(*part))
        found.append(contents(world.path))
    assert found[0] == found[1]


def test_no_price_is_looked_at_before_its_session_has_closed(world: World, ticket: Ticket) -> None:
    broker = world.broker()
    broker.submit(ticket("one"))
    future = told((FRIDAY, "AAPL", 100.0), (MONDAY, "AAPL", 1.0), (TUESDAY, "AAPL", 1.0))
    world.clock.now = datetime(2024, 5, 6, 19, 59, tzinfo=UTC)
    broker.advance(future)
    assert broker.fills("ppo", BEFORE) == ()
    assert broker.account("ppo").buying_power == 9900  # still reckoned at Friday's close
    world.clock.now = datetime(2024, 5, 6, 20, 0, tzinfo=UTC)
    broker.advance(future)
    assert [fill.price for fill in broker.fills("ppo", BEFORE)] == [1]


@pytest.mark.parametrize(
    ("submitted", "session"),
    [
        pytest.param("2024-05-06T13:29:59+00:00", MONDAY, id="before the opening: that day"),
        pytest.param("2024-05-06T13:30:00+00:00", TUESDAY, id="at the opening: the next day"),
        pytest.param("2024-05-06T15:00:00+00:00", TUESDAY, id="while it is open: the next day"),
        pytest.param("2024-05-04T15:00:00+00:00", MONDAY, id="at the weekend: Monday"),
        pytest.param("2024-07-03T20:00:00+00:00", date(2024, 7, 5), id="before a holiday: the day after it"),
    ],
)
def test_an_order_waits_for_the_next_session_that_opens(
    world: World, ticket: Ticket, submitted: str, session: date
) -> None:
    world.clock.now = datetime.fromisoformat(submitted)
    broker = world.broker()
    broker.submit(ticket("one"))
    world.clock.after(session)
    days = sessions_between(FRIDAY, session).tolist()
    broker.advance(told(*((day, "AAPL", 100.0) for day in days)))
    (fill,) = broker.fills("ppo", BEFORE)
    assert fill.at.date() == session


def test_an_order_of_the_day_whose_session_has_no_price_expires(world: World, ticket: Ticket) -> None:
    broker = world.broker()
    broker.submit(ticket("one"))
    world.clock.after(TUESDAY)
    broker.advance(told((TUESDAY, "AAPL", 100.0)))
    state = broker.find("ppo", "one")
    assert state is not None
    assert (state.status, state.reason) == ("expired", "not filled within its session")


def test_a_day_without_a_session_is_refused(world: World, ticket: Ticket) -> None:
    broker = world.broker()
    broker.submit(ticket("one"))
    world.clock.now = datetime(2024, 5, 13, 12, tzinfo=UTC)
    with pytest.raises(BarsRefused, match="prices of 2024-05-11, a day on which the exchange was closed"):
        broker.advance(told((MONDAY, "AAPL", 100.0), (date(2024, 5, 11), "AAPL", 100.0)))
    assert broker.open_orders("ppo")  # nothing of it was done


def test_what_sells_will_bring_counts_or_does_not(world: World, ticket: Ticket) -> None:
    broker = world.broker()
    broker.submit(ticket("all", quantity=100))
    world.clock.after(MONDAY)
    broker.advance(told((MONDAY, "AAPL", 100.0), (MONDAY, "KO", 50.0)))
    broker.submit(ticket("sell", side="SELL", quantity=60))
    buy = ticket("buy", symbol="KO", quantity=120)
    world.rules = FillRules(sells_fund_buys=False)
    with pytest.raises(OrderRefused, match=r"it may cost 6000\.00, and 0\.00 are there"):
        world.broker().submit(buy)
    world.rules = FillRules()
    world.broker().submit(buy)
    world.clock.after(TUESDAY)
    broker.advance(told((TUESDAY, "AAPL", 90.0), (TUESDAY, "KO", 50.0)))
    assert {one.symbol: one.quantity for one in broker.positions("ppo")} == {"AAPL": 40, "KO": 108}
    assert broker.account("ppo").cash == 0  # the sell brought less than it was reckoned at
    assert_conserved(broker)


def test_positions_are_worth_the_last_close(world: World, ticket: Ticket) -> None:
    broker = world.broker()
    broker.submit(ticket("one", quantity=10))
    world.clock.after(TUESDAY)
    broker.advance(told((MONDAY, "AAPL", 100.0), (TUESDAY, "AAPL", 110.0)))
    broker.advance(told((MONDAY, "AAPL", 100.0)))  # an older close does not come back
    assert broker.account("ppo").equity == 10100
    (held,) = broker.positions("ppo")
    assert (held.average_price, held.market_value) == (100, 1100)


def test_opening_cash_is_given_once(world: World) -> None:
    assert world.broker().account("ppo").cash == 10000
    richer = SimulatedBroker(path=world.path, opening_cash={"ppo": D(99)}, now=world.clock)
    assert richer.account("ppo").cash == 10000


days = list(sessions_between(MONDAY, date(2024, 5, 17)).tolist())
moves = st.lists(
    st.one_of(
        st.tuples(
            st.just("order"),
            st.sampled_from(["ppo", "hrp"]),
            st.sampled_from(["AAPL", "KO"]),
            st.sampled_from(["BUY", "SELL"]),
            st.decimals("0.0001", "60", places=4) | st.integers(1, 60).map(Decimal),
            st.none() | st.decimals("30", "130", places=2),
            st.sampled_from(["day", "gtc"]),
        ),
        st.tuples(st.just("cancel"), st.integers(0, 5)),
        st.tuples(
            st.just("session"),
            st.floats(30, 130),
            st.floats(30, 130),
            st.none() | st.integers(0, 400),
        ),
    ),
    max_size=16,
)


@given(moves)
def test_whatever_happens_money_is_conserved(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[Any, ...]]
) -> None:
    world = World(tmp_path_factory.mktemp("conserved") / "broker.sqlite")
    broker = world.broker()
    broker.advance(told((FRIDAY, "AAPL", 100.0), (FRIDAY, "KO", 50.0)))
    left, count = iter(days), 0
    for kind, *what in moves:
        match kind:
            case "order":
                account, symbol, side, quantity, limit, force = what
                if quantity % 1 and force == "gtc":
                    continue
                order = OrderTicket(
                    account=account,
                    client_order_id=str(count),
                    symbol=symbol,
                    side=side,
                    quantity=quantity,
                    limit_price=limit,
                    time_in_force=force,
                )
                count += 1
                try:
                    assert broker.submit(order).differences(order) == ()
                except OrderRefused:
                    assert broker.find(account, order.client_order_id) is None
            case "cancel":
                for account in ("ppo", "hrp"):
                    if broker.find(account, str(what[0])):
                        assert not broker.cancel(account, str(what[0])).is_open
            case "session":
                day = next(left, None)
                if day is None:
                    return
                first, second, volume = what
                world.clock.after(day)
                bars = told((day, "AAPL", first), (day, "KO", second))
                broker.advance(bars.append_column("volume", pa.array([volume] * 2, pa.int64())))
        assert_conserved(broker)


# Several processes, and their death


def test_of_many_submissions_of_one_name_at_once_one_becomes_an_order(world: World, ticket: Ticket) -> None:
    broker = world.broker()

    def attempt(number: int) -> str:
        try:
            return broker.submit(ticket("one", quantity=number + 1)).id
        except DuplicateOrder:
            return "duplicate"

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(attempt, range(24)))
    assert found.count("duplicate") == 23
    assert len(broker.orders("ppo", BEFORE)) == 1


CLIENT = """
import sys
sys.path[:0] = [{root!r}]
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
import pyarrow as pa
from assets.market.exchange_sessions import sessions_between
from assets.trading.broker import OrderTicket
from assets.trading.broker_errors import BrokerError
from assets.trading.market_hours import session_hours
from assets.trading.simulated_broker import SimulatedBroker

now = datetime(2024, 5, 3, 22, tzinfo=UTC)
broker = SimulatedBroker(path=Path({path!r}), opening_cash={{"ppo": Decimal(10000)}}, now=lambda: now)
broker.advance(pa.table({{"session": [date(2024, 5, 3)], "symbol": ["AAPL"], "close": [100.0]}}))
print("ready", flush=True)
sys.stdin.readline()
for number, day in enumerate(sessions_between(date(2024, 5, 6), date(2024, 6, 28)).tolist()):
    name, side = f"{name}-{{number}}", "SELL" if number % 2 else "BUY"
    given = dict(account="ppo", client_order_id=name, symbol="AAPL", side=side, quantity=Decimal(7))
    if broker.find("ppo", name) is None:
        try:
            broker.submit(OrderTicket(**given))
            print(name, flush=True)
        except BrokerError:
            pass
    now = session_hours(day)[1]
    broker.advance(pa.table({{"session": [day], "symbol": ["AAPL"], "close": [100.0 + number % 5]}}))
"""


def client_of(path: Path, name: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", CLIENT.format(root=str(ROOT), path=str(path), name=name)]
    started = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout.readline() == "ready\n"
    return started


@pytest.mark.faults(small=3, full=50)
def test_killed_at_any_moment_no_order_is_lost_or_doubled(tmp_path: Path, fault_seed: int) -> None:
    """Two clients trade in one file; one is killed after some of its orders, wherever it is then, and comes again."""
    chance = random.Random(fault_seed)
    path = tmp_path / "broker.sqlite"
    doomed, other = client_of(path, "doomed"), client_of(path, "other")
    for client in (doomed, other):
        client.stdin.write("go\n")
        client.stdin.flush()
    said = {doomed.stdout.readline().strip() for _ in range(chance.randrange(1, 10))}
    Event().wait(chance.uniform(0, 0.02))
    doomed.send_signal(signal.SIGKILL)
    said |= {*doomed.communicate()[0].split(), *other.communicate(timeout=60)[0].split()}
    assert (doomed.returncode, other.returncode) == (-signal.SIGKILL, 0)
    again = client_of(path, "doomed")
    said |= set(again.communicate("go\n", timeout=60)[0].split())
    assert again.returncode == 0

    broker = SimulatedBroker(path=path, opening_cash={"ppo": D(10000)})
    names = [order.client_order_id for order in broker.orders("ppo", BEFORE)]
    assert len(names) == len(set(names))
    assert said <= set(names)  # whatever was accepted is there
    assert broker.open_orders("ppo") == ()
    assert_conserved(broker)


@pytest.mark.faults(small=3, full=50)
def test_many_processes_may_make_the_file_together(tmp_path: Path, fault_seed: int) -> None:
    path = tmp_path / f"{fault_seed}.sqlite"
    broker = SimulatedBroker(path=path, opening_cash={"ppo": D(1)})
    with ThreadPoolExecutor(8) as pool:
        assert {money.cash for money in pool.map(lambda _: broker.account("ppo"), range(8))} == {1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            b"this is no database, and long enough to be looked at" * 20,
            "not a database",
            id="no file of ours",
        ),
        pytest.param(None, "unable to open|is a directory", id="a folder"),
    ],
)
def test_a_file_that_cannot_be_used_took_no_order(
    tmp_path: Path, ticket: Ticket, text: bytes | None, said: str
) -> None:
    path = tmp_path / "broker.sqlite"
    path.mkdir() if text is None else path.write_bytes(text)
    broker = SimulatedBroker(path=path, opening_cash={"ppo": D(1)})
    with pytest.raises(Unreachable, match=said):
        broker.submit(ticket("one"))


def test_a_file_of_another_version_is_told(world: World) -> None:
    with sqlite3.connect(world.path) as db:
        db.execute("PRAGMA user_version = 7")
    db.close()
    with pytest.raises(BrokerError, match="has schema 7, and this program knows 1"):
        world.broker().account("ppo")


def test_the_identity_says_what_changes_the_data_and_not_where_it_is(world: World) -> None:
    assert world.broker().identity() == {
        "broker": "simulated",
        "opening_cash": "hrp=10000,ppo=10000",
        "participation": "0.1",
        "sells_fund_buys": "True",
    }


def test_making_one_touches_nothing(tmp_path: Path) -> None:
    broker = World(tmp_path / "home" / "broker.sqlite").broker()
    assert broker.identity()
    assert broker.clock().next_open - MORNING == timedelta(minutes=90)
    assert not broker.path.parent.exists()
