"""What a session's prices do to waiting orders: rules as a table, and laws over any orders and bars."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.trading.session_fills import Bar, FillRules, WaitingOrder, price_in, trades_of_session

D = Decimal
DAY = Bar(open=D(100), high=D(110), low=D(90), close=D(105), volume=1000)
CLOSE_ONLY = Bar(close=D(105))
FREE = FillRules(participation=None)


@pytest.mark.parametrize(
    ("bar", "side", "limit", "price"),
    [
        pytest.param(DAY, "BUY", None, "100", id="a market order at the open"),
        pytest.param(
            CLOSE_ONLY, "BUY", None, "105", id="a market order at the close, where there is no open"
        ),
        pytest.param(DAY, "BUY", "101", "100", id="a buy limit above the open: at the open, which is better"),
        pytest.param(DAY, "BUY", "100", "100", id="a buy limit at the open"),
        pytest.param(DAY, "BUY", "95", "95", id="a buy limit that the session comes down to"),
        pytest.param(DAY, "BUY", "90", "90", id="a buy limit at the low"),
        pytest.param(DAY, "BUY", "89.99", None, id="a buy limit below the low"),
        pytest.param(
            DAY, "SELL", "99", "100", id="a sell limit below the open: at the open, which is better"
        ),
        pytest.param(DAY, "SELL", "108", "108", id="a sell limit that the session comes up to"),
        pytest.param(DAY, "SELL", "110", "110", id="a sell limit at the high"),
        pytest.param(DAY, "SELL", "110.01", None, id="a sell limit above the high"),
        pytest.param(CLOSE_ONLY, "BUY", "105", "105", id="a buy limit at the close alone"),
        pytest.param(CLOSE_ONLY, "BUY", "104", None, id="a buy limit below the close alone"),
        pytest.param(CLOSE_ONLY, "SELL", "104", "105", id="a sell limit below the close alone"),
        pytest.param(
            Bar(open=D(100), close=D(95)), "BUY", "96", "96", id="reached by the close, without a low"
        ),
        pytest.param(Bar(close=D("142.56999969482422")), "BUY", None, "142.57", id="rounded to the tick"),
    ],
)
def test_the_price_in_a_session(bar: Bar, side: Any, limit: str | None, price: str | None) -> None:
    found = price_in(bar, side, None if limit is None else D(limit))
    assert found == (None if price is None else D(price))


def order(name: str, side: str = "BUY", quantity: str = "10", **changed: Any) -> WaitingOrder:
    given = {"account": "ppo", "symbol": "AAPL", "remaining": D(quantity)}
    return WaitingOrder(id=name, side=side, quantity=D(quantity), **{**given, **changed})


def given_to(
    *orders: WaitingOrder, cash: str = "100000", rules: FillRules = FREE, bar: Bar = DAY
) -> dict[str, Decimal]:
    bars = {"AAPL": bar, "KO": bar}
    trades = trades_of_session(orders, bars, {"ppo": D(cash), "hrp": D(cash)}, rules)
    return {trade.order.id: trade.quantity for trade in trades}


def test_what_has_no_bar_does_not_trade() -> None:
    assert given_to(order("one", symbol="GONE")) == {}


def test_what_is_filled_already_is_not_given_again() -> None:
    assert given_to(order("one", remaining=D(4))) == {"one": 4}


@pytest.mark.parametrize(
    ("cash", "quantity", "got"),
    [
        pytest.param("1000", "10", {"one": 10}, id="all that is ordered"),
        pytest.param("999.99", "10", {"one": 9}, id="whole shares, where that was ordered"),
        pytest.param("255", "10.5", {"one": D("2.55")}, id="fractions, where that was ordered"),
        pytest.param("1", "10.5", {"one": D("0.01")}, id="small fractions"),
        pytest.param("99", "10", {}, id="not one share"),
        pytest.param("-5", "10.5", {}, id="no cash at all"),
    ],
)
def test_a_buy_spends_the_cash_that_is_there(cash: str, quantity: str, got: dict[str, Decimal]) -> None:
    assert given_to(order("one", quantity=quantity), cash=cash) == got


def test_sells_come_first_and_pay_for_buys() -> None:
    assert given_to(order("buy"), order("sell", "SELL"), cash="0") == {"sell": 10, "buy": 10}


def test_buys_are_served_in_the_order_of_submission_and_each_account_has_its_own_cash() -> None:
    orders = order("first", quantity="8"), order("second", quantity="8"), order("other", account="hrp")
    assert given_to(*orders, cash="1000") == {"first": 8, "second": 2, "other": 10}


@pytest.mark.parametrize(
    ("rules", "volume", "got"),
    [
        pytest.param(FillRules(participation=D("0.1")), 1000, {"sell": 80, "buy": 20}, id="a tenth, shared"),
        pytest.param(FillRules(participation=D("0.1")), 849, {"sell": 80, "buy": 4}, id="in whole shares"),
        pytest.param(FillRules(participation=D("0.1")), 0, {}, id="nothing traded"),
        pytest.param(FillRules(participation=D("0.1")), None, {"sell": 80, "buy": 80}, id="no volume known"),
        pytest.param(FillRules(participation=None), 1, {"sell": 80, "buy": 80}, id="no bound"),
    ],
)
def test_orders_share_a_part_of_the_volume(
    rules: FillRules, volume: int | None, got: dict[str, Decimal]
) -> None:
    bar = Bar(close=D(100), volume=volume)
    assert given_to(order("buy", quantity="80"), order("sell", "SELL", "80"), rules=rules, bar=bar) == got


prices = st.decimals("0.01", "900", places=2)
limits = st.none() | prices
quantities = st.decimals("0.000000001", "500", places=9) | st.integers(1, 500).map(Decimal)


@st.composite
def bars_of_a_session(draw: st.DrawFn) -> dict[str, Bar]:
    found = {}
    for symbol in draw(st.sets(st.sampled_from(["AAPL", "KO", "MSFT"]))):
        low, first, last, high = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
        volume = draw(st.none() | st.integers(0, 5000))
        found[symbol] = draw(
            st.sampled_from(
                [
                    Bar(open=first, high=high, low=low, close=last, volume=volume),
                    Bar(close=last, volume=volume),
                ]
            )
        )
    return found


@st.composite
def waiting_orders(draw: st.DrawFn) -> list[WaitingOrder]:
    return [
        WaitingOrder(
            id=str(number),
            account=draw(st.sampled_from(["ppo", "hrp"])),
            symbol=draw(st.sampled_from(["AAPL", "KO", "MSFT"])),
            side=draw(st.sampled_from(["BUY", "SELL"])),
            quantity=(quantity := draw(quantities)),
            remaining=quantity,
            limit_price=draw(limits),
        )
        for number in range(draw(st.integers(0, 6)))
    ]


@given(waiting_orders(), bars_of_a_session(), st.decimals("0", "50000", places=4))
def test_no_session_gives_what_is_not_there(
    orders: list[WaitingOrder], bars: dict[str, Bar], cash: Decimal
) -> None:
    rules = FillRules(participation=D("0.1"))
    trades = trades_of_session(orders, bars, {"ppo": cash, "hrp": cash}, rules)

    assert trades == trades_of_session(orders, bars, {"ppo": cash, "hrp": cash}, rules)
    assert len({trade.order.id for trade in trades}) == len(trades)
    for trade in trades:
        assert 0 < trade.quantity <= trade.order.remaining
        limit = trade.order.limit_price
        if limit is not None:
            assert trade.price <= limit if trade.order.side == "BUY" else trade.price >= limit
    for account in ("ppo", "hrp"):
        assert cash + sum(trade.cash for trade in trades if trade.order.account == account) >= 0
    for symbol, bar in bars.items():
        traded = sum(trade.quantity for trade in trades if trade.order.symbol == symbol)
        assert bar.volume is None or traded <= bar.volume * D("0.1")
