"""Backfills of differently partitioned assets in one plan: real runs on a real ledger."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import Daily, Reads, Skip, Window, asset
from graph.declare import Batch
from graph.mappings import Overlap
from graph.partition_set import PartitionSet
from graph.partitions import Hourly, Product, Static, Weekly
from graph.steps import Hold, Materialize, Plan
from materializers import Workspace, find_project, in_memory, open_workspace, run_plan

NOW = datetime(2024, 1, 29, 12, tzinfo=UTC)
DAYS = Daily(start="2024-01-01")


@asset(name="g/ticks", partitions=Hourly(start="2024-01-01"))
def ticks(window: Window) -> int:
    return 1


@asset(name="g/bars", partitions=DAYS)
def bars(ticks: dict[str, int]) -> int:
    return sum(ticks.values())


@asset(name="g/weeks", partitions=Weekly(start="2024-01-01"))
def weeks(bars: dict[str, int]) -> list[int]:
    return list(bars.values())


@asset(name="g/rolling", partitions=DAYS, upstream={"bars": Overlap(start_offset=-2)})
def rolling(bars: dict[str, int]) -> int:
    return len(bars)


@asset(
    name="g/equity",
    partitions=DAYS,
    upstream={"before": Reads("g/equity", Overlap(start_offset=-1, end_offset=-1))},
)
def equity(bars: int, before: int | None) -> int:
    return (before or 0) + bars


@asset(name="g/by_symbol", partitions=Product(symbol=Static("AAPL", "MSFT"), day=DAYS))
def by_symbol(bars: int) -> int:
    return bars


@asset(name="g/whole")
def whole(by_symbol: dict[str, int]) -> int:
    return len(by_symbol)


GRAPH: list[Callable[..., Any]] = [ticks, bars, weeks, rolling, equity, by_symbol, whole]


@pytest.fixture
def workspace() -> Workspace:
    return in_memory(GRAPH, clock=lambda: NOW)


def built(plan: Plan) -> dict[str, int]:
    """How many partitions of each asset a plan builds, or might."""
    found: dict[str, int] = {}
    for step in plan.steps:
        if isinstance(step, Materialize):
            found[step.key] = found.get(step.key, 0) + len(step.partitions)
    return found


@pytest.mark.parametrize(
    ("selection", "partitions", "expected"),
    [
        pytest.param(
            "weeks",
            "2024-01-07",
            {"g/ticks": 168, "g/bars": 7, "g/weeks": 1},
            id="a week is seven days of twenty-four hours",
        ),
        pytest.param(
            "rolling",
            "2024-01-10..2024-01-12",
            {"g/ticks": 120, "g/bars": 5, "g/rolling": 3},
            id="a rolling window reads the days before",
        ),
        pytest.param(
            "by_symbol",
            "day=2024-01-10..2024-01-11,symbol=AAPL",
            {"g/ticks": 48, "g/bars": 2, "g/by_symbol": 2},
            id="one symbol of a product needs its days",
        ),
        pytest.param(
            "equity",
            "2024-01-03",
            {"g/ticks": 72, "g/bars": 3, "g/equity": 3},
            id="what reads itself is built from its first day on",
        ),
        pytest.param(
            "whole",
            None,
            {"g/ticks": 672, "g/bars": 28, "g/by_symbol": 56, "g/whole": 1},
            id="an asset without partitions needs all",
        ),
    ],
)
def test_what_is_chosen_and_what_it_reads_is_built_and_then_nothing(
    workspace: Workspace, selection: str, partitions: str | None, expected: dict[str, int]
) -> None:
    plan = workspace.plan(selection, partitions=partitions)
    assert built(plan) == expected
    result = run_plan(plan, workspace)
    assert result.outcome == "succeeded", [one.reason for one in result.results if one.outcome == "held"]
    assert sum(one.outcome == "published" for one in result.results) == sum(expected.values())
    assert not workspace.plan(selection, partitions=partitions).work(), "a plan run twice keeps everything"


def test_values_flow_along_every_mapping(workspace: Workspace) -> None:
    run_plan(workspace.plan("*"), workspace)
    assert workspace.load("weeks", partition="2024-01-07") == [24] * 7
    assert workspace.load("rolling", partition="2024-01-05") == 3
    assert workspace.load("equity", partition="2024-01-28") == 28 * 24
    assert workspace.load("by_symbol", partition="MSFT|2024-01-28") == 24
    assert workspace.load("whole") == 56


def test_what_reads_itself_a_week_ago_needs_every_seventh_day() -> None:
    @asset(
        name="g/weekly_sum",
        partitions=DAYS,
        upstream={"before": Reads("g/weekly_sum", Overlap(start_offset=-7, end_offset=-7))},
    )
    def weekly_sum(before: int | None) -> int:
        return (before or 0) + 1

    workspace = in_memory([weekly_sum], clock=lambda: NOW)
    plan = workspace.plan("weekly_sum", partitions="2024-01-17")
    assert built(plan) == {"g/weekly_sum": 3}, "the 17th, the 10th and the 3rd"
    run_plan(plan, workspace)
    assert workspace.load("weekly_sum", partition="2024-01-17") == 3


def test_a_wiped_link_of_a_chain_is_made_again_with_all_that_follows(workspace: Workspace) -> None:
    run_plan(workspace.plan("equity"), workspace)
    day = DAYS.partition("2024-01-20")
    workspace.ledger.withdraw("main", "g/equity", PartitionSet.of([day]), name="ada", reason="wrong")
    plan = workspace.plan("equity", partitions="2024-01-28")
    assert built(plan) == {"g/equity": 9}
    outcomes = [one.outcome for one in run_plan(plan, workspace).results if one.step.key == "g/equity"]
    assert outcomes.count("published") == 1, "what comes after was made from the same"


def test_a_skipped_link_of_a_chain_is_read_as_skipped() -> None:
    @asset(
        name="g/total",
        partitions=DAYS,
        upstream={"before": Reads("g/total", Overlap(start_offset=-1, end_offset=-1))},
    )
    def total(before: int | None, window: Window) -> Any:
        return Skip("closed") if window.day.day == 3 else (before or 0) + 1

    workspace = in_memory([total], clock=lambda: NOW)
    for _ in range(2):
        result = run_plan(workspace.plan("total", partitions="..2024-01-05"), workspace)
        assert result.outcome == "succeeded"
    held = [one for one in workspace.plan("total", partitions="..2024-01-05").steps if isinstance(one, Hold)]
    assert {one.reason.kind for one in held} <= {"skipped before", "upstream skipped"}
    assert len(workspace.published("g/total")) == 2


def test_missing_goes_on_where_a_backfill_ended(workspace: Workspace) -> None:
    run_plan(workspace.plan("bars", partitions="2024-01-03..2024-01-05"), workspace)
    plan = workspace.plan("bars", partitions="missing in ..2024-01-07")
    assert built(plan) == {"g/ticks": 96, "g/bars": 4}
    run_plan(plan, workspace)
    assert not workspace.plan("bars", partitions="missing in ..2024-01-07").steps


@settings(max_examples=10)
@given(st.lists(st.tuples(st.integers(1, 28), st.integers(1, 28)).map(sorted), min_size=1, max_size=5))
def test_whatever_was_there_before_what_is_missing_is_made_once(ranges: list[list[int]]) -> None:
    made: list[str] = []

    @asset(name="g/day", partitions=DAYS)
    def day(window: Window) -> int:
        made.append(window.day.isoformat())
        return 1

    workspace = in_memory([day], clock=lambda: NOW)
    wanted: set[int] = set()
    for first, last in ranges:
        wanted |= set(range(first, last + 1))
        choice = f"missing in 2024-01-{first:02}..2024-01-{last:02}"
        run_plan(workspace.plan("day", partitions=choice), workspace)
        assert sorted(made) == [f"2024-01-{one:02}" for one in sorted(wanted)]
    workspace.ledger.close()


def test_outdated_is_what_was_published_and_would_be_built(workspace: Workspace) -> None:
    run_plan(workspace.plan("bars", partitions="..2024-01-05"), workspace)
    assert not workspace.plan("bars", partitions="outdated").work()

    @asset(name="g/bars", partitions=DAYS)
    def bars(ticks: dict[str, int]) -> int:
        return sum(ticks.values()) * 2

    other = in_memory([ticks, bars], clock=lambda: NOW)
    other.ledger, other.store = workspace.ledger, workspace.store
    assert built(other.plan("bars", partitions="outdated in 2024-01-04..")) == {"g/bars": 2}
    assert built(other.plan("bars", partitions="outdated"))["g/bars"] == 5


@pytest.mark.parametrize("size", [1, 3, None], ids=["one by one", "in threes", "in one call"])
@pytest.mark.parametrize("by", [None, "day"], ids=["a mapping", "a column"])
def test_a_batch_is_split_into_its_partitions(size: int | None, by: str | None) -> None:
    import pyarrow as pa

    calls: list[tuple[date, date]] = []

    @asset(name="g/table", partitions=DAYS, batch=Batch(size=size, by=by))
    def table(window: Window) -> Any:
        calls.append((window.start.date(), window.end.date()))
        count = (window.end - window.start).days
        days = [window.start.date() + timedelta(days=number) for number in range(count)]
        if by is None:
            return {day.isoformat(): pa.table({"day": [day]}) for day in days}
        return pa.table({"day": days})

    @asset(name="g/next", partitions=DAYS, batch=Batch(size=2))
    def next_(table: pa.Table, window: Window) -> Any:
        count = (window.end - window.start).days
        days = [(window.start + timedelta(days=number)).date() for number in range(count)]
        assert table["day"].to_pylist() == days
        return {day.isoformat(): day.day for day in days}

    workspace = in_memory([table, next_], clock=lambda: NOW)
    result = run_plan(workspace.plan("next", partitions="2024-01-01..2024-01-07"), workspace)
    assert result.outcome == "succeeded", [one.error for one in result.results]
    assert len(calls) == {1: 7, 3: 3, None: 1}[size]
    assert workspace.load("table", partition="2024-01-06")["day"].to_pylist() == [date(2024, 1, 6)]
    assert workspace.load("next", partition="2024-01-07") == 7


APART = """
from graph import Daily, Execution, Window, asset
from graph.declare import Batch

