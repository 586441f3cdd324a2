"""Expectations as they are declared, and what they say where Great Expectations cannot be compared with."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from checks import Check, InvalidCheck, Verdict, evaluate, expect

NOW = datetime(2024, 1, 2, tzinfo=UTC)
NAN = math.nan


def judged(check: Check, **columns: Any) -> Verdict:
    (verdict,) = evaluate(pa.table(columns), [check], now=NOW)
    return verdict


@pytest.mark.parametrize(
    "made",
    [
        expect.column_values_to_be_between("x", min_value=0),
        expect.column_values_to_not_be_in_set("x", [5]),
        expect.column_value_z_scores_to_be_less_than("x", 3),
        expect.column_values_to_not_be_outliers("x"),
        expect.column_max_to_be_between("x", max_value=9),
        expect.column_mean_to_be_between("x", max_value=9),
        expect.column_pair_values_to_be_equal("x", "x2"),
        expect.column_pair_values_a_to_be_greater_than_b("x", "y"),
    ],
    ids=lambda made: made.name,
)
def test_a_nan_is_a_broken_number(made: Check) -> None:
    verdict = judged(made, x=[1.0, 2.0, NAN], x2=[1.0, 2.0, NAN], y=[0.0, 1.0, 0.0])
    assert verdict.error is None
    assert not verdict.passed
    assert judged(made, x=[1.0, 2.0, None], x2=[1.0, 2.0, None], y=[0.0, 1.0, None]).passed


@pytest.mark.parametrize(
    ("check", "rows"),
    [
        pytest.param(expect.column_values_to_match_like_pattern("s", "a%"), [1, 3], id="like"),
        pytest.param(expect.column_values_to_not_match_like_pattern("s", "a%"), [0, 2], id="not like"),
        pytest.param(
            expect.column_values_to_match_like_pattern("s", r"a\%", escape="\\"), [0, 1, 3], id="escape"
        ),
        pytest.param(expect.column_values_to_match_like_pattern_list("s", ["a%", "b%"]), [3], id="any"),
        pytest.param(
            expect.column_values_to_match_like_pattern_list("s", ["a%", "%b"], match_on="all"),
            [1, 2, 3],
            id="all",
        ),
        pytest.param(
            expect.column_values_to_not_match_like_pattern_list("s", ["a%", "b%"]), [0, 1, 2], id="none"
        ),
    ],
)
def test_patterns_of_sql(check: Check, rows: list[int]) -> None:
    verdict = judged(check, s=["ab", "b", "a%", "c", None])
    assert verdict.error is None
    assert [row["#"] for row in verdict.sample] == rows


def test_a_query_for_rows_that_should_not_be() -> None:
    check = expect.unexpected_rows("SELECT * FROM {batch} WHERE x > 1", row_condition="x < 9")
    verdict = judged(check, x=[0, 2, 9])
    assert (verdict.passed, verdict.observed) == (False, 1)
    assert judged(check, x=[0, 1, 9]).passed


@pytest.mark.parametrize(
    ("type_", "passed"), [("int64", True), ("int", True), ("string", False), ("float64", False)]
)
def test_a_type_has_several_names(type_: str, passed: bool) -> None:
    assert judged(expect.column_type_to_be("x", type_), x=[1]).passed is passed
    assert judged(expect.column_values_to_be_of_type("x", type_), x=[1]).passed is passed
    assert (
        judged(expect.column_values_to_be_in_type_list("x", ["date32[day]", type_]), x=[1]).passed is passed
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("check", "failing"),
    [
        pytest.param(expect.column_values_to_be_json_parseable("s"), [1], id="JSON"),
        pytest.param(expect.column_values_to_match_strftime_format("s", "%Y"), [0, 1], id="times"),
        pytest.param(expect.column_values_to_be_dateutil_parseable("s"), [0, 1], id="dateutil"),
    ],
)
def test_what_great_expectations_itself_judges(check: Check, failing: list[int]) -> None:
    verdict = judged(check, s=['{"a": 1}', "{a", "2024", None])
    assert [row["#"] for row in verdict.sample] == failing, verdict.error
    assert verdict.counted == 3


@pytest.mark.filterwarnings("ignore")
def test_a_json_schema_is_asked_of_texts_that_are_json() -> None:
    check = expect.column_values_to_match_json_schema("s", {"type": "integer"})
    verdict = judged(check, s=['{"a": 1}', "2024", None])
    assert [row["#"] for row in verdict.sample] == [0], verdict.error
    verdict = judged(check, s=["{a"])
    assert verdict.error is not None
    assert "Expecting property name" in verdict.error


def test_without_great_expectations_it_cannot_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    verdict = judged(expect.column_values_to_be_json_parseable("s"), s=["1"])
    assert verdict.error is not None
    assert "install the extra 'all'" in verdict.error


def test_what_nobody_knows_cannot_be_judged() -> None:
    from checks import suite

    told = {"expectations": [{"type": "expect_wonders", "kwargs": {"column": "s"}}]}
    verdict = judged(suite(told)[0], s=["1"])
    assert verdict.error is not None
    assert verdict.error.startswith(
        "neither this project nor Great Expectations knows the kind 'expect_wonders'"
    )


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        pytest.param(lambda: expect.column_max_to_be_between("x"), "has no bound", id="no bound"),
        pytest.param(
            lambda: expect.column_max_to_be_between("x", min_value=2, max_value=1),
            "lets nothing pass",
            id="bounds",
        ),
        pytest.param(
            lambda: expect.column_max_to_be_between("x", min_value=2, max_value="b"),
            "two kinds",
            id="two kinds",
        ),
        pytest.param(lambda: expect.column_values_to_be_in_set("x", []), "at least one", id="an empty set"),
        pytest.param(
            lambda: expect.column_values_to_match_regex("x", "(?=a)"),
            "RE2 does not know",
            id="a regex of Python's",
        ),
        pytest.param(
            lambda: expect.compound_columns_to_be_unique(["x", "x"]),
            "names a column twice",
            id="a column twice",
        ),
        pytest.param(
            lambda: expect.column_values_to_be_unique("x", min_value=1),  # the point
            "has no argument 'min_value'",
            id="an argument of others",
        ),
    ],
)
def test_what_cannot_be_or_could_not_fail_is_no_expectation(declared: Callable[[], Check], said: str) -> None:
    with pytest.raises(InvalidCheck, match=said.replace("(", r"\(")):
        declared()
