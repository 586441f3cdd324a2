"""Files whose columns or types differ are judged as one table of what they have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks import (
    Check,
    Finding,
    ParquetFiles,
    Verdict,
    between,
    check,
    evaluate,
    expect,
    expression,
    not_null,
    unique,
)

NOW = datetime(2024, 1, 2, tzinfo=UTC)


def judged(folder: Path, promise: Check, *tables: dict[str, Any]) -> Verdict:
    paths = []
    for number, columns in enumerate(tables):
        paths.append(str(folder / f"{number}.parquet"))
        pq.write_table(pa.table(columns), paths[-1])
    (verdict,) = evaluate(ParquetFiles(paths=tuple(paths)), [promise], now=NOW)
    return verdict


INTEGERS, FLOATS, TEXTS = {"a": [1, 3]}, {"a": [3.4, 1.4]}, {"a": ["1", "x"]}


@pytest.mark.parametrize("tables", [(INTEGERS, FLOATS), (FLOATS, INTEGERS), (INTEGERS, FLOATS, INTEGERS)])
def test_numbers_are_compared_as_the_wider_type(tmp_path: Path, tables: tuple[dict[str, Any], ...]) -> None:
    verdict = judged(tmp_path, between("a", 0, 3), *tables)
    assert (verdict.error, verdict.failing, verdict.rows) == (None, 1, 2 * len(tables))
    assert [row["a"] for row in verdict.sample] == [3.4]
    assert verdict.observed == "1.0 to 3.4"


def test_a_float_is_not_the_same_as_the_integer_that_it_is_near(tmp_path: Path) -> None:
    assert judged(tmp_path, unique("a"), INTEGERS, FLOATS).passed
    assert judged(tmp_path, unique("a"), INTEGERS, {"a": [3.0, 4.5]}).failing == 2


def test_rows_are_counted_through_all_files(tmp_path: Path) -> None:
    verdict = judged(tmp_path, not_null("a"), INTEGERS, {"a": [0.5, None]}, INTEGERS)
    assert [row["#"] for row in verdict.sample] == [3]


@pytest.mark.parametrize("promise", [between("a", 0, 2), expression("a <= 2"), unique("a")])
def test_a_column_that_not_all_have_is_not_looked_at(tmp_path: Path, promise: Check) -> None:
    verdict = judged(tmp_path, promise, {"a": [1, 2], "b": ["x", None]}, {"a": [9, 9]})
    assert (verdict.error, verdict.failing) == (None, 2)
    assert [dict(row) for row in verdict.sample] == [{"#": 2, "a": 9}, {"#": 3, "a": 9}]


@pytest.mark.parametrize("promise", [not_null("b"), expression("b IS NOT NULL")])
def test_a_column_that_not_all_have_is_missing(tmp_path: Path, promise: Check) -> None:
    verdict = judged(tmp_path, promise, {"a": [1], "b": [1]}, {"a": [1]})
    assert verdict.error == "column 'b' is missing."


BIG = 2**63 + 1


@pytest.mark.parametrize(
    ("first", "second", "failing"),
    [
        (pa.array([16777216, 16777217]), pa.array([0.5], pa.float32()), 0),
        (pa.array([1, -1]), pa.array([BIG, BIG + 1], pa.uint64()), 0),
        (pa.array([1, -1], pa.int8()), pa.array([1, 255], pa.uint8()), 2),
        (pa.array([Decimal("1.25"), Decimal("2.00")], pa.decimal128(10, 2)), pa.array([2, BIG - 2]), 2),
        (
            pa.array([Decimal("1.25")], pa.decimal128(38, 2)),
            pa.array([Decimal("1.255")], pa.decimal128(38, 10)),
            0,
        ),
        (
            pa.array([Decimal("1.25")], pa.decimal128(20, 2)),
            pa.array([Decimal("1.255"), Decimal("1.25")], pa.decimal128(20, 3)),
            2,
        ),
        (pa.array([0.5], pa.float16()), pa.array([2049, 2048]), 0),
    ],
    ids=["float32", "uint64", "uint8", "decimals and integers", "wide decimals", "decimals", "float16"],
)
def test_numbers_stay_what_they_are(tmp_path: Path, first: pa.Array, second: pa.Array, failing: int) -> None:
    for promise in (unique("a"), expect.column_values_to_be_unique("a"), distinct):
        for tables in ([first, second], [second, first]):
            verdict = judged(tmp_path, promise, *({"a": one} for one in tables))
            assert (verdict.error, verdict.failing) == (None, failing), promise.name


@check
def distinct(value: pa.Table) -> Finding:
    twice = value.group_by("a").aggregate([([], "count_all")])["count_all"].to_pylist()
    failing = sum(times for times in twice if times > 1)
    return Finding(passed=not failing, failing=failing)


FAR = {"at": pa.array([NOW.replace(year=3000, tzinfo=None)], pa.timestamp("s")), "a": [-1]}
NEAR = {"at": pa.array([NOW.replace(tzinfo=None)], pa.timestamp("ns")), "a": [1]}


@pytest.mark.parametrize(
    "promise",
    [not_null("at"), between("a", 0, None), expect.column_values_to_be_json_parseable("at"), distinct],
)
def test_a_value_that_the_common_type_does_not_hold_is_an_error_of_the_check(
    tmp_path: Path, promise: Check
) -> None:
    verdict = judged(tmp_path, promise, FAR, NEAR)
    assert not verdict.passed
    assert verdict.error
    assert "Traceback" not in verdict.error


def test_what_has_no_type_in_common_is_text(tmp_path: Path) -> None:
    verdict = judged(tmp_path, between("a", 0, 3), INTEGERS, TEXTS)
    assert verdict.error == "column 'a' is of type string, which cannot be compared with a number."
    verdict = judged(tmp_path, unique("a"), INTEGERS, TEXTS)
    assert (verdict.error, verdict.failing) == (None, 2)


def test_what_is_nested_here_and_not_there_is_missing(tmp_path: Path) -> None:
    verdict = judged(tmp_path, not_null("a"), INTEGERS, {"a": [[1], None]})
    assert verdict.error == "column 'a' is missing."


def test_nothing_in_common(tmp_path: Path) -> None:
    assert judged(tmp_path, expression("1 = 1"), INTEGERS, {"b": [1]}).passed


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.array(["x", None]).dictionary_encode(), pa.array(["y", "z"])),
        (
            pa.array([NOW, None], pa.timestamp("s", "UTC")),
            pa.array([NOW, NOW], pa.timestamp("us", "Asia/Tokyo")),
        ),
        (pa.nulls(2), pa.array([1, 2])),
        (pa.array([True, None]), pa.array(["a", "b"])),
    ],
    ids=["a dictionary", "other zones", "nothing but nulls", "truth and text"],
)
def test_other_types(tmp_path: Path, first: pa.Array, second: pa.Array) -> None:
    nulls = first.null_count
    verdict = judged(tmp_path, not_null("a"), {"a": first}, {"a": second})
    assert (verdict.error, verdict.failing, verdict.counted) == (None, nulls, 4)
    verdict = judged(tmp_path, expect.column_values_to_not_be_null("a"), {"a": first}, {"a": second})
    assert (verdict.error, verdict.failing) == (None, nulls)


def test_great_expectations_sees_the_same_table(tmp_path: Path) -> None:
    promise = expect.column_values_to_be_json_parseable("b")
    verdict = judged(tmp_path, promise, {"a": [1], "b": ["1"]}, {"a": ["x"], "b": ["{"]})
    assert (verdict.error, verdict.failing) == (None, 1)
