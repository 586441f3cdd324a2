"""What is counted of each partition, put together, is what all of them together give."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from checks import (
    Check,
    between,
    evaluate,
    expect,
    expression,
    matches,
    monotonic,
    not_null,
    one_of,
    row_count,
    sums_to,
    unique,
)
from checks.merging import Part, adds_up, part_of, together

NOW = datetime(2024, 1, 2, tzinfo=UTC)
PARTS = [
    pa.table({"x": pa.array([1.0, None, -2.0]), "s": ["a", "b", None]}),
    pa.table({"x": pa.array([], pa.float64()), "s": pa.array([], pa.string())}),
    pa.table({"x": pa.array([5.0, float("nan")]), "s": ["a", "zz"]}),
]


@pytest.mark.parametrize(
    "check",
    [
        not_null("x"),
        not_null("x", mostly=0.6),
        between("x", 0, None),
        between("x", 0, None, mostly=0.5),
        between("x", 0, None, row_condition="s = 'a'"),
        one_of("s", ["a", "b"], mostly=0.75),
        matches("s", "^.$"),
        expression("x > 0"),
        row_count(5, 5),
        row_count(6),
        expect.column_values_to_be_in_set("s", ["a", "b"]),
        expect.column_values_to_be_null("x"),
        expect.column_values_to_not_be_null("s"),
    ],
    ids=lambda check: check.describe(),
)
@pytest.mark.parametrize("last", range(len(PARTS)))
def test_parts_add_up(check: Check, last: int) -> None:
    assert adds_up(check)
    each = [evaluate(part, [check], now=NOW)[0] for part in PARTS]
    (whole,) = evaluate(pa.concat_tables(PARTS), [check], now=NOW)
    others: list[Part] = [part for n, one in enumerate(each) if n != last and (part := part_of(one))]
    merged = together(check, each[last], others)
    told: Any = (merged.passed, merged.failing, merged.counted, merged.rows)
    if check.kind == "row_count":
        assert (merged.passed, merged.observed) == (whole.passed, whole.observed)
    else:
        assert told == (whole.passed, whole.failing, whole.counted, whole.rows)


@pytest.mark.parametrize(
    "check",
    [
        unique("s"),
        monotonic("x"),
        sums_to("x", 1),
        expect.column_values_to_be_unique("s"),
        expect.column_values_to_be_increasing("x"),
        expect.column_values_to_be_of_type("x", "double"),
        expect.column_values_to_be_in_type_list("x", ["double"]),
        expect.column_mean_to_be_between("x", min_value=0),
        expect.compound_columns_to_be_unique(["x", "s"]),
    ],
    ids=lambda check: check.name,
)
def test_others_need_all_of_it(check: Check) -> None:
    assert not adds_up(check)


def test_what_could_not_be_judged_stays_so() -> None:
    check = not_null("y")
    (verdict,) = evaluate(PARTS[0], [check], now=NOW)
    assert part_of(verdict) is None
    assert together(check, verdict, [Part(failing=0, counted=3, rows=3)]) == verdict
