"""Judging a value: one verdict for each check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from checks.across_rules import Upstream, needs_finding, rule_across
from checks.beside import ALONE, Beside
from checks.columns import CannotJudge, Column
from checks.completeness import complete_finding
from checks.declaration import COMPARING, Check, InvalidCheck
from checks.expectation_rules import is_expectation, is_translated, rule_of_expectation
from checks.functions import call
from checks.history_rules import row_count_finding, rule_of_history, same_schema_finding
from checks.look_ahead import look_ahead_finding
from checks.masking import masked
from checks.own_rules import rule_of_own_check, time_zone_finding
from checks.plain_values import cut, plain, whole
from checks.rules import Answer, Asked, Figure, Querying, Rule, observed_of, rule_of
from checks.scan import failing_rows, judged_in_sql
from checks.schemas import SHAPES, schema_finding, shape_finding
from checks.small_tables import judged_in_python
from checks.table import ParquetFiles, Source, source_of
from checks.verdict import Finding, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

_LONGEST_ERROR = 2000
_LONGEST_OBSERVED = 500


def evaluate(
    data: pa.Table | ParquetFiles | object,
    checks: Sequence[Check],
    *,
    now: datetime,
    beside: Beside = ALONE,
    private: frozenset[str] = frozenset(),
    sample_rows: int = 5,
    small_rows: int = 2_000,
) -> tuple[Verdict, ...]:
    """One verdict for each check, in their order.

    A check that cannot be judged, because a column is missing, a type is wrong or the user's function raised, is a
    failed verdict with an ``error``. A file that cannot be read raises: nothing is wrong with the value then.

    Args:
        data: an Arrow table, Parquet files, or any other value (for function checks, and `row_count` of a sized one).
        now: the time of judging, aware.
        beside: what the value was made from, and what was observed before, for checks that compare.
        private: columns whose values are masked in what is told; see `checks.masking`.
        sample_rows: at most so many failing rows are kept with a verdict.
        small_rows: tables of no more rows are judged in Python, which gives the same and is faster for them.

    Raises:
        InvalidCheck: two checks have one name.
        ValueError: ``now`` has no time zone.
    """
    if now.utcoffset() is None:
        raise ValueError(f"now={now} has no time zone")
    if twice := [name for name, times in Counter(check.name for check in checks).items() if times > 1]:
        raise InvalidCheck(twice[0], "is there twice; give one of them a name=.")
    source = source_of(data)
    upstream = Upstream(beside=beside, loaded={})
    value = _Value(data=data, source=source, now=now, upstream=upstream, sample_rows=sample_rows)
    found: dict[str, Finding | CannotJudge] = {}
    by_column: list[Check] = []
    by_others: list[Check] = []
    for check in checks:
        try:
            alone = _alone(check, value)
        except CannotJudge as reason:
            found[check.name] = reason
            continue
        if alone is not None:
            found[check.name] = alone
        elif is_expectation(check.kind) and not is_translated(check.kind):
            by_others.append(check)
        else:
            by_column.append(check)
    if source is not None and by_column:
        found |= _columns_judged(source, by_column, value, _key(checks), small_rows)
    if source is not None and by_others:
        found |= _judged_elsewhere(source, by_others, sample_rows)
    rows = source.count() if source is not None and checks else None
    verdicts = (_verdict(check, found[check.name], rows) for check in checks)
    if not private:
        return tuple(verdicts)
    names = frozenset(source.schema.names if source is not None else ())
    return tuple(
        masked(verdict, check, private, names, quotes=_quotes(found[check.name]))
        for verdict, check in zip(verdicts, checks, strict=True)
    )


def unjudged(checks: Sequence[Check], why: str) -> tuple[Verdict, ...]:
    """Verdicts that say of each check why it cannot be judged: there is no value to look at."""
    return tuple(_verdict(check, CannotJudge(why), None) for check in checks)


def failing_row_numbers(
    table: pa.Table, checks: Sequence[Check], *, now: datetime, beside: Beside = ALONE
) -> dict[str, list[int]]:
    """By the name of each check about rows, which it has judged, the numbers of all rows that fail it.

    Great Expectations' own judgements are not among them: rows that it alone can tell are not moved.
    """
    source = source_of(table)
    if not checks or source is None:
        return {}
    upstream = Upstream(beside=beside, loaded={})
    known = [check for check in checks if not is_expectation(check.kind) or is_translated(check.kind)]
    asked = {check.name: _asked(check, source.columns(), now, upstream) for check in known}
    return failing_rows(source, asked, upstream.tables())


def _quotes(found: Finding | CannotJudge) -> bool:
    """Whether what was found may quote a value in words that are not ours."""
    return isinstance(found, CannotJudge) and found.quotes


def _judged_elsewhere(
    source: Source, checks: Sequence[Check], sample_rows: int
) -> Mapping[str, Finding | CannotJudge]:
    """The findings of what only Great Expectations itself can judge."""
    try:
        from checks.great_expectations_bridge import judged_by_great_expectations

        return judged_by_great_expectations(source.whole(), checks, sample_rows)
    except ImportError as error:
        needed = f"it needs Great Expectations, which is not installed ({error}); install the extra 'all'."
        return dict.fromkeys((check.name for check in checks), CannotJudge(needed))
    except CannotJudge as reason:
        return dict.fromkeys((check.name for check in checks), reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """What is judged, and what it is judged beside; ``source`` is the table that it is, if it is one."""

    data: object
    source: Source | None
    now: datetime
    upstream: Upstream
    sample_rows: int


def _alone(check: Check, value: _Value) -> Finding | None:
    """What a check finds that is judged by itself; None for those about columns, which are judged together.

    Raises:
        CannotJudge: it cannot be judged.
    """
    match check.kind:
        case "check":
            return _called(check, value)
        case "needs":
            return needs_finding(check, value.upstream)
        case "row_count" | "usual_row_count" | "not_fewer_rows":
            return _row_count(check, value)
    source, now, beside = value.source, value.now, value.upstream.beside
    if source is None:
        raise CannotJudge(f"it is about a table, but the value is of type {type(value.data).__name__}.")
    match check.kind:
        case "schema":
            return schema_finding(check, source.schemas())
        case "same_schema":
            return same_schema_finding(check, source.schemas(), beside, value.sample_rows)
        case "time_zone":
            return time_zone_finding(check, source.schemas())
        case "complete":
            return complete_finding(check, source, source.columns(), now, value.sample_rows)
        case "no_look_ahead":
            return look_ahead_finding(check, source, beside, value.upstream, value.sample_rows)
        case kind if kind in SHAPES:
            return shape_finding(check, source.schema)
    return None


def _called(check: Check, value: _Value) -> Finding:
    """The finding of a user's function."""
    others = {parameter: value.upstream.value(parameter) for parameter, _ in check.needs}
    try:
        return call(check, value.data, value.source, value.now, value.sample_rows, others)
    except CannotJudge:
        raise
    # the edge of user code: sys.exit() in it ends a check, not the run
    except (Exception, SystemExit) as error:
        raise CannotJudge(f"{type(error).__name__}: {_words(error)}", quotes=True) from error


