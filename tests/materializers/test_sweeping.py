"""What a sweep makes: what automation and the clock make due, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graph import (
    Code,
    Daily,
    Execution,
    Intents,
    Item,
    NotPerformed,
    Observation,
    Out,
    Skip,
    asset,
    effect,
    fresh_within,
    multi_asset,
    source,
)
from graph.automation import eager, in_latest_window, missing, newly_missing, on_cron, on_missing
from graph.catch_up import catch_up_last
from graph.partition_set import ONLY
from materializers import Workspace, in_memory, materialize
from materializers.runner import RunResult
from materializers.sweeping import Sweep, carry_out, sweep

START = datetime(2024, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SAME = Code(version="1")
"""What an asset's function sees of the tests' world is no code."""


class Farm:
    """One ledger under declarations that change, with a clock, and a world that sources look at."""

    def __init__(self) -> None:
        self.now = START
        self.world = "w1"
        self.data: dict[str, Any] = {}
        self.calls: list[str] = []
        self.kept: Workspace | None = None
        self.declared: tuple[Callable[..., Any], ...] = ()

    def of(self, *declared: Callable[..., Any]) -> Workspace:
        self.declared = declared or self.declared
        workspace = in_memory(self.declared, clock=lambda: self.now)
        if self.kept is not None:
            workspace.ledger, workspace.store = self.kept.ledger, self.kept.store
        self.kept = workspace
        return workspace

    def make(self, selection: str = "*", **options: Any) -> RunResult:
        return materialize(selection, workspace=self.of(), jobs=1, **options)

    def find(self, after: timedelta = timedelta(minutes=1), selection: str = "*") -> Sweep:
        self.now += after
        return sweep(self.of(), selection)

    def sweep(self, after: timedelta = timedelta(minutes=1), selection: str = "*") -> dict[str, str]:
        """What came of a sweep some time later, by name."""
        found = self.find(after, selection)
        result = carry_out(found, self.of(), jobs=1)
        return {} if result is None else told(result)

    def call(self, name: str) -> Any:
        self.calls.append(name)
        value = self.data.get(name, f"{name} 1")
        if isinstance(value, Exception):
            raise value
        return value


def told(result: RunResult) -> dict[str, str]:
    return {one.name.rpartition("/")[2]: one.outcome for one in result.results}


@pytest.fixture
def farm() -> Farm:
    return Farm()


def world(farm: Farm, **options: Any) -> Callable[..., Any]:
    @source(name="f/world", **options)
    def look() -> Observation:
        return Observation(version=farm.world, value=farm.world)

    return look


def field(farm: Farm, **options: Any) -> Callable[..., Any]:
    """An asset ``field`` that reads the source ``world``."""

    @asset(name="f/field", code=SAME, **options)
    def make(world: str) -> str:
        farm.calls.append("field")
        return world

    return make


def bread(farm: Farm, **options: Any) -> Callable[..., Any]:
    """An asset ``bread`` that reads ``field``."""

    @asset(name="f/bread", code=SAME, **options)
    def make(field: str) -> str:
        return f"{farm.call('bread')} of {field}"

    return make


# Automation


def test_the_first_sweep_switches_on_and_makes_nothing_of_what_was_before(farm: Farm) -> None:
    farm.of(world(farm), field(farm), bread(farm, automation=eager()))
    farm.make("field")
    assert farm.find().new == ("f/bread",)
    assert farm.sweep() == {}
    assert farm.find().new == ()


def test_eager_follows_a_change_upstream_once(farm: Farm) -> None:
    farm.of(world(farm), field(farm), bread(farm, automation=eager()))
    farm.make()
    farm.sweep()
    farm.world = "w2"
    farm.make("field")
    found = farm.find()
    (step,) = found.plan.steps
    assert step.reason.text == (
        "upstream changed: f/field; eager(): f/field changed since automation was switched on"
    )
    assert farm.sweep() == {"bread": "published"}
    assert farm.sweep() == {}


def test_a_tick_is_not_spent_on_an_upstream_that_fails(farm: Farm) -> None:
    @asset(name="f/field", code=SAME, automation=eager())
    def tilled(world: str) -> str:
        return f"{farm.call('field')} of {world}"

    farm.of(
        world(farm, automation=on_cron("0 18 * * *")), tilled, bread(farm, automation=on_cron("0 18 * * *"))
    )
    farm.make()
    farm.sweep()
    farm.world, farm.data["field"] = "w2", ConnectionError("for a moment")
    assert farm.sweep(6 * HOUR) == {"world": "published", "field": "failed", "bread": "kept"}
    assert farm.sweep() == {}
    farm.data["field"] = "better"
    farm.make("field")
    assert farm.sweep() == {"bread": "published"}
    assert farm.sweep(HOUR) == {}


def test_what_was_updated_and_is_the_same_makes_nothing_due(farm: Farm) -> None:
    farm.of(world(farm), field(farm), bread(farm, automation=eager()))
    farm.make()
    farm.sweep()
    farm.make("field", force=True)
    assert farm.sweep() == {}


def test_an_asset_is_not_built_for_another_that_is_due(farm: Farm) -> None:
    """``field`` is outdated; nobody asked for it."""
    farm.of(world(farm), field(farm), bread(farm, automation=on_cron("0 * * * *")))
    farm.make()
    farm.sweep()
    farm.world = "w2"
    farm.make("world")
    assert farm.sweep(HOUR) == {}


def test_a_chain_of_eager_assets_is_one_sweep(farm: Farm) -> None:
    farm.of(world(farm), field(farm, automation=eager()), bread(farm, automation=eager()))
    farm.make()
    farm.sweep()
    farm.world = "w2"
    farm.make("world")
    assert farm.sweep() == {"field": "published", "bread": "published"}


def test_a_source_can_have_a_clock_of_its_own(farm: Farm) -> None:
    farm.of(world(farm, automation=on_cron("0 * * * *")), field(farm, automation=eager()))
    farm.make()
    assert farm.sweep() == {}
    farm.world = "w2"
    assert farm.sweep(HOUR) == {"world": "published", "field": "published"}
    assert farm.sweep() == {}
    assert farm.sweep(HOUR) == {"world": "kept", "field": "kept"}
    assert farm.sweep() == {}


def test_after_a_tick_what_is_up_to_date_is_kept_once(farm: Farm) -> None:
    farm.of(world(farm, automation=on_cron("0 * * * *")), field(farm, automation=on_cron("0 * * * *")))
    farm.make()
    farm.sweep()
    assert farm.sweep(HOUR) == {"world": "kept", "field": "kept"}
    assert farm.sweep() == {}


def test_on_missing_makes_the_day_that_came(farm: Farm) -> None:
    @asset(name="f/daily", partitions=Daily(start="2024-01-01"), automation=on_missing())
    def daily() -> int:
        return 1

    farm.of(daily)
    assert farm.sweep() == {}
    assert farm.sweep(DAY) == {"daily@2024-01-05": "published"}
    assert farm.sweep() == {}
    assert farm.sweep(2 * DAY) == {"daily@2024-01-06": "published", "daily@2024-01-07": "published"}


def test_a_policy_leaves_out_and_the_plan_tells(farm: Farm) -> None:
    @asset(
        name="f/daily",
        partitions=Daily(start="2024-01-01"),
        automation=on_missing(),
        catch_up=catch_up_last(1),
    )
    def daily() -> int:
        return 1

    farm.of(daily)
    farm.sweep()
    found = farm.find(5 * DAY)
    assert [(one.key, len(one.partitions), one.text) for one in found.plan.left_out] == [
        ("f/daily", 4, "last(1)")
    ]


def test_what_one_function_makes_is_due_together(farm: Farm) -> None:
    @multi_asset(Out("f/left"), Out("f/right"), automation=eager())
    def both(world: str) -> dict[str, str]:
        return {"f/left": world, "f/right": world}

    farm.of(world(farm), both)
    farm.make()
    farm.sweep()
    farm.world = "w2"
    farm.make("world")
    found = farm.find()
    assert [step.outputs for step in found.plan.work()] == [("f/left", "f/right")]
    assert farm.sweep() == {"left": "published"}
    assert farm.sweep() == {}


# What holds


def test_what_failed_is_held_until_something_moves(farm: Farm) -> None:
    farm.of(world(farm), field(farm, automation=eager()), bread(farm, automation=eager()))
    farm.make()
    farm.sweep()
    farm.world, farm.data["bread"] = "w2", RuntimeError("no yeast")
    farm.make("world")
    assert farm.sweep() == {"field": "published", "bread": "failed"}
    assert farm.sweep() == {}
    farm.data["bread"] = "good"
    assert farm.sweep(DAY) == {}
    assert told(farm.make("bread")) == {"world": "kept", "field": "kept", "bread": "published"}


def test_a_tick_does_not_try_again_what_failed_with_the_same_inputs(farm: Farm) -> None:
    farm.data["bread"] = RuntimeError("no yeast")
    hourly = on_cron("0 * * * *")
    farm.of(world(farm, automation=hourly), field(farm, automation=hourly), bread(farm, automation=hourly))
    farm.make("field")
    farm.sweep()
    assert farm.sweep(HOUR) == {"world": "kept", "field": "kept", "bread": "failed"}
    farm.data["bread"] = "good"
    assert farm.sweep(HOUR) == {"world": "kept", "field": "kept", "bread": "held"}
    farm.world = "w2"
    assert farm.sweep(HOUR)["bread"] == "published"


def test_a_failure_may_say_when_it_is_tried_again(farm: Farm) -> None:
    farm.data["bread"] = RuntimeError("no yeast")
    hourly = on_cron("0 * * * *")
    again = Execution(retry_after=timedelta(minutes=90))
    farm.of(
        world(farm, automation=hourly),
        field(farm, automation=hourly),
        bread(farm, automation=hourly, run=again),
    )
    farm.make("field")
    farm.sweep()
    assert farm.sweep(HOUR)["bread"] == "failed"
    farm.data["bread"] = "good"
    assert farm.sweep(HOUR)["bread"] == "held"
    assert farm.sweep(HOUR)["bread"] == "published"


def test_a_skip_that_says_until_when_is_tried_again_then(farm: Farm) -> None:
    skipped = []

    @asset(name="f/field", code=SAME, automation=eager())
    def make(world: str) -> str | Skip:
        if len(skipped) < 1:
            skipped.append(1)
            return Skip("market closed", until=farm.now + HOUR)
        return world

    farm.of(world(farm), make)
    farm.make("world")
    farm.sweep()
    farm.world = "w2"
    farm.make("world")
    assert farm.sweep() == {"field": "skipped"}
    assert farm.sweep() == {}
    assert farm.sweep(HOUR) == {"field": "published"}
    assert farm.sweep() == {}


def test_what_changes_while_an_attempt_runs_makes_it_due_again(farm: Farm) -> None:
    """The attempt began before the change, and could not see it."""

    @asset(name="f/field", code=SAME, automation=eager())
    def make(world: str) -> str:
        if world == "w2":
            farm.world = "w3"
            farm.now += timedelta(seconds=1)
            materialize("world", workspace=other(), jobs=1)
        return world

    def other() -> Workspace:
        workspace = in_memory(farm.declared, clock=lambda: farm.now)
        assert farm.kept is not None
        workspace.ledger, workspace.store = farm.kept.ledger, farm.kept.store
        return workspace

    farm.of(world(farm), make)
    farm.make()
    farm.sweep()
    farm.world = "w2"
    farm.make("world")
    assert farm.sweep() == {"field": "published"}
    assert farm.sweep() == {"field": "published"}
    assert farm.sweep() == {}
    assert farm.of().load("f/field") == "w3"


# The clock


def test_what_is_overdue_makes_its_source_due_and_is_not_built(farm: Farm) -> None:
    farm.of(world(farm), field(farm), bread(farm, freshness=fresh_within(DAY)))
    farm.make()
    assert farm.sweep(23 * HOUR) == {}
    farm.calls.clear()
    assert farm.sweep(HOUR) == {"world": "kept"}
    assert farm.calls == []
    assert farm.sweep() == {}  # what was kept is as new as what was looked at
    farm.world = "w2"
    assert farm.sweep(DAY) == {"world": "published"}
    assert farm.calls == []


def test_a_volatile_asset_is_made_again_when_something_below_becomes_too_old(farm: Farm) -> None:
    @asset(name="f/field", code=SAME, volatile=True)
    def make() -> str:
        return str(farm.call("field"))

    farm.of(make, bread(farm, freshness=fresh_within(DAY)))
    farm.make()
    found = farm.find(DAY)
    assert [step.reason.text for step in found.plan.steps] == [
        "due: its data are 24 h old; f/bread is overdue"
    ]
    assert farm.sweep(timedelta(0)) == {"field": "published"}
    assert farm.sweep() == {}


def test_days_that_were_missed_are_made_with_the_newest(farm: Farm) -> None:
    @asset(
        name="f/days",
        code=SAME,
        volatile=True,
        partitions=Daily(start="2024-01-03"),
        freshness=fresh_within(DAY),
    )
    def days() -> str:
        return str(farm.call("days"))

    farm.of(days)
    farm.make()
    assert farm.sweep() == {}
    assert farm.sweep(3 * DAY) == {f"days@2024-01-{day:02}": "published" for day in (5, 6, 7)}
    assert farm.sweep() == {}


def test_an_upstream_with_a_promise_answers_for_its_age_itself(farm: Farm) -> None:
    weekly = fresh_within(7 * DAY)
    farm.of(world(farm), field(farm, freshness=weekly), bread(farm, freshness=fresh_within(DAY)))
    farm.make()
    assert farm.sweep(2 * DAY) == {}
    assert farm.sweep(6 * DAY) == {"world": "kept"}


def test_what_failed_in_the_world_outside_is_looked_at_again_after_a_while(farm: Farm) -> None:
    @asset(name="f/field", code=SAME, volatile=True, freshness=fresh_within(DAY))
    def make() -> str:
        return str(farm.call("field"))

    farm.of(make)
    farm.make()
    farm.data["field"] = RuntimeError("no network")
    assert farm.sweep(DAY) == {"field": "failed"}
    assert farm.sweep() == {}
    farm.data["field"] = "good"
    assert farm.sweep(timedelta(minutes=15)) == {"field": "published"}


# One at a time


def post(farm: Farm, busy: dict[str, str], **options: Any) -> Callable[..., Any]:
    """An effect that sends a letter to each of two, of whom some are busy."""

    def send(item: Item) -> str:
        if farm.call("send") == "the line is busy":
            raise NotPerformed("the line is busy")
        return "sent"

    @effect(
        name="f/post", code=SAME, perform=send, reconcile=lambda item: None, automation=eager(), **options
    )
    def letters(world: str) -> Intents:
        items = {name: world for name in ("ada", "bob") if name not in busy}
        return Intents(occasion="monday", items=items, waiting=dict(busy))

    return letters


def test_an_effect_that_waits_for_something_is_gone_on_with_by_the_next_sweeps(farm: Farm) -> None:
    busy = {"bob": "on holiday"}
    farm.of(world(farm), post(farm, busy))
    farm.sweep()
    farm.world = "w2"
    farm.make("world")
    assert farm.sweep() == {"post": "published"}
    assert farm.calls == ["send"]
    found = farm.find()
    assert found.unfinished == {"f/post": ONLY}
    assert [str(step.reason) for step in found.plan.steps] == ["not finished: monday (1 waiting)"]
    assert farm.sweep() == {"post": "held"}
    busy.clear()
    assert farm.sweep() == {"post": "published"}
    assert farm.calls == ["send", "send"]
    assert farm.find().is_idle


def test_an_effect_that_failed_is_gone_on_with_after_a_while(farm: Farm) -> None:
    farm.of(world(farm), post(farm, {}))
    farm.sweep()
    farm.world, farm.data["send"] = "w2", "the line is busy"
    farm.make("world")
    assert farm.sweep() == {"post": "failed"}
    assert farm.sweep() == {}
    farm.data.clear()
    assert farm.sweep(timedelta(minutes=15)) == {"post": "published"}


def test_an_effect_whose_automation_is_off_is_left_to_people(farm: Farm) -> None:
    workspace = farm.of(world(farm), post(farm, {"bob": "on holiday"}))
    farm.sweep()
    farm.make()
    assert farm.find().unfinished == {"f/post": ONLY}
    workspace.ledger.switch_automation("main", ["f/post"], on=False)
    assert farm.find().unfinished == {}


def test_two_sweeps_at_once_make_it_once(farm: Farm) -> None:
    farm.of(world(farm), field(farm, automation=eager()))
    farm.make()
    farm.sweep()
    farm.world = "w2"
    farm.make("world")
    farm.calls.clear()
    first, second = farm.find(), farm.find()
    for found in (first, second):
        carry_out(found, farm.of(), jobs=1)
    assert farm.calls == ["field"]


def test_two_sweeps_side_by_side_make_it_once(farm: Farm) -> None:
    farm.of(world(farm), field(farm, automation=eager()), bread(farm, automation=eager()))
    farm.make()
    farm.sweep()
    farm.world = "w2"
    farm.make("world")
    farm.calls.clear()
    found = [farm.find(), farm.find()]
    workspace = farm.of()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda one: carry_out(one, workspace, jobs=2), found))
    assert sorted(farm.calls) == ["bread", "field"]
    assert [result.exit_code for result in results if result is not None] == [0, 0]


def test_what_a_living_run_is_making_is_left_to_it(farm: Farm) -> None:
    seen: list[Sweep] = []

    @asset(name="f/field", code=SAME, automation=eager())
    def make(world: str) -> str:
        if world == "w2":
            other = in_memory(farm.declared, clock=lambda: farm.now)
            assert farm.kept is not None
            other.ledger, other.store = farm.kept.ledger, farm.kept.store
            seen.append(sweep(other))
        return world

    farm.of(world(farm), make)
    farm.make()
    farm.sweep()
    farm.world = "w2"
    farm.make("world")
    farm.sweep()
    assert [(one.plan.steps, tuple(one.busy)) for one in seen] in ([((), ())], [((), ("f/field",))])


def test_a_selection_sweeps_only_what_it_names(farm: Farm) -> None:
    farm.of(world(farm), field(farm, automation=eager()), bread(farm, automation=eager()))
    farm.make()
    farm.sweep()
    farm.world = "w2"
    farm.make("world")
    assert farm.sweep(selection="bread") == {}
    assert farm.sweep(selection="field") == {"field": "published"}
    assert farm.sweep(selection="bread") == {"bread": "published"}


def test_automation_that_was_switched_off_makes_nothing(farm: Farm) -> None:
    farm.of(world(farm), field(farm, automation=eager()))
    farm.make()
    farm.sweep()
    assert farm.of().ledger.switch_automation("main", ["f/field"], on=False) == ("f/field",)
    farm.world = "w2"
    farm.make("world")
    assert farm.sweep() == {}
    farm.now += HOUR
    farm.of().ledger.switch_automation("main", ["f/field"], on=True)
    assert farm.sweep() == {}
    farm.world = "w3"
    farm.make("world")
    assert farm.sweep() == {"field": "published"}


def test_an_asset_that_was_never_there_is_new_when_its_condition_says_so(farm: Farm) -> None:
    farm.of(world(farm), field(farm, automation=in_latest_window() & missing() & ~newly_missing()))
    farm.make("world")
    assert farm.sweep() == {"field": "published"}
