"""Judging a small table row by row in Python: a query would take longer to plan than the table to read."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from functools import partial
from typing import TYPE_CHECKING, Any, assert_never

from checks.columns import CannotJudge, Column, places
from checks.plain_values import Plain
from checks.rules import (
    Among,
    Answer,
    Asked,
    Covering,
    Distinct,
    Figure,
    Groups,
    Holding,
    Matching,
    NoneMissing,
    Ordered,
    Querying,
    Reconciling,
    Referring,
    Rows,
    Rule,
    Summing,
    Within,
    total_of,
)
from checks.table import Shown, mappings, rows_at, rows_shown, shown_columns

if TYPE_CHECKING:
    import pyarrow as pa

_NAN = object()  # every NaN is this one, so that all are equal


def judged_in_python(
    table: pa.Table, asked: Mapping[str, Asked], sample_rows: int
) -> dict[str, Answer | CannotJudge]:
    """What was found of each rule; those that only SQL can judge are left out."""
    import pyarrow as pa

    small = _SmallTable(table=table)
    answers: dict[str, Answer | CannotJudge] = {}
    judged: dict[str, _Found] = {}
    for name, one in asked.items():
        if one.where:
            continue
        try:
            found = _found(one.rule, small)
        except pa.ArrowInvalid as error:  # RE2 does not know a regular expression
            answers[name] = CannotJudge(str(error))
            continue
        if found is not None:
            judged[name] = found
    samples = small.samples(judged, asked, sample_rows) if sample_rows > 0 else {}
    return answers | {
        name: Answer(
            failing=len(found.bad),
            observed=found.observed,
            counted=found.counted,
            rows=table.num_rows,
            sample=samples.get(name, ()),
        )
        for name, found in judged.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The rows that fail, by number; for groups the number of their first row, with the sums. And what was observed.

    Args:
        counted: of how many.
    """

    bad: Sequence[int]
    counted: int
    sums: Sequence[Any] = ()
    observed: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _SmallTable:
    """A table whose columns are read once, whatever number of rules looks at them."""

    table: pa.Table
    read: dict[str, list[Any]] = field(default_factory=dict)

    def places(self, column: Column) -> list[Any]:
        """The places of a column's values, None for null."""
        if column.name not in self.read:
            self.read[column.name] = places(column, self.table.column(column.name))
        return self.read[column.name]

    def keys(self, columns: Sequence[Column]) -> list[tuple[Hashable, ...]]:
        """For each row its values in these columns, all NaN being one."""
        if not columns:
            return [()] * int(self.table.num_rows)
        read = [_with_one_nan(self.places(c)) if c.float_bits else self.places(c) for c in columns]
        return list(zip(*read, strict=True))

    def found(self, column: Column, regex: str) -> list[bool | None]:
        """For each text whether the regular expression is found in it."""
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = self.table.column(column.name).cast(pa.string())
        return pc.match_substring_regex(texts, pattern=regex).to_pylist()  # type: ignore[no-any-return]  # pyarrow has no types

    def samples(
        self, judged: Mapping[str, _Found], asked: Mapping[str, Asked], limit: int
    ) -> Mapping[str, Sequence[Mapping[str, Plain]]]:
        """Some of what failed of each: rows of the table, or groups."""
        groups: dict[str, Sequence[Mapping[str, Plain]]] = {}
        rows: dict[str, Shown] = {}
        for name, found in judged.items():
            rule, first = asked[name].rule, asked[name].shown
            if not found.bad:
                continue
            if isinstance(rule, Summing):
                groups[name] = self._groups(found, rule, limit)
            else:
                columns = shown_columns(self.table.column_names, first)
                rows[name] = Shown(numbers=found.bad[:limit], columns=columns)
        return {**groups, **rows_shown(rows, partial(rows_at, self.table))}

    def _groups(self, found: _Found, rule: Summing, limit: int) -> Sequence[Mapping[str, Plain]]:
        """Some of the groups that fail, with their sums; none where all rows are one."""
        if not rule.by:
            return ()
        groups = self.table.select([column.name for column in rule.by]).take(list(found.bad[:limit]))
        label = f"sum({rule.column.name})"
        return [
            {**group, label: total_of(total)}
            for group, total in zip(mappings(groups), found.sums, strict=False)
        ]


