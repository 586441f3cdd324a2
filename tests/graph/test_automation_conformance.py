"""What is due is what Dagster 1.13 requests, tick by tick, but for the deviations that are named here.

After each tick both go on from Dagster's answer: what it requested was made, and what it forgets for good counts as
handled, so that a deviation is counted where it arises and not at every tick after it. The rows are the `automation`
rows of the shared table, and those of `dagster_automation.jsonl` beside this file (made by `dagster_automation.py`),
some of which have daily partitions.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graph.automation import eager, on_cron, on_missing
from graph.catch_up import CatchUp, catch_up_all, catch_up_none
from graph.conditions import Condition
from graph.evaluation import due, last_tick
from graph.facts import MemoryFacts, MemoryPartitioning, Moment
from graph.partition_set import EMPTY, WHOLE, Partition, PartitionSet

HERE = Path(__file__).parent
SHARED = Path(
    os.environ.get("CONFORMANCE_TABLE")
    or HERE.parents[1].parent / "shared" / "conformance" / "dagster-semantics.jsonl"
)
TABLES = {"shared": SHARED, "own": HERE / "dagster_automation.jsonl"}
MOST_EXPLAINED = 0.15
"""Of the steps of a table, those that may differ by a named deviation."""

FIRST_DAY = date(2024, 1, 1)
Requests = Mapping[str, PartitionSet]


# --- the little world of a row ----------------------------------------------------------------------------


@dataclass(frozen=True)
class RowGraph:
    """The graph of a row; its keys are in topological order."""

    upstream_of: Mapping[str, tuple[str, ...]]

    @property
    def assets(self) -> Mapping[str, SimpleNamespace]:
        return {key: SimpleNamespace(key=key) for key in self.upstream_of}

    def siblings(self, key: str) -> tuple[str, ...]:
        return (key,)

    def above(self, key: str) -> Iterator[str]:
        for up in self.upstream_of[key]:
            yield up
            yield from self.above(up)


def partition_of(name: str | None) -> Partition:
    return WHOLE if name is None else Partition(ordinal=date.fromisoformat(name).toordinal())


@dataclass(frozen=True, kw_only=True)
class Tick:
    """One evaluation: what was updated since the one before, and what Dagster requested."""

    at: datetime
    updated: Requests
    requested: Requests


@dataclass(kw_only=True)
class Run:
    """A row as it is carried out; the record goes on from what Dagster requested."""

    graph: RowGraph
    partitioning: MemoryPartitioning
    conditions: Mapping[str, Condition]
    crons: Mapping[str, str]
    materializes: bool
    catch_up: CatchUp
    facts: MemoryFacts = field(default_factory=MemoryFacts)
    ticks: list[Tick] = field(default_factory=list)

    @classmethod
    def of(cls, row: Mapping[str, Any], catch_up: CatchUp) -> Run:
        words = {
            "eager": eager(),
            "on_missing": on_missing(),
            "on_cron": on_cron(row.get("cron", "0 * * * *")),
        }
        return cls(
            graph=RowGraph({key: tuple(ups) for key, ups in row["graph"].items()}),
            partitioning=MemoryPartitioning(
                now=datetime.fromisoformat(row["steps"][0]["eval_at"]),
                daily=dict.fromkeys(row.get("daily", ()), FIRST_DAY),
            ),
            conditions={key: words[word] for key, word in row["conditions"].items() if word},
            crons={
                key: row.get("cron", "0 * * * *")
                for key, word in row["conditions"].items()
                if word == "on_cron"
            },
            materializes=row["requested_are"] == "materialize",
            catch_up=catch_up,
        )

    def step(self, step: Mapping[str, Any]) -> list[Difference]:
        """Where we and Dagster differ at a tick."""
        at = datetime.fromisoformat(step["eval_at"])
        self.partitioning = replace(self.partitioning, now=at)
        updated = dict(self.ticks[-1].requested) if self.ticks and self.materializes else {}
        for one in step["external_materializations"]:
            key, name = (one, None) if isinstance(one, str) else one
            made = PartitionSet.of([partition_of(name)])
            self.facts = self.facts.publish(key, made, at=at - timedelta(seconds=30))
            updated[key] = updated.get(key, EMPTY) | made
        if not self.ticks:
            self.facts = self.facts.switch_on(self.conditions, at)
        policies = dict.fromkeys(self.conditions, self.catch_up)
        found = due(
            self.graph, self.conditions, self.facts, self.partitioning, at, catch_up=policies
        ).partitions
        asked = step["requested"]
        asked = asked if isinstance(asked, dict) else {key: [None] for key in asked}
        theirs = {key: PartitionSet.of(map(partition_of, names)) for key, names in asked.items()}
        self.ticks.append(Tick(at=at, updated=updated, requested=theirs))
        seen = self.facts
        for key in self.graph.upstream_of:
            self._go_on(key, theirs.get(key, EMPTY), at)
        return [
            Difference(run=self, facts=seen, key=key, partition=partition, ours=found, theirs=theirs)
            for key in self.graph.upstream_of
            for partition in different(found.get(key, EMPTY), theirs.get(key, EMPTY))
        ]

    def _go_on(self, key: str, theirs: PartitionSet, at: datetime) -> None:
        if theirs and self.materializes:
            done = at + timedelta(seconds=30)
            self.facts = self.facts.request(key, theirs, at=done).publish(key, theirs, at=done)
        elif theirs:
            self.facts = self.facts.request(key, theirs, at=at)

    def forget(self, one: Difference) -> None:
        self.facts = self.facts.settle(one.key, one.itself, at=self.ticks[-1].at)


def different(one: PartitionSet, other: PartitionSet) -> PartitionSet:
    return (one - other) | (other - one)


# --- deviations -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A partition that we find due and Dagster does not request, or the other way round, before the tick is recorded.

    Args:
        facts: as both saw them.
    """

    run: Run
    facts: MemoryFacts
    key: str
    partition: Partition
    ours: Requests
    theirs: Requests

    @property
    def only_ours(self) -> bool:
        return self.partition in self.ours.get(self.key, EMPTY)

    @property
    def itself(self) -> PartitionSet:
        return PartitionSet.of([self.partition])

    def read(self, up: str) -> PartitionSet:
        return self.run.partitioning.upstream(self.itself, self.key, up)

    def ups(self) -> Iterable[str]:
        return self.run.graph.upstream_of[self.key]

    def due_within(self, before: Tick, tick: Tick) -> bool:
        """Whether between two ticks, or at the second, came what makes it due when it was not handled since."""
        if cron := self.run.crons.get(self.key):
            return before.at < last_tick(cron, "UTC", tick.at)
        moved = {up: tick.updated.get(up, EMPTY) | tick.requested.get(up, EMPTY) for up in self.ups()}
        return any(some & self.read(up) for up, some in moved.items())

    def handled(self) -> Moment | None:
        return next((at for at, _ in self.facts.moments("handled", self.key, self.itself)), None)


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """Where we differ from Dagster on purpose: a rule and its reason.

    Args:
        forgotten: Dagster will not come back to it at a later tick.
    """

    name: str
    reason: str
    explains: Callable[[Difference], bool]
    forgotten: bool = False


