"""Expectations of one's own: classes derived from Great Expectations', judged by it."""

from __future__ import annotations

from typing import Any

from checks.declaration import Check, InvalidCheck, Severity
from checks.expectation import expectation
from checks.row_conditions import RowCondition

MODULE = "(module)"
"""The parameter that says where the class is, which is none of the expectation's."""


def custom(
    kind: str,
    *columns: str,
    module: str | None = None,
    name: str | None = None,
    severity: Severity = "error",
    mostly: float = 1.0,
    row_condition: RowCondition | str | None = None,
    **arguments: Any,
) -> Check:
    """An expectation that Great Expectations has been taught: ``custom("expect_column_values_to_be_prime", "n")``.

    The value goes to its pandas engine, in memory, and is judged by the class itself.

    Args:
        kind: as Great Expectations names the class ``ExpectColumnValuesToBePrime``.
        columns: the column, the two of a pair, or the list.
        module: the module that declares the class, such as ``acme.expectations``: it is imported when the check is
            judged, and not before.
        arguments: the rest of what the class takes.
    """
    label = name if name is not None else f"{kind.removeprefix('expect_')}({', '.join(columns)})"
    if not kind.startswith("expect_"):
        raise InvalidCheck(label, f"has the kind '{kind}'; names of expectations begin with expect_.")
    options = {"name": label, "severity": severity, "mostly": mostly, "row_condition": row_condition}
    return expectation(kind, columns, {**arguments, MODULE: module}, options)
