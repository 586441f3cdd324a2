"""Quarantine: rows that fail are moved aside, all of them, and no others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from checks import (
    Beside,
    Check,
    InvalidCheck,
    Verdict,
    across_partitions,
    between,
    check,
    expect,
    expression,
    matches,
    monotonic,
    not_null,
    one_of,
    references,
    row_count,
    sums_to,
    unique,
)
from checks.set_aside import FAILED, part

NOW = datetime(2024, 1, 2, tzinfo=UTC)
TABLE = pa.table({"s": ["a", "b", None, "d", "b"], "x": [1.0, -2.0, 3.0, float("nan"), None]})


def moved(*checks: Check, table: pa.Table = TABLE) -> dict[int, list[str]]:
    """The numbers of the rows that were moved, with the checks that did it."""
    numbered = table.append_column("n", pa.array(range(table.num_rows)))
    beside = Beside(upstream={"known": lambda: pa.table({"s": ["a"]})})
    parted = part(numbered, checks, now=NOW, beside=beside)
    assert sorted([*parted.kept["n"].to_pylist(), *parted.aside["n"].to_pylist()]) == list(
        range(table.num_rows)
    )
    return dict(zip(parted.aside["n"].to_pylist(), parted.aside[FAILED].to_pylist(), strict=True))


Q: Any = {"severity": "quarantine"}


@pytest.mark.parametrize(
    ("promise", "rows"),
    [
        pytest.param(not_null("s", **Q), [2], id="null"),
        pytest.param(not_null("x", **Q), [3, 4], id="NaN and null"),
        pytest.param(unique("s", **Q), [1, 4], id="all of those that are alike"),
        pytest.param(between("x", 0, None, **Q), [1, 3], id="a number out of bounds, and NaN"),
        pytest.param(one_of("s", ["a", "b"], **Q), [3], id="unknown"),
        pytest.param(matches("s", "[ab]", **Q), [3], id="pattern"),
        pytest.param(expression("x > 0", **Q), [1], id="SQL"),
        pytest.param(between("x", 0, None, row_condition="s = 'd'", **Q), [3], id="of some rows"),
        pytest.param(references("s", "known", **Q), [1, 3, 4], id="a foreign key"),
        pytest.param(expect.column_values_to_be_between("x", min_value=0, **Q), [1, 3], id="an expectation"),
        pytest.param(expect.compound_columns_to_be_unique(["s"], **Q), [1, 4], id="a compound key"),
    ],
)
def test_the_rows_that_fail(promise: Check, rows: list[int]) -> None:
    assert moved(promise) == {row: [promise.name] for row in rows}


def test_a_row_may_fail_several() -> None:
    bound, key = between("x", 0, None, **Q), unique("s", **Q)
    assert moved(bound, key) == {1: [bound.name, key.name], 3: [bound.name], 4: [key.name]}


def test_what_the_checks_say() -> None:
    checks = [between("x", 0, None, **Q), not_null("s")]
    (verdict,) = part(TABLE, checks, now=NOW).verdicts
    assert (verdict.passed, verdict.failing, verdict.aside, verdict.blocks) == (False, 2, 2, False)
    assert verdict.describe().startswith("between(x) fails for 2 of 5 rows (observed -2.0), moved aside")
    assert Verdict.from_json(verdict.to_json()).to_json() == verdict.to_json()


def test_nothing_fails_and_nothing_is_moved() -> None:
    parted = part(TABLE, [between("x", -9, None, row_condition="s = 'a'", **Q)], now=NOW)
    assert parted.aside.num_rows == 0
    assert parted.aside.schema.names == ["s", "x", FAILED]
    assert not moved(not_null("s", **Q), table=TABLE.slice(0, 0))


def test_what_cannot_be_judged_moves_nothing_and_blocks() -> None:
    parted = part(TABLE, [between("y", 0, None, **Q)], now=NOW)
    assert parted.kept.num_rows == TABLE.num_rows
    assert parted.verdicts[0].blocks


def test_the_column_of_reasons_takes_no_others_place() -> None:
    parted = part(TABLE.append_column(FAILED, pa.array([1] * 5)), [not_null("s", **Q)], now=NOW)
    assert parted.aside.schema.names == ["s", "x", FAILED, f"{FAILED}_"]


@pytest.mark.parametrize(
    "declare",
    [
        lambda: row_count(1, **Q),
        lambda: sums_to("x", 1, **Q),
        lambda: monotonic("x", **Q),
        lambda: not_null("x", mostly=0.9, **Q),
        lambda: check(lambda value: True, name="f", **Q),
        lambda: across_partitions(unique("x", **Q)),
        lambda: expect.column_mean_to_be_between("x", min_value=0, **Q),
        lambda: expect.column_values_to_be_increasing("x", **Q),
        lambda: expect.column_values_to_be_json_parseable("s", **Q),
        lambda: expect.column_values_to_be_of_type("s", "string", **Q),
    ],
)
def test_only_what_speaks_of_rows_can_move_them(declare: Any) -> None:
    with pytest.raises(InvalidCheck, match="cannot move rows aside"):
        declare()


@pytest.mark.parametrize("kept", [[1, 2, 3, 4], [-1, 2, -3, -4], [-1, -2, -3, -4], [1, -2, 3, 4]], ids=str)
def test_rows_of_types_that_arrow_can_only_slice(kept: list[int]) -> None:
    words = pa.array(["a", "b", "c", "d"], pa.string_view())
    table = pa.table({"x": kept, "words": words, "runs": pa.RunEndEncodedArray.from_arrays([2, 4], [1, 2])})
    parted = part(table, [between("x", 0, None, severity="quarantine")], now=NOW)
    assert parted.kept["words"].to_pylist() == [w for w, x in zip("abcd", kept, strict=True) if x > 0]
    assert parted.aside["words"].to_pylist() == [w for w, x in zip("abcd", kept, strict=True) if x < 0]
    assert parted.kept.schema == table.schema
