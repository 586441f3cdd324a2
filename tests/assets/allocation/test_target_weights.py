"""Targets with their cash, and how they change."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from assets.allocation.target_weights import TargetConfig, target_weights
from checks import Verdict, evaluate
from graph.declare import declaration_of

FIRST, SECOND = date(2024, 1, 2), date(2024, 2, 1)


def weights(*rows: tuple[date, str, float]) -> pa.Table:
    session, symbol, weight = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "session": pa.array(session, pa.date32()),
            "symbol": pa.array(symbol, pa.string()),
            "weight": pa.array(weight, pa.float64()),
        }
    )


def failed(table: pa.Table) -> list[Verdict]:
    declaration = declaration_of(target_weights)
    assert declaration is not None
    verdicts = evaluate(table, declaration.outputs[0].checks, now=datetime(2024, 3, 1, tzinfo=UTC))
    return [verdict for verdict in verdicts if not verdict.passed]


def test_each_decision_has_its_cash_its_changes_and_its_turnover() -> None:
    given = weights((FIRST, "A", 0.5), (FIRST, "B", 0.1), (SECOND, "A", 0.0), (SECOND, "B", 0.15))
    found = target_weights(given, TargetConfig())
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        (FIRST, "A", 0.2, 0.2, 0.3),
        (FIRST, "B", 0.1, 0.1, 0.3),
        (FIRST, "CASH", 0.7, -0.3, 0.3),
        (SECOND, "A", 0.0, -0.2, 0.2),
        (SECOND, "B", 0.15, 0.05, 0.2),
        (SECOND, "CASH", 0.85, 0.15, 0.2),
    ]
    assert failed(found) == []


def test_a_symbol_that_left_the_universe_is_said_once() -> None:
    found = target_weights(weights((FIRST, "A", 0.1), (SECOND, "B", 0.1)), TargetConfig())
    assert [row["symbol"] for row in found.to_pylist() if row["session"] == SECOND] == ["A", "B", "CASH"]
    assert failed(found) == []


def test_without_decisions_there_are_no_targets() -> None:
    found = target_weights(weights(), TargetConfig())
    assert found.num_rows == 0
    assert [verdict.check for verdict in failed(found)] == ["row_count"]


@pytest.mark.parametrize(
    ("config", "weight", "check"),
    [
        pytest.param(TargetConfig(cap=0.5), 0.3, "no stock above 20 %", id="a cap above the house's"),
        pytest.param(TargetConfig(cash_floor=0.0), 0.2, "cash at least 2 %", id="a floor below the house's"),
    ],
)
def test_looser_limits_than_the_house_allows_are_rejected(
    config: TargetConfig, weight: float, check: str
) -> None:
    others = (1 - weight) / 4
    rows = [(FIRST, "A", weight), *((FIRST, symbol, others) for symbol in "BCDE")]
    found = target_weights(weights(*rows), config)
    assert [verdict.check for verdict in failed(found)] == [check]
