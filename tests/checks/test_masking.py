"""Masking: no value of a private column is in what a verdict keeps or says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from checks import (
    Beside,
    Check,
    Earlier,
    Finding,
    Verdict,
    between,
    check,
    evaluate,
    expect,
    expression,
    matches,
    not_null,
    one_of,
    row_count,
    schema,
    sql,
    sums_to,
    unique,
    usual,
)
from checks.verdict import MASK

NOW = datetime(2024, 1, 2, tzinfo=UTC)
SECRETS = ["Zaphod", "Trillian", "Zaphod"]
TABLE = pa.table({"name": SECRETS, "born": [1917.5, 1918.5, 1917.5], "x": [1, -1, 2]})


def judged(promise: Check, table: pa.Table = TABLE) -> Verdict:
    (verdict,) = evaluate(table, [promise], now=NOW, private=frozenset({"name", "born"}))
    return verdict


@check
def quotes_what_it_saw(value: pa.Table) -> bool:
    raise ValueError(f"who is {value['name'][0]}?")


@check
def shows_rows(value: pa.Table) -> Finding:
    return Finding(passed=False, sample=[{"name": "Zaphod", "who": "Zaphod", "x": 1}])


@pytest.mark.parametrize(
    "promise",
    [
        unique("name"),
        one_of("name", ["Ford"]),
        matches("name", "^F"),
        between("born", 2000, None),
        between("x", 0, None),
        expression("x > 5"),
        expression("name::int > 5"),
        sums_to("born", 1, by="name"),
        sums_to("x", 1, by="name"),
        sql("SELECT name AS n, born, x FROM this"),
        sql("SELECT name AS x FROM this", name="as another column"),
        sql('SELECT name AS "#" FROM this', name="as a row's number"),
        sql("SELECT max(born) AS x FROM this GROUP BY name", name="derived"),
        quotes_what_it_saw,
        shows_rows,
        expect.column_values_to_be_in_set("name", ["Ford"]),
        expect.column_distinct_values_to_be_in_set("name", ["Ford"]),
        expect.column_mean_to_be_between("born", min_value=2000),
        expect.column_most_common_value_to_be_in_set("name", ["Ford"]),
    ],
    ids=lambda promise: promise.name,
)
def test_no_value_is_told(promise: Check) -> None:
    verdict = judged(promise)
    assert not verdict.passed
    told = verdict.to_json() + verdict.describe()
    assert not [word for word in ("Zaphod", "Trillian", "1917", "1918") if word in told], told


@pytest.mark.parametrize(
    ("promise", "kept"),
    [
        pytest.param(unique("name"), {"failing": 2, "observed": 1}, id="how many are alike"),
        pytest.param(row_count(5), {"observed": 3}, id="how many there are"),
        pytest.param(between("x", 0, None), {"observed": -1, "failing": 1}, id="what is not private"),
        pytest.param(
            schema({"name": "int64"}, exact=False), {"observed": "'name' is string, not int64"}, id="types"
        ),
    ],
)
def test_counts_and_what_is_not_private_are_kept(promise: Check, kept: dict[str, Any]) -> None:
    verdict = judged(promise)
    assert {name: getattr(verdict, name) for name in kept} == kept


def test_the_number_of_a_row_says_where_to_look() -> None:
    assert judged(between("x", 0, None)).sample == (
        {"#": 1, "x": -1, "name": "(private)", "born": "(private)"},
    )
    assert judged(not_null("missing")).error == "column 'missing' is missing."


def test_what_is_expected_of_a_private_column_is_not_told() -> None:
    earlier = [Earlier(at=NOW - timedelta(days=day), observed=1900.0 + day % 3) for day in range(40, 0, -1)]
    (verdict,) = evaluate(
        TABLE,
        [usual("born", "mean")],
        now=NOW,
        beside=Beside(earlier=lambda name: earlier),
        private=frozenset({"born"}),
    )
    assert not verdict.passed
    assert "19" not in verdict.describe()
    assert (verdict.observed, verdict.expected) == (MASK, MASK)
