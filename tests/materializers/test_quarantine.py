"""Quarantine, from declaration to publication: the rows that fail go into an asset of their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from checks import Check, between, not_null, row_count, unique
from graph import Batch, Daily, Execution, Out, Window, asset, multi_asset
from materializers import Workspace, in_memory, load, materialize
from materializers.runner import RunResult

NOW = datetime(2024, 1, 4, tzinfo=UTC)
POSITIVE = between("close", 0, None, severity="quarantine")


def world(*declared: Callable[..., Any], like: Workspace | None = None) -> Workspace:
    workspace = in_memory(declared, clock=lambda: NOW)
    if like is not None:
        workspace.ledger, workspace.store = like.ledger, like.store
    return workspace


def rows(workspace: Workspace, key: str, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = load(key, workspace=workspace, **options).to_pylist()
    return found


def outcomes(result: RunResult) -> list[str]:
    return [one.outcome for one in result.results]


def bars(*checks: Check, closes: Any = (60.0, -1.0, None)) -> Callable[..., Any]:
    @asset(name="m/bars", checks=[POSITIVE, *checks])
    def bars() -> pa.Table:
        return pa.table({"symbol": ["KO", "PEP", "XOM"], "close": list(closes)})

    return bars


def test_the_rest_is_published() -> None:
    @asset(name="m/mean")
    def mean(bars: pa.Table, bars_quarantine: pa.Table) -> list[int]:
        return [bars.num_rows, bars_quarantine.num_rows]

    workspace = world(bars(not_null("close", severity="warn")), mean)
    run = materialize("*", workspace=workspace)
    assert (run.outcome, outcomes(run)) == ("succeeded", ["published", "published"])
    assert rows(workspace, "m/bars") == [{"symbol": "KO", "close": 60.0}, {"symbol": "XOM", "close": None}]
    assert rows(workspace, "m/bars_quarantine") == [
        {"symbol": "PEP", "close": -1.0, "failed_checks": ["between(close)"]}
    ]
    assert load("m/mean", workspace=workspace) == [2, 1]
    moved, warned = run.results[0].verdicts["m/bars"]
    assert (moved.passed, moved.aside, moved.rows) == (False, 1, 3)
    assert (warned.failing, warned.rows) == (1, 2)
    assert outcomes(materialize("*", workspace=workspace)) == ["kept"] * 3


def test_a_quarantine_can_be_asked_for_by_itself() -> None:
    workspace = world(bars())
    materialize("m/bars_quarantine", workspace=workspace)
    assert len(rows(workspace, "m/bars_quarantine")) == 1
    assert len(rows(workspace, "m/bars")) == 2


def test_nothing_to_move_leaves_an_empty_table() -> None:
    workspace = world(bars(closes=(1.0, 2.0, 3.0)))
    materialize("*", workspace=workspace)
    assert rows(workspace, "m/bars_quarantine") == []
    assert load("m/bars_quarantine", workspace=workspace).schema.names == ["symbol", "close", "failed_checks"]


def test_what_is_rejected_is_rejected_with_its_quarantine() -> None:
    good = world(bars(row_count(1)))
    materialize("*", workspace=good)
    bad = world(bars(row_count(3)), like=good)
    run = materialize("*", workspace=bad, force=True)
    assert (run.outcome, run.results[0].reason) == ("rejected", "row_count")
    assert len(rows(bad, "m/bars")) == 2
    assert [version.failing for version in bad.published("m/bars_quarantine").values()] == [False]


def test_what_cannot_be_judged_holds_the_version_back() -> None:
    @asset(name="m/bars", checks=[between("closing", 0, None, severity="quarantine")])
    def bars() -> pa.Table:
        return pa.table({"close": [1.0]})

    run = materialize("*", workspace=world(bars))
    assert run.outcome == "rejected"
    assert run.results[0].verdicts["m/bars"][0].error == "column 'closing' is missing. Did you mean 'close'?"


def test_other_rules_make_other_data() -> None:
    workspace = world(bars())
    materialize("*", workspace=workspace)

    @asset(name="m/bars", checks=[between("close", 61, None, severity="quarantine")])
    def stricter() -> pa.Table:
        return pa.table({"symbol": ["KO", "PEP", "XOM"], "close": [60.0, -1.0, None]})

    changed = world(stricter, like=workspace)
    assert outcomes(materialize("*", workspace=changed)) == ["published"]
    assert [row["symbol"] for row in rows(changed, "m/bars")] == ["XOM"]


def test_a_check_that_becomes_a_quarantine_builds_it() -> None:
    @asset(name="m/bars", checks=[between("close", -5, None)])
    def before() -> pa.Table:
        return pa.table({"symbol": ["KO", "PEP", "XOM"], "close": [60.0, -1.0, None]})

    workspace = world(before)
    materialize("*", workspace=workspace)
    changed = world(bars(), like=workspace)
    materialize("*", workspace=changed)
    assert len(rows(changed, "m/bars_quarantine")) == 1


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_frames_are_parted_too(isolation: Any, tmp_path: Any) -> None:
    @asset(name="m/bars", checks=[unique("symbol", severity="quarantine")], run=Execution(isolation="thread"))
    def bars() -> pd.DataFrame:
        return pd.DataFrame({"symbol": ["KO", "KO", "PEP"]})

    workspace = world(bars)
    materialize("*", workspace=workspace)
    assert rows(workspace, "m/bars") == [{"symbol": "PEP"}]


def test_what_is_no_table_fails_with_the_reason() -> None:
    @asset(name="m/bars", checks=[POSITIVE])
    def bars() -> int:
        return 1

    run = materialize("*", workspace=world(bars))
    assert run.outcome == "failed"
    assert "its checks move rows aside, so that it has to be a table" in run.results[0].reason


@pytest.mark.parametrize("batch", [None, Batch(by="day")])
def test_partition_by_partition(batch: Batch | None) -> None:
    @asset(name="m/bars", partitions=Daily(start="2024-01-01"), batch=batch, checks=[POSITIVE])
    def bars(window: Window) -> pa.Table:
        days = pd.date_range(window.start, window.end, inclusive="left", tz=None)
        return pa.table(
            {
                "day": pa.array([day.date() for day in days for _ in range(2)]),
                "close": [float(sign * day.day) for day in days for sign in (1, -1)],
            }
        )

    workspace = world(bars)
    materialize("*", workspace=workspace)
    for day in (1, 2, 3):
        label = f"2024-01-0{day}"
        assert [row["close"] for row in rows(workspace, "m/bars", partition=label)] == [float(day)]
        assert [row["close"] for row in rows(workspace, "m/bars_quarantine", partition=label)] == [
            -float(day)
        ]


def test_of_several_assets_from_one_function() -> None:
    @multi_asset(Out("m/train", checks=[POSITIVE]), Out("m/test"))
    def split() -> dict[str, pa.Table]:
        return {"m/train": pa.table({"close": [1.0, -1.0]}), "m/test": pa.table({"close": [-2.0]})}

    workspace = world(split)
    materialize("m/test", workspace=workspace)
    assert [len(rows(workspace, key)) for key in ("m/train", "m/train_quarantine", "m/test")] == [1, 1, 1]