def _words(error: BaseException) -> str:
    """What an error says of itself, if it can."""
    try:
        return str(error)
    except Exception as worse:  # noqa: BLE001  # the edge of user code, which writes the error's text, too
        return f"it cannot be told ({type(worse).__name__})"


def _row_count(check: Check, value: _Value) -> Finding:
    if value.source is not None:
        rows = value.source.count()
    elif isinstance(value.data, list | tuple | Mapping):
        rows = len(value.data)
    else:
        raise CannotJudge(f"it counts rows or items, but the value is of type {type(value.data).__name__}.")
    if check.kind != "row_count":
        return row_count_finding(check, rows, value.now, value.upstream.beside)
    enough = check["minimum"] is None or rows >= check["minimum"]
    return Finding(passed=enough and (check["maximum"] is None or rows <= check["maximum"]), observed=rows)


def _columns_judged(
    source: Source,
    checks: Sequence[Check],
    value: _Value,
    key: Sequence[str],
    small_rows: int,
) -> dict[str, Finding | CannotJudge]:
    """The findings of checks about columns: of a small table in Python as far as that goes, the others in SQL."""
    found: dict[str, Finding | CannotJudge] = {}
    columns = source.columns()
    rules: dict[str, Asked] = {}
    for check in checks:
        try:
            rules[check.name] = _asked(check, columns, value.now, value.upstream, key)
        except CannotJudge as reason:
            found[check.name] = reason
    answers: dict[str, Answer | CannotJudge] = {}
    if source.table is not None and source.table.num_rows <= small_rows:
        answers |= judged_in_python(source.table, rules, value.sample_rows)
    if rest := {name: asked for name, asked in rules.items() if name not in answers}:
        answers |= judged_in_sql(source, rest, value.sample_rows, value.upstream.tables())
    return found | {
        check.name: _finding(rules[check.name].rule, answers[check.name], check.mostly)
        for check in checks
        if check.name in answers
    }


