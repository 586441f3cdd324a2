"""Replay: what is computed again from what was published then, and reading as of a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graph import Daily, asset
from materializers import Workspace, in_memory, load, run_plan
from materializers.ledger import LedgerError
from materializers.replay import replaying

START = datetime(2024, 1, 4, 12, tzinfo=UTC)


def key(name: str) -> str:
    return f"materializers/{name}"


class Shop:
    """Assets whose root shows another number every day, on a clock that one can set."""

    def __init__(self) -> None:
        self.now = START
        self.price = 1
        self.calls: list[str] = []
        self.workspace: Workspace = in_memory(self._declared(), clock=lambda: self.now)

    def _declared(self) -> list[Callable[..., Any]]:
        from graph import Observation, source

        @source
        def feed() -> Observation:
            return Observation(version=str(self.price), value={"price": self.price})

        @asset
        def doubled(feed: dict[str, int]) -> int:
            self.calls.append("doubled")
            return 2 * feed["price"]

        @asset(partitions=Daily(start="2024-01-02"))
        def days(doubled: int) -> int:
            self.calls.append("days")
            return doubled

        return [feed, doubled, days]

    def run(self, price: int) -> datetime:
        """A day passes; answers a moment after the run of that day."""
        self.price = price
        run_plan(self.workspace.plan("*"), self.workspace, jobs=1)
        then = self.now + timedelta(hours=1)
        self.now += timedelta(days=1)
        return then


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_an_earlier_time_is_read(shop: Shop) -> None:
    first, second = shop.run(1), shop.run(2)
    read = [load("doubled", as_of=at, workspace=shop.workspace) for at in (first, second, None)]
    assert read == [2, 4, 4]
    assert set(load("days", as_of=first, workspace=shop.workspace)) == {"2024-01-02", "2024-01-03"}
    with pytest.raises(LedgerError, match="had no published version at 2024-01-01"):
        load("doubled", as_of=START - timedelta(days=3, hours=12), workspace=shop.workspace)


def test_a_replay_computes_from_what_was_published_then_and_shows_nothing(shop: Shop) -> None:
    first = shop.run(1)
    shop.run(2)
    before = shop.workspace.ledger.publications(key("days"), environment="main")
    del shop.calls[:]
    with replaying(shop.workspace, "days", first) as replay:
        plan = replay.workspace.plan("days", force=True, only=True)
        result = run_plan(plan, replay.workspace, jobs=1)
        assert (result.outcome, shop.calls) == ("succeeded", ["days", "days"])
        assert load("days", workspace=replay.workspace) == {"2024-01-02": 2, "2024-01-03": 2}
        then = {at: one.data_version for at, one in replay.then[key("days")].items()}
        now = {at: one.data_version for at, one in replay.workspace.published(key("days")).items()}
        assert now == then
    assert shop.workspace.ledger.publications(key("days"), environment="main") == before
    assert [one.selection for one in shop.workspace.ledger.runs()] == ["*", "*"]


def test_what_is_selected_together_is_computed_from_each_other(shop: Shop) -> None:
    first = shop.run(3)
    shop.run(4)
    del shop.calls[:]
    with replaying(shop.workspace, "doubled or days", first) as replay:
        plan = replay.workspace.plan("doubled or days", partitions="2024-01-03", force=True, only=True)
        run_plan(plan, replay.workspace, jobs=1)
        assert shop.calls == ["doubled", "days"]
        assert load("days", partition="2024-01-03", workspace=replay.workspace) == 6


def test_a_replay_is_not_live(shop: Shop) -> None:
    first = shop.run(1)
    with replaying(shop.workspace, "days", first) as replay:
        environments = {one.name: one.live for one in replay.workspace.ledger.environments()}
        assert environments[replay.workspace.environment] is False


@pytest.mark.parametrize(
    ("selection", "later", "message"),
    [
        pytest.param("days", timedelta(days=9), "is in the future", id="the future"),
        pytest.param("feed", timedelta(0), "names sources only", id="a source"),
    ],
)
def test_what_cannot_be_replayed_is_told(shop: Shop, selection: str, later: timedelta, message: str) -> None:
    with pytest.raises(LedgerError, match=message), replaying(shop.workspace, selection, shop.run(1) + later):
        pass
