"""Calling a user's check function: the value as its parameter is annotated, and what it returns as a finding."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from datetime import datetime
from itertools import islice
from typing import cast

from checks.declaration import Check
from checks.plain_values import plain
from checks.scan import connection
from checks.table import Source, source_of
from checks.verdict import Finding


def call(
    check: Check,
    value: object,
    source: Source | None,
    now: datetime,
    sample_rows: int,
    others: Mapping[str, object],
) -> Finding:
    """What the check's function says of the value, in plain values; whatever it raises goes through.

    Args:
        others: by parameter, the values of upstream that the function asks for.

    Raises:
        TypeError: it returned neither a bool nor a `Finding`.
    """
    function = cast("Callable[..., object]", check.function)
    first, *rest = inspect.signature(function).parameters.values()
    given: dict[str, object] = {"now": now} if any(one.name == "now" for one in rest) else {}
    with ExitStack() as opened:
        for one in rest:
            if one.name in others:
                other = others[one.name]
                given[one.name] = _as_annotated(other, source_of(other), one.annotation, opened)
        return _finding(
            function(_as_annotated(value, source, first.annotation, opened), **given), sample_rows
        )


def _as_annotated(value: object, source: Source | None, annotation: object, opened: ExitStack) -> object:
    """A value as its parameter is annotated; what is no table as it is."""
    if source is None:
        return value
    table = source.whole()
    package, type_name = _package_and_type(annotation)
    if type_name == "DataFrame" and package not in {"pl", "polars"}:
        return table.to_pandas()
    if type_name not in {"DataFrame", "DuckDBPyRelation"}:
        return table
    relation = opened.enter_context(closing(connection(table.num_rows))).from_arrow(table)
    return relation.pl() if type_name == "DataFrame" else relation


def _package_and_type(annotation: object) -> tuple[str, str]:
    """The first and the last part of an annotation: ``pd.DataFrame`` is ("pd", "DataFrame"); it may be a text."""
    if isinstance(annotation, str):
        package, _, rest = annotation.strip("'\" ").rpartition(".")
        return package.split(".", 1)[0], rest
    return getattr(annotation, "__module__", "").split(".", 1)[0], getattr(annotation, "__name__", "")


def _finding(returned: object, sample_rows: int) -> Finding:
    """What a function returned, checked and in plain values; only so much of its sample is looked at."""
    if not isinstance(returned, Finding):
        return Finding(passed=_true_or_false(returned))
    failing, counted = plain(returned.failing), plain(returned.counted)
    if not isinstance(failing, int | None) or not isinstance(counted, int | None):
        wrong = f"failing={returned.failing!r} and counted={returned.counted!r}"
        raise TypeError(f"its Finding has {wrong}, which are no numbers of things")
    return Finding(
        passed=_true_or_false(returned.passed),
        observed=plain(returned.observed),
        expected=plain(returned.expected),
        failing=failing,
        counted=counted,
        sample=[
            {str(name): plain(value) for name, value in dict(row).items()}
            for row in islice(returned.sample, sample_rows)
        ],
    )


def _true_or_false(returned: object) -> bool:
    answer = plain(returned)  # numpy and pyarrow have booleans of their own
    if not isinstance(answer, bool):
        raise TypeError(f"it returned {returned!r}, which is neither a bool nor a Finding")
    return answer
