"""What the project's own checks against an asset's history ask of a table, given what was observed before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from checks.anomalies import Expected, Past, TooFew, Usual, expected
from checks.beside import Beside
from checks.columns import Column, find
from checks.declaration import Check
from checks.own_rules import has_nan, number, typical_size
from checks.plain_values import Plain
from checks.rules import Figure, Rule
from checks.schemas import logical_type
from checks.verdict import Finding

if TYPE_CHECKING:
    import pyarrow as pa


def rule_of_history(
    check: Check, columns: Mapping[str, Column | None], now: datetime, beside: Beside
) -> Rule | None:
    """What one of these checks asks of the columns; None of a check of another kind.

    Raises:
        CannotJudge: a column is missing, or of a type that has no such figure.
    """
    match check.kind:
        case "usual":
            return _usual(check, find(columns, check.columns[0]), now, beside)
        case "usual_distribution":
            return _distribution(check, find(columns, check.columns[0]), beside)
        case "same_size":
            return _same_size(check, number(find(columns, check.columns[0])), beside)
    return None


def row_count_finding(check: Check, rows: int, now: datetime, beside: Beside) -> Finding:
    """Whether so many rows are usual, or no fewer than there were."""
    if check.kind == "not_fewer_rows":
        least = math.ceil(_last(check, beside, otherwise=0) * (1 - check["tolerance"]))
        return Finding(passed=rows >= least, observed=rows, expected={"low": least, "high": None})
    told = _expectation(check, now, beside)
    return Finding(passed=_passes(rows, told), observed=rows, expected=_shown(told))


def same_schema_finding(
    check: Check, schemas: Mapping[str, pa.Schema], beside: Beside, sample_rows: int
) -> Finding:
    """What differs from the last schema; of several files, in the first one that differs."""
    before = next(
        (one.observed for one in reversed(beside.earlier(check.name)) if isinstance(one.observed, Mapping)),
        None,
    )
    observed: dict[str, str] = {}
    differences: list[Mapping[str, object]] = []
    for schema in schemas.values():
        types = {name: str(kind) for name, kind in zip(schema.names, schema.types, strict=True)}
        observed = observed or types
        twice = [
            {"column": name, "was": "there once", "is": "there twice"}
            for name in types
            if schema.names.count(name) > 1
        ]
        differences = twice + _changes(before or observed, types, allow_new=check["allow_new"])
        if differences:
            observed = types
            break
    return Finding(
        passed=not differences,
        failing=len(differences),
        observed=observed,
        expected=before if before is not None else "the first schema that was seen",
        sample=differences[:sample_rows],
    )


def _changes(
    before: Mapping[str, Plain], types: Mapping[str, str], *, allow_new: bool
) -> list[Mapping[str, object]]:
    """The columns that differ: what they were and what they are."""
    found: list[Mapping[str, object]] = []
    for name, was in before.items():
        kind = types.get(name)
        if kind is None or logical_type(kind) != logical_type(str(was)):
            found.append({"column": name, "was": str(was), "is": kind or "missing"})
    if not allow_new:
        found += [
            {"column": name, "was": "missing", "is": kind}
            for name, kind in types.items()
            if name not in before
        ]
    return found


def _usual(check: Check, column: Column, now: datetime, beside: Beside) -> Rule:
    figure = check["figure"]
    match figure:
        case "distinct":
            value = f"count(DISTINCT {column.sql})"
        case "null_share":
            broken = f"{column.sql} IS NULL" + (f" OR isnan({column.place})" if column.float_bits else "")
            value = f"CASE WHEN count(*) = 0 THEN 0 ELSE count_if({broken}) / count(*) END"
        case _:
            x = f"CAST({number(column).place} AS DOUBLE)"
            known = {
                "mean": f"avg({x})",
                "median": f"median({x})",
                "std": f"stddev_samp({x})",
                "min": f"min({x})",
                "max": f"max({x})",
                "sum": f"coalesce(fsum({x}), 0)",
            }
            # an infinite sum is one, and the deviation of an infinity cannot be told
            value = f"CASE WHEN {_broken(column, x)} THEN 'nan'::DOUBLE ELSE {known[figure]} END"
    told = _expectation(check, now, beside)
    return Figure(value=value, passes=lambda found: _passes(found, told), expected=_shown(told))


def _same_size(check: Check, column: Column, beside: Beside) -> Rule:
    before = _last(check, beside, otherwise=None)
    within = float(check["within"])
    value = f"CASE WHEN {has_nan(column)} THEN 'nan'::DOUBLE ELSE {typical_size(column)} END"

    def passes(size: Any) -> bool:
        if size is None:  # there is no number but zero
            return before is None
        return math.isfinite(size) and (before is None or before / within <= size <= before * within)

    expected = None if before is None else {"low": before / within, "high": before * within}
    return Figure(value=value, passes=passes, expected=expected or "the first size that was seen")


def _last(check: Check, beside: Beside, *, otherwise: Any) -> Any:
    """The number that was observed last."""
    earlier = reversed(beside.earlier(check.name))
    return next((one.observed for one in earlier if isinstance(one.observed, int | float)), otherwise)


def _broken(column: Column, x: str) -> str:
    return f"{has_nan(column)} OR coalesce(bool_or(isinf({x})), false)" if column.float_bits else "false"


def _expectation(check: Check, now: datetime, beside: Beside) -> Expected | TooFew:
    given: Mapping[str, Any] = dict(check.parameters)
    told = Usual(**{name: value for name, value in given.items() if name != "figure"})
    past = [
        Past(at=one.at, figure=float(one.observed))
        for one in beside.earlier(check.name)
        if isinstance(one.observed, int | float) and not isinstance(one.observed, bool)
    ]
    return expected(past, beside.at or now, told)


def _passes(figure: Any, told: Expected | TooFew) -> bool:
    """Whether a figure is as expected; one that is no finite number is not."""
    if figure is None:  # as the mean of no value
        return isinstance(told, TooFew)
    if not math.isfinite(figure):
        return False
    return isinstance(told, TooFew) or told.low <= figure <= told.high


def _shown(told: Expected | TooFew) -> Plain:
    if isinstance(told, TooFew):
        return str(told)
    return {
        "low": None if told.low == -math.inf else told.low,
        "high": None if told.high == math.inf else told.high,
    }


def _distribution(check: Check, column: Column, beside: Beside) -> Rule:
    from checks.drift import QUANTILES, Band, expected_band

    x = f"CAST({number(column).place} AS DOUBLE)"
    parts = ", ".join(map(str, QUANTILES))
    value = f"CASE WHEN {_broken(column, x)} THEN ['nan'::DOUBLE] ELSE quantile_cont({x}, [{parts}]::DOUBLE[]) END"
    past = [one.observed for one in beside.earlier(check.name) if isinstance(one.observed, Sequence)]
    band = expected_band(
        [one for one in past if not isinstance(one, str | bytes)],  # type: ignore[misc]  # told by their length
        false_alarms=check["false_alarms"],
        warm_up=check["warm_up"],
        history=check["history"],
    )

    def passes(quantiles: Any) -> bool:
        if quantiles is None:
            return isinstance(band, TooFew)
        if not all(map(math.isfinite, quantiles)):
            return False
        return isinstance(band, TooFew) or band.holds(quantiles)

    shown: Plain = {"low": band.low, "high": band.high} if isinstance(band, Band) else str(band)
    return Figure(value=value, passes=passes, expected=shown)