def _asked(
    check: Check,
    columns: Mapping[str, Column | None],
    now: datetime,
    upstream: Upstream,
    key: Sequence[str] = (),
) -> Asked:
    """What a check asks of the columns that are there.

    Raises:
        CannotJudge: one is missing, or of a type that the check knows nothing of.
    """
    rule = (
        rule_of_expectation(check, columns)
        or rule_across(check, columns, upstream)
        or rule_of_own_check(check, columns, now)
        or rule_of_history(check, columns, now, upstream.beside)
        or rule_of(check, columns, now)
    )
    where = check.row_condition.sql if check.row_condition is not None else ""
    return Asked(rule=rule, first=check.columns, key=key, where=where)


def _key(checks: Sequence[Check]) -> tuple[str, ...]:
    """The columns that tell rows apart, as far as a check promises that."""
    keys = (check.columns for check in checks if check.kind == "unique" and check.row_condition is None)
    return next(keys, ())


def _finding(rule: Rule, answer: Answer | CannotJudge, mostly: float) -> Finding | CannotJudge:
    if isinstance(answer, CannotJudge):
        return answer
    observed = observed_of(rule, answer.observed)
    if isinstance(rule, Figure):
        return Finding(
            passed=rule.passes(answer.observed),
            rows=answer.rows,
            observed=observed,
            expected=rule.expected,
        )
    if isinstance(rule, Querying):
        return Finding(passed=not answer.failing, failing=answer.failing, sample=answer.sample)
    return Finding(
        passed=not answer.failing or (answer.counted - answer.failing) / answer.counted >= mostly,
        failing=answer.failing,
        counted=answer.counted,
        rows=answer.rows,
        observed=observed,
        sample=answer.sample,
    )


def _verdict(check: Check, found: Finding | CannotJudge, rows: int | None) -> Verdict:
    """The verdict of a finding, or of the reason why there is none."""
    told: dict[str, Any] = {"passed": False, "error": cut(str(found), _LONGEST_ERROR)}
    if isinstance(found, Finding):
        told = {
            "passed": found.passed,
            "failing": found.failing,
            "counted": found.counted,
            **({"rows": found.rows} if found.rows is not None else {}),
            "observed": whole(found.observed)
            if check.kind in COMPARING
            else plain(found.observed, longest=_LONGEST_OBSERVED),
            "expected": whole(found.expected),
            "sample": tuple({name: plain(value) for name, value in row.items()} for row in found.sample),
        }
    return Verdict(
        check=check.name,
        kind=check.kind,
        digest=check.digest,
        severity=check.severity,
        promise=cut(check.describe(), _LONGEST_OBSERVED),
        **{"rows": rows, **told},
    )
