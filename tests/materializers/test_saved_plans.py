"""A saved plan is refused when what it read has moved, and only then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checks import check
from graph import Config, Daily, Intents, Item, Observation, Skip, asset, effect, fresh_within, source
from graph.errors import PlanRefused
from graph.mappings import Overlap
from graph.partition_set import PartitionSet
from graph.partitions import Dynamic
from graph.plan_text import from_json, to_json
from graph.steps import Plan
from materializers import Workspace, in_memory, run_plan

NOW = datetime(2024, 1, 11, 12, tzinfo=UTC)
DAYS = Daily(start="2024-01-01")


class Window(Config):
    days: int = 1


def positive(value: int) -> bool:
    """It is positive."""
    return value > 0


class World:
    """A small graph whose parts can be moved one by one, under one ledger."""

    def __init__(self) -> None:
        self.now = NOW
        self.shown = 1
        self.factor = 1
        self.checks: list[Any] = []
        self.mapping: Any = None
        self.config: dict[str, dict[str, object]] = {}
        self.kept: Workspace | None = None

    def open(self) -> Workspace:
        factor, shown = self.factor, self.shown

        @source(name="g/feed")
        def feed() -> Observation:
            return Observation(value=shown)

        @asset(name="g/bars", partitions=DAYS, checks=self.checks)
        def bars(feed: int, config: Window) -> int:
            return feed * config.days

        def returns(bars: Any) -> int:
            return factor

        @asset(name="g/other")
        def other() -> int:
            return 1

        @asset(name="g/downloads", volatile=True, freshness=fresh_within(timedelta(hours=6)))
        def downloads() -> int:
            return 1

        @asset(name="g/waits")
        def waits() -> Any:
            return Skip("closed", until=NOW + timedelta(hours=3))

        made = asset(
            name="g/returns", partitions=DAYS, upstream={"bars": self.mapping} if self.mapping else None
        )(returns)
        declared: list[Callable[..., Any]] = [feed, bars, made, other, downloads, waits]
        workspace = in_memory(declared, clock=lambda: self.now, config=self.config)
        if self.kept is not None:
            workspace.ledger, workspace.store = self.kept.ledger, self.kept.store
        self.kept = workspace
        return workspace

    def run(self, selection: str, partitions: str | None = None, *, force: bool = False) -> None:
        workspace = self.open()
        run_plan(workspace.plan(selection, partitions=partitions, force=force), workspace)

    def wipe(self, key: str, day: str) -> None:
        assert self.kept is not None
        partitions = PartitionSet.of([DAYS.partition(day)])
        self.kept.ledger.withdraw("main", key, partitions, name="ada", reason="test")


def saved(workspace: Workspace, selection: str = "returns", **options: Any) -> Plan:
    return from_json(to_json(workspace.plan(selection, to_save=True, **options)))


def change(**moved: object) -> Callable[[World], None]:
    def apply(world: World) -> None:
        for name, value in moved.items():
            setattr(world, name, value)

    return apply


MOVES = [
    pytest.param(change(factor=2), "g/returns: its code changed", id="code"),
    pytest.param(
        change(config={"g/bars": {"days": 2}}),
        "g/bars: its config changed: days 1 -> 2 .the plan needs the --config",
        id="config",
    ),
    pytest.param(change(checks=[check(positive)]), "g/bars: its checks have changed", id="checks"),
    pytest.param(change(shown=2), "g/feed: the data outside have changed", id="a source"),
    pytest.param(
        change(mapping=Overlap(start_offset=-1)),
        "g/returns: what it reads, or how it is partitioned",
        id="what is read",
    ),
    pytest.param(
        lambda world: world.run("bars", "2024-01-03", force=True),
        "g/bars: what is published of 2024-01-03 has changed",
        id="a pointer that it read",
    ),
    pytest.param(
        lambda world: world.wipe("g/returns", "2024-01-02"),
        "g/returns: what is published of 2024-01-02 has changed",
        id="a pointer that it would move",
    ),
    pytest.param(
        change(now=NOW + timedelta(hours=12)), "was decided until 2024-01-12 00:00 UTC", id="the clock"
    ),
]


@pytest.mark.parametrize(("move", "told"), MOVES)
def test_a_plan_is_refused_when_what_it_read_has_moved(move: Callable[[World], None], told: str) -> None:
    world = World()
    world.run("returns", "2024-01-02..2024-01-04")
    plan = saved(world.open())
    world.open().require_valid(plan)
    move(world)
    with pytest.raises(PlanRefused, match=told):
        world.open().require_valid(plan)


@pytest.mark.parametrize(
    "move",
    [
        pytest.param(lambda world: world.run("other"), id="another asset"),
        pytest.param(lambda world: world.run("bars", "2024-01-08", force=True), id="other partitions"),
        pytest.param(
            lambda world: world.run("returns", "2024-01-09"), id="other partitions of the same asset"
        ),
        pytest.param(change(now=NOW + timedelta(days=3)), id="the clock, where the days were named"),
    ],
)
def test_what_moves_elsewhere_does_not_matter(move: Callable[[World], None]) -> None:
    world = World()
    world.run("returns", "2024-01-02")
    plan = saved(world.open(), partitions="2024-01-02..2024-01-04")
    move(world)
    workspace = world.open()
    workspace.require_valid(plan)
    result = run_plan(plan, workspace)
    assert result.outcome == "succeeded"
    assert len(workspace.published("g/returns")) >= 3


def test_what_is_carried_out_once_is_refused_the_second_time() -> None:
    world = World()
    workspace = world.open()
    plan = saved(workspace)
    workspace.require_valid(plan)
    run_plan(plan, workspace)
    with pytest.raises(PlanRefused, match="g/returns: what is published of 2024-01-01"):
        workspace.require_valid(plan)


@pytest.mark.parametrize(
    ("selection", "hours"),
    [
        pytest.param("downloads", 6, id="what the clock makes due"),
        pytest.param("waits", 3, id="a hold that ends"),
        pytest.param("other", None, id="what time does not touch"),
        pytest.param("returns", 12, id="a day that ends"),
    ],
)
def test_steps_say_until_when_they_are_decided(selection: str, hours: int | None) -> None:
    world = World()
    world.run(selection)
    workspace = world.open()
    plan = saved(workspace, selection)
    assert plan.valid_until == (None if hours is None else NOW + timedelta(hours=hours))
    if hours is not None:
        world.now = NOW + timedelta(hours=hours)
        with pytest.raises(PlanRefused, match="was decided until"):
            workspace.require_valid(plan)


def test_a_plan_that_says_not_what_it_read_is_refused() -> None:
    workspace = World().open()
    with pytest.raises(PlanRefused, match="--plan --out"):
        workspace.require_valid(workspace.plan("other"))


def named(name: str, value: int) -> Callable[..., Any]:
    @asset(name=f"g/{name}")
    def make() -> int:
        return value

    return make


def test_a_step_that_was_put_in_by_hand_is_refused() -> None:
    workspace = World().open()
    plan = saved(workspace, "other")
    foreign = replace(plan.steps[0], key="g/nothing")
    with pytest.raises(PlanRefused, match="does not say what 'g/nothing' was decided from"):
        workspace.require_valid(replace(plan, steps=(*plan.steps, foreign)))


def test_an_asset_that_is_gone_is_told() -> None:
    world = World()
    plan = saved(world.open(), "other")
    gone = in_memory([named("kept", 1)], clock=lambda: NOW)
    with pytest.raises(PlanRefused, match="g/other is not declared any more"):
        gone.require_valid(plan)


def test_dynamic_partitions_that_are_gone_are_told() -> None:
    @asset(name="g/by_symbol", partitions=Dynamic("symbols"))
    def by_symbol() -> int:
        return 1

    workspace = in_memory([by_symbol], clock=lambda: NOW)
    workspace.ledger.add_dynamic("symbols", ["A", "B"])
    plan = saved(workspace, "by_symbol")
    workspace.require_valid(plan)
    workspace.ledger.remove_dynamic("symbols", ["B"])
    with pytest.raises(PlanRefused, match="g/by_symbol has lost some of its partitions"):
        workspace.require_valid(plan)


def lost(item: Item) -> Any:
    raise OSError(f"no answer for {item.name}")


def test_an_effect_that_was_tried_since_is_told() -> None:
    @effect(name="g/sent", perform=lost, reconcile=lost)
    def sent() -> Intents:
        return Intents(occasion="monday", items={"a": 1})

    workspace = in_memory([sent], clock=lambda: NOW)
    plan = saved(workspace, "sent")
    workspace.require_valid(plan)
    run_plan(workspace.plan("sent"), workspace)
    with pytest.raises(PlanRefused, match="g/sent: it has been performed, or tried, since"):
        workspace.require_valid(plan)


def test_many_moves_are_told_as_a_few() -> None:
    names = [f"a{number}" for number in range(12)]

    def of(value: int) -> Workspace:
        return in_memory([named(name, value) for name in names], clock=lambda: NOW)

    plan = saved(of(1), "*")
    with pytest.raises(PlanRefused, match="a9: its code changed; and 2 more"):
        of(2).require_valid(plan)