def two_updates_between_two_ticks(one: Difference) -> bool:
    """Dagster saw in one tick what makes the partition due, and that it was updated or requested; the latter won."""
    handled = one.handled()
    if not one.only_ours or handled is None:
        return False
    ticks = one.run.ticks
    for before, tick in pairwise(ticks):
        reset = tick.updated.get(one.key, EMPTY) | before.requested.get(one.key, EMPTY)
        if one.partition in reset and handled.at <= tick.at and one.due_within(before, tick):
            return True
    return False


def gap(one: Difference) -> bool:
    """A day that ended after automation was switched on, is missing, and is not the last one any more."""
    existed = one.run.partitioning.existing(one.key, one.run.ticks[0].at)
    latest = one.run.partitioning.latest(one.key, one.run.ticks[-1].at, None)
    missing = one.partition not in one.facts.visible(one.key)
    return one.only_ours and missing and one.partition not in existed | latest


def other_partitioning_in_the_same_sweep(one: Difference) -> bool:
    """Something upstream, with partitions unlike its own, is requested in this very tick."""
    daily = one.run.partitioning.daily
    return one.only_ours and any(
        one.ours.get(up, EMPTY) & one.read(up) for up in one.ups() if (up in daily) != (one.key in daily)
    )


def tick_of_another_day(one: Difference) -> bool:
    """It waits for a cron tick, and did not exist yet at the last one."""
    cron, now = one.run.crons.get(one.key), one.run.ticks[-1].at
    if one.only_ours or cron is None:
        return False
    return one.partition not in one.run.partitioning.existing(one.key, last_tick(cron, "UTC", now))


