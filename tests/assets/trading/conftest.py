"""The local Alpaca: in a thread for most tests, as a process of its own for those in which clients are killed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assets.trading.broker import OrderTicket

SERVER = Path(__file__).with_name("alpaca_server.py")


def _load() -> None:
    """Make the server importable by its name, which no test folder on the path would."""
    if "alpaca_server" not in sys.modules:
        spec = importlib.util.spec_from_file_location("alpaca_server", SERVER)
        module = importlib.util.module_from_spec(spec)
        sys.modules["alpaca_server"] = module
        spec.loader.exec_module(module)


_load()

if TYPE_CHECKING:
    from alpaca_server import Control


def _ticket(client_order_id: str, **changed: Any) -> OrderTicket:
    given = {"account": "ppo", "symbol": "AAPL", "side": "BUY", "quantity": Decimal(1)}
    numbers = {name: Decimal(value) for name, value in changed.items() if name in ("quantity", "limit_price")}
    return OrderTicket(client_order_id=client_order_id, **{**given, **changed, **numbers})


@pytest.fixture
def ticket() -> Callable[..., OrderTicket]:
    """A buy of one share of AAPL by account ppo, unless something else is said."""
    return _ticket


@pytest.fixture
def alpaca(tmp_path: Path) -> Iterator[Control]:
    from alpaca_server import serving

    with serving(tmp_path / "alpaca.json") as control:
        yield control


@pytest.fixture
def alpaca_process(tmp_path: Path) -> Iterator[Control]:
    from alpaca_server import Control

    words = [sys.executable, str(SERVER), "--state", str(tmp_path / "alpaca.json")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield Control(url=server.stdout.readline().strip())
        finally:
            server.terminate()
