"""What people read of a sweep, and what they can do about automation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.command_error import CommandError
from deployments.sweep_view import list_automation, sweep_assets, switch_automation
from graph import Code, Daily, Observation, asset, fresh_within, source
from graph.automation import eager, on_cron, on_missing
from graph.catch_up import catch_up_last
from materializers import Workspace, in_memory, materialize

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SAME = Code(version="1")


DUE = """
observe  k/market  the data outside have changed; k/market is overdue
build  k/diary@2026-03-04  never built; on_missing(): it has become missing since automation was switched on
maybe build k/stock  if k/market changes; eager(): k/market will be requested since automation was switched on
maybe build k/dish  if k/stock changes; on_cron("0 18 * * *"): the tick of 2026-03-04 18:00 UTC has passed since \
automation was switched on and k/stock will be requested
left out  k/diary  1 partition: last(1)
"""


@dataclass
class Kitchen:
    """A source with a promise, days that follow it, a dish after each day, and an asset that nobody automates."""

    now: datetime = NOON
    market: str = "apples"
    broken: bool = False

    def workspace(self) -> Workspace:
        @source(name="k/market", freshness=fresh_within(DAY))
        def market() -> Observation:
            return Observation(version=self.market, value=self.market)

        @asset(name="k/stock", code=SAME, automation=eager())
        def stock(market: str) -> str:
            return market

        @asset(name="k/dish", code=SAME, automation=on_cron("0 18 * * *"))
        def dish(stock: str) -> str:
            if self.broken:
                raise RuntimeError("burnt")
            return stock

        @asset(
            name="k/diary",
            code=SAME,
            partitions=Daily(start="2026-03-01"),
            automation=on_missing(),
            catch_up=catch_up_last(1),
        )
        def diary() -> int:
            return 1

        @asset(name="k/book", code=SAME)
        def book(dish: str) -> str:
            return dish

        return in_memory([market, stock, dish, diary, book], clock=lambda: self.now)


@pytest.fixture
def kitchen() -> Kitchen:
    return Kitchen()


@pytest.fixture
def workspace(kitchen: Kitchen) -> Workspace:
    """All of it made at noon, and automation switched on a minute later."""
    opened = kitchen.workspace()
    materialize("*", workspace=opened, jobs=1)
    kitchen.now += timedelta(minutes=1)
    sweep_assets(opened)
    return opened


def lines(text: str) -> list[str]:
    return [re.sub(r" {2,}", "  ", line) for line in text.splitlines()]


def test_nothing_is_due(workspace: Workspace) -> None:
    answer = sweep_assets(workspace)
    assert (answer.text(), answer.exit_code) == ("nothing is due", 0)


def test_a_dry_run_says_what_is_due_and_why_and_does_nothing(kitchen: Kitchen, workspace: Workspace) -> None:
    kitchen.now += 2 * DAY
    kitchen.market = "pears"
    first, answer = (sweep_assets(workspace, dry_run=True) for _ in range(2))
    assert first.text() == answer.text()
    assert lines(answer.text()) == DUE.strip().splitlines()
    document: Any = answer.document()
    assert document["refresh"] == {"k/market": {"k/market": "overdue"}}
    assert set(document["due"]) == {"k/stock", "k/dish", "k/diary"}
    assert document["switched_on"] == []


def test_what_is_seen_first_is_switched_on_and_said_to_be(kitchen: Kitchen) -> None:
    text = sweep_assets(kitchen.workspace(), dry_run=True).text()
    assert text == (
        "nothing is due\nautomation of 3 assets is switched on by the next sweep: k/diary, k/stock, k/dish"
    )


def test_what_failed_is_held_and_the_exit_code_says_so(kitchen: Kitchen, workspace: Workspace) -> None:
    kitchen.broken, kitchen.market = True, "pears"
    kitchen.now += 7 * HOUR
    materialize("market", workspace=workspace)
    assert sweep_assets(workspace).exit_code == 1
    kitchen.now += DAY
    materialize("stock", workspace=workspace, force=True)
    answer = sweep_assets(workspace, "dish")
    assert answer.exit_code == 1
    assert "failed before with the same code and inputs (RuntimeError: burnt)" in answer.text()


def test_the_list_says_what_is_on(workspace: Workspace) -> None:
    switch_automation(workspace, "dish", on=False)
    assert lines(list_automation(workspace, "*").text()) == [
        "asset  is  since  automation",
        "k/diary  on  2026-03-03 12:01 UTC  on_missing()",
        "k/stock  on  2026-03-03 12:01 UTC  eager()",
        'k/dish  off  -  on_cron("0 18 * * *")',
    ]


def test_what_is_switched_off_is_said_by_a_sweep(workspace: Workspace) -> None:
    answer = switch_automation(workspace, "*", on=False)
    assert answer.text() == "automation of k/diary, k/stock, k/dish is off"
    assert switch_automation(workspace, "*", on=False).text() == "automation was off already"
    assert "automation is switched off: k/diary, k/stock, k/dish" in sweep_assets(workspace).text()


def test_what_has_no_automation_cannot_be_switched(workspace: Workspace) -> None:
    with pytest.raises(CommandError, match="none of k/book has automation"):
        switch_automation(workspace, "book", on=True)
