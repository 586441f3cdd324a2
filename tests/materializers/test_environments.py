"""Environments, by running in them: what is read, what is built, what is promoted, and what was rolled back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graph import Daily, asset, source
from graph.handed import Observation
from materializers import Workspace, in_memory, load, run_plan
from materializers.comparing import differences
from materializers.ledger import LedgerError, UnknownEnvironment
from materializers.promoting import NotClosed, plan_promotion, promote
from materializers.rolling_back import release, rollback
from materializers.runner import RunResult

NOW = datetime(2024, 1, 6, 12, tzinfo=UTC)


class World:
    """One ledger, and checkouts of a small project in which each asset's code is a number."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.first = self._made({})

    def _made(self, code: dict[str, int]) -> Workspace:
        return in_memory(self._declared(code), clock=lambda: NOW)

    def _declared(self, code: dict[str, int]) -> list[Callable[..., Any]]:
        calls = self.calls
        a, b, c, d = (code.get(name, 1) for name in "abcd")

        @asset
        def top() -> int:
            calls.append("top")
            return a

        @asset(partitions=Daily(start="2024-01-03"))
        def bars(top: int) -> int:
            calls.append("bars")
            return 10 * top + b

        @asset
        def total(bars: dict[str, int]) -> int:
            calls.append("total")
            return sum(bars.values()) + c

        @asset
        def other(total: int) -> int:
            calls.append("other")
            return total + d

        return [top, bars, total, other]

    def checkout(self, environment: str = "main", checkout: str = "memory", **code: int) -> Workspace:
        """A working copy whose code is these numbers."""
        made = self._made(code)
        return replace(
            made,
            ledger=self.first.ledger,
            store=self.first.store,
            environment=environment,
            checkout=checkout,
        )

    def run(self, workspace: Workspace, selection: str = "*", **options: Any) -> list[str]:
        """Carry out a plan; answers what was computed."""
        del self.calls[:]
        self.last = run_plan(workspace.plan(selection, **options), workspace, jobs=1)
        return list(self.calls)


@pytest.fixture
def world() -> World:
    made = World()
    made.run(made.checkout())
    return made


def key(name: str) -> str:
    return f"materializers/{name}"


KEYS = [key(name) for name in ("top", "bars", "total", "other")]


def outcomes(result: RunResult) -> dict[str, str]:
    return {result.name.removeprefix("materializers/"): result.outcome for result in result.results}


def test_an_unknown_environment_is_an_error_that_names_the_near_miss(world: World) -> None:
    world.first.ledger.create_environment("dev")
    with pytest.raises(UnknownEnvironment, match=r"'dve'.* Did you mean 'dev'\? `assets env create dve`"):
        world.checkout("dve").plan("*")


def test_a_new_environment_computes_and_stores_nothing(world: World) -> None:
    stored = set(world.first.store.addresses())
    world.first.ledger.create_environment("dev")
    dev = world.checkout("dev")
    assert world.run(dev) == []
    assert set(outcomes(world.last).values()) == {"kept"}
    assert dev.ledger.own_keys("dev") == frozenset()
    assert set(world.first.store.addresses()) == stored
    assert load("total", workspace=dev) == load("total", workspace=world.first)


def test_one_changed_asset_builds_its_downstream_alone(world: World) -> None:
    world.first.ledger.create_environment("dev")
    assert world.run(world.checkout("dev", c=2)) == ["total", "other"]
    assert load("total", workspace=world.checkout("dev")) == load("total", workspace=world.first) + 1
    assert world.run(world.checkout("main")) == []


def test_it_follows_its_parent_where_it_has_nothing_of_its_own(world: World) -> None:
    world.first.ledger.create_environment("dev")
    world.run(world.checkout("dev", c=2))
    world.run(world.checkout("main", a=5))
    assert load("top", env="dev", workspace=world.first) == 5
    assert world.run(world.checkout("dev", a=5, c=2)) == ["total", "other"]


def test_what_exists_in_another_environment_is_adopted(world: World) -> None:
    for name in ("one", "two"):
        world.first.ledger.create_environment(name)
    assert world.run(world.checkout("one", b=2)) == ["bars", "bars", "bars", "total", "other"]
    assert world.run(world.checkout("two", b=2)) == []
    assert set(outcomes(world.last).values()) == {"adopted", "kept"}


# Promotion


def test_promotion_takes_all_upstream_that_differs_and_computes_nothing(world: World) -> None:
    world.first.ledger.create_environment("dev")
    dev = world.checkout("dev", b=2)
    world.run(dev)
    planned = plan_promotion(dev, "dev", "main", "total")
    assert list(planned.moved) == [key("bars"), key("total")]
    assert (planned.along, planned.outdated) == ((key("bars"),), (key("other"),))
    assert promote(dev, "dev", "main", "total").moves() == planned.moves()
    assert world.run(world.checkout("main", b=2)) == []
    assert outcomes(world.last)["other"] == "adopted"
    assert differences(dev.ledger, "dev", "main", KEYS) == {}
    assert not promote(dev, "dev", "main").moved


