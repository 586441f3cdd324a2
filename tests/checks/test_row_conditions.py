"""Row conditions say of which rows a check speaks; `mostly` says how many of them have to be good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks import (
    Check,
    InvalidCheck,
    ParquetFiles,
    Verdict,
    between,
    column,
    evaluate,
    expression,
    not_null,
    sums_to,
    unique,
)
from checks.row_conditions import InvalidRowCondition, RowCondition, row_condition

NOW = datetime(2024, 1, 2, tzinfo=UTC)
BARS = pa.table(
    {
        "symbol": ["KO", "KO", "PEP", "PEP", None],
        "close": [60.0, -1.0, 170.0, None, 5.0],
        "day": [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 1), date(2024, 1, 1), None],
        "weight": [0.5, 0.5, 1.0, None, 9.0],
    }
)


def judged(check: Check, table: pa.Table = BARS) -> Verdict:
    (verdict,) = evaluate(table, [check], now=NOW)
    return verdict


@pytest.mark.parametrize(
    ("check", "passed", "failing", "counted", "rows"),
    [
        pytest.param(between("close", 0, None), False, 1, 4, 5, id="of all that are there"),
        pytest.param(between("close", 0, None, mostly=0.75), True, 1, 4, 5, id="exactly mostly"),
        pytest.param(between("close", 0, None, mostly=0.76), False, 1, 4, 5, id="not quite mostly"),
        pytest.param(between("close", 9e9, None, mostly=0), True, 4, 4, 5, id="none has to be good"),
        pytest.param(not_null("close", mostly=0.8), True, 1, 5, 5, id="nulls count as rows"),
        pytest.param(unique("symbol", mostly=0.5), False, 4, 4, 5, id="all of those that are equal"),
        pytest.param(
            between("close", 0, None, row_condition="symbol = 'PEP'"), True, 0, 1, 2, id="SQL, that is true"
        ),
        pytest.param(
            between("close", 0, None, row_condition=column("symbol") == "KO"), False, 1, 2, 2, id="a column"
        ),
        pytest.param(
            unique("symbol", row_condition=column("day") == date(2024, 1, 1)), False, 2, 3, 3, id="unique among"
        ),
        pytest.param(
            expression("close > 0", row_condition=column("symbol").is_null()), True, 0, 1, 1, id="of nulls"
        ),
        pytest.param(
            sums_to("weight", 1, by="symbol", row_condition=column("symbol").is_not_null()),
            True, 0, 2, 4, id="groups among those rows",
        ),
        pytest.param(
            between("close", 0, None, row_condition="symbol = 'no such'"), True, 0, 0, 0, id="no row at all"
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["memory", "files"])
def test_of_which_rows_a_check_speaks_and_how_many_must_be_good(
    tmp_path: Path, place: str, check: Check, passed: bool, failing: int, counted: int, rows: int
) -> None:
    pq.write_table(BARS, tmp_path / "bars.parquet")
    data = BARS if place == "memory" else ParquetFiles(paths=(str(tmp_path / "bars.parquet"),))
    for small_rows in (0, 2_000):
        (verdict,) = evaluate(data, [check], now=NOW, small_rows=small_rows)
        assert verdict.error is None
        assert (verdict.passed, verdict.failing, verdict.counted, verdict.rows) == (
            passed, failing, counted, rows,
        )  # fmt: skip


def test_the_rows_that_fail_keep_their_numbers_in_the_table() -> None:
    verdict = judged(between("close", 100, None, row_condition=column("symbol") == "KO"))
    assert [(row["#"], row["close"]) for row in verdict.sample] == [(0, 60.0), (1, -1.0)]
    verdict = judged(unique("symbol", row_condition=column("close") > 0))
    assert verdict.passed
    assert verdict.promise == 'symbol is unique, where "close" > 0'


def test_a_row_condition_that_cannot_be_is_told() -> None:
    verdict = judged(between("close", 0, None, row_condition="symbool = 'KO'"))
    assert verdict.error == "column 'symbool' is missing. Did you mean 'symbol'?"


EVERY: Sequence[tuple[RowCondition, list[int]]] = [
    (column("n") == 2, [1]),
    (column("n") != 2, [0, 2]),
    (column("n") < 2, [0]),
    (column("n") <= 2, [0, 1]),
    (column("n") > 2, [2]),
    (column("n") >= 2, [1, 2]),
    (column("n").is_in([1, 3]), [0, 2]),
    (column("n").is_not_in([1, 3]), [1]),
    (column("n").is_null(), [3]),
    (column("n").is_not_null() & (column("name") == "it's"), [1]),
    ((column("n") == 1) | (column("name") == 'a "b"'), [0, 2]),
    (column("f") > 0.1, [1, 2]),
    (column("at") >= datetime(2024, 1, 2, tzinfo=UTC), [1, 2]),
    (column("yes") == True, [0]),  # noqa: E712  # it builds a condition
]


@pytest.mark.parametrize(("condition", "numbers"), EVERY, ids=[one.sql for one, _ in EVERY])
def test_a_condition_means_what_it_says_and_comes_back_from_a_suite(
    condition: RowCondition, numbers: list[int]
) -> None:
    table = pa.table(
        {
            "n": [1, 2, 3, None],
            "name": ["x", "it's", 'a "b"', None],
            "f": [0.1, 0.2, 0.3, None],
            "at": pa.array([datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3)] + [None]),
            "yes": [True, False, None, None],
            "number": [0, 1, 2, 3],
        }
    )
    verdict = judged(between("number", 9, None, row_condition=condition), table)
    assert [row["#"] for row in verdict.sample] == numbers
    read = row_condition(condition.expression)
    assert read is not None
    if "TIMESTAMP" not in condition.sql:  # JSON has no times: what is read compares with a text
        assert read == condition


def test_the_digest_moves_with_them() -> None:
    plain = between("close", 0, None)
    others = [
        between("close", 0, None, mostly=0.9),
        between("close", 0, None, row_condition="symbol = 'KO'"),
        between("close", 0, None, row_condition=column("symbol") == "KO"),
    ]
    assert len({one.digest for one in (plain, *others)}) == 4


@pytest.mark.parametrize("given", [5, "", {"type": "comparison"}, {"type": "and", "conditions": []}])
def test_what_is_no_condition_is_an_error(given: object) -> None:
    with pytest.raises(InvalidRowCondition):
        row_condition(given)


def test_mostly_is_a_part() -> None:
    with pytest.raises(InvalidCheck, match="must lie between 0 and 1"):
        between("close", 0, None, mostly=1.5)
    with pytest.raises(InvalidRowCondition, match=r"is_null\(\) and is_not_null\(\) ask for nulls"):
        column("close") == None  # noqa: B015, E711  # it builds a condition
