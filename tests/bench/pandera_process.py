"""The same promises by pandera: ``pandera_process.py pandas|polars FILE TIMES`` prints figures as JSON.

In a process of its own; pandas or polars is what has the table, and what judges it.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any

from check_list import NOW, TYPES, Promise, promises

if TYPE_CHECKING:
    from pandera.errors import SchemaError

Found = tuple[str, str | None]
"""Which promise an error is about: pandera's name of what failed, or ours of a check; and the column."""


def main(library: str, file: str, times: int) -> dict[str, Any]:
    frames, pa = importlib.import_module(library), importlib.import_module(f"pandera.{library}")
    from pandera.errors import SchemaErrors

    frame = frames.read_parquet(file)
    asked = promises(len(frame))
    schema = schema_of(asked, pa)
    seconds, errors = [], []
    for _ in range(times):
        started = time.perf_counter()
        try:
            schema.validate(frame, lazy=True)  # lazy: everything is judged, not only up to the first fault
        except SchemaErrors as raised:
            errors = raised.schema_errors
        seconds.append(time.perf_counter() - started)
    failed: dict[Found, int] = {}
    for error in errors:
        name = error.check if isinstance(error.check, str) else error.check.name
        failed[name, error.schema.name] = failing(error)
    found = [named(number, promise) for number, promise in enumerate(asked)]
    if strange := failed.keys() - set(found):
        raise SystemExit(f"errors that no promise is about: {sorted(map(str, strange))}")
    return {
        "seconds": seconds,
        "verdicts": [[name not in failed, failed.get(name, 0)] for name in found],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
    }


def schema_of(asked: list[Promise], pa: Any) -> Any:
    """The promises as one schema of ``pandera.pandas`` or ``pandera.polars``."""
    checks: dict[str, list[Any]] = {name: [] for name in TYPES}
    required: set[str] = set()
    unique: set[str] = set()
    key: list[str] = []
    whole: list[Any] = []
    for number, promise in enumerate(asked):
        name, columns, options = f"promise {number}", promise.columns, promise.options
        match promise.check:
            case "not_null":
                required.add(columns[0])
            case "unique" if len(columns) == 1:
                unique.add(columns[0])
            case "unique":
                key = list(columns)
            case "between" if options["high"] is None:
                checks[columns[0]].append(pa.Check.ge(options["low"], name=name))
            case "between":
                checks[columns[0]].append(pa.Check.in_range(options["low"], options["high"], name=name))
            case "one_of":
                checks[columns[0]].append(pa.Check.isin(options["values"], name=name))
            case "matches":
                checks[columns[0]].append(pa.Check.str_matches(options["regex"], name=name))
            case "row_count":
                whole.append(pa.Check(between_rows(options["minimum"], options["maximum"]), name=name))
            case "no_future_timestamps":
                checks[columns[0]].append(pa.Check.le(NOW, name=name))
            case "sums_to":
                checks[columns[0]].append(
                    pa.Check(sums_to(options["total"], options["tolerance"]), name=name)
                )
            case "schema":
                pass  # strict=True, of the names
    return pa.DataFrameSchema(
        {
            name: pa.Column(nullable=name not in required, unique=name in unique, checks=of_column)
            for name, of_column in checks.items()
        },
        checks=whole,
        unique=key,
        strict=True,
    )


def between_rows(least: int, most: int) -> Any:
    def holds(given: Any) -> Any:
        if not hasattr(given, "lazyframe"):
            return least <= len(given) <= most
        import polars as pl

        return given.lazyframe.select(pl.len().is_between(least, most))

    return holds


def sums_to(total: float, tolerance: float) -> Any:
    def holds(given: Any) -> Any:
        if not hasattr(given, "lazyframe"):
            return bool(abs(given.sum() - total) <= tolerance)
        import polars as pl

        return given.lazyframe.select((pl.col(given.key).sum() - total).abs() <= tolerance)

    return holds


def named(number: int, promise: Promise) -> Found:
    """What an error says that is about a promise."""
    match promise.check:
        case "not_null":
            return "not_nullable", promise.columns[0]
        case "unique" if len(promise.columns) == 1:
            return "field_uniqueness", promise.columns[0]
        case "unique":
            return "multiple_fields_uniqueness", None
        case "schema":
            return "column_in_schema", None
        case "row_count":
            return f"promise {number}", None
    return f"promise {number}", promise.columns[0]


def failing(error: SchemaError) -> int:
    """How many rows fail: with pandas each column of several has a case, with polars a case is a row."""
    cases = error.failure_cases
    if hasattr(cases, "height"):
        return int(cases.height)
    return int(cases["index"].nunique()) if hasattr(cases, "columns") else 1


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))) + "\n")
