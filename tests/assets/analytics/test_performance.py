"""Strategy and benchmark side by side."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from assets.analytics.performance import NothingSimulated, Performance, performance
from checks import evaluate
from graph.declare import declaration_of

D = Decimal


def curve(equity: list[int], first: int = 0) -> pa.Table:
    days = [date(2024, 1, 1) + timedelta(days=first + n) for n in range(len(equity))]
    return pa.table(
        {
            "session": pa.array(days, pa.date32()),
            "equity": pa.array([D(value) for value in equity], pa.decimal128(18, 2)),
            "cost": pa.array([D("0.25")] * len(equity), pa.decimal128(18, 2)),
            "turnover": pa.array([0.01] * len(equity), pa.float64()),
        }
    )


UP_AND_DOWN = [1000 + (n % 5) * 10 + n for n in range(40)]


def failed(value: object) -> list[str]:
    declaration = declaration_of(performance)
    assert declaration is not None
    verdicts = evaluate(value, declaration.outputs[0].checks, now=datetime(2024, 6, 1, tzinfo=UTC))
    return [verdict.check for verdict in verdicts if not verdict.passed]


def test_both_sides_have_their_measures_costs_and_turnover() -> None:
    found = performance(curve(UP_AND_DOWN), curve([1000] * 40))
    assert found.strategy.final_equity == D("1079.00")
    assert found.strategy.costs == D("10.00")
    assert found.strategy.turnover_a_year == pytest.approx(0.4 * 252 / 40)
    assert found.strategy.measures.sharpe is not None
    assert found.benchmark.measures.sharpe is None
    assert found.benchmark.measures.undefined["sharpe"] == "the returns do not vary"


def test_it_says_how_the_tail_is_measured() -> None:
    assert performance(curve([1000]), curve([1000])).definitions["value_at_risk"].startswith("historical")


def test_is_the_same_as_json_and_back() -> None:
    found = performance(curve(UP_AND_DOWN), curve([1000] * 40))
    assert Performance.model_validate_json(found.model_dump_json()) == found


def test_keeps_its_promises_also_where_nothing_is_defined() -> None:
    for equity in (UP_AND_DOWN, [1000], [1000, 0]):
        found = performance(curve(equity), curve(equity))
        assert failed(found) == []
        assert failed(found.model_dump(mode="json")) == []


def test_different_sessions_are_refused() -> None:
    assert failed(performance(curve([1000] * 3), curve([1000] * 3, first=1))) == [
        "both_over_the_same_sessions"
    ]


def test_impossible_measures_are_refused() -> None:
    found = performance(curve(UP_AND_DOWN), curve(UP_AND_DOWN)).model_dump(mode="json")
    found["strategy"]["measures"]["max_drawdown"] = 0.2
    assert failed(found) == ["measures_are_possible"]


def test_a_backtest_without_a_session_has_no_performance() -> None:
    with pytest.raises(NothingSimulated, match="no session"):
        performance(curve([]), curve([]))
