"""What checks compare a value with: its own upstream, partition by partition, and what was observed before."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from checks import (
    Check,
    Finding,
    Verdict,
    across_partitions,
    check,
    no_look_ahead,
    not_fewer_rows,
    not_null,
    references,
    row_count,
    same_row_count,
    same_schema,
    sql,
    unique,
    usual_row_count,
)
from graph import Batch, Daily, Execution, Labels, Reads, Window, asset
from graph.mappings import Overlap
from materializers import Workspace, check_published, in_memory, materialize


class World:
    """Declarations on an empty ledger, on the fourth of January."""

    def __init__(self, *declared: Callable[..., Any]) -> None:
        self.now = datetime(2024, 1, 4, tzinfo=UTC)
        self.workspace: Workspace = in_memory(declared, clock=lambda: self.now)

    def redeclare(self, *declared: Callable[..., Any]) -> World:
        changed = World(*declared)
        changed.workspace.ledger, changed.workspace.store = self.workspace.ledger, self.workspace.store
        return changed

    def run(self, selection: str = "*", **options: Any) -> dict[str, tuple[str, tuple[Verdict, ...]]]:
        """By name, how each ended and what its checks said."""
        done = materialize(selection, workspace=self.workspace, jobs=1, **options)
        return {
            one.name.partition("/")[2]: (one.outcome, one.verdicts.get(one.step.key, ()))
            for one in done.results
        }


@asset(name="m/universe")
def universe() -> pa.Table:
    return pa.table({"symbol": ["KO", "PEP"]})


def bars(*checks: Check, symbols: tuple[str, ...] = ("KO", "PEP"), **options: Any) -> Callable[..., Any]:
    @asset(name="m/bars", checks=checks, **options)
    def bars(universe: pa.Table) -> pa.Table:
        return pa.table({"symbol": symbols, "n": list(range(len(symbols)))})

    return bars


def test_a_value_is_compared_with_what_it_was_made_from() -> None:
    world = World(universe, bars(references("symbol", "universe"), same_row_count("universe")))
    assert world.run()["bars"][0] == "published"
    bad = World(universe, bars(references("symbol", "universe"), symbols=("KO", "XOM"))).run()["bars"]
    assert bad[0] == "rejected"
    assert bad[1][0].sample == ({"#": 1, "symbol": "XOM", "n": 1},)


def test_a_changed_check_is_judged_beside_what_the_version_was_made_from() -> None:
    world = World(universe, bars())
    world.run()
    again = world.redeclare(universe, bars(references("symbol", "universe")))
    outcome, (verdict,) = again.run()["bars"]
    assert (outcome, verdict.passed, verdict.counted) == ("kept", True, 2)


@pytest.mark.parametrize("batch", [None, Batch(by="day")])
def test_each_partition_is_compared_with_its_own(batch: Batch | None) -> None:
    daily = Daily(start="2024-01-01")

    def day(window: Window, rows: int) -> pa.Table:
        days = [(window.start + timedelta(days=n)).date() for n in range((window.end - window.start).days)]
        return pa.table({"day": pa.array([d for d in days for _ in range(rows)], pa.date32())})

    @asset(name="m/ticks", partitions=daily)
    def ticks(window: Window) -> pa.Table:
        return day(window, window.start.day)

    @asset(name="m/clean", partitions=daily, batch=batch, checks=[same_row_count("ticks")])
    def clean(ticks: pa.Table) -> pa.Table:
        return ticks

    @asset(
        name="m/rolling",
        partitions=daily,
        upstream={"ticks": Reads("m/ticks", Overlap(start_offset=-1))},
        checks=[same_row_count("ticks")],
    )
    def rolling(ticks: pa.Table) -> pa.Table:
        return ticks

    found = World(ticks, clean, rolling).run()
    observed = {name: said[0].observed for name, (_, said) in found.items() if said}
    assert observed == {
        "clean@2024-01-01": "1 here, 1 in ticks",
        "clean@2024-01-02": "2 here, 2 in ticks",
        "clean@2024-01-03": "3 here, 3 in ticks",
        "rolling@2024-01-01": "1 here, 1 in ticks",
        "rolling@2024-01-02": "3 here, 3 in ticks",
        "rolling@2024-01-03": "5 here, 5 in ticks",
    }


def test_sql_and_functions_name_what_they_read() -> None:
    @check
    def of_the_universe(bars: pa.Table, universe: pa.Table) -> Finding:
        known = set(universe["symbol"].to_pylist())
        strange = [row for row in bars.to_pylist() if row["symbol"] not in known]
        return Finding(passed=not strange, failing=len(strange), sample=strange)

    query = sql("FROM this ANTI JOIN universe USING (symbol)")
    outcome, said = World(universe, bars(of_the_universe, query, symbols=("XOM",))).run()["bars"]
    assert outcome == "rejected"
    assert [one.failing for one in said] == [1, 1]
    assert [one.error for one in said] == [None, None]


def frames(change: Callable[[pa.Table], pa.Table], **options: Any) -> World:
    @asset(name="m/prices")
    def prices() -> pa.Table:
        return pa.table({"day": list(range(30)), "close": [50.0 + n % 7 for n in range(30)]})

    @asset(name="m/signal", checks=[no_look_ahead("day", prices="day")], **options)
    def signal(prices: pa.Table) -> pa.Table:
        return change(prices)

    return World(prices, signal)


def looking_back(prices: pa.Table) -> pa.Table:
    frame = prices.to_pandas()
    frame["close"] = frame["close"].rolling(3).mean()
    return pa.Table.from_pandas(frame, preserve_index=False)


def looking_ahead(prices: pa.Table) -> pa.Table:
    frame = prices.to_pandas()
    frame["close"] = frame["close"].shift(-1)
    return pa.Table.from_pandas(frame, preserve_index=False)


def test_the_look_ahead_probe_makes_the_value_again() -> None:
    assert frames(looking_back).run()["signal"][0] == "published"
    assert frames(looking_back, run=Execution(timeout=timedelta(minutes=1))).run()["signal"][0] == "published"
    outcome, (verdict,) = frames(looking_ahead).run()["signal"]
    assert (outcome, verdict.failing, verdict.error) == ("rejected", 2, None)


def test_the_probe_is_asked_of_what_is_published_too() -> None:
    world = frames(looking_back)
    world.run()
    again = check_published("signal", workspace=world.workspace)
    assert again.outcome == "succeeded"
    (verdict,) = again.results[0].verdicts["m/signal"]
    assert (verdict.passed, verdict.counted) == (True, 30)


def test_what_is_volatile_cannot_be_made_again() -> None:
    outcome, (verdict,) = frames(looking_back, volatile=True).run()["signal"]
    assert outcome == "rejected"
    assert "cannot be made again" in (verdict.error or "")


def test_private_columns_are_masked_here_and_downstream() -> None:
    @asset(name="m/people", labels=Labels(private=("name",)))
    def people() -> pa.Table:
        return pa.table({"name": ["Zaphod", "Zaphod"], "age": [1, -1]})

    @asset(name="m/visits", checks=[unique("name", severity="warn")])
    def visits(people: pa.Table) -> pa.Table:
        return people

    _, (verdict,) = World(people, visits).run()["visits"]
    assert verdict.failing == 2
    assert "Zaphod" not in verdict.to_json()


# Checks of all partitions together


def daily(*checks: Check, rows: Callable[[int], list[Any]], batch: Batch | None = None) -> Callable[..., Any]:
    @asset(name="m/orders", partitions=Daily(start="2024-01-01"), batch=batch, checks=checks)
    def orders(window: Window) -> Any:
        def table(day: int) -> pa.Table:
            return pa.table({"id": pa.array(rows(day), pa.int64())})

        if batch is None:
            return table(window.start.day)
        days = range((window.end - window.start).days)
        return {f"2024-01-{window.start.day + n:02}": table(window.start.day + n) for n in days}

    return orders


UNIQUE = across_partitions(unique("id"))
NOT_NULL = across_partitions(not_null("id", mostly=0.7))


def by_day(world: World, **options: Any) -> list[str]:
    return [outcome for outcome, _ in world.run(**options).values()]


def test_a_key_is_unique_in_all_partitions() -> None:
    world = World(daily(UNIQUE, rows=lambda day: [day, 8 if day == 3 else day + 7]))
    assert by_day(world) == ["published", "published", "rejected"]
    assert World(daily(UNIQUE, rows=lambda day: [day])).run()["orders@2024-01-03"][1][0].rows == 3


def test_a_batch_is_judged_with_what_is_published() -> None:
    together = Batch()
    assert by_day(World(daily(UNIQUE, rows=lambda day: [1], batch=together))) == ["rejected"] * 3
    world = World(daily(UNIQUE, rows=lambda day: [day], batch=together))
    assert by_day(world) == ["published"] * 3
    changed = world.redeclare(daily(UNIQUE, rows=lambda day: [day, 2], batch=together))
    assert by_day(changed, partitions="2024-01-03", force=True) == ["rejected"]


def test_only_new_partitions_are_scanned_where_counts_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import materializers.judging_together as judging

    scanned: list[int] = []
    really = judging._asked  # what is scanned is what this test is about

    def asked(asset: Any, checks: Any, contents: Any, workspace: Any) -> Any:
        scanned.append(len(contents))
        return really(asset, checks, contents, workspace)

    monkeypatch.setattr(judging, "_asked", asked)
    world = World(
        daily(NOT_NULL, across_partitions(row_count(1, 5)), rows=lambda day: [day, None if day == 1 else 2])
    )
    found = world.run()
    assert scanned == [1, 1, 1]
    assert [outcome for outcome, _ in found.values()] == ["rejected", "published", "published"]
    null, count = found["orders@2024-01-03"][1]
    assert (null.failing, null.counted, null.part, count.observed) == (0, 4, (0, 2, 2), 4)


def test_a_check_that_is_new_looks_at_all_once() -> None:
    world = World(daily(rows=lambda day: [day, None if day == 1 else 2]))
    assert by_day(world) == ["published"] * 3
    changed = world.redeclare(daily(NOT_NULL, rows=lambda day: [day, None if day == 1 else 2]))
    found = changed.run()
    verdicts = [said[0] for _, said in found.values()]
    assert [(one.passed, one.failing, one.counted) for one in verdicts] == [(True, 1, 6)] * 3
    assert [one.part for one in verdicts] == [(1, 2, 2), (0, 2, 2), (0, 2, 2)]


def test_partitions_that_are_made_side_by_side_see_each_other() -> None:
    both = threading.Barrier(2, timeout=30)

    @asset(name="m/twins", partitions=Daily(start="2024-01-02"), checks=[UNIQUE])
    def twins(window: Window) -> pa.Table:
        both.wait()
        return pa.table({"id": [7]})

    workspace = in_memory([twins], clock=lambda: datetime(2024, 1, 4, tzinfo=UTC))
    run = materialize("*", workspace=workspace, jobs=2)
    assert sorted(one.outcome for one in run.results) == ["published", "rejected"]


def test_what_was_published_by_hand_is_what_the_next_is_compared_with() -> None:
    def table(*columns: str) -> Callable[..., Any]:
        @asset(name="m/table", checks=[same_schema()])
        def table() -> pa.Table:
            return pa.table({column: [1] for column in columns})

        return table

    world = World(table("a"))
    assert world.run()["table"][0] == "published"
    world = world.redeclare(table("a", "b"))
    assert world.run(force=True)["table"][0] == "rejected"
    (version, *_) = [
        one for one in world.workspace.ledger.judgements("m/table", environment="main") if one.rejected
    ]
    world.workspace.ledger.point(
        "main",
        "m/table",
        version.partition,
        version.version_id,
        kind="release",
        name="ann",
        reason="on purpose",
    )
    assert world.run(force=True)["table"][0] == "published"


def test_a_partition_is_compared_with_those_before_it_and_not_with_itself() -> None:
    counts = {1: 10, 2: 11, 3: 12}

    @asset(name="m/bars", partitions=Daily(start="2024-01-01"), checks=[not_fewer_rows(severity="warn")])
    def bars(window: Window) -> pa.Table:
        return pa.table({"n": list(range(counts[window.start.day]))})

    world = World(bars)
    observed = [said[0].expected for _, said in world.run().values()]
    assert observed == [{"low": 0, "high": None}, {"low": 10, "high": None}, {"low": 11, "high": None}]
    counts[2] = 5
    (again,) = world.run(partitions="2024-01-02", force=True).values()
    assert (again[1][0].passed, again[1][0].expected) == (False, {"low": 10, "high": None})
    (third,) = world.run(partitions="2024-01-03", force=True).values()
    assert third[1][0].expected == {"low": 5, "high": None}


def test_what_is_published_is_compared_with_what_was_before_it_and_not_with_itself() -> None:
    rows = [10]

    @asset(name="m/table", checks=[not_fewer_rows(severity="warn")])
    def table() -> pa.Table:
        return pa.table({"n": list(range(rows[0]))})

    world = World(table)
    world.run()
    rows[0] = 5
    world.now += timedelta(days=1)
    world.run(force=True)
    world.now += timedelta(days=1)
    again = check_published("table", workspace=world.workspace)
    (verdict,) = again.results[0].verdicts["m/table"]
    assert (verdict.passed, verdict.expected) == (False, {"low": 10, "high": None})


@pytest.mark.parametrize("batch", [None, Batch()])
def test_partitions_that_are_made_together_are_compared_in_their_order(batch: Batch | None) -> None:
    @asset(
        name="m/bars",
        partitions=Daily(start="2024-01-01"),
        batch=batch,
        checks=[not_fewer_rows(severity="warn")],
    )
    def bars(window: Window) -> Any:
        def table(day: int) -> pa.Table:
            return pa.table({"n": list(range({1: 5, 2: 7, 3: 6}[day]))})

        if batch is None:
            return table(window.start.day)
        return {f"2024-01-0{day}": table(day) for day in (1, 2, 3)}

    said = [verdicts[0] for _, verdicts in World(bars).run().values()]
    assert [one.passed for one in said] == [True, True, False]
    assert said[2].expected == {"low": 7, "high": None}


def test_what_a_batch_makes_anew_stands_for_what_was_observed_before() -> None:
    @asset(
        name="m/bars",
        partitions=Daily(start="2024-01-01"),
        batch=Batch(),
        checks=[not_fewer_rows(severity="warn"), usual_row_count(warm_up=20)],
    )
    def bars(window: Window) -> Any:
        return {f"2024-01-0{day}": pa.table({"n": list(range(rows[day]))}) for day in (1, 2, 3)}

    rows = {1: 9, 2: 7, 3: 7}
    world = World(bars)
    world.run()
    rows = {1: 5, 2: 6, 3: 6}
    (first, *_), (second, few), _ = (verdicts for _, verdicts in world.run(force=True).values())
    assert first.passed
    assert (second.passed, second.expected) == (True, {"low": 5, "high": None})
    assert str(few.expected).startswith("1 of the 20 earlier values")


def test_a_partition_without_a_column_is_an_error_of_the_check_of_all_partitions() -> None:
    @asset(
        name="m/orders",
        partitions=Daily(start="2024-01-01"),
        checks=[across_partitions(not_null("price")), across_partitions(unique("price"))],
    )
    def orders(window: Window) -> Any:
        return pa.table({"id" if window.start.day == 2 else "price": [float(window.start.day)]})

    world = World(orders)
    assert by_day(world) == ["published", "rejected", "published"]
    world = World(orders)
    (_, verdicts) = world.run(partitions="2024-01-02")["orders@2024-01-02"]
    assert [one.error for one in verdicts] == ["column 'price' is missing."] * 2
