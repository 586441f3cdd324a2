"""What holds for every asset of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph import Asset
from materializers import Project
from materializers.loading import load_graph

ROOT = Path(__file__).resolve().parents[2]
ASSETS = load_graph(Project(root=ROOT)).assets.values()


@pytest.mark.parametrize("asset", [pytest.param(asset, id=asset.key) for asset in ASSETS])
def test_it_is_described_and_promises_something(asset: Asset) -> None:
    assert asset.description
    checked = any(check.severity == "error" for check in asset.checks)
    assert (checked and asset.freshness is not None) or asset.unchecked


def test_the_slice_hangs_together() -> None:
    graph = load_graph(Project(root=ROOT))
    above = graph.ancestors(["analytics/portfolio_report"])
    assert {
        "market/universe",
        "market/prices",
        "market/returns",
        "market/indicators",
        "allocation/hrp_weights",
        "allocation/target_weights",
        "trading/holdings",
        "trading/order_proposals",
        "analytics/portfolio_backtest",
        "analytics/performance",
    } <= above
