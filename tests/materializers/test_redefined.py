"""An asset whose partitions are defined anew never shows under a new key what was built under another one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from graph import Cron, Hourly, Monthly, Run, Weekly, asset
from graph.horizon import Partitions
from graph.plan_text import explain
from materializers import Workspace, in_memory
from materializers.ledger import LedgerError
from materializers.runner import run_plan

NOW = datetime(2024, 4, 1, 12, tzinfo=UTC)


def opened(partitions: Partitions, kept: Workspace | None = None) -> Workspace:
    """A project with one asset, whose value is the key of its partition; the ledger of another one."""

    @asset(name="g/named", partitions=partitions)
    def named(run: Run) -> str:
        return str(run.partition)

    workspace = in_memory([named], clock=lambda: NOW)
    if kept is not None:
        workspace.ledger, workspace.store = kept.ledger, kept.store
    return workspace


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            Cron(cron="0 9 * * 1", start="2024-03-01"), Cron(cron="0 9 * * 2", start="2024-03-01"), id="cron"
        ),
        pytest.param(
            Cron(cron="0 * * * *", start="2024-03-31"),
            Cron(cron="0,30 * * * *", start="2024-03-31"),
            id="minutes",
        ),
        pytest.param(
            Weekly(start="2024-03-01"), Weekly(start="2024-03-01", day_offset=1), id="day of the week"
        ),
        pytest.param(
            Monthly(start="2024-01-01"), Monthly(start="2024-01-01", day_offset=15), id="day of the month"
        ),
        pytest.param(Hourly(start="2024-03-31"), Hourly(start="2024-03-31", minute_offset=30), id="minute"),
    ],
)
def test_what_was_built_for_other_windows_is_history(before: Partitions, after: Partitions) -> None:
    was = opened(before)
    assert run_plan(was.plan("*"), was, jobs=1).outcome == "succeeded"
    shown = was.load("g/named")
    assert shown == {key: key for key in shown}
    now = opened(after, was)
    with pytest.raises(LedgerError, match="no published version"):
        now.load("g/named")
    assert now.shown(["g/named"]) == {"g/named": {}}
    assert "never built" in explain(now.plan("*"))
    assert run_plan(now.plan("*"), now, jobs=1).outcome == "succeeded"
    assert (found := now.load("g/named")) == {key: key for key in found}
    assert len(now.published("g/named")) == len(shown) + len(found)
    again = opened(before, now)
    assert again.load("g/named") == shown
    assert again.plan("*").work() == ()
