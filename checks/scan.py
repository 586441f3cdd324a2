"""Judging a table by SQL: all rules in one query, and a second, bounded one for what failed."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from checks.columns import CannotJudge, literal, quoted
from checks.in_common import sql_in_common
from checks.plain_values import Plain
from checks.probe import Frame, Probe
from checks.probes import probe_of
from checks.rules import Answer, Asked, Holding, Querying, total_of
from checks.table import Run, Shown, Source, mappings, rows_at, rows_shown, shown_columns, sql_names
from graph.errors import near_miss

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# Rows that one thread judges as fast as several: a row group of DuckDB's.
_ONE_THREAD = 122_880

_TABLE = "this"


def judged_in_sql(
    source: Source,
    asked: Mapping[str, Asked],
    sample_rows: int,
    others: Mapping[str, Source] = MappingProxyType({}),
) -> dict[str, Answer | CannotJudge]:
    """What a query found of each rule, or why none can tell; ``others`` are the tables that rules compare with.

    Faults of files and of memory are raised as DuckDB raises them: they say nothing about the value.
    """
    found: dict[str, Answer | CannotJudge] = {}
    with opened(source, asked.values()) as (cursor, whole, refused):
        _show(cursor, others)
        for where in dict.fromkeys(one.where for one in asked.values()):  # one scan for each row condition
            frame = replace(whole, where=where)
            probes: dict[str, Probe] = {}
            for name, one in asked.items():
                if one.where != where:
                    continue
                if strange := [column for column in one.first if column in refused]:
                    found[name] = CannotJudge(
                        f"column '{strange[0]}' is of a type that DuckDB does not know."
                    )
                else:
                    probes[name] = probe_of(one.rule, frame)
            answers: dict[str, Mapping[str, Any]] = {}
            for name, answer in _judge(cursor, frame, probes, source).items():
                if isinstance(answer, CannotJudge):
                    found[name] = answer
                else:
                    answers[name] = answer
            failed = {name: probes[name] for name, answer in answers.items() if answer["failing"]}
            samples = _samples(source, cursor, frame, failed, asked, sample_rows) if sample_rows > 0 else {}
            for name, answer in answers.items():
                sample = samples.get(name, ())
                if isinstance(sample, CannotJudge):
                    found[name] = sample
                    continue
                found[name] = Answer(
                    failing=int(answer["failing"] or 0),
                    observed=answer["observed"],
                    counted=int(answer["counted"] or 0),
                    rows=answer["rows"],
                    sample=sample,
                )
    return found


def failing_rows(
    source: Source, asked: Mapping[str, Asked], others: Mapping[str, Source]
) -> dict[str, list[int]]:
    """The numbers of all rows that fail each rule, in order."""
    with opened(source, asked.values()) as (cursor, whole, _):
        _show(cursor, others)
        return {
            name: sorted(
                number for (number,) in ask(cursor, probe_of(one.rule, replace(whole, where=one.where)).rows)
            )
            for name, one in asked.items()
        }


def connection(rows: int | None) -> duckdb.DuckDBPyConnection:
    """A connection of one's own, to be closed, to a database in memory that holds nothing."""
    return _database(os.getpid(), 1 if rows is not None and rows <= _ONE_THREAD else 0).cursor()


def _show(cursor: duckdb.DuckDBPyConnection, others: Mapping[str, Source]) -> None:
    """Give SQL the tables that are compared with, by their names."""
    for name, source in others.items():
        if source.table is not None:
            cursor.register(name, source.table.rename_columns(source.sql_names()))
        else:
            cursor.execute(f"CREATE TEMP VIEW {quoted(name)} AS {_parquet(source)}").fetchall()


def _parquet(source: Source) -> str:
    """A query for what lies in files."""
    return " UNION ALL ".join(_run(run, source) for run in source.runs)


