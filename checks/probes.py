"""From a rule to the SQL that judges it, and to the SQL that samples what failed.

Every probe is one expression, so that all checks of a table are judged by a single SELECT: conditions on rows are
aggregates over one scan; uniqueness, groups and order are scalar sub-queries beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from checks.across_rules import probe_across
from checks.columns import Column, literal, quoted
from checks.probe import FIRST, TIMES, Frame, Probe, judged
from checks.rules import (
    TOTAL,
    Among,
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
)

# More values than this are looked up once for each distinct value of the column, not for each row.
_FEW = 32


def probe_of(rule: Rule, frame: Frame) -> Probe:
    """How ``rule`` is judged on this table."""
    match rule:
        case NoneMissing(columns=columns):
            return _rows(
                frame, " OR ".join(f"{column.sql} IS NULL OR {_is_nan(column)}" for column in columns), "true"
            )
        case Within(column=Column(family="null")):
            return _rows(frame, "false", "false", "[NULL, NULL]")
        case Among(column=Column(family="null")) | Matching(column=Column(family="null")):
            return _rows(frame, "false", "false")
        case Within(column=column, bounds=bounds):
            extremes = f"[min({column.place}), max({column.place})]"
            return _rows(frame, _failing(column, bounds.sql(column.place)), _there(column), extremes)
        case Among():
            return _among(rule, frame)
        case Matching(column=column, regex=regex):
            return _rows(frame, f"NOT regexp_matches({column.sql}, {literal(regex)})", _there(column))
        case Holding(sql=sql):  # on lines of its own: it may end in a comment
            return _rows(frame, f"NOT (\n{sql}\n)", f"(\n{sql}\n) IS NOT NULL")
        case Rows(holds=holds, counts=counts):
            holds = holds.replace("$rows", frame.rows)
            return _rows(frame, f"({counts}) AND ({holds}) IS NOT TRUE", counts)
        case Figure(value=value):
            return Probe(judge=judged("0", value.replace("$rows", frame.rows)))
        case Groups():
            return _groups(rule, frame)
        case Distinct(key=key, counts=counts):
            return _distinct(key, frame, counts)
        case Summing():
            return _summing(rule, frame)
        case Ordered():
            return _ordered(rule, frame)
        case Referring() | Covering() | Reconciling() | Querying():
            return probe_across(rule, frame)
    assert_never(rule)


def _rows(frame: Frame, bad: str, counts: str, observed: str = "NULL") -> Probe:
    """A condition that is true for each failing row, and one that is for each row that counts."""
    return Probe(
        judge=judged(f"count_if({bad})", observed, f"count_if({counts})"),
        rows=f"SELECT {frame.row} FROM {frame.numbered} WHERE {bad} ORDER BY {frame.row}",
    )


def _among(rule: Among, frame: Frame) -> Probe:
    column = rule.column
    known = ", ".join(map(literal, rule.known))
    bad = _failing(column, f"{column.place} IN ({known})" if known else f"{column.sql} IS NULL")
    probe = _rows(frame, bad, _there(column))
    if len(rule.known) <= _FEW:
        return probe
    counted = f"(SELECT {column.sql}, count(*) AS {TIMES} FROM {frame.rows} GROUP BY 1)"
    return Probe(
        judge=f"(SELECT {judged(_summed(bad), counted=_summed(_there(column)))} FROM {counted})",
        rows=probe.rows,
    )


def _groups(rule: Groups, frame: Frame) -> Probe:
    names = ", ".join(column.sql for column in rule.by)
    grouped = f" GROUP BY {names}" if names else ""
    bad = f"({rule.holds}) IS NOT TRUE"
    told = judged("coalesce(count_if(bad), 0)", counted="count(*)")
    judge = f"(SELECT {told} FROM (SELECT {bad} AS bad FROM {frame.rows}{grouped}))"
    if not names:
        return Probe(judge=judge)
    groups = f"SELECT {names} FROM {frame.numbered}{grouped} HAVING {bad} ORDER BY min({frame.row})"
    return Probe(judge=judge, groups=groups)


def _distinct(key: Sequence[Column], frame: Frame, counts: str) -> Probe:
    names = ", ".join(column.sql for column in key)
    whole = counts or " AND ".join(f"{column.sql} IS NOT NULL" for column in key)
    groups = f"(SELECT count(*) AS {TIMES} FROM {frame.rows} WHERE {whole} GROUP BY {names})"
    told = judged(_summed(f"{TIMES} > 1"), f"coalesce(count_if({TIMES} > 1), 0)", _summed("true"))
    judge = f"(SELECT {told} FROM {groups})"
    if counts:
        over = f"(PARTITION BY {names})"
        equals = (
            f"SELECT {frame.row}, count(*) OVER {over} AS {TIMES}, min({frame.row}) OVER {over} AS {FIRST}"
        )
        equals += f" FROM {frame.numbered} WHERE {whole}"
        rows = f"SELECT {frame.row} FROM ({equals}) WHERE {TIMES} > 1 ORDER BY {FIRST}, {frame.row}"
        return Probe(judge=judge, rows=rows)
    equals = f"SELECT {names}, min({frame.row}) AS {FIRST} FROM {frame.numbered} WHERE {whole}"
    equals += f" GROUP BY {names} HAVING count(*) > 1"
    return Probe(
        judge=judge,
        rows=f"SELECT {frame.row} FROM {frame.numbered} JOIN ({equals}) USING ({names})"
        f" ORDER BY {FIRST}, {frame.row}",
        proof=_sorted_by([(column, ">") for column in key], frame, whole, strict=True, observed="0"),
    )


def _summing(rule: Summing, frame: Frame) -> Probe:
    # fsum is compensated, so that the order of the rows hardly matters.
    total = f"coalesce({'fsum' if rule.column.float_bits else 'sum'}({rule.column.place}), 0) AS {TOTAL}"
    bad = _failing(rule.total, rule.bounds.sql(TOTAL))
    names = ", ".join(column.sql for column in rule.by)
    summed = f"(SELECT {total} FROM {frame.rows}{f' GROUP BY {names}' if names else ''})"
    away = f"abs({TOTAL}::DOUBLE - {literal(rule.aim)})"
    worst = f"max({{'away': {away}, 'total': {TOTAL}}}).total"  # of two as far away, always the same one
    judge = f"(SELECT {judged(f'count_if({bad})', worst, 'count(*)')} FROM {summed})"
    if not names:
        return Probe(judge=judge)
    listed = f"(SELECT {names}, min({frame.row}) AS {FIRST}, {total} FROM {frame.numbered} GROUP BY {names})"
    label = quoted(f"sum({rule.column.name})")
    return Probe(
        judge=judge, groups=f"SELECT {names}, {TOTAL} AS {label} FROM {listed} WHERE {bad} ORDER BY {FIRST}"
    )


def _ordered(rule: Ordered, frame: Frame) -> Probe:
    column = rule.column
    bad = f"value {'>' if rule.decreasing else '<'}{'=' if rule.strict else ''} previous"
    if column.float_bits:
        bad = f"(isnan(value) OR ({bad} AND NOT isnan(previous)))"
    present = f"{column.sql} IS NOT NULL"
    names = ", ".join(other.sql for other in rule.by)
    over = f"(PARTITION BY {names} ORDER BY {frame.row})" if names else "()"
    lagged = f"SELECT {column.place} AS value, lag({column.place}) OVER {over} AS previous"
    key = [*((other, ">") for other in rule.by), (column, "<" if rule.decreasing else ">")]
    return Probe(
        judge=f"(SELECT {judged(f'count_if({bad})', counted='count(*)')}"
        f" FROM ({lagged} FROM {frame.numbered if names else frame.rows} WHERE {present}))",
        rows=f"SELECT {frame.row} FROM ({lagged}, {frame.row} FROM {frame.numbered} WHERE {present})"
        f" WHERE {bad} ORDER BY {frame.row}",
        proof=_sorted_by(key, frame, present, strict=rule.strict) if names else "",
    )


def _sorted_by(
    key: Sequence[tuple[Column, str]], frame: Frame, present: str, *, strict: bool, observed: str = "NULL"
) -> str:
    """An expression that finds nothing where the rows are sorted by ``key``, its columns taken in order or backwards.

    Tables mostly are. It reads each row once, with the one before it: rows sorted strictly by a key have no two with
    the same, and rows sorted by groups and then a value (or the other way round) have that value in order in each.
    A NaN is found, and so is whatever stands next to a null.
    """
    if any(column.family == "other" for column, _ in key):
        return ""
    seen = ", ".join(
        f"{column.place} AS v{i}, lag({column.place}) OVER () AS p{i}" for i, (column, _) in enumerate(key)
    )
    signs = [(i, sign) for i, (_, sign) in enumerate(key)]
    broken = [f"count_if(({_follows(order, strict)}) IS NOT TRUE)" for order in (signs, signs[::-1])]
    nan = " OR ".join(f"isnan(v{i})" for i, (column, _) in enumerate(key) if column.float_bits) or "false"
    # The first row follows none, and is counted as breaking the order.
    failing = f"greatest(least({', '.join(broken)}) - 1, 0) + count_if({nan})"
    told = judged(failing, observed, "count(*)")
    return f"(SELECT {told} FROM (SELECT {seen} FROM {frame.rows} WHERE {present}))"


def _follows(order: Sequence[tuple[int, str]], strict: bool) -> str:
    """SQL that is true where a row comes after the one before it, by these columns in this order."""
    (i, sign), *rest = order
    if not rest:
        return f"v{i} {sign}{'' if strict else '='} p{i}"
    return f"v{i} {sign} p{i} OR (v{i} = p{i} AND ({_follows(rest, strict)}))"


def _summed(of: str) -> str:
    """How many rows stand behind those groups for which a condition is true."""
    return f"coalesce(sum({TIMES}) FILTER (WHERE {of}), 0)"


def _there(column: Column) -> str:
    return f"{column.sql} IS NOT NULL"


def _is_nan(column: Column) -> str:
    return f"isnan({column.sql})" if column.float_bits else "false"


def _failing(column: Column, holds: str) -> str:
    """SQL that is true of values for which ``holds`` is false; a null passes, a NaN or an infinite time fails."""
    if column.float_bits:
        return f"(NOT ({holds}) OR isnan({column.place}))"
    if column.family == "moment":
        return f"coalesce(NOT ({holds}), {column.sql} IS NOT NULL)"
    return f"(NOT ({holds}))"
