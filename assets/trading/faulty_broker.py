"""A broker that fails on purpose: for tests of what must hold however a submission ends."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, assert_never

from assets.trading.broker import AccountState, Broker, Fill, MarketClock, OrderState, OrderTicket, Position
from assets.trading.broker_errors import (
    ASK_FIRST,
    OrderRefused,
    RateLimited,
    Unanswered,
    Unreachable,
    order_of,
)

if TYPE_CHECKING:
    import pyarrow as pa

Fault = Literal[
    "none",
    "refused",
    "unreachable",
    "rate limited",
    "unanswered before acceptance",
    "unanswered after acceptance",
    "killed before acceptance",
    "killed after acceptance",
]
"""What becomes of a submission; the two that kill end this process by SIGKILL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyBroker:
    """Another broker, whose submissions meet ``faults``, the first of them first; then it is as it always is."""

    broker: Broker
    faults: deque[Fault] = field(default_factory=deque)

    def identity(self) -> Mapping[str, str]:
        """See `Broker`."""
        return self.broker.identity()

    def accounts(self) -> tuple[str, ...]:
        """See `Broker`."""
        return self.broker.accounts()

    def clock(self) -> MarketClock:
        """See `Broker`."""
        return self.broker.clock()

    def submit(self, ticket: OrderTicket) -> OrderState:
        """Meet the next fault."""
        what = order_of(ticket)
        fault = self.faults.popleft() if self.faults else "none"
        match fault:
            case "none":
                return self.broker.submit(ticket)
            case "refused":
                raise OrderRefused(what, "so that it can be seen")
            case "unreachable":
                raise Unreachable(what, "so that it can be seen")
            case "rate limited":
                raise RateLimited(what, timedelta(seconds=1))
            case "unanswered before acceptance":
                raise Unanswered(what, "it was lost on the way there", ASK_FIRST)
            case "unanswered after acceptance":
                self.broker.submit(ticket)
                raise Unanswered(what, "it was lost on the way back", ASK_FIRST)
            case "killed before acceptance":
                os.kill(os.getpid(), signal.SIGKILL)
            case "killed after acceptance":
                self.broker.submit(ticket)
                os.kill(os.getpid(), signal.SIGKILL)
            case _:
                assert_never(fault)
        raise AssertionError("a killed process goes on")

    def find(self, account: str, client_order_id: str) -> OrderState | None:
        """See `Broker`."""
        return self.broker.find(account, client_order_id)

    def open_orders(self, account: str) -> tuple[OrderState, ...]:
        """See `Broker`."""
        return self.broker.open_orders(account)

    def orders(self, account: str, since: datetime) -> tuple[OrderState, ...]:
        """See `Broker`."""
        return self.broker.orders(account, since)

    def fills(self, account: str, since: datetime) -> tuple[Fill, ...]:
        """See `Broker`."""
        return self.broker.fills(account, since)

    def positions(self, account: str) -> tuple[Position, ...]:
        """See `Broker`."""
        return self.broker.positions(account)

    def account(self, account: str) -> AccountState:
        """See `Broker`."""
        return self.broker.account(account)

    def cancel(self, account: str, client_order_id: str) -> OrderState:
        """See `Broker`."""
        return self.broker.cancel(account, client_order_id)

    def advance(self, bars: pa.Table) -> None:
        """See `Broker`."""
        self.broker.advance(bars)