def _run(run: Run, source: Source) -> str:
    """A query for those columns of a source that lie in files of one schema."""
    paths = ", ".join(literal(path) for path in run.paths)
    names = sql_names(run.schema.names)
    # can_have_nan: the statistics in a file leave NaN out, and DuckDB would conclude that there is none.
    read = f"read_parquet([{paths}], hive_partitioning = false, can_have_nan = true)"
    files = f"FROM {read} AS files({', '.join(map(quoted, names))})"
    if len(source.runs) == 1:
        return files
    chosen = []
    for field, name in zip(source.schema, source.sql_names(), strict=True):
        position = run.schema.get_field_index(field.name)
        own = sql_in_common(quoted(names[position]), run.schema.types[position], field.type)
        chosen.append(f"{own} AS {quoted(name)}")
    return f"SELECT {', '.join(chosen) or f'NULL AS {_TABLE}'} {files}"


@contextmanager
def opened(
    source: Source, asked: Collection[Asked]
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Frame, frozenset[str]]]:
    """A connection that sees the table, the frame that names it, and the columns that DuckDB does not know to read.

    Of a table in memory it sees the columns that are asked about.
    """
    names = source.sql_names()
    row = "row_"
    while row in {name.lower() for name in names}:
        row += "_"
    frame = Frame(table=_TABLE, row=row)
    if source.table is None:
        with closing(connection(None)) as cursor:
            cursor.execute(f"CREATE TEMP VIEW {_TABLE} AS {_parquet(source)}").fetchall()
            yield cursor, frame, frozenset()
        return
    with closing(connection(source.table.num_rows)) as cursor:
        seen = _looked_at(source, asked)
        table = source.table.select(seen).rename_columns([names[position] for position in seen])
        refused = _register(cursor, table)
        yield cursor, frame, frozenset(source.schema.names[seen[position]] for position in refused)


def _register(cursor: duckdb.DuckDBPyConnection, table: pa.Table) -> list[int]:
    """Show a table to SQL, without the columns of types that DuckDB does not know; their positions."""
    import duckdb
    import pyarrow as pa

    def known(position: int) -> bool:
        try:
            cursor.register(_TABLE, table.select([position]))
        except duckdb.NotSupportedError:
            return False
        return True

    try:
        cursor.register(_TABLE, table if table.num_columns else pa.table({_TABLE: pa.nulls(table.num_rows)}))
    except duckdb.NotSupportedError:
        refused = [position for position in range(table.num_columns) if not known(position)]
        _register(cursor, table.select([n for n in range(table.num_columns) if n not in refused]))
        return refused
    return []


def _looked_at(source: Source, asked: Collection[Asked]) -> list[int]:
    """The positions of the columns that a rule is about, or whose name is found in the text of an expression."""
    named = {name for one in asked for name in one.first}
    texts = [one.rule.sql.lower() for one in asked if isinstance(one.rule, Holding)]
    texts += [one.where.lower() for one in asked]
    every = any("*" in text or "columns" in text for text in texts)
    every = every or any(isinstance(one.rule, Querying) for one in asked)
    seen = [
        position
        for position, name in enumerate(source.schema.names)
        if every or name in named or any(name.lower().replace('"', '""') in text for text in texts)
    ]
    return seen or list(range(len(source.schema.names)))[:1]


def _judge(
    cursor: duckdb.DuckDBPyConnection, frame: Frame, probes: Mapping[str, Probe], source: Source
) -> dict[str, Mapping[str, Any] | CannotJudge]:
    """Each probe's answer: what can be proved cheaply is, and only what cannot is counted."""
    large = source.table is None or source.table.num_rows > _ONE_THREAD
    proofs = {name: probe.proof for name, probe in probes.items() if large and probe.proof}
    answers = _ask_all(
        cursor, frame, {name: proofs.get(name, probe.judge) for name, probe in probes.items()}, source
    )
    unproved = [
        name for name in proofs if isinstance(answer := answers[name], CannotJudge) or answer["failing"]
    ]
    return answers | _ask_all(cursor, frame, {name: probes[name].judge for name in unproved}, source)


def _ask_all(
    cursor: duckdb.DuckDBPyConnection, frame: Frame, expressions: Mapping[str, str], source: Source
) -> dict[str, Mapping[str, Any] | CannotJudge]:
    """The value of each expression, or its error: all in one query, and one by one only if that one fails."""
    if not expressions:
        return {}
    # The count makes it an aggregate, also where every expression is a sub-query.
    query = f"SELECT {', '.join(['count(*)', *expressions.values()])} FROM {frame.rows}"
    try:
        ((rows, *values),) = ask(cursor, query)
        return {name: {**value, "rows": rows} for name, value in zip(expressions, values, strict=True)}
    except CannotJudge as reason:
        if len(expressions) == 1:
            return dict.fromkeys(expressions, explained(reason, source))
    return {
        name: _ask_all(cursor, frame, {name: expression}, source)[name]
        for name, expression in expressions.items()
    }


