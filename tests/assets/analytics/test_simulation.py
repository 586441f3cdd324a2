"""A portfolio through history: what happens when, to the cent, and that nothing knows the future."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.allocation.panel import Panel
from assets.analytics.simulation import Fill, Simulation, Terms, UnknownSession, simulate
from assets.trading.sizing import Rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

D = Decimal
START = date(2024, 1, 1)
FREE = Rules(weight_band=D(0), minimum_value=D(0), limit_offset=None)
PLAIN = Terms(opening_cash=D("1000.00"), cost_bps=D(0), rules=FREE, delisted_after=2)
NONE = float("nan")


def day(number: int) -> date:
    return START + timedelta(days=number)


def closes(**columns: Sequence[float]) -> Panel:
    symbols = sorted(columns)
    values = np.array([columns[symbol] for symbol in symbols], dtype=float).T
    return Panel(sessions=tuple(day(n) for n in range(len(values))), symbols=tuple(symbols), values=values)


def run(prices: Panel, targets: Mapping[int, Mapping[str, float]], terms: Terms = PLAIN) -> Simulation:
    return simulate(prices, {day(number): weights for number, weights in targets.items()}, terms)


def said(fill: Fill) -> str:
    """``day 1: BUY 5 A at 100 = 500.00, cost 0.50 (filled)``."""
    number = (fill.session - START).days
    return (
        f"day {number}: {fill.side} {fill.quantity.normalize():f} {fill.symbol} at {fill.price.normalize():f}"
        f" = {fill.value:.2f}, cost {fill.cost:.2f} ({fill.outcome})"
    )


@pytest.mark.parametrize(
    ("prices", "targets", "fills"),
    [
        pytest.param(
            closes(A=[100, 110, 120]),
            {0: {"A": 0.5}},
            ["day 1: BUY 5 A at 110 = 550.00, cost 0.00 (filled)"],
            id="decided at one close, filled at the next",
        ),
        pytest.param(
            closes(A=[100, 220, 220]),
            {0: {"A": 0.9}},
            ["day 1: BUY 4.5454 A at 220 = 999.99, cost 0.00 (cut to the cash)"],
            id="a price that ran away cuts the buy to the cash",
        ),
        pytest.param(
            closes(A=[100, 100, 100, 100], B=[10, 10, 10, 10]),
            {0: {"A": 1.0}, 2: {"B": 1.0}},
            [
                "day 1: BUY 10 A at 100 = 1000.00, cost 0.00 (filled)",
                "day 3: SELL 10 A at 100 = 1000.00, cost 0.00 (filled)",
                "day 3: BUY 100 B at 10 = 1000.00, cost 0.00 (filled)",
            ],
            id="sells pay for buys on the same day",
        ),
        pytest.param(
            closes(A=[100, NONE, 100], B=[10, 10, 10]),
            {0: {"A": 0.5, "B": 0.5}},
            [
                "day 1: BUY 0 A at 100 = 0.00, cost 0.00 (no price)",
                "day 1: BUY 50 B at 10 = 500.00, cost 0.00 (filled)",
            ],
            id="an order without a close is not filled, and not kept for later",
        ),
        pytest.param(
            closes(A=[100, 100, 110, NONE, NONE, NONE]),
            {0: {"A": 0.5}},
            [
                "day 1: BUY 5 A at 100 = 500.00, cost 0.00 (filled)",
                "day 4: SELL 5 A at 110 = 550.00, cost 0.00 (delisted)",
            ],
            id="what has no close for long enough is paid out at its last",
        ),
        pytest.param(
            closes(A=[100, 100, NONE, 100, NONE, 100]),
            {0: {"A": 0.5}},
            ["day 1: BUY 5 A at 100 = 500.00, cost 0.00 (filled)"],
            id="a close in between starts the count again",
        ),
        pytest.param(closes(A=[100, 100]), {1: {"A": 0.5}}, [], id="a decision on the last session waits"),
        pytest.param(closes(A=[100, 100]), {}, [], id="without a decision nothing happens"),
        pytest.param(closes(A=[NONE, 100]), {0: {"A": 0.5}}, [], id="what has no close is not decided on"),
    ],
)
def test_what_is_traded(prices: Panel, targets: dict[int, dict[str, float]], fills: list[str]) -> None:
    assert [said(fill) for fill in run(prices, targets).fills] == fills


def test_costs_are_paid_on_both_sides_and_rounded_to_the_cent() -> None:
    terms = Terms(opening_cash=D("1000.00"), cost_bps=D(15), rules=FREE)
    found = run(closes(A=[3, 3, 3, 3]), {0: {"A": 0.5}, 2: {"A": 0.0}}, terms)
    # 166.6666 shares at 3: 500.00, of which 15 basis points are 0.75
    assert [fill.cost for fill in found.fills] == [D("0.75"), D("0.75")]
    assert [one.cash for one in found.days] == [D("1000.00"), D("499.25"), D("499.25"), D("998.50")]


def test_history_begins_with_the_first_decision() -> None:
    found = run(closes(A=[1, 1, 1, 1]), {2: {"A": 0.5}})
    assert [one.session for one in found.days] == [day(2), day(3)]
    assert found.days[0].equity == D("1000.00")


def test_a_target_of_a_day_without_prices_is_refused() -> None:
    with pytest.raises(UnknownSession, match="2024-01-09"):
        run(closes(A=[1, 1]), {8: {"A": 0.5}})


def test_weights_drift_between_decisions() -> None:
    found = run(closes(A=[100, 100, 200, 300], B=[100, 100, 100, 50]), {0: {"A": 0.5, "B": 0.5}})
    weights = {
        (position.session, position.symbol): position.value
        / next(one.equity for one in found.days if one.session == position.session)
        for position in found.positions
    }
    assert weights[day(1), "A"] == weights[day(1), "B"] == D("0.5")
    assert weights[day(3), "A"] == D(1500) / D(1750)
    assert len(found.fills) == 2


def test_a_position_without_a_close_is_worth_its_last_and_counted() -> None:
    found = run(closes(A=[100, 100, NONE, 90]), {0: {"A": 0.5}})
    assert [one.stale for one in found.days] == [0, 0, 1, 0]
    assert [one.equity for one in found.days] == [D(1000), D(1000), D(1000), D(950)]


def test_a_delisting_may_cost() -> None:
    terms = Terms(
        opening_cash=D("1000.00"), cost_bps=D(0), rules=FREE, delisted_after=1, delisting_loss=D("0.3")
    )
    found = run(closes(A=[100, 100, NONE]), {0: {"A": 0.5}}, terms)
    assert found.days[-1].cash == D("850.00")


# Laws.


@st.composite
def histories(draw: st.DrawFn) -> tuple[Panel, dict[date, dict[str, float]], Terms]:
    """Prices with gaps and ends, targets on some sessions, some terms."""
    sessions, symbols = draw(st.integers(2, 14)), "ABCD"[: draw(st.integers(1, 4))]
    price = st.one_of(st.integers(1, 300_000).map(lambda cents: cents / 100), st.just(NONE))
    columns = {symbol: draw(st.lists(price, min_size=sessions, max_size=sessions)) for symbol in symbols}
    targets = {}
    for number in draw(st.sets(st.integers(0, sessions - 1), max_size=6)):
        parts = [draw(st.integers(0, 10)) for _ in symbols]
        total = sum(parts) or 1
        targets[day(number)] = {symbol: part / total for symbol, part in zip(symbols, parts, strict=True)}
    terms = Terms(
        opening_cash=draw(st.sampled_from([D("100.00"), D("1000.37"), D("100000.00")])),
        cost_bps=draw(st.sampled_from([D(0), D(10), D("7.5"), D(250)])),
        rules=draw(st.sampled_from([FREE, Rules(limit_offset=None)])),
        delisted_after=draw(st.integers(1, 3)),
        delisting_loss=draw(st.sampled_from([D(0), D("0.3")])),
    )
    return closes(**columns), targets, terms


@given(histories())
def test_cash_is_conserved_to_the_cent(history: tuple[Panel, dict[date, dict[str, float]], Terms]) -> None:
    prices, targets, terms = history
    found = simulate(prices, targets, terms)
    cash = terms.opening_cash
    for one in found.days:
        fills = [fill for fill in found.fills if fill.session == one.session]
        cash += sum((fill.value for fill in fills if fill.side == "SELL"), D(0))
        cash -= sum((fill.value for fill in fills if fill.side == "BUY"), D(0))
        cash -= sum((fill.cost for fill in fills), D(0))
        assert one.cash == cash == cash.quantize(D("0.01"))
        assert one.equity == one.cash + one.invested


@given(histories())
def test_nothing_is_owed_and_nothing_is_short(
    history: tuple[Panel, dict[date, dict[str, float]], Terms],
) -> None:
    found = simulate(*history)
    assert all(one.cash >= 0 for one in found.days)
    assert all(position.quantity > 0 for position in found.positions)


@given(histories())
def test_positions_are_what_the_fills_left(
    history: tuple[Panel, dict[date, dict[str, float]], Terms],
) -> None:
    prices, targets, terms = history
    found = simulate(prices, targets, terms)
    for one in found.days:
        held: dict[str, Decimal] = {}
        for fill in found.fills:
            if fill.session <= one.session:
                sign = 1 if fill.side == "BUY" else -1
                held[fill.symbol] = held.get(fill.symbol, D(0)) + sign * fill.quantity
        assert {symbol: quantity for symbol, quantity in held.items() if quantity} == {
            position.symbol: position.quantity
            for position in found.positions
            if position.session == one.session
        }


@given(histories(), st.integers(0, 13), st.integers(0, 2**32 - 1))
def test_the_future_changes_nothing_before_it(
    history: tuple[Panel, dict[date, dict[str, float]], Terms], cut: int, seed: int
) -> None:
    prices, targets, terms = history
    last = day(min(cut, len(prices.sessions) - 1))
    draw = np.random.default_rng(seed)
    later = np.array([session > last for session in prices.sessions])
    values = prices.values.copy()
    values[later] = np.where(
        draw.random(values[later].shape) < 0.2, NONE, draw.uniform(0.01, 5000, values[later].shape)
    )
    changed = Panel(sessions=prices.sessions, symbols=prices.symbols, values=values)
    other_targets = {session: weights for session, weights in targets.items() if session <= last}
    one, other = simulate(prices, targets, terms), simulate(changed, other_targets, terms)
    for part in ("days", "fills", "positions"):
        before, after = ([row for row in getattr(done, part) if row.session <= last] for done in (one, other))
        assert before == after


@given(histories())
def test_every_fill_is_later_than_its_decision(
    history: tuple[Panel, dict[date, dict[str, float]], Terms],
) -> None:
    for fill in simulate(*history).fills:
        assert fill.session > fill.decided or fill.outcome == "delisted"
        assert fill.value >= 0
        assert fill.cost >= 0
