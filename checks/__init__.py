"""Checks: promises about a value, judged in few scans; the verdicts decide whether a version is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checks import expect
from checks.across import (
    across_partitions,
    covers,
    needs,
    no_look_ahead,
    references,
    same_row_count,
    same_sum,
    sql,
)
from checks.beside import ALONE, Beside, Earlier
from checks.declaration import Check, InvalidCheck, Severity
from checks.history_checks import (
    not_fewer_rows,
    same_schema,
    same_size,
    usual,
    usual_distribution,
    usual_row_count,
)
from checks.own_checks import complete, local_time, not_all_zero, point_in_time, recent, time_zone, unit
from checks.row_conditions import RowCondition, column
from checks.suites import Suite, suite, to_suite, to_validation_result
from checks.verdict import ROW_NUMBER, Finding, Verdict, blocking
from checks.vocabulary import (
    between,
    check,
    expression,
    matches,
    monotonic,
    no_future_timestamps,
    not_null,
    one_of,
    row_count,
    schema,
    sums_to,
    unique,
)

if TYPE_CHECKING:
    from checks.evaluation import evaluate
    from checks.table import ParquetFiles

__all__ = [
    "ALONE",
    "ROW_NUMBER",
    "Beside",
    "Check",
    "Earlier",
    "Finding",
    "InvalidCheck",
    "ParquetFiles",
    "RowCondition",
    "Severity",
    "Suite",
    "Verdict",
    "across_partitions",
    "between",
    "blocking",
    "check",
    "column",
    "complete",
    "covers",
    "evaluate",
    "expect",
    "expression",
    "local_time",
    "matches",
    "monotonic",
    "needs",
    "no_future_timestamps",
    "no_look_ahead",
    "not_all_zero",
    "not_fewer_rows",
    "not_null",
    "one_of",
    "point_in_time",
    "recent",
    "references",
    "row_count",
    "same_row_count",
    "same_schema",
    "same_size",
    "same_sum",
    "schema",
    "sql",
    "suite",
    "sums_to",
    "time_zone",
    "to_suite",
    "to_validation_result",
    "unique",
    "unit",
    "usual",
    "usual_distribution",
    "usual_row_count",
]


def __getattr__(name: str) -> Any:
    """What judges is imported when somebody judges: most programs only declare."""
    match name:
        case "evaluate":
            from checks.evaluation import evaluate

            return evaluate
        case "ParquetFiles":
            from checks.table import ParquetFiles

            return ParquetFiles
    raise AttributeError(f"module 'checks' has no attribute '{name}'")
