"""Prices that come inside a library: adjusted closes of 20 stocks of the S&P 500, 1990 to 2022, of skfolio.

The file is read where the library is installed, without importing the library, which would take seconds.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from assets.market.exchange_sessions import regular_close
from assets.market.sources import PriceSourceError, Terms, UnknownSymbol, bar_table
from graph import Observation

if TYPE_CHECKING:
    import pyarrow as pa

_FILE = Path("datasets", "data", "sp500_dataset.csv.gz")
_DAY = len("2022-12-28")


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePrices:
    """Real adjusted daily closes; open, high, low and volume are unknown and stay null."""

    terms: Terms

    def identity(self) -> Mapping[str, str]:
        """The settings that change the data."""
        return self.terms.identity()

    def observe(self, now: datetime) -> Observation:
        """The digest of the file, and the close of its last session; nothing will be added to it."""
        packed = _dataset().read_bytes()
        last = gzip.decompress(packed).rstrip().rpartition(b"\n")[2][:_DAY]
        return Observation(
            version=blake2b(packed, digest_size=16).hexdigest(),
            as_of=regular_close(date.fromisoformat(last.decode())),
            ends=True,
        )

    def bars(self, symbols: Sequence[str], start: date, end: date) -> pa.Table:
        """The closes of ``symbols`` from ``start`` to ``end``."""
        import pyarrow as pa
        import pyarrow.compute as pc
        from pyarrow.csv import read_csv

        wide = read_csv(_dataset())
        known = wide.column_names[1:]
        unknown = [symbol for symbol in symbols if symbol not in known]
        if unknown:
            raise UnknownSymbol("sample", unknown, known=known, said=f"it has {', '.join(known)}")
        days = wide.column("Date")
        wide = wide.filter(
            pc.and_(pc.greater_equal(days, pa.scalar(start)), pc.less_equal(days, pa.scalar(end)))
        )
        return bar_table(
            {
                "symbol": pa.chunked_array([pa.repeat(symbol, len(wide)) for symbol in symbols], pa.string()),
                "session": pa.chunked_array(
                    [chunk for _ in symbols for chunk in wide.column("Date").chunks], pa.date32()
                ),
                "close": pa.chunked_array(
                    [chunk for symbol in symbols for chunk in wide.column(symbol).chunks], pa.float64()
                ),
            },
            self.terms,
        )


def _dataset() -> Path:
    """The file, in the installed library."""
    library = find_spec("skfolio")
    if library is None or not library.submodule_search_locations:
        raise PriceSourceError(
            "price source 'sample' is part of the library skfolio, which is not installed; "
            "install prefect-asset-graph[market] or choose another MARKET_SOURCE."
        )
    return Path(library.submodule_search_locations[0]) / _FILE
