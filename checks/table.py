"""What is judged: an Arrow table, Parquet files, or any other value; and the connections that read it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from checks.columns import Column, column_of, quoted
from checks.declaration import Check
from checks.plain_values import Plain, plain
from checks.probes import Frame
from checks.verdict import ROW_NUMBER

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# Rows that one thread judges as fast as several: a row group of DuckDB's.
_SMALL = 122_880

# Columns of a sampled row, the judged ones first.
_SHOWN = 12

_VIEW = "judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetFiles:
    """A table in local Parquet files of one schema, in this order; it is judged where it lies, not loaded."""

    paths: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.paths or isinstance(self.paths, str):
            raise ValueError(f"ParquetFiles needs a tuple of at least one path, not {self.paths!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A table in memory, or in files when ``table`` is None."""

    schema: pa.Schema
    table: pa.Table | None = None
    paths: tuple[str, ...] = ()

    @property
    def rows(self) -> int | None:
        """How many rows there are, where that is known without looking."""
        return None if self.table is None else int(self.table.num_rows)

    def count(self) -> int:
        """How many rows there are, from the footers of the files."""
        if self.table is not None:
            return int(self.table.num_rows)
        import pyarrow.parquet as pq

        return sum(pq.read_metadata(path).num_rows for path in self.paths)

    def schemas(self) -> Mapping[str, pa.Schema]:
        """The schema of each file; of a table in memory, under an empty name."""
        if self.table is not None:
            return {"": self.schema}
        import pyarrow.parquet as pq

        return {path: pq.read_schema(path) for path in self.paths}

    def whole(self) -> pa.Table:
        """All of it in memory."""
        if self.table is not None:
            return self.table
        import pyarrow.parquet as pq

        # partitioning: what a path spells as key=value is no column
        return pq.read_table(list(self.paths), partitioning=None)


def source_of(value: object) -> Source | None:
    """The table that ``value`` is, or None when it is none."""
    if isinstance(value, ParquetFiles):
        import pyarrow.parquet as pq

        return Source(schema=pq.read_schema(value.paths[0]), paths=value.paths)
    pyarrow = sys.modules.get("pyarrow")  # whoever has a table has imported it
    if pyarrow is not None and isinstance(value, pyarrow.Table):
        return Source(schema=value.schema, table=value)
    return None


def connection(rows: int | None) -> duckdb.DuckDBPyConnection:
    """A connection of one's own, to be closed, to a database in memory that holds nothing."""
    threads = 1 if rows is not None and rows <= _SMALL else 0
    return _database(os.getpid(), threads).cursor()


@contextmanager
def opened(source: Source, checks: Sequence[Check]) -> Iterator[tuple[duckdb.DuckDBPyConnection, Frame]]:
    """A connection that sees the columns that ``checks`` look at, and the frame that names them."""
    names = list(source.schema.names)
    needed = _needed(names, checks)
    row = "row_"
    while row in {name.lower() for name in names}:
        row += "_"
    with closing(connection(source.rows)) as cursor:
        if source.table is not None:
            cursor.register(_VIEW, source.table.select(needed))
        else:
            paths = ", ".join(quoted(path, "'") for path in source.paths)
            cursor.execute(
                f"CREATE TEMP VIEW {_VIEW} AS SELECT {_positions(names, needed)}"
                f" FROM read_parquet([{paths}], hive_partitioning = false)"
            )
        seen = _names_in_sql([names[position] for position in needed], cursor)
        times = Counter(names)
        columns: dict[str, Column | None] = dict.fromkeys(names)
        for position, name in zip(needed, seen, strict=True):
            if times[names[position]] == 1:
                columns[names[position]] = column_of(
                    names[position], quoted(name, '"'), source.schema.types[position], stored=source.table is None
                )
        yield cursor, Frame(columns=columns, table=_VIEW, row=row)
