"""Made-up trades as Parquet: ``trades.py ROWS FILE [broken]``; ``broken`` spoils a few rows for each check."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from check_list import SIDES, VENUES

GROUP = 1_000_000
START_US = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
SYMBOLS = np.array([f"{a}{b}{c}" for a in "ABCDE" for b in "ABCDE" for c in "ABCD"])


def trades(first: int, rows: int, of: int) -> pa.Table:
    """Rows ``first`` and after, of a table of ``of`` rows whose weights sum to 1."""
    chance = np.random.default_rng(first)
    price = chance.uniform(1, 500, rows)
    number = np.arange(first, first + rows)
    return pa.table(
        {
            "trade_id": number,
            "symbol": SYMBOLS[number % len(SYMBOLS)],
            "isin": np.char.add("US", np.char.zfill((number % 1000).astype(str), 10)),
            "venue": np.array(VENUES)[chance.integers(0, len(VENUES), rows)],
            "side": np.array(SIDES)[chance.integers(0, len(SIDES), rows)],
            "traded_at": pa.array(START_US + number * 1_000_000, pa.timestamp("us", "UTC")),
            "open": price,
            "high": price * 1.02,
            "low": price * 0.98,
            "close": price * 1.01,
            "volume": chance.integers(1, 10_000, rows),
            "weight": np.full(rows, 1 / of),
        }
    )


def broken(table: pa.Table) -> pa.Table:
    """The same with faults in a few rows, so that every check about values fails."""
    spoiled = {
        "trade_id": {3: 2, 7: None},
        "symbol": {4: "A1", 5: None, 31: "toolong"},
        "isin": {6: "US12"},
        "venue": {8: "NOWHERE", 9: "NOWHERE"},
        "side": {10: "hold"},
        "traded_at": {11: datetime(2099, 1, 1, tzinfo=UTC), 12: None},
        "open": {13: -1.0},
        "high": {14: 1e6, 15: 1e6},
        "low": {16: 0.0},
        "close": {17: None, 18: -5.0, 19: 0.0},
        "volume": {20: 0, 21: None},
        "weight": {22: 0.5},
    }
    for name, changes in spoiled.items():
        values = table[name].slice(0, 50).to_pylist()
        for row, value in changes.items():
            values[row] = value
        column = pa.chunked_array([pa.array(values, table[name].type), *table[name].slice(50).chunks])
        table = table.set_column(table.schema.get_field_index(name), name, column)
    first, second = table.slice(0, 30), table.slice(30)
    twice = table.slice(25, 1)  # one row again, with a number of its own: the same symbol at the same time
    twice = twice.set_column(0, "trade_id", pa.array([-1], pa.int64()))
    return pa.concat_tables([first, twice, second])


def write(rows: int, file: str, spoil: bool) -> None:
    writer = None
    for first in range(0, rows, GROUP):
        table = trades(first, min(GROUP, rows - first), rows)
        if spoil and first == 0:
            table = broken(table)
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


if __name__ == "__main__":
    write(int(sys.argv[1]), sys.argv[2], "broken" in sys.argv)
