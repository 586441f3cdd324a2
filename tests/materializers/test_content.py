"""The data version: equal content, equal version; anything changed, another version."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import math
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pydantic
import pytest
from hypothesis import given

from materializers.content import (
    NotPlain,
    TableDigest,
    bytes_version,
    file_version,
    plain,
    table_version,
    value_version,
)

WHEN = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def version(column: pa.Array | pa.ChunkedArray | list[object], name: str = "x") -> str:
    return table_version(pa.table({name: column}))


# --- tables: laws over types -------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"), max_size=4)
whole = st.integers(-100, 100)
some = st.none() | whole
TYPES = {
    "int8": (pa.int8(), whole),
    "uint64": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "half float": (pa.float16(), st.floats(width=16)),
    "float": (pa.float32(), st.floats(width=32)),
    "double": (pa.float64(), st.floats()),
    "bool": (pa.bool_(), st.booleans()),
    "null": (pa.null(), st.none()),
    "string": (pa.string(), texts),
    "large string": (pa.large_string(), texts),
    "string view": (pa.string_view(), texts),
    "binary": (pa.binary(), st.binary(max_size=3)),
    "binary view": (pa.binary_view(), st.binary(max_size=3)),
    "fixed binary": (pa.binary(3), st.binary(min_size=3, max_size=3)),
    "decimal": (pa.decimal128(10, 2), st.decimals(-1000, 1000, places=2)),
    "wide decimal": (pa.decimal256(50, 2), st.decimals(-1000, 1000, places=2)),
    "date": (pa.date32(), st.dates()),
    "time": (pa.time64("us"), st.times()),
    "timestamp": (pa.timestamp("us"), st.datetimes()),
    "timestamp with zone": (pa.timestamp("us", "America/New_York"), st.datetimes()),
    "duration": (pa.duration("s"), st.integers(0, 999)),
    "interval": (pa.month_day_nano_interval(), st.tuples(whole, whole, whole).map(pa.MonthDayNano)),
    "list": (pa.list_(pa.int64()), st.lists(some, max_size=3)),
    "large list": (pa.large_list(pa.string()), st.lists(st.none() | texts, max_size=3)),
    "fixed list": (pa.list_(pa.int8(), 2), st.lists(some, min_size=2, max_size=2)),
    "list view": (pa.list_view(pa.int64()), st.lists(some, max_size=3)),
    "list of lists": (
        pa.list_(pa.list_(pa.bool_())),
        st.lists(st.lists(st.booleans(), max_size=2), max_size=2),
    ),
    "struct": (
        pa.struct({"a": pa.int64(), "b": pa.list_(pa.string())}),
        st.fixed_dictionaries({"a": some, "b": st.none() | st.lists(texts, max_size=2)}),
    ),
    "map": (
        pa.map_(pa.string(), pa.int64()),
        st.dictionaries(texts, some, max_size=2).map(lambda d: [*d.items()]),
    ),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), texts),
    "uuid": (pa.uuid(), st.binary(min_size=16, max_size=16)),
}


@st.composite
def columns(draw: st.DrawFn) -> tuple[pa.DataType, list[object], st.SearchStrategy[object]]:
    """A type, a column's values of it, and a strategy for more of them."""
    type_, values = TYPES[draw(st.sampled_from(sorted(TYPES)))]
    return type_, draw(st.lists(st.none() | values, max_size=12)), values


@given(column=columns(), data=st.data())
def test_version_does_not_depend_on_chunks_slices_or_neighbours(column, data) -> None:
    type_, values, more = column
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=3)))
    chunks = []
    for begin, end in zip([0, *cuts], [*cuts, len(values)], strict=True):
        before, after = (data.draw(st.lists(st.none() | more, max_size=9)) for _ in "ba")
        padded = pa.array([*before, *values[begin:end], *after], type_)
        chunks.append(padded.slice(len(before), end - begin))
    assert version(pa.chunked_array(chunks, type_)) == version(pa.array(values, type_))


@given(column=columns(), data=st.data())
def test_version_changes_with_any_cell(column, data) -> None:
    type_, values, more = column
    values = values or [None]
    row = data.draw(st.integers(0, len(values) - 1))
    other = [*values[:row], data.draw(st.none() | more), *values[row + 1 :]]
    old, new = pa.array(values, type_), pa.array(other, type_)
    if old.to_pylist() != new.to_pylist() and not _only_nan_moved(values[row], other[row]):
        assert version(old) != version(new)


def _only_nan_moved(one: object, other: object) -> bool:
    return isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)


