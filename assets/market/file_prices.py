"""Prices from files: CSV or Parquet in three layouts, and zipped CSV with adjustment factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from glob import glob, has_magic
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from assets.market.exchange_sessions import exchange_day, regular_close
from assets.market.price_files import read_csv_prices, read_parquet_prices
from assets.market.sources import PriceFileError, Terms, UnknownSymbol, bar_table
from assets.market.zipped_prices import BARS, FACTORS, factors_of, read_zipped_prices, symbol_of
from graph import Observation

if TYPE_CHECKING:
    import pyarrow as pa

_CSV, _PARQUET, _ZIP = (".csv", ".csv.gz"), (".parquet", ".pq"), (".zip",)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePrices:
    """Bars in files that somebody else writes.

    Args:
        path: a file, a folder (its files, not those of its folders) or a pattern.
        ends: nothing will ever be added.
    """

    terms: Terms
    path: str
    ends: bool = False

    def identity(self) -> Mapping[str, str]:
        """The settings that change the data."""
        return {**self.terms.identity(), "path": self.path}

    def observe(self, now: datetime) -> Observation:
        """The digest of the names and the whole contents of the files, so that no edit is missed.

        Sizes and times of change would be cheaper; but an edit that keeps both (a restored backup, ``touch -r``,
        two writes within a tick of the clock) would be overlooked. Files that cannot be read as prices have a
        version and no time; the asset that reads them says what is wrong with them.
        """
        version = _digest(self._files())
        try:
            sessions = self._as_stored().column("session").drop_null().unique().to_pylist()
        except PriceFileError:
            return Observation(version=version, ends=self.ends)
        past = [session for session in sessions if session <= exchange_day(now)]
        return Observation(version=version, as_of=regular_close(max(past)) if past else None, ends=self.ends)

    def symbols(self) -> tuple[str, ...]:
        """Every symbol that the files hold, in order."""
        return tuple(sorted(self._as_stored().column("symbol").drop_null().unique().to_pylist()))

    def bars(self, symbols: Sequence[str], start: date, end: date) -> pa.Table:
        """The bars of ``symbols`` from ``start`` to ``end``, and those without a symbol or a day."""
        import pyarrow as pa
        import pyarrow.compute as pc

        table = self._of(symbols)
        held = set(table.column("symbol").unique().to_pylist())
        unknown = [symbol for symbol in symbols if symbol not in held]
        if unknown:
            raise UnknownSymbol("files", unknown, known=self.symbols(), said=f"none in {self.path}")
        days = table.column("session")
        wanted = pc.is_in(table.column("symbol"), pa.array([*symbols, None], pa.string()))
        within = pc.and_(pc.greater_equal(days, pa.scalar(start)), pc.less_equal(days, pa.scalar(end)))
        return table.filter(pc.and_(wanted, pc.fill_null(within, True)))

    def _of(self, symbols: Sequence[str]) -> pa.Table:
        """The bars of ``symbols``, and what else lies in the same files; adjusted."""
        files = tuple(file for file in self._files() if file.suffix not in _ZIP or symbol_of(file) in symbols)
        return _read(files, _digest(files), self.terms)

    def _as_stored(self) -> pa.Table:
        """All bars, unadjusted: enough to know which symbols and days there are."""
        files = self._files()
        return _read(files, _digest(files), replace(self.terms, adjustment="raw"))

    def _files(self) -> tuple[Path, ...]:
        """The files that hold bars, in the order of their names."""
        if has_magic(self.path):
            found = [Path(name) for name in glob(self.path, recursive=True)]  # noqa: PTH207  # it may be absolute
        elif Path(self.path).is_dir():
            found = list(Path(self.path).iterdir())
        else:
            found = [Path(self.path)]
        files = tuple(sorted(file for file in found if file.is_file() and _holds_bars(file)))
        if not files:
            there = ", ".join(sorted(file.name for file in found if file.exists())[:8]) or "nothing"
            raise PriceFileError(
                self.path,
                f"no price files there (found {there}); MARKET_PATH is a file, folder or pattern of "
                ".csv, .csv.gz, .parquet or daily_<symbol>.zip.",
            )
        return files


def _holds_bars(file: Path) -> bool:
    """Whether a file's name says that it holds daily bars: not its factors, not bars of hours or minutes."""
    if file.name.endswith(_ZIP):
        return file.name.startswith(BARS)
    return file.name.endswith((*_CSV, *_PARQUET)) and not file.name.startswith(FACTORS)


def _digest(files: Sequence[Path]) -> str:
    """Of the names and contents of ``files`` and of the factors beside them."""
    digest = blake2b(digest_size=16)
    factors = [factors_of(file) for file in files if file.suffix in _ZIP]
    for file in [*files, *(file for file in factors if file.is_file())]:
        digest.update(f"{len(file.name)}:{file.name}:{file.stat().st_size}:".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=2)
def _read(files: tuple[Path, ...], digest: str, terms: Terms) -> pa.Table:
    """All bars of ``files``, which have ``digest``: read once as long as they stay the same."""
    import pyarrow as pa

    tables = []
    for file in files:
        shown = file.as_posix()
        if file.name.endswith(_ZIP):
            tables.append(read_zipped_prices(file, shown, terms))
        elif file.name.endswith(_PARQUET):
            tables.append(read_parquet_prices(file, shown, terms))
        else:
            tables.append(read_csv_prices(file, shown, terms))
    return pa.concat_tables(tables) if tables else bar_table({}, terms)
