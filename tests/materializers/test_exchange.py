"""Values as files for other programs: what is written is what is read, and what cannot be is told."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from materializers.exchange import CannotExchange, json_of, read_file, write_file

WHEN = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
TABLE = pa.table(
    {
        "number": [1, None],
        "text": ["", None],
        "word": ["NA", "a,b\n"],
        "day": [dt.date(2024, 1, 2), None],
        "yes": [True, None],
        "share": [0.1, None],
    }
)


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.csv"])
def test_a_table_comes_back_with_its_nulls(tmp_path: Path, name: str) -> None:
    write_file(TABLE, tmp_path / name)
    assert read_file(tmp_path / name).to_pydict() == TABLE.to_pydict()


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_types_are_kept_where_the_form_has_them(tmp_path: Path, name: str) -> None:
    typed = pa.table({"w": pa.array(["a"]).dictionary_encode(), "d": [decimal.Decimal("1.50")], "t": [WHEN]})
    write_file(typed, tmp_path / name)
    assert read_file(tmp_path / name).schema == typed.schema


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param({"a": [1, None]}, '{"a":[1,null]}', id="a plain value"),
        pytest.param(
            TABLE.select(["number", "day"]).slice(0, 1), '[{"number":1,"day":"2024-01-02"}]', id="rows"
        ),
        pytest.param(pd.DataFrame({"x": [1.5]}), '[{"x":1.5}]', id="pandas"),
        pytest.param(float("nan"), "null", id="what is no number"),
        pytest.param(b"\x00\xff", '"AP8="', id="bytes"),
    ],
)
def test_json_is_what_anybody_reads(value: object, text: str) -> None:
    assert json_of(value).decode() == text


@pytest.mark.parametrize(
    ("value", "name", "held"),
    [
        pytest.param("tea\n", "a.txt", b"tea\n", id="text"),
        pytest.param(b"\x00", "in/a.bin", b"\x00", id="bytes, in a folder"),
        pytest.param(b"x,y\n", "a.csv", b"x,y\n", id="bytes that are a table already"),
        pytest.param([{"x": 1}], "a.csv", b'"x"\n1\n', id="rows"),
        pytest.param(
            pa.table({"w": pa.array(["a"]).dictionary_encode()}), "a.csv", b'"w"\n"a"\n', id="categories"
        ),
    ],
)
def test_bytes_are_written_as_they_are(tmp_path: Path, value: object, name: str, held: bytes) -> None:
    write_file(value, tmp_path / name)
    assert (tmp_path / name).read_bytes() == held


def test_a_file_is_copied(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "stored.parquet")
    write_file(tmp_path / "stored.parquet", tmp_path / "given.parquet")
    (tmp_path / "stored.parquet").unlink()
    assert read_file(tmp_path / "given.parquet").equals(TABLE)


@pytest.mark.parametrize(
    ("value", "name", "told"),
    [
        pytest.param(3, "a.csv", "cannot hold int: give a table", id="a number as a table"),
        pytest.param(3, "a.txt", "give a Path, bytes or text, or name it a.parquet", id="a number as text"),
        pytest.param(Path("x.parquet"), "a.csv", "is given the file x.parquet", id="a file of another form"),
        pytest.param(object(), "a.json", "object cannot be written as JSON", id="what JSON has not"),
        pytest.param(pa.table({"x": [[1]]}), "a.csv", "try .parquet or .json", id="lists in CSV"),
    ],
)
def test_a_value_without_such_a_form_is_told(tmp_path: Path, value: object, name: str, told: str) -> None:
    with pytest.raises(CannotExchange, match=re.escape(told)):
        write_file(value, tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.json", b"{", id="half a JSON"),
        pytest.param("a.json", b"NaN", id="no JSON by the standard"),
        pytest.param("a.json", b"\xff", id="JSON that is no text"),
        pytest.param("a.parquet", b"PAR1", id="half a Parquet"),
        pytest.param("a.arrow", b"ARROW1", id="half an Arrow file"),
        pytest.param("a.arrow", b"", id="an empty Arrow file"),
        pytest.param("a.csv", b"", id="an empty CSV"),
        pytest.param("a.csv", b"x,y\n1\n", id="a CSV with a row that is too short"),
    ],
)
def test_a_broken_file_is_told(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CannotExchange, match=f"'{name}' cannot be read as"):
        read_file(tmp_path / name)
