"""Judging tables: every promise, every kind of column, and all three ways of reading (Python, SQL, Parquet files)."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks import (
    Check,
    InvalidCheck,
    ParquetFiles,
    Verdict,
    between,
    check,
    evaluate,
    expression,
    matches,
    monotonic,
    no_future_timestamps,
    not_null,
    one_of,
    row_count,
    schema,
    sums_to,
    unique,
)

Judge: TypeAlias = Callable[..., Verdict]

NOW = datetime(2024, 5, 17, 12, tzinfo=UTC)
NAN, INF = math.nan, math.inf


@pytest.fixture(params=["python", "sql", "parquet"])
def judge(request: pytest.FixtureRequest, tmp_path: Path) -> Judge:
    """Judges one check on a table given by its columns (or as it is), in one of the three ways."""

    def judged(data: Any, declared: Check, **options: Any) -> Verdict:
        table = data if isinstance(data, pa.Table) else pa.table(data)
        if request.param == "parquet":
            path = tmp_path / "partition=1.parquet"
            pq.write_table(table, path)
            table = ParquetFiles(paths=(str(path),))
        small_rows = 10**9 if request.param == "python" else -1
        (verdict,) = evaluate(table, [declared], now=NOW, small_rows=small_rows, **options)
        return verdict

    return judged


def failing_rows(verdict: Verdict) -> list[object]:
    """The numbers of the sampled rows of a verdict that could be judged."""
    assert verdict.error is None
    assert verdict.passed is (verdict.failing == 0)
    return [row["#"] for row in verdict.sample]


days = [date(2024, 5, 16), date(2024, 5, 17), None, date(2024, 5, 18)]
hours = [datetime(2024, 5, 17, 11, tzinfo=UTC), None, NOW, NOW + timedelta(microseconds=1)]
naive = [None if hour is None else hour.replace(tzinfo=None) for hour in hours]
prices = [Decimal("1.10"), None, Decimal("-0.01"), Decimal("2.00")]


@pytest.mark.parametrize(
    ("columns", "declared", "bad"),
    [
        # not_null
        pytest.param({"a": [1, None, 3]}, not_null("a"), [1], id="a null is missing"),
        pytest.param({"a": [1.0, NAN, None]}, not_null("a"), [1, 2], id="a NaN is missing"),
        pytest.param({"a": [1, None], "b": [None, 2]}, not_null("a", "b"), [0, 1], id="a null in any column"),
        pytest.param({"a": pa.nulls(2)}, not_null("a"), [0, 1], id="nothing but nulls is missing"),
        pytest.param({"a": [[1], None, []]}, not_null("a"), [1], id="an empty list is not missing"),
        pytest.param({"a": [{"x": None}, None]}, not_null("a"), [1], id="a struct of null is not missing"),
        # unique
        pytest.param({"a": [1, 2, 1]}, unique("a"), [0, 2], id="every row of equals fails"),
        pytest.param({"a": ["x", None, None]}, unique("a"), [], id="nulls are like nothing"),
        pytest.param(
            {"a": [1, 1, 1], "b": [2, None, None]}, unique("a", "b"), [], id="a key with a null repeats none"
        ),
        pytest.param({"a": [1, 1, 2], "b": [2, 2, 2]}, unique("a", "b"), [0, 1], id="a compound key"),
        pytest.param({"a": [1, 1, 2], "b": [1, 2, 1]}, unique("a", "b"), [], id="parts of a key may repeat"),
        pytest.param({"a": [NAN, 1.0, NAN]}, unique("a"), [0, 2], id="two NaN are equal"),
        pytest.param({"a": [0.0, -0.0]}, unique("a"), [0, 1], id="zero has no sign"),
        pytest.param({"a": [[1], [2], [1]]}, unique("a"), [0, 2], id="equal lists are equal"),
        pytest.param(
            {"a": [3, 1, 2, 1, 3]}, unique("a"), [0, 4, 1, 3], id="equals stand together, first ones first"
        ),
        pytest.param(
            {"a": pa.array([2**63, 2**63 + 1], pa.uint64())}, unique("a"), [], id="neighbours beyond 2**63"
        ),
        # between
        pytest.param({"a": [1, 2, 3, None]}, between("a", 2, 2), [0, 2], id="bounds are included"),
        pytest.param(
            {"a": [1, 2, 3]}, between("a", 1, 3, strict_low=True, strict_high=True), [0, 2], id="strict"
        ),
        pytest.param({"a": [1.0, NAN]}, between("a", None, 5), [1], id="a NaN is not below"),
        pytest.param({"a": [1.0, NAN]}, between("a", 0, None), [1], id="a NaN is not above"),
        pytest.param({"a": [INF, -INF, 1e308]}, between("a", 0, None), [1], id="an infinity is a number"),
        pytest.param(
            {"a": [INF, -INF]}, between("a", -INF, INF), [], id="infinite bounds include infinities"
        ),
        pytest.param({"a": [1, 2]}, between("a", -INF, INF), [], id="infinite bounds of integers"),
        pytest.param({"a": [1, 2]}, between("a", 10**50, None), [0, 1], id="a bound that no integer reaches"),
        pytest.param({"a": [1.0]}, between("a", None, 10**400), [], id="a bound that no float reaches"),
        pytest.param(
            {"a": [1, 2, 3]}, between("a", 1.5, Decimal("2.5")), [0, 2], id="broken bounds of integers"
        ),
        pytest.param({"a": [2**63 - 1, 0]}, between("a", None, 2**63 - 2), [0], id="exact near 2**63"),
        pytest.param({"a": [2**53 + 1, 0]}, between("a", None, float(2**53)), [0], id="exact above 2**53"),
        pytest.param(
            {"a": pa.array([2**64 - 1], pa.uint64())}, between("a", 0, 2**64 - 2), [0], id="unsigned"
        ),
        pytest.param(
            {"a": pa.array([2**64 - 1, 0], pa.uint64())}, between("a", -1, 2**63), [0], id="unsigned, signed"
        ),
        pytest.param(
            {"a": pa.array([-128, 127], pa.int8())}, between("a", -300, 126), [1], id="bounds past 8 bits"
        ),
        pytest.param({"a": prices}, between("a", 0, None), [2], id="decimals"),
        pytest.param({"a": prices}, between("a", None, 1.1), [3], id="a float bound is what is printed"),
        pytest.param(
            {"a": prices}, between("a", Decimal("1.100000001"), None), [0, 2], id="a finer decimal bound"
        ),
        pytest.param({"a": prices}, between("a", None, 10**40), [], id="a bound that no decimal reaches"),
        pytest.param(
            {"a": pa.array([0.1, 0.2], pa.float32())}, between("a", 0.1, 0.1), [1], id="32-bit floats"
        ),
        pytest.param({"a": ["a", "b", "é"]}, between("a", "a", "b"), [2], id="texts by code points"),
        pytest.param({"a": ["it's", "x"]}, between("a", None, "it's"), [1], id="a text with a quote"),
        pytest.param({"a": days}, between("a", date(2024, 5, 17), None), [0], id="dates"),
        pytest.param(
            {"a": pa.array(days, pa.date64())}, between("a", date(2024, 5, 17), None), [0], id="64-bit dates"
        ),
        pytest.param({"a": days}, between("a", None, NOW), [3], id="a date against a moment"),
        pytest.param({"a": hours}, between("a", None, NOW), [3], id="moments"),
        pytest.param({"a": naive}, between("a", None, NOW), [3], id="naive moments are UTC"),
        pytest.param(
            {"a": hours}, between("a", NOW.replace(tzinfo=None), None), [0], id="a naive bound is UTC"
        ),
        pytest.param(
            {"a": hours}, between("a", date(2024, 5, 17), None), [], id="a date as bound is its midnight"
        ),
        pytest.param(
            {"a": [time(9), time(17)]}, between("a", time(9, 30), time(16)), [0, 1], id="times of day"
        ),
        pytest.param(
            {"a": [timedelta(1), timedelta(3)]}, between("a", None, timedelta(2)), [1], id="durations"
        ),
        pytest.param({"a": pa.nulls(3)}, between("a", 0, 1), [], id="nothing but nulls is within bounds"),
        pytest.param({"a": pa.nulls(3)}, between("a", "x", None), [], id="nothing but nulls is any type"),
        # one_of
        pytest.param({"a": ["buy", None, "hold"]}, one_of("a", ["buy", "sell"]), [2], id="one of some texts"),
        pytest.param(
            {"a": [1, 2, 3]}, one_of("a", [1.0, 2.5, Decimal(3)]), [1], id="numbers are equal across types"
        ),
        pytest.param({"a": [1, 2]}, one_of("a", [0.5]), [0, 1], id="no integer is one half"),
        pytest.param({"a": [0.1, NAN]}, one_of("a", [0.1]), [1], id="a NaN is never one of"),
        pytest.param({"a": prices}, one_of("a", [1.1, 2]), [2], id="one of some decimals"),
        pytest.param({"a": [True, False, None]}, one_of("a", [True]), [1], id="one of some booleans"),
        pytest.param({"a": days}, one_of("a", days[:2]), [3], id="one of some dates"),
        pytest.param({"a": hours}, one_of("a", [NOW]), [0, 3], id="one of some moments"),
        pytest.param({"a": [b"\x00a", b"'"]}, one_of("a", [b"\x00a"]), [1], id="one of some bytes"),
        pytest.param({"a": ["a\x00b", "it's"]}, one_of("a", ["a\x00b"]), [1], id="a text with a zero"),
        pytest.param({"a": list(range(60))}, one_of("a", range(1, 59)), [0, 59], id="one of many"),
        pytest.param({"a": pa.nulls(2)}, one_of("a", ["x"]), [], id="nothing but nulls is one of"),
        # matches
        pytest.param({"a": ["AAPL", "aapl", None]}, matches("a", "^[A-Z]+$"), [1], id="anchored"),
        pytest.param({"a": ["xAx", "b"]}, matches("a", "A"), [1], id="found anywhere"),
        pytest.param({"a": ["é", "e", "日本"]}, matches("a", r"^\w$|日"), [0], id="unicode"),
        pytest.param({"a": ["it's"]}, matches("a", "t's"), [], id="a quote in the regex"),
        pytest.param({"a": pa.nulls(1)}, matches("a", "x"), [], id="nothing but nulls matches"),
        # no_future_timestamps
        pytest.param({"a": days}, no_future_timestamps("a"), [3], id="a day after today"),
        pytest.param(
            {"a": days}, no_future_timestamps("a", timedelta(hours=12)), [], id="a day within tolerance"
        ),
        pytest.param({"a": hours}, no_future_timestamps("a"), [3], id="a microsecond late"),
        pytest.param({"a": naive}, no_future_timestamps("a"), [3], id="naive and a microsecond late"),
        pytest.param(
            {"a": hours}, no_future_timestamps("a", timedelta(microseconds=1)), [], id="within tolerance"
        ),
        # monotonic
        pytest.param({"a": [1, 1, 2, 0, 5]}, monotonic("a"), [3], id="it falls once"),
        pytest.param({"a": [1, 1, 2]}, monotonic("a", strict=True), [1], id="it repeats"),
        pytest.param({"a": [3, 1, 2]}, monotonic("a", decreasing=True), [2], id="it rises once"),
        pytest.param({"a": [3, None, 4, None, 2]}, monotonic("a"), [4], id="nulls are passed over"),
        pytest.param(
            {"a": [1.0, NAN, 0.5, 0.6]}, monotonic("a"), [1], id="a NaN fails, what follows is not compared"
        ),
        pytest.param(
            {"a": [1, 9, 2, 8], "b": ["x", "y", "x", "y"]}, monotonic("a", by="b"), [3], id="within groups"
        ),
        pytest.param(
            {"a": [2, 1, 1], "b": [None, None, "x"]}, monotonic("a", by="b"), [1], id="nulls are a group"
        ),
        pytest.param({"a": [2, 1], "b": [[1], [1]]}, monotonic("a", by="b"), [1], id="groups of lists"),
        pytest.param({"a": ["a", "b", "B"]}, monotonic("a"), [2], id="order of texts"),
        pytest.param({"a": hours[::-1]}, monotonic("a"), [1, 3], id="order of moments"),
        pytest.param({"a": pa.nulls(2)}, monotonic("a", strict=True), [], id="nothing but nulls is in order"),
        # expression
        pytest.param(
            {"high": [2, 1, None], "low": [1, 2, 3]}, expression("high >= low"), [1], id="null passes"
        ),
        pytest.param({"a": [1, 2]}, expression("a > 1 -- it is"), [0], id="an expression with a comment"),
        pytest.param({"a": [1], "b": [0]}, expression("1 = 2"), [0], id="an expression about nothing"),
    ],
)
def test_the_rows_that_fail(judge: Judge, columns: Any, declared: Check, bad: list[int]) -> None:
    verdict = judge(columns, declared, sample_rows=100)
    assert failing_rows(verdict) == bad
    assert verdict.failing == len(bad)


weights = {"day": [1, 1, 2, 2], "weight": [0.5, 0.5, 0.25, None]}
large = [2**62, 2**62, 2**62, 2**62]


@pytest.mark.parametrize(
    ("columns", "declared", "failing", "observed", "groups"),
    [
        pytest.param(weights, sums_to("weight", 1.25), 0, 1.25, [], id="in all"),
        pytest.param(weights, sums_to("weight", 1), 1, 1.25, [], id="in all, too much"),
        pytest.param(
            weights,
            sums_to("weight", 1, by="day"),
            1,
            0.25,
            [{"day": 2, "sum(weight)": 0.25}],
            id="one group short",
        ),
        pytest.param(
            weights, sums_to("weight", 1, by="day", tolerance=0.75), 0, 0.25, [], id="within tolerance"
        ),
        pytest.param({"weight": [0.1] * 10}, sums_to("weight", 1), 0, 1.0, [], id="ten times one tenth"),
        pytest.param({"weight": [1.0, NAN]}, sums_to("weight", 1), 1, NAN, [], id="a NaN"),
        pytest.param({"weight": [1.0, INF]}, sums_to("weight", 1), 1, NAN, [], id="an infinity"),
        pytest.param({"n": large}, sums_to("n", 2**64, tolerance=0), 0, 2**64, [], id="beyond 64 bits"),
        pytest.param(
            {"n": large}, sums_to("n", 2**64 - 1, tolerance=0), 1, 2**64, [], id="off by one beyond 64 bits"
        ),
        pytest.param(
            {"n": prices}, sums_to("n", Decimal("3.09"), tolerance=0), 0, Decimal("3.09"), [], id="decimals"
        ),
        pytest.param({"n": prices}, sums_to("n", 3.09, tolerance=0), 0, Decimal("3.09"), [], id="as printed"),
        pytest.param(
            {"n": pa.array([Decimal(10**30 - 1)] * 2, pa.decimal128(30, 0))},
            sums_to("n", 2 * 10**30 - 2, tolerance=0),
            0,
            2 * 10**30 - 2,
            [],
            id="thirty digits",
        ),
        pytest.param({"n": pa.nulls(2)}, sums_to("n", 0), 0, 0, [], id="nothing but nulls sums to 0"),
        pytest.param(
            {"n": pa.array([], pa.int64())}, sums_to("n", 1), 1, 0, [], id="an empty table sums to 0"
        ),
        pytest.param(
            {"n": pa.array([], pa.int64()), "by": pa.array([], pa.int64())},
            sums_to("n", 1, by="by"),
            0,
            None,
            [],
            id="an empty table has no groups",
        ),
        pytest.param(
            {"n": [1, None], "by": [None, "x"]},
            sums_to("n", 7, by="by"),
            2,
            0,
            [{"by": None, "sum(n)": 1}, {"by": "x", "sum(n)": 0}],
            id="a group of null, a group of nulls",
        ),
    ],
)
def test_the_groups_whose_sum_is_off(
    judge: Judge, columns: Any, declared: Check, failing: int, observed: Any, groups: list[dict[str, object]]
) -> None:
    verdict = judge(columns, declared)
    assert verdict.error is None
    assert (verdict.failing, list(verdict.sample)) == (failing, groups)
    assert verdict.observed == observed or (observed != observed and verdict.observed != verdict.observed)


@pytest.mark.parametrize(
    ("columns", "declared", "observed"),
    [
        pytest.param({"a": [3, 1, None]}, between("a", 0, None), 1, id="the smallest against a low bound"),
        pytest.param({"a": [3, 1, None]}, between("a", None, 9), 3, id="the largest against a high bound"),
        pytest.param({"a": [3.5, 1.0]}, between("a", 0, 9), "1.0 to 3.5", id="both against both"),
        pytest.param({"a": [1.0, NAN]}, between("a", 0, 9), "1.0 to nan", id="a NaN is the largest"),
        pytest.param({"a": pa.nulls(1)}, between("a", 0, 9), None, id="nothing of nothing"),
        pytest.param(
            {"a": pa.array([], pa.float64())}, between("a", 0, None), None, id="nothing of an empty table"
        ),
        pytest.param({"a": days}, no_future_timestamps("a"), "2024-05-18", id="the last day"),
        pytest.param(
            {"a": hours}, no_future_timestamps("a"), "2024-05-17T12:00:00.000001+00:00", id="last moment"
        ),
        pytest.param(
            {"a": naive}, no_future_timestamps("a"), "2024-05-17T12:00:00.000001", id="last naive moment"
        ),
        pytest.param({"a": [time(9, 30)]}, between("a", time(9), None), "09:30:00", id="a time of day"),
        pytest.param(
            {"a": [timedelta(2)]}, between("a", None, timedelta(3)), "2 days, 0:00:00", id="a duration"
        ),
        pytest.param({"a": ["b", "a"]}, between("a", "a", "z"), "a to b", id="texts"),
        pytest.param({"a": [1, 1, 2, 2, 3]}, unique("a"), 2, id="the number of keys that repeat"),
        pytest.param({"a": [1, 2]}, unique("a"), 0, id="no key repeats"),
        pytest.param({"a": [1, 2]}, row_count(1), 2, id="the number of rows"),
        pytest.param({"a": [1]}, not_null("a"), None, id="nothing for nulls"),
    ],
)
def test_what_was_observed(judge: Judge, columns: Any, declared: Check, observed: object) -> None:
    assert judge(columns, declared).observed == observed


UNTESTED_TYPES = {"a": [1], "b": ["x"], "c": [[1]], "day": [date(2024, 1, 1)], "flag": [True]}


@pytest.mark.parametrize(
    ("declared", "error"),
    [
        pytest.param(not_null("dya"), "column 'dya' is missing. Did you mean 'day'?", id="a near miss"),
        pytest.param(unique("a", "zzz"), "column 'zzz' is missing.", id="one of two is missing"),
        pytest.param(
            expression("dya > 1"), "column 'dya' is missing. Did you mean 'day'?", id="in an expression"
        ),
        pytest.param(
            between("b", 0, 1),
            "column 'b' is of type string, which cannot be compared with a number.",
            id="a text",
        ),
        pytest.param(
            between("a", "x", None), "cannot be compared with a text", id="a number and a text bound"
        ),
        pytest.param(one_of("flag", [1, 0]), "cannot be compared with a number", id="a boolean and numbers"),
        pytest.param(one_of("c", [1]), "type list<", id="a list and numbers"),
        pytest.param(
            matches("a", "x"), "cannot be compared with a text", id="a regular expression on a number"
        ),
        pytest.param(
            no_future_timestamps("b"), "cannot be compared with a moment", id="texts are no timestamps"
        ),
        pytest.param(sums_to("b", 1), "has no sum", id="texts have no sum"),
        pytest.param(sums_to("flag", 1), "has no sum", id="booleans have no sum"),
        pytest.param(monotonic("c"), "has no order", id="lists have no order"),
        pytest.param(expression("a >"), "syntax error", id="a broken expression"),
        pytest.param(expression("count(*) > 1"), "aggregate", id="an expression that is no row condition"),
        pytest.param(expression("b > 1"), "x", id="an expression that fails on a value"),
        pytest.param(
            matches("b", r"\N{DIGIT ONE}"), "escape", id="a regular expression that only Python knows"
        ),
    ],
)
def test_what_cannot_be_judged_is_a_failed_verdict_that_says_why(
    judge: Judge, declared: Check, error: str
) -> None:
    verdict = judge(UNTESTED_TYPES, declared)
    assert (verdict.passed, verdict.failing, verdict.rows) == (False, None, 1)
    assert verdict.error is not None
    assert error in verdict.error


odd = ['q"q', "it's", "select", "a b", "é", "", "#", "row_", "judged", "data", "a%", "x\ny"]


def test_odd_column_names(judge: Judge) -> None:
    table = pa.table([[1, 1]] * len(odd), names=odd)
    for name in odd:
        verdict = judge(table, unique(name))
        assert failing_rows(verdict) == [0, 1], name
        assert name in verdict.sample[0]
        assert judge(table, sums_to(name, 2)).passed
        assert judge(table, monotonic(name, by=[other for other in odd if other != name])).passed


def test_names_that_differ_in_case_only_are_two_columns(judge: Judge) -> None:
    table = pa.table([[1, 1], [1, 2], [3, 3]], names=["Close", "close", "close_1"])
    assert failing_rows(judge(table, unique("Close"))) == [0, 1]
    assert judge(table, unique("close")).passed
    assert failing_rows(judge(table, unique("close_1"))) == [0, 1]


def test_two_columns_of_one_name_are_an_error_of_the_checks_that_name_them() -> None:
    table = pa.table([[1, 1], [1, 2], [3, 3]], names=["a", "a", "b"])
    for small_rows in (-1, 10):
        first, second = evaluate(table, [unique("a"), unique("b")], now=NOW, small_rows=small_rows)
        assert first.error == "column 'a' is there more than once."
        assert second.sample == ({"#": 0, "b": 3}, {"#": 1, "b": 3})


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(
            pa.table({"a": pa.array([], pa.float64()), "b": pa.array([], pa.string())}), id="no rows"
        ),
        pytest.param(pa.table({"a": pa.chunked_array([], pa.float64()), "b": pa.nulls(0)}), id="no chunks"),
    ],
)
def test_an_empty_table_breaks_no_promise_about_rows(judge: Judge, table: pa.Table) -> None:
    for declared in (
        not_null("a", "b"),
        unique("a", "b"),
        between("a", 0, 1),
        one_of("b", ["x"]),
        one_of("b", [str(n) for n in range(99)], name="many"),
        matches("b", "x"),
        monotonic("a", by="b", strict=True),
        sums_to("a", 1, by="b"),
        expression("a > 0"),
    ):
        verdict = judge(table, declared)
        assert (verdict.passed, verdict.failing, verdict.rows, verdict.sample) == (True, 0, 0, ())
    assert not judge(table, row_count(1)).passed


def test_a_table_without_columns() -> None:
    declared = [not_null("a"), row_count(0, 0), expression("1 = 1")]
    for small_rows in (-1, 10):
        verdicts = evaluate(pa.table({}), declared, now=NOW, small_rows=small_rows)
        assert [verdict.passed for verdict in verdicts] == [False, True, True]
        assert verdicts[0].error == "column 'a' is missing."


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pa.array(["x", None, "y", "x"]).dictionary_encode(), id="dictionary"),
        pytest.param(pa.array(["x", None, "y", "x"], pa.large_string()), id="large string"),
        pytest.param(pa.chunked_array([["x"], [], [None, "y"], ["x"]]), id="chunks"),
        pytest.param(pa.array(["?", "x", None, "y", "x"])[1:], id="an offset"),
    ],
)
def test_the_layout_of_texts_does_not_count(judge: Judge, column: Any) -> None:
    table = pa.table({"a": column})
    assert failing_rows(judge(table, unique("a"))) == [0, 3]
    assert failing_rows(judge(table, one_of("a", ["x"]))) == [2]
    assert failing_rows(judge(table, matches("a", "x"))) == [2]
    assert failing_rows(judge(table, not_null("a"))) == [1]
    assert failing_rows(judge(table, monotonic("a"))) == [3]
    assert judge(table, schema({"a": "string"})).passed


@pytest.mark.parametrize("small_rows", [-1, 10], ids=["sql", "python"])
@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pa.array(["x", None, "x"], pa.string_view()), id="string view"),
        pytest.param(pa.array([1, None, 1], pa.timestamp("ns", "Asia/Tokyo")), id="nanoseconds with a zone"),
        pytest.param(pa.array([1, None, 1], pa.timestamp("s")), id="seconds"),
        pytest.param(pa.array([1, None, 1], pa.time64("ns")), id="nanoseconds of the day"),
        pytest.param(pa.array([1, None, 1], pa.time32("s")), id="seconds of the day"),
        pytest.param(pa.array([1, None, 1], pa.duration("ns")), id="a duration of nanoseconds"),
        pytest.param(pa.array([1, None, 1], pa.duration("s")), id="a duration of seconds"),
        pytest.param(pa.array([b"x", None, b"x"], pa.binary(1)), id="bytes of fixed size"),
        pytest.param(pa.array([{"a": 1}, None, {"a": 1}]), id="structs"),
        pytest.param(pa.array([[("k", 1)], None, [("k", 1)]], pa.map_(pa.string(), pa.int64())), id="maps"),
        pytest.param(pa.array([b"0" * 16, None, b"0" * 16], pa.uuid()), id="uuid"),
    ],
)
def test_any_type_can_be_missing_repeated_and_shown(column: Any, small_rows: int) -> None:
    table = pa.table({"a": column})
    missing, repeated = evaluate(table, [not_null("a"), unique("a")], now=NOW, small_rows=small_rows)
    assert failing_rows(missing) == [1]
    assert failing_rows(repeated) == [0, 2]
    assert Verdict.from_json(repeated.to_json()) == repeated


def test_nanoseconds_count(judge: Judge) -> None:
    column = pa.array([NOW, NOW], pa.timestamp("ns", "UTC")).cast(pa.int64())
    late = pa.array([column[0].as_py(), column[1].as_py() + 1]).cast(pa.timestamp("ns", "UTC"))
    assert failing_rows(judge({"a": late}, no_future_timestamps("a"))) == [1]


def test_a_moment_that_no_calendar_has_is_not_past(judge: Judge) -> None:
    column = pa.array([2**63 - 1], pa.timestamp("us", "UTC"))
    verdict = judge({"a": column}, no_future_timestamps("a"))
    assert verdict.failing == 1
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_the_sample_is_bounded_and_shows_the_judged_columns_first(judge: Judge) -> None:
    wide = {f"c{n:02d}": [n] * 50 for n in range(30)} | {"text": ["x" * 500] * 50}
    verdict = judge(wide, between("c20", None, 0))
    assert (verdict.failing, verdict.rows, len(verdict.sample)) == (50, 50, 5)
    assert list(verdict.sample[0]) == ["#", "c20", *(f"c{n:02d}" for n in range(11))]
    (shown,) = judge({"text": wide["text"]}, matches("text", "y"), sample_rows=1).sample
    assert shown["text"] == "x" * 199 + "…"
    assert judge(wide, between("c20", None, 0), sample_rows=0).sample == ()


def test_the_sampled_rows_are_those_of_the_table(judge: Judge) -> None:
    table = pa.table({"symbol": ["A", "B", "C"], "at": pa.array(hours[:3], pa.timestamp("us", "Asia/Tokyo"))})
    (row,) = judge(table, one_of("symbol", ["A", "C"])).sample
    assert row == {"#": 1, "symbol": "B", "at": None}
    (row,) = judge(table, one_of("symbol", ["A", "B"])).sample
    assert row == {"#": 2, "symbol": "C", "at": NOW}


@pytest.mark.parametrize("paths", [(), "x.parquet"], ids=["none", "a text"])
def test_parquet_files_need_paths(paths: Any) -> None:
    with pytest.raises(ValueError, match="at least one path"):
        ParquetFiles(paths=paths)


@pytest.mark.parametrize("value", [None, 3, "text", ["a.parquet"], {"a": 1}], ids=repr)
def test_a_check_of_columns_says_that_a_value_is_no_table(value: object) -> None:
    for declared in (not_null("a"), schema({"a": "int64"})):
        (verdict,) = evaluate(value, [declared], now=NOW)
        assert verdict.error == f"it is about a table, but the value is of type {type(value).__name__}."
        assert verdict.rows is None


def test_row_count_counts_the_items_of_a_plain_value() -> None:
    assert evaluate(["a", "b"], [row_count(3)], now=NOW)[0].observed == 2
    assert evaluate({"a": 1}, [row_count(1)], now=NOW)[0].passed
    assert (
        evaluate(3, [row_count(1)], now=NOW)[0].error
        == "it counts rows or items, but the value is of type int."
    )


def test_verdicts_come_in_the_order_of_the_checks_and_name_them() -> None:
    @check
    def fine(table: pa.Table) -> bool:
        return bool(table.num_rows)

    declared = [
        unique("a"),
        fine,
        row_count(1),
        expression("a > 0"),
        not_null("nope"),
        not_null("a", severity="warn"),
    ]
    verdicts = evaluate(pa.table({"a": [1]}), declared, now=NOW)
    assert [(one.check, one.kind, one.digest, one.severity) for one in verdicts] == [
        (one.name, one.kind, one.digest, one.severity) for one in declared
    ]


def test_no_checks_no_verdicts() -> None:
    assert evaluate(pa.table({"a": [1]}), [], now=NOW) == ()


def test_two_checks_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidCheck, match=r"'between\(a\)' is there twice; give one of them a name="):
        evaluate(pa.table({"a": [1]}), [between("a", 0, 1), between("a", 0, 2, severity="warn")], now=NOW)


def test_now_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        evaluate(pa.table({"a": [1]}), [], now=NOW.replace(tzinfo=None))


def test_now_may_be_in_any_time_zone() -> None:
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    assert evaluate(pa.table({"a": hours}), [no_future_timestamps("a")], now=tokyo)[0].failing == 1


class Speechless(Exception):
    """An error that cannot say what is wrong."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_an_error_without_words_is_told_all_the_same() -> None:
    @check
    def fails(value: pa.Table) -> bool:
        raise Speechless

    (verdict,) = evaluate(pa.table({"a": [1]}), [fails], now=NOW)
    assert verdict.error == "Speechless: it cannot be told (RuntimeError)"
