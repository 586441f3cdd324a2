"""Checks: promises about a value, judged in few scans; the verdicts decide whether a version is published."""

from __future__ import annotations

from checks.declaration import Check, InvalidCheck, Severity
from checks.evaluation import evaluate
from checks.table import ParquetFiles
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

__all__ = [
    "ROW_NUMBER",
    "Check",
    "Finding",
    "InvalidCheck",
    "ParquetFiles",
    "Severity",
    "Verdict",
    "between",
    "blocking",
    "check",
    "evaluate",
    "expression",
    "matches",
    "monotonic",
    "no_future_timestamps",
    "not_null",
    "one_of",
    "row_count",
    "schema",
    "sums_to",
    "unique",
]
