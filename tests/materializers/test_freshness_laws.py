"""Freshness is about the data: what makes an asset newer, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graph import Code, Daily, Observation, Skip, Window, asset, fresh_within, source
from graph.catch_up import catch_up_last
from graph.freshness_states import Freshness, freshness_states
from graph.mappings import Last
from graph.partitions import Monthly
from graph.reading import Reader
from materializers import Workspace, in_memory, materialize
from materializers.runner import RunResult, run_plan

START = datetime(2024, 3, 15, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAYS = Daily(start="2024-03-01")
PROMISE = fresh_within(26 * HOUR)
SAME = Code(version="1")


@dataclass
class World:
    """A workspace with a clock, and what its functions see."""

    now: datetime = START
    shows: str = "w1"
    calls: list[str] = field(default_factory=list)
    workspace: Workspace | None = None

    def of(self, *declared: Callable[..., Any]) -> None:
        self.workspace = in_memory(declared, clock=lambda: self.now)

    def make(self, selection: str = "*", **options: Any) -> RunResult:
        assert self.workspace is not None
        return materialize(selection, workspace=self.workspace, jobs=1, **options)

    def make_alone(self, selection: str) -> RunResult:
        """Leave upstream as it is."""
        assert self.workspace is not None
        return run_plan(self.workspace.plan(selection, only=True), self.workspace, jobs=1)

    def state(self, key: str) -> Freshness:
        assert self.workspace is not None
        with self.workspace.ledger.state("main") as state:
            reader = Reader(graph=self.workspace.graph, state=state, horizon=self.workspace.horizon())
            return freshness_states(reader, self.now)[key]


@pytest.fixture
def world() -> World:
    return World()


def outside(world: World, **options: Any) -> Callable[..., Any]:
    @source(name="g/outside", **options)
    def look() -> Observation:
        return Observation(version=world.shows, value=world.shows)

    return look


def test_a_source_that_is_seen_again_unchanged_costs_no_work_and_makes_all_below_newer(world: World) -> None:
    @asset(name="g/first", code=SAME)
    def first(outside: str) -> str:
        world.calls.append("first")
        return outside

    @asset(name="g/second", code=SAME, freshness=PROMISE)
    def second(first: str) -> str:
        world.calls.append("second")
        return first

    world.of(outside(world), first, second)
    world.make()
    world.now += 2 * DAY
    assert world.state("g/second").state == "overdue"
    world.calls.clear()
    world.make()
    assert (world.calls, world.state("g/second").state) == ([], "fresh")
    assert world.state("g/second").as_of == world.now


def test_kept_partitions_are_as_new_as_what_they_read(world: World) -> None:
    @asset(name="g/days", code=SAME, partitions=DAYS, freshness=fresh_within(3 * DAY))
    def daily(outside: str) -> str:
        world.calls.append("days")
        return outside

    world.of(outside(world), daily)
    world.make()
    seen = world.state("g/days").as_of
    world.now += DAY
    world.calls.clear()
    world.make()
    assert len(world.calls) == 1  # the day that came
    assert world.state("g/days").as_of == seen + DAY if seen else False


def test_a_daily_asset_under_a_monthly_one_is_fresh(world: World) -> None:
    """The month's data are the newest that there can be: what they promise, they keep."""

    @asset(name="g/months", partitions=Monthly(start="2024-01-01"), freshness=fresh_within(25 * DAY))
    def months(outside: str) -> str:
        return outside

    @asset(name="g/days", partitions=DAYS, freshness=PROMISE, upstream={"months": Last()})
    def daily(months: str) -> str:
        return months

    world.of(outside(world), months, daily)
    world.make()
    assert world.state("g/days").state == "fresh"
    world.now += DAY
    world.make_alone("days")
    assert world.state("g/months").state == "fresh"
    assert world.state("g/days").state == "fresh"
    world.now += 13 * DAY
    world.make_alone("days")
    found = world.state("g/days")
    assert (found.state, found.culprit) == ("overdue", "g/months")


def dated(world: World) -> Callable[..., Any]:
    """Days that fail, skip or are made as the world shows."""

    @asset(name="g/days", code=SAME, partitions=DAYS, freshness=PROMISE)
    def daily(window: Window) -> str | Skip:
        words = world.shows.split()
        if window.day.isoformat() in words:
            if "skip" in words:
                return Skip("a holiday")
            raise RuntimeError("no data")
        return str(window.day)

    return daily


def test_a_partitioned_asset_is_as_fresh_as_the_last_day_before_a_gap(world: World) -> None:
    world.shows = "2024-03-12"
    world.of(dated(world))
    world.make()
    found = world.state("g/days")
    assert (found.state, found.as_of) == ("overdue", datetime(2024, 3, 12, tzinfo=UTC))
    world.shows = ""
    world.make()
    assert world.state("g/days").state == "fresh"


def test_to_fill_old_days_refreshes_nothing(world: World) -> None:
    world.of(dated(world))
    world.make()
    world.now += 3 * DAY
    before = world.state("g/days")
    assert before.state == "overdue"
    world.make(force=True, partitions="2024-03-02..2024-03-04")
    assert world.state("g/days").as_of == before.as_of


def test_a_final_skip_fills_its_day(world: World) -> None:
    world.shows = "skip 2024-03-14"
    world.of(dated(world))
    world.make()
    found = world.state("g/days")
    assert (found.state, found.watermark) == ("fresh", DAYS.partition("2024-03-14"))


def test_what_a_policy_leaves_out_is_no_gap(world: World) -> None:
    @asset(name="g/days", partitions=DAYS, catch_up=catch_up_last(2), freshness=PROMISE)
    def daily() -> int:
        return 1

    world.of(daily)
    world.make()
    assert world.state("g/days").state == "fresh"


def test_the_data_of_a_day_are_no_newer_than_its_end(world: World) -> None:
    world.of(dated(world))
    world.make()
    assert world.state("g/days").as_of == datetime(2024, 3, 15, tzinfo=UTC)


def test_what_ends_is_never_overdue_and_neither_is_what_is_made_of_it(world: World) -> None:
    @source(name="g/outside", freshness=PROMISE)
    def look() -> Observation:
        return Observation(version="v", value="v", as_of=START - 1000 * DAY, ends=True)

    @asset(name="g/below", freshness=PROMISE)
    def below(outside: str) -> str:
        return outside

    world.of(look, below)
    world.make()
    world.now += 1000 * DAY
    assert (world.state("g/outside").state, world.state("g/below").state) == ("fresh", "fresh")


def test_what_reads_nothing_that_has_a_date_is_timeless(world: World) -> None:
    @asset(name="g/constant", freshness=PROMISE)
    def constant() -> int:
        return 1

    world.of(constant)
    world.make()
    world.now += 1000 * DAY
    assert world.state("g/constant").state == "fresh"
