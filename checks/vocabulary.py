"""The vocabulary: one constructor for each kind of check.

Every constructor takes ``name=`` (default: what it promises of which columns) and ``severity=`` (default: error). Those
about rows take ``mostly=``, the part of them that has to be good, and ``row_condition=``, which of them are looked at:
SQL, or `checks.column`.
Two rules hold for all of them. A null is the absence of a value: only `not_null` forbids it. A NaN is a broken
number: it fails every check that looks at the number (`not_null`, `between`, `one_of`, `sums_to`, `monotonic`),
and to `unique` two NaN are equal.
"""

from __future__ import annotations

import inspect
import math
import re
import warnings
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias, overload

from checks.declaration import Check, InvalidCheck, Severity, by_groups, columns_of, declared
from checks.plain_values import Plain, cut, to_json, whole
from checks.row_conditions import RowCondition
from graph.errors import near_miss

Number: TypeAlias = int | float | Decimal
Bound: TypeAlias = Number | str | date | datetime | time | timedelta

# What `str(pyarrow.DataType)` begins with, and the short names that pyarrow accepts beside it.
# fmt: off
_ARROW_TYPES = frozenset({
    "null", "bool", "boolean", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "float16", "halffloat", "float", "float32",
    "double", "float64", "f2", "f4", "f8", "string", "utf8", "str", "large_string", "large_utf8",
    "string_view", "binary", "large_binary", "binary_view", "fixed_size_binary", "date32", "date64",
    "timestamp", "time32", "time64", "duration", "month_day_nano_interval", "decimal32", "decimal64",
    "decimal128", "decimal256", "list", "large_list", "list_view", "large_list_view", "fixed_size_list",
    "struct", "map", "dictionary", "run_end_encoded", "sparse_union", "dense_union", "extension",
})
# fmt: on


def not_null(
    *columns: str,
    name: str | None = None,
    severity: Severity = "error",
    mostly: float = 1.0,
    row_condition: RowCondition | str | None = None,
) -> Check:
    """None of these columns has a null, or a NaN."""
    if not columns:
        raise InvalidCheck(name or "not_null", "names no column.")
    return declared("not_null", columns, {}, name, severity, mostly, row_condition)


def unique(
    *columns: str,
    name: str | None = None,
    severity: Severity = "error",
    mostly: float = 1.0,
    row_condition: RowCondition | str | None = None,
) -> Check:
    """No two rows have the same values in these columns together.

    As in SQL, a row with a null in any of them is like no other row: forbid that with `not_null`. Every row of a
    group of equals counts as failing, not only the repetitions; observed is the number of such groups.
    """
    if not columns:
        raise InvalidCheck(name or "unique", "names no column.")
    return declared("unique", columns, {}, name, severity, mostly, row_condition)


def between(
    column: str,
    low: Bound | None,
    high: Bound | None,
    *,
    strict_low: bool = False,
    strict_high: bool = False,
    name: str | None = None,
    severity: Severity = "error",
    mostly: float = 1.0,
    row_condition: RowCondition | str | None = None,
) -> Check:
    """The column's values lie between two bounds, of which one may be None; nulls pass, a NaN fails.

    Bounds are numbers, texts (in the order of code points), dates and timestamps, times of day or durations, as the
    column is. Integers and decimals are compared exactly, and a float bound means the number that it is printed as.
    A timestamp without time zone is read as UTC, in the bound and in the column, and a date as its midnight in UTC.
    Observed is the smallest value, the largest, or both, as the bounds are given.
    """
    label = name or f"between({column})"
    low, high = whole(low), whole(high)
    if low is None and high is None:
        raise InvalidCheck(label, "has no bound; give it a low or a high one.")
    for bound in (low, high):
        if bound is not None and (family_of(bound) in {"boolean", "bytes", ""} or bound != bound):
            raise InvalidCheck(label, f"has the bound {bound!r}; give it a number, a text, a date or a time.")
    if low is not None and high is not None:
        if family_of(low) != family_of(high):
            raise InvalidCheck(label, f"has bounds of two kinds, {low!r} and {high!r}.")
        nothing = (
            _ordinal(low) >= _ordinal(high) if strict_low or strict_high else _ordinal(low) > _ordinal(high)
        )
        if nothing:
            raise InvalidCheck(label, f"lets nothing pass: its low bound is {low}, its high bound {high}.")
    bounds = {"low": low, "high": high, "strict_low": strict_low, "strict_high": strict_high}
    return declared("between", (column,), bounds, name, severity, mostly, row_condition)