DAYS = Daily(start="2024-01-01", end="2024-01-05")


@asset(partitions=DAYS, batch=Batch(), run=Execution(isolation="process"))
def mapping(window: Window) -> dict:
    import os
    import pyarrow as pa

    days = (window.end - window.start).days
    return {f"2024-01-0{day}": pa.table({"day": [day], "pid": [os.getpid()]}) for day in range(1, days + 1)}


@asset(partitions=DAYS, batch=Batch(size=2), run=Execution(isolation="process"))
def below(mapping, window: Window) -> dict:
    return {window.start.date().isoformat(): 1}
"""


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["apart_batches"]\n')
    (tmp_path / "apart_batches.py").write_text(APART)
    opened = open_workspace(find_project(tmp_path, environ={}))
    yield opened
    opened.ledger.close()
    sys.modules.pop("apart_batches", None)
    sys.path.remove(str(tmp_path))


def test_a_batch_in_a_process_of_its_own_is_split_too(apart: Workspace) -> None:
    result = run_plan(apart.plan("mapping"), apart)
    assert result.outcome == "succeeded", [one.error for one in result.results]
    tables = [apart.load("mapping", partition=f"2024-01-0{day}").to_pylist()[0] for day in range(1, 6)]
    assert [row["day"] for row in tables] == [1, 2, 3, 4, 5]
    assert len({row["pid"] for row in tables}) == 1, "one call made them all"


def test_a_batch_apart_that_lacks_a_partition_says_so(apart: Workspace) -> None:
    result = run_plan(apart.plan("below", partitions="2024-01-01..2024-01-02"), apart)
    (reason,) = {one.reason for one in result.results if one.outcome == "failed"}
    assert "must return a mapping with a value for each of its 2 partitions" in reason
