"""What holds for every asset of the catalogue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from checks.expectation_rules import is_expectation, is_translated
from graph import Asset
from graph.freshness_states import freshness_states
from graph.reading import Reader
from materializers import Project, open_workspace, run_plan
from materializers.loading import load_graph
from materializers.sweeping import sweep

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


def test_the_report_does_not_wait_for_great_expectations() -> None:
    graph = load_graph(Project(root=ROOT))
    waiting = {
        asset.key
        for asset in ASSETS
        for check in asset.checks
        if is_expectation(check.kind) and not is_translated(check.kind)
    }
    assert waiting == {"trading/order_submission"}
    assert not waiting & graph.ancestors(["analytics/portfolio_report"])


def test_the_catalogue_is_built_from_nothing_and_then_nothing_is_to_be_done_for_years(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADING_FILE", str(tmp_path / "broker.sqlite"))
    project = Project(root=ROOT, home=tmp_path / "home")
    workspace = open_workspace(project)
    result = run_plan(workspace.plan("*"), workspace)
    others = {one.name: one.reason for one in result.results if one.outcome != "published"}
    assert others.keys() == {"trading/order_submission"}
    assert "too late to submit them" in others["trading/order_submission"], "the sample ends in 2022"
    again = open_workspace(project)
    assert again.plan("*").work() == ()
    check_that_a_dev_environment_costs_nothing(project)
    later = datetime.now(UTC) + timedelta(days=3_650)  # the sample data have ended, and say so
    again.clock = lambda: later
    with again.ledger.state(again.environment) as state:
        reader = Reader(graph=again.graph, state=state, horizon=again.horizon())
        states = {one.state for one in freshness_states(reader, later).values()}
    assert states == {"fresh", "none"}
    assert sweep(again).plan.steps == ()
    page = again.load("analytics/portfolio_report", as_type="str")
    above = again.graph.ancestors(["analytics/portfolio_report"]) - {"analytics/portfolio_report"}
    assert [key for key in above if key not in page] == []
    for opened in (workspace, again):
        opened.ledger.close()


def check_that_a_dev_environment_costs_nothing(project: Project) -> None:
    """On a catalogue that is built: one of all of it has nothing to do, and a change builds what lies below it."""
    main = open_workspace(project)
    stored = set(main.store.addresses())
    main.ledger.create_environment("dev")
    dev = open_workspace(project, environment="dev")
    assert dev.plan("*").work() == ()
    assert (main.ledger.own_keys("dev"), set(main.store.addresses())) == (frozenset(), stored)
    key = "allocation/target_weights"
    changed = open_workspace(project, environment="dev", config={key: {"cash_floor": 0.03}})
    result = run_plan(changed.plan("analytics/portfolio_report"), changed)
    built = {one.name for one in result.results if one.outcome == "published"}
    assert {key, "analytics/portfolio_report"} <= built <= {key, *main.graph.descendants([key])}
    assert main.plan("*").work() == ()
    main.ledger.drop_environment("dev")
    for opened in (main, dev, changed):
        opened.ledger.close()
