"""Which broker the settings give."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from assets.market.http_retries import Patience
from assets.trading.alpaca_broker import AlpacaBroker
from assets.trading.broker_choice import broker
from assets.trading.broker_errors import AccessRefused
from assets.trading.broker_settings import AccountSettings, BrokerSettings
from assets.trading.session_fills import FillRules
from assets.trading.simulated_broker import SimulatedBroker


def test_the_default_is_simulated_in_the_home_and_makes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSETS_HOME", str(tmp_path / "home"))
    found = broker(BrokerSettings())
    assert isinstance(found, SimulatedBroker)
    assert found.path == tmp_path / "home" / "broker.sqlite"
    assert (found.accounts(), found.rules) == (("paper",), FillRules())
    assert abs((found.clock().at - datetime.now(UTC)).total_seconds()) < 60
    assert list(tmp_path.iterdir()) == []


def test_a_simulated_market_takes_its_settings(tmp_path: Path) -> None:
    settings = BrokerSettings(
        file=tmp_path / "b.sqlite",
        accounts={"ppo": AccountSettings(opening_cash=Decimal(5)), "hrp": AccountSettings()},
        opening_cash=Decimal(7),
        participation=Decimal(0),
        sells_fund_buys=False,
        clock=datetime(2022, 12, 28, 22, tzinfo=UTC),
    )
    found = broker(settings)
    assert isinstance(found, SimulatedBroker)
    assert found.opening_cash == {"ppo": 5, "hrp": 7}
    assert found.rules == FillRules(participation=None, sells_fund_buys=False)
    assert found.clock().at == settings.clock
    assert found.account("ppo").cash == 5


def test_alpaca_takes_its_settings_and_misses_its_key_when_it_is_asked() -> None:
    settings = BrokerSettings(broker="alpaca", url="http://localhost:1/", timeout_s=3, attempts=2)
    found = broker(settings)
    assert isinstance(found, AlpacaBroker)
    assert (found.url, found.patience) == ("http://localhost:1", Patience(timeout_s=3, attempts=2))
    assert found.identity() == {"broker": "alpaca", "accounts": "paper:paper"}
    with pytest.raises(AccessRefused, match="account 'paper' has no key or no secret"):
        found.clock()
