"""Effects under fire: killed at every instant, and every fault a network has. Nothing twice, nothing lost."""

from __future__ import annotations

import importlib.util
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from materializers.sql_ledger import open_sqlite_ledger

if TYPE_CHECKING:
    from alpaca_server import Control

HERE = Path(__file__).parent
SERVER = HERE.parent / "assets" / "trading" / "alpaca_server.py"


def _loaded(name: str, path: Path) -> Any:
    """A module beside the tests, which no path leads to."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


POINTS = _loaded("fire_children", HERE / "fire_children.py").POINTS

HEAD = """
from __future__ import annotations

import json
import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from checks import expression, unique
from graph import Execution, Intents, Item, Observation, asset, effect, resource, source

FOLDER = Path(__file__).parent


@source
def orders() -> Observation:
    return Observation(value=json.loads((FOLDER / "orders.json").read_text()))


@asset
def proposals(orders: dict[str, Any]) -> dict[str, Any]:
    return {"day": orders["day"], "items": dict(sorted(orders["items"].items())), "busy": orders["busy"]}
"""

WORLD = '''

class World:
    """A world that would do anything twice: it only writes down what it was told to do."""

    def append(self, line: str) -> None:
        place = os.open(FOLDER / "done.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(place, f"{line}\\n".encode())
        os.close(place)

    def lines(self) -> list[str]:
        try:
            return (FOLDER / "done.txt").read_text().splitlines()
        except FileNotFoundError:
            return []


@resource
def world() -> World:
    return World()


def perform(item: Item, world: World) -> str:
    world.append(f"{item.key} {json.dumps(item.payload)}")
    return "done"


def reconcile(item: Item, world: World) -> str | None:
    return "found" if any(line.startswith(f"{item.key} ") for line in world.lines()) else None


'''

ALPACA = """
from assets.market.http_retries import Patience
from assets.trading.alpaca_broker import AlpacaAccount, AlpacaBroker
from assets.trading.broker import Broker
from assets.trading.order_submission import find as reconcile
from assets.trading.order_submission import submit as perform
from pydantic import SecretStr


@resource
def broker() -> Broker:
    keys = AlpacaAccount(key=SecretStr("key-of-ppo"), secret=SecretStr("secret-of-ppo"))
    patience = Patience(timeout_s=0.3, attempts=2, longest_wait_s=0.01)
    return AlpacaBroker(keys={"ppo": keys}, url=(FOLDER / "url.txt").read_text(), patience=patience)


"""

SENT = """
@effect(
    perform=perform,
    reconcile=reconcile,
    checks=[unique("item"), expression("outcome <> 'performed' or receipt is not null")],
    run=Execution(retries={retries}, retry_delay=timedelta(0)),
)
def sent(proposals: dict[str, Any]) -> Intents:
    {body}
"""
BODIES = (
    'return Intents(occasion=proposals["day"], items=proposals["items"], waiting=proposals["busy"])',
    'got = proposals\n    return Intents(items=got["items"], waiting=got["busy"], occasion=got["day"])',
    'told = {**proposals}\n    return Intents(occasion=told["day"], items=told["items"], waiting=told["busy"])',
)
"""The same, written in other ways: each has a code digest of its own."""


class Children:
    """A process that forks a child for each run."""

    def __init__(self) -> None:
        words = [sys.executable, str(HERE / "fire_children.py")]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, folder: Path, kill: list[Any] | None = None) -> tuple[int, dict[str, Any]]:
        """How a child ended: its exit code, and what it said."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"folder": str(folder), "kill": kill}) + "\n")
        self.process.stdin.flush()
        code, told = json.loads(self.process.stdout.readline())
        return code, json.loads(told) if told else {}

    def close(self) -> None:
        self.process.communicate()


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    made = Children()
    yield made
    made.close()