@given(column=columns(), data=st.data())
def test_version_of_batches_is_that_of_the_table(column, data) -> None:
    type_, values, _ = column
    table = pa.table({"x": pa.array(values, type_), "row": range(len(values))})
    digest = TableDigest(table.schema)
    cut = data.draw(st.integers(0, len(values)))
    for part in (table.slice(0, cut), table.slice(cut)):
        for batch in part.to_batches():
            digest.update(batch)
    assert digest.version() == table_version(table)


@given(rows=st.lists(st.tuples(texts, st.floats()), min_size=2, max_size=6), data=st.data())
def test_version_depends_on_the_order_of_rows(rows, data) -> None:
    shuffled = data.draw(st.permutations(rows))
    same = repr(shuffled) == repr(rows)
    one, other = (
        pa.table({"s": [s for s, _ in each], "f": [f for _, f in each]}) for each in (rows, shuffled)
    )
    assert (table_version(one) == table_version(other)) is same


# --- tables: single promises -------------------------------------------------------------------------------


def garbage_under_null(values: list[int]) -> pa.Array:
    bitmap = pa.py_buffer(bytes([0b101]))
    return pa.Array.from_buffers(pa.int64(), 3, [bitmap, pa.py_buffer(np.array(values, np.int64))])


def list_with_hidden_values(hidden: list[int]) -> pa.Array:
    offsets = [0, 1, 1 + len(hidden), 2 + len(hidden)]
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), pa.array([7, *hidden, 8]), mask=pa.array([False, True, False])
    )


def struct_with_hidden_value(hidden: int) -> pa.Array:
    return pa.StructArray.from_arrays([pa.array([1, hidden])], ["a"], mask=pa.array([False, True]))


def nan(payload: int) -> pa.Array:
    return pa.array(np.array([0x7FF8000000000000 | payload], np.uint64).view(np.float64))


def field(nullable: bool = True, **metadata: str) -> pa.Field:
    return pa.field("x", pa.int64(), nullable=nullable, metadata=metadata or None)


def table_of(field_: pa.Field, **metadata: str) -> pa.Table:
    return pa.table({"x": [1, 2]}, schema=pa.schema([field_], metadata=metadata or None))


