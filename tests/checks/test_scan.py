"""SQL's way of judging: files, threads, faults kept apart, and a million rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks import (
    ParquetFiles,
    Verdict,
    between,
    evaluate,
    expression,
    matches,
    monotonic,
    not_null,
    one_of,
    row_count,
    sums_to,
    unique,
)

NOW = datetime(2024, 5, 17, 12, tzinfo=UTC)


def failing_rows(verdict: Verdict) -> list[object]:
    """The numbers of the sampled rows of a verdict that could be judged."""
    assert verdict.error is None
    return [row["#"] for row in verdict.sample]


def test_one_check_that_cannot_be_judged_spoils_no_other() -> None:
    table = pa.table({"a": [1, None]})
    declared = [
        not_null("a"),
        expression("a >"),
        expression("nope > 1"),
        between("a", 0, 9),
        unique("b"),
        unique("a"),
    ]
    assert [
        (verdict.passed, verdict.failing) for verdict in evaluate(table, declared, now=NOW, small_rows=-1)
    ] == [(False, 1), (False, None), (False, None), (True, 0), (False, None), (True, 0)]


def test_the_rows_of_all_that_fails_are_found_together(tmp_path: Path) -> None:
    table = pa.table({"a": [1, None, 3, None], "b": ["x", "yy", "x", "yy"], "c": [9, 8, 7, 6]})
    pq.write_table(table, tmp_path / "t.parquet")
    declared = [not_null("a"), matches("b", "^.$"), between("c", 7, None), unique("b"), between("a", 0, None)]
    for data in (table, ParquetFiles(paths=(str(tmp_path / "t.parquet"),))):
        verdicts = evaluate(data, declared, now=NOW, small_rows=-1, sample_rows=2)
        assert [[row["#"] for row in verdict.sample] for verdict in verdicts] == [
            [1, 3],
            [1, 3],
            [3],
            [0, 2],
            [],
        ]
        assert verdicts[1].sample[0] == {"#": 1, "b": "yy", "a": None, "c": 8}


@pytest.mark.parametrize("small_rows", [-1, 10])
def test_a_row_without_a_column_of_one_name_is_a_number(small_rows: int) -> None:
    twice = pa.table([[1, 2], [3, 4]], names=["a", "a"])
    (verdict,) = evaluate(twice, [expression("1 = 0")], now=NOW, small_rows=small_rows)
    assert verdict.sample == ({"#": 0}, {"#": 1})


def test_a_column_of_a_type_that_duckdb_does_not_know_spoils_no_other() -> None:
    strange = pa.array([Decimal(1), Decimal(2)], pa.decimal256(60, 2))
    table = pa.table({"strange": strange, "half": pa.array([0.5, 1.0], pa.float16()), "a": [1, 2]})
    declared = [between("a", 0, 9), unique("strange"), between("half", 0, 9), expression("a * 2 > 0")]
    verdicts = evaluate(table, declared, now=NOW, small_rows=-1)
    assert [verdict.passed for verdict in verdicts] == [True, False, False, True]
    assert verdicts[1].error == "column 'strange' is of a type that DuckDB does not know."
    assert all(verdict.passed for verdict in evaluate(table, declared, now=NOW))


def test_parquet_files_are_one_table_in_their_order(tmp_path: Path) -> None:
    paths = []
    for part in range(3):
        paths.append(str(tmp_path / f"it's {part}.parquet"))
        pq.write_table(pa.table({"a": [part * 2, part * 2 + 1], "b": ["x", None]}), paths[-1])
    verdicts = evaluate(
        ParquetFiles(paths=tuple(paths[::-1])), [monotonic("a"), not_null("b"), row_count(6, 6)], now=NOW
    )
    assert [failing_rows(verdict) for verdict in verdicts[:2]] == [[2, 4], [1, 3, 5]]
    assert verdicts[0].sample[0] == {"#": 2, "a": 2, "b": "x"}
    assert verdicts[2].passed
    assert {verdict.rows for verdict in verdicts} == {6}


def test_a_file_that_is_not_there_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        evaluate(ParquetFiles(paths=(str(tmp_path / "x.parquet"),)), [not_null("a")], now=NOW)


def test_threads_do_not_disturb_one_another() -> None:
    def judged(n: int) -> tuple[int | None, ...]:
        table = pa.table({"a": [None] * n + [1] * (3000 - n), "b": list(range(3000))})
        declared = [
            not_null("a"),
            between("b", n, None),
            unique("b"),
            monotonic("b"),
            expression(f"b >= {n}"),
        ]
        return tuple(verdict.failing for verdict in evaluate(table, declared, now=NOW))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(judged, range(40))) == [(n, n, 0, 0, n) for n in range(40)]


def a_million_prices() -> pa.Table:
    """2,000 sessions of 500 symbols, sorted by symbol."""
    symbols, sessions = 500, 2000
    close = np.random.default_rng(7).random(symbols * sessions) + 1
    return pa.table(
        {
            "symbol": np.repeat([f"S{n:03d}" for n in range(symbols)], sessions),
            "session": pa.array(np.tile(np.arange(sessions, dtype="int32"), symbols)).cast(pa.date32()),
            "close": close,
            "weight": np.full(symbols * sessions, 1 / symbols),
        }
    )


MILLION = [
    not_null("symbol", "session", "close"),
    unique("symbol", "session"),
    between("close", 0, None),
    one_of("symbol", [f"S{n:03d}" for n in range(500)]),
    matches("symbol", "^S[0-9]{3}$"),
    sums_to("weight", 1, by="session"),
    monotonic("session", by="symbol", strict=True),
    monotonic("session", name="unsorted by session"),
    expression("close < 2"),
]


def test_a_million_rows() -> None:
    table = a_million_prices()
    *holding, unsorted = sorted(evaluate(table, MILLION, now=NOW), key=lambda verdict: verdict.check)
    assert [verdict.describe() for verdict in holding if not verdict.passed] == []
    assert (unsorted.failing, failing_rows(unsorted)) == (499, [2000, 4000, 6000, 8000, 10000])


def test_a_million_rows_of_which_some_are_bad() -> None:
    table = a_million_prices()
    damaged = pa.concat_tables([table, table.slice(500, 2)])
    verdicts = {verdict.check: verdict for verdict in evaluate(damaged, MILLION, now=NOW)}
    assert failing_rows(verdicts["unique(symbol, session)"]) == [500, 1000000, 501, 1000001]
    assert failing_rows(verdicts["monotonic(session by symbol)"]) == [1000000]
    assert verdicts["sums_to(weight by session)"].failing == 2
    assert verdicts["not_null(symbol, session, close)"].passed


@pytest.mark.parametrize(
    "name", ["times", "first_row", "total", "value", "previous", "v0", "bad", "row_", "this", 'a"b']
)
def test_columns_may_be_called_anything(name: str) -> None:
    table = pa.table({name: ["x", "y", "x", "z"], "v": [1.0, 2.0, 0.5, 4.0]})
    checks = [
        unique(name),
        sums_to("v", 9, by=name),
        monotonic("v", by=name),
        one_of(name, [f"k{n}" for n in range(40)]),
        between(name, "y", None),
    ]
    said = evaluate(table, checks, now=NOW, small_rows=-1)
    assert [one.error for one in said] == [None] * 5
    assert [one.failing for one in said] == [2, 3, 1, 4, 2]
    assert all(one.sample for one in said)
