"""Laws of asking conditions: what they answer does not depend on how, when or how often they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.automation import (
    all_upstream,
    any_upstream,
    checks_failed,
    cron_tick_passed,
    data_version_changed,
    eager,
    execution_failed,
    handled,
    in_latest_window,
    in_progress,
    initial_evaluation,
    missing,
    newly_missing,
    newly_requested,
    newly_updated,
    on_cron,
    on_missing,
    overdue,
    will_be_requested,
)
from graph.conditions import Condition, Since, Upstream
from graph.evaluation import Tree, due, evaluate, last_tick
from graph.facts import MemoryFacts, MemoryPartitioning, Moment
from graph.partition_set import EMPTY, ONLY, PartitionSet

BEGINNING = datetime(2024, 1, 5, 12, 30, tzinfo=UTC)
NOW = datetime(2024, 1, 8, 12, 30, tzinfo=UTC)
FIRST_DAY = date(2024, 1, 1)
DAYS = PartitionSet.span(FIRST_DAY.toordinal(), FIRST_DAY.toordinal() + 6)


@dataclass(frozen=True)
class Diamond:
    """``a`` above ``b`` and ``c``, which are above ``d``."""

    upstream_of = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}  # noqa: RUF012 - nobody changes it

    @property
    def assets(self) -> Mapping[str, SimpleNamespace]:
        return {key: SimpleNamespace(key=key) for key in self.upstream_of}

    def siblings(self, key: str) -> tuple[str, ...]:
        return (key,)


KEYS = tuple(Diamond.upstream_of)

occurrences = st.sampled_from(
    [
        newly_updated(),
        data_version_changed(),
        newly_requested(),
        handled(),
        newly_missing(),
        cron_tick_passed("0 * * * *"),
        cron_tick_passed("0 18 * * *"),
        initial_evaluation(),
        in_progress().newly_true(),
        (missing() & in_latest_window()).newly_true(),
        (missing() | in_latest_window(timedelta(days=3))).newly_true(),
    ]
)
resets = st.sampled_from(
    [
        handled(),
        newly_updated(),
        newly_requested() | newly_updated(),
        cron_tick_passed("0 6 * * *"),
        initial_evaluation(),
    ]
)
states = st.sampled_from(
    [
        missing(),
        in_progress(),
        execution_failed(),
        checks_failed(),
        overdue(),
        in_latest_window(),
        in_latest_window(timedelta(days=2)),
        will_be_requested(),
    ]
)
conditions = st.recursive(
    occurrences | states,
    lambda inner: st.one_of(
        st.builds(lambda one, other: one & other, inner, inner),
        st.builds(lambda one, other: one | other, inner, inner),
        st.builds(lambda one: ~one, inner),
        st.builds(lambda one, reset: one.since(reset), inner, resets),
        st.builds(any_upstream, inner),
        st.builds(all_upstream, inner),
    ),
    max_leaves=6,
)

partition_sets = st.sets(st.integers(0, 6), min_size=1).map(
    lambda days: PartitionSet.ranged(
        ("", FIRST_DAY.toordinal() + day, FIRST_DAY.toordinal() + day) for day in days
    )
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[MemoryFacts, MemoryPartitioning]:
    """A record of three days, of assets with partitions or without."""
    daily = draw(st.sets(st.sampled_from(KEYS)))
    facts, at = MemoryFacts(), BEGINNING - timedelta(hours=6)
    on = draw(st.integers(0, 3))
    for number in range(draw(st.integers(0, 12))):
        if number == on:
            facts = facts.switch_on(KEYS, at)
        at = min(NOW, at + timedelta(hours=draw(st.sampled_from([0, 1, 7, 24]))))
        key = draw(st.sampled_from(KEYS))
        some = draw(partition_sets) if key in daily else ONLY
        match draw(
            st.sampled_from(["publish", "same", "request", "remove", "settle", "busy", "failed", "failing"])
        ):
            case "publish":
                facts = facts.publish(key, some, at=at)
            case "same":
                facts = facts.publish(key, some, at=at, same_data=True)
            case "request":
                facts = facts.request(key, some, at=at)
            case "remove":
                facts = facts.remove(key, some, at=at)
            case "settle":
                facts = facts.settle(key, some, at=at)
            case "busy":
                facts = facts.mark("in progress", key, some)
            case "failed":
                facts = facts.mark("failed", key, some)
            case _:
                facts = facts.mark("checks failed", key, some)
    if "a" not in facts.on:
        facts = facts.switch_on(KEYS, BEGINNING)
    return facts, MemoryPartitioning(now=NOW, daily=dict.fromkeys(daily, FIRST_DAY))


World = tuple[MemoryFacts, MemoryPartitioning]


def asked(world: World, condition: Condition, key: str = "d", *, thorough: bool = True) -> Tree:
    facts, partitioning = world
    return evaluate(
        Diamond(),
        condition,
        key,
        facts,
        partitioning,
        NOW,
        on=facts.on[key],
        requested={"b": ONLY if "b" not in partitioning.daily else DAYS},
        thorough=thorough,
    )


def holds(world: World, condition: Condition) -> PartitionSet:
    return asked(world, condition).true


@given(worlds(), conditions)
def test_asking_less_answers_the_same(world: World, condition: Condition) -> None:
    assert asked(world, condition, thorough=False).true == asked(world, condition, thorough=True).true


@given(worlds(), conditions)
def test_a_tree_mirrors_its_condition(world: World, condition: Condition) -> None:
    waiting = [asked(world, condition)]
    while waiting:
        tree = waiting.pop()
        assert tree.true <= tree.within
        whole = isinstance(tree.condition.node, Upstream)
        assert len(tree.parts) == len(Diamond.upstream_of[tree.key] if whole else tree.condition.parts)
        waiting += (
            tree.parts[:1] if isinstance(tree.condition.node, Since) else tree.parts
        )  # a reset is a moment


@given(worlds(), conditions, conditions, resets)
def test_since_goes_through_and_and_or(
    world: World, one: Condition, other: Condition, reset: Condition
) -> None:
    assert holds(world, (one | other).since(reset)) == holds(world, one.since(reset) | other.since(reset))
    assert holds(world, (one & other).since(reset)) == holds(world, one.since(reset) & other.since(reset))


@given(worlds(), conditions, conditions)
def test_conditions_are_sets(world: World, one: Condition, other: Condition) -> None:
    everything = world[1].existing("d", NOW)
    assert holds(world, ~one) == everything - holds(world, one)
    assert holds(world, one & other) == holds(world, one) & holds(world, other)
    assert holds(world, one | other) == holds(world, one) | holds(world, other)
    assert holds(world, ~(one & other)) == holds(world, ~one | ~other)


@given(worlds(), conditions, conditions)
def test_any_upstream_goes_through_or(world: World, one: Condition, other: Condition) -> None:
    assert holds(world, any_upstream(one | other)) == holds(world, any_upstream(one) | any_upstream(other))


@given(worlds(), occurrences, st.sampled_from([timedelta(hours=1), timedelta(days=30)]))
def test_nothing_before_automation_was_switched_on_counts(
    world: World, occurrence: Condition, later: timedelta
) -> None:
    facts, partitioning = world
    new = MemoryFacts(
        on=dict.fromkeys(KEYS, Moment(NOW + later, facts.number)),
        published=facts.published,
        journal=facts.journal,
        statuses=facts.statuses,
        number=facts.number,
    )
    waits = holds((new, partitioning), occurrence.since(newly_updated()) & ~initial_evaluation())
    assert waits == EMPTY


@given(worlds(), st.sampled_from([eager(), on_cron("0 * * * *"), on_cron("0 18 * * *"), on_missing()]))
def test_what_was_made_is_not_due_again(world: World, condition: Condition) -> None:
    facts, partitioning = world
    every = dict.fromkeys(KEYS, condition)
    found = due(Diamond(), every, facts, partitioning, NOW)
    for key, some in found.partitions.items():
        facts = facts.request(key, some, at=NOW).publish(key, some, at=NOW)
    again = due(Diamond(), every, facts, partitioning, NOW)
    # what waited for something that was missing until now may follow, and nothing else
    assert not any(some & found.partitions.get(key, EMPTY) for key, some in again.partitions.items())


@given(worlds(), conditions)
def test_asking_takes_nothing_away(world: World, condition: Condition) -> None:
    facts, partitioning = world
    every = dict.fromkeys(KEYS, condition)
    assert due(Diamond(), every, facts, partitioning, NOW) == due(Diamond(), every, facts, partitioning, NOW)


@dataclass(frozen=True)
class Endless(MemoryPartitioning):
    """Far more partitions than anybody could walk through."""

    def existing(self, key: str, at: datetime) -> PartitionSet:
        return PartitionSet.span(0, 10**15 + at.toordinal())

    def latest(self, key: str, at: datetime, lookback: timedelta | None) -> PartitionSet:
        return PartitionSet.span(10**15 + at.toordinal(), 10**15 + at.toordinal())


@given(worlds(), conditions)
def test_no_question_walks_through_partitions(world: World, condition: Condition) -> None:
    endless = Endless(now=NOW, daily=dict.fromkeys(KEYS, FIRST_DAY))
    facts = world[0].publish("a", endless.existing("a", BEGINNING), at=BEGINNING)
    for every in (condition, eager(), on_cron("0 18 * * *"), on_missing()):
        due(Diamond(), dict.fromkeys(KEYS, every), facts, endless, NOW, thorough=True)


@pytest.mark.parametrize(
    ("cron", "zone", "now", "tick"),
    [
        pytest.param(
            "0 18 * * *", "UTC", "2024-01-05T18:00:00Z", "2024-01-05T18:00:00+00:00", id="at the tick"
        ),
        pytest.param(
            "0 18 * * *", "UTC", "2024-01-05T17:59:59Z", "2024-01-04T18:00:00+00:00", id="just before"
        ),
        pytest.param(
            "0 9 * * 1-5", "UTC", "2024-01-07T12:00:00Z", "2024-01-05T09:00:00+00:00", id="a weekend"
        ),
        pytest.param(
            "30 2 * * *",
            "Europe/Berlin",
            "2024-03-31T10:00:00Z",
            "2024-03-31T03:00:00+02:00",
            id="a time that is skipped",
        ),
        pytest.param(
            "0 18 * * *",
            "America/New_York",
            "2024-03-10T23:00:00Z",
            "2024-03-10T18:00:00-04:00",
            id="in summer time",
        ),
    ],
)
def test_the_last_tick(cron: str, zone: str, now: str, tick: str) -> None:
    assert last_tick(cron, zone, datetime.fromisoformat(now)).isoformat() == tick
