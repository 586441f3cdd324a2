"""The universe: which symbols everything below is about."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from assets.market.price_source import SAMPLE, SymbolList
from checks import matches, not_null, row_count, unique
from graph import asset, fresh_within

if TYPE_CHECKING:
    import pyarrow as pa


@asset(
    volatile=True,
    checks=[
        not_null("symbol"),
        unique("symbol"),
        matches("symbol", r"^[A-Z0-9^][A-Z0-9.=^-]*$"),
        row_count(1, None),
    ],
    freshness=fresh_within(timedelta(days=7)),
)
def universe(listed: SymbolList) -> pa.Table:
    """The symbols, one a row, with company and sector where they are known (for the twenty of the sample)."""
    import pyarrow as pa

    symbols = listed.symbols()
    known = [SAMPLE.get(symbol, (None, None)) for symbol in symbols]
    return pa.table(
        {
            "symbol": pa.array(symbols, pa.string()),
            "name": pa.array([name for name, _ in known], pa.string()),
            "sector": pa.array([sector for _, sector in known], pa.string()),
        }
    )
