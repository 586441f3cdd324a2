"""Copies outside follow what is published: behind after an interruption, made up for, and never ahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from checks import check
from graph import Daily, Window, asset
from graph import resource as provide
from materializers import in_memory, materialize
from materializers.copying import Copy, bring_up, copy_published, look_at_copies, remove_copies
from materializers.destination import Mark, MemoryPlace, OutsideError
from materializers.redis_key import RedisKey
from materializers.workspace import Workspace

KEY = "g/a"


@dataclass
class Shelf:
    """What is published, which may move ``while_reading`` or after the place was written."""

    at: str | None = "v1"
    reads: int = 0
    while_reading: list[str] = field(default_factory=list)

    def version(self, key: str) -> str | None:
        return self.at

    def value(self, key: str) -> object:
        self.reads += 1
        value = f"value of {self.at}"
        if self.while_reading:
            self.at = self.while_reading.pop(0)
        return value


@dataclass
class Watched:
    """A place whose writing others hear of."""

    place: MemoryPlace
    written: Callable[[str], None] = lambda _: None
    writes: list[str] = field(default_factory=list)

    def current(self) -> str | None:
        return self._inner.current()

    def replace(self, value: object, data_version: str) -> None:
        self._inner.replace(value, data_version)
        self.writes.append(data_version)
        self.written(data_version)

    def remove(self) -> None:
        self._inner.remove()

    @property
    def _inner(self) -> Any:
        return self.place.open(None, key=KEY, environment="main")

    @property
    def held(self) -> tuple[str | None, object]:
        mark, value = self.place.held.get("x", (None, None))
        return (mark.data_version if mark else None), value


@pytest.fixture
def place() -> Watched:
    return Watched(MemoryPlace("x"))


def test_a_place_that_is_behind_is_brought_up(place: Watched) -> None:
    assert bring_up(place, Shelf(), KEY) == ("copied", "v1")
    assert place.held == ("v1", "value of v1")


def test_a_place_that_is_current_costs_one_question(place: Watched) -> None:
    bring_up(place, Shelf(), KEY)
    again = Shelf()
    assert bring_up(place, again, KEY) == ("current", "v1")
    assert (again.reads, place.writes) == (0, ["v1"])


def test_a_current_place_is_written_anew_when_asked(place: Watched) -> None:
    bring_up(place, Shelf(), KEY)
    assert bring_up(place, Shelf(), KEY, anew=True) == ("copied", "v1")
    assert place.writes == ["v1", "v1"]


def test_nothing_published_leaves_the_place_as_it_is(place: Watched) -> None:
    bring_up(place, Shelf(), KEY)
    assert bring_up(place, Shelf(at=None), KEY) == ("not published", None)
    assert place.held == ("v1", "value of v1")


def test_a_value_that_moved_while_it_was_read_is_read_again(place: Watched) -> None:
    assert bring_up(place, Shelf(while_reading=["v2"]), KEY) == ("copied", "v2")
    assert (place.held, place.writes) == (("v2", "value of v2"), ["v2"])


def test_an_older_copy_that_came_late_is_put_right(place: Watched) -> None:
    shelf = Shelf()

    def another_run(version: str) -> None:
        shelf.at = "v2"

    place.written = another_run
    assert bring_up(place, shelf, KEY) == ("copied", "v2")
    assert place.writes == ["v1", "v2"]


def test_what_never_rests_is_left_to_the_next_run(place: Watched) -> None:
    with pytest.raises(OutsideError, match="is published again and again"):
        bring_up(place, Shelf(while_reading=[f"v{number}" for number in range(2, 20)]), KEY)
    assert place.writes == []


# --- over a ledger -----------------------------------------------------------------------------------------


class Broken:
    """A place that cannot be reached."""

    connection = None
    format = None
    expires = False

    def problems(self) -> list[str]:
        return []

    def place(self, environment: str) -> str:
        return "nowhere"

    def open(self, connection: object, *, key: str, environment: str) -> Any:
        raise TimeoutError("nobody answers")


def at_most_100(value: int) -> bool:
    return value <= 100


class World:
    """Assets with places outside, whose value changes from run to run."""

    def __init__(self) -> None:
        self.value = 1
        self.prices, self.lasting = MemoryPlace("prices"), MemoryPlace("signals", expires=True)
        self.broken = Broken()
        self.workspace: Workspace | None = None

    def run(self, environment: str = "main") -> Workspace:
        value = self.value

        @asset(name="g/prices", stored_as=self.prices, checks=[check(at_most_100)])
        def prices() -> int:
            return value

        @asset(name="g/lost", stored_as=self.broken)
        def lost() -> int:
            return value

        @asset(name="g/signals", stored_as=self.lasting)
        def signals(prices: int) -> list[int]:
            return [prices]

        @asset(name="g/plain")
        def plain(prices: int) -> int:
            return prices

        workspace = in_memory([prices, lost, signals, plain])
        if self.workspace is not None:
            workspace.ledger, workspace.store = self.workspace.ledger, self.workspace.store
        self.workspace = workspace
        if environment not in {one.name for one in workspace.ledger.environments()}:
            workspace.ledger.create_environment(environment)
        workspace = replace(workspace, environment=environment)
        materialize("*", workspace=workspace, jobs=1)
        return workspace


ALL = ("g/prices", "g/lost", "g/signals", "g/plain")


def states(copies: tuple[Copy, ...]) -> dict[str, str]:
    return {copy.key.rpartition("/")[2]: copy.state for copy in copies}


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_published_is_copied_once(world: World) -> None:
    workspace = world.run()
    remove_copies(workspace, ALL)
    assert states(copy_published(workspace, ALL)) == {
        "prices": "copied",
        "lost": "failed",
        "signals": "copied",
    }
    assert states(copy_published(workspace, ALL)) == {
        "prices": "current",
        "lost": "failed",
        "signals": "current",
    }
    assert world.prices.held["prices"][1] == 1


def test_a_copy_that_was_interrupted_is_made_up_for_by_a_run_that_builds_nothing(world: World) -> None:
    world.run()
    before = world.prices.held | world.lasting.held
    world.value = 2
    workspace = world.run()
    for place in (world.prices, world.lasting):  # as if it had been killed before the copy
        place.held.update({name: held for name, held in before.items() if name in place.held})
    assert world.prices.held["prices"][1] == 1
    assert states(look_at_copies(workspace, ALL)) == {
        "prices": "behind",
        "lost": "failed",
        "signals": "behind",
    }
    world.run()
    assert world.prices.held["prices"][1] == 2


def test_what_checks_reject_is_not_copied(world: World) -> None:
    copy_published(world.run(), ALL)
    world.value = 101
    assert states(copy_published(world.run(), ["g/prices"])) == {"prices": "current"}
    assert world.prices.held["prices"][1] == 1


def test_a_failure_is_told_with_its_place(world: World) -> None:
    (lost,) = copy_published(world.run(), ["g/lost"])
    assert str(lost) == "g/lost -> nowhere: failed (TimeoutError: nobody answers)"


def test_a_copy_that_expires_is_renewed_where_the_asset_was_found_up_to_date(world: World) -> None:
    workspace = world.run()
    copy_published(workspace, ALL)
    assert states(copy_published(workspace, ALL, verified=["g/signals", "g/prices"])) == {
        "prices": "current",
        "lost": "failed",
        "signals": "copied",
    }


def test_another_environment_has_its_own_copy(world: World) -> None:
    copy_published(world.run(), ALL)
    world.value = 2
    copy_published(world.run("dev"), ALL)
    assert {place: value for place, (_, value) in world.prices.held.items()} == {"prices": 1, "prices@dev": 2}


def test_copies_of_an_environment_are_taken_away(world: World) -> None:
    copy_published(world.run(), ALL)
    workspace = world.run("dev")
    copy_published(workspace, ALL)
    assert states(remove_copies(workspace, ALL)) == {
        "prices": "removed",
        "lost": "failed",
        "signals": "removed",
    }
    assert world.prices.held.keys() == {"prices"}


def test_what_an_environment_only_reads_from_its_parent_is_not_copied(world: World) -> None:
    workspace = world.run()
    workspace.ledger.create_environment("dev")
    workspace = replace(workspace, environment="dev")
    assert workspace.load("g/prices") == 1
    assert states(copy_published(workspace, ["g/prices"])) == {"prices": "not published"}


def test_partitions_are_copied_together_when_one_of_them_is_new() -> None:
    place, now = MemoryPlace("days"), [datetime(2024, 1, 3, tzinfo=UTC)]

    @asset(name="g/days", partitions=Daily(start="2024-01-01"), stored_as=place)
    def days(window: Window) -> int:
        return window.day.day

    workspace = in_memory([days], clock=lambda: now[0])
    assert materialize("*", workspace=workspace).told == ("g/days -> days: copied",)
    assert place.held["days"][1] == {"2024-01-01": 1, "2024-01-02": 2}
    assert materialize("*", workspace=workspace).told == ()
    now[0] += timedelta(days=1)
    assert materialize("*", workspace=workspace).told == ("g/days -> days: copied",)
    assert place.held["days"][1] == {"2024-01-01": 1, "2024-01-02": 2, "2024-01-03": 3}


class CacheSettings(BaseSettings):
    """Where a cache is."""

    url: SecretStr = SecretStr("redis://:hunter2@127.0.0.1:1/0")


class Cache:
    """The resource of a connection."""

    def __init__(self, url: SecretStr) -> None:
        self.url = url


def test_a_place_is_reached_over_a_resource_whose_secrets_are_not_told() -> None:
    @provide
    def cache(settings: CacheSettings) -> Cache:
        return Cache(settings.url)

    @asset(name="g/a", stored_as=RedisKey("a", connection=Cache))
    def a() -> int:
        return 1

    workspace = in_memory([a, cache])
    materialize("*", workspace=workspace)
    (copy,) = copy_published(workspace, ["g/a"])
    assert (copy.state, copy.place) == ("failed", "Redis a")
    assert copy.reason.startswith("asset 'g/a' cannot be copied to Redis a: ")
    assert "hunter2" not in copy.reason


def test_a_mark_is_read_back() -> None:
    mark = Mark(key='g/"a"', data_version="t1-ü")
    assert Mark.of(mark.text()) == mark


@pytest.mark.parametrize("text", [None, "", "prices", "prefect-asset-graph [", "prefect-asset-graph {}"])
def test_what_is_no_mark_is_none(text: str | None) -> None:
    assert Mark.of(text) is None
