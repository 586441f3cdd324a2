"""Checks across assets: a value against what it was made from.

``upstream`` is a parameter of the asset's function: what is compared are the very values that the function was given.
Nothing else can be compared, so that a verdict always is about one version and its own inputs.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType

from checks.declaration import Check, InvalidCheck, Severity, columns_of, declared
from checks.plain_values import Plain, cut
from checks.row_conditions import RowCondition


def references(
    columns: Collection[str] | str,
    upstream: str,
    others: Collection[str] | str | None = None,
    *,
    name: str | None = None,
    severity: Severity = "error",
    mostly: float = 1.0,
    row_condition: RowCondition | str | None = None,
) -> Check:
    """The columns' values together are those of a row of ``upstream``: a foreign key.

    As in SQL, a row with a null in any of them refers to nothing, and passes.

    Args:
        others: what the columns are called upstream, where that is something else.

    >>> references("symbol", "universe").describe()
    'symbol is among symbol of universe'
    """
    own, theirs = _pair(columns, others, name or f"references({upstream})")
    label = name or f"references({upstream}: {', '.join(own)})"
    return _check(
        "references",
        label,
        own,
        upstream,
        theirs,
        severity=severity,
        mostly=mostly,
        row_condition=row_condition,
    )


def covers(
    columns: Collection[str] | str,
    upstream: str,
    others: Collection[str] | str | None = None,
    *,
    name: str | None = None,
    severity: Severity = "error",
    mostly: float = 1.0,
) -> Check:
    """Every row of ``upstream`` is here again: nothing was lost on the way. Nulls upstream are left out.

    Failing are the distinct values upstream that are missing here, and so are the samples.
    """
    own, theirs = _pair(columns, others, name or f"covers({upstream})")
    label = name or f"covers({upstream}: {', '.join(own)})"
    return _check("covers", label, own, upstream, theirs, severity=severity, mostly=mostly)


def same_row_count(
    upstream: str, *, tolerance: float = 0.0, name: str | None = None, severity: Severity = "error"
) -> Check:
    """There are as many rows as upstream, give or take a part ``tolerance`` of them (0.01 is one percent)."""
    label = name or f"same_row_count({upstream})"
    if not isinstance(tolerance, int | float) or not 0 <= tolerance < 1:
        raise InvalidCheck(
            label, f"has the tolerance {tolerance!r}; give it a part of the rows, from 0 to below 1."
        )
    parameters = {"tolerance": float(tolerance)}
    return _check("same_row_count", label, (), upstream, (), severity=severity, parameters=parameters)


def same_sum(
    column: str,
    upstream: str,
    other: str | None = None,
    *,
    by: Collection[str] | str = (),
    tolerance: float = 1e-9,
    name: str | None = None,
    severity: Severity = "error",
) -> Check:
    """The column sums to what a column upstream sums to, give or take ``tolerance`` (absolute).

    In all, or for each value of ``by``, whose columns are called the same in both; a group that only one of the two
    has sums to 0 in the other. Nulls count as nothing; a NaN fails. Failing are groups, and so are the samples.
    Observed is the worst one.
    """
    groups = columns_of(by)
    label = name or f"same_sum({upstream}: {', '.join([column, *groups])})"
    if not isinstance(tolerance, int | float) or not 0 <= tolerance < math.inf:
        raise InvalidCheck(label, f"has the tolerance {tolerance!r}; give it a finite number, zero or more.")
    theirs = (other or column, *groups)
    parameters = {"tolerance": float(tolerance)}
    return _check(
        "same_sum", label, (column, *groups), upstream, theirs, severity=severity, parameters=parameters
    )


def needs(upstream: str, *columns: str, name: str | None = None, severity: Severity = "error") -> Check:
    """The columns that are read of ``upstream`` are there.

    Where upstream declares its `schema`, a column that is not in it is an error of definition: found when the graph is
    loaded, before anything runs. Otherwise the value that the function was given is looked at.
    """
    label = name or f"needs({upstream}: {', '.join(map(str, columns))})"
    if not columns:
        raise InvalidCheck(label, "names no column.")
    return _check("needs", label, (), upstream, columns, severity=severity)


def sql(query: str, *, name: str | None = None, severity: Severity = "error") -> Check:
    """A query in DuckDB's SQL finds no row: what it finds is what fails, and is what the sample shows.

    The value is the table ``this``, and each upstream has the name of its parameter.

    >>> sql("SELECT symbol FROM this ANTI JOIN universe USING (symbol)").name
    'sql(SELECT symbol FROM this ANTI JOIN universe USING (symbol))'
    """
    if not isinstance(query, str) or not query.strip():
        raise InvalidCheck(name or "sql", f"has the query {query!r}; give it SQL.")
    text = query.strip().rstrip(";")
    return Check(
        name=name or f"sql({cut(text, 80)})", kind="sql", parameters=(("query", text),), severity=severity
    )


def no_look_ahead(
    time: str, *, cuts: int = 2, name: str | None = None, severity: Severity = "error", **upstream: str
) -> Check:
    """The past of the value does not depend on the future of what it is made from.

    At some times (``cuts`` of them, parting the value evenly) every number upstream that is later is changed, the value
    is made again, and its rows up to that time have to be the same: exactly, in any order. That costs a call of the
    function for each cut.

    Args:
        time: the column of the value that says what time a row speaks of.
        upstream: for each parameter whose future is changed, the column that says the same there:
            ``no_look_ahead("session", prices="session")``.
    """
    label = name or f"no_look_ahead({time})"
    if not upstream:
        raise InvalidCheck(label, "names no upstream; say whose future is changed: prices='session'.")
    if not isinstance(cuts, int) or cuts < 1:
        raise InvalidCheck(label, f"has cuts={cuts!r}; give it a whole number, at least 1.")
    return Check(
        name=label,
        kind="no_look_ahead",
        columns=(time,),
        parameters=(("cuts", cuts),),
        severity=severity,
        needs=tuple((parameter, (column,)) for parameter, column in upstream.items()),
    )


def across_partitions(check: Check) -> Check:
    """The same promise about all partitions of the asset together: what is published, and what is about to be.

    What is counted row by row is counted of each partition once: only new ones are scanned. Other checks, such as
    `unique` and functions, read all partitions each time.

    >>> from checks import unique
    >>> across_partitions(unique("order_id")).describe()
    'order_id is unique, in all partitions together'
    """
    if check.needs or check.compares:
        raise InvalidCheck(
            check.name,
            "compares with something else, partition by partition; it cannot be about all of them.",
        )
    return replace(check, whole=True, name=f"{check.name} across partitions")


def _pair(
    columns: Collection[str] | str, others: Collection[str] | str | None, label: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns here and upstream, as many of one as of the other."""
    own = columns_of(columns)
    theirs = own if others is None else columns_of(others)
    if not own:
        raise InvalidCheck(label, "names no column.")
    if len(own) != len(theirs):
        raise InvalidCheck(label, f"compares {len(own)} columns with {len(theirs)}; name as many of both.")
    return own, theirs


def _check(
    kind: str,
    label: str,
    columns: tuple[str, ...],
    upstream: str,
    others: tuple[str, ...],
    *,
    severity: Severity,
    mostly: float = 1.0,
    row_condition: RowCondition | str | None = None,
    parameters: Mapping[str, Plain] = MappingProxyType({}),
) -> Check:
    if upstream == "this":
        raise InvalidCheck(
            label, "compares with 'this', which is the value itself; call the parameter otherwise."
        )
    for word in (upstream, *others):
        if not isinstance(word, str) or not word:
            raise InvalidCheck(label, f"names {word!r}; give it the name of a column or of a parameter.")
    return declared(
        kind, columns, parameters, label, severity, mostly, row_condition, needs=((upstream, others),)
    )
