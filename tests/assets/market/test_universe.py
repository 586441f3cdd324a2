"""The universe."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from assets.market.price_source import SAMPLE, SymbolList
from assets.market.universe import universe
from checks import evaluate
from graph.declare import declaration_of

NOW = datetime(2024, 1, 10, tzinfo=UTC)


def test_symbols_come_with_what_is_known_of_them() -> None:
    assert universe(SymbolList(configured=("XOM", "SPY"))).to_pylist() == [
        {"symbol": "XOM", "name": "Exxon Mobil", "sector": "Energy"},
        {"symbol": "SPY", "name": None, "sector": None},
    ]


@pytest.mark.parametrize(
    ("symbols", "failed"),
    [
        pytest.param(tuple(SAMPLE), set(), id="the sample"),
        pytest.param(("BRK.B", "^GSPC", "ES=F", "BF-B"), set(), id="shares, indices, futures"),
        pytest.param((), {"row_count"}, id="no symbol at all"),
        pytest.param(("AAPL", "AAPL"), {"unique(symbol)"}, id="one twice"),
        pytest.param(("aapl",), {"matches(symbol)"}, id="in small letters"),
    ],
)
def test_what_its_checks_refuse(symbols: tuple[str, ...], failed: set[str]) -> None:
    declared = declaration_of(universe)
    assert declared is not None
    verdicts = evaluate(universe(SymbolList(configured=symbols)), declared.outputs[0].checks, now=NOW)
    assert {verdict.check for verdict in verdicts if verdict.blocks} == failed
