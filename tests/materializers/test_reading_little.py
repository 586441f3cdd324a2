"""Deciding reads rows in proportion to what changed, and not to what there is. Counted, not timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graph import Daily, asset
from graph.automation import eager
from graph.partition_set import PartitionSet
from materializers import Workspace, in_memory, materialize
from materializers.sql_ledger import SqlLedger
from materializers.sweeping import carry_out, sweep

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = Daily(start="2023-01-01")
NOW = START + timedelta(hours=1)


def chain(length: int, constant: int) -> list[Callable[..., Any]]:
    """Assets ``a0`` to ``a9`` of a year of days, each reading the one before, and following it by itself."""

    @asset(name="g/a0", partitions=DAYS)
    def first() -> int:
        return constant

    found: list[Callable[..., Any]] = [first]
    for number in range(1, length):

        @asset(
            name=f"g/a{number}", upstream={"above": f"g/a{number - 1}"}, partitions=DAYS, automation=eager()
        )
        def after(above: int) -> int:
            return above

        found.append(after)
    return found


class Counting:
    """A ledger's database that counts the rows that it answers."""

    def __init__(self, workspace: Workspace) -> None:
        assert isinstance(workspace.ledger, SqlLedger)
        self._database = workspace.ledger.database
        self.rows = 0
        workspace.ledger.database = self  # as much of one as deciding uses

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @contextmanager
    def reading(self) -> Iterator[Any]:
        with self._database.reading() as db:
            yield _Snapshot(db, self)


class _Snapshot:
    def __init__(self, db: Any, counter: Counting) -> None:
        self._db, self._counter, self.now = db, counter, db.now

    def rows(self, sql: str, values: Any = ()) -> Any:
        found = self._db.rows(sql, values)
        self._counter.rows += len(found)
        return found


@pytest.fixture(scope="module")
def made() -> Workspace:
    """Ten assets with 365 days each, all of them made."""
    workspace = in_memory(chain(10, 1), clock=lambda: NOW)
    materialize("*", workspace=workspace, jobs=1)
    assert carry_out(sweep(workspace), workspace) is None  # switches on
    return workspace


def rows_of(made: Workspace, decide: Callable[[Workspace], object], constant: int = 1) -> int:
    workspace = in_memory(chain(10, constant), clock=lambda: NOW)
    ledger = made.ledger
    assert isinstance(ledger, SqlLedger)
    workspace.ledger, workspace.store = ledger, made.store
    before = ledger.database
    counter = Counting(workspace)
    try:
        decide(workspace)
    finally:
        ledger.database = before
    return counter.rows


PARTITIONS = 365


def test_a_plan_of_what_is_settled_reads_two_rows_an_asset(made: Workspace) -> None:
    assert rows_of(made, lambda workspace: workspace.plan("*")) <= 3 * 10 + 5


def test_a_plan_after_the_code_changed_reads_no_more(made: Workspace) -> None:
    assert rows_of(made, lambda workspace: workspace.plan("*"), constant=2) <= 3 * 10 + 5


def test_a_sweep_with_nothing_due_reads_few_rows_an_asset(made: Workspace) -> None:
    assert rows_of(made, sweep) <= 5 * 10 + 5


def test_a_plan_after_one_partition_changed_reads_a_few_rows_for_each_asset_below(made: Workspace) -> None:
    """In proportion to what changed: ten partitions, and not 3,650."""
    day = PartitionSet.span(START.date().toordinal() - 1, START.date().toordinal() - 1)
    made.ledger.withdraw("main", "g/a0", day, name="a person", reason="a test")
    found = rows_of(made, lambda workspace: workspace.plan("*"))
    assert found <= 12 * 10
    assert found < PARTITIONS
