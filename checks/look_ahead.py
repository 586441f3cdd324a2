"""The look-ahead probe: change the future of what a value is made from, and see whether its past moves.

A backtest is worth nothing if what it knew on Monday depends on Tuesday. That is no property of the value, but of the
function that makes it; so the function is called again, with inputs whose future is another one.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from checks.across_rules import Upstream
from checks.beside import Beside
from checks.columns import CannotJudge, find, quoted
from checks.declaration import Check
from checks.plain_values import plain
from checks.scan import ask, ask_table, connection
from checks.table import Source, mappings, source_of
from checks.verdict import Finding

if TYPE_CHECKING:
    import pyarrow as pa


def look_ahead_finding(
    check: Check, source: Source, beside: Beside, upstream: Upstream, sample_rows: int
) -> Finding:
    """Which rows of the past move when the future of the inputs does.

    Raises:
        CannotJudge: the value cannot be made again, or has no time.
    """
    if beside.remake is None:
        raise CannotJudge("the value cannot be made again here, so that nobody can see what it depends on.")
    (time,) = check.columns
    find(source.columns(), time)
    table = source.whole()
    inputs = {parameter: upstream.table(parameter).whole() for parameter, _ in check.needs}
    seen, counted = 0, 0
    sample: list[Any] = []
    moved_at = ""
    for cut in _cuts(table.column(time), check["cuts"]):
        changed = {
            parameter: _with_another_future(inputs[parameter], parameter, column, cut)
            for parameter, (column,) in check.needs
        }
        try:
            made = beside.remake(changed)
        except Exception as error:
            raise CannotJudge(
                f"made again with another future, it fails: {type(error).__name__}: {error}", quotes=True
            ) from error
        again = source_of(made)
        if again is None:
            raise CannotJudge(f"made again, it is no table, but of type {type(made).__name__}.")
        failing, past, rows = _moved(table, again.whole(), time, cut, sample_rows - len(sample))
        if failing and not moved_at:
            moved_at = str(plain(cut.as_py()))
        seen, counted, sample = seen + failing, counted + past, [*sample, *rows]
    return Finding(
        passed=not seen,
        failing=seen,
        counted=counted,
        observed=f"rows up to {moved_at} depend on what comes later" if moved_at else None,
        sample=sample,
    )


def _cuts(times: pa.ChunkedArray, cuts: int) -> list[pa.Scalar]:
    """Times that part the value into about equal shares, none of them the last."""
    import pyarrow.compute as pc

    known = pc.unique(times.drop_null()).sort()
    places = sorted({len(known) * n // (cuts + 1) for n in range(1, cuts + 1)})
    return [known[place - 1] for place in places if 0 < place < len(known)]


def _with_another_future(table: pa.Table, name: str, time: str, cut: pa.Scalar) -> pa.Table:
    """The table with other numbers in every row after ``cut``: of one row all by the same factor."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    find(_columns(table), time, of=name)
    try:
        later = pc.fill_null(pc.greater(table.column(time), cut), False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        kind = table.schema.field(time).type
        raise CannotJudge(
            f"column '{time}' of {name} is of type {kind}, which cannot be compared with {cut}.",
            quotes=True,
        ) from error
    types = pa.types
    floats = [field.name for field in table.schema if types.is_floating(field.type)]
    numbers = floats or [
        field.name for field in table.schema if types.is_integer(field.type) and field.name != time
    ]
    if not numbers:
        raise CannotJudge(f"'{name}' has no number whose future could be another one.")
    factor = pa.array(np.arange(table.num_rows) % 5 + 2)
    for column in numbers:
        field = table.schema.field(column)
        other = pc.multiply(table.column(column), factor.cast(field.type))
        table = table.set_column(
            table.column_names.index(column), field, pc.if_else(later, other, table.column(column))
        )
    return table


def _columns(table: pa.Table) -> Any:
    """The columns of a table, as checks know them."""
    return Source(schema=table.schema, table=table).columns()


def _moved(
    table: pa.Table, again: pa.Table, time: str, cut: pa.Scalar, limit: int
) -> tuple[int, int, list[Any]]:
    """How many rows up to ``cut`` are others than before, of how many, and some of them as they were."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if again.schema.names != table.schema.names:
        raise CannotJudge("made again, it has other columns.")
    try:
        before, after = (one.filter(pc.less_equal(one.column(time), cut)) for one in (table, again))
    except pa.ArrowInvalid as error:
        raise CannotJudge(
            f"made again, its column '{time}' is of another type: {error}", quotes=True
        ) from error
    with closing(connection(before.num_rows)) as cursor:
        cursor.register("before", before)
        cursor.register("after", after)
        gone = "(FROM before EXCEPT ALL FROM after)"
        (counts,) = ask(
            cursor,
            f"SELECT (SELECT count(*) FROM {gone}), (SELECT count(*) FROM (FROM after EXCEPT ALL FROM before))",
        )
        rows: list[Any] = []
        if counts[0] and limit > 0:
            places = ", ".join(str(n + 1) for n in range(before.num_columns))
            query = f"FROM {gone} ORDER BY {quoted(time)}, {places} LIMIT {limit}"
            rows = mappings(ask_table(cursor, query))
    return max(counts), before.num_rows, rows
