"""What is judged: an Arrow table, Parquet files, or any other value; and the connections that read it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
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
def opened(
    source: Source, checks: Sequence[Check], now: datetime
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Frame]]:
    """A connection that sees the columns that ``checks`` look at, and the frame that names them."""
    names = list(source.schema.names)
    seen = list(range(len(names)))
    row = "row_"
    while row in {name.lower() for name in names}:
        row += "_"
    with closing(connection(source.rows)) as cursor:
        if source.table is not None:
            seen = _needed(names, checks)  # DuckDB refuses a table for one type that it does not know
            cursor.register(_VIEW, source.table.select(seen))
        else:
            paths = ", ".join(quoted(path, "'") for path in source.paths)
            read = f"read_parquet([{paths}], hive_partitioning = false)"
            cursor.execute(f"CREATE TEMP VIEW {_VIEW} AS FROM {read}").fetchall()
        times = Counter(names)
        columns: dict[str, Column | None] = dict.fromkeys(names)
        for position, name in zip(seen, _names_in_sql(cursor, [names[i] for i in seen]), strict=True):
            if times[names[position]] == 1:
                arrow_type = source.schema.types[position]
                columns[names[position]] = column_of(
                    names[position], quoted(name, '"'), arrow_type, stored=source.table is None
                )
        yield cursor, Frame(columns=columns, table=_VIEW, row=row, now=now)


def rows_at(
    source: Source,
    cursor: duckdb.DuckDBPyConnection,
    frame: Frame,
    numbers: Sequence[int],
    first: Iterable[str],
) -> list[Mapping[str, Plain]]:
    """The rows of these numbers, in this order: the number, the columns of ``first``, then others, a dozen in all."""
    if not numbers:
        return []
    there = Counter(source.schema.names)
    names = [
        name
        for name in dict.fromkeys([*first, *source.schema.names])
        if there[name] == 1 and name != ROW_NUMBER
    ]
    names = names[:_SHOWN]
    if source.table is not None:
        found = [source.table.select(names).slice(number, 1) for number in numbers]
    else:
        shown = ", ".join(column.sql for name in names if (column := frame.columns[name]) is not None)
        wanted = ", ".join(map(str, numbers))
        query = f"SELECT {shown} FROM {frame.numbered} WHERE {frame.row} IN ({wanted}) ORDER BY {frame.row}"
        table = cursor.sql(query).to_arrow_table().rename_columns(names)
        found = [table.slice(sorted(numbers).index(number), 1) for number in numbers]
    return [{ROW_NUMBER: number, **mappings(row)[0]} for number, row in zip(numbers, found, strict=True)]


def mappings(table: pa.Table) -> list[Mapping[str, Plain]]:
    """The rows of a small table, each as a mapping of plain values."""
    columns = [(name, table.column(position)) for position, name in enumerate(table.column_names)]
    return [{name: _cell(column.slice(i, 1)) for name, column in columns} for i in range(table.num_rows)]


def _cell(column: pa.ChunkedArray) -> Plain:
    """The only value of a column; its text when Python has no such value, as for the year 10,000."""
    import pyarrow as pa

    if getattr(column.type, "unit", "") == "ns":  # Python's own times know microseconds
        coarser = {pa.time64("ns"): pa.time64("us"), pa.duration("ns"): pa.duration("us")}
        timestamp = pa.timestamp("us", getattr(column.type, "tz", None))
        column = column.cast(coarser.get(column.type, timestamp), safe=False)
    try:
        return plain(column[0].as_py())
    except (ValueError, OverflowError):
        return plain(str(column[0].cast(pa.string()).as_py()))


def _needed(names: Sequence[str], checks: Sequence[Check]) -> list[int]:
    """The positions of the columns that are looked at: named by a check, or found in the text of an expression."""
    named = {column for check in checks for column in check.columns}
    texts = [check["sql"].lower() for check in checks if check.kind == "expression"]
    everything = any("*" in text or "columns" in text for text in texts)
    needed = [
        position
        for position, name in enumerate(names)
        if everything or name in named or any(name.lower().replace('"', '""') in text for text in texts)
    ]
    return needed or list(range(len(names)))[:1]


def _names_in_sql(cursor: duckdb.DuckDBPyConnection, names: Sequence[str]) -> list[str]:
    """What DuckDB calls the columns: it renames those without name, or that differ in case only."""
    if "" not in names and len({name.lower() for name in names}) == len(names):
        return list(names)
    found = cursor.execute(f"FROM {_VIEW} LIMIT 0")
    described = [str(column[0]) for column in found.description or ()]
    found.fetchall()
    return described


@cache
def _database(process: int, threads: int) -> duckdb.DuckDBPyConnection:
    """One empty database a process, as a forked one has no threads; ``threads=0`` leaves their number to DuckDB."""
    import duckdb

    config: dict[str, Any] = {
        "autoinstall_known_extensions": "false",  # judging never reaches for the network,
        "python_enable_replacements": "false",  # nor for variables of the program
        "temp_directory": str(Path(tempfile.gettempdir(), f"checks-{process}")),
    }
    database = duckdb.connect(":memory:", config=config | ({"threads": threads} if threads else {}))
    database.execute("SET GLOBAL TimeZone = 'UTC'").fetchall()
    return database
