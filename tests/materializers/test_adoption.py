"""Data that exist already become published versions, checked first."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks import not_null
from graph import Daily, Window, asset, multi_asset
from graph.declare import Out
from graph.partitions import Product, Static
from materializers import Workspace, in_memory, run_plan
from materializers.adoption import CannotAdopt, adopt, files_by_partition

NOW = datetime(2024, 1, 5, tzinfo=UTC)
DAYS = Daily(start="2024-01-01")


@asset(name="g/calendar")
def calendar() -> int:
    return 1


@asset(name="g/bars", partitions=DAYS, checks=[not_null("close")])
def bars(calendar: int, window: Window) -> pa.Table:
    raise AssertionError("what is adopted is not made")


@asset(name="g/returns", partitions=DAYS)
def returns(bars: pa.Table) -> int:
    return bars.num_rows


@asset(name="g/downloads", volatile=True)
def downloads() -> dict[str, int]:
    return {}


@asset(name="g/by_symbol", partitions=Product(day=DAYS, symbol=Static("BRK/B", "A")))
def by_symbol() -> int:
    return 1


@multi_asset(Out("train"), Out("test"))
def split() -> dict[str, int]:
    return {"train": 1, "test": 2}


@pytest.fixture
def workspace() -> Workspace:
    opened = in_memory([calendar, bars, returns, downloads, by_symbol, split], clock=lambda: NOW)
    run_plan(opened.plan("calendar"), opened)
    return opened


def table(folder: Path, name: str, *close: float | None) -> Path:
    path = folder / f"{name}.parquet"
    pq.write_table(pa.table({"close": pa.array(close, pa.float64())}), path)
    return path


def take(
    workspace: Workspace, key: str, *files: Path, partition: str | None = None, **options: object
) -> list:
    found = files_by_partition(workspace.graph[key], files, partition, workspace)
    return adopt(workspace, key, found, name="ada", **options)


def test_files_are_published_and_stand_for_what_would_be_made(workspace: Workspace, tmp_path: Path) -> None:
    done = take(
        workspace, "g/bars", table(tmp_path, "2024-01-01", 1.0), table(tmp_path, "2024-01-02", 2.0, 3.0)
    )
    assert [(one.partition, one.outcome, one.rows) for one in done] == [
        ("2024-01-01", "published", 1),
        ("2024-01-02", "published", 2),
    ]
    assert workspace.load("bars")["close"].to_pylist() == [1.0, 2.0, 3.0]
    assert not workspace.plan("bars", partitions="..2024-01-02").work()
    run_plan(workspace.plan("returns", partitions="..2024-01-02"), workspace)
    assert workspace.load("returns", partition="2024-01-02") == 2


def test_a_table_is_no_number(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(CannotAdopt, match=r"asset 'g/returns' is int: give a \.json file"):
        take(workspace, "g/returns", table(tmp_path, "2024-01-01", 1.0))


def test_where_it_came_from_is_on_record(workspace: Workspace, tmp_path: Path) -> None:
    file = table(tmp_path, "2024-01-01", 1.0)
    take(workspace, "g/bars", file, reason="the archive of 2019")
    (event,) = workspace.ledger.publications("g/bars", environment="main")
    assert (event.kind, event.name, event.reason) == (
        "publish",
        "ada",
        f"adopted from {file}: the archive of 2019",
    )
    (attempt,) = workspace.ledger.history("g/bars", environment="main")
    assert (attempt.outcome, attempt.reason, attempt.output) == (
        "published",
        f"adopted from {file}: the archive of 2019",
        f"adopted from {file}, by ada\n",
    )
    run = workspace.ledger.run(attempt.run_id)
    assert (run.selection, run.outcome) == ("assets adopt g/bars", "succeeded")


def test_what_fails_a_check_is_not_visible(workspace: Workspace, tmp_path: Path) -> None:
    (one,) = take(workspace, "g/bars", table(tmp_path, "2024-01-01", 1.0, None))
    assert (one.outcome, one.reason) == ("rejected", "not_null(close): 1 row")
    assert not workspace.published("g/bars")


def test_done_again_it_keeps_and_does_not_replace_unasked(workspace: Workspace, tmp_path: Path) -> None:
    file = table(tmp_path, "2024-01-01", 1.0)
    take(workspace, "g/bars", file)
    assert [one.outcome for one in take(workspace, "g/bars", file)] == ["kept"]
    other = table(tmp_path, "2024-01-01", 7.0)
    assert [one.outcome for one in take(workspace, "g/bars", other)] == ["held"]
    assert [one.outcome for one in take(workspace, "g/bars", other, replacing=True)] == ["published"]
    assert workspace.load("bars", partition="2024-01-01")["close"].to_pylist() == [7.0]


def test_the_age_of_what_the_world_gave_is_that_of_the_file(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "downloads.json"
    file.write_text(json.dumps({"a": 1}))
    then = datetime(2020, 5, 6, tzinfo=UTC)
    os.utime(file, (then.timestamp(), then.timestamp()))
    take(workspace, "g/downloads", file)
    (version,) = workspace.published("g/downloads").values()
    assert (workspace.load("downloads"), version.as_of) == ({"a": 1}, then)


def test_without_its_upstream_it_is_said_that_it_will_be_made_again(tmp_path: Path) -> None:
    opened = in_memory([calendar, bars], clock=lambda: NOW)
    (one,) = take(opened, "g/bars", table(tmp_path, "2024-01-01", 1.0))
    assert "made again when g/calendar" in one.reason


def test_one_output_of_several_is_adopted_alone(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "test.json"
    file.write_text("5")
    take(workspace, next(iter(workspace.keys("test"))), file)
    assert workspace.load("test") == 5


@pytest.mark.parametrize(
    ("key", "names", "partition", "told"),
    [
        pytest.param("g/bars", ["2023-01-01"], None, "named like no partition of 'g/bars'", id="no such day"),
        pytest.param(
            "g/bars", ["a", "b"], "2024-01-01", "there are 2 files", id="two files for one partition"
        ),
        pytest.param("g/downloads", ["a", "b"], None, "give one file", id="two files and no partitions"),
        pytest.param("g/downloads", ["a"], "2024-01-01", "no --partition", id="a partition of none"),
    ],
)
def test_what_names_no_partition_is_refused(
    workspace: Workspace, tmp_path: Path, key: str, names: list[str], partition: str | None, told: str
) -> None:
    files = [table(tmp_path, name, 1.0) for name in names]
    with pytest.raises(CannotAdopt, match=told):
        take(workspace, key, *files, partition=partition)


def test_names_are_those_that_an_export_writes(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "2024-01-02_BRK_B.json"
    file.write_text("3")
    take(workspace, "g/by_symbol", file)
    assert workspace.load("by_symbol", partition="2024-01-02|BRK/B") == 3


def test_a_broken_file_is_told_with_its_name(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "2024-01-01.parquet"
    file.write_bytes(b"no table")
    with pytest.raises(CannotAdopt, match=r"2024-01-01.parquet cannot be read for asset 'g/bars'"):
        take(workspace, "g/bars", file)
    outcomes = {one.selection: one.outcome for one in workspace.ledger.runs(limit=2)}
    assert outcomes["assets adopt g/bars"] == "failed"