class Desk:
    """A project whose orders and code change, run after run."""

    def __init__(self, folder: Path, children: Children, world: str, *, retries: int = 0) -> None:
        self.folder, self.children, self.world, self.retries = folder, children, world, retries
        (folder / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["desk"]\n')
        self.write(0)

    def write(self, body: int) -> None:
        """The code, in one of the ways to write it."""
        sent = SENT.replace("{body}", BODIES[body]).replace("{retries}", str(self.retries))
        (self.folder / "desk.py").write_text(HEAD + self.world + sent)

    def order(self, day: str, items: dict[str, Any], busy: Mapping[str, str] | None = None) -> None:
        told = {"day": day, "items": items, "busy": busy or {}}
        (self.folder / "orders.json").write_text(json.dumps(told))

    def run(self, kill: list[Any] | None = None) -> dict[str, Any]:
        code, told = self.children.run(self.folder, kill)
        assert code in (0, -9), told
        return told

    def finish(self) -> dict[str, Any]:
        """Run until it ends well; a few times are enough, and each finds out something."""
        for _ in range(4):
            told = self.run()
            if told["outcome"] == "succeeded":
                return told
        raise AssertionError(told)

    def items(self) -> dict[tuple[str, str], Any]:
        """By occasion and name, each item that was decided, as the ledger has it."""
        ledger = open_sqlite_ledger(self.folder / ".assets" / "ledger.sqlite")
        try:
            return {
                (one.key.occasion, one.key.item): one
                for one in ledger.effects.of("main", "desk/sent")
                if one.state != "dropped"
            }
        finally:
            ledger.close()

    def histories(self) -> list[list[str]]:
        ledger = open_sqlite_ledger(self.folder / ".assets" / "ledger.sqlite")
        try:
            return [
                [event.state for event in ledger.effects.history(one.key)]
                for one in ledger.effects.of("main", "desk/sent")
            ]
        finally:
            ledger.close()


FOLLOWS = {
    "planned": {"planned", "intended", "dropped"},
    "waiting": {"waiting", "dropped"},
    "dropped": {"planned", "waiting", "dropped"},
    "intended": {"accepted", "refused", "planned", "in doubt"},
    "in doubt": {"accepted", "refused", "planned", "in doubt"},
}
"""What may become of an item. Above all: nothing is intended twice without a word that nothing was done."""


def assert_every_doubt_was_settled(desk: Desk) -> int:
    """Answers how many items were in doubt."""
    histories = desk.histories()
    for history in histories:
        for state, following in pairwise(history):
            assert following in FOLLOWS[state], history
        assert history[-1] in ("accepted", "refused", "dropped"), history
    return sum("in doubt" in history for history in histories)


STEPS = 32_000
"""About so many Python functions are called by a run of this desk, from the plan to its end."""


def a_death(chance: random.Random) -> list[Any]:
    if chance.random() < 0.5:
        return ["step", chance.randint(1, STEPS)]
    return ["point", chance.choice(POINTS), chance.choice(["before", "after"]), chance.randint(1, 3)]


def some_items(chance: random.Random) -> dict[str, Any]:
    names = chance.sample(["AAPL", "KO", "MSFT"], chance.randint(1, 3))
    return {name: {"quantity": chance.randint(1, 5)} for name in names}


@pytest.mark.faults(small=3, full=200)
def test_killed_at_any_instant_nothing_is_done_twice_and_nothing_is_lost(
    tmp_path: Path, children: Children, fault_seed: int
) -> None:
    """In a world that would do it twice: what keeps it from that is the ledger alone."""
    chance = random.Random(fault_seed)
    desk = Desk(tmp_path, children, WORLD, retries=chance.randint(0, 1))
    for day in ("monday", "tuesday"):
        first = some_items(chance)
        desk.order(day, first)
        for _ in range(chance.randint(1, 3)):
            desk.run(a_death(chance))
            if chance.random() < 0.5:  # inputs that move within the day, and may come back: A -> B -> A
                desk.order(day, chance.choice([first, some_items(chance)]))
            if chance.random() < 0.5:
                desk.write(chance.randrange(len(BODIES)))
        desk.finish()
    desk.finish()
    done = [line.split(" ", 1) for line in (tmp_path / "done.txt").read_text().splitlines()]
    keys = [key for key, _ in done]
    assert len(keys) == len(set(keys)), "done twice"
    items = desk.items()
    assert {one.state for one in items.values()} == {"accepted"}, "something is lost or left in doubt"
    assert set(keys) == {f"desk/sent:{day}:{name}:1" for day, name in items}
    assert_every_doubt_was_settled(desk)
    told = {key: json.loads(payload) for key, payload in done}
    assert told == {
        f"desk/sent:{day}:{name}:1": json.loads(one.payload) for (day, name), one in items.items()
    }


@pytest.mark.faults(small=2, full=60)
def test_killed_while_a_group_waits_and_when_it_is_free(
    tmp_path: Path, children: Children, fault_seed: int
) -> None:
    """What was done for the others stands, and what waited is done once, as it is decided then."""
    chance = random.Random(3000 + fault_seed)
    desk = Desk(tmp_path, children, WORLD)
    first, then = (
        {f"{group}:{name}": told for group in "xy" for name, told in some_items(chance).items()} for _ in "12"
    )
    for items, busy in ((first, {"y": "busy"}), (then, {})):
        desk.order("monday", {name: told for name, told in items.items() if name[0] not in busy}, busy)
        for _ in range(chance.randint(1, 2)):
            desk.run(a_death(chance))
        desk.finish()
    lines = [line.split(" ", 1) for line in (tmp_path / "done.txt").read_text().splitlines()]
    done = {
        key.removeprefix("desk/sent:monday:").replace("%3A", ":"): json.loads(told) for key, told in lines
    }
    assert len(done) == len(lines), "done twice"
    wanted = {name: told for name, told in first.items() if name[0] == "x"}
    wanted |= {name: told for name, told in then.items() if name[0] == "y"}
    assert done == {f"{name}:1": told for name, told in wanted.items()}
    assert_every_doubt_was_settled(desk)


@pytest.mark.faults(small=2, full=60)
def test_two_runs_at_once_while_one_of_them_is_killed(
    tmp_path: Path, children: Children, fault_seed: int
) -> None:
    chance = random.Random(2000 + fault_seed)
    desk = Desk(tmp_path, children, WORLD, retries=1)
    desk.order("monday", some_items(chance))
    desk.run(["step", chance.randint(1, 3000)])  # so that there is a ledger, or nearly
    others = Children()
    try:
        with ThreadPoolExecutor(2) as pool:
            for _ in range(2):
                both = [
                    pool.submit(others.run, tmp_path, a_death(chance)),
                    pool.submit(children.run, tmp_path, chance.choice([None, a_death(chance)])),
                ]
                codes = [one.result()[0] for one in both]
                assert set(codes) <= {0, -9}, [one.result() for one in both]
    finally:
        others.close()
    desk.finish()
    keys = [line.split(" ", 1)[0] for line in (tmp_path / "done.txt").read_text().splitlines()]
    assert len(keys) == len(set(keys)), "done twice"
    assert set(keys) == {f"desk/sent:{day}:{name}:1" for day, name in desk.items()}


@pytest.fixture
def alpaca_process(tmp_path: Path) -> Iterator[Control]:
    made = _loaded("alpaca_server", SERVER)
    words = [sys.executable, str(SERVER), "--state", str(tmp_path / "alpaca.json")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield made.Control(url=server.stdout.readline().strip())
        finally:
            server.terminate()


def buys(chance: random.Random) -> dict[str, Any]:
    names = chance.sample(["AAPL", "KO", "MSFT"], chance.randint(1, 3))
    order = {"account": "ppo", "side": "BUY", "limit_price": None}
    return {
        f"ppo:{name}:BUY": {**order, "symbol": name, "quantity": str(chance.randint(1, 5))} for name in names
    }


REFUSALS = ("echo", "403", "404", "409", "422")
SEEN = (
    "answer", "slow", "truncated", "time-out", "hang-up", "reset", "500", "502", "503", "504", "not JSON",
    "no order", "nothing", "redirect", "429", "401", "408", *REFUSALS,
)  # fmt: skip
FAULTS = [f"{seen} {when}" for seen in SEEN for when in ("before", "after", "late")]
random.Random(0).shuffle(FAULTS)  # so that the few of every test run are of all kinds


def assert_once_and_whole(desk: Desk, alpaca: Control, *, lied: bool = False) -> None:
    """Every order that was decided is at Alpaca, once, as it was decided; or refused, and then it is not."""
    assert_every_doubt_was_settled(desk)
    orders = alpaca.state()["accounts"]["ppo"]["orders"]
    names = [order["client_order_id"] for order in orders]
    assert len(names) == len(set(names)), "submitted twice"
    assert len({name.replace("attempt-1", "") for name in names}) == len(names)
    items = desk.items()
    there = {order["client_order_id"]: (order["symbol"], order["qty"]) for order in orders}
    accepted = {}
    for (day, _), one in items.items():
        payload = json.loads(one.payload)
        if one.state == "accepted":
            accepted[f"ppo:{day}:attempt-1:{payload['symbol']}:BUY"] = (
                payload["symbol"],
                payload["quantity"],
            )
    assert {one.state for one in items.values()} <= {"accepted", "refused"}, "left in doubt"
    if lied:
        assert accepted.items() <= there.items()
    else:
        assert accepted == there, "lost, or not known"


@pytest.mark.faults(small=4, full=len(FAULTS))
def test_every_fault_of_the_network(
    tmp_path: Path, children: Children, alpaca_process: Control, fault_seed: int
) -> None:
    """What the client sees, and when Alpaca accepts the order meanwhile; a refusal that comes true later is a lie."""
    fault = FAULTS[fault_seed]
    (tmp_path / "url.txt").write_text(alpaca_process.url)
    desk = Desk(tmp_path, children, ALPACA)
    chance = random.Random(fault_seed)
    desk.order("2024-05-06", buys(chance))
    alpaca_process.meet(fault)
    desk.run()
    desk.order("2024-05-06", buys(chance))
    desk.write(1)
    desk.finish()
    sees, _, when = fault.rpartition(" ")
    assert_once_and_whole(desk, alpaca_process, lied=when == "late" and sees in REFUSALS)


@pytest.mark.faults(small=3, full=200)
def test_killed_around_the_submission_while_the_network_fails(
    tmp_path: Path, children: Children, alpaca_process: Control, fault_seed: int
) -> None:
    """SIGKILL at any instant and faults of submissions and of questions, while inputs and code move."""
    chance = random.Random(1000 + fault_seed)
    (tmp_path / "url.txt").write_text(alpaca_process.url)
    desk = Desk(tmp_path, children, ALPACA, retries=chance.randint(0, 2))
    lied = False
    for day in ("2024-05-06", "2024-05-07"):
        first = buys(chance)
        desk.order(day, first)
        for _ in range(chance.randint(1, 2)):
            faults = []
            for _ in range(chance.randint(0, 2)):
                fault = chance.choice(FAULTS)
                sees, _, when = fault.rpartition(" ")
                lied |= when == "late" and sees in REFUSALS
                faults.append({"fault": fault, "method": "POST", "path": "/v2/orders"})
            if chance.random() < 0.3:  # who is asked what became of an order fails as well
                asked = chance.choice(["time-out before", "500 before", "reset before", "truncated after"])
                faults.append({"fault": asked, "method": "GET", "path": "/v2/orders:by_client_order_id"})
            alpaca_process.set(faults=faults)
            desk.run(a_death(chance) if chance.random() < 0.7 else None)
            if chance.random() < 0.5:
                desk.order(day, chance.choice([first, buys(chance)]))
            if chance.random() < 0.5:
                desk.write(chance.randrange(len(BODIES)))
        alpaca_process.set(faults=[])
        desk.finish()
    assert_once_and_whole(desk, alpaca_process, lied=lied)


@pytest.mark.parametrize("when", ["before", "after", "late"])
def test_killed_by_alpaca_while_it_waits_for_the_answer(
    tmp_path: Path, children: Children, alpaca_process: Control, when: str
) -> None:
    (tmp_path / "url.txt").write_text(alpaca_process.url)
    desk = Desk(tmp_path, children, ALPACA)
    desk.order("2024-05-06", buys(random.Random(1)))
    assert desk.run(["alpaca", alpaca_process.url, when]) == {}
    assert "in doubt" in {one.state for one in desk.items().values()}
    desk.finish()
    assert_once_and_whole(desk, alpaca_process)
    assert assert_every_doubt_was_settled(desk) == 1
