"""What people read: why an asset runs or waits, as a sentence, as lines and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from graph.automation import (
    all_upstream_checks_passed,
    any_upstream,
    code_changed,
    eager,
    execution_failed,
    fresh,
    in_latest_window,
    initial_evaluation,
    newly_requested,
    newly_updated,
    on_cron,
    on_missing,
    overdue,
)
from graph.conditions import Condition
from graph.evaluation import Tree, due, evaluate
from graph.facts import MemoryFacts, MemoryPartitioning
from graph.partition_set import ONLY, PartitionSet
from graph.why import to_json, tree_text, why

ON = datetime(2024, 1, 5, 12, tzinfo=UTC)
MORNING, EVENING = ON + timedelta(hours=1), ON + timedelta(hours=6, minutes=30)
FIRST_DAY = date(2024, 1, 1)
UP = ("market/prices", "market/rates")


@dataclass(frozen=True)
class Fork:
    """``returns`` below ``market/prices`` and ``market/rates``, or below the first alone."""

    above: tuple[str, ...] = UP

    @property
    def upstream_of(self) -> Mapping[str, tuple[str, ...]]:
        return {**dict.fromkeys(self.above, ()), "returns": self.above}

    @property
    def assets(self) -> Mapping[str, SimpleNamespace]:
        return {key: SimpleNamespace(key=key) for key in self.upstream_of}

    def siblings(self, key: str) -> tuple[str, ...]:
        return (key,)


def days(first: int, last: int) -> PartitionSet:
    return PartitionSet.span(FIRST_DAY.toordinal() + first - 1, FIRST_DAY.toordinal() + last - 1)


BEFORE = MemoryFacts().publish(UP[0], at=ON).publish(UP[1], at=ON).switch_on(["returns", *UP], ON)
MOVED = BEFORE.publish(UP[0], at=MORNING)
MADE = MOVED.request("returns", at=MORNING).publish("returns", at=MORNING)
TODAY = MADE.publish(UP[0], at=EVENING)

AT_SIX = on_cron("0 18 * * *")


def asked(
    condition: Condition,
    facts: MemoryFacts,
    *daily: str,
    now: datetime = EVENING,
    above: tuple[str, ...] = UP,
) -> tuple[Tree, MemoryPartitioning, datetime]:
    partitioning = MemoryPartitioning(now=now, daily=dict.fromkeys(daily, FIRST_DAY))
    graph = Fork(above)
    found = evaluate(graph, condition, "returns", facts, partitioning, now, on=facts.on["returns"])
    short = due(graph, {"returns": condition}, facts, partitioning, now)
    assert short.partitions.get("returns", PartitionSet({})) == found.true
    if found.true:  # what a sweep says is what is said to who asks
        assert why(short.trees["returns"], partitioning, now) == why(found, partitioning, now)
    return found, partitioning, now


@pytest.mark.parametrize(
    ("condition", "facts", "sentence"),
    [
        pytest.param(
            eager(),
            BEFORE,
            "waits: no upstream changed since automation was switched on",
            id="nothing happened",
        ),
        pytest.param(
            eager(),
            MADE,
            "waits: no upstream changed since it was last handled (13:00 UTC)",
            id="nothing new",
        ),
        pytest.param(
            eager(), MOVED, "runs: market/prices changed since automation was switched on", id="one changed"
        ),
        pytest.param(
            eager(),
            TODAY,
            "runs: market/prices changed since it was last handled (13:00 UTC)",
            id="changed again",
        ),
        pytest.param(
            eager(),
            MOVED.remove(UP[1], at=MORNING),
            "waits: market/rates is missing and will not be requested",
            id="another is missing",
        ),
        pytest.param(
            eager(),
            MOVED.mark("in progress", UP[1]),
            "waits: market/rates is being made",
            id="another is made",
        ),
        pytest.param(
            eager(), MOVED.mark("in progress", "returns"), "waits: it is being made", id="it is made"
        ),
        pytest.param(
            AT_SIX,
            TODAY,
            "waits: market/rates was not updated since the tick of 18:00 UTC",
            id="a tick, and one upstream was not updated",
        ),
        pytest.param(
            AT_SIX,
            TODAY.publish(UP[1], at=EVENING),
            "runs: the tick of 18:00 UTC has passed since it was last handled (13:00 UTC)"
            " and every upstream was updated since the tick of 18:00 UTC",
            id="a tick, and every upstream was updated",
        ),
        pytest.param(
            on_cron("0 19 * * *"),
            MADE,
            "waits: no tick of '0 19 * * *' has passed since it was last handled (13:00 UTC)",
            id="no tick yet",
        ),
        pytest.param(
            eager() & all_upstream_checks_passed(),
            MOVED.mark("checks failed", UP[0]),
            "waits: market/prices fails its checks and will not be requested",
            id="a gate",
        ),
        pytest.param(
            any_upstream(overdue()), BEFORE, "waits: no upstream is overdue", id="freshness upstream"
        ),
        pytest.param(
            code_changed() & ~execution_failed(),
            BEFORE.mark("code changed", "returns").mark("failed", "returns"),
            "waits: it failed",
            id="states alone",
        ),
        pytest.param(
            code_changed() & ~execution_failed(),
            BEFORE.mark("code changed", "returns"),
            "runs: it was made by other code and has not failed",
            id="states alone that hold",
        ),
        pytest.param(
            execution_failed().newly_true(),
            BEFORE,
            "waits: it has not failed since automation was switched on",
            id="a state that did not begin",
        ),
        pytest.param(
            newly_updated().since(newly_requested()),
            MADE.publish("returns", at=EVENING),
            "runs: it was updated since it was last requested (13:00 UTC)",
            id="since something else",
        ),
        pytest.param(
            initial_evaluation(),
            BEFORE,
            "runs: it was not handled yet since automation was switched on",
            id="new",
        ),
        pytest.param(fresh(), BEFORE, "waits: it is not fresh", id="freshness"),
    ],
)
def test_why(condition: Condition, facts: MemoryFacts, sentence: str) -> None:
    assert why(*asked(condition, facts)) == sentence


def test_why_of_one_upstream_names_it() -> None:
    assert why(*asked(eager(), MADE, above=UP[:1])) == (
        "waits: market/prices did not change since it was last handled (13:00 UTC)"
    )
    assert why(*asked(AT_SIX, TODAY, above=UP[:1])) == (
        "runs: the tick of 18:00 UTC has passed since it was last handled (13:00 UTC)"
        " and market/prices was updated since the tick of 18:00 UTC"
    )


def test_why_of_no_upstream_tells_of_none() -> None:
    assert why(*asked(eager(), MADE, above=())) == (
        "waits: it has not become missing since it was last handled (13:00 UTC)"
    )
    assert why(*asked(AT_SIX, MADE, above=())) == (
        "runs: the tick of 18:00 UTC has passed since it was last handled (13:00 UTC)"
    )


def test_another_day_is_written_with_its_day() -> None:
    assert why(*asked(eager(), MADE, now=EVENING + timedelta(days=3))) == (
        "waits: no upstream changed since it was last handled (2024-01-05 13:00 UTC)"
    )


def test_a_tick_is_written_in_its_own_time_zone() -> None:
    condition = on_cron("0 7 * * *", "America/New_York")
    assert why(*asked(condition, MADE, now=EVENING + timedelta(days=1))) == (
        "waits: market/prices was not updated since the tick of 07:00 EST"
    )


def test_why_with_partitions_names_those_that_are_meant() -> None:
    facts = MemoryFacts().publish(UP[0], days(1, 4), at=ON).publish(UP[1], at=ON).switch_on(["returns"], ON)
    later = ON + timedelta(days=3)
    daily = ("returns", UP[0])
    assert why(*asked(eager(), facts, *daily, now=later)) == (
        "waits: market/prices 2024-01-05..2024-01-07 is missing and will not be requested"
    )
    assert why(*asked(eager(), facts.publish(UP[0], days(5, 6), at=later), *daily, now=later)) == (
        "runs 2024-01-05..2024-01-06: it has become missing since automation was switched on"
    )
    assert why(*asked(on_missing(), facts, *daily, now=datetime(2024, 1, 1, tzinfo=UTC))) == (
        "waits: it has no partitions yet"
    )
    assert why(*asked(in_latest_window(timedelta(days=2)), facts, "returns", now=later)) == (
        "runs 2024-01-06..2024-01-07: it is within 2 days, 0:00:00 of the latest window's end"
    )


def test_a_tree_as_lines() -> None:
    tree, partitioning, now = asked(AT_SIX, TODAY)
    assert (
        tree_text(tree, partitioning, now)
        == """\