def test_what_was_made_from_something_else_is_not_promoted(world: World) -> None:
    world.first.ledger.create_environment("dev")
    dev = world.checkout("dev", b=2)
    world.run(dev)
    world.run(world.checkout("dev", b=3), "bars")
    before = load("total", workspace=world.first)
    with pytest.raises(NotClosed) as caught:
        promote(dev, "dev", "main")
    assert caught.value.keys == (key("total"),)
    assert str(caught.value) == (
        "nothing was promoted from 'dev' to 'main':\n"
        "  materializers/total in 'dev' was made from another materializers/bars than 'main' would read then\n"
        "run: materialize materializers/total --env dev"
    )
    assert load("total", workspace=world.first) == before
    assert list(plan_promotion(dev, "dev", "main", "bars").moved) == [key("bars")]


def test_a_promotion_is_planned_again_when_something_moves_meanwhile(world: World) -> None:
    world.first.ledger.create_environment("dev")
    dev = world.checkout("dev", b=2)
    world.run(dev)
    plans = []

    def planned(promotion: object) -> None:
        plans.append(promotion)
        if len(plans) == 1:
            world.run(world.checkout("main", c=7), "total")

    assert promote(dev, "dev", "main", planned=planned).moved
    assert len(plans) == 2
    assert load("total", workspace=world.first) == load("total", env="dev", workspace=world.first)


def test_readers_never_see_a_mixed_set_while_pointers_move(world: World) -> None:
    ledger = world.first.ledger
    for name, code in (("one", 2), ("two", 3)):
        ledger.create_environment(name)
        world.run(world.checkout(name, a=code))

    def shown(environment: str) -> tuple[str, ...]:
        with ledger.state(environment, KEYS) as state:
            return tuple(version.id for key in KEYS for _, version in sorted(state.published(key).items()))

    whole = {shown("one"), shown("two")}
    promote(world.checkout("one"), "one", "main")
    seen, stop = set(), threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add(shown("main"))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(10):
        promote(world.checkout("two"), "two", "main")
        promote(world.checkout("one"), "one", "main")
    stop.set()
    for reader in readers:
        reader.join()
    assert seen <= whole


def test_what_was_promoted_is_served_as_where_it_came_from(world: World) -> None:
    world.first.ledger.create_environment("dev")
    dev = world.checkout("dev", checkout="laptop", b=2)
    world.run(dev)
    promote(dev, "dev", "main")
    served = dev.ledger.definitions("main")
    assert {name: one.checkout for name, one in served.items()} == {
        key("top"): "memory",
        key("bars"): "laptop",
        key("total"): "memory",
        key("other"): "memory",
    }


# Rollback


def test_a_rollback_stays_through_ten_runs_and_ends_when_the_code_moves(world: World) -> None:
    assert world.run(world.checkout(c=2)) == ["total", "other"]
    good = load("total", workspace=world.first) - 1
    rollback(world.checkout(c=2), key("total"), name="ada", reason="wrong")
    for _ in range(10):
        world.run(world.checkout(c=2))
        assert load("total", workspace=world.first) == good
        assert outcomes(world.last)["total"] == "held"
        assert world.last.outcome == "succeeded"
    reason = next(one.reason for one in world.last.results if one.step.key == key("total"))
    assert reason == "rolled back, and neither code nor inputs have moved since; mend either, or use --force"
    assert world.run(world.checkout(c=3)) == ["total", "other"]
    assert load("total", workspace=world.first) == good + 2
    world.run(world.checkout(c=3))
    assert outcomes(world.last)["total"] == "kept"


def test_a_rollback_ends_when_its_inputs_move(world: World) -> None:
    world.run(world.checkout(c=2))
    rollback(world.checkout(c=2), key("total"), name="ada", reason="wrong")
    assert world.run(world.checkout(c=2, b=5)) == ["bars", "bars", "bars", "total", "other"]


def test_a_force_goes_past_a_rollback(world: World) -> None:
    world.run(world.checkout(c=2))
    rollback(world.checkout(c=2), key("total"), name="ada", reason="wrong")
    assert world.run(world.checkout(c=2), "total", force=True) == ["total"]


