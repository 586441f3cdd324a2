"""From a check to the SQL that judges it, and to the SQL that samples what failed.

Every probe is one expression, so that all checks of a table are judged by a single SELECT: conditions on rows are
aggregates over one scan; uniqueness, groups and order are scalar sub-queries beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from checks.columns import Column, quoted
from checks.declaration import Check
from checks.vocabulary import family_of
from graph.errors import near_miss

# More values than this are looked up once for each distinct value of the column, not for each row.
_FEW = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How one check is judged.

    Args:
        judge: an SQL expression over the table: a struct of ``failing``, a count, and ``observed``.
        rows: a query for the numbers of the failing rows, in order; to be limited.
        groups: where groups fail and not rows, a query for them; to be limited.
    """

    judge: str
    rows: str = ""
    groups: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The table as a probe's SQL names it, and the time of judging.

    Args:
        columns: by the table's own names; None where two columns share one.
        table: its name.
        row: the name of the column that ``numbered`` has for the row's number.
    """

    columns: Mapping[str, Column | None]
    table: str
    row: str
    now: datetime

    @property
    def numbered(self) -> str:
        """A sub-query: the table with its row numbers, in order."""
        return f"(SELECT *, row_number() OVER () - 1 AS {self.row} FROM {self.table})"

    def column(self, name: str) -> Column:
        """The column of this name.

        Raises:
            CannotJudge: there is none, or more than one.
        """
        if name not in self.columns:
            raise CannotJudge(f"column '{name}' is missing.{near_miss(name, self.columns)}")
        column = self.columns[name]
        if column is None:
            raise CannotJudge(f"column '{name}' is there more than once.")
        return column


class CannotJudge(Exception):  # a way out of a translation, caught by `evaluate`; it becomes a verdict
    """This check cannot be judged on this table; the message says why."""


def probe_of(check: Check, frame: Frame) -> Probe:
    """How ``check`` is judged on this table.

    Raises:
        CannotJudge: a column is missing or has a type that the check knows nothing of.
    """
    return _PROBES[check.kind](check, frame)


def _rows(frame: Frame, bad: str, observed: str = "NULL") -> Probe:
    """A condition that is true for each failing row."""
    return Probe(
        judge=_judged(f"count_if({bad})", observed),
        rows=f"SELECT {frame.row} FROM {frame.numbered} WHERE {bad} ORDER BY {frame.row}",
    )


def _not_null(check: Check, frame: Frame) -> Probe:
    columns = [frame.column(name) for name in check.columns]
    tests = [f"{c.sql} IS NULL" + (f" OR {c.broken}" if c.float_bits else "") for c in columns]
    return _rows(frame, f"({' OR '.join(tests)})")


def _between(check: Check, frame: Frame) -> Probe:
    column = frame.column(check.columns[0])
    low, high = check["low"], check["high"]
    _same_family(check, column, low if low is not None else high)
    bad = column.outside(low, high, strict_low=check["strict_low"], strict_high=check["strict_high"])
    return _rows(frame, bad, _extremes(column, low is not None, high is not None))


def _no_future_timestamps(check: Check, frame: Frame) -> Probe:
    column = frame.column(check.columns[0])
    _same_family(check, column, frame.now)
    return _rows(frame, column.outside(None, frame.now + check["tolerance"]), _extremes(column, False, True))


def _one_of(check: Check, frame: Frame) -> Probe:
    column = frame.column(check.columns[0])
    values = check["values"]
    _same_family(check, column, values[0])
    bad = column.not_among(values)
    probe = _rows(frame, bad)
    if len(values) <= _FEW:
        return probe
    counted = f"(SELECT {column.sql}, count(*) AS times FROM {frame.table} GROUP BY 1)"
    return replace(probe, judge=f"(SELECT {_judged('coalesce(sum(times), 0)')} FROM {counted} WHERE {bad})")


def _matches(check: Check, frame: Frame) -> Probe:
    column = frame.column(check.columns[0])
    _same_family(check, column, check["regex"])
    if column.family == "null":
        return _rows(frame, "false")
    return _rows(frame, f"(NOT regexp_matches({column.sql}, {quoted(check['regex'], chr(39))}))")


def _expression(check: Check, frame: Frame) -> Probe:
    return _rows(frame, f"(NOT (\n{check['sql']}\n))")  # on lines of its own: it may end in a comment


def _unique(check: Check, frame: Frame) -> Probe:
    columns = [frame.column(name).sql for name in check.columns]
    key = ", ".join(columns)
    whole = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    groups = f"(SELECT count(*) AS times FROM {frame.table} WHERE {whole} GROUP BY {key})"
    equals = f"SELECT {key}, min({frame.row}) AS first_row FROM {frame.numbered} WHERE {whole}"
    equals += f" GROUP BY {key} HAVING count(*) > 1"
    return Probe(
        judge=f"(SELECT {_judged('coalesce(sum(times), 0)', 'count(*)')} FROM {groups} WHERE times > 1)",
        rows=f"SELECT {frame.row} FROM {frame.numbered} JOIN ({equals}) USING ({key}) ORDER BY first_row, {frame.row}",
    )


def _sums_to(check: Check, frame: Frame) -> Probe:
    column, *by = [frame.column(name) for name in check.columns]
    if column.family not in {"number", "null"}:
        raise CannotJudge(f"column '{column.name}' holds {_kind(column)}, which has no sum.")
    function = (
        "fsum" if column.float_bits else "sum"
    )  # fsum: compensated, so that the order of rows hardly matters
    total = f"coalesce({function}({column.place}), 0)"
    summed = replace(
        column, sql="total", place="total", float_bits=64 if column.float_bits else 0, family="number"
    )
    aim, tolerance = Fraction(str(check["total"])), Fraction(str(check["tolerance"]))
    if column.family == "null":
        summed = replace(summed, step=Fraction(1))
    bad = summed.outside(aim - tolerance, aim + tolerance)
    keys = ", ".join(c.sql for c in by)
    groups = f"(SELECT {keys}{', ' if keys else ''}{total} AS total FROM {frame.table}"
    groups += f" GROUP BY {keys})" if keys else ")"
    name = quoted(f"sum({column.name})", '"')
    worst = f"arg_max(total, abs(total::DOUBLE - '{float(aim)!r}'::DOUBLE))"
    return Probe(
        judge=f"(SELECT {_judged(f'count_if({bad})', worst)} FROM {groups})",
        groups=f"SELECT {keys}, total AS {name} FROM {groups} WHERE {bad} ORDER BY ALL" if keys else "",
    )


def _monotonic(check: Check, frame: Frame) -> Probe:
    column, *by = [frame.column(name) for name in check.columns]
    if column.family in {"boolean", "bytes", "other"}:
        raise CannotJudge(f"column '{column.name}' holds {_kind(column)}, which has no order.")
    sign = (">" if check["decreasing"] else "<") + ("=" if check["strict"] else "")
    bad = f"value {sign} previous"
    if column.float_bits:
        bad = f"(isnan(value) OR ({bad} AND NOT isnan(previous)))"
    present = f"{column.sql} IS NOT NULL"
    keys = ", ".join(c.sql for c in by)
    over = f"(PARTITION BY {keys} ORDER BY {frame.row})" if keys else "()"
    lagged = f"(SELECT {column.place} AS value, lag({column.place}) OVER {over} AS previous"
    source = frame.numbered if keys else frame.table
    return Probe(
        judge=f"(SELECT {_judged(f'count_if({bad})')} FROM {lagged} FROM {source} WHERE {present}))",
        rows=f"SELECT {frame.row} FROM {lagged}, {frame.row} FROM {frame.numbered} WHERE {present})"
        f" WHERE {bad} ORDER BY {frame.row}",
    )


_PROBES: Mapping[str, Callable[[Check, Frame], Probe]] = {
    "not_null": _not_null,
    "unique": _unique,
    "between": _between,
    "one_of": _one_of,
    "matches": _matches,
    "no_future_timestamps": _no_future_timestamps,
    "sums_to": _sums_to,
    "monotonic": _monotonic,
    "expression": _expression,
}


def _judged(failing: str, observed: str = "NULL") -> str:
    return f"{{'failing': {failing}, 'observed': {observed}}}"


def _extremes(column: Column, lowest: bool, highest: bool) -> str:
    """SQL for the smallest value, the largest, or both as a text; only numbers stay numbers."""
    if column.family == "null":
        return "NULL"
    as_is = column.family == "number" and not (lowest and highest)
    ends = [f"{end}({column.sql})" for end, wanted in (("min", lowest), ("max", highest)) if wanted]
    return ends[0] if as_is else " || ' to ' || ".join(f"{end}::VARCHAR" for end in ends)


def _same_family(check: Check, column: Column, value: object) -> None:
    """Refuse to compare a column with a value of another kind."""
    family = family_of(value)
    if column.family not in {family, "null"}:
        raise CannotJudge(
            f"column '{column.name}' holds {_kind(column)}, but {check.kind} is about a {family}."
        )


def _kind(column: Column) -> str:
    return f"values of type {column.type_name}"