no  on_cron("0 18 * * *")
no    all of
yes     in_latest_window()
yes     since it was last handled (13:00 UTC)
yes       cron_tick_passed("0 18 * * *")
no      all_upstream_updated_since_cron("0 18 * * *")
yes       market/prices: any of
yes         since the tick of 18:00 UTC
yes           newly_updated()
no          will_be_requested()
no        market/rates: any of
no          since the tick of 18:00 UTC
no            newly_updated()
no          will_be_requested()
no    all of
no      missed()
no        missing()
no        not in_latest_window()
no        since it was last handled (13:00 UTC)
no          newly_missing()
no            missing()
yes     since it was last handled (13:00 UTC)
yes       cron_tick_passed("0 18 * * *")
yes     not any_upstream_missing()
no        market/prices: all of
no          missing()
yes         not will_be_requested()
no        market/rates: all of
no          missing()
yes         not will_be_requested()"""
    )


def test_a_tree_as_lines_with_partitions() -> None:
    facts = MemoryFacts().publish(UP[0], days(1, 5), at=ON).switch_on(["returns"], ON)
    tree, partitioning, now = asked(
        on_missing(), facts, "returns", UP[0], now=ON + timedelta(days=3), above=UP[:1]
    )
    assert (
        tree_text(tree, partitioning, now)
        == """\
yes on_missing()                        2024-01-05
yes   missing()                         2024-01-01..2024-01-07
yes   since automation was switched on  2024-01-05..2024-01-07
yes     newly_missing()                 2024-01-05..2024-01-07
yes       missing()                     2024-01-01..2024-01-07
yes   not any_upstream_missing()        2024-01-01..2024-01-05
yes     market/prices: all of           2024-01-06..2024-01-07
yes       missing()                     2024-01-06..2024-01-07
yes       not will_be_requested()       2024-01-01..2024-01-07"""
    )


def test_a_tree_as_json() -> None:
    condition = eager().without(eager().parts[0])
    told = json.loads(to_json(*asked(condition, MOVED.mark("in progress", UP[1]))))
    assert {name: told[name] for name in ("key", "condition", "holds", "for", "because")} == {
        "key": "returns",
        "condition": "~any_upstream_missing() & ~any_upstream_in_progress() & ~in_progress()",
        "holds": False,
        "for": {},
        "because": "market/rates is being made",
    }
    upstream = told["parts"][1]["parts"][0]["parts"]
    assert [(part["key"], part["holds"], part["for"]) for part in upstream] == [
        (UP[0], False, {}),
        (UP[1], True, {"": [[0, 0]]}),
    ]


def test_every_part_can_be_told() -> None:
    tree, partitioning, now = asked(eager() | AT_SIX | on_missing(), TODAY)
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        assert ": " in why(part, partitioning, now)
        waiting += part.parts
    assert tree.within == ONLY