def _found(rule: Rule, table: _SmallTable) -> _Found | None:
    """What was found of ``rule``, or None where only SQL can tell."""
    match rule:
        case NoneMissing(columns=columns):
            read = [table.places(column) for column in columns]
            missing = {
                n for values in read for n, value in enumerate(values) if value is None or value != value
            }
            return _Found(bad=sorted(missing), counted=table.table.num_rows)
        case Within(column=column, bounds=bounds):
            values = table.places(column)
            holds = bounds.test()
            bad = [n for n, value in enumerate(values) if value is not None and not holds(value)]
            return _Found(bad=bad, counted=_there(values), observed=_extremes(values))
        case Among(column=column, known=known):
            expected = frozenset(known)
            values = table.places(column)
            bad = [n for n, value in enumerate(values) if value is not None and value not in expected]
            return _Found(bad=bad, counted=_there(values))
        case Matching(column=column, regex=regex):
            answers = table.found(column, regex)
            bad = [n for n, found in enumerate(answers) if found is False]
            return _Found(bad=bad, counted=_there(answers))
        case Distinct(key=key, counts=counts):
            return None if counts or _unreadable(key) else _distinct(table.keys(key))
        case Summing(by=by):
            return None if _unreadable(by) else _summing(rule, table)
        case Ordered(by=by):
            return None if _unreadable(by) else _ordered(rule, table)
        case Holding() | Rows() | Figure() | Groups() | Referring() | Covering() | Reconciling() | Querying():
            return None
    assert_never(rule)


def _distinct(keys: Iterable[tuple[Hashable, ...]]) -> _Found:
    rows = defaultdict(list)
    for n, key in enumerate(keys):
        if None not in key:
            rows[key].append(n)
    repeated = [numbers for numbers in rows.values() if len(numbers) > 1]
    counted = sum(map(len, rows.values()))
    return _Found(bad=[n for numbers in repeated for n in numbers], counted=counted, observed=len(repeated))


def _summing(rule: Summing, table: _SmallTable) -> _Found:
    groups: dict[tuple[Hashable, ...], list[Any]] = defaultdict(list)
    first: dict[tuple[Hashable, ...], int] = {}
    if not rule.by:
        first[()] = 0
        groups[()] = []
    for n, (key, value) in enumerate(zip(table.keys(rule.by), table.places(rule.column), strict=True)):
        first.setdefault(key, n)
        if value is not None:
            groups[key].append(value)
    totals = {key: _sum(groups[key], rule.column) for key in first}
    holds = rule.bounds.test()
    bad = [key for key, total in totals.items() if not holds(total)]
    worst = max(
        totals.values(), key=lambda total: _nan_last(abs(float(total) - rule.aim), total), default=None
    )
    return _Found(
        bad=[first[key] for key in bad],
        counted=len(totals),
        sums=[totals[key] for key in bad],
        observed=worst,
    )


def _ordered(rule: Ordered, table: _SmallTable) -> _Found:
    previous: dict[tuple[Hashable, ...], Any] = {}
    bad, counted = [], 0
    for n, (key, value) in enumerate(zip(table.keys(rule.by), table.places(rule.column), strict=True)):
        if value is None:
            continue
        counted += 1
        before = previous.get(key, value)
        wrong = value > before if rule.decreasing else value < before
        if wrong or value != value or (rule.strict and key in previous and value == before):
            bad.append(n)
        previous[key] = value
    return _Found(bad=bad, counted=counted)


def _there(values: Iterable[Any]) -> int:
    """How many are not null."""
    return sum(value is not None for value in values)


def _unreadable(columns: Iterable[Column]) -> bool:
    """Whether one of the columns is nested or otherwise strange, so that SQL has to compare its values."""
    return any(column.family == "other" for column in columns)


def _with_one_nan(values: Iterable[Any]) -> Iterator[Hashable]:
    return (_NAN if value != value else value for value in values)


def _nan_last(*numbers: Any) -> tuple[Any, ...]:
    """A key that orders as DuckDB does, where a NaN is the largest number."""
    return tuple((number != number, 0 if number != number else number) for number in numbers)


def _extremes(values: Iterable[Any]) -> tuple[Any, Any]:
    """The smallest and the largest value, a NaN being the largest."""
    present = [value for value in values if value is not None]
    numbers = [value for value in present if value == value]
    if not numbers:
        return (math.nan, math.nan) if present else (None, None)
    return min(numbers), max(numbers) if len(numbers) == len(present) else math.nan


def _sum(values: Sequence[Any], column: Column) -> Any:
    """The sum of numbers: exact, or compensated for floats, of which one that is not finite leaves a NaN."""
    if column.float_bits:
        try:
            return math.fsum(values) if all(map(math.isfinite, values)) else math.nan
        except OverflowError:
            return math.nan
    with localcontext(prec=100):
        return sum(values, Decimal(f"0E-{column.scale}") if column.scale else 0)
