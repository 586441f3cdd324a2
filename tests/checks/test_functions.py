"""A user's check function: what it is given, what it may return, and what becomes of its errors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from checks import Finding, ParquetFiles, Verdict, check, evaluate

if TYPE_CHECKING:
    import duckdb
    from pandas import DataFrame

NOW = datetime(2024, 5, 17, tzinfo=UTC)
TABLE = pa.table({"weight": [0.5, 0.25, 0.25], "symbol": ["A", "B", "C"]})


def judged(function: Callable[..., Any], data: object = TABLE, **options: Any) -> Verdict:
    (verdict,) = evaluate(data, [check(function, name="f")], now=NOW, **options)
    return verdict


def arrow(value: pa.Table) -> bool:
    return isinstance(value, pa.Table) and value.num_rows == 3


def bare(value):  # without annotation it is an Arrow table
    return isinstance(value, pa.Table)


def frame(value: pd.DataFrame) -> bool:
    return isinstance(value, pd.DataFrame) and bool(value["weight"].sum() == 1)


def imported_frame(value: DataFrame) -> bool:
    return isinstance(value, pd.DataFrame)


def relation(value: duckdb.DuckDBPyRelation) -> bool:
    return value.aggregate("sum(weight) AS total").fetchall() == [(1.0,)]


@pytest.mark.parametrize("function", [arrow, bare, frame, imported_frame, relation], ids=lambda f: f.__name__)
def test_the_value_comes_as_its_parameter_is_annotated(function: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "day=1.parquet"
    pq.write_table(TABLE, path)
    for data in (TABLE, ParquetFiles(paths=(str(path),))):
        verdict = judged(function, data)
        assert (verdict.error, verdict.passed, verdict.rows) == (None, True, 3)


def test_an_annotation_may_be_a_type_and_not_a_text() -> None:
    def typed(value: object) -> bool:
        return isinstance(value, pd.DataFrame)

    typed.__annotations__["value"] = pd.DataFrame
    assert judged(typed).passed


@pytest.mark.parametrize("value", [{"a": 1}, [1, 2], 3, "text", None, b"file", Path("x")], ids=repr)
def test_what_is_no_table_comes_as_it_is(value: object) -> None:
    assert judged(lambda given: given is value, value).passed


def test_now_is_given_to_whom_asks() -> None:
    assert judged(lambda value, now: now == NOW).passed
    assert judged(lambda value, *, now: now == NOW).passed
    assert judged(lambda value, tolerance=timedelta(1): tolerance == timedelta(1)).passed


@pytest.mark.parametrize("yes", [True, np.bool_(True), pa.scalar(True), pc.all(pa.array([True]))], ids=repr)
def test_any_boolean_is_an_answer(yes: object) -> None:
    assert judged(lambda value: yes).passed


@pytest.mark.parametrize("answer", [None, 1, "yes", pa.scalar(None, pa.bool_()), [True]], ids=repr)
def test_anything_else_is_none(answer: object) -> None:
    verdict = judged(lambda value: answer)
    assert not verdict.passed
    assert verdict.error is not None
    assert verdict.error.endswith("which is neither a bool nor a Finding")


def test_a_finding_tells_more() -> None:
    found = Finding(
        passed=np.False_,  # what numpy answers is as good
        observed=np.float64(0.1),
        failing=np.int64(9),
        sample=[{"symbol": f"S{n}", "at": pd.Timestamp(NOW)} for n in range(9)],
    )
    verdict = judged(lambda value: found, sample_rows=2)
    assert (verdict.passed, verdict.observed, verdict.failing) == (False, 0.1, 9)
    assert verdict.sample == ({"symbol": "S0", "at": NOW}, {"symbol": "S1", "at": NOW})
    assert Verdict.from_json(verdict.to_json()) == verdict


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(Finding(passed="yes"), id="passed is no bool"),
        pytest.param(Finding(passed=True, failing="many"), id="failing is no number"),
        pytest.param(Finding(passed=False, sample=[3]), id="a sample of no mappings"),
    ],
)
def test_a_finding_that_is_wrong_is_an_error(wrong: Finding) -> None:
    assert judged(lambda value: wrong).error is not None


def test_what_it_raises_is_kept() -> None:
    def broken(value: pa.Table) -> bool:
        raise KeyError("close")

    verdict = judged(broken)
    assert (verdict.passed, verdict.failing, verdict.error) == (False, None, "KeyError: 'close'")
    assert verdict.blocks


def test_the_text_of_an_error_is_bounded() -> None:
    def broken(value: pa.Table) -> bool:
        raise ValueError("x" * 10_000)

    assert len(judged(broken).error or "") == 2000


def test_an_interruption_is_no_verdict() -> None:
    def interrupted(value: pa.Table) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judged(interrupted)


def test_what_leaves_the_program_ends_the_check_and_not_the_program() -> None:
    @check
    def leaves(value: pa.Table) -> bool:
        sys.exit(3)

    (verdict,) = evaluate(pa.table({"x": [1]}), [leaves], now=NOW)
    assert verdict.error == "SystemExit: 3"
