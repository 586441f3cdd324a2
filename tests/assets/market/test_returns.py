"""Simple daily returns."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.market.exchange_sessions import sessions_between
from assets.market.price_history import in_order
from assets.market.price_source import SAMPLE
from assets.market.returns import returns
from assets.market.sample_prices import SamplePrices
from assets.market.sources import Terms, bar_table
from checks import Beside, evaluate
from graph.declare import declaration_of

if TYPE_CHECKING:
    import pyarrow as pa

DAYS = sessions_between(date(2024, 1, 2), date(2024, 12, 31)).tolist()
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def prices(**closes: list[float]) -> pa.Table:
    columns: dict[str, list[object]] = {"symbol": [], "session": [], "close": []}
    for symbol, values in closes.items():
        columns["symbol"] += [symbol] * len(values)
        columns["session"] += DAYS[: len(values)]
        columns["close"] += values
    return bar_table(columns, Terms(provider="table"))


def test_a_return_is_a_fraction_of_the_close_before() -> None:
    table = returns(prices(A=[100.0, 110.0, 99.0], B=[5.0, 5.0]))
    assert table["return"].to_pylist() == [None, pytest.approx(0.1), pytest.approx(-0.1), None, 0.0]
    assert table["symbol"].to_pylist() == ["A", "A", "A", "B", "B"]


def test_units_and_adjustment_are_stated() -> None:
    schema = returns(prices(A=[1.0])).schema
    assert schema.field("return").metadata == {b"unit": b"fraction"}
    assert schema.metadata[b"unit"] == b"fraction"
    assert schema.metadata[b"adjustment"] == b"split_dividend"


def test_no_prices_have_no_returns() -> None:
    assert returns(prices()).num_rows == 0


@given(closes=st.lists(st.floats(0.01, 1e5), min_size=2, max_size=40))
def test_returns_compound_to_the_last_close(closes: list[float]) -> None:
    value = closes[0]
    for change in returns(prices(A=closes))["return"].to_pylist()[1:]:
        value *= 1 + change
    assert value == pytest.approx(closes[-1], rel=1e-9)


def test_of_the_sample_one_return_is_doubted() -> None:
    bars = SamplePrices(terms=Terms(provider="sample")).bars(list(SAMPLE), date(1990, 1, 1), date(2030, 1, 1))
    declared = declaration_of(returns)
    assert declared is not None
    prices = in_order(bars)
    beside = Beside(upstream={"prices": lambda: prices}, remake=lambda changed: returns(changed["prices"]))
    verdicts = evaluate(returns(prices), declared.outputs[0].checks, now=NOW, beside=beside)
    assert [(verdict.check, verdict.severity) for verdict in verdicts if not verdict.passed] == [
        ("no_jumps", "warn")
    ]
    (doubted,) = (verdict for verdict in verdicts if not verdict.passed)
    assert [(row["symbol"], row["session"]) for row in doubted.sample] == [("RRC", date(1990, 4, 10))]
