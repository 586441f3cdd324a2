"""Formats: what is stored comes back, as its reader wants it; what cannot come back is refused with the remedy."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import json
import math
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import duckdb
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pydantic
import pytest
from hypothesis import given

from materializers.content import bytes_version, table_version, value_version
from materializers.conversion import wanted
from materializers.formats import CannotConvert, NotStorable, choose, converted, decode
from materializers.ledger import Content
from materializers.store import DamagedFile, LocalStore, MemoryStore, MissingFile, Store, open_store

ROOT = Path(__file__).resolve().parents[2]
KEY = "market/prices"
DAY = dt.date(2024, 1, 2)
WHEN = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


@pytest.fixture(params=["directory", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(tmp_path / "store") if request.param == "directory" else MemoryStore()


def encode(
    value: object, store: Store, stored_as: str | None = None, annotation: str | None = None
) -> Content:
    return choose(value, annotation, stored_as, key=KEY).encode(value, store)


def there_and_back(
    value: object, store: Store, annotation: str | None = None, hint: object = None, **how: Any
) -> Any:
    return decode(encode(value, store, **how), store, annotation, hint, key=KEY)


# --- tables ------------------------------------------------------------------------------------------------

COLUMNS = st.fixed_dictionaries(
    {
        "whole": st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=5, max_size=5),
        "real": st.lists(st.none() | st.floats(), min_size=5, max_size=5),
        "text": st.lists(
            st.none() | st.text(st.characters(codec="utf-8"), max_size=5), min_size=5, max_size=5
        ),
        "flag": st.lists(st.none() | st.booleans(), min_size=5, max_size=5),
        "list": st.lists(
            st.none() | st.lists(st.none() | st.integers(0, 9), max_size=3), min_size=5, max_size=5
        ),
    }
)
SCHEMA = pa.schema(
    [
        pa.field("whole", pa.int64(), metadata={"unit": "shares"}),
        pa.field("real", pa.float64()),
        pa.field("text", pa.dictionary(pa.int16(), pa.string())),
        pa.field("flag", pa.bool_()),
        pa.field("list", pa.list_(pa.int32())),
    ],
    metadata={"source": "made up"},
)


@given(columns=COLUMNS, rows=st.integers(0, 5))
def test_a_table_comes_back_with_its_schema_and_its_version(columns, rows) -> None:
    store = MemoryStore()
    table = pa.table({name: values[:rows] for name, values in columns.items()}, schema=SCHEMA)
    encoded = encode(table, store)
    back = decode(encoded, store)
    assert back.schema.equals(SCHEMA, check_metadata=True)
    assert repr(back.to_pylist()) == repr(table.to_pylist())  # NaN is NaN here
    assert encoded.data_version == table_version(table) == table_version(back)
    assert encoded.rows == rows


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pa.array([WHEN], pa.timestamp("s")), id="seconds"),
        pytest.param(pa.array([WHEN], pa.timestamp("ns", "America/New_York")), id="nanoseconds with a zone"),
        pytest.param(pa.array([DAY], pa.date64()), id="date64"),
        pytest.param(pa.array([WHEN.time()], pa.time32("s")), id="time of day in seconds"),
        pytest.param(pa.array([[WHEN]], pa.list_(pa.timestamp("s"))), id="lists of seconds"),
        pytest.param(pa.array([decimal.Decimal("1.10")], pa.decimal128(9, 2)), id="decimals"),
        pytest.param(pa.array([1.5, None], pa.float16()), id="half floats"),
        pytest.param(pa.array(["a", None], pa.large_string()), id="large strings"),
        pytest.param(pa.array(["a", None], pa.string_view()), id="string views"),
        pytest.param(pa.array([[1], None, [2, 3]], pa.list_view(pa.int64())).slice(1), id="list views"),
        pytest.param(pa.array([[1, 2], None], pa.list_(pa.int64(), 2)), id="lists of one length"),
        pytest.param(pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())), id="maps"),
        pytest.param(pa.array([{"a": [1], "b": None}, None]), id="structs"),
        pytest.param(pa.nulls(2), id="nothing but nulls"),
        pytest.param(pa.array([3, 3, None]).dictionary_encode(), id="dictionaries of numbers"),
        pytest.param(
            pa.array(["a"], pa.large_string()).dictionary_encode(), id="dictionaries of large strings"
        ),
        pytest.param(pa.array([uuid.UUID(int=7).bytes], pa.uuid()), id="extension types"),
    ],
)
def test_a_column_comes_back_with_its_type(store: Store, column: pa.Array) -> None:
    table = pa.table({"x": column})
    back = there_and_back(table, store)
    assert back.schema == table.schema
    assert back.to_pydict() == table.to_pydict()
    assert table_version(back) == table_version(table)


def test_an_ordered_categorical_keeps_its_order_over_row_groups(store: Store) -> None:
    order = ["unused", "low", "high"]
    column = pa.DictionaryArray.from_arrays(pa.array([2, 1] * 200_000, pa.int8()), order, ordered=True)
    back = there_and_back(pa.table({"level": column}), store)
    assert [chunk.dictionary.to_pylist() for chunk in back["level"].chunks] == [order] * back[
        "level"
    ].num_chunks
    assert back["level"].type.ordered


FRAME = pd.DataFrame(
    {
        "close": [1.5, np.nan],
        "name": ["a", None],
        "level": pd.Categorical(["x", "y"], ["y", "x"], ordered=True),
    }
)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(FRAME, id="plain"),
        pytest.param(
            FRAME.set_index(pd.to_datetime(["2024-01-02", "2024-01-03"]).rename("day")), id="named index"
        ),
        pytest.param(
            FRAME.set_index(pd.to_datetime(["2024-01-02", "2024-01-03"])), id="index without a name"
        ),
        pytest.param(FRAME.iloc[1:], id="some rows of it"),
        pytest.param(FRAME.set_index(["name", "close"]), id="several levels"),
        pytest.param(FRAME[["close", "name"]].iloc[:0], id="no rows"),
        pytest.param(FRAME.set_axis([1, 2, 3], axis="columns"), id="columns that are numbers"),
    ],
)
def test_a_pandas_frame_comes_back(store: Store, frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(there_and_back(frame, store, "pd.DataFrame"), frame)


def test_a_stream_is_stored_as_the_table_that_it_gives(store: Store) -> None:
    table = pa.table({"x": range(1000), "s": ["a", None] * 500})
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=64))
    encoded = encode(reader, store)
    assert encoded.rows == 1000
    assert encoded.data_version == table_version(table)
    assert decode(encoded, store) == table
    assert decode(encoded, store, "pa.RecordBatchReader").read_all() == table


def test_a_duckdb_relation_is_stored_as_the_table_that_it_gives(store: Store) -> None:
    relation = duckdb.connect().sql("select i as x, 'a' as s from range(3) t(i)")
    encoded = encode(relation, store)
    assert encoded.data_version == table_version(pa.table({"x": [0, 1, 2], "s": ["a"] * 3}))
    assert encoded.schema == "x: int64\ns: string"


def joined(store: Store, prices: Content, names: Content) -> list[tuple[object, ...]]:
    one, other = (decode(each, store, "duckdb.DuckDBPyRelation") for each in (prices, names))
    return one.join(other, "symbol").order("close").fetchall()


def test_relations_of_several_assets_can_be_joined_in_any_thread(store: Store) -> None:
    prices = encode(pa.table({"symbol": ["A", "B"], "close": [1.0, 2.0]}), store)
    names = encode(pa.table({"symbol": ["B", "A"], "name": ["beta", "alpha"]}), store)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: joined(store, prices, names), range(16)))
    assert results == [[("A", 1.0, "alpha"), ("B", 2.0, "beta")]] * 16


def test_times_from_duckdb_do_not_depend_on_the_machine(store: Store) -> None:
    relation = there_and_back(
        pa.table({"at": pa.array([WHEN], pa.timestamp("us", "UTC"))}), store, "DuckDBPyRelation"
    )
    assert relation.to_arrow_table().schema.field("at").type == pa.timestamp("us", "UTC")


class Trade(pydantic.BaseModel):
    symbol: str
    day: dt.date
    price: decimal.Decimal = decimal.Decimal("1.10")


TRADES = [Trade(symbol="A", day=DAY), Trade(symbol="B", day=DAY, price=decimal.Decimal("2.25"))]


@dataclasses.dataclass
class Point:
    x: float
    y: float | None = None


@pytest.mark.parametrize(
    ("rows", "schema"),
    [
        pytest.param(TRADES, "symbol: string\nday: date32[day]\nprice: decimal128(3, 2)", id="models"),
        pytest.param(
            [{"x": 1}, {"x": 2, "y": "late"}], "x: int64\ny: string", id="rows that know more than the first"
        ),
        pytest.param([Point(1.5, None), Point(2.5, 3.5)], "x: double\ny: double", id="dataclasses"),
    ],
)
def test_rows_are_a_table_where_that_is_asked_for(store: Store, rows: list[object], schema: str) -> None:
    encoded = encode(rows, store, stored_as="table")
    assert encoded.schema == schema
    assert encoded.rows == 2
    hint = list[type(rows[0])] if not isinstance(rows[0], dict) else None
    back = decode(encoded, store, "list[dict]", hint)
    assert back == rows if hint else [{k: v for k, v in row.items() if v is not None} for row in back] == rows


def test_a_real_table_comes_back(shared_data: Path, store: Store) -> None:
    table = pq.read_table(shared_data / "eta" / "eta_vp_sample.parquet")
    encoded = encode(table, store)
    assert decode(encoded, store) == table
    frame = decode(encoded, store, "pd.DataFrame")
    assert encode(frame, store).rows == table.num_rows


# --- JSON --------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_a_plain_value_comes_back_in_its_own_order(value) -> None:
    store = MemoryStore()
    encoded = encode(value, store)
    assert repr(decode(encoded, store)) == repr(value)  # of the same types, keys in the same order
    assert encoded.data_version == value_version(value)
    assert encoded.format == "json"


def test_stored_json_is_what_one_would_write(store: Store) -> None:
    encoded = encode({"b": 1, "a": ["ü", 2**70, -0.0, None, True]}, store)
    assert store.get(encoded.address).decode() == '{"b":1,"a":["ü",1180591620717411303424,-0.0,null,true]}'
    assert encoded.size == 56
    assert decode(encoded, store, "Path").suffix == ".json"
    assert json.loads(decode(encoded, store, "bytes"))["b"] == 1


class Renamed(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    weight: float = pydantic.Field(alias="w", serialization_alias="W")

    @pydantic.computed_field
    @property
    def double(self) -> float:
        return 2 * self.weight


class Metrics(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(ser_json_inf_nan="strings")
    low: float
    high: float


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        pytest.param(TRADES[0], Trade, id="a model"),
        pytest.param(TRADES, list[Trade], id="a list of models"),
        pytest.param({"A": TRADES[0]}, dict[str, Trade], id="models by name"),
        pytest.param(Renamed(w=0.5), Renamed, id="a model with other names outside, and a computed field"),
        pytest.param(
            Metrics(low=-math.inf, high=math.inf), Metrics, id="infinity, where the model allows it"
        ),
        pytest.param(Point(1.5), Point, id="a dataclass"),
        pytest.param((1, 2), tuple[int, int], id="a tuple"),
        pytest.param({"a": 0.5}, dict[str, float], id="plain values"),
        pytest.param(3, Annotated[int, pydantic.Field(gt=0)], id="a number within bounds"),
        pytest.param("text", str, id="text"),
    ],
)
def test_a_value_comes_back_as_its_readers_type(store: Store, value: object, hint: object) -> None:
    back = there_and_back(value, store, "whatever the text says", hint)
    assert back == value
    assert type(back) is type(value)


# --- files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        pytest.param("report.html", ".html", id="one suffix"),
        pytest.param("model.v1.ubj", ".ubj", id="the last one"),
        pytest.param("prices.csv.gz", ".csv.gz", id="two of a compressed file"),
        pytest.param("notes", "", id="none"),
        pytest.param("a.strange suffix", "", id="none that is plain"),
    ],
)
def test_a_file_keeps_its_bytes_and_its_suffix(store: Store, tmp_path: Path, name: str, suffix: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\0\1\2")
    encoded = encode(path, store)
    copy = decode(encoded, store)
    assert copy.read_bytes() == b"\0\1\2"
    assert "".join(copy.suffixes) == suffix
    assert encoded.data_version == bytes_version(b"\0\1\2")


@pytest.mark.parametrize(
    ("value", "annotation", "suffix"),
    [
        pytest.param(b"\x89PNG\r\n\x1a\n...", "bytes", ".png", id="an image"),
        pytest.param("<!DOCTYPE html><html></html>", "str", ".html", id="a page"),
        pytest.param('<?xml version="1.0"?>\n<svg></svg>', "str", ".svg", id="a drawing"),
        pytest.param("hé", "str", "", id="text"),
        pytest.param(bytearray(b"abc"), "bytes", "", id="other bytes"),
    ],
)
def test_bytes_and_text_are_files(store: Store, value: bytes | str, annotation: str, suffix: str) -> None:
    encoded = encode(value, store, stored_as="file")
    assert decode(encoded, store, annotation) == value
    assert decode(encoded, store, "pathlib.Path").suffix == suffix
    assert encoded.format == "file"


# --- choosing, and what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "stored_as", "name"),
    [
        pytest.param(pa.table({"x": [1]}), None, "table", id="an Arrow table"),
        pytest.param(FRAME, None, "table", id="a frame"),
        pytest.param(
            type("Mine", (pd.DataFrame,), {})({"x": [1]}), None, "table", id="a class derived from a frame"
        ),
        pytest.param([{"x": 1}], None, "json", id="rows"),
        pytest.param([{"x": 1}], "table", "table", id="rows as a table"),
        pytest.param(TRADES[0], None, "json", id="a model"),
        pytest.param("text", None, "json", id="text"),
        pytest.param("text", "file", "file", id="text as a file"),
        pytest.param(b"", None, "file", id="bytes"),
        pytest.param(Path("x"), None, "file", id="a path"),
    ],
)
def test_the_value_chooses_unless_stored_as_does(value: object, stored_as: str | None, name: str) -> None:
    assert choose(value, None, stored_as).name == name


ITSELF: list[object] = []
ITSELF.append(ITSELF)
WRONG = "asset 'market/prices' returned "


@pytest.mark.parametrize(
    ("value", "how", "message"),
    [
        pytest.param(
            {"a": {"b": [1, math.nan]}},
            {},
            "dict with nan at .a.b[1], which cannot be stored: JSON has no such number; say None where there is none",
            id="NaN in JSON",
        ),
        pytest.param(
            {"on": DAY},
            {},
            "dict with datetime.date at .on, which cannot be stored: use .isoformat(), or a pydantic model, whose "
            "reader gets the date back",
            id="dates in plain JSON",
        ),
        pytest.param(
            pd.Series([1]),
            {},
            "pandas.Series, which cannot be stored: use .tolist(), or return a table",
            id="a series",
        ),
        pytest.param(
            ITSELF,
            {},
            "list, which cannot be stored: it contains itself, or is nested too deeply",
            id="a loop",
        ),
        pytest.param(
            "\ud800",
            {},
            "str with half a surrogate pair, which cannot be stored: it is no valid Unicode; mend the text",
            id="half a character",
        ),
        pytest.param(
            pa.table({}),
            {},
            "a table without columns, which cannot be stored: return its columns, with no rows if there are none",
            id="no columns",
        ),
        pytest.param(
            pa.table([[1], [2]], ["a", "a"]),
            {},
            "a table with two columns 'a', which cannot be stored: rename one of them",
            id="a name twice",
        ),
        pytest.param(
            pa.table({"level": pa.DictionaryArray.from_arrays([0], pa.array([7]), ordered=True)}),
            {},
            "an ordered categorical of int64 ('level'), which cannot be stored: Parquet keeps the order of text "
            "categories only; use those, or the plain values",
            id="an order that would be lost",
        ),
        pytest.param(
            3,
            {"stored_as": "table"},
            "int, which cannot be stored: return a table or a list of rows, or leave out stored_as='table'",
            id="a number as a table",
        ),
        pytest.param(
            [1, {"x": 1}],
            {"stored_as": "table"},
            "list, which cannot be stored: return a table or a list of rows, or leave out stored_as='table'",
            id="a list with what is no row",
        ),
        pytest.param(
            3,
            {"stored_as": "file"},
            "int, which cannot be stored: return a Path, bytes or text, or leave out stored_as='file'",
            id="a number as a file",
        ),
        pytest.param(
            3,
            {"stored_as": "tabel"},
            "int, which cannot be stored: stored_as is one of table, json, file, not 'tabel'. Did you mean 'table'?",
            id="a format that is none",
        ),
        pytest.param(
            {"x": 1},
            {"annotation": "pa.Table"},
            "dict, which cannot be stored: its annotation promises 'pa.Table'; return that, or change the annotation",
            id="not what the annotation promises",
        ),
        pytest.param(
            None,
            {"annotation": "pd.DataFrame"},
            "NoneType, which cannot be stored: its annotation promises 'pd.DataFrame'; return Skip(reason)",
            id="nothing, where a table is promised",
        ),
        pytest.param(
            Path("/nowhere/x.txt"),
            {},
            "the path /nowhere/x.txt, which cannot be stored: there is no such file; write it before returning it",
            id="a file that is not there",
        ),
        pytest.param(
            ROOT,
            {},
            f"the directory {ROOT}, which cannot be stored: return one file, such as an archive of it",
            id="a directory",
        ),
    ],
)
def test_what_cannot_be_stored_is_refused(value: object, how: dict[str, str], message: str) -> None:
    with pytest.raises(NotStorable) as told:
        encode(value, MemoryStore(), **how)
    assert str(told.value) == WRONG + message
    assert told.value.key == KEY


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(pd.DataFrame({"a": [1, "x"]}), id="a pandas column of two types"),
        pytest.param(
            pa.table({"a": pa.array([pa.MonthDayNano([1, 2, 3])])}), id="a type that Parquet does not know"
        ),
    ],
)
def test_what_arrow_refuses_is_told_with_the_asset(value: object) -> None:
    with pytest.raises(
        NotStorable, match=r"asset 'market/prices' returned a table, .*; change the type of that column"
    ):
        encode(value, MemoryStore())


TABLE, NUMBER, PAGE = pa.table({"x": [1]}), 3.5, b"<html>"
AS_TABLE = "a table is read as pa.Table, pd.DataFrame, pl.DataFrame, DuckDBPyRelation, list[Model] or Path"


@pytest.mark.parametrize(
    ("value", "annotation", "hint", "message"),
    [
        pytest.param(
            TABLE,
            "dict",
            None,
            f"a table and cannot be read as dict: {AS_TABLE}",
            id="a table as a dictionary",
        ),
        pytest.param(
            TABLE, None, Trade, f"a table and cannot be read as Trade: {AS_TABLE}", id="a table as one model"
        ),
        pytest.param(
            TABLE,
            "list[Trade]",
            list[Trade],
            "a table and cannot be read as list[Trade]: [0]['symbol'] does not fit: Field required (2 such places)",
            id="a table as the wrong models",
        ),
        pytest.param(
            NUMBER,
            "pa.Table",
            None,
            "JSON and cannot be read as pa.Table: read it as a plain value or a model, or give its producer "
            "stored_as='table'",
            id="a number as a table",
        ),
        pytest.param(
            NUMBER,
            "Trade",
            Trade,
            "JSON and cannot be read as Trade: the value does not fit: Input should be an object",
            id="a number as a model",
        ),
        pytest.param(
            NUMBER,
            None,
            CannotConvert,
            "JSON and cannot be read as CannotConvert: use a pydantic model or a plain type",
            id="a number as any class",
        ),
        pytest.param(
            PAGE,
            "pd.DataFrame",
            None,
            "a file and cannot be read as pd.DataFrame: a file is read as Path, bytes or str",
            id="a page as a frame",
        ),
        pytest.param(
            b"\xff",
            "str",
            None,
            "a file and cannot be read as str: it is not UTF-8; read it as bytes or Path",
            id="bytes as text",
        ),
    ],
)
def test_what_a_reader_cannot_have_is_told(
    value: object, annotation: str, hint: object, message: str
) -> None:
    with pytest.raises(CannotConvert) as told:
        there_and_back(value, MemoryStore(), annotation, hint)
    assert str(told.value) == f"asset 'market/prices' is stored as {message}"


def test_polars_is_asked_for_only_where_it_is_wanted(store: Store) -> None:
    if importlib_has("polars"):
        assert there_and_back(TABLE, store, "pl.DataFrame").to_arrow() == TABLE
        assert there_and_back(TABLE, store, "pl.LazyFrame").collect().to_arrow() == TABLE
        assert there_and_back(decode(encode(TABLE, store), store, "pl.DataFrame"), store) == TABLE
        return
    for annotation in ("pl.DataFrame", "polars.LazyFrame"):
        with pytest.raises(CannotConvert, match="polars is not installed; pip install polars"):
            there_and_back(TABLE, store, annotation)


def importlib_has(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(name) is not None


def test_what_lies_elsewhere_cannot_be_read() -> None:
    @dataclasses.dataclass(frozen=True)
    class Elsewhere:
        format: str = "external"
        address: str | None = None

    with pytest.raises(CannotConvert, match="its data lie outside this store"):
        decode(Elsewhere(), MemoryStore(), "pa.Table", key=KEY)


# --- damage ------------------------------------------------------------------------------------------------


def cut(store: Store, address: str, to: int) -> None:
    """Take away a file's end."""
    match store:
        case LocalStore():
            data = store.get(address)[:to]
            (store.root / address).unlink()
            (store.root / address).write_bytes(data)
        case MemoryStore():
            store.files[address] = store.files[address][:to]


