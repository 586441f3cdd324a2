from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from graph import asset, build_graph, fresh_by, fresh_within
from graph.fingerprint import Basis
from graph.freshness import FreshBy, FreshWithin
from graph.freshness_states import Freshness, freshness_states
from graph.partition_set import WHOLE
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
    return freshness_states(build_graph([x]), MemoryState(versions=versions), NOW)["t/x"]


WITHIN = fresh_within(26 * HOUR)
WARNED = fresh_within(26 * HOUR, warn_after=24 * HOUR)
NOON = fresh_by("0 12 * * *", not_before=2 * HOUR)


@pytest.mark.parametrize(
    ("policy", "age", "state"),
    [
        pytest.param(WITHIN, 26 * HOUR, "fresh", id="exactly at the limit is fresh"),
        pytest.param(WITHIN, 26.01 * HOUR, "overdue", id="past the limit"),
        pytest.param(WARNED, 23 * HOUR, "fresh", id="before the warning"),
        pytest.param(WARNED, 24 * HOUR, "due soon", id="exactly at the warning"),
        pytest.param(WARNED, 26 * HOUR, "due soon", id="between warning and limit, the limit included"),
        pytest.param(WARNED, 26.01 * HOUR, "overdue", id="past the limit, with a warning"),
        pytest.param(NOON, 2 * HOUR, "fresh", id="from the window before the deadline"),
        pytest.param(NOON, 3 * HOUR, "due soon", id="the window is open and the deadline is now"),
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
    assert found.text(NOW) == "fresh: timeless"


def test_data_that_have_ended_are_never_overdue():
    found = state_of(WITHIN, version("t/x", NOW - 9000 * HOUR, ends=True))

    assert found.state == "fresh"
    assert found.text(NOW) == "fresh: nothing newer will come"


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

    found = freshness_states(graph, MemoryState(versions=versions), NOW)

    assert {key: (one.state, one.culprit) for key, one in found.items()} == {
        "t/above": ("overdue", None),
        "t/between": ("none", None),
        "t/below": ("overdue", "t/above"),
    }
    assert found["t/below"].text(NOW) == "overdue, because t/above is"
