"""Reading daily bars as QuantConnect's Lean stores them: zipped CSV without header, and factors to adjust them.

``daily_<symbol>.zip`` holds ``YYYYMMDD HH:MM,open,high,low,close,volume`` in New York time, prices times 10,000 and
as traded. ``factor_<symbol>.csv`` beside it holds ``date,price factor,split factor,reference price``, each row valid
up to and including its date: an adjusted price is price x price factor x split factor, an adjusted volume is
volume / split factor.
"""

from __future__ import annotations

import csv
from datetime import date
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from assets.market.price_files import NO_NUMBER, NotADay, explain, read_days, whole_shares
from assets.market.price_layouts import Rows
from assets.market.sources import PRICE_COLUMNS, PriceFileError, Terms, bar_table

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

BARS, FACTORS = "daily_", "factor_"
_NAMES = ("time", *PRICE_COLUMNS, "volume")
_LAYOUT = Rows(columns={"session": "time", **{name: name for name in _NAMES[1:]}}, symbol="")
_SCALE = 10_000.0


def symbol_of(file: Path) -> str:
    """``SPY`` of ``daily_spy.zip``."""
    return file.stem.removeprefix(BARS).upper()


def factors_of(file: Path) -> Path:
    """Where the adjustment factors for a file of bars lie."""
    return file.with_name(f"{FACTORS}{file.stem.removeprefix(BARS)}.csv")


def read_zipped_prices(file: Path, shown: str, terms: Terms) -> pa.Table:
    """The bars of one zipped file, adjusted as ``terms`` says.

    Raises:
        PriceFileError: a cell that cannot be read; or no factors where adjusted prices are wanted.
    """
    raw = _read(file, shown)
    columns: dict[str, object] = {
        "symbol": [symbol_of(file)] * len(raw),
        "session": raw.column("session"),
    }
    scale, split = _factors(file, shown, raw.column("session").to_numpy(), terms)
    for name in PRICE_COLUMNS:
        columns[name] = raw.column(name).to_numpy() / _SCALE * scale
    columns["volume"] = whole_shares(_arrow(raw.column("volume").to_numpy() / split))
    return bar_table(columns, terms)


def _read(file: Path, shown: str) -> pa.Table:
    """The bars as they are stored."""
    import pyarrow as pa
    from pyarrow.csv import ConvertOptions, ReadOptions, read_csv

    try:
        with ZipFile(file) as archive:
            (member,) = archive.namelist()
            content = archive.read(member)
    except (BadZipFile, ValueError) as error:
        raise PriceFileError(shown, f"is no archive of one CSV file ({error}).") from None
    kinds = {name: pa.float64() for name in _NAMES} | {"time": pa.string()}
    options = ConvertOptions(column_types=kinds, null_values=list(NO_NUMBER))
    try:
        table = read_csv(BytesIO(content), ReadOptions(column_names=_NAMES), convert_options=options)
        return table.append_column("session", read_days(table.column("time")))
    except (pa.ArrowInvalid, NotADay) as error:
        rows = csv.reader(StringIO(content.decode(errors="replace"), newline=""))
        raise explain(rows, _NAMES, _LAYOUT, f"{shown}/{member}", str(error)) from None


def _factors(
    file: Path, shown: str, sessions: NDArray[np.datetime64], terms: Terms
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each session's prices are multiplied with, and what its volume is divided by."""
    import numpy as np

    if terms.adjustment == "raw":
        ones = np.ones(len(sessions))
        return ones, ones
    factors = factors_of(file)
    if not factors.is_file():
        raise PriceFileError(
            shown,
            f"has no adjustment factors beside it ({factors.name}); set MARKET_ADJUSTMENT=raw to take prices as "
            f"traded, or leave '{symbol_of(file)}' out of MARKET_SYMBOLS.",
        )
    until, price, split = _read_factors(factors)
    row = np.searchsorted(until, sessions, side="left")
    if len(row) and row.max() >= len(until):
        raise PriceFileError(factors.name, f"ends on {until[-1]}, before the bars of {shown} do.")
    by_split = split[row]
    return (by_split if terms.adjustment == "split" else price[row] * by_split), by_split


def _read_factors(file: Path) -> tuple[NDArray[np.datetime64], NDArray[np.float64], NDArray[np.float64]]:
    """The days up to which the factors hold, in order; the price factors; the split factors."""
    import numpy as np

    rows: list[tuple[np.datetime64, float, float]] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        cells = line.split(",")
        try:
            day = date(int(cells[0][:4]), int(cells[0][4:6]), int(cells[0][6:8]))
            rows.append((np.datetime64(day, "D"), float(cells[1]), float(cells[2])))
        except (ValueError, IndexError):
            raise PriceFileError(
                file.name, f"'{line}' is not: date (YYYYMMDD), price factor, split factor.", line=number
            ) from None
    if not rows:
        raise PriceFileError(file.name, "holds no factors.")
    rows.sort()
    until, price, split = zip(*rows, strict=True)
    return np.array(until), np.array(price), np.array(split)


def _arrow(values: NDArray[np.float64]) -> pa.ChunkedArray:
    import pyarrow as pa

    return pa.chunked_array([pa.array(values)])
