"""In what two values differ: a table of small ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from materializers.data_diff import CannotCompare, ColumnDrift, DataDiff, data_diff, without
from materializers.formats import choose
from materializers.ledger import Content
from materializers.store import MemoryStore, Store

Columns = dict[str, list[Any]]
OLD: Columns = {"item": ["a", "b", "c"], "amount": [1.0, 2.0, 3.0]}


def stored(value: object, store: Store) -> Content:
    return choose(value, None, None, key="g/a").encode(value, store)


def compared(old: object, new: object, *key: str, limit: int = 20) -> DataDiff:
    store = MemoryStore()
    return data_diff([stored(old, store)], [stored(new, store)], store, key=key, limit=limit)


def figures(diff: DataDiff) -> tuple[int, int, int]:
    return diff.added, diff.removed, diff.changed


@pytest.mark.parametrize(
    ("new", "key", "expected"),
    [
        pytest.param(OLD, ("item",), (0, 0, 0), id="the same"),
        pytest.param(
            {"item": ["c", "a", "b"], "amount": [3.0, 1.0, 2.0]}, ("item",), (0, 0, 0), id="another order"
        ),
        pytest.param(
            {"item": ["a", "b", "d"], "amount": [1.0, 2.5, 3.0]}, ("item",), (1, 1, 1), id="by its key"
        ),
        pytest.param({"item": ["a", "b", "d"], "amount": [1.0, 2.5, 3.0]}, (), (2, 2, 0), id="as a whole"),
        pytest.param(
            {"item": ["a", "a", "b", "c"], "amount": [1.0, 1.0, 2.0, 3.0]},
            ("item",),
            (1, 0, 0),
            id="a key that does not tell rows apart is none",
        ),
        pytest.param({"item": ["a", "b", "c"]}, ("other",), (0, 0, 0), id="a key that is not there is none"),
        pytest.param(
            {"item": ["a", None, "c"], "amount": [1.0, 2.0, 3.0]},
            ("item",),
            (1, 1, 0),
            id="a null in the key",
        ),
        pytest.param(
            {"item": ["a", "b", "c"], "amount": [1.0, None, float("nan")]},
            ("item",),
            (0, 0, 2),
            id="null and NaN",
        ),
    ],
)
def test_rows(new: Columns, key: tuple[str, ...], expected: tuple[int, int, int]) -> None:
    assert figures(compared(pa.table(OLD), pa.table(new), *key)) == expected


def test_the_schema_and_how_far_numbers_drift() -> None:
    new = {"item": ["a", "b", "c"], "amount": [2, 2, 7], "unit": ["m", "m", "m"]}
    diff = compared(pa.table({**OLD, "note": ["x", "y", "z"]}), pa.table(new), "item")
    assert (diff.columns_added, diff.columns_removed) == ({"unit": "VARCHAR"}, {"note": "VARCHAR"})
    assert diff.columns_retyped == {"amount": ("DOUBLE", "BIGINT")}
    assert diff.drift == (ColumnDrift(column="amount", changed=2, mean=5 / 3, largest=4.0),)
    assert diff.sample == (
        ("changed", {"item": "a", "amount": "1.0 -> 2"}),
        ("changed", {"item": "c", "amount": "3.0 -> 7"}),
    )
    assert not diff.same


def test_the_sample_is_bounded() -> None:
    many = pa.table({"item": [str(number) for number in range(1000)]})
    diff = compared(pa.table({"item": ["x"]}), many, "item", limit=3)
    assert (figures(diff), len(diff.sample)) == ((1000, 1, 0), 4)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}, (1, 0, 1), id="a mapping by its names"),
        pytest.param([1, 2, 3], [1, 9], (0, 1, 1), id="a list by its places"),
        pytest.param([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 3}], (1, 1, 0), id="rows"),
        pytest.param(1, 2, (1, 1, 0), id="one value"),
    ],
)
def test_plain_values(old: object, new: object, expected: tuple[int, int, int]) -> None:
    assert figures(compared(old, new)) == expected


def test_partitions_are_compared_together_and_what_is_not_there_has_no_rows() -> None:
    store = MemoryStore()
    days = [stored(pa.table({"day": [day], "x": [1]}), store) for day in (1, 2, 3)]
    assert figures(data_diff(days[:2], days, store, key=["day"])) == (1, 0, 0)
    assert figures(data_diff([], days, store, key=["day"])) == (3, 0, 0)
    assert figures(data_diff(days, [], store, key=["day"])) == (0, 3, 0)


def test_files_are_not_compared(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(CannotCompare, match="their bytes differ"):
        compared(tmp_path / "a.txt", tmp_path / "a.txt")


def test_private_columns_are_masked() -> None:
    old = pa.table({"item": ["a"], "name": ["Ann"], "age": [31]})
    new = pa.table({"item": ["a"], "name": ["Bob"], "age": [47]})
    found = without(compared(old, new, "item"), {"name", "age"})
    assert not [word for word in ("Ann", "Bob", "31", "47", "16") if word in str(found)]
    assert [(one.column, one.changed, one.mean, one.largest) for one in found.drift] == [
        ("name", 1, None, None),
        ("age", 1, None, None),
    ]
    assert without(found, frozenset()) is found