def ask(cursor: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    """The rows of a query.

    Raises:
        CannotJudge: the query or the data are at fault.
    """
    with _at_fault():
        return cursor.execute(query).fetchall()


def ask_table(cursor: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """The rows of a query as Arrow's table.

    Raises:
        CannotJudge: the query or the data are at fault.
    """
    with _at_fault():
        return cursor.sql(query).to_arrow_table()


@contextmanager
def _at_fault() -> Iterator[None]:
    """What DuckDB says of a query or of the data, as the reason why a check cannot be judged."""
    import duckdb

    try:
        yield
    except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError) as error:
        raise CannotJudge(str(error), quotes=True) from error


def explained(reason: CannotJudge, source: Source) -> CannotJudge:
    """DuckDB's message without the quotation of our SQL; of a missing column, our own."""
    if missing := re.search(r'Referenced column "(.+?)" not found', str(reason)):
        return CannotJudge(f"column '{missing[1]}' is missing.{near_miss(missing[1], source.schema.names)}")
    return CannotJudge(str(reason).split("\n\nLINE ", maxsplit=1)[0].strip(), quotes=reason.quotes)


def _samples(
    source: Source,
    cursor: duckdb.DuckDBPyConnection,
    frame: Frame,
    probes: Mapping[str, Probe],
    asked: Mapping[str, Asked],
    limit: int,
) -> Mapping[str, Sequence[Mapping[str, Plain]] | CannotJudge]:
    """Some of what failed of each: rows of the table, groups, what else a query finds; or why it cannot be told."""
    others: dict[str, Sequence[Mapping[str, Plain]] | CannotJudge] = {}
    rows: dict[str, Shown] = {}
    for name, probe in probes.items():
        try:
            if probe.groups:
                groups = mappings(ask_table(cursor, f"{probe.groups} LIMIT {limit}"))
                *_, label = groups[0]
                others[name] = [{**group, label: total_of(group[label])} for group in groups]
            elif probe.found:
                others[name] = mappings(ask_table(cursor, f"{probe.found} LIMIT {limit}"))
            elif probe.rows:
                numbers = [number for (number,) in ask(cursor, f"{probe.rows} LIMIT {limit}")]
                columns = shown_columns(source.schema.names, asked[name].shown)
                rows[name] = Shown(numbers=numbers, columns=columns)
        except CannotJudge as reason:
            others[name] = explained(reason, source)
    if source.table is not None:
        return others | rows_shown(rows, partial(rows_at, source.table))
    try:
        return others | rows_shown(rows, partial(_rows_in_files, source, cursor, frame))
    except CannotJudge as reason:
        return others | dict.fromkeys(rows, explained(reason, source))


def _rows_in_files(
    source: Source, cursor: duckdb.DuckDBPyConnection, frame: Frame, numbers: list[int], names: list[str]
) -> pa.Table:
    columns = source.columns()
    shown = ", ".join(column.sql for name in names if (column := columns[name]) is not None)
    wanted = ", ".join(map(str, numbers))
    query = f"SELECT {shown} FROM {frame.numbered} WHERE {frame.row} IN ({wanted}) ORDER BY {frame.row}"
    return ask_table(cursor, query).rename_columns(names)


@cache
def _database(process: int, threads: int) -> duckdb.DuckDBPyConnection:
    """One empty database a process, as a forked one has no threads; ``threads=0`` leaves their number to DuckDB."""
    import tempfile

    import duckdb

    config: dict[str, Any] = {
        "autoinstall_known_extensions": "false",  # judging never reaches for the network,
        "python_enable_replacements": "false",  # nor for variables of the program
        "temp_directory": str(Path(tempfile.gettempdir(), f"checks-{process}")),
    }
    database = duckdb.connect(":memory:", config=config | ({"threads": threads} if threads else {}))
    database.execute("SET GLOBAL TimeZone = 'UTC'").fetchall()
    return database
