"""Deciding in ranges: what was settled is not looked at again, and that changes no decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import AssetGraph, Daily, Reads, asset, build_graph
from graph.asset_graph import key_of
from graph.catch_up import catch_up_last, catch_up_none
from graph.fingerprint import Basis, fingerprint
from graph.known import Known
from graph.mappings import Overlap
from graph.partition_set import EMPTY, ONLY, WHOLE, Partition, PartitionSet
from graph.partitions import Horizon, Static, Weekly
from graph.plan import make_plan
from graph.reading import Reader
from graph.settling import standing
from graph.state import Attempt, MemoryState, Settlement, Version
from graph.steps import Keep, Plan

NOW = datetime(2024, 1, 29, 12, tzinfo=UTC)
DAYS = Daily(start="2024-01-01")
FIRST = date(2024, 1, 1).toordinal()


@asset(partitions=DAYS)
def bars() -> int:
    return 1


@asset(partitions=DAYS)
def returns(bars: int) -> int:
    return bars


@asset(partitions=DAYS, upstream={"returns": Overlap(start_offset=-2)})
def momentum(returns: int) -> int:
    return returns


@asset(partitions=Weekly(start="2024-01-01"))
def weeks(momentum: int) -> int:
    return momentum


@asset(
    partitions=DAYS,
    upstream={"yesterday": Reads("test_plan_partitions/equity", Overlap(start_offset=-1, end_offset=-1))},
)
def equity(returns: int, yesterday: int | None) -> int:
    return returns


@asset
def report(weeks: int, equity: int) -> int:
    return weeks


GRAPH = build_graph([bars, returns, momentum, weeks, equity, report], roots=(__name__,))
KEYS = list(GRAPH.assets)
BASIS = Basis(code="code 1")


@dataclass
class Ledger:
    """A ledger in memory that publishes, settles and tells what has changed since."""

    graph: AssetGraph = GRAPH
    state: MemoryState = field(default_factory=MemoryState)
    horizon: Horizon = field(default_factory=lambda: Horizon(now=NOW, sessions=no_sessions))
    bases: dict[str, Basis] = field(default_factory=lambda: dict.fromkeys(KEYS, BASIS))

    def plan(self, *targets: str, settled: bool = True, **options: object) -> Plan:
        state = self.state if settled else replace(self.state, settlements={})
        return make_plan(
            self.graph,
            selection="*",
            targets=targets or KEYS,
            state=state,
            known=Known(bases=self.bases),
            horizon=self.horizon,
            **options,
        )

    def publish(self, key: str, partitions: PartitionSet, data: str = "1") -> None:
        """Publish versions made from what is there."""
        reader = Reader(graph=self.graph, state=self.state, horizon=self.horizon)
        versions = dict(self.state.versions.get(key, {}))
        changes = list(self.state.changes.get(key, ()))
        number = self.state.sequence
        for partition in partitions & self.horizon.existing(self.graph[key].partitions):
            inputs = reader.reading(self.graph[key], partition).inputs
            mark = fingerprint(self.bases[key], key_of(self.graph[key], partition), inputs)
            number += 1
            versions[partition] = Version(
                id=f"{key} {number}",
                key=key,
                partition=partition,
                fingerprint=mark,
                basis=self.bases[key],
                inputs=inputs,
                data_version=f"{partition} {data}",
                made_at=NOW,
            )
            changes.append((number, partition))
        self.state = replace(
            self.state,
            versions={**self.state.versions, key: versions},
            changes={**self.state.changes, key: changes},
            sequence=number,
        )

    def build_all(self) -> None:
        for key in KEYS:
            existing = self.horizon.existing(self.graph[key].partitions)
            for partition in existing:  # one by one: some read their own earlier ones
                self.publish(key, PartitionSet.of([partition]))

    def settle(self, plan: Plan) -> None:
        """What a run that had nothing to do would note."""
        found = {
            key: Settlement(
                sequence=plan.sequence,
                basis=self.bases[key],
                checks=standing(self.graph[key], self.graph, "", self.horizon),
                partitions=partitions,
            )
            for key, partitions in plan.settled.items()
        }
        self.state = replace(self.state, settlements={**self.state.settlements, **found})


def no_sessions(calendar: str, first: date, last: date) -> Sequence[date]:
    return []


def days(first: int, last: int | None = None) -> PartitionSet:
    return PartitionSet.span(FIRST + first, FIRST + (first if last is None else last))


def decided(plan: Plan) -> dict[tuple[str, Partition], tuple[str, object]]:
    """By asset and partition, the kind of step, and when it builds."""
    return {
        (step.key, partition): (type(step).__name__, getattr(step, "when", None))
        for step in plan.steps
        for partition in step.partitions
    }


def settled_world() -> Ledger:
    world = Ledger()
    world.build_all()
    world.settle(world.plan())
    return world


def test_what_was_settled_is_kept_without_being_looked_at() -> None:
    state = settled_world().state
    plan = make_plan(
        GRAPH,
        selection="*",
        targets=KEYS[:-1],  # the report has no partitions, so it is always looked at
        state=_Blind(**{name: getattr(state, name) for name in state.__dataclass_fields__}),
        known=Known(bases=dict.fromkeys(KEYS, BASIS)),
        horizon=Horizon(now=NOW, sessions=no_sessions),
    )
    assert {type(step) for step in plan.steps} == {Keep}
    assert sum(len(step.partitions) for step in plan.steps) == 4 * 28 + 3


class _Blind(MemoryState):
    """A state that cannot tell one partition from another."""

    def published(self, key: str, partitions: PartitionSet | None = None) -> Mapping[Partition, Version]:
        assert not partitions, f"{key} was looked at: {partitions}"
        return {}

    def digest(self, key: str, partitions: PartitionSet) -> str:
        return f"{key} {partitions}"


changes = st.lists(
    st.tuples(
        st.sampled_from(KEYS),
        st.integers(0, 27),
        st.integers(0, 6),
        st.sampled_from(["new data", "same data", "code", "attempt", "settle", "later"]),
    ),
    max_size=8,
)


@given(changes)
def test_a_settlement_changes_no_decision(story: list[tuple[str, int, int, str]]) -> None:
    world = settled_world()
    for number, (key, first, span, what) in enumerate(story):
        partitions = (
            days(first, first + span)
            if GRAPH[key].partitions == DAYS
            else world.horizon.existing(GRAPH[key].partitions)
        )
        match what:
            case "new data" | "same data":
                world.publish(key, partitions, str(number) if what == "new data" else "1")
            case "code":
                world.bases[key] = Basis(code=f"code {number % 2}")
            case "attempt":
                mark = fingerprint(world.bases[key], "2024-01-05", {})
                tried = Attempt(fingerprint=mark, outcome="rejected", ended_at=NOW, reason="no")
                world.state = replace(
                    world.state, tried={**world.state.tried, (key, next(iter(partitions))): tried}
                )
            case "settle":
                world.settle(world.plan())
            case "later":
                world.horizon = Horizon(now=world.horizon.now + timedelta(days=1), sessions=no_sessions)
        assert decided(world.plan()) == decided(world.plan(settled=False))


@pytest.mark.parametrize(
    ("moved", "key", "reached"),
    [
        pytest.param(
            3, "bars", days(3), id="itself, which has new data that were not made from anything else"
        ),
        pytest.param(3, "returns", days(3), id="the same day of what reads it day by day"),
        pytest.param(3, "momentum", days(3, 5), id="the days whose window reaches back to it"),
        pytest.param(3, "equity", days(3, 27), id="every later day of what reads its own yesterday"),
    ],
)
def test_one_new_day_reaches_what_reads_it(moved: int, key: str, reached: PartitionSet) -> None:
    world = settled_world()
    world.publish("test_plan_partitions/bars", days(moved), "new")
    plan = world.plan()
    touched = PartitionSet.union(
        step.partitions for step in plan.steps if step.key.endswith(key) and not isinstance(step, Keep)
    )
    assert touched == (reached if key != "bars" else EMPTY)


def test_chosen_partitions_ask_upstream_for_what_they_read() -> None:
    plan = Ledger().plan(
        "test_plan_partitions/momentum", partitions={"test_plan_partitions/momentum": days(9)}
    )
    wanted = {step.key.rpartition("/")[2]: step.partitions for step in plan.steps}
    assert wanted == {"bars": days(7, 9), "returns": days(7, 9), "momentum": days(9)}


@pytest.mark.parametrize(
    ("policy", "built"),
    [
        pytest.param(None, 28, id="without a policy, everything is caught up"),
        pytest.param(catch_up_last(3), 3, id="the newest three"),
        pytest.param(catch_up_none(), 1, id="the newest only"),
    ],
)
def test_what_a_policy_leaves_out_is_told(policy: object, built: int) -> None:
    @asset(partitions=DAYS, catch_up=policy)
    def late() -> int:
        return 1

    graph = build_graph([late])
    (key,) = graph.assets
    plan = Ledger(graph=graph, bases={key: BASIS}).plan(key)
    assert sum(len(step.partitions) for step in plan.steps) == built
    assert sum(len(one.partitions) for one in plan.left_out) == 28 - built


def test_keys_of_static_partitions_are_planned_together() -> None:
    @asset(partitions=Static("b", "a"))
    def by_symbol() -> int:
        return 1

    graph = build_graph([by_symbol])
    (key,) = graph.assets
    (step,) = Ledger(graph=graph, bases={key: BASIS}).plan(key).steps
    assert set(step.partitions) == {Partition("a"), Partition("b")}
    assert WHOLE not in step.partitions
    assert step.partitions != ONLY
