r"""Row conditions: of which rows of a table a check speaks, in SQL and in Great Expectations' own form.

>>> from checks import column
>>> (column("symbol") == "KO").sql
'"symbol" = \'KO\''
>>> ((column("close") > 1) & column("volume").is_not_null()).sql
'("close" > 1) AND ("volume" IS NOT NULL)'

As in SQL, a row for which a condition is neither true nor false is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from graph.errors import AssetGraphError

_OPERATORS = {
    "==": "=",
    "!=": "<>",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
    "IN": "IN",
    "NOT_IN": "NOT IN",
}


class InvalidRowCondition(AssetGraphError):
    """A row condition that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCondition:
    """Which rows are looked at.

    Args:
        sql: a condition in DuckDB's SQL.
        expression: the same as Great Expectations writes it; None where it was written in SQL, which it cannot read.
    """

    sql: str
    expression: Mapping[str, Any] | None = field(default=None, compare=False)

    def __and__(self, other: RowCondition) -> RowCondition:
        return _joined("and", [self, other])

    def __or__(self, other: RowCondition) -> RowCondition:
        return _joined("or", [self, other])


@dataclass(frozen=True, slots=True, eq=False)
class ConditionColumn:
    """A column, to be compared with a value in a row condition."""

    name: str

    def __eq__(self, value: object) -> RowCondition:  # type: ignore[override]  # it builds a condition
        return _compared(self.name, "==", value)

    def __ne__(self, value: object) -> RowCondition:  # type: ignore[override]  # it builds a condition
        return _compared(self.name, "!=", value)

    def __lt__(self, value: object) -> RowCondition:
        return _compared(self.name, "<", value)

    def __le__(self, value: object) -> RowCondition:
        return _compared(self.name, "<=", value)

    def __gt__(self, value: object) -> RowCondition:
        return _compared(self.name, ">", value)

    def __ge__(self, value: object) -> RowCondition:
        return _compared(self.name, ">=", value)

    __hash__ = None  # type: ignore[assignment]  # two of them are never equal, they build a condition

    def is_in(self, values: Iterable[object]) -> RowCondition:
        """The value is one of these."""
        return _compared(self.name, "IN", list(values))

    def is_not_in(self, values: Iterable[object]) -> RowCondition:
        """The value is there, and none of these."""
        return _compared(self.name, "NOT_IN", list(values))

    def is_null(self) -> RowCondition:
        """There is no value."""
        return _nullity(self.name, is_null=True)

    def is_not_null(self) -> RowCondition:
        """There is a value."""
        return _nullity(self.name, is_null=False)


def column(name: str) -> ConditionColumn:
    """A column of a row condition: ``column("symbol") == "KO"``."""
    return ConditionColumn(name)


def row_condition(given: object) -> RowCondition | None:
    """A row condition from SQL, from `column`, or from what Great Expectations writes into its suites.

    Raises:
        InvalidRowCondition: it is none of them.
    """
    match given:
        case None | RowCondition():
            return given
        case str() if given.strip():
            return RowCondition(sql=given.strip())
        case {"type": "comparison", "column": {"name": str(name)}, "operator": operator, "parameter": value}:
            return _compared(name, str(operator), value)
        case {"type": "nullity", "column": {"name": str(name)}, "is_null": bool(is_null)}:
            return _nullity(name, is_null=is_null)
        case {"type": "and" | "or" as word, "conditions": [*parts]}:
            return _joined(word, [one for part in parts if (one := row_condition(part)) is not None])
    raise InvalidRowCondition(
        f"{given!r} is no row condition; write SQL, or column('symbol') == 'KO' with `checks.column`"
    )


def _compared(name: str, operator: str, value: object) -> RowCondition:
    if operator not in _OPERATORS:
        raise InvalidRowCondition(f"'{operator}' compares nothing; there are {', '.join(_OPERATORS)}")
    several = operator in ("IN", "NOT_IN")
    if value is None or (several and (not isinstance(value, list) or not value)):
        raise InvalidRowCondition(
            f"column '{name}' cannot be compared with {value!r} by {operator};"
            " is_null() and is_not_null() ask for nulls, is_in([...]) for some values"
        )
    written = f"({', '.join(map(_literal, value))})" if isinstance(value, list) else _literal(value)
    return RowCondition(
        sql=f"{_quoted(name)} {_OPERATORS[operator]} {written}",
        expression={
            "type": "comparison",
            "column": {"name": name},
            "operator": operator,
            "parameter": _written(value),
        },
    )


def _nullity(name: str, *, is_null: bool) -> RowCondition:
    return RowCondition(
        sql=f"{_quoted(name)} IS {'' if is_null else 'NOT '}NULL",
        expression={"type": "nullity", "column": {"name": name}, "is_null": is_null},
    )


def _joined(word: str, parts: list[RowCondition]) -> RowCondition:
    if not parts:
        raise InvalidRowCondition(f"'{word}' joins no conditions")
    known = [part.expression for part in parts if part.expression is not None]
    return RowCondition(
        sql=f" {word.upper()} ".join(f"({part.sql})" for part in parts),
        expression={"type": word, "conditions": known} if len(known) == len(parts) else None,
    )


def _literal(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | Decimal():
            return f"{value}"
        case float():
            return f"'{value!r}'::DOUBLE"
        case datetime():
            kind = "TIMESTAMPTZ" if value.utcoffset() is not None else "TIMESTAMP"
            return f"{kind} '{value.isoformat(sep=' ')}'"
        case date():
            return f"DATE '{value.isoformat()}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
    raise InvalidRowCondition(f"a column cannot be compared with {value!r} in a row condition")


def _written(value: object) -> object:
    """A value as JSON knows it."""
    if isinstance(value, list):
        return [_written(one) for one in value]
    return (
        value.isoformat()
        if isinstance(value, date)
        else float(value)
        if isinstance(value, Decimal)
        else value
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
