"""Simple daily returns, from one session's close to the next one's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.market.price_checks import only_first_is_null
from checks import between, check, needs, no_look_ahead, not_null, same_row_count, schema, unique, unit
from graph import asset

if TYPE_CHECKING:
    import pyarrow as pa

JUMP = 0.6
"""Beyond this a daily return is doubted. Of 166,240 returns of large US stocks from 1990 to 2022 one is: an error of
adjustment, by exactly three."""


@asset(
    checks=[
        schema({"symbol": "string", "session": "date32[day]", "return": "double"}),
        not_null("symbol", "session"),
        unique("symbol", "session"),
        between("return", -1, float("inf"), strict_low=True, strict_high=True, name="more_than_all_lost"),
        check(only_first_is_null),
        needs("prices", "symbol", "session", "close"),
        same_row_count("prices"),
        unit("return", 0.0005, 0.045),
        no_look_ahead("session", prices="session"),
        between("return", -JUMP, JUMP, name="no_jumps", severity="warn"),
    ],
    unchecked="no freshness of its own: the one of market/prices counts",
)
def returns(prices: pa.Table) -> pa.Table:
    """Daily simple returns, close / previous close - 1, as fractions (0.01 is one percent).

    One row a bar, in the order of ``prices``; null for a symbol's first session. They include dividends as far as the
    prices are adjusted for them (the schema's metadata say how).
    """
    import numpy as np
    import pyarrow as pa

    closes = prices["close"].to_numpy()
    symbols = prices["symbol"].combine_chunks().dictionary_encode().indices.to_numpy()
    change = np.full(len(closes), np.nan)
    change[1:] = closes[1:] / closes[:-1] - 1
    first = np.ones(len(closes), dtype=bool)
    first[1:] = symbols[1:] != symbols[:-1]
    said = prices.schema.metadata or {}
    fields = [
        prices.schema.field("symbol"),
        prices.schema.field("session"),
        pa.field("return", pa.float64(), metadata={"unit": "fraction"}),
    ]
    return pa.table(
        [prices["symbol"], prices["session"], pa.array(change, pa.float64(), mask=first)],
        schema=pa.schema(fields, metadata={**said, b"unit": b"fraction"}),
    )