def categories(values: list[str], order: list[str], ordered: bool) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        pa.array(list(map(order.index, values)), pa.int8()), order, ordered=ordered
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(garbage_under_null([1, 9, 3]), garbage_under_null([1, 5, 3]), id="garbage under a null"),
        pytest.param(
            list_with_hidden_values([]), list_with_hidden_values([1, 2]), id="garbage under a null list"
        ),
        pytest.param(
            struct_with_hidden_value(1), struct_with_hidden_value(2), id="garbage under a null struct"
        ),
        pytest.param(nan(0), nan(1), id="NaN of any payload"),
        pytest.param(
            pa.array(["a", "b", "a"]), pa.array(["a", "b", "a"]).dictionary_encode(), id="dictionary encoding"
        ),
        pytest.param(
            pa.array(["a", None]),
            pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", None])),
            id="a null in the dictionary",
        ),
        pytest.param(
            categories(["a"], ["a", "b"], ordered=False),
            categories(["a"], ["b", "a"], ordered=False),
            id="order of a dictionary without order",
        ),
        pytest.param(
            pa.array([1, 1, None]),
            pa.RunEndEncodedArray.from_arrays([2, 3], pa.array([1, None])),
            id="run-end encoding",
        ),
        pytest.param(table_of(field(nullable=False)), table_of(field()), id="nullability"),
        pytest.param(
            table_of(field(**{"PARQUET:field_id": "1"})),
            table_of(field()),
            id="what Parquet notes for itself",
        ),
        pytest.param(
            pa.array([[1]], pa.list_(pa.field("item", pa.int64()))),
            pa.array([[1]], pa.list_(pa.field("element", pa.int64()))),
            id="what a list calls its items",
        ),
        pytest.param(
            pa.table({"x": [1]}),
            pa.Table.from_pandas(pd.DataFrame({"x": [1]})),
            id="a plain pandas frame and a table",
        ),
    ],
)
def test_version_ignores(one, other) -> None:
    one, other = (each if isinstance(each, pa.Table) else pa.table({"x": each}) for each in (one, other))
    assert table_version(one) == table_version(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(pa.array([0.0]), pa.array([-0.0]), id="the sign of zero"),
        pytest.param(pa.array(["a"]), pa.array(["a"], pa.large_string()), id="string and large string"),
        pytest.param(pa.array(["a"]), pa.array(["a"], pa.string_view()), id="string and string view"),
        pytest.param(pa.array([1]), pa.array([1], pa.int32()), id="the width of integers"),
        pytest.param(pa.array([[1]]), pa.array([[1]], pa.large_list(pa.int64())), id="list and large list"),
        pytest.param(pa.array([[1]]), pa.array([[1]], pa.list_view(pa.int64())), id="list and list view"),
        pytest.param(
            pa.array(["ab", "c"]), pa.array(["a", "bc"]), id="where one text ends and the next begins"
        ),
        pytest.param(
            pa.array([[1], [2, 3]]), pa.array([[1, 2], [3]]), id="where one list ends and the next begins"
        ),
        pytest.param(pa.array([None, ""]), pa.array(["", None]), id="null and empty"),
        pytest.param(
            pa.array([[], None]), pa.array([None, []], pa.list_(pa.null())), id="null and empty lists"
        ),
        pytest.param(
            pa.array([WHEN], pa.timestamp("us")), pa.array([WHEN], pa.timestamp("ms")), id="units of time"
        ),
        pytest.param(
            pa.array([WHEN], pa.timestamp("us", "UTC")),
            pa.array([WHEN], pa.timestamp("us", "+00:00")),
            id="time zones",
        ),
        pytest.param(
            pa.array([decimal.Decimal("1.5")], pa.decimal128(9, 1)),
            pa.array([decimal.Decimal("1.5")], pa.decimal128(9, 2)),
            id="scale of decimals",
        ),
        pytest.param(table_of(field(unit="m")), table_of(field(unit="km")), id="a column's unit"),
        pytest.param(
            table_of(field(), source="a"), table_of(field(), source="b"), id="the schema's metadata"
        ),
        pytest.param(pa.table({"x": [1]}), pa.table({"y": [1]}), id="a column's name"),
        pytest.param(
            pa.table({"x": [1], "y": [1]}), pa.table({"y": [1], "x": [1]}), id="the order of columns"
        ),
        pytest.param(pa.table({"x": pa.nulls(1)}), pa.table({"x": pa.nulls(2)}), id="the number of rows"),
        pytest.param(pa.array([{"a": 1}]), pa.array([{"b": 1}]), id="a field's name"),
        pytest.param(
            categories(["a"], ["a", "b"], ordered=True),
            categories(["a"], ["b", "a"], ordered=True),
            id="the order of an ordered dictionary",
        ),
        pytest.param(
            pa.Table.from_pandas(pd.DataFrame({"x": [1]}, index=pd.Index([7], name="id"))),
            pa.table({"x": [1], "id": [7]}),
            id="that a column is a pandas index",
        ),
        pytest.param(
            pa.Table.from_pandas(pd.DataFrame({"x": [1]}, index=pd.RangeIndex(5, 6))),
            pa.table({"x": [1]}),
            id="where a pandas range index starts",
        ),
    ],
)
def test_version_tells_apart(one, other) -> None:
    one, other = (each if isinstance(each, pa.Table) else pa.table({"x": each}) for each in (one, other))
    assert table_version(one) != table_version(other)


def test_version_ignores_the_versions_of_pandas_and_arrow() -> None:
    table = pa.Table.from_pandas(pd.DataFrame({"x": [1]}, index=pd.Index([7], name="id")))
    note = (
        table.schema.metadata[b"pandas"]
        .replace(pd.__version__.encode(), b"9.9")
        .replace(pa.__version__.encode(), b"99")
    )
    assert note != table.schema.metadata[b"pandas"]
    assert table_version(table.replace_schema_metadata({b"pandas": note})) == table_version(table)


def test_a_union_says_that_it_has_no_version() -> None:
    union = pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])])
    with pytest.raises(pa.ArrowNotImplementedError, match="use a struct instead"):
        version(union)


def test_versions_do_not_move_between_releases() -> None:
    """What stands in ledgers must stay true: a change here needs a new scheme (t2-…, j2-…)."""
    table = pa.table(
        {
            "symbol": ["AAPL", None, "MSFT"],
            "close": [1.5, float("nan"), None],
            "up": [True, False, None],
            "l": [[1], None, []],
        }
    )
    assert table_version(table) == "t1-6514e2cac897601b554258ff4b4be3d5"
    assert (
        value_version({"b": [1, 2.5, None, "ü"], "a": {"c": True}}) == "j1-ebe2989f54a4c837eea1f82c308132d9"
    )
    assert bytes_version(b"abc") == "f1-ba7816bf8f01cfea414140de5dae2223"


