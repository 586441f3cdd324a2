"""What the project's own checks of one table ask of the columns that are really there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from checks.columns import CannotJudge, Column, comparable, find, interval, literal
from checks.declaration import Check
from checks.own_checks import WEEKDAYS
from checks.rules import Figure, Groups, Rows, Rule
from checks.verdict import Finding
from graph.errors import near_miss

if TYPE_CHECKING:
    import pyarrow as pa

_DAY = 86_400 * 10**9  # nanoseconds


def rule_of_own_check(check: Check, columns: Mapping[str, Column | None], now: datetime) -> Rule | None:
    """What one of these checks asks of the columns; None of a check of another kind.

    Raises:
        CannotJudge: a column is missing, or of a type that the check knows nothing of.
    """
    match check.kind:
        case "recent":
            return _recent(check, comparable(find(columns, check.columns[0]), now), now)
        case "local_time":
            return _local_time(check, find(columns, check.columns[0]))
        case "point_in_time":
            available, decided = (comparable(find(columns, name), now) for name in check.columns)
            holds = f"{nanoseconds(available)} <= {nanoseconds(decided)}"
            return Rows(holds=holds, counts=f"{decided.sql} IS NOT NULL")
        case "unit":
            return _unit(check, number(find(columns, check.columns[0])))
        case "not_all_zero":
            column, *by = (find(columns, name) for name in check.columns)
            there = f"{number(column).place} <> 0{_no_nan(column)}"
            return Groups(by=tuple(by), holds=f"count_if({there}) > 0")
    return None


def time_zone_finding(check: Check, schemas: Mapping[str, pa.Schema]) -> Finding:
    """Whether a column is a timestamp with its zone; of several files, what the first one has that differs.

    Raises:
        CannotJudge: the column is missing or there twice, or is no timestamp.
    """
    import pyarrow as pa

    (name,) = check.columns
    for file, schema in schemas.items():
        if (times := schema.names.count(name)) != 1:
            miss = near_miss(name, schema.names)
            raise CannotJudge(
                f"column '{name}' is there more than once." if times else f"column '{name}' is missing.{miss}"
            )
        kind = schema.field(name).type
        if not pa.types.is_timestamp(kind):
            raise CannotJudge(f"column '{name}' is of type {kind}, which has no time zone.")
        if kind.tz != check["zone"]:
            at = f" in {file}" if len(schemas) > 1 else ""
            return Finding(passed=False, observed=f"{kind.tz or 'no time zone'}{at}")
    return Finding(passed=True, observed=check["zone"])


def number(column: Column) -> Column:
    """The column, if it holds numbers.

    Raises:
        CannotJudge: it does not.
    """
    if column.family not in {"number", "null"}:
        raise CannotJudge(
            f"column '{column.name}' is of type {column.type_name}; this check is about numbers."
        )
    return column


def has_nan(column: Column) -> str:
    """SQL, an aggregate: whether a NaN is in the column."""
    return f"coalesce(bool_or(isnan({column.place})), false)" if column.float_bits else "false"


def clock(column: Column, zone: str) -> str:
    """SQL: a timestamp on the clocks of a time zone, as a place of the column.

    Raises:
        CannotJudge: the column is no timestamp.
    """
    width = moment_step(column)
    if width == _DAY:
        raise CannotJudge(f"column '{column.name}' is of type {column.type_name}, which has no time of day.")
    if zone == "UTC":
        return column.place
    many = 1000 // width  # places a microsecond
    micros = f"(({column.place}) - {_rest(column.place, many)}) // {many}" if many > 1 else column.place
    ahead = f"epoch_us(timezone({literal(zone)}, make_timestamptz({micros}))) - {micros}"
    return f"({column.place} + ({ahead}) * {many})"


def day(column: Column, zone: str) -> str:
    """SQL: on which day a date or timestamp lies, in days since 1970."""
    if moment_step(column) == _DAY:
        return column.place
    places = _DAY // moment_step(column)
    at = clock(column, zone)
    return f"CAST(({at} - {_rest(at, places)}) // {places} AS INTEGER)"


def hour(column: Column) -> str:
    """SQL: in which hour a timestamp lies, in hours since 1970 in UTC."""
    places = _DAY // 24 // moment_step(column)
    at = clock(column, "UTC")
    return f"CAST(({at} - {_rest(at, places)}) // {places} AS INTEGER)"


def nanoseconds(column: Column) -> str:
    """SQL: a date or timestamp in nanoseconds since 1970."""
    return f"CAST({column.place} AS HUGEINT) * {moment_step(column)}"


def moment_step(column: Column) -> int:
    """How many nanoseconds a place of the column is.

    Raises:
        CannotJudge: the column has neither dates nor timestamps.
    """
    if column.family == "null":
        return 1000
    if column.family != "moment" or column.step is None:
        raise CannotJudge(
            f"column '{column.name}' is of type {column.type_name}; this check is about dates and timestamps."
        )
    return int(column.step)


def _recent(check: Check, column: Column, now: datetime) -> Rule:
    test = interval(column, now - check["within"], None).test()

    def passes(newest: Any) -> bool:
        return newest is not None and test(newest)

    return Figure(value=f"max({column.place})", passes=passes, column=column)


def _local_time(check: Check, column: Column) -> Rule:
    at, places = clock(column, check["timezone"]), _DAY // moment_step(column)
    time_of_day = _rest(at, places)
    low, high = (_since_midnight(check[bound]) * places // (_DAY // 1000) for bound in ("low", "high"))
    word = "AND" if low <= high else "OR"
    holds = f"({time_of_day} >= {low} {word} {time_of_day} <= {high})"
    if check["weekdays"] is not None:
        numbers = ", ".join(str(WEEKDAYS.index(name)) for name in check["weekdays"])
        since_monday = f"({day(column, check['timezone'])} + 3)"  # 1970 began on a Thursday
        holds += f" AND {_rest(since_monday, 7)} IN ({numbers})"
    return Rows(holds=holds, counts=f"{column.sql} IS NOT NULL")


def _unit(check: Check, column: Column) -> Rule:
    low, high = float(check["low"]), float(check["high"])

    def passes(median: Any) -> bool:
        return median is None or low <= median <= high

    value = f"CASE WHEN {has_nan(column)} THEN 'nan'::DOUBLE ELSE {typical_size(column)} END"
    return Figure(value=value, passes=passes)


def typical_size(column: Column) -> str:
    """SQL for the median of the absolute values of those numbers that are not zero."""
    return f"median(abs(CAST({column.place} AS DOUBLE))) FILTER (WHERE {column.place} <> 0)"


def _since_midnight(at: Any) -> int:
    """A time of day in microseconds."""
    return int(((at.hour * 60 + at.minute) * 60 + at.second) * 1_000_000 + at.microsecond)


def _rest(number: str, width: int) -> str:
    """SQL: what remains of a whole number divided by ``width``, from 0 up, for negative ones as well."""
    return f"((({number}) % {width} + {width}) % {width})"


def _no_nan(column: Column) -> str:
    return f" AND NOT isnan({column.place})" if column.float_bits else ""
