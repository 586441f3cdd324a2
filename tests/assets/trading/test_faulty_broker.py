"""A broker that fails on purpose, and what it left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from assets.trading.broker import OrderTicket
from assets.trading.broker_errors import BrokerError, OrderRefused, RateLimited, Unanswered, Unreachable
from assets.trading.faulty_broker import Fault, FaultyBroker
from assets.trading.simulated_broker import SimulatedBroker

ROOT = Path(__file__).resolve().parents[3]
FRIDAY = pa.table({"symbol": ["AAPL"], "session": [date(2024, 5, 3)], "close": [100.0]})


def simulated(path: Path) -> SimulatedBroker:
    now = datetime(2024, 5, 6, 12, tzinfo=UTC)
    return SimulatedBroker(path=path, opening_cash={"ppo": Decimal(10000)}, now=lambda: now)


@pytest.mark.parametrize(
    ("fault", "kind", "there"),
    [
        ("refused", OrderRefused, False),
        ("unreachable", Unreachable, False),
        ("rate limited", RateLimited, False),
        ("unanswered before acceptance", Unanswered, False),
        ("unanswered after acceptance", Unanswered, True),
    ],
)
def test_a_fault_is_met_once(
    tmp_path: Path, ticket: Callable[..., OrderTicket], fault: Fault, kind: type[BrokerError], there: bool
) -> None:
    broker = FaultyBroker(broker=simulated(tmp_path / "b.sqlite"), faults=deque(["none", fault]))
    broker.advance(FRIDAY)
    broker.submit(ticket("first"))
    with pytest.raises(kind):
        broker.submit(ticket("second"))
    assert (broker.find("ppo", "second") is not None) == there
    assert broker.submit(ticket("third")).is_open


@pytest.mark.parametrize(
    ("fault", "there"), [("killed before acceptance", False), ("killed after acceptance", True)]
)
def test_a_kill_ends_the_process(tmp_path: Path, fault: str, there: bool) -> None:
    path = tmp_path / "b.sqlite"
    simulated(path).advance(FRIDAY)
    code = f"""
import sys; sys.path[:0] = [{str(ROOT)!r}]
from collections import deque
from decimal import Decimal
from pathlib import Path
from assets.trading.broker import OrderTicket
from assets.trading.faulty_broker import FaultyBroker
from assets.trading.simulated_broker import SimulatedBroker
broker = SimulatedBroker(path=Path({str(path)!r}), opening_cash={{"ppo": Decimal(10000)}})
order = OrderTicket(account="ppo", client_order_id="one", symbol="AAPL", side="BUY", quantity=Decimal(1))
FaultyBroker(broker=broker, faults=deque([{fault!r}])).submit(order)
"""
    ended = subprocess.run([sys.executable, "-c", code], timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert (simulated(path).find("ppo", "one") is not None) == there
