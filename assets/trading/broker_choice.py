"""Which broker the settings choose."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from assets.market.http_retries import Patience
from assets.trading.broker import Broker
from assets.trading.broker_settings import BrokerSettings
from graph import resource

FILE = "broker.sqlite"
"""The simulated broker's file, in the project's home."""


@resource
def broker(settings: BrokerSettings) -> Broker:
    """The broker that ``TRADING_BROKER`` names; a missing key is told when something is asked of it."""
    match settings.broker:
        case "simulated":
            from assets.trading.session_fills import FillRules
            from assets.trading.simulated_broker import SimulatedBroker, host_clock

            standing = settings.clock

            def still() -> datetime:
                return standing or host_clock()

            return SimulatedBroker(
                path=settings.file or _home() / FILE,
                opening_cash={
                    name: settings.opening_cash if account.opening_cash is None else account.opening_cash
                    for name, account in settings.by_name.items()
                },
                rules=FillRules(
                    participation=settings.participation or None, sells_fund_buys=settings.sells_fund_buys
                ),
                now=still,
                standing=standing,
            )
        case "alpaca":
            from assets.trading.alpaca_broker import AlpacaAccount, AlpacaBroker

            return AlpacaBroker(
                keys={
                    name: AlpacaAccount(key=account.key, secret=account.secret, paper=account.paper)
                    for name, account in settings.by_name.items()
                },
                real_money=settings.real_money,
                url=settings.url.rstrip("/") if settings.url else None,
                patience=Patience(timeout_s=settings.timeout_s, attempts=settings.attempts),
            )


def _home() -> Path:
    from materializers import find_project

    return find_project().home
