"""From weights to orders: the rules as a table, and the laws that hold for any account."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.trading.sizing import LOT, Order, OrdersRefused, Proposal, Rules, client_order_id, propose

D = Decimal
FREE = Rules(weight_band=D(0), minimum_value=D(0), limit_offset=None)


def lines(proposal: Proposal) -> list[str]:
    """Orders as ``SELL A 1.5 at 98.00``, then omissions as ``not BUY B: reason``."""
    orders = [f"{o.side} {o.symbol} {o.quantity.normalize():f} at {o.limit_price}" for o in proposal.orders]
    return orders + [f"not {o.side} {o.symbol}: {o.reason}" for o in proposal.omissions]


@pytest.mark.parametrize(
    ("weights", "positions", "cash", "prices", "expected"),
    [
        pytest.param(
            {"B": 0.5, "A": 0.25},
            {},
            1_000,
            {"A": 10, "B": 3},
            ["BUY A 25 at 10.20", "BUY B 166.6666 at 3.06"],
            id="an account of cash buys, symbols in order, quantities rounded down",
        ),
        pytest.param(
            {"A": 0.5},
            {"A": 10, "B": 5},
            0,
            {"A": 100, "B": 100},
            ["SELL A 2.5 at 98.00", "SELL B 5 at 98.00"],
            id="what is held and not targeted is sold whole",
        ),
        pytest.param(
            {"A": 0.9, "B": 0.1},
            {"B": 10},
            0,
            {"A": 10, "B": 10},
            ["SELL B 9 at 9.80", "BUY A 8.647 at 10.20"],
            id="sells come first, and buys cost no more than the sells bring at their limits",
        ),
        pytest.param(
            {"A": 0.509, "B": 0.491},
            {"A": 50, "B": 50},
            0,
            {"A": 10, "B": 10},
            ["not BUY A: within 1.00 % of its target", "not SELL B: within 1.00 % of its target"],
            id="less than the band from the target is left alone",
        ),
        pytest.param(
            {"A": 0.51, "B": 0.49},
            {"A": 50, "B": 50},
            0,
            {"A": 10, "B": 10},
            ["SELL B 1 at 9.80", "not BUY A: the cash allows 9.61, less than 10.00"],
            id="exactly the band is traded",
        ),
        pytest.param(
            {"A": 0.0},
            {"A": 1},
            9_990,
            {"A": 10},
            ["SELL A 1 at 9.80"],
            id="a whole exit is exempt from the band",
        ),
        pytest.param(
            {},
            {"A": 1},
            9_990,
            {"A": 9.99},
            ["not SELL A: worth less than 10.00"],
            id="a whole exit is not exempt from the minimum value",
        ),
        pytest.param(
            {"A": 0.5, "B": 0.48},
            {"A": 505, "B": 300},
            195,
            {"A": 1, "B": 1},
            ["BUY B 174.9999 at 1.02", "not SELL A: within 1.00 % of its target"],
            id="a position left too large takes nothing from the cash that the target keeps",
        ),
        pytest.param({"A": 0.5}, {"A": 10}, 100, {"A": 10}, [], id="on target there is nothing to do"),
        pytest.param({}, {}, 500, {}, [], id="no target and no position is nothing to do"),
        pytest.param(
            {"A": 1.0},
            {"B": 3},
            -20,
            {"A": 10, "B": 10},
            ["SELL B 3 at 9.80", "not BUY A: the cash allows 9.22, less than 10.00"],
            id="a debt is paid before anything is bought",
        ),
        pytest.param(
            {},
            {"A": D("1.23456789"), "B": D("0.00001")},
            10,
            {"A": 100, "B": 5_000_000},
            ["SELL A 1.2345 at 98.00", "not SELL B: the quantity rounds to nothing"],
            id="a whole exit leaves the dust that no order can name",
        ),
        pytest.param(
            {},
            {"A": 100_000},
            100,
            {"A": 0.001},
            ["not SELL A: the limit price rounds to nothing"],
            id="a price far below a cent has no limit to be sold at",
        ),
    ],
)
def test_rule(
    weights: dict[str, float],
    positions: dict[str, object],
    cash: int,
    prices: dict[str, object],
    expected: list[str],
) -> None:
    held = {symbol: D(str(quantity)) for symbol, quantity in positions.items()}
    closes = {symbol: D(str(price)) for symbol, price in prices.items()}
    assert lines(propose(weights, held, D(cash), closes, Rules())) == expected


@pytest.mark.parametrize(
    ("weights", "positions", "cash", "prices", "message"),
    [
        pytest.param({"A": float("nan")}, {}, 100, {"A": 1}, "target weight of 'A' is nan", id="NaN weight"),
        pytest.param({"A": -0.1}, {}, 100, {"A": 1}, "target weight of 'A' is -0.1", id="negative weight"),
        pytest.param({"A": 25.0}, {}, 100, {"A": 1}, "give a fraction", id="a percentage"),
        pytest.param(
            {"A": 0.9, "B": 0.9}, {}, 100, {"A": 1, "B": 1}, "sum to 1.8", id="more than everything"
        ),
        pytest.param(
            {"A": 0.1}, {}, 100, {}, "'A' is targeted and has no price", id="targeted without a price"
        ),
        pytest.param({}, {"A": 1}, 100, {"B": 1}, "'A' is held and has no price", id="held without a price"),
        pytest.param(
            {"A": 0.1}, {}, 100, {"A": 0}, "'A' is targeted and has the price 0", id="price of zero"
        ),
        pytest.param({"A": 0.1}, {}, 100, {"A": "NaN"}, "has the price NaN", id="price of NaN"),
        pytest.param({}, {"A": -1}, 100, {"A": 1}, "short positions", id="short position"),
        pytest.param({"A": 0.1}, {}, 0, {"A": 1}, "worth 0.00", id="an empty account"),
        pytest.param({"A": 0.1}, {"B": 1}, -1, {"A": 1, "B": 1}, "worth 0.00", id="debts eat the positions"),
    ],
)
def test_is_refused_by_name(
    weights: dict[str, float], positions: dict[str, int], cash: int, prices: dict[str, object], message: str
) -> None:
    held = {symbol: D(quantity) for symbol, quantity in positions.items()}
    closes = {symbol: D(str(price)) for symbol, price in prices.items()}
    with pytest.raises(OrdersRefused, match=message):
        propose(weights, held, D(cash), closes, Rules())


def test_a_weight_of_zero_without_position_needs_no_price() -> None:
    assert propose({"GONE": 0.0}, {}, D(100), {}, Rules()).orders == ()


def test_turnover_is_half_of_what_is_traded_in_percent_of_the_account() -> None:
    proposal = propose({"A": 0.5}, {"B": D(50)}, D(500), {"A": D(10), "B": D(10)}, FREE)
    assert proposal.turnover_percent == pytest.approx(50.0)


def test_weights_before_and_after_are_fractions() -> None:
    (order,) = propose({"A": 0.5}, {"A": D(20)}, D(800), {"A": D(10)}, FREE).orders
    assert (order.weight_before, order.weight_target) == (0.2, 0.5)


def test_a_client_order_id_is_the_same_for_the_same_decision() -> None:
    assert (
        client_order_id("paper", "2024-05-06", 2, "BRK.B", "SELL") == "paper:2024-05-06:attempt-2:BRK.B:SELL"
    )


# Laws.

SYMBOLS = ["A", "B", "C", "D", "E"]
PRICES = st.decimals("0.05", 3_000, places=4)


@st.composite
def accounts(draw: st.DrawFn) -> tuple[dict[str, float], dict[str, Decimal], Decimal, dict[str, Decimal]]:
    parts = draw(st.lists(st.integers(0, 100), min_size=5, max_size=5))
    invested = draw(st.sampled_from([0.5, 0.98, 1.0]))
    total = sum(parts) or 1
    weights = {symbol: invested * part / total for symbol, part in zip(SYMBOLS, parts, strict=True)}
    positions = {
        symbol: draw(st.decimals(0, 500, places=draw(st.sampled_from([0, 4, 9])))) for symbol in SYMBOLS
    }
    prices = {symbol: draw(PRICES) for symbol in SYMBOLS}
    cash = draw(st.decimals(1, 100_000, places=2))
    return weights, positions, cash, prices


def apply(
    orders: tuple[Order, ...], positions: dict[str, Decimal], cash: Decimal, *, at_limit: bool
) -> tuple[dict[str, Decimal], Decimal]:
    """The account after every order is filled: at its limit, or at the reference price."""
    after = dict(positions)
    for order in orders:
        sign = 1 if order.side == "BUY" else -1
        after[order.symbol] = after.get(order.symbol, D(0)) + sign * order.quantity
        cash -= sign * (order.worst_value if at_limit else order.quantity * order.reference_price)
    return after, cash


@given(accounts())
def test_cash_and_positions_never_turn_negative(account: tuple) -> None:
    weights, positions, cash, prices = account
    orders = propose(weights, positions, cash, prices, Rules()).orders
    after, left = apply(orders, positions, cash, at_limit=True)
    assert left >= 0
    assert all(quantity >= 0 for quantity in after.values())


@given(accounts())
def test_every_order_is_worth_making(account: tuple) -> None:
    weights, positions, cash, prices = account
    proposal = propose(weights, positions, cash, prices, Rules())
    for order in proposal.orders:
        assert order.quantity > 0
        assert order.quantity == order.quantity.quantize(LOT)
        assert order.limit_price is not None
        assert order.limit_price == order.limit_price.quantize(D("0.01")) > 0
    named = [order.symbol for order in proposal.orders] + [omitted.symbol for omitted in proposal.omissions]
    assert len(named) == len(set(named))
    sides = [order.side for order in proposal.orders]
    assert sides == sorted(sides, reverse=True)


@given(accounts())
def test_once_applied_nothing_is_left_to_do(account: tuple) -> None:
    weights, positions, cash, prices = account
    first = propose(weights, positions, cash, prices, Rules())
    after, left = apply(first.orders, positions, cash, at_limit=False)
    second = propose(weights, after, left, prices, Rules())
    assert [order for order in second.orders if order.side == "SELL"] == []
    # cash that the limit prices had kept back, or too small a buy had left, may be spent now; no more than that
    kept_back = sum(
        (abs(order.worst_value - order.quantity * order.reference_price) for order in first.orders), D(0)
    )
    left_over = sum((o.value for o in first.omissions if o.reason.startswith("the cash allows")), D(0))
    assert sum((order.value for order in second.orders), D(0)) <= kept_back + left_over + D("0.05")


@given(accounts())
def test_market_orders_without_limits_reach_the_target_but_for_rounding(account: tuple) -> None:
    weights, positions, cash, prices = account
    orders = propose(weights, positions, cash, prices, FREE).orders
    after, left = apply(orders, positions, cash, at_limit=False)
    worth = left + sum((quantity * prices[symbol] for symbol, quantity in after.items()), D(0))
    slack = 2 * LOT * sum(prices.values(), D(0)) + D("0.01") * len(SYMBOLS)
    for symbol, weight in weights.items():
        assert abs(after[symbol] * prices[symbol] - D(repr(weight)) * worth) <= slack


@given(accounts())
def test_the_order_of_the_mappings_means_nothing(account: tuple) -> None:
    weights, positions, cash, prices = account
    turned = [dict(reversed(mapping.items())) for mapping in (weights, positions, prices)]
    assert propose(weights, positions, cash, prices, Rules()) == propose(
        turned[0], turned[1], cash, turned[2], Rules()
    )
