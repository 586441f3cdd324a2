"""What a check asks of the columns that are really there: the one reading of it, for SQL and for Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

from checks.columns import CannotJudge, Column, Interval, Place, comparable, find, interval
from checks.declaration import Check
from checks.plain_values import Plain

TOTAL = '"(total)"'
"""What a sum is called in a query: no column is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoneMissing:
    """No null and no NaN in any of the columns."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """Every value lies within bounds; the ends that are bounded are the ones to show."""

    column: Column
    bounds: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Among:
    """Every value is one of those known."""

    column: Column
    known: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Every text contains a match of a regular expression of RE2."""

    column: Column
    regex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinct:
    """No two rows have the same key.

    Args:
        counts: SQL: which rows count, nulls being equal; empty for those without a null.
    """

    key: tuple[Column, ...]
    counts: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summing:
    """The sum of every group lies within bounds around ``aim``; ``total`` is the column of those sums."""

    column: Column
    by: tuple[Column, ...]
    total: Column
    bounds: Interval
    aim: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """No value that is not null comes before (or, if strict, equals) the one before it in its group."""

    column: Column
    by: tuple[Column, ...]
    strict: bool
    decreasing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A condition in SQL is not false for any row."""

    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A condition in SQL is true for every row that counts; ``$rows`` in it are all the rows that are looked at."""

    holds: str
    counts: str = "true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of the whole table, in SQL as in `Rows`, is as it should be.

    Args:
        column: whose place it is, if it is one.
        told: what is kept of it as observed, where that is something else.
        expected: what it was expected to be, as in `Verdict`.
    """

    value: str
    passes: Callable[[Any], bool]
    column: Column | None = None
    told: Callable[[Any], Plain] | None = None
    expected: Plain = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Referring:
    """The key of every row, where no part of it is null, is that of a row upstream."""

    key: tuple[Column, ...]
    upstream: str
    others: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Covering:
    """The key of every row upstream is that of a row."""

    key: tuple[Column, ...]
    upstream: str
    others: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciling:
    """The sum of every group is that of the group upstream; ``others`` are the groups' columns there."""

    column: Column
    by: tuple[Column, ...]
    upstream: str
    other: Column
    others: tuple[Column, ...]
    tolerance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Querying:
    """A query finds no row."""

    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """A condition in SQL on what is aggregated is true for each group; without ``by``, for all rows together."""

    by: tuple[Column, ...]
    holds: str


Rule: TypeAlias = (
    NoneMissing
    | Within
    | Among
    | Matching
    | Distinct
    | Summing
    | Ordered
    | Holding
    | Rows
    | Figure
    | Referring
    | Covering
    | Reconciling
    | Querying
    | Groups
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was found of one rule: how many failing rows or groups, what was observed, and some of what failed.

    Args:
        counted: of how many rows or groups, nulls left out.
        rows: how many rows meet the row condition.
    """

    failing: int
    observed: Any
    counted: int
    rows: int
    sample: Sequence[Mapping[str, Plain]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A rule with the columns that its check names, which a sample shows first.

    Args:
        key: the columns that tell rows apart, which a sample shows next.
        where: of which rows it is asked, in SQL; empty for all.
    """

    rule: Rule
    first: Sequence[str]
    key: Sequence[str] = ()
    where: str = ""

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns that a sample begins with."""
        return (*self.first, *self.key)


def rule_of(check: Check, columns: Mapping[str, Column | None], now: datetime) -> Rule:
    """What ``check`` asks of these columns.

    Raises:
        CannotJudge: a column is missing, or of a type that the check knows nothing of.
    """
    found = tuple(find(columns, name) for name in check.columns)
    match check.kind:
        case "not_null":
            return NoneMissing(columns=found)
        case "unique":
            return Distinct(key=found)
        case "between":
            low, high = check["low"], check["high"]
            column = comparable(found[0], low if low is not None else high)
            strict = {"strict_low": check["strict_low"], "strict_high": check["strict_high"]}
            return Within(column=column, bounds=interval(column, low, high, **strict))
        case "no_future_timestamps":
            column = comparable(found[0], now)
            return Within(column=column, bounds=interval(column, None, now + check["tolerance"]))
        case "one_of":
            column = comparable(found[0], check["values"][0])
            return Among(column=column, known=column.exactly(check["values"]))
        case "matches":
            return Matching(column=comparable(found[0], check["regex"]), regex=check["regex"])
        case "sums_to":
            return _summing(check, *found)
        case "monotonic":
            if found[0].family in {"boolean", "bytes", "other"}:
                raise CannotJudge(
                    f"column '{found[0].name}' is of type {found[0].type_name}, which has no order."
                )
            return Ordered(
                column=found[0], by=found[1:], strict=check["strict"], decreasing=check["decreasing"]
            )
        case "expression":
            return Holding(sql=check["sql"])
    raise CannotJudge(f"nobody knows how to judge the kind '{check.kind}'.")


def observed_of(rule: Rule, observed: Any) -> Plain:
    """What is kept of what was observed: of `Within`, given the extremes as places, those that are bounded."""
    match rule:
        case Within(column=column, bounds=bounds):
            low, high = (column.shown(place) for place in observed)
            if bounds.low is None or bounds.high is None:
                return high if bounds.low is None else low
            return None if low is None else f"{low!s} to {high!s}"
        case Summing():
            return total_of(observed)
        case Figure(column=Column() as column):
            return column.shown(observed)
        case Figure(told=told) if told is not None:
            return told(observed)
    return observed  # type: ignore[no-any-return]  # what DuckDB gives has no type


def total_of(total: Any) -> Plain:
    """A sum as it is kept: whole numbers as integers, and of a float the digits that the order of adding leaves."""
    if isinstance(total, float):
        return float(f"{total:.15g}") + 0.0
    return int(total) if isinstance(total, Decimal) and total.as_tuple().exponent == 0 else total


def _summing(check: Check, column: Column, *by: Column) -> Summing:
    if column.family not in {"number", "null"}:
        raise CannotJudge(f"column '{column.name}' is of type {column.type_name}, which has no sum.")
    total = replace(
        column, family="number", sql=TOTAL, place=TOTAL, float_bits=64 if column.float_bits else 0
    )
    aim, tolerance = Fraction(str(check["total"])), Fraction(str(check["tolerance"]))
    bounds = interval(total, aim - tolerance, aim + tolerance)
    return Summing(column=column, by=by, total=total, bounds=bounds, aim=float(aim))
