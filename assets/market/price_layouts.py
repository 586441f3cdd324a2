"""Which column of a price table means what: one row a bar, one file a symbol, or one column a symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assets.market.sources import PRICE_COLUMNS, PriceFileError

_MEANINGS = {
    "symbol": ("symbol", "ticker", "instrument"),
    "session": ("session", "date", "day", "datetime", "timestamp", "time"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close", "adj_close", "adjusted_close", "close_adj"),
    "volume": ("volume", "vol"),
}
_INDEX = ("", "unnamed:_0", "__index_level_0__", "index")
"""What tools write over an index; it is taken for the day where no column says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One row a bar. ``columns``: meaning -> column; ``symbol`` where the file has one symbol, without a column."""

    columns: dict[str, str]
    symbol: str | None

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns that are read as text."""
        return tuple(column for meaning, column in self.columns.items() if meaning in ("symbol", "session"))

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns that are read as numbers."""
        return tuple(
            column for meaning, column in self.columns.items() if meaning not in ("symbol", "session")
        )

    @property
    def day(self) -> str:
        """The column of the day."""
        return self.columns["session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closes:
    """One row a day and one column of closes a symbol."""

    day: str
    numbers: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns that are read as text."""
        return (self.day,)


def layout_of(names: Sequence[str], file: str, only_symbol: str) -> Rows | Closes:
    """What the columns ``names`` mean; ``only_symbol`` is whose prices they are, if no column says so.

    A column of closes makes it one row a bar; without one, every column but the day is taken for a symbol.
    Columns without a meaning here (``vwap``, ``dividends``) are left alone.

    >>> layout_of(["Date", "Close", "Volume"], "spy.csv", "SPY").columns
    {'session': 'Date', 'close': 'Close', 'volume': 'Volume'}
    >>> layout_of(["date", "AAPL", "LOW"], "closes.csv", "CLOSES").numbers
    ('AAPL', 'LOW')
    """
    found = {meaning: [n for n in names if _plain(n) in words] for meaning, words in _MEANINGS.items()}
    if not found["session"]:
        found["session"] = [name for name in names if _plain(name) in _INDEX][:1]
    if not found["session"]:
        raise PriceFileError(
            file,
            f"no column is a day; it has {_listed(names)}, and wants one named 'session' or 'date'.",
            line=1,
        )
    if not found["close"]:
        return _closes(names, found["session"][0], file)
    for meaning, columns in found.items():
        if len(columns) > 1:
            raise PriceFileError(file, f"{_listed(columns)} all mean '{meaning}'; keep one of them.", line=1)
    meant = {meaning: given[0] for meaning, given in found.items() if given}
    return Rows(columns=meant, symbol=None if "symbol" in meant else only_symbol)


def _closes(names: Sequence[str], day: str, file: str) -> Closes:
    symbols = tuple(name for name in names if name != day)
    prices = [name for name in symbols if _plain(name) in (*PRICE_COLUMNS, "symbol", "ticker", "volume")]
    if not symbols or len(prices) > 1:
        raise PriceFileError(
            file,
            f"no column is a close; it has {_listed(names)}, and wants 'close', or one column a symbol.",
            line=1,
        )
    return Closes(day=day, numbers=symbols)


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown
