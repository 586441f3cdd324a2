from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from checks import not_null, row_count
from deployments.status_view import show_status
from graph import asset, fresh_within
from materializers import in_memory, run_plan
from materializers.workspace import Workspace

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
DAY = fresh_within(timedelta(hours=24))


@asset(name="t/prices", volatile=True, freshness=DAY, checks=[row_count(10, severity="warn")])
def prices() -> pa.Table:
    return pa.table({"x": [1]})


@asset(name="t/mean", freshness=DAY)
def mean(prices: pa.Table) -> int:
    return 1


@asset(name="t/spoiled", freshness=DAY, checks=[not_null("x")])
def spoiled() -> pa.Table:
    return pa.table({"x": [None]})


@asset(name="t/boom")
def boom() -> int:
    raise RuntimeError("no")


@pytest.fixture
def workspace() -> Workspace:
    opened = in_memory([prices, mean, spoiled, boom], clock=lambda: NOW)
    run_plan(opened.plan("*"), opened, jobs=1)
    return opened


def text_of(workspace: Workspace, now: datetime, limit: int = 0) -> str:
    text = show_status(workspace, "*", now=now, limit=limit).text()
    return re.sub(r"2026-03-0\d \d\d:\d\d \S+", "WHEN", text)


def squeezed(text: str) -> list[str]:
    return [re.sub(r" {2,}", " | ", line) for line in text.splitlines()]


def test_each_asset_has_its_state_age_outcome_and_failing_checks(workspace: Workspace):
    assert squeezed(text_of(workspace, NOW + timedelta(hours=3))) == [
        "asset | state | age | slack | published | last outcome | what fails",
        "t/prices | fresh | 3 h | 21 h left | WHEN | published | row_count (warn)",
        "t/spoiled | unknown | - | - | - | rejected",
        "t/boom | none | - | - | - | failed",
        "t/mean | fresh | - | - | WHEN | published",
        "",
        "4 assets: 2 fresh, 1 unknown, 1 none",
    ]


def test_overdue_data_make_what_is_below_overdue(workspace: Workspace):
    lines = squeezed(text_of(workspace, NOW + timedelta(hours=25)))

    assert "t/prices | overdue | 25 h | since 1 h | WHEN | published | row_count (warn)" in lines
    assert "t/mean | overdue | - | - | WHEN | published | t/prices is overdue" in lines


def test_the_document_is_whole_where_the_text_is_bounded(workspace: Workspace):
    assert "... and 3 more; see --limit" in text_of(workspace, NOW, limit=1)

    found = {one["key"]: one for one in show_status(workspace, "*", now=NOW, limit=1).document()}
    assert found["t/prices"]["state"] == "fresh"
    assert found["t/prices"]["overdue_at"] == NOW + timedelta(hours=24)
    assert found["t/prices"]["failing_checks"] == ["row_count (warn)"]
    assert found["t/spoiled"]["last_outcome"] == "rejected"
    assert found["t/boom"]["last_ended_at"] == NOW
