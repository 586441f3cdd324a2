"""What people read of why an asset is made, or is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.why_view import why_asset
from graph import AssetGraphError, Code, Daily, Observation, asset, fresh_within, source
from graph.automation import eager, on_cron
from materializers import Workspace, in_memory, materialize
from materializers.sweeping import carry_out, sweep

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SAME = Code(version="1")


@dataclass
class Town:
    """A source with a promise, days of prices that follow it, and a report after six o'clock."""

    now: datetime = NOON
    market: str = "calm"

    def workspace(self) -> Workspace:
        @source(name="t/market", freshness=fresh_within(24 * HOUR))
        def market() -> Observation:
            return Observation(version=self.market, value=self.market)

        @asset(name="t/prices", code=SAME, partitions=Daily(start="2026-03-01"), automation=eager())
        def prices(market: str) -> str:
            return market

        @asset(name="t/report", code=SAME, automation=on_cron("0 18 * * *"))
        def report(prices: dict[str, str]) -> str:
            if "panic" in prices.values():
                raise RuntimeError("no words for it")
            return str(prices)

        @asset(name="t/archive", code=SAME)
        def archive(report: str) -> str:
            return report

        return in_memory([market, prices, report, archive], clock=lambda: self.now)


@dataclass
class Day:
    """A town at noon, in which everything was made and automation was switched on a minute later."""

    town: Town
    workspace: Workspace

    def why(self, key: str, **options: Any) -> str:
        text = why_asset(self.workspace, key, **options).text()
        return "\n".join(re.sub(r"(?<=\S) {2,}", "  ", line) for line in text.splitlines())

    def sweep(self) -> None:
        carry_out(sweep(self.workspace), self.workspace, jobs=1)


@pytest.fixture
def day() -> Day:
    town = Town()
    found = Day(town, town.workspace())
    materialize("*", workspace=found.workspace, jobs=1)
    town.now += timedelta(minutes=1)
    found.sweep()
    town.now += 7 * HOUR
    return found


def nothing(day: Day) -> str:
    return day.why("prices")


def upstream_changed(day: Day) -> str:
    day.town.market = "wild"
    materialize("market", workspace=day.workspace)
    return day.why("prices")


def told_of_upstream(day: Day) -> str:
    upstream_changed(day)
    return day.why("report")


def one_old_day(day: Day) -> str:
    upstream_changed(day)
    return day.why("prices", partition="2026-03-01")


def failed(day: Day) -> str:
    day.town.market = "panic"
    materialize("market", workspace=day.workspace)
    day.sweep()
    day.town.now += HOUR
    return day.why("report")


def overdue(day: Day) -> str:
    day.town.now += 24 * HOUR
    return day.why("market")


def switched_off(day: Day) -> str:
    day.workspace.ledger.switch_automation("main", ["t/prices"], on=False)
    return day.why("prices")


def without_automation(day: Day) -> str:
    return day.why("archive")


GOLDEN: dict[Callable[[Day], str], str] = {
    nothing: """
t/prices
  automation  waits: t/market did not change since automation was switched on
  freshness  no promise
  when due  keep 2026-03-02: up to date
  attempt  2026-03-02 published 2026-03-03 12:00 UTC
""",
    upstream_changed: """
t/prices
  automation  runs 2026-03-02: t/market changed since automation was switched on
  freshness  no promise
  when due  build 2026-03-02: upstream changed: t/market
  attempt  2026-03-02 published 2026-03-03 12:00 UTC
""",
    told_of_upstream: """
t/report
  automation  runs: the tick of 18:00 UTC has passed since automation was switched on and \
t/prices 2026-03-02 will be requested
  freshness  no promise
  when due  keep up to date
  attempt  published 2026-03-03 12:00 UTC
""",
    one_old_day: """
t/prices
  automation  waits: it is not in the latest window
  freshness  no promise
  when due  build 2026-03-01: upstream changed: t/market
  attempt  2026-03-01 published 2026-03-03 12:00 UTC
""",
    failed: """
t/report
  automation  waits: no tick of '0 18 * * *' has passed since it was last handled (19:01 UTC)
  freshness  no promise
  when due  hold failed before with the same code and inputs (RuntimeError: no words for it); \
mend either, or build it by hand
  attempt  failed 2026-03-03 19:01 UTC: RuntimeError: no words for it
""",
    overdue: """
t/market
  automation  none: a sweep makes it only if the clock makes it due
  freshness  overdue, 31 h old, since 7 h 1 min
  clock  looked at again by the next sweep: t/market is overdue
  when due  look the data outside are unchanged
  attempt  published 2026-03-03 12:00 UTC
""",
    switched_off: """
t/prices
  automation  waits: its automation is switched off; assets automation on switches it on
  freshness  no promise
  when due  keep 2026-03-02: up to date
  attempt  2026-03-02 published 2026-03-03 12:00 UTC
""",
    without_automation: """
t/archive
  automation  none: no sweep makes it
  freshness  no promise
  when due  keep up to date
  attempt  published 2026-03-03 12:00 UTC
""",
}


@pytest.mark.parametrize("told", [pytest.param(one, id=one.__name__) for one in GOLDEN])
def test_why(day: Day, told: Callable[[Day], str]) -> None:
    assert told(day) == GOLDEN[told].strip("\n")


def test_the_tree_mirrors_the_condition(day: Day) -> None:
    upstream_changed(day)
    _, tree = day.why("prices", with_tree=True).split("\n\n")
    first, *_ = lines = tree.splitlines()
    assert first == "yes eager()  2026-03-02"
    assert "no   any_upstream_in_progress()" not in tree
    assert any(line.endswith("t/market: any of") for line in lines)


def test_the_document_has_the_tree_the_plan_and_the_attempts(day: Day) -> None:
    upstream_changed(day)
    document: Any = why_asset(day.workspace, "prices").document()
    assert document["tree"]["holds"] is True
    assert [(step["step"], step["kind"]) for step in document["when_due"]] == [
        ("materialize", "upstream changed")
    ]
    assert [one["outcome"] for one in document["attempts"]] == ["published"]


def test_a_key_that_is_not_there(day: Day) -> None:
    with pytest.raises(AssetGraphError, match="prices"):
        day.why("price")