@pytest.mark.parametrize("value", [pytest.param(TABLE, id="a table"), pytest.param({"a": [1, 2]}, id="JSON")])
@pytest.mark.parametrize("to", [pytest.param(0, id="all"), pytest.param(5, id="nearly all")])
def test_a_file_without_its_end_is_damaged(store: Store, value: object, to: int) -> None:
    encoded = encode(value, store)
    cut(store, encoded.address, to)
    with pytest.raises(DamagedFile) as told:
        decode(encoded, store)
    assert told.value.address == encoded.address


@pytest.mark.parametrize("annotation", ["pa.Table", "DuckDBPyRelation", "Path", "bytes"])
def test_a_table_that_is_gone_is_missing(store: Store, annotation: str) -> None:
    encoded = encode(
        pa.table({"never read before": [annotation, str(store)]}), store
    )  # no copy of it is here
    store.delete(encoded.address)
    with pytest.raises(MissingFile):
        decode(encoded, store, annotation)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        pytest.param({"a": 1}, None, id="JSON"),
        pytest.param({"a": 1}, "bytes", id="JSON as bytes"),
        pytest.param({"a": 1}, "Path", id="JSON as a path"),
        pytest.param(b"a figure", "bytes", id="a file"),
        pytest.param(b"a figure", "str", id="a file as text"),
        pytest.param(b"a figure", "Path", id="a file as a path"),
        pytest.param(TABLE, "pa.Table", id="a table"),
        pytest.param(TABLE, "bytes", id="a table as bytes"),
        pytest.param(TABLE, "DuckDBPyRelation", id="a table as a relation"),
    ],
)
def test_one_changed_byte_is_noticed_and_told_with_the_asset(
    tmp_path: Path, value: object, annotation: str | None
) -> None:
    store = open_store(tmp_path / "store")
    encoded = encode(value, store)
    assert encoded.address is not None
    path = tmp_path / "store" / encoded.address
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    with pytest.raises(DamagedFile, match=r"of asset 'market/prices' .* materialize market/prices with"):
        decode(encoded, store, annotation, key=KEY)


