"""Zipped bars with adjustment factors, made up and real."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import numpy as np
import pytest

from assets.market.sources import Adjustment, PriceFileError, Terms, bar_schema
from assets.market.zipped_prices import read_zipped_prices

if TYPE_CHECKING:
    import pyarrow as pa

REAL = Path(__file__).parents[4] / "shared" / "data" / "market"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real bars in {REAL}")
BARS = "20240102 00:00,1000000,1100000,900000,1000000,50\n20240103 00:00,500000,510000,490000,500000,100\n"
FACTORS = "20240102,0.9,0.5,100\n20501231,1,1,0\n"


def read(folder: Path, adjustment: Adjustment, bars: str = BARS, factors: str | None = FACTORS) -> pa.Table:
    with ZipFile(folder / "daily_spy.zip", "w") as archive:
        archive.writestr("spy.csv", bars)
    if factors is not None:
        (folder / "factor_spy.csv").write_text(factors)
    return read_zipped_prices(
        folder / "daily_spy.zip", "daily_spy.zip", Terms(provider="files", adjustment=adjustment)
    )


@pytest.mark.parametrize(
    ("adjustment", "closes", "volumes"),
    [
        pytest.param("raw", [100.0, 50.0], [50, 100], id="raw is as traded, in dollars"),
        pytest.param("split", [50.0, 50.0], [100, 100], id="a split moves prices and volumes"),
        pytest.param("split_dividend", [45.0, 50.0], [100, 100], id="a dividend moves prices only"),
    ],
)
def test_bars_are_adjusted(
    tmp_path: Path, adjustment: Adjustment, closes: list[float], volumes: list[int]
) -> None:
    bars = read(tmp_path, adjustment)
    assert bars.schema.equals(bar_schema(Terms(provider="files", adjustment=adjustment)), check_metadata=True)
    assert bars["symbol"].to_pylist() == ["SPY", "SPY"]
    assert bars["session"].to_pylist() == [date(2024, 1, 2), date(2024, 1, 3)]
    assert bars["close"].to_pylist() == pytest.approx(closes)
    assert bars["volume"].to_pylist() == volumes


def test_a_factor_holds_up_to_and_including_its_day(tmp_path: Path) -> None:
    bars = read(tmp_path, "split", factors="20240103,1,0.5,0\n20501231,1,1,0\n")
    assert bars["close"].to_pylist() == pytest.approx([50.0, 25.0])


@pytest.mark.parametrize(
    ("bars", "factors", "said"),
    [
        pytest.param(
            BARS, None, r"daily_spy.zip: has no adjustment factors beside it \(factor_spy.csv\)", id="none"
        ),
        pytest.param(
            BARS, "20240102,1,1,0\n", r"factor_spy.csv: ends on 2024-01-02, before", id="ending too early"
        ),
        pytest.param(BARS, "20240102,1\n", r"factor_spy.csv:1: '20240102,1' is not: date", id="half a row"),
        pytest.param(BARS, "", r"factor_spy.csv: holds no factors", id="empty"),
        pytest.param(
            "20240102 00:00,1,x,1,1,1\n",
            FACTORS,
            r"daily_spy.zip/spy.csv:1: column 'high' holds 'x'",
            id="text",
        ),
        pytest.param(
            "2024,1,1,1,1,1\n",
            FACTORS,
            r"spy.csv:1: column 'time' holds '2024', which is no day",
            id="no day",
        ),
        pytest.param("20240102 00:00,1,1\n", FACTORS, r"spy.csv:1: has 3 values, not 6", id="half a bar"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, bars: str, factors: str | None, said: str) -> None:
    with pytest.raises(PriceFileError, match=said):
        read(tmp_path, "split_dividend", bars, factors)


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "daily_spy.zip").write_text("x")
    with pytest.raises(PriceFileError, match=r"daily_spy\.zip: is no archive of one CSV file"):
        read_zipped_prices(tmp_path / "daily_spy.zip", "daily_spy.zip", Terms(provider="files"))


@needs_real
@pytest.mark.parametrize("symbol", ["aapl", "aig", "bac", "ibm", "spy"])
def test_real_factors_name_the_real_close_of_their_day(symbol: str) -> None:
    """The fourth column of the factors is the raw close of the day up to which they hold: the two files agree."""
    bars = read_zipped_prices(REAL / f"daily_{symbol}.zip", symbol, Terms(provider="files", adjustment="raw"))
    closes = dict(zip(bars["session"].to_pylist(), bars["close"].to_pylist(), strict=True))
    rows = [line.split(",") for line in (REAL / f"factor_{symbol}.csv").read_text().splitlines()[1:-1]]
    pairs = [
        (closes[date.fromisoformat(row[0])], float(row[3]))
        for row in rows
        if date.fromisoformat(row[0]) in closes
    ]
    assert len(pairs) > 0.9 * len(rows)
    off = [pair for pair in pairs if abs(pair[0] - pair[1]) > 0.005]
    assert len(off) <= (3 if symbol == "bac" else 0), off  # of 1998, before the bank was merged into another


@needs_real
def test_real_adjusted_returns_agree_with_those_of_another_vendor() -> None:
    """Adjusted closes of Apple here and in the sample, which come from two vendors, move alike."""
    from assets.market.sample_prices import SamplePrices

    start, end = date(1998, 1, 5), date(2021, 3, 31)
    here = read_zipped_prices(REAL / "daily_aapl.zip", "aapl", Terms(provider="files"))
    there = SamplePrices(terms=Terms(provider="sample")).bars(["AAPL"], start, end)
    ours = dict(zip(here["session"].to_pylist(), here["close"].to_pylist(), strict=True))
    theirs = dict(zip(there["session"].to_pylist(), there["close"].to_pylist(), strict=True))
    days = sorted(ours.keys() & theirs.keys())
    assert len(days) > 5840
    one, other = (np.diff(np.log([closes[day] for day in days])) for closes in (ours, theirs))
    assert np.corrcoef(one, other)[0, 1] > 0.995
    assert np.abs(one - other).max() < 0.05  # a split or dividend on the wrong day would show
    assert np.median(np.abs(one - other)) < 0.0005
