from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from deployments.freshness_text import state_text
from graph import AssetGraph, asset, build_graph, fresh_by, fresh_within
from graph.fingerprint import Basis
from graph.freshness import FreshBy, FreshWithin
from graph.freshness_states import Freshness, freshness_states
from graph.partition_set import WHOLE, Partition
from graph.partitions import Horizon
from graph.reading import Reader
from graph.state import MemoryState, Version

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)  # a Tuesday
HOUR = timedelta(hours=1)


def version(key: str, as_of: datetime | None, *, ends: bool = False) -> Version:
    return Version(
        id=key,
        key=key,
        fingerprint="",
        basis=Basis(code=""),
        inputs={},
        data_version="",
        made_at=NOW,
        as_of=as_of,
        ends=ends,
    )


def state_of(policy: FreshWithin | FreshBy | None, seen: Version | None) -> Freshness:
    @asset(name="t/x", freshness=policy)
    def x() -> int:
        return 1

    versions = {"t/x": {WHOLE: seen}} if seen else {}
    return states_of(build_graph([x]), versions)["t/x"]


def states_of(
    graph: AssetGraph, versions: Mapping[str, Mapping[Partition, Version]], now: datetime = NOW
) -> Mapping[str, Freshness]:
    horizon = Horizon(now=now, sessions=lambda calendar, first, last: [])
    return freshness_states(Reader(graph=graph, state=MemoryState(versions=versions), horizon=horizon), now)


WITHIN = fresh_within(26 * HOUR)
WARNED = fresh_within(26 * HOUR, warn_after=24 * HOUR)
NOON = fresh_by("0 12 * * *", not_before=2 * HOUR)
MIDDAY = fresh_by("0 13 * * *", not_before=2 * HOUR)


@pytest.mark.parametrize(
    ("policy", "age", "state"),
    [
        pytest.param(WITHIN, 25.99 * HOUR, "fresh", id="short of the limit"),
        pytest.param(WITHIN, 26 * HOUR, "overdue", id="exactly at the limit"),
        pytest.param(WARNED, 23 * HOUR, "fresh", id="before the warning"),
        pytest.param(WARNED, 24 * HOUR, "due soon", id="exactly at the warning"),
        pytest.param(WARNED, 25.99 * HOUR, "due soon", id="between warning and limit"),
        pytest.param(WARNED, 26 * HOUR, "overdue", id="exactly at the limit, with a warning"),
        pytest.param(NOON, 1.99 * HOUR, "fresh", id="from within the window before the deadline"),
        pytest.param(NOON, 2 * HOUR, "overdue", id="from the very beginning of the window"),
        pytest.param(NOON, 3 * HOUR, "overdue", id="the deadline is now"),
        pytest.param(MIDDAY, 3 * HOUR, "due soon", id="the window is open and the deadline is ahead"),
        pytest.param(NOON, 27 * HOUR, "overdue", id="past a deadline"),
        pytest.param(None, 9000 * HOUR, "none", id="without a promise"),
    ],
)
def test_a_state_follows_from_the_promise_and_the_age(
    policy: FreshWithin | FreshBy | None, age: timedelta, state: str
):
    assert state_of(policy, version("t/x", NOW - age)).state == state


def test_without_a_version_it_is_unknown():
    assert state_of(WITHIN, None).state == "unknown"


def test_timeless_data_are_fresh():
    found = state_of(WITHIN, version("t/x", None))

    assert found.state == "fresh"
    assert state_text(found, NOW) == "fresh: timeless"


def test_data_that_have_ended_are_never_overdue():
    found = state_of(WITHIN, version("t/x", NOW - 9000 * HOUR, ends=True))

    assert found.state == "fresh"
    assert state_text(found, NOW) == "fresh: nothing newer will come"


@asset(name="t/above", freshness=WITHIN)
def above() -> int:
    return 1


@asset(name="t/between")
def between(above: int) -> int:
    return above


@asset(name="t/below", freshness=WITHIN)
def below(between: int) -> int:
    return between


def test_overdue_above_is_overdue_below_and_names_the_culprit():
    graph = build_graph([above, between, below])
    versions = {
        "t/above": {WHOLE: version("t/above", NOW - 30 * HOUR)},
        "t/between": {WHOLE: version("t/between", None)},
        "t/below": {WHOLE: version("t/below", NOW)},
    }

    found = states_of(graph, versions)

    assert {key: (one.state, one.culprit) for key, one in found.items()} == {
        "t/above": ("overdue", None),
        "t/between": ("none", None),
        "t/below": ("overdue", "t/above"),
    }
    assert state_text(found["t/below"], NOW) == "overdue, because t/above is"
