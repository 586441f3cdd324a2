"""Calling a user's check function: the value as its parameter is annotated, and what it returns as a finding."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any

from checks.table import Source, connection
from checks.verdict import Finding


def call(function: Callable[..., Any], value: object, source: Source | None, now: datetime) -> Finding:
    """What ``function`` says of the value; whatever it raises goes through.

    Raises:
        TypeError: it returned neither a bool nor a `Finding`.
    """
    first, *rest = inspect.signature(function).parameters.values()
    extra = {"now": now} if any(given.name == "now" for given in rest) else {}
    if source is None:
        return _finding(function(value, **extra))
    table = source.whole()
    match _type_name(first.annotation):
        case "DataFrame":
            return _finding(function(table.to_pandas(), **extra))
        case "DuckDBPyRelation":
            with closing(connection(table.num_rows)) as cursor:
                return _finding(function(cursor.from_arrow(table), **extra))
        case _:
            return _finding(function(table, **extra))


def _type_name(annotation: object) -> str:
    """The last part of an annotation's name; annotations may be texts."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return text.rsplit(".", 1)[-1].strip("'\" ")


def _finding(returned: object) -> Finding:
    if isinstance(returned, Finding):
        return returned
    for method in ("as_py", "item"):  # pyarrow's scalars, numpy's
        if callable(unwrap := getattr(returned, method, None)):
            returned = unwrap()
            break
    if not isinstance(returned, bool):
        raise TypeError(f"it returned {returned!r}, which is neither a bool nor a Finding")
    return Finding(passed=returned)