def test_what_is_missing_is_told_with_the_asset(store: Store) -> None:
    encoded = encode({"never": "read before"}, store)
    assert encoded.address is not None
    store.delete(encoded.address)
    with pytest.raises(MissingFile, match="of asset 'market/prices' is missing") as told:
        decode(encoded, store, key=KEY)
    assert told.value.key == KEY


# --- annotations -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "hint", "shape"),
    [
        pytest.param("pa.Table", None, "table", id="pa.Table"),
        pytest.param("pyarrow.lib.Table", None, "table", id="the whole name"),
        pytest.param("'pa.Table'", None, "table", id="in quotes"),
        pytest.param("pa.Table | None", None, "table", id="or None"),
        pytest.param("Optional[pd.DataFrame]", None, "pandas", id="Optional"),
        pytest.param("DataFrame", None, "pandas", id="a bare DataFrame"),
        pytest.param("pl.DataFrame", None, "polars", id="polars"),
        pytest.param("pl.LazyFrame", None, "lazy", id="lazy"),
        pytest.param("dict[str, float]", None, "plain", id="plain"),
        pytest.param("Report", None, "any", id="a name that says nothing"),
        pytest.param(None, None, "any", id="nothing"),
        pytest.param("Table", Trade, "any", id="a type that is known, whatever its name"),
        pytest.param(None, pa.Table, "table", id="the type alone"),
        pytest.param(None, pd.DataFrame, "pandas", id="the type of pandas"),
        pytest.param(None, duckdb.DuckDBPyRelation, "relation", id="the type of DuckDB"),
        pytest.param(None, Path, "path", id="the type of paths"),
    ],
)
def test_what_annotations_ask_for(annotation: str | None, hint: object, shape: str) -> None:
    assert wanted(annotation, hint).shape == shape


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        pytest.param(None, pa.Table, id="as it is"),
        pytest.param("pd.DataFrame", pd.DataFrame, id="pandas"),
        pytest.param("pa.RecordBatchReader", pa.RecordBatchReader, id="a reader"),
        pytest.param("DuckDBPyRelation", duckdb.DuckDBPyRelation, id="a relation"),
        pytest.param("list[dict]", list, id="rows"),
    ],
)
def test_a_table_in_memory_is_converted_as_a_stored_one(annotation: str | None, kind: type) -> None:
    assert isinstance(converted(TABLE, annotation), kind)


# --- weight ------------------------------------------------------------------------------------------------

HEAVY = ("duckdb", "numpy", "pandas", "polars", "pyarrow", "pydantic")


def test_a_number_is_stored_without_heavy_libraries() -> None:
    script = f"""
import sys
from materializers.formats import choose, decode
from materializers.store import open_store
before = {{name for name in {HEAVY} if name in sys.modules}}
store = open_store("memory:")
encoded = choose(3.5, "float", None, key="a/b").encode(3.5, store)
assert decode(encoded, store, "float", float) == 3.5
print(*({{name for name in {HEAVY} if name in sys.modules}} - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
