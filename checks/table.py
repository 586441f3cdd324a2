"""What is judged: an Arrow table, or Parquet files; its columns, and its rows by number."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checks.columns import CannotJudge, Column, column_of, quoted
from checks.in_common import in_common, table_in_common
from checks.plain_values import Plain, plain
from checks.verdict import ROW_NUMBER

if TYPE_CHECKING:
    import pyarrow as pa

# Columns of a sampled row, the judged ones first.
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetFiles:
    """A table in local Parquet files, in this order; it is judged where it lies, not loaded.

    Its columns are those that all files have, of types that hold the values of all; see `checks.in_common`.
    """

    paths: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.paths or isinstance(self.paths, str):
            raise ValueError(f"ParquetFiles needs a tuple of at least one path, not {self.paths!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Files of one schema."""

    schema: pa.Schema
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A table in memory, or in files when ``table`` is None.

    Args:
        runs: the files in the same order, those that follow one another and have the same columns together.
    """

    schema: pa.Schema
    table: pa.Table | None = None
    runs: tuple[Run, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The files."""
        return tuple(path for run in self.runs for path in run.paths)

    def count(self) -> int:
        """How many rows there are; of files, from their footers."""
        if self.table is not None:
            return int(self.table.num_rows)
        import pyarrow.parquet as pq

        return sum(pq.read_metadata(path).num_rows for path in self.paths)

    def schemas(self) -> Mapping[str, pa.Schema]:
        """The schema of each file; of a table in memory, under an empty name."""
        if self.table is not None:
            return {"": self.schema}
        return {path: run.schema for run in self.runs for path in run.paths}

    def whole(self) -> pa.Table:
        """All of it in memory.

        Raises:
            CannotJudge: files of several types have a value that cannot be told in the one they have in common.
        """
        if self.table is not None:
            return self.table
        import pyarrow.parquet as pq

        # partitioning: what a path spells as key=value is no column
        tables = [pq.read_table(list(run.paths), partitioning=None) for run in self.runs]
        if len(tables) == 1:
            return tables[0]
        import pyarrow as pa

        try:
            return pa.concat_tables([table_in_common(table, self.schema) for table in tables])
        except pa.ArrowInvalid as error:
            raise CannotJudge(f"its files are no one table: {error}", quotes=True) from error

    def sql_names(self) -> list[str]:
        """What SQL calls the columns, by position; see `sql_names`."""
        return sql_names(self.schema.names)

    def columns(self) -> Mapping[str, Column | None]:
        """The columns by name; None where two share one."""
        times = Counter(self.schema.names)
        named = zip(self.schema.names, self.schema.types, self.sql_names(), strict=True)
        return {
            name: column_of(name, arrow_type, quoted(sql), stored=self.table is None)
            if times[name] == 1
            else None
            for name, arrow_type, sql in named
        }


def source_of(value: object) -> Source | None:
    """The table that ``value`` is, or None when it is none."""
    if isinstance(value, ParquetFiles):
        import pyarrow.parquet as pq

        runs: list[Run] = []
        for path in value.paths:
            schema = pq.read_schema(path)
            if runs and (schema.names, schema.types) == (runs[-1].schema.names, runs[-1].schema.types):
                runs[-1] = Run(schema=runs[-1].schema, paths=(*runs[-1].paths, path))
            else:
                runs.append(Run(schema=schema, paths=(path,)))
        return Source(schema=in_common([run.schema for run in runs]), runs=tuple(runs))
    # whoever has a table has imported pyarrow; another thread may be in the middle of that
    kind = getattr(sys.modules.get("pyarrow"), "Table", None)
    if kind is not None and isinstance(value, kind):
        return Source(schema=value.schema, table=value)
    return None


def sql_names(columns: Sequence[str]) -> list[str]:
    """What SQL calls columns, by position: their names, unless they have none or differ in case only."""
    names = list(columns)
    times = Counter(name.lower() for name in names)
    taken = set(times)
    for position, name in enumerate(names):
        while not names[position] or (times[name.lower()] > 1 and names[position].lower() in taken):
            names[position] = f"{names[position]}_{position}"
        taken.add(names[position].lower())
    return names


def shown_columns(names: Sequence[str], first: Iterable[str]) -> list[str]:
    """The columns of a sampled row: those of ``first``, then the others, a dozen in all; none of two with one name."""
    times = Counter(names)
    return [name for name in dict.fromkeys([*first, *names]) if times[name] == 1 and name != ROW_NUMBER][
        :_SHOWN
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Rows to show: by number, and of which columns."""

    numbers: Sequence[int]
    columns: Sequence[str]


def rows_shown(
    wanted: Mapping[str, Shown], read: Callable[[list[int], list[str]], pa.Table]
) -> dict[str, list[Mapping[str, Plain]]]:
    """The rows that each wants, each with its number; all of them are read together.

    Args:
        read: answers the rows of these numbers, which increase.
    """
    numbers = sorted({number for one in wanted.values() for number in one.numbers})
    columns = list(dict.fromkeys(name for one in wanted.values() for name in one.columns))
    rows: dict[int, Mapping[str, Plain]] = {number: {} for number in numbers}
    if numbers and columns:
        rows = dict(zip(numbers, mappings(read(numbers, columns)), strict=True))
    return {
        name: [
            {ROW_NUMBER: number, **{column: rows[number][column] for column in one.columns}}
            for number in one.numbers
        ]
        for name, one in wanted.items()
    }


def rows_at(table: pa.Table, numbers: Sequence[int], columns: Sequence[str]) -> pa.Table:
    """The rows of these numbers: few, of a table that may be large."""
    import pyarrow as pa

    narrow = table.select(columns)
    return pa.concat_tables([narrow.slice(number, 1) for number in numbers])


def mappings(table: pa.Table) -> list[Mapping[str, Plain]]:
    """The rows of a small table, each as a mapping of plain values."""
    names = table.column_names
    return [dict(zip(names, row, strict=True)) for row in zip(*map(_cells, table.columns), strict=True)]


def _cells(column: pa.ChunkedArray) -> list[Plain]:
    """The values of a column; the texts of those that Python does not have, as the year 10,000."""
    import pyarrow as pa

    if getattr(column.type, "unit", "") == "ns":  # Python's own times know microseconds
        coarser = {pa.time64("ns"): pa.time64("us"), pa.duration("ns"): pa.duration("us")}
        timestamp = pa.timestamp("us", getattr(column.type, "tz", None))
        column = column.cast(coarser.get(column.type, timestamp), safe=False)
    try:
        return [plain(value) for value in column.to_pylist()]
    except (ValueError, OverflowError):
        if len(column) == 1:
            return [plain(str(column[0].cast(pa.string()).as_py()))]
        return [_cells(column.slice(number, 1))[0] for number in range(len(column))]
