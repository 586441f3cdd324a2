"""The promise about columns and their types."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks import ParquetFiles, Verdict, evaluate, schema

NOW = datetime(2024, 5, 17, tzinfo=UTC)
TABLE = pa.table(
    {
        "symbol": pa.array(["A"]),
        "session": pa.array([0], pa.date32()),
        "close": pa.array([1.0]),
        "at": pa.array([0], pa.timestamp("us", "UTC")),
    }
)
TYPES = {"symbol": "string", "session": "date32[day]", "close": "double", "at": "timestamp[us, tz=UTC]"}


def judged(types: dict[str, str], table: object = TABLE, *, exact: bool = True) -> Verdict:
    (verdict,) = evaluate(table, [schema(types, exact=exact)], now=NOW)
    return verdict


def without(name: str) -> dict[str, str]:
    return {column: type_name for column, type_name in TYPES.items() if column != name}


@pytest.mark.parametrize(
    ("types", "observed"),
    [
        pytest.param(TYPES, None, id="as it is"),
        pytest.param(dict(reversed(TYPES.items())), None, id="the order does not count"),
        pytest.param(TYPES | {"close": "float64"}, None, id="a type by its short name"),
        pytest.param(TYPES | {"session": "date32", "symbol": "utf8"}, None, id="other short names"),
        pytest.param(TYPES | {"symbol": "large_string"}, None, id="the layout does not count"),
        pytest.param(TYPES | {"close": "float"}, "'close' is double, not float", id="retyped"),
        pytest.param(
            TYPES | {"at": "timestamp[us]"}, "'at' is timestamp[us, tz=UTC], not timestamp[us]", id="no zone"
        ),
        pytest.param(without("close"), "'close' (double) is not expected", id="too many"),
        pytest.param(TYPES | {"open": "double"}, "'open' is missing", id="missing"),
        pytest.param(
            without("close") | {"clsoe": "double"},
            "'clsoe' is missing. Did you mean 'close'?; 'close' (double) is not expected",
            id="misspelt",
        ),
    ],
)
def test_the_differences_are_named(types: dict[str, str], observed: str | None) -> None:
    verdict = judged(types)
    assert (verdict.passed, verdict.observed) == (observed is None, observed)
    assert verdict.failing == (observed.count(";") + 1 if observed else 0)


def test_without_exact_there_may_be_more() -> None:
    assert judged({"close": "double"}, exact=False).passed
    assert not judged({"open": "double"}, exact=False).passed


@pytest.mark.parametrize(
    ("column", "type_name"),
    [
        (pa.array(["A"]).dictionary_encode(), "string"),
        (pa.array(["A"], pa.string_view()), "string"),
        (pa.array([b"A"], pa.large_binary()), "binary"),
        (pa.array([["A"]], pa.large_list(pa.large_string())), "list<item: string>"),
        (pa.array([1], pa.timestamp("ns")).dictionary_encode(), "timestamp[ns]"),
        (pa.array([1], pa.decimal128(10, 2)), "decimal128(10, 2)"),
    ],
    ids=str,
)
def test_layouts_of_one_type(column: pa.Array, type_name: str) -> None:
    assert judged({"a": type_name}, pa.table({"a": column})).observed is None


def test_two_columns_of_one_name() -> None:
    table = pa.table([[1], [2]], names=["a", "a"])
    assert judged({"a": "int64"}, table).observed == "'a' is there twice"


def test_every_file_is_looked_at(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{n}.parquet") for n in range(3)]
    for n, path in enumerate(paths):
        pq.write_table(pa.table({"a": pa.array([n], pa.int64() if n < 2 else pa.int32())}), path)
    verdict = judged({"a": "int64"}, ParquetFiles(paths=tuple(paths)))
    assert verdict.observed == f"'a' is int32, not int64 in {paths[2]}"