def tick_at_an_evaluation(one: Difference) -> bool:
    """The last cron tick fell on the very instant of an earlier evaluation."""
    cron, ticks = one.run.crons.get(one.key), one.run.ticks
    return cron is not None and last_tick(cron, "UTC", ticks[-1].at) in {tick.at for tick in ticks[:-1]}


def follows_from_upstream(one: Difference) -> bool:
    """Something upstream is requested in this very tick by us alone, or by Dagster alone, as it is itself."""
    more, less = (one.ours, one.theirs) if one.only_ours else (one.theirs, one.ours)
    return any((more.get(up, EMPTY) - less.get(up, EMPTY)) & one.read(up) for up in one.ups())


DEVIATIONS = (
    Deviation(
        name="one sweep crosses partitionings",
        reason="one plan makes both, in order: there is nothing to wait for",
        explains=other_partitioning_in_the_same_sweep,
    ),
    Deviation(
        name="two updates between two ticks are not lost",
        reason="what came after the asset was handled is still to be done, whenever somebody looks",
        explains=two_updates_between_two_ticks,
        forgotten=True,
    ),
    Deviation(
        name="gaps are filled",
        reason="partitions that nobody looked at in their time are not skipped in silence",
        explains=gap,
        forgotten=True,
    ),
    Deviation(
        name="a tick is for what existed then",
        reason="a partition that appears later waits for the next tick, however late the last one is looked at",
        explains=tick_of_another_day,
    ),
    Deviation(
        name="a tick counts once",
        reason="one that falls on the instant of an evaluation counts then, and not in the next one again",
        explains=tick_at_an_evaluation,
    ),
    Deviation(
        name="what follows from a deviation upstream",
        reason="what will be made, or will not, is told downstream in the same sweep",
        explains=follows_from_upstream,
    ),
)


# --- the tests --------------------------------------------------------------------------------------------


def rows_of(table: str) -> list[dict[str, Any]]:
    if not TABLES[table].exists():
        return []
    rows = map(json.loads, TABLES[table].read_text(encoding="utf-8").splitlines())
    return [row for row in rows if row["kind"] == "automation"]


def explanation(one: Difference) -> Deviation | None:
    return next((deviation for deviation in DEVIATIONS if deviation.explains(one)), None)


def outcomes(row: Mapping[str, Any], catch_up: CatchUp) -> Iterator[tuple[str, list[str | None]]]:
    """Of each step, whether we agree, and the names of the deviations if not; None where there is none."""
    run = Run.of(row, catch_up)
    for step in row["steps"]:
        names: list[str | None] = []
        for one in run.step(step):
            why = explanation(one)
            names.append(why.name if why else None)
            if why is not None and why.forgotten:
                run.forget(one)
        yield "agree" if not names else "unexplained" if None in names else "explained", names


@pytest.mark.parametrize(
    ("table", "policy", "limit"),
    [
        pytest.param("shared", catch_up_all(), MOST_EXPLAINED, id="the shared table"),
        pytest.param("own", catch_up_none(), MOST_EXPLAINED, id="our table, without catching up, as Dagster"),
        pytest.param("own", catch_up_all(), 1.0, id="our table, where gaps are filled as well"),
    ],
)
def test_what_is_due_is_what_dagster_requests(
    table: str, policy: CatchUp, limit: float, record_property: Callable[[str, object], None]
) -> None:
    rows = rows_of(table)
    if not rows:
        pytest.skip(f"no automation rows in {TABLES[table]}")
    steps, deviations, unexplained = Counter[str](), Counter[str](), []
    for number, row in enumerate(rows, start=1):
        for at, (outcome, names) in enumerate(outcomes(row, policy)):
            steps[outcome] += 1
            deviations.update(name for name in names if name is not None)
            unexplained += [f"row {number}, step {at}"] if outcome == "unexplained" else []
    what = f"automation, {table} table, catching up {policy}"
    record_property("conformance", {"kind": what, "counts": dict(steps), "by": dict(deviations)})
    assert unexplained == []
    assert steps["explained"] <= limit * steps.total()


def test_what_differs_without_catching_up_are_no_gaps() -> None:
    names = {name for row in rows_of("own") for _, found in outcomes(row, catch_up_none()) for name in found}
    assert "gaps are filled" not in names


def test_every_deviation_is_told_in_the_documentation() -> None:
    page = (HERE.parents[1] / "docs" / "dagster.md").read_text(encoding="utf-8")
    assert [one.name for one in DEVIATIONS if f"{one.name}" not in page or one.reason not in page] == []
