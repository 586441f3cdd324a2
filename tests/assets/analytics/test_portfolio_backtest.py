"""The backtest's tables, their promises, and the benchmark under the same conditions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from assets.analytics.portfolio_backtest import BacktestConfig, backtest
from checks import Verdict, evaluate
from graph.declare import declaration_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

D = Decimal
START = date(2024, 1, 1)
CONFIG = BacktestConfig(opening_cash=D("1000.00"), minimum_value=D(0))


def day(number: int) -> date:
    return START + timedelta(days=number)


def prices(**columns: Sequence[float | None]) -> pa.Table:
    return pa.table(
        {
            "symbol": pa.array([symbol for symbol, values in columns.items() for _ in values], pa.string()),
            "session": pa.array(
                [day(n) for values in columns.values() for n in range(len(values))], pa.date32()
            ),
            "close": pa.array([close for values in columns.values() for close in values], pa.float64()),
        }
    )


def targets(decisions: Mapping[int, Mapping[str, float]]) -> pa.Table:
    rows = [
        (day(number), symbol, weight)
        for number, weights in decisions.items()
        for symbol, weight in {**weights, "CASH": 1 - sum(weights.values())}.items()
    ]
    return pa.table(
        {
            "session": pa.array([row[0] for row in rows], pa.date32()),
            "symbol": pa.array([row[1] for row in rows], pa.string()),
            "weight": pa.array([row[2] for row in rows], pa.float64()),
        }
    )


PRICES = prices(A=[10, 10, 20, 5, 5], B=[10, 10, 10, 10, None])
TARGETS = targets({0: {"A": 0.5, "B": 0.25}, 2: {"A": 0.25, "B": 0.25}})


def failed(table: pa.Table, output: int = 0) -> list[Verdict]:
    declaration = declaration_of(backtest)
    assert declaration is not None
    verdicts = evaluate(table, declaration.outputs[output].checks, now=datetime(2024, 6, 1, tzinfo=UTC))
    return [verdict for verdict in verdicts if not verdict.passed]


def test_the_curve_says_what_happened_each_session() -> None:
    rows = backtest(TARGETS, PRICES, CONFIG)["portfolio_backtest"].to_pylist()
    assert [(row["session"], row["equity"], row["cash"], row["cost"]) for row in rows[:3]] == [
        (day(0), D("1000.00"), D("1000.00"), D("0.00")),
        (day(1), D("999.25"), D("249.25"), D("0.75")),
        (day(2), D("1499.25"), D("249.25"), D("0.00")),
    ]
    assert rows[1]["turnover"] == pytest.approx(750 / 2 / 1000)
    assert rows[2]["drawdown"] == 0
    assert rows[3]["drawdown"] == pytest.approx(float(rows[3]["equity"]) / 1499.25 - 1)
    assert [row["stale"] for row in rows] == [0, 0, 0, 0, 1]


def test_trades_and_positions_are_told_apart_by_session() -> None:
    found = backtest(TARGETS, PRICES, CONFIG)
    trades = found["portfolio_trades"].to_pylist()
    assert [(trade["decided"], trade["session"], trade["side"], trade["symbol"]) for trade in trades] == [
        (day(0), day(1), "BUY", "A"),
        (day(0), day(1), "BUY", "B"),
        (day(2), day(3), "SELL", "A"),
        (day(2), day(3), "BUY", "B"),
    ]
    positions = [row for row in found["portfolio_positions"].to_pylist() if row["session"] == day(1)]
    assert [(row["symbol"], row["value"]) for row in positions] == [("A", D("500.00")), ("B", D("250.00"))]
    assert positions[0]["weight"] == pytest.approx(500 / 999.25)


def test_every_table_keeps_its_promises() -> None:
    found = backtest(TARGETS, PRICES, CONFIG)
    for output, table in enumerate(found.values()):
        assert failed(table, output) == []


def test_without_targets_the_curve_is_empty_and_that_is_refused() -> None:
    curve = backtest(targets({}), PRICES, CONFIG)["portfolio_backtest"]
    assert curve.num_rows == 0
    assert "row_count" in [verdict.check for verdict in failed(curve)]


@pytest.mark.parametrize(
    ("column", "row", "check"),
    [
        pytest.param("cash", 2, "cash_is_conserved", id="a cent that appears"),
        pytest.param("cost", 3, "cash_is_conserved", id="a cost that was not paid"),
        pytest.param("equity", 1, "equity is cash and what is invested", id="equity that is not there"),
    ],
)
def test_a_cent_that_is_out_of_place_is_found(column: str, row: int, check: str) -> None:
    curve = backtest(TARGETS, PRICES, CONFIG)["portfolio_backtest"]
    rows = curve.to_pylist()
    rows[row][column] += D("0.01")
    wrong = pa.Table.from_pylist(rows, schema=curve.schema)
    assert check in [verdict.check for verdict in failed(wrong)]


def test_the_benchmark_holds_the_same_of_everything_with_a_close() -> None:
    closes = prices(A=[10] * 3, B=[20] * 3, C=[None] * 3)
    found = backtest(targets({1: {"A": 1.0}}), closes, CONFIG)["equal_weight_backtest"]
    assert [row["invested"] for row in found.to_pylist()] == [D(0), D("998.98")]
    assert found["bought"].to_pylist() == [D(0), D("998.98")]


def test_the_benchmark_covers_the_sessions_of_the_strategy() -> None:
    found = backtest(TARGETS, PRICES, CONFIG)
    assert found["equal_weight_backtest"]["session"].equals(found["portfolio_backtest"]["session"])


def test_what_comes_later_changes_nothing_before_it() -> None:
    longer = prices(A=[10, 10, 20, 5, 5, 7, 8], B=[10, 10, 10, 10, None, 3, 4])
    more = targets({0: {"A": 0.5, "B": 0.25}, 2: {"A": 0.25, "B": 0.25}, 5: {"A": 0.9}})
    before, after = backtest(TARGETS, PRICES, CONFIG), backtest(more, longer, CONFIG)
    for name, table in before.items():
        assert after[name].slice(0, table.num_rows).equals(table), name
