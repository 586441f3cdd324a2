"""The noun `Check` and its digest."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from checks import Check, between, check, not_null, one_of
from graph.declare import Check as CheckOfTheGraph


def good(value: object) -> bool:
    return bool(value)


def test_a_check_is_what_the_graph_expects() -> None:
    known_to_the_graph: CheckOfTheGraph = not_null("a")
    assert known_to_the_graph.name == "not_null(a)"


def test_a_check_is_frozen_and_hashable() -> None:
    declared = between("close", 0, None)
    with pytest.raises(FrozenInstanceError):
        declared.name = "other"
    assert hash(declared) == hash(between("close", 0, None))


def test_the_digest_is_the_same_in_every_process() -> None:
    assert between("close", 0, None).digest == "1f8a7eca8101207c18d234f5574fb31a"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(between("open", 0, 10), id="another column"),
        pytest.param(between("close", 1, 10), id="another bound"),
        pytest.param(between("close", 0, 10, strict_low=True), id="strictness"),
        pytest.param(between("close", 0, 10, severity="warn"), id="severity"),
        pytest.param(between("close", 0, 10, name="positive"), id="name"),
        pytest.param(between("close", date(2020, 1, 1), None), id="another kind of bound"),
        pytest.param(not_null("close"), id="another promise"),
    ],
)
def test_the_digest_moves_with(other: Check) -> None:
    assert other.digest != between("close", 0, 10).digest


def test_the_same_moment_in_another_time_zone_is_the_same_promise() -> None:
    noon = datetime(2020, 1, 1, 12, tzinfo=UTC)
    elsewhere = noon.astimezone(timezone(timedelta(hours=9)))
    assert between("at", noon, None).digest == between("at", elsewhere, None).digest


def test_the_digest_of_a_function_check_moves_with_its_code_alone() -> None:
    declared = check(good)
    assert declared.with_code("1").digest != declared.with_code("2").digest
    assert declared.with_code("1").digest == check(good).with_code("1").digest
    assert declared.with_code("1") != declared


def test_a_check_without_function_has_no_code() -> None:
    declared = one_of("side", ["buy"])
    assert declared.with_code("1") is declared


def test_a_check_can_be_made_softer() -> None:
    assert replace(not_null("a"), severity="warn").severity == "warn"