# --- JSON --------------------------------------------------------------------------------------------------

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_plain_values_are_plain_already(value) -> None:
    assert plain(value) == value


@given(st.dictionaries(st.text(max_size=3), json_values, max_size=5))
def test_the_order_of_keys_does_not_count(value) -> None:
    assert value_version(dict(reversed(value.items()))) == value_version(value)


@given(json_values, json_values)
def test_different_values_have_different_versions(one, other) -> None:
    assert (value_version(one) == value_version(other)) is (repr(_sorted(one)) == repr(_sorted(other)))


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return ("dict", *((key, _sorted(value[key])) for key in sorted(value)))
    return list(map(_sorted, value)) if isinstance(value, list) else value


class Side(enum.StrEnum):
    BUY = "buy"


class Level(enum.IntEnum):
    HIGH = 3


class Order(pydantic.BaseModel):
    day: dt.date
    price: decimal.Decimal
    weight: float = 0.5


class Metrics(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(ser_json_inf_nan="strings")
    sharpe: float


@dataclasses.dataclass
class Window:
    start: dt.date
    days: int


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param((1, (2,)), [1, [2]], id="tuples are lists"),
        pytest.param(
            {"side": Side.BUY, "level": Level.HIGH}, {"side": "buy", "level": 3}, id="enumerations are values"
        ),
        pytest.param(
            [np.float64(0.1), np.int64(3), np.bool_(True)], [0.1, 3, True], id="NumPy scalars are Python's"
        ),
        pytest.param(
            [Order(day=dt.date(2024, 1, 2), price=decimal.Decimal("1.10"))],
            [{"day": "2024-01-02", "price": "1.10", "weight": 0.5}],
            id="models are their fields, exactly",
        ),
        pytest.param(Metrics(sharpe=math.nan), {"sharpe": "NaN"}, id="NaN is text where the model says so"),
        pytest.param(
            {"w": Window(dt.date(2024, 1, 2), 5)},
            {"w": {"start": "2024-01-02", "days": 5}},
            id="dataclasses as well",
        ),
        pytest.param(2**53 + 1, 2**53 + 1, id="large integers are exact"),
    ],
)
def test_plain(value, expected) -> None:
    result = plain(value)
    assert result == expected
    assert repr(result) == repr(expected)  # of these very types


@pytest.mark.parametrize(
    ("value", "place", "words"),
    [
        pytest.param(math.nan, "", "say None", id="NaN"),
        pytest.param({"a": [1, math.inf]}, ".a[1]", "say None", id="infinity, deep inside"),
        pytest.param({"a": {1: 2}}, ".a", "use str(key)", id="keys that are not text"),
        pytest.param([dt.date(2024, 1, 2)], "[0]", "isoformat", id="dates"),
        pytest.param({"a": decimal.Decimal(1)}, ".a", "pydantic model", id="decimals"),
        pytest.param({"a": {1}}, ".a", "sorted", id="sets"),
        pytest.param(np.zeros(2), "", "tolist", id="arrays"),
        pytest.param(object(), "", "write a file", id="anything else"),
        pytest.param(
            Order(day=dt.date(2024, 1, 2), price=1, weight=math.nan),
            ".weight",
            "ser_json_inf_nan",
            id="NaN in a model",
        ),
    ],
)
def test_what_json_cannot_hold_is_refused_with_place_and_remedy(value, place, words) -> None:
    with pytest.raises(NotPlain) as told:
        plain(value)
    assert told.value.place == place
    assert words in told.value.remedy


# --- files -------------------------------------------------------------------------------------------------


def test_a_file_has_the_version_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc" * 1_000_000)
    assert file_version(path) == bytes_version(b"abc" * 1_000_000)


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "same"),
    [
        pytest.param({"b/c.txt": "2", "a.txt": "1"}, True, id="made in another order"),
        pytest.param({"a.txt": "1", "b/c.txt": "3"}, False, id="other bytes"),
        pytest.param({"a.txt": "1", "b/d.txt": "2"}, False, id="another name"),
        pytest.param({"a.txt": "1", "b/c.txt": "2", "e": ""}, False, id="one file more"),
        pytest.param({"a.txt1b/c.txt": "2"}, False, id="names and bytes run together"),
    ],
)
def test_a_directory_has_the_version_of_its_names_and_bytes(tmp_path: Path, files, same) -> None:
    first = tree(tmp_path / "first", {"a.txt": "1", "b/c.txt": "2"})
    (first / "empty").mkdir()
    assert (file_version(tree(tmp_path / "second", files)) == file_version(first)) is same
