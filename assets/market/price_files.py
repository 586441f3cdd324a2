"""Reading one CSV or Parquet file of prices into columns of bars; nothing is repaired, nothing is left out."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING

from assets.market.price_layouts import Closes, Rows, layout_of
from assets.market.sources import TIMEZONE, PriceFileError, Terms, bar_table

if TYPE_CHECKING:
    from _csv import Reader

    import pyarrow as pa

NO_NUMBER = ("", "nan", "NaN", "null", "NULL", "N/A", "n/a")
_DAY = r"^\s*(?P<y>\d{4})-?(?P<m>\d{2})-?(?P<d>\d{2})(?:[T ].*)?\s*$"
_SHOWN = 4


def read_csv_prices(file: Path, shown: str, terms: Terms) -> pa.Table:
    """The bars of a CSV file with a header; ``shown`` is its name in errors.

    Raises:
        PriceFileError: a day or a number that is none, with the file, the line and the column.
    """
    import pyarrow as pa
    from pyarrow.csv import ConvertOptions, read_csv

    with _text(file) as lines:
        names = next(csv.reader(lines), None)
    if not names:
        raise PriceFileError(shown, "is empty; it wants a header and rows.")
    layout = layout_of(names, shown, _symbol_in(file))
    kinds = {name: pa.string() for name in layout.texts} | {name: pa.float64() for name in layout.numbers}
    options = ConvertOptions(column_types=kinds, include_columns=list(kinds), null_values=list(NO_NUMBER))
    try:
        table = read_csv(file, convert_options=options)
        return _bars(table, layout, terms)
    except (pa.ArrowInvalid, pa.ArrowKeyError, NotADay) as error:
        with _text(file) as lines:
            rows = csv.reader(lines)
            next(rows)
            raise explain(rows, names, layout, shown, str(error)) from None


def read_parquet_prices(file: Path, shown: str, terms: Terms) -> pa.Table:
    """The bars of a Parquet file; days may be dates, times or text.

    Raises:
        PriceFileError: a day or a number that is none, with the file and the column.
    """
    import pyarrow as pa
    from pyarrow.parquet import read_schema, read_table

    try:
        layout = layout_of(read_schema(file).names, shown, _symbol_in(file))
        table = read_table(file, columns=[*layout.texts, *layout.numbers])
    except pa.ArrowInvalid as error:
        raise PriceFileError(shown, f"is no Parquet file ({error}).") from None
    for name in layout.numbers:
        try:
            column = table.column(name).cast(pa.float64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise PriceFileError(
                shown, f"column '{name}' holds something that is no number ({error}).", column=name
            ) from None
        table = table.set_column(table.column_names.index(name), name, column)
    try:
        return _bars(table, layout, terms)
    except NotADay as error:
        raise PriceFileError(
            shown,
            f"row {error.row + 1} of column '{layout.day}' holds '{error.text}', which is no day.",
            column=layout.day,
        ) from None


class NotADay(ValueError):
    """A text where a day is wanted."""

    def __init__(self, row: int, text: str) -> None:
        self.row, self.text = row, text
        super().__init__(f"row {row + 1} holds '{text}', which is no day")


def _bars(table: pa.Table, layout: Rows | Closes, terms: Terms) -> pa.Table:
    import pyarrow as pa

    sessions = read_days(table.column(layout.day))
    match layout:
        case Closes():
            return pa.concat_tables(
                [_closes_of(table.column(name), name, sessions, terms) for name in layout.numbers]
            )
        case Rows():
            columns: dict[str, object] = {
                meaning: table.column(name)
                for meaning, name in layout.columns.items()
                if meaning != "session"
            }
            symbols = table.column(layout.columns["symbol"]) if layout.symbol is None else None
            columns["symbol"] = (
                _symbols(symbols) if symbols is not None else pa.repeat(layout.symbol, len(table))
            )
            if "volume" in columns:
                columns["volume"] = whole_shares(table.column(layout.columns["volume"]))
            return bar_table({**columns, "session": sessions}, terms)


def _closes_of(closes: pa.ChunkedArray, name: str, sessions: pa.ChunkedArray, terms: Terms) -> pa.Table:
    """The bars of one column of closes; a day without a close is a day without a bar."""
    import pyarrow as pa

    known = closes.is_valid()
    kept = closes.filter(known)
    symbol = pa.repeat(name.strip().upper(), len(kept))
    return bar_table({"symbol": symbol, "session": sessions.filter(known), "close": kept}, terms)


def _symbols(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    symbols = pc.utf8_upper(pc.utf8_trim_whitespace(column.cast(pa.string())))
    return pc.if_else(pc.equal(symbols, ""), pa.scalar(None, pa.string()), symbols)


def read_days(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Days as dates. Of a time with a zone, the day in New York; of text, the day as it is written (ISO 8601)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_date(column.type):
        return column.cast(pa.date32())
    if pa.types.is_timestamp(column.type):
        if column.type.tz:
            column = pc.local_timestamp(column.cast(pa.timestamp("us", TIMEZONE)))
        return pc.floor_temporal(column, unit="day").cast(pa.date32())
    texts = column.cast(pa.string())
    parts = pc.extract_regex(texts, _DAY)
    written = pc.binary_join_element_wise(*(pc.struct_field(parts, [part]) for part in range(3)), "-")
    days = pc.strptime(written, format="%Y-%m-%d", unit="s", error_is_null=True).cast(pa.date32())
    blank = pc.or_kleene(texts.is_null(), pc.equal(pc.utf8_trim_whitespace(texts), ""))
    bad = pc.and_(days.is_null(), pc.invert(pc.fill_null(blank, True)))
    if pc.any(bad).as_py():
        row = pc.index(bad, True).as_py()
        raise NotADay(row, texts[row].as_py())
    return days


def whole_shares(volume: pa.ChunkedArray) -> pa.ChunkedArray:
    """Volumes, some of which are fractions after a split, as whole shares."""
    import pyarrow.compute as pc

    return pc.round(volume)


def explain(
    rows: Reader, names: Sequence[str], layout: Rows | Closes, shown: str, said: str
) -> PriceFileError:
    """The cells that cannot be read, found by going through the rows again, slowly: the first few, and how many."""
    bad = list(_bad_cells(rows, names, layout))
    if not bad:
        return PriceFileError(shown, f"cannot be read as CSV: {said}.")
    line, column, message = bad[0]
    rest = "".join(f"; line {other}: {text}" for other, _, text in bad[1:_SHOWN])
    more = f"; {len(bad)} such places in all" if len(bad) > _SHOWN else ""
    return PriceFileError(shown, f"{message}{rest}{more}.", line=line, column=column)


def _bad_cells(
    rows: Reader, names: Sequence[str], layout: Rows | Closes
) -> Iterator[tuple[int, str | None, str]]:
    for row in rows:
        if not row:
            continue
        if len(row) != len(names):
            yield rows.line_num, None, f"has {len(row)} values, not {len(names)}"
            continue
        cells = dict(zip(names, row, strict=True))
        day = cells[layout.day]
        if day.strip() and not _is_day(day):
            yield (
                rows.line_num,
                layout.day,
                f"column '{layout.day}' holds '{day}', which is no day (YYYY-MM-DD)",
            )
        for name in layout.numbers:
            if cells[name].strip() not in NO_NUMBER and not _is_number(cells[name]):
                yield rows.line_num, name, f"column '{name}' holds '{cells[name]}', which is no number"


def _is_day(text: str) -> bool:
    found = re.match(_DAY, text)
    if found is None:
        return False
    try:
        date(*(int(found[part]) for part in "ymd"))
    except ValueError:
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


@contextmanager
def _text(file: Path) -> Iterator[IO[str]]:
    """The text of a CSV file, packed with gzip or not; a byte order mark and stray bytes do not stop it."""
    if file.suffix == ".gz":
        with gzip.open(file, "rb") as packed:
            yield TextIOWrapper(packed, encoding="utf-8-sig", errors="replace", newline="")
    else:
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            yield lines


def _symbol_in(file: Path) -> str:
    """``AAPL`` of ``prices/aapl.csv.gz``: whose prices a file without a column of symbols holds."""
    return file.name.split(".")[0].upper()
