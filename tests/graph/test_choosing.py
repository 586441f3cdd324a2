"""Partitions chosen by what is known of them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from graph import Daily, asset, build_graph
from graph.choosing import CONDITIONS, Choice, narrowed, read_choice, to_build
from graph.fingerprint import Basis
from graph.horizon import BadPartition
from graph.known import Known
from graph.partition_set import EMPTY, Partition, PartitionSet
from graph.partitions import Horizon
from graph.plan import make_plan
from graph.reading import Reader
from graph.state import MemoryState, Version
from graph.steps import Plan

NOW = datetime(2024, 1, 11, tzinfo=UTC)
FIRST = date(2024, 1, 1).toordinal()


@asset(name="g/bars", partitions=Daily(start="2024-01-01"))
def bars() -> int:
    return 1


@asset(name="g/returns", partitions=Daily(start="2024-01-01"))
def returns(bars: int) -> int:
    return bars


GRAPH = build_graph([bars, returns], roots=(__name__,))


def days(first: int, last: int) -> PartitionSet:
    return PartitionSet.span(FIRST + first - 1, FIRST + last - 1)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        pytest.param("2024-01", Choice(among="2024-01"), id="partitions by name"),
        pytest.param("missing", Choice(among="all", conditions=frozenset({"missing"})), id="a condition"),
        pytest.param("missing , outdated", Choice(among="all", conditions=frozenset(CONDITIONS)), id="both"),
        pytest.param(
            "outdated in 2024-01,2024-03..",
            Choice(among="2024-01,2024-03..", conditions=frozenset({"outdated"})),
            id="a condition among partitions",
        ),
        pytest.param("missing_day", Choice(among="missing_day"), id="a word that only begins like one"),
        pytest.param("Berlin in winter", Choice(among="Berlin in winter"), id="a key with the word in it"),
    ],
)
def test_a_text_names_partitions_or_conditions(text: str, choice: Choice) -> None:
    assert read_choice(text) == choice


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        pytest.param(
            "2024-01..2024-06,missing", "'missing in 2024-01..2024-06'", id="a range and a condition"
        ),
        pytest.param("latest,missing in 2024", "'missing in 2024'", id="a word too much"),
    ],
)
def test_a_mixture_is_refused_with_what_to_write(text: str, remedy: str) -> None:
    with pytest.raises(BadPartition, match=remedy):
        read_choice(text)


def version(key: str, ordinal: int, code: str) -> Version:
    return Version(
        id=f"{key}{ordinal}",
        key=key,
        partition=Partition(ordinal=ordinal),
        fingerprint="other",
        basis=Basis(code=code),
        inputs={},
        data_version="1",
        made_at=NOW,
    )


def planning(state: MemoryState, wanted: dict[str, PartitionSet]) -> Plan:
    known = Known(bases={key: Basis(code="new") for key in GRAPH.assets})
    horizon = Horizon(now=NOW, sessions=lambda name, first, last: [])
    return make_plan(
        GRAPH,
        selection="returns",
        targets=["g/returns"],
        state=state,
        known=known,
        horizon=horizon,
        partitions=wanted,
    )


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param(frozenset(), days(1, 10), id="none: everything"),
        pytest.param(frozenset({"missing"}), days(7, 10), id="missing is what is not published"),
        pytest.param(frozenset({"outdated"}), days(1, 6), id="outdated is published, and would be built"),
        pytest.param(frozenset(CONDITIONS), days(1, 10), id="both are a union"),
    ],
)
def test_conditions_narrow_what_is_chosen(conditions: frozenset, expected: PartitionSet) -> None:
    versions = {
        "g/returns": {Partition(ordinal=one): version("g/returns", one, "old") for _, one in days(1, 6)}
    }
    state = MemoryState(versions=versions)
    horizon = Horizon(now=NOW, sessions=lambda name, first, last: [])
    reader = Reader(graph=GRAPH, state=state, horizon=horizon)
    asked: list[PartitionSet] = []

    def planned(wanted: dict[str, PartitionSet]) -> Plan:
        asked.append(wanted["g/returns"])
        return planning(state, wanted)

    found = narrowed({"g/returns": days(1, 10)}, conditions, reader, planned)
    assert found == {"g/returns": expected}
    assert asked == ([days(1, 6)] if "outdated" in conditions else []), (
        "a plan is made only where it is needed"
    )


def test_what_would_be_built_if_upstream_changes_counts() -> None:
    plan = planning(MemoryState(), {"g/returns": days(2, 3)})
    assert (to_build(plan, "g/bars"), to_build(plan, "g/none")) == (days(2, 3), EMPTY)
