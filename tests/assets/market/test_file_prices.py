"""Which files count, what is seen of an edit, and what a folder of them gives."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.market.file_prices import FilePrices
from assets.market.sources import PriceFileError, Terms, UnknownSymbol

REAL = Path(__file__).parents[4] / "shared" / "data"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real prices in {REAL}")
NOW = datetime(2024, 1, 10, tzinfo=UTC)
START, END = date(2024, 1, 1), date(2024, 1, 31)


def files(path: Path | str, **changed: object) -> FilePrices:
    return FilePrices(**{"terms": Terms(provider="files"), "path": str(path), **changed})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text("date,close\n2024-01-02,1\n2024-01-03,2\n")
    (tmp_path / "b.csv").write_text("date,symbol,close\n2024-01-03,B,3\n2024-01-03,C,4\n")
    pq.write_table(pa.table({"date": ["2024-01-02"], "D": [5.0]}), tmp_path / "d.parquet")
    (tmp_path / "notes.txt").write_text("no prices")
    (tmp_path / "factor_x.csv").write_text("20240102,1,1,1\n")
    (tmp_path / "deeper").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("path", "symbols"),
    [
        pytest.param("", ("A", "B", "C", "D"), id="a folder is all its price files"),
        pytest.param("a.csv", ("A",), id="a file is itself"),
        pytest.param("*.csv", ("A", "B", "C"), id="a pattern is what it matches"),
        pytest.param("**/*.parquet", ("D",), id="in any depth"),
    ],
)
def test_a_path_names_files(folder: Path, path: str, symbols: tuple[str, ...]) -> None:
    source = files(folder / path)
    assert source.symbols() == symbols
    assert source.bars(symbols, START, END)["symbol"].unique().to_pylist() == list(symbols)


@pytest.mark.parametrize("path", ["deeper", "nothing", "notes.txt", "*.xls"])
def test_a_path_without_prices_says_what_it_wants(folder: Path, path: str) -> None:
    with pytest.raises(
        PriceFileError, match=r"no price files there \(found .*MARKET_PATH is a file, folder or pattern"
    ):
        files(folder / path).symbols()


def test_only_the_span_and_the_symbols_are_given(folder: Path) -> None:
    bars = files(folder).bars(["A", "B"], date(2024, 1, 3), date(2024, 1, 3))
    assert [(row["symbol"], row["close"]) for row in bars.to_pylist()] == [("A", 2.0), ("B", 3.0)]


def test_an_unknown_symbol_is_named_with_the_near_miss(tmp_path: Path) -> None:
    (tmp_path / "closes.csv").write_text("date,AAPL,MSFT\n2024-01-02,1,2\n")
    with pytest.raises(UnknownSymbol, match=r"no prices for 'APPL'.*Did you mean 'AAPL'\?"):
        files(tmp_path).bars(["APPL"], START, END)


def test_bars_without_symbol_or_day_reach_the_checks(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("date,symbol,close\n2024-01-02,A,1\n2024-01-03,,2\n,A,3\n")
    assert len(files(tmp_path).bars(["A"], START, END)) == 3


def test_an_edit_is_seen_even_if_size_and_time_stay(folder: Path) -> None:
    before = files(folder).observe(NOW).version
    assert files(folder).observe(NOW).version == before
    times = (folder / "a.csv").stat()
    (folder / "a.csv").write_text("date,close\n2024-01-02,1\n2024-01-03,9\n")
    os.utime(folder / "a.csv", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert files(folder).observe(NOW).version != before
    assert files(folder).bars(["A"], START, END)["close"].to_pylist() == [1.0, 9.0]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda folder: (folder / "e.csv").write_text("date,close\n"), id="a new file"),
        pytest.param(lambda folder: (folder / "a.csv").unlink(), id="a file less"),
        pytest.param(
            lambda folder: (folder / "a.csv").rename(folder / "z.csv"), id="another name, another symbol"
        ),
    ],
)
def test_the_set_of_files_counts(folder: Path, change: object) -> None:
    before = files(folder).observe(NOW).version
    change(folder)
    assert files(folder).observe(NOW).version != before


def test_other_files_do_not_count(folder: Path) -> None:
    before = files(folder).observe(NOW).version
    (folder / "notes.txt").write_text("still no prices")
    assert files(folder).observe(NOW).version == before


def test_the_data_are_of_their_last_close(folder: Path) -> None:
    seen = files(folder).observe(NOW)
    assert seen.as_of == datetime(2024, 1, 3, 16, tzinfo=ZoneInfo("America/New_York"))
    assert not seen.ends
    assert files(folder, ends=True).observe(NOW).ends


def test_a_day_in_the_future_does_not_make_data_fresh(folder: Path) -> None:
    (folder / "a.csv").write_text("date,close\n2024-01-02,1\n2042-01-03,2\n")
    seen = files(folder / "a.csv").observe(NOW)
    assert seen.as_of == datetime(2024, 1, 2, 16, tzinfo=ZoneInfo("America/New_York"))


def test_files_that_cannot_be_read_have_a_version_and_no_time(folder: Path) -> None:
    (folder / "a.csv").write_text("date,close\n2024-01-02,x\n")
    seen = files(folder).observe(NOW)
    assert seen.version
    assert seen.as_of is None


def test_the_path_is_identity_and_ends_is_not() -> None:
    assert files("x").identity() == {
        "provider": "files",
        "feed": "",
        "adjustment": "split_dividend",
        "start": "1990-01-01",
        "path": "x",
    }
    assert files("x").identity() == files("x", ends=True).identity()


@needs_real
def test_real_zipped_bars() -> None:
    """Ten symbols as traded; hourly bars and factors in the same folder are left alone."""
    source = files(REAL / "market", terms=Terms(provider="files", adjustment="raw"))
    assert source.symbols() == ("AAPL", "AIG", "BAC", "EEM", "GOOG", "IBM", "IWM", "QQQ", "SPY", "WM")
    assert len(source.bars(source.symbols(), date(1990, 1, 1), END)) == 53_280
    assert source.observe(NOW).as_of == datetime(2021, 3, 31, 16, tzinfo=ZoneInfo("America/New_York"))


@needs_real
def test_real_factors_count_and_what_lacks_them_is_told() -> None:
    source = files(REAL / "market")
    assert len(source.bars(["AAPL", "SPY"], date(1990, 1, 1), END)) == 2 * 5849
    with pytest.raises(
        PriceFileError, match=r"daily_qqq.zip: has no adjustment factors .*MARKET_ADJUSTMENT=raw"
    ):
        source.bars(["SPY", "QQQ"], date(1990, 1, 1), END)


@needs_real
def test_real_closes_one_column_a_symbol() -> None:
    source = files(REAL / "portfolio" / "stock_prices.csv")
    bars = source.bars(source.symbols(), date(1980, 1, 1), END)
    assert len(source.symbols()) == 20
    assert len(bars) == 106_931
    assert bars["close"].null_count == 0
