"""A backfill of differently partitioned assets leaves the same rows on both engines, with batches and chains."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.prefect_engine import run_with_prefect
from graph import Daily, Reads, Window, asset
from graph.declare import Batch
from graph.mappings import Overlap
from graph.partitions import Hourly, Product, Static, Weekly
from materializers import Workspace, in_memory, run_plan
from materializers.runner import RunResult

NOW = datetime(2024, 1, 29, 12, tzinfo=UTC)
DAYS = Daily(start="2024-01-01")


@asset(name="g/ticks", partitions=Hourly(start="2024-01-01"), batch=Batch(size=24))
def ticks(window: Window) -> dict[str, int]:
    return {f"{window.day}-{hour:02}:00": hour for hour in range(24)}


@asset(name="g/bars", partitions=DAYS)
def bars(ticks: dict[str, int]) -> int:
    return sum(ticks.values())


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


@asset(name="g/weeks", partitions=Weekly(start="2024-01-01"))
def weeks(by_symbol: dict[str, int], equity: dict[str, int]) -> list[int]:
    return [len(by_symbol), *equity.values()]


def carried_out(engine: Callable[..., RunResult]) -> tuple[Workspace, RunResult]:
    workspace = in_memory([ticks, bars, equity, by_symbol, weeks], clock=lambda: NOW)
    return workspace, engine(workspace.plan("weeks", partitions="2024-01-07"), workspace, jobs=2)


def rows(workspace: Workspace) -> list[tuple[Any, ...]]:
    found = workspace.ledger.database.rows(  # a SqlLedger
        "SELECT asset, slice, ordinal, fingerprint, data_version, rejected FROM versions"
    )
    names = ("asset", "slice", "ordinal", "fingerprint", "data_version", "rejected")
    return sorted(tuple(row[name] for name in names) for row in found)


def test_both_engines_make_the_same_of_a_backfill(prefect_server: str) -> None:
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        there, on_prefect = carried_out(run_with_prefect)
    here, in_process = carried_out(run_plan)
    assert (on_prefect.outcome, in_process.outcome) == ("succeeded", "succeeded")
    assert rows(there) == rows(here)
    assert here.load("weeks", partition="2024-01-07")[0] == 14
