"""Suites: checks as Great Expectations' JSON, read from it and written to it, and verdicts as its validation results.

Severity ``critical`` is an error there and here; ``warning`` and ``info`` are warnings here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from checks import expect
from checks.custom_expectation import MODULE
from checks.declaration import Check, InvalidCheck, Severity
from checks.expectation import OPTIONS, expectation
from checks.great_expectations_bridge import arguments_of
from checks.plain_values import Plain
from checks.verdict import ROW_NUMBER, Verdict
from graph.errors import AssetGraphError

_VERSION = "1.24.1"
"""Of Great Expectations, whose form this is."""
_NOT_KEPT = frozenset({"batch_id", "condition_parser", "result_format", "catch_exceptions", "meta"})


class InvalidSuite(AssetGraphError):
    """A file that is no suite of expectations, or has one that cannot be declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Checks in Great Expectations' form.

    Args:
        document: the suite as JSON.
        left_out: the names of checks that have no like there, each with the reason.
    """

    document: Mapping[str, Any]
    left_out: Mapping[str, str] = field(default_factory=dict)


def suite(source: str | Path | Mapping[str, Any], *, module: str | None = None) -> list[Check]:
    """The checks of a suite: a JSON file, or what was read from it.

    Args:
        module: where expectations of one's own are declared; see `expect.custom`.

    Raises:
        InvalidSuite: it is none, or one of its expectations cannot be declared; which one is told.
    """
    document: Any = source
    if not isinstance(source, Mapping):
        try:
            document = json.loads(Path(source).read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidSuite(f"the suite {source} cannot be read: {error.strerror or error}") from error
        except ValueError as error:
            raise InvalidSuite(f"the suite {source} is no JSON: {error}") from error
    told = document.get("expectations") if isinstance(document, Mapping) else None
    if not isinstance(told, list):
        raise InvalidSuite(
            f"{source if isinstance(source, str | Path) else 'this'} has no list of 'expectations'"
        )
    checks = [_read(number, one, module) for number, one in enumerate(told, start=1)]
    return list(_with_names_of_their_own(checks))


def _read(number: int, told: Any, module: str | None) -> Check:
    match told:
        case {"type": str(kind), "kwargs": Mapping() as arguments}:
            severity: Severity = "error" if told.get("severity", "critical") == "critical" else "warn"
            try:
                return _expectation_from(kind, arguments, severity, module)
            except (AssetGraphError, TypeError, ValueError) as error:
                raise InvalidSuite(f"expectation {number} of the suite, {kind}: {error}") from error
    raise InvalidSuite(f"expectation {number} of the suite has no 'type' and 'kwargs'")


def _expectation_from(
    kind: str, arguments: Mapping[str, Any], severity: Severity, module: str | None
) -> Check:
    """The check of an expectation as Great Expectations writes it.

    Raises:
        InvalidCheck: it is not known, or lacks an argument.
    """
    told = {name: value for name, value in arguments.items() if name not in _NOT_KEPT}
    if told.get("row_condition") is not None and isinstance(told["row_condition"], str):
        parser = arguments.get("condition_parser")
        raise InvalidCheck(
            kind, f"has a row condition for {parser}; write it as Column('x') == 1 there, or in SQL here."
        )
    short = "unexpected_rows" if kind == "unexpected_rows_expectation" else kind.removeprefix("expect_")
    constructor = getattr(expect, short, None) if kind != short else None
    if constructor is None:
        columns = told.pop("column_list", None) or [
            told.pop(name) for name in ("column", "column_A", "column_B") if name in told
        ]
        options = {name: told.pop(name) for name in OPTIONS if name in told}
        return expectation(kind, tuple(columns), {**told, MODULE: module}, options | {"severity": severity})
    try:
        check: Check = constructor(**told, severity=severity)
    except TypeError as error:
        raise InvalidCheck(kind, f"has other arguments than it should: {error}.") from error
    return check


def _with_names_of_their_own(checks: Sequence[Check]) -> Iterator[Check]:
    times: dict[str, int] = {}
    for check in checks:
        times[check.name] = times.get(check.name, 0) + 1
        again = times[check.name]
        yield check if again == 1 else replace(check, name=f"{check.name} ({again})")


def to_suite(name: str, checks: Sequence[Check]) -> Suite:
    """Checks as a suite that Great Expectations reads."""
    written: list[Mapping[str, Any]] = []
    left_out: dict[str, str] = {}
    for check in checks:
        try:
            written += [_written(one) for one in _alike(check)]
        except InvalidSuite as reason:
            left_out[check.name] = str(reason)
    document = {
        "name": name,
        "expectations": written,
        "meta": {"great_expectations_version": _VERSION},
        "notes": None,
    }
    return Suite(document=document, left_out=left_out)


def to_validation_result(
    name: str, checks: Sequence[Check], verdicts: Sequence[Verdict]
) -> Mapping[str, Any]:
    """Verdicts as Great Expectations' result of a suite, of the checks that it has words for.

    A check that is several expectations there is told if it passed: which of them failed is not known otherwise.
    Whether all of it is a success is asked of every verdict.
    """
    said = {verdict.check: verdict for verdict in verdicts}
    results = [one for check in checks if check.name in said for one in results_of(check, said[check.name])]
    whole = all(said[check.name].passed for check in checks if check.name in said)
    return validation_result(name, results, success=whole)


def validation_result(name: str, results: Sequence[Mapping[str, Any]], *, success: bool) -> Mapping[str, Any]:
    """Results of single expectations as the result of a suite."""
    good = sum(one["success"] for one in results)
    return {
        "success": success,
        "results": list(results),
        "suite_name": name,
        "suite_parameters": {},
        "statistics": {
            "evaluated_expectations": len(results),
            "successful_expectations": good,
            "unsuccessful_expectations": len(results) - good,
            "success_percent": 100 * good / len(results) if results else None,
        },
        "meta": {"great_expectations_version": _VERSION},
        "id": None,
    }


def results_of(check: Check, verdict: Verdict) -> list[Mapping[str, Any]]:
    """What Great Expectations would say of one check: none where it has no words for it."""
    try:
        written = [_written(one) for one in _alike(check)]
    except InvalidSuite:
        return []
    return [result_of(check, verdict, one) for one in written] if len(written) == 1 or verdict.passed else []


def _written(check: Check) -> Mapping[str, Any]:
    from checks.columns import CannotJudge

    try:
        arguments = arguments_of(check)
    except CannotJudge as reason:
        raise InvalidSuite(str(reason)) from reason
    return {
        "type": check.kind,
        "kwargs": _json(arguments),
        "meta": {"name": check.name},
        "severity": "critical" if check.severity == "error" else "warning",
    }


def result_of(check: Check, verdict: Verdict, expected: Mapping[str, Any]) -> Mapping[str, Any]:
    """A verdict as the result of an expectation, which is told as a suite has it."""
    result: dict[str, Any] = {}
    if verdict.failing is not None and verdict.rows is not None:
        missing = verdict.rows - (verdict.counted or 0)
        values = [[row.get(name) for name in check.columns] for row in verdict.sample]
        result = {
            "element_count": verdict.rows,
            "unexpected_count": verdict.failing,
            "unexpected_percent": _percent(verdict.failing, verdict.counted),
            "partial_unexpected_list": [row[0] if len(row) == 1 else row for row in values],
            "partial_unexpected_index_list": [row[ROW_NUMBER] for row in verdict.sample if ROW_NUMBER in row],
            "missing_count": missing,
            "missing_percent": _percent(missing, verdict.rows),
            "unexpected_percent_total": _percent(verdict.failing, verdict.rows),
            "unexpected_percent_nonmissing": _percent(verdict.failing, verdict.counted),
        }
    elif verdict.observed is not None:
        result = {"observed_value": verdict.observed}
    return {
        "success": verdict.passed,
        "expectation_config": expected,
        "result": _json(result),
        "meta": {},
        "exception_info": {
            "raised_exception": verdict.error is not None,
            "exception_traceback": verdict.error,
            "exception_message": verdict.error,
        },
    }


def _percent(part: int, of: int | None) -> float | None:
    return 100 * part / of if of else None


def _alike(check: Check) -> tuple[Check, ...]:
    """A check in Great Expectations' words, one or several.

    Raises:
        InvalidSuite: it has no like there.
    """
    if check.whole:
        raise InvalidSuite("it is about all partitions together, and a suite is about one batch.")
    alike = tuple(_in_its_words(check))
    if not alike:
        raise InvalidSuite("Great Expectations has no words for it.")
    return alike


def _in_its_words(check: Check) -> Iterator[Check]:
    given: Mapping[str, Any] = dict(check.parameters)

    def said(kind: str, columns: tuple[str, ...] = (), **arguments: Plain) -> Check:
        told = tuple((name, value) for name, value in arguments.items() if value is not None)
        return replace(check, kind=kind, columns=columns, parameters=told)

    match check.kind:
        case "not_null" if len(check.columns) == 1 or check.mostly == 1:
            for name in check.columns:
                yield said("expect_column_values_to_not_be_null", (name,))
        case "unique" if len(check.columns) == 1:
            yield said("expect_column_values_to_be_unique", check.columns)
        case "unique":
            yield said(
                "expect_compound_columns_to_be_unique", check.columns, ignore_row_if="any_value_is_missing"
            )
        case "between":
            yield said(
                "expect_column_values_to_be_between",
                check.columns,
                min_value=given["low"],
                max_value=given["high"],
                strict_min=given["strict_low"],
                strict_max=given["strict_high"],
            )
        case "one_of":
            yield said("expect_column_values_to_be_in_set", check.columns, value_set=given["values"])
        case "matches":
            yield said("expect_column_values_to_match_regex", check.columns, regex=given["regex"])
        case "monotonic" if len(check.columns) == 1:
            word = "decreasing" if given["decreasing"] else "increasing"
            yield said(f"expect_column_values_to_be_{word}", check.columns, strictly=given["strict"])
        case "row_count":
            yield said(
                "expect_table_row_count_to_be_between", min_value=given["minimum"], max_value=given["maximum"]
            )
        case "schema":
            names = tuple(name for name, _ in given["types"])
            yield said("expect_table_columns_to_match_set", column_set=names, exact_match=given["exact"])
        case kind if kind.startswith("expect_"):
            yield check


def _json(value: Any) -> Any:
    """A value as JSON has it."""
    match value:
        case Mapping():
            return {str(name): _json(one) for name, one in value.items()}
        case list() | tuple():
            return [_json(one) for one in value]
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal():
            return float(value)
        case bool() | int() | float() | str() | None:
            return value
    return str(value)
