"""Every check of the catalogue fails on data that were made bad for it: there is none that cannot fail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from checks import ALONE, Beside, Check
from checks.counterexamples import counterexample
from graph import Asset
from materializers import Project, Workspace, open_workspace, run_plan
from materializers.beside import beside_published
from materializers.judging import published_value
from materializers.loading import load_graph

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2022, 12, 29, 20, tzinfo=UTC)
OPEN = "2022-12-29T10:00:00-05:00"
ASSETS = load_graph(Project(root=ROOT)).assets

# What the sample does not come to: an account that has traded.
HELD = {
    "trading/holdings": {"account": "paper", "cash": "10.00", "positions": {"KO": "5"}, "as_of": None},
    "trading/fills": [
        {"account": "paper", "fill_id": "1", "order_id": "a", "symbol": "KO", "side": "BUY", "at": NOW}
        | {"quantity": Decimal(2), "price": Decimal(60)}
    ],
    "trading/positions": [
        {"account": "paper", "symbol": "KO", "quantity": Decimal(2), "average_price": Decimal(60)}
        | {"market_value": Decimal(120)}
    ],
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The catalogue, built from its sample by somebody who submits the orders in an open market of that time."""
    folder = tmp_path_factory.mktemp("catalogue")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TRADING_FILE", str(folder / "broker.sqlite"))
        environment.setenv("TRADING_CLOCK", OPEN)
        workspace = open_workspace(Project(root=ROOT, home=folder / "home"))
        workspace.clock = lambda: NOW
        run_plan(workspace.plan("*"), workspace)
        run_plan(workspace.plan("group:trading", force=True), workspace)
        yield workspace
        workspace.ledger.close()


def good_value(asset: Asset, workspace: Workspace) -> tuple[Any, Beside]:
    (version,) = workspace.published(asset.key).values()
    value = published_value(asset, version, workspace)
    if asset.key in HELD:
        held = HELD[asset.key]
        return (pa.Table.from_pylist(held, value.schema) if isinstance(held, list) else held), ALONE
    if asset.key == "market/prices":  # the sample has closes only
        for column in ("open", "high", "low"):
            value = value.set_column(value.column_names.index(column), column, value["close"])
        value = value.set_column(6, "volume", pa.array([1000] * value.num_rows, pa.int64()))
    return value, beside_published(asset, version, workspace)


@pytest.mark.parametrize("key", [key for key, asset in ASSETS.items() if asset.checks])
def test_each_check_has_its_counterexample(key: str, built: Workspace) -> None:
    asset = built.graph[key]
    value, beside = good_value(asset, built)
    found = {
        check.name: counterexample(check, value, now=NOW, beside=beside)
        for check in asset.checks
        if isinstance(check, Check)
    }
    assert len(found) == len(asset.checks)
    assert [name for name, example in found.items() if example is None] == []
