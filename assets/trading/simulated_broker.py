"""A broker on this machine: it keeps orders, fills and money in a file, and trades at the prices it is told of.

Orders wait for the first session that opens after they were submitted, and trade as `trades_of_session` says. An
order of the day expires with that session; another one waits on. Daily bars do not tell the time of a trade, so it is
booked at the session's close.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from assets.trading.broker import (
    AccountState,
    Fill,
    MarketClock,
    OrderState,
    OrderTicket,
    Position,
    problem_with,
)
from assets.trading.broker_errors import (
    DuplicateOrder,
    OrderRefused,
    UnknownOrder,
    order_named,
    order_of,
    unknown_account,
)
from assets.trading.broker_file import fill_of, insert_order, order_state, time_text, transaction
from assets.trading.market_hours import market_clock, next_session
from assets.trading.session_fills import FillRules, trades_of_session
from assets.trading.simulated_book import (
    book,
    buying_power,
    cash_of,
    close_order,
    find_order,
    positions_of,
    problem_of_account,
    read_order,
    remember_closes,
    waiting_order,
)
from assets.trading.told_bars import ToldSession, told_bars

if TYPE_CHECKING:
    import sqlite3

    import pyarrow as pa

_ZERO = Decimal(0)


def host_clock() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedBroker:
    """See `assets.trading.broker.Broker`. It knows a symbol when it was told a price of it.

    Args:
        path: the file, made where there is none.
        opening_cash: by account, for accounts that the file does not know yet.
        now: the time; with one that stands still, a past market can be traded in.
        standing: that time, where it stands still.
    """

    path: Path
    opening_cash: Mapping[str, Decimal]
    rules: FillRules = FillRules()
    now: Callable[[], datetime] = host_clock
    standing: datetime | None = None

    def identity(self) -> Mapping[str, str]:
        """The settings that change the data."""
        cash = ",".join(f"{name}={amount}" for name, amount in sorted(self.opening_cash.items()))
        return {
            "broker": "simulated",
            "opening_cash": cash,
            "participation": str(self.rules.participation),
            "sells_fund_buys": str(self.rules.sells_fund_buys),
            **({"clock": time_text(self.standing)} if self.standing is not None else {}),
        }

    def accounts(self) -> tuple[str, ...]:
        """The names of the accounts that it knows."""
        return tuple(sorted(self.opening_cash))

    def clock(self) -> MarketClock:
        """The exchange's hours at the time of `now`."""
        return market_clock(self.now())

    def submit(self, ticket: OrderTicket) -> OrderState:
        """Write an order down, if the account can bear it."""
        what = order_of(ticket)
        opening = self._opening_cash(ticket.account)
        problem = problem_with(ticket)
        if problem is not None:
            raise OrderRefused(what, problem)
        now = self.now()
        with transaction(self.path, what) as db:
            cash = cash_of(db, ticket.account, opening)
            existing = find_order(db, ticket.account, ticket.client_order_id)
            if existing is not None:
                raise DuplicateOrder(what, existing)
            problem = problem_of_account(db, ticket, cash, self.rules)
            if problem is not None:
                raise OrderRefused(what, problem)
            order_id = str(uuid5(NAMESPACE_URL, f"order:{ticket.account}:{ticket.client_order_id}"))
            insert_order(db, ticket, order_id=order_id, now=now, first_session=next_session(now))
            return read_order(db, order_id)  # after the transaction has ended, which leaving it does

    def find(self, account: str, client_order_id: str) -> OrderState | None:
        """The order that an account has under a name."""
        self._opening_cash(account)
        with transaction(self.path, order_named(account, client_order_id)) as db:
            return find_order(db, account, client_order_id)

    def open_orders(self, account: str) -> tuple[OrderState, ...]:
        """The orders that can still be filled."""
        self._opening_cash(account)
        with transaction(self.path, f"the open orders of account '{account}'") as db:
            rows = db.execute(
                "SELECT * FROM orders WHERE account = ? AND closed_at IS NULL ORDER BY submitted_at, number",
                (account,),
            )
            return tuple(order_state(row) for row in rows)

    def orders(self, account: str, since: datetime) -> tuple[OrderState, ...]:
        """The orders submitted at ``since`` or later."""
        self._opening_cash(account)
        with transaction(self.path, f"the orders of account '{account}'") as db:
            rows = db.execute(
                "SELECT * FROM orders WHERE account = ? AND submitted_at >= ? ORDER BY submitted_at, number",
                (account, time_text(since)),
            )
            return tuple(order_state(row) for row in rows)

    def fills(self, account: str, since: datetime) -> tuple[Fill, ...]:
        """The executions at ``since`` or later."""
        self._opening_cash(account)
        with transaction(self.path, f"the fills of account '{account}'") as db:
            rows = db.execute(
                "SELECT * FROM fills WHERE account = ? AND at >= ? ORDER BY at, number",
                (account, time_text(since)),
            )
            return tuple(fill_of(row) for row in rows)

    def positions(self, account: str) -> tuple[Position, ...]:
        """What the account holds, by symbol, at the last closes."""
        self._opening_cash(account)
        with transaction(self.path, f"the positions of account '{account}'") as db:
            return positions_of(db, account)

    def account(self, account: str) -> AccountState:
        """The account's money, with positions at the last closes."""
        opening = self._opening_cash(account)
        with transaction(self.path, f"account '{account}'") as db:
            cash = cash_of(db, account, opening)
            values = (position.market_value or _ZERO for position in positions_of(db, account))
            return AccountState(
                account=account,
                cash=cash,
                buying_power=buying_power(db, account, cash, self.rules),
                equity=cash + sum(values, _ZERO),
            )

    def cancel(self, account: str, client_order_id: str) -> OrderState:
        """Cancel what is not filled of an order, at once."""
        self._opening_cash(account)
        what = order_named(account, client_order_id)
        with transaction(self.path, what) as db:
            state = find_order(db, account, client_order_id)
            if state is None:
                raise UnknownOrder(what)
            if state.is_open:
                close_order(db, state.id, "canceled", time_text(self.now()), "canceled on request")
                state = read_order(db, state.id)
        return state

    def advance(self, bars: pa.Table) -> None:
        """Trade at the bars of the sessions that have closed by now, and remember the last closes."""
        with transaction(self.path, "the simulated market") as db:
            (first,) = db.execute(
                "SELECT min(max(first_session, coalesce(date(tried, '+1 day'), first_session)))"
                " FROM orders WHERE closed_at IS NULL"
            ).fetchone()
            told = told_bars(bars, date.fromisoformat(first) if first else None, self.now())
            for session in told.sessions:
                self._trade(db, session)
            remember_closes(db, told.closes)

    def _trade(self, db: sqlite3.Connection, session: ToldSession) -> None:
        """Give the orders of a session their one chance."""
        day, close = session.day.isoformat(), time_text(session.closes_at)
        rows = db.execute(
            "SELECT * FROM orders WHERE closed_at IS NULL AND first_session <= ? AND coalesce(tried, '') < ?"
            " AND (time_in_force <> 'day' OR first_session = ?) ORDER BY number",
            (day, day, day),
        ).fetchall()
        names = {row["account"] for row in rows}
        cash = {name: cash_of(db, name, self.opening_cash.get(name, _ZERO)) for name in names}
        orders = [waiting_order(row) for row in rows]
        for trade in trades_of_session(orders, session.bars, cash, self.rules):
            book(db, trade, session.day, close)
        db.executemany("UPDATE orders SET tried = ? WHERE number = ?", [(day, row["number"]) for row in rows])
        ended = db.execute(
            "SELECT id FROM orders WHERE closed_at IS NULL AND time_in_force = 'day' AND first_session <= ?",
            (day,),
        ).fetchall()
        for row in ended:
            close_order(db, row["id"], "expired", close, "not filled within its session")

    def _opening_cash(self, account: str) -> Decimal:
        if account not in self.opening_cash:
            raise unknown_account(account, self.opening_cash)
        return self.opening_cash[account]