def one_of(
    column: str,
    values: Collection[Bound | bytes],
    *,
    name: str | None = None,
    severity: Severity = "error",
    mostly: float = 1.0,
    row_condition: RowCondition | str | None = None,
) -> Check:
    """The column's values are among these; nulls pass, a NaN fails."""
    label = name or f"one_of({column})"
    if isinstance(values, str | bytes) or not values:
        raise InvalidCheck(label, f"has the values {values!r}; give it a list of at least one.")
    known = {to_json(value): value for value in map(whole, values)}
    families = {family_of(value) for value in known.values()}
    if len(families) > 1 or "" in families or any(value != value for value in known.values()):
        raise InvalidCheck(
            label, "needs values of one kind: numbers, texts, booleans, dates, times or bytes."
        )
    return declared(
        "one_of",
        (column,),
        {"values": tuple(known[text] for text in sorted(known))},
        name,
        severity,
        mostly,
        row_condition,
    )


def matches(
    column: str,
    regex: str,
    *,
    name: str | None = None,
    severity: Severity = "error",
    mostly: float = 1.0,
    row_condition: RowCondition | str | None = None,
) -> Check:
    """The regular expression is found somewhere in each text, as by `re.search`; ``^...$`` asks for all of it.

    It is judged by RE2, which knows neither look-around nor references back; nulls pass.
    """
    label = name or f"matches({column})"
    if not isinstance(regex, str) or not regex:
        raise InvalidCheck(label, f"has the regular expression {regex!r}; give it a text.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # [[:alpha:]] is a class in RE2
            re.compile(regex)
    except re.error as error:
        raise InvalidCheck(label, f"has an invalid regular expression {regex!r}: {error}.") from None
    if found := re.search(r"(?<!\\)(?:\\\\)*(\(\?(?:[=!]|<[=!]|P=|>)|\\[1-9])", regex):
        raise InvalidCheck(
            label, f"uses {found[1]!r}, which RE2 does not know: no look-around, no references back."
        )
    return declared("matches", (column,), {"regex": regex}, name, severity, mostly, row_condition)


def row_count(
    minimum: int | None = None,
    maximum: int | None = None,
    *,
    name: str | None = None,
    severity: Severity = "error",
) -> Check:
    """The number of rows of a table (or of items of a list or mapping) lies between two bounds, both included."""
    label = name or "row_count"
    for bound in (minimum, maximum):
        if bound is not None and (not isinstance(bound, int) or isinstance(bound, bool) or bound < 0):
            raise InvalidCheck(label, f"has the bound {bound!r}; give it a whole number, zero or more.")
    if minimum is None and maximum is None:
        raise InvalidCheck(label, "has no bound; give it a minimum or a maximum.")
    if minimum is not None and maximum is not None and minimum > maximum:
        raise InvalidCheck(label, f"lets nothing pass: its minimum is {minimum}, its maximum {maximum}.")
    return declared("row_count", (), {"minimum": minimum, "maximum": maximum}, name, severity)


def schema(
    types: Mapping[str, str], *, exact: bool = True, name: str | None = None, severity: Severity = "error"
) -> Check:
    """The columns have these Arrow types, as Arrow writes them: ``{"symbol": "string", "session": "date32[day]"}``.

    Neither the order of the columns counts, nor the layout of a type: ``large_string``, ``string_view`` and a
    dictionary of strings are all ``string``.

    Args:
        exact: there are no other columns.
    """
    label = name or "schema"
    if not types:
        raise InvalidCheck(label, "names no column.")
    for column, type_name in types.items():
        root = re.split(r"[\[<(]", str(type_name))[0]
        if root not in _ARROW_TYPES:
            miss = near_miss(root, _ARROW_TYPES)
            raise InvalidCheck(
                label, f"gives '{column}' the type '{type_name}', which is not one of Arrow's.{miss}"
            )
    return declared("schema", tuple(types), {"types": tuple(types.items()), "exact": exact}, label, severity)


def no_future_timestamps(
    column: str,
    tolerance: timedelta = timedelta(0),
    *,
    name: str | None = None,
    severity: Severity = "error",
    mostly: float = 1.0,
    row_condition: RowCondition | str | None = None,
) -> Check:
    """No timestamp lies after the time of judging by more than ``tolerance``; nulls pass.

    A timestamp without time zone is read as UTC. A date begins at midnight UTC: where the day begins earlier, as in
    Tokyo, say ``tolerance=timedelta(hours=14)``.
    """
    if not isinstance(tolerance, timedelta) or tolerance < timedelta(0):
        raise InvalidCheck(
            name or "no_future_timestamps", f"has the tolerance {tolerance!r}; give it a duration."
        )
    return declared(
        "no_future_timestamps", (column,), {"tolerance": tolerance}, name, severity, mostly, row_condition
    )


def sums_to(
    column: str,
    total: Number,
    *,
    by: Collection[str] | str = (),
    tolerance: Number = 1e-9,
    name: str | None = None,
    severity: Severity = "error",
    row_condition: RowCondition | str | None = None,
) -> Check:
    """The column sums to ``total``, give or take ``tolerance`` (absolute): in all, or for each value of ``by``.

    A null counts as nothing, so that without ``by`` an empty table sums to 0; a NaN or an infinity fails. Failing
    are groups, not rows, and so are the samples: each a group with its sum. Observed is the sum farthest off.
    """
    groups = columns_of(by)
    label = name if name is not None else f"sums_to({column}{by_groups(groups)})"
    for number in (total, tolerance):
        if family_of(number) != "number" or not math.isfinite(number):
            raise InvalidCheck(label, f"has the number {number!r}; give it a finite one.")
    if tolerance < 0:
        raise InvalidCheck(label, f"has the tolerance {tolerance}, which is negative.")
    parameters: dict[str, Plain] = {"total": total, "tolerance": tolerance}
    return declared("sums_to", (column, *groups), parameters, label, severity, row_condition=row_condition)


def monotonic(
    column: str,
    *,
    by: Collection[str] | str = (),
    strict: bool = False,
    decreasing: bool = False,
    name: str | None = None,
    severity: Severity = "error",
    mostly: float = 1.0,
    row_condition: RowCondition | str | None = None,
) -> Check:
    """The column never decreases from row to row, in the order of the table: in all, or within each value of ``by``.

    Each value is compared with the one before that is not null. A NaN fails, and the value after it is not compared.

    Args:
        strict: nor does it repeat.
        decreasing: it never increases, instead.
    """
    groups = columns_of(by)
    label = name if name is not None else f"monotonic({column}{by_groups(groups)})"
    parameters: dict[str, Plain] = {"strict": strict, "decreasing": decreasing}
    return declared("monotonic", (column, *groups), parameters, label, severity, mostly, row_condition)


def expression(
    sql: str,
    *,
    name: str | None = None,
    severity: Severity = "error",
    mostly: float = 1.0,
    row_condition: RowCondition | str | None = None,
) -> Check:
    """A condition in DuckDB's SQL holds for every row; as in SQL's CHECK, a row for which it is null passes.

    In SQL a NaN is larger than every number.

    >>> expression("high >= low").name
    'expression(high >= low)'
    """
    if not isinstance(sql, str) or not sql.strip():
        raise InvalidCheck(name or "expression", f"has the condition {sql!r}; give it SQL.")
    return declared(
        "expression",
        (),
        {"sql": sql.strip()},
        name or f"expression({cut(sql.strip(), 80)})",
        severity,
        mostly,
        row_condition,
    )


@overload
def check(
    function: Callable[..., Any], *, name: str | None = None, severity: Severity = "error"
) -> Check: ...
@overload
def check(
    function: None = None, *, name: str | None = None, severity: Severity = "error"
) -> Callable[[Callable[..., Any]], Check]: ...
def check(
    function: Callable[..., Any] | None = None, *, name: str | None = None, severity: Severity = "error"
) -> Check | Callable[[Callable[..., Any]], Check]:
    """A function of the value that says whether it is good: a bool, or a `Finding`. Also a decorator.

    The value comes as its parameter is annotated: ``pa.Table`` (also without annotation), ``pd.DataFrame`` or
    ``duckdb.DuckDBPyRelation``; what is no table comes as it is. A second parameter named ``now`` gets the time of
    judging. Any other parameter without a default is one of the asset's own function, and gets the value that it was
    given. What the check raises is a failed verdict that keeps the error's text.
    """
    if function is None:
        return lambda wrapped: check(wrapped, name=name, severity=severity)
    label: str = name if name is not None else getattr(function, "__name__", "check")
    if not callable(function) or inspect.iscoroutinefunction(function):
        raise InvalidCheck(label, "is not an ordinary function.")
    given = list(inspect.signature(function).parameters.values())
    if not given or given[0].kind not in {
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    }:
        raise InvalidCheck(label, "takes no value; give its function a parameter for what is judged.")
    upstream = tuple(
        (other.name, ()) for other in given[1:] if other.name != "now" and other.default is other.empty
    )
    return Check(name=label, kind="check", severity=severity, function=function, needs=upstream)


def family_of(value: object) -> str:
    """What a value can be compared with: number, boolean, text, moment, time, duration or bytes; else nothing."""
    match value:
        case bool():
            return "boolean"
        case int() | float() | Decimal():
            return "number"
        case str():
            return "text"
        case date():  # a datetime is a date
            return "moment"
        case time():
            return "time"
        case timedelta():
            return "duration"
        case bytes():
            return "bytes"
    return ""


def _ordinal(bound: Bound) -> Any:
    """A bound as what it can be compared by: moments as aware timestamps."""
    if not isinstance(bound, date):
        return bound
    moment = bound if isinstance(bound, datetime) else datetime.combine(bound, time())
    return moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)