def test_partitions_are_rolled_back_together_and_stay_settled_elsewhere(world: World) -> None:
    new = world.checkout(b=2)
    world.run(new)
    bars = new.graph[key("bars")].partitions
    assert bars is not None
    day = new.chosen([key("bars")], "2024-01-04", new.horizon())[key("bars")]
    rollback(new, key("bars"), partitions=day, name="ada", reason="bad session")
    for number in range(10):
        assert world.run(new) == ([] if number else ["total", "other"])
        found = {bars.key(at): one for at, one in new.published(key("bars")).items()}
        values = {name: load("bars", partition=name, workspace=new) for name in found}
        assert values == {"2024-01-03": 12, "2024-01-04": 11, "2024-01-05": 12}
    assert outcomes(world.last)["bars@2024-01-04"] == "held"


def test_rolled_back_twice_it_goes_back_twice(world: World) -> None:
    for number in (2, 3):
        world.run(world.checkout(c=number), "total")
    values = []
    for _ in range(2):
        rollback(world.first, key("total"), name="ada", reason="wrong")
        values.append(load("total", workspace=world.first))
    assert values[0] - values[1] == 1
    with pytest.raises(LedgerError, match="no version of materializers/total was visible before this one"):
        rollback(world.first, key("total"), name="ada", reason="wrong")


def test_a_rollback_in_an_environment_goes_back_to_what_its_parent_showed(world: World) -> None:
    world.run(world.checkout(c=2))
    world.first.ledger.create_environment("dev")
    dev = world.checkout("dev", c=2)
    rollback(dev, key("total"), name="ada", reason="compare")
    assert load("total", workspace=dev) == load("total", workspace=world.first) - 1


def test_a_promoted_rollback_stays_one(world: World) -> None:
    world.run(world.checkout(c=2))
    world.first.ledger.create_environment("dev")
    dev = world.checkout("dev", c=2)
    rollback(dev, key("total"), name="ada", reason="wrong")
    world.run(dev)
    promote(dev, "dev", "main")
    world.run(world.checkout(c=2))
    assert outcomes(world.last)["total"] == "held"


# Release


def test_a_released_version_stays_visible_and_failing() -> None:
    from checks import row_count

    @asset(checks=[row_count(2, None)])
    def few() -> list[dict[str, int]]:
        return [{"a": 1}]

    workspace = in_memory([few])
    first = run_plan(workspace.plan("few"), workspace)
    assert first.outcome == "rejected"
    (version,) = first.results[0].versions.values()
    release(workspace, key("few"), version, name="ada", reason="there was one")
    again = run_plan(workspace.plan("few"), workspace)
    assert (outcomes(again), again.results[0].reason) == (
        {"few": "kept"},
        "up to date, though its checks fail",
    )
    assert workspace.ledger.publications(key("few"), environment="main")[0].name == "ada"


def test_a_good_version_is_not_released(world: World) -> None:
    (version,) = world.first.published(key("total")).values()
    with pytest.raises(
        LedgerError, match=f"was not rejected; .*assets env rollback {key('total')} --to {version.id}"
    ):
        release(world.first, key("total"), version.id, name="ada", reason="")


def test_a_source_that_was_rolled_back_stays_so() -> None:
    shows = ["1"]

    @source
    def feed() -> Observation:
        return Observation(version=shows[0], as_of=NOW - timedelta(hours=1))

    workspace = in_memory([feed])
    for version in ("1", "2"):
        shows[0] = version
        run_plan(workspace.plan("feed"), workspace)
    rollback(workspace, key("feed"), name="ada", reason="wrong feed")
    for _ in range(3):
        held = run_plan(workspace.plan("feed"), workspace)
        assert outcomes(held) == {"feed": "held"}
    shows[0] = "3"
    assert outcomes(run_plan(workspace.plan("feed"), workspace)) == {"feed": "published"}


def test_a_rollback_stays_through_ten_sweeps() -> None:
    from graph import automation
    from materializers.sweeping import carry_out, sweep

    number, now = [1], [NOW]

    def declared() -> list[Callable[..., Any]]:
        value = number[0]

        @asset(automation=automation.eager())
        def top() -> int:
            return value

        @asset(automation=automation.eager())
        def below(top: int) -> int:
            return top

        return [top, below]

    first = in_memory(declared(), clock=lambda: now[0])

    def checkout() -> Workspace:
        made = in_memory(declared(), clock=lambda: now[0])
        return replace(made, ledger=first.ledger, store=first.store)

    for number[0] in (1, 2):
        workspace = checkout()
        run_plan(workspace.plan("*"), workspace)
    carry_out(sweep(checkout()), checkout())  # which switches automation on
    now[0] += timedelta(minutes=1)
    rollback(checkout(), key("top"), name="ada", reason="wrong")
    for _ in range(10):
        now[0] += timedelta(hours=1)
        carry_out(sweep(checkout()), checkout())
        assert load("top", workspace=checkout()) == 1
    assert load("below", workspace=checkout()) == 1
