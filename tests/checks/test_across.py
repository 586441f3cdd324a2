"""Checks of a value against what it was made from."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks import (
    Beside,
    Check,
    InvalidCheck,
    ParquetFiles,
    Verdict,
    check,
    covers,
    evaluate,
    needs,
    references,
    same_row_count,
    same_sum,
    sql,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

NOW = datetime(2024, 1, 2, tzinfo=UTC)
UNIVERSE = pa.table({"symbol": ["KO", "PEP", None], "id": [1, 2, 3]})


def judged(promise: Check, value: Any, **upstream: Any) -> Verdict:
    """The verdict, which is the same over Arrow in memory and over a Parquet file."""
    beside = Beside(upstream={name: lambda given=given: given for name, given in upstream.items()})
    (verdict,) = evaluate(value, [promise], now=NOW, beside=beside)
    return verdict


def numbers(verdict: Verdict) -> tuple[bool, int | None, int | None]:
    assert verdict.error is None, verdict.error
    return verdict.passed, verdict.failing, verdict.counted


@pytest.mark.parametrize(
    ("promise", "symbols", "said"),
    [
        pytest.param(references("symbol", "universe"), ["KO", "PEP", "KO"], (True, 0, 3), id="all are known"),
        pytest.param(references("symbol", "universe"), ["KO", "XOM", "XOM"], (False, 2, 3), id="rows fail"),
        pytest.param(
            references("symbol", "universe"), ["KO", None], (True, 0, 1), id="null refers to nothing"
        ),
        pytest.param(references("symbol", "universe"), [], (True, 0, 0), id="no rows"),
        pytest.param(references("symbol", "universe", mostly=0.5), ["KO", "XOM"], (True, 1, 2), id="mostly"),
        pytest.param(
            references("symbol", "universe", row_condition="symbol <> 'XOM'"),
            ["KO", "XOM"],
            (True, 0, 1),
            id="some rows",
        ),
        pytest.param(covers("symbol", "universe"), ["PEP", "KO", "XOM"], (True, 0, 2), id="nothing was lost"),
        pytest.param(covers("symbol", "universe"), ["PEP", None], (False, 1, 2), id="one was lost"),
        pytest.param(covers("symbol", "universe"), [], (False, 2, 2), id="all were lost"),
    ],
)
def test_keys(promise: Check, symbols: list[str | None], said: tuple[bool, int, int], tmp_path: Path) -> None:
    table = pa.table({"symbol": pa.array(symbols, pa.string())})
    assert numbers(judged(promise, table, universe=UNIVERSE)) == said
    for name, one in (("value", table), ("universe", UNIVERSE)):
        pq.write_table(one, tmp_path / name)
    files = [ParquetFiles(paths=(str(tmp_path / name),)) for name in ("value", "universe")]
    assert numbers(judged(promise, files[0], universe=files[1])) == said


def test_samples_are_rows_here_and_values_upstream() -> None:
    table = pa.table({"symbol": ["KO", "XOM"], "x": [1, 2]})
    verdict = judged(references("symbol", "universe"), table, universe=UNIVERSE)
    assert verdict.sample == ({"#": 1, "symbol": "XOM", "x": 2},)
    assert judged(covers("symbol", "universe"), table, universe=UNIVERSE).sample == ({"symbol": "PEP"},)


def test_columns_may_have_other_names_upstream() -> None:
    table = pa.table({"ticker": ["KO", "PEP"], "number": [1, 1]})
    promise = references(["ticker", "number"], "universe", ["symbol", "id"])
    assert numbers(judged(promise, table, universe=UNIVERSE)) == (False, 1, 2)
    assert promise.describe() == "ticker and number are among symbol and id of universe"


@pytest.mark.parametrize(
    ("here", "there", "tolerance", "passed"),
    [
        pytest.param(3, 3, 0.0, True, id="equal"),
        pytest.param(3, 4, 0.0, False, id="one is missing"),
        pytest.param(98, 100, 0.02, True, id="at the tolerance"),
        pytest.param(97, 100, 0.02, False, id="past the tolerance"),
        pytest.param(0, 0, 0.0, True, id="none of none"),
    ],
)
def test_as_many_rows(here: int, there: int, tolerance: float, passed: bool) -> None:
    tables = [pa.table({"x": list(range(n))}) for n in (here, there)]
    verdict = judged(same_row_count("up", tolerance=tolerance), tables[0], up=tables[1])
    assert (verdict.passed, verdict.observed) == (passed, f"{here} here, {there} in up")


ORDERS = pa.table({"symbol": ["KO", "KO", "PEP"], "quantity": [1.0, 2.0, 5.0]})


@pytest.mark.parametrize(
    ("quantities", "by", "said"),
    [
        pytest.param({"KO": 3.0, "PEP": 5.0}, (), (True, 0, 1), id="in all"),
        pytest.param({"KO": 5.0, "PEP": 3.0}, (), (True, 0, 1), id="swapped, in all"),
        pytest.param({"KO": 5.0, "PEP": 3.0}, ("symbol",), (False, 2, 2), id="swapped, by symbol"),
        pytest.param({"KO": 3.0}, ("symbol",), (False, 1, 2), id="a group is missing here"),
        pytest.param(
            {"KO": 3.0, "PEP": 5.0, "XOM": 0.0}, ("symbol",), (True, 0, 3), id="nothing of a new one"
        ),
        pytest.param({"KO": 3.0, "PEP": 5.0, "XOM": 1.0}, ("symbol",), (False, 1, 3), id="a new one"),
        pytest.param({"KO": float("nan"), "PEP": 5.0}, (), (False, 1, 1), id="NaN"),
        pytest.param({"KO": None, "PEP": 8.0}, (), (True, 0, 1), id="null counts as nothing"),
    ],
)
def test_sums(quantities: dict[str, float | None], by: tuple[str, ...], said: tuple[bool, int, int]) -> None:
    amounts = pa.array(list(quantities.values()), pa.float64())
    fills = pa.table({"symbol": list(quantities), "filled": amounts})
    promise = same_sum("filled", "orders", "quantity", by=by)
    assert numbers(judged(promise, fills, orders=ORDERS)) == said


def test_a_sum_tells_the_worst_group() -> None:
    fills = pa.table({"symbol": ["KO", "PEP", None], "quantity": [3.5, 9.0, 1.0]})
    verdict = judged(same_sum("quantity", "orders", by="symbol"), fills, orders=ORDERS)
    assert verdict.observed == "9.0 here, 5.0 in orders"
    assert verdict.sample[0] == {"symbol": "PEP", "sum here": 9.0, "sum there": 5.0}
    assert (
        verdict.promise == "quantity sums to what quantity of orders does for each symbol, give or take 1e-09"
    )


def test_decimals_are_exact() -> None:
    cents = pa.table({"x": pa.array([Decimal("0.10"), Decimal("0.20")], pa.decimal128(38, 2))})
    assert judged(same_sum("x", "up", tolerance=0), cents, up=pa.table({"x": [Decimal("0.3")]})).passed


def test_a_query_finds_what_is_wrong() -> None:
    late = sql("SELECT symbol, close, last FROM this JOIN limits USING (symbol) WHERE close > last")
    prices = pa.table({"symbol": ["KO", "PEP"], "close": [60.0, 170.0]})
    limits = pa.table({"symbol": ["KO", "PEP"], "last": [61.0, 100.0]})
    verdict = judged(late, prices, limits=limits, other=lambda: 1 / 0)
    assert numbers(verdict) == (False, 1, None)
    assert verdict.sample == ({"symbol": "PEP", "close": 170.0, "last": 100.0},)
    assert judged(late, prices.slice(0, 1), limits=limits).passed


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM prices", "prices does not exist"),
        ("SELECT FROM", "yntax error"),
        ("SELECT s FROM this", '"s" not found'),
    ],
)
def test_a_query_that_cannot_be_asked(query: str, said: str) -> None:
    verdict = judged(sql(query), pa.table({"x": [1]}))
    assert verdict.error is not None
    assert said in verdict.error or "column 's' is missing" in verdict.error


def test_columns_that_are_read() -> None:
    promise = needs("prices", "symbol", "close")
    assert judged(promise, 1, prices=pa.table({"symbol": ["KO"], "close": [1.0]})).passed
    verdict = judged(promise, 1, prices=pa.table({"symbol": ["KO"], "closes": [1.0]}))
    assert verdict.observed == "'close' is missing. Did you mean 'closes'?"
    assert promise.describe() == "prices has the columns symbol and close"


@pytest.mark.parametrize(
    ("promise", "upstream", "said"),
    [
        pytest.param(references("symbol", "univers"), UNIVERSE, "Did you mean 'universe'?", id="unknown"),
        pytest.param(
            references("symbol", "universe", "sym"),
            UNIVERSE,
            "column 'sym' of universe is missing",
            id="column",
        ),
        pytest.param(references("symbol", "universe"), [1], "is no table, but of type list", id="no table"),
        pytest.param(same_sum("symbol", "universe"), UNIVERSE, "has no sum", id="no number"),
        pytest.param(references("symbol", "universe", "id"), UNIVERSE, "Could not convert", id="other types"),
        pytest.param(needs("universe", "id"), 3, "is no table", id="needs a table"),
    ],
)
def test_what_cannot_be_compared(promise: Check, upstream: Any, said: str) -> None:
    verdict = judged(promise, pa.table({"symbol": ["KO"]}), universe=upstream)
    assert not verdict.passed
    assert said in (verdict.error or "")


def test_what_cannot_be_read_is_told() -> None:
    def load() -> Any:
        raise OSError("the disk is gone")

    beside = Beside(upstream={"universe": load})
    (verdict,) = evaluate(
        pa.table({"symbol": ["KO"]}), [references("symbol", "universe")], now=NOW, beside=beside
    )
    assert verdict.error == "'universe' cannot be read: the disk is gone"


def test_a_function_may_ask_for_upstream() -> None:
    @check
    def newest_is_there(value: pa.Table, calendar: pd.DataFrame, now: datetime) -> bool:
        """The newest day of the calendar is there."""
        return bool(calendar["day"].max() in value["day"].to_pylist()) and now == NOW

    assert newest_is_there.needs == (("calendar", ()),)
    calendar = pa.table({"day": [date(2024, 1, 1), date(2024, 1, 2)]})
    assert judged(newest_is_there, calendar, calendar=calendar).passed
    verdict = judged(newest_is_there, calendar)
    assert verdict.error is not None
    assert "compares with 'calendar'" in verdict.error


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: references([], "up"), "names no column"),
        (lambda: references(["a", "b"], "up", ["c"]), "compares 2 columns with 1"),
        (lambda: references("a", ""), "names ''"),
        (lambda: references("a", "this"), "which is the value itself"),
        (lambda: same_row_count("up", tolerance=1), "from 0 to below 1"),
        (lambda: same_sum("a", "up", tolerance=-1), "zero or more"),
        (lambda: needs("up"), "names no column"),
        (lambda: sql(" "), "give it SQL"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(declare: Any, said: str) -> None:
    with pytest.raises(InvalidCheck, match=said):
        declare()


@pytest.mark.parametrize(
    "name",
    ['a"b', "select", "new\nline", "here", "times", "known", "total", "row_", "key 0", "Ünï"],
)
def test_columns_may_be_called_anything(name: str) -> None:
    table = pa.table({name: ["x", "y", None, "z"], "v": [1.0, 2.0, 3.0, 4.0]})
    up = pa.table({name: ["x", "w"], "v": [1.0, 9.0]})
    said = [
        judged(check, table, up=up)
        for check in (references(name, "up"), covers(name, "up"), same_sum("v", "up", by=name))
    ]
    assert [one.error for one in said] == [None] * 3
    assert [one.failing for one in said] == [2, 1, 4]
    assert all(one.sample for one in said)


def test_what_it_compares_with_is_in_its_digest() -> None:
    assert references("a", "up", name="n").digest != references("a", "down", name="n").digest
