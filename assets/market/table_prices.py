"""Prices from a table in memory: for notebooks, and for tests of what uses a price source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from assets.market.sources import Terms, UnknownSymbol, bar_schema

if TYPE_CHECKING:
    import pyarrow as pa

Asked = tuple[tuple[str, ...], date, date]


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePrices:
    """The bars of ``table``, which has the schema of `bar_schema`.

    Args:
        asked: what was asked for so far: symbols, start, end.
    """

    terms: Terms
    table: pa.Table
    asked: list[Asked] = field(default_factory=list)

    def identity(self) -> Mapping[str, str]:
        """The settings that change the data."""
        return self.terms.identity()

    def bars(self, symbols: Sequence[str], start: date, end: date) -> pa.Table:
        """The bars of ``symbols`` from ``start`` to ``end``."""
        import pyarrow as pa
        import pyarrow.compute as pc

        self.asked.append((tuple(symbols), start, end))
        known = self.table["symbol"].unique().to_pylist()
        unknown = [symbol for symbol in symbols if symbol not in known]
        if unknown:
            raise UnknownSymbol(self.terms.provider, unknown, known=known)
        days = self.table["session"]
        within = pc.and_(pc.greater_equal(days, pa.scalar(start)), pc.less_equal(days, pa.scalar(end)))
        named = pc.is_in(self.table["symbol"], pa.array(symbols, pa.string()))
        return self.table.filter(pc.and_(named, within)).cast(bar_schema(self.terms))
