"""CSV and Parquet files of prices, in every layout; and what is said of those that cannot be read."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.market.price_files import read_csv_prices, read_parquet_prices
from assets.market.sources import PriceFileError, Terms, bar_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

TERMS = Terms(provider="files")
LONG = "symbol,session,open,high,low,close,volume\nSPY,2024-01-02,472,473,470,472.5,1000\n"
SPY = {
    "symbol": "SPY",
    "session": date(2024, 1, 2),
    "open": 472.0,
    "high": 473.0,
    "low": 470.0,
    "close": 472.5,
    "volume": 1000,
}
ONLY_CLOSE = {**SPY, "open": None, "high": None, "low": None, "volume": None}


def read(folder: Path, text: str, name: str = "spy.csv") -> pa.Table:
    file = folder / name
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return read_csv_prices(file, name, TERMS)


@pytest.mark.parametrize(
    ("text", "row"),
    [
        pytest.param(LONG, SPY, id="one row a bar"),
        pytest.param(LONG.replace("symbol,session", "Ticker,Date"), SPY, id="other words in the header"),
        pytest.param(LONG.replace("2024-01-02", "20240102"), SPY, id="a day without hyphens"),
        pytest.param(LONG.replace("2024-01-02", "2024-01-02 00:00:00-05:00"), SPY, id="a time is its day"),
        pytest.param("\ufeff" + LONG, SPY, id="a byte order mark"),
        pytest.param(LONG.replace("\n", "\r\n"), SPY, id="line ends of Windows"),
        pytest.param(LONG.replace("SPY", " spy "), SPY, id="symbols are in capitals"),
        pytest.param(LONG.replace("472.5,1000", "472.5,999.6"), SPY, id="volumes are whole shares"),
        pytest.param("vwap,date,close\n1,2024-01-02,472.5\n", ONLY_CLOSE, id="the file's name is the symbol"),
        pytest.param("date,Adj Close\n2024-01-02,472.5\n", ONLY_CLOSE, id="adjusted closes are closes"),
        pytest.param("date,SPY\n2024-01-02,472.5\n", ONLY_CLOSE, id="one column a symbol"),
        pytest.param(",spy\n2024-01-02,472.5\n", ONLY_CLOSE, id="an index without a name is the day"),
        pytest.param('"date","SPY"\n"2024-01-02","472.5"\n\n', ONLY_CLOSE, id="quotes and an empty line"),
        pytest.param("date,SPY\n2024-01-01,\n2024-01-02,472.5\n", ONLY_CLOSE, id="no close, no bar"),
    ],
)
def test_a_csv_file_is_read(tmp_path: Path, text: str, row: Mapping[str, object]) -> None:
    bars = read(tmp_path, text)
    assert bars.schema.equals(bar_schema(TERMS), check_metadata=True)
    assert bars.to_pylist() == [row]


def test_a_packed_csv_file_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, LONG, "spy.csv.gz").to_pylist() == [SPY]


def test_tickers_that_are_words_stay_tickers(tmp_path: Path) -> None:
    text = "date,symbol,close\n2024-01-02,NA,1\n2024-01-02,NAN,2\n2024-01-02,TRUE,3\n"
    assert read(tmp_path, text)["symbol"].to_pylist() == ["NA", "NAN", "TRUE"]
    assert read(tmp_path, "date,LOW,NULL\n2024-01-02,1,2\n")["symbol"].to_pylist() == ["LOW", "NULL"]


def test_nothing_is_repaired(tmp_path: Path) -> None:
    """Duplicates, negative and missing prices, blank days and symbols go to the checks as they are."""
    text = "date,symbol,close\n2024-01-02,A,-1\n2024-01-02,A,-1\n,A,nan\n2024-01-03,,\n"
    rows = [(row["symbol"], row["session"], row["close"]) for row in read(tmp_path, text).to_pylist()]
    assert rows == [
        ("A", date(2024, 1, 2), -1.0),
        ("A", date(2024, 1, 2), -1.0),
        ("A", None, None),
        (None, date(2024, 1, 3), None),
    ]


BAD = "date,symbol,close\n2024-01-02,A,1\n{}\n2024-01-04,A,3\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            BAD.format("2024-01-03,A,x"),
            r"bad.csv:3: column 'close' holds 'x', which is no number",
            id="text in a number",
        ),
        pytest.param(
            BAD.format("2024-01-03,A,1 234"),
            r"bad.csv:3: column 'close' holds '1 234'",
            id="a space in a number",
        ),
        pytest.param(
            BAD.format("2024-13-03,A,2"),
            r"bad.csv:3: column 'date' holds '2024-13-03', which is no day",
            id="a thirteenth month",
        ),
        pytest.param(
            BAD.format("01/03/2024,A,2"),
            r"bad.csv:3: column 'date' holds '01/03/2024'",
            id="day or month first, nobody knows",
        ),
        pytest.param(BAD.format("2024-01-03,A"), r"bad.csv:3: has 2 values, not 3", id="a value too few"),
        pytest.param(
            BAD.format('2024-01-03,"A\n",x'),
            r"bad.csv:4: column 'close' holds 'x'",
            id="lines are counted as an editor does",
        ),
        pytest.param(
            BAD.format("2024-01-03,A,x\n\n1,A,y"),
            r":3: .*; line 5: column 'date' holds '1'.*; line 5: column 'close' holds 'y'",
            id="all of them are told",
        ),
        pytest.param(
            BAD.format("\n".join(["2024-01-03,A,x"] * 9)),
            r":3: .*; line 6: .*; 9 such places in all",
            id="or at least counted",
        ),
        pytest.param("", r"bad.csv: is empty", id="an empty file"),
        pytest.param(
            "symbol,close\nA,1\n", r"bad.csv:1: no column is a day; it has 'symbol', 'close'", id="no day"
        ),
        pytest.param(
            "date;close\n2024-01-02;1\n",
            r"bad.csv:1: no column is a day; it has 'date;close'",
            id="semicolons",
        ),
        pytest.param(
            "date,Close,Adj Close\n",
            r"bad.csv:1: 'Close', 'Adj Close' all mean 'close'; keep one",
            id="two closes",
        ),
        pytest.param("date,open,high\n", r"bad.csv:1: no column is a close", id="no close"),
        pytest.param("date\n", r"bad.csv:1: no column is a close", id="nothing but days"),
    ],
)
def test_what_cannot_be_read_is_told_with_line_and_column(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PriceFileError, match=said):
        read(tmp_path, text, "bad.csv")


def test_an_error_carries_its_place(tmp_path: Path) -> None:
    with pytest.raises(PriceFileError) as caught:
        read(tmp_path, BAD.format("2024-01-03,A,x"), "bad.csv")
    assert (caught.value.file, caught.value.line, caught.value.column) == ("bad.csv", 3, "close")


@pytest.mark.parametrize(
    "days",
    [
        pytest.param(pa.array([date(2024, 1, 2)]), id="dates"),
        pytest.param(pa.array(["2024-01-02"]), id="text"),
        pytest.param(
            pa.array(["2024-01-02T23:00"]).cast(pa.timestamp("ns")), id="times without a zone: their day"
        ),
        pytest.param(
            pa.array([datetime(2024, 1, 3, 4, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            id="times with a zone: the day in New York",
        ),
    ],
)
def test_a_parquet_file_is_read(tmp_path: Path, days: pa.Array) -> None:
    pq.write_table(
        pa.table({"date": days, "symbol": ["spy"], "close": [pa.scalar(472.5)]}), tmp_path / "a.parquet"
    )
    assert read_parquet_prices(tmp_path / "a.parquet", "a.parquet", TERMS).to_pylist() == [ONLY_CLOSE]


def test_a_number_that_is_none_is_missing(tmp_path: Path) -> None:
    table = pa.table({"date": ["2024-01-02"], "close": [float("nan")], "volume": [float("nan")]})
    pq.write_table(table, tmp_path / "spy.parquet")
    (bar,) = read_parquet_prices(tmp_path / "spy.parquet", "spy.parquet", TERMS).to_pylist()
    assert (bar["close"], bar["volume"]) == (None, None)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        pytest.param(
            {"date": ["2024-01-02"], "close": ["x"]},
            "column 'close' holds something that is no number",
            id="text",
        ),
        pytest.param(
            {"date": ["2024-01-02", "x"], "close": [1.0, 2.0]}, "row 2 of column 'date' holds 'x'", id="a day"
        ),
        pytest.param({"close": [1.0]}, "no column is a day", id="no day at all"),
    ],
)
def test_what_a_parquet_file_lacks_is_told(
    tmp_path: Path, columns: dict[str, list[object]], said: str
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "bad.parquet")
    with pytest.raises(PriceFileError, match=rf"bad\.parquet.*: {said}"):
        read_parquet_prices(tmp_path / "bad.parquet", "bad.parquet", TERMS)


def test_a_parquet_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_text("x")
    with pytest.raises(PriceFileError, match=r"bad\.parquet: is no Parquet file"):
        read_parquet_prices(tmp_path / "bad.parquet", "bad.parquet", TERMS)
