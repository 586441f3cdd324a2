"""The search for counter-examples: it finds one for every kind of check, and none where there is none."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pydantic import BaseModel

from checks import (
    Beside,
    Check,
    between,
    check,
    covers,
    expect,
    expression,
    matches,
    monotonic,
    needs,
    no_future_timestamps,
    no_look_ahead,
    not_null,
    one_of,
    references,
    row_count,
    same_row_count,
    same_sum,
    schema,
    sql,
    sums_to,
    unique,
)
from checks.counterexamples import counterexample

NOW = datetime(2024, 1, 31, tzinfo=UTC)
GOOD = pa.table(
    {
        "day": [date(2024, 1, n) for n in range(1, 9)],
        "at": [datetime(2024, 1, n, 15, tzinfo=UTC) for n in range(1, 9)],
        "symbol": ["KO", "PEP"] * 4,
        "x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
        "weight": [0.5] * 8,
        "n": list(range(8)),
        "price": pa.array([Decimal("1.50")] * 8, pa.decimal128(12, 2)),
        "ok": [True] * 8,
    }
)
BESIDE = Beside(
    upstream={"up": lambda: GOOD},
    remake=lambda changed: changed["up"].append_column("same", pa.array([1] * 8)).drop_columns(["same"]),
)


@check
def is_finite(value: pa.Table) -> bool:
    return all(math.isfinite(x) for x in value["x"].to_pylist() if x is not None)


@pytest.mark.parametrize(
    "promise",
    [
        not_null("x"),
        unique("n"),
        between("x", 0, None, strict_low=True),
        between("x", 0, math.inf, strict_high=True),
        between("day", date(2023, 1, 1), None),
        between("price", None, 100),
        one_of("symbol", ["KO", "PEP"]),
        matches("symbol", "^[A-Z]+$"),
        row_count(5),
        row_count(None, 9),
        schema({"x": "double"}, exact=False),
        no_future_timestamps("at", timedelta(days=1)),
        sums_to("weight", 4.0),
        monotonic("n", strict=True),
        monotonic("x", by="symbol"),
        expression("x > n", name="SQL"),
        expression("ok"),
        expression("symbol <> 'refused'"),
        sql("FROM this WHERE x > 1000"),
        references("symbol", "up"),
        covers("n", "up"),
        same_row_count("up"),
        same_sum("x", "up"),
        needs("up", "x"),
        no_look_ahead("day", up="day"),
        is_finite,
        expect.column_mean_to_be_between("x", min_value=4, max_value=5),
        expect.column_pair_values_a_to_be_greater_than_b("x", "n"),
        expect.table_column_count_to_equal(8),
        expect.column_values_to_be_increasing("n"),
    ],
    ids=lambda promise: promise.name,
)
def test_every_kind_of_check_has_one(promise: Check) -> None:
    found = counterexample(promise, GOOD, now=NOW, beside=BESIDE)
    assert found is not None
    assert found.damage


@pytest.mark.parametrize(
    "promise",
    [
        pytest.param(expression("x = x or true", name="true"), id="true whatever is there"),
        pytest.param(check(lambda value: True, name="yes"), id="a function that always says yes"),
        pytest.param(not_null("x", mostly=0.0), id="none of them has to be"),
        pytest.param(between("x", -1e300, 1e300, mostly=0.1), id="bounds that nothing reaches"),
    ],
)
def test_what_cannot_fail_is_found_out(promise: Check) -> None:
    assert counterexample(promise, GOOD, now=NOW) is None


class Summary(BaseModel):
    cash: str = "10.00"
    buys: list[int] = [1, 2]


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        pytest.param({"cash": "10.00"}, lambda value: float(value["cash"]) > 0, id="JSON"),
        pytest.param([{"a": {"b": 1}}], lambda value: value[0]["a"]["b"] == 1, id="nested"),
        pytest.param(b"<p>hello", lambda value: value.startswith(b"<p>h"), id="bytes"),
        pytest.param(b"<p>hello", lambda value: b"https://" not in value, id="something from elsewhere"),
        pytest.param(7, lambda value: value > 0, id="a number"),
        pytest.param(Summary(), lambda value: sum(value.buys) == 3, id="a model"),
    ],
)
def test_other_values(value: Any, holds: Any) -> None:
    assert counterexample(check(holds, name="holds"), value, now=NOW) is not None


def test_the_value_has_to_be_good() -> None:
    with pytest.raises(ValueError, match="does not pass on the value as it is"):
        counterexample(between("x", 5, None), GOOD, now=NOW)
