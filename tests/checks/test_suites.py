"""Suites go between this project and Great Expectations without losing what they promise."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from checks import (
    Check,
    between,
    check,
    column,
    evaluate,
    expect,
    expression,
    matches,
    monotonic,
    not_null,
    one_of,
    row_count,
    schema,
    suite,
    sums_to,
    to_suite,
    to_validation_result,
    unique,
)
from checks.suites import InvalidSuite

NOW = datetime(2024, 1, 2, tzinfo=UTC)
BARS = pa.table({"symbol": ["KO", "KO", None], "close": [60.0, -1.0, None], "day": [date(2024, 1, 1)] * 3})


def written(kind: str, severity: str = "critical", **arguments: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": arguments, "meta": {}, "severity": severity}


EXPECTED = [
    written(
        "expect_column_values_to_be_between",
        "warning",
        column="close",
        min_value=0.0,
        mostly=0.9,
        row_condition={
            "type": "comparison",
            "column": {"name": "symbol"},
            "operator": "==",
            "parameter": "KO",
        },
        condition_parser="great_expectations",
    ),
    written("expect_table_row_count_to_equal", value=3),
    written("expect_column_pair_values_to_be_equal", column_A="symbol", column_B="day", batch_id="p-x"),
    written("expect_compound_columns_to_be_unique", column_list=["symbol", "day"]),
    written("expect_column_values_to_not_be_null", column="symbol"),
    written("expect_column_values_to_not_be_null", "info", column="symbol"),
    written("expect_prices_to_be_plausible", column="close", factor=3),
]


def test_a_suite_becomes_checks(tmp_path: Path) -> None:
    file = tmp_path / "bars.json"
    file.write_text(json.dumps({"name": "bars", "expectations": EXPECTED, "meta": {}}))
    found = suite(file)
    assert found[:6] == [
        expect.column_values_to_be_between(
            "close", min_value=0.0, mostly=0.9, row_condition=column("symbol") == "KO", severity="warn"
        ),
        expect.table_row_count_to_equal(3),
        expect.column_pair_values_to_be_equal("symbol", "day"),
        expect.compound_columns_to_be_unique(["symbol", "day"]),
        expect.column_values_to_not_be_null("symbol"),
        expect.column_values_to_not_be_null(
            "symbol", severity="warn", name="column_values_to_not_be_null(symbol) (2)"
        ),
    ]
    own = found[6]
    assert (own.kind, own.columns, own.parameters) == (
        "expect_prices_to_be_plausible", ("close",), (("factor", 3),),
    )  # fmt: skip
    assert suite(to_suite("bars", found[:5]).document)[0].digest != ""


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param({}, "has no list of 'expectations'", id="no suite"),
        pytest.param(
            {"expectations": [{"kwargs": {}}]}, "expectation 1 of the suite has no 'type'", id="no type"
        ),
        pytest.param(
            {"expectations": [written("expect_column_values_to_be_in_set", column="x")]},
            "expectation 1 of the suite, expect_column_values_to_be_in_set: check .* has other arguments",
            id="an argument is missing",
        ),
        pytest.param(
            {"expectations": [written("expect_column_values_to_be_unique", column="x", mosty=1)]},
            "has no argument 'mosty'. Did you mean 'mostly'?",
            id="an argument too many",
        ),
        pytest.param(
            {
                "expectations": [
                    written("expect_column_values_to_be_unique", column="x", row_condition="x > 1")
                ]
            },
            "write it as Column",
            id="a condition for pandas",
        ),
    ],
)
def test_what_is_no_suite_is_told(told: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSuite, match=said):
        suite(told)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidSuite, match="cannot be read: No such file"):
        suite(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InvalidSuite, match="is no JSON"):
        suite(tmp_path / "bad.json")


@check
def plausible(bars: pa.Table) -> bool:
    return bool(bars.num_rows)


OWN: list[Check] = [
    not_null("symbol", "close"),
    unique("symbol", "day"),
    between("close", 0, None, severity="warn", mostly=0.5),
    one_of("symbol", ["KO"]),
    matches("symbol", "^K"),
    monotonic("close"),
    row_count(1, 9),
    schema({"symbol": "string"}, exact=False),
    expect.column_mean_to_be_between("close", min_value=0),
]
WITHOUT_LIKE: list[Check] = [
    expression("close > 0"),
    sums_to("close", 1),
    plausible,
    between("close", 0, 1, name="in SQL", row_condition="symbol = 'KO'"),
]


def test_our_checks_are_written_as_a_suite_and_say_the_same() -> None:
    told = to_suite("bars", [*OWN, *WITHOUT_LIKE])
    assert list(told.left_out) == ["expression(close > 0)", "sums_to(close)", "plausible", "in SQL"]
    assert told.left_out["plausible"] == "Great Expectations has no words for it."
    assert "is SQL, which Great Expectations cannot read" in told.left_out["in SQL"]
    json.dumps(told.document)
    read = suite(told.document)
    assert [one.kind.removeprefix("expect_") for one in read[:4]] == [
        "column_values_to_not_be_null",
        "column_values_to_not_be_null",
        "compound_columns_to_be_unique",
        "column_values_to_be_between",
    ]
    ours = evaluate(BARS, OWN, now=NOW)
    again = evaluate(BARS, read, now=NOW)
    assert [one.passed for one in ours[1:]] == [one.passed for one in again[2:]]
    assert [one.failing for one in ours[1:7]] == [*(one.failing for one in again[2:7]), None]


@pytest.mark.filterwarnings("ignore")
def test_great_expectations_reads_our_suites_and_our_results() -> None:
    import great_expectations as gx
    from great_expectations.core import ExpectationSuiteValidationResult

    told = to_suite("bars", OWN).document
    read = gx.ExpectationSuite(**{name: told[name] for name in ("name", "expectations", "meta", "notes")})
    assert [one.expectation_type for one in read.expectations] == [
        one["type"] for one in told["expectations"]
    ]
    verdicts = evaluate(BARS, OWN, now=NOW)
    result = to_validation_result("bars", OWN, verdicts)
    known = ExpectationSuiteValidationResult(
        success=result["success"],
        results=result["results"],
        suite_name=result["suite_name"],
        statistics=result["statistics"],
        meta=result["meta"],
    )
    assert known.statistics["evaluated_expectations"] == len(OWN) - 1, "not_null of two columns is two there"
    first = result["results"][1]
    assert first["expectation_config"]["type"] == "expect_column_values_to_be_between"
    assert first["result"]["unexpected_count"] == 1
    assert first["result"]["partial_unexpected_list"] == [-1.0]
    assert first["result"]["missing_count"] == 1


def test_a_result_counts_what_it_has_no_words_for() -> None:
    failing = [between("close", 0, 1, name="in SQL", row_condition="close is not null")]
    result = to_validation_result("bars", failing, evaluate(BARS, failing, now=NOW))
    assert (result["success"], result["statistics"]["unsuccessful_expectations"]) == (False, 0)
    several = [not_null("a", "b")]
    result = to_validation_result("ab", several, evaluate(pa.table({"a": [1], "b": [2]}), several, now=NOW))
    assert [one["expectation_config"]["kwargs"]["column"] for one in result["results"]] == ["a", "b"]
