"""An expectation as a check: its kind is Great Expectations' name for it, its parameters are its arguments there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, TypeAlias, TypedDict

from checks.declaration import Check, InvalidCheck, Severity
from checks.plain_values import Plain, to_json, whole
from checks.row_conditions import RowCondition, row_condition
from checks.vocabulary import Bound, matches
from graph.errors import near_miss


class Options(TypedDict, total=False):
    """What every expectation takes."""

    name: str | None
    severity: Severity


class FigureOptions(Options, total=False):
    """What an expectation about a figure takes."""

    row_condition: RowCondition | str | None


class RowOptions(FigureOptions, total=False):
    """What an expectation about rows takes."""

    mostly: float


class Bounds(TypedDict, total=False):
    """Two bounds, of which one may be left out; they are included unless strict."""

    min_value: Bound | None
    max_value: Bound | None
    strict_min: bool
    strict_max: bool


class BoundedRows(RowOptions, Bounds, total=False):
    """What an expectation about rows between bounds takes."""


class BoundedFigures(FigureOptions, Bounds, total=False):
    """What an expectation about a figure between bounds takes."""


IgnoredPairs: TypeAlias = Literal["both_values_are_missing", "either_value_is_missing", "neither"]
IgnoredRows: TypeAlias = Literal["all_values_are_missing", "any_value_is_missing", "never"]

OPTIONS = frozenset({"name", "severity", "mostly", "row_condition"})
_BOUNDS = ("min_value", "max_value", "strict_min", "strict_max")
_UNBOUNDED = "has no bound; give it a min_value or a max_value."


def expectation(
    kind: str, columns: tuple[str, ...], parameters: Mapping[str, Any], options: Mapping[str, Any]
) -> Check:
    """The check of an expectation; arguments that are None are left out, as they mean nothing.

    Args:
        options: what each takes, as far as it is given; what is no part of every check is a parameter.

    Raises:
        InvalidCheck: it could not be judged, or could not fail.
    """
    more = {name: value for name, value in options.items() if name not in OPTIONS}
    told: dict[str, Plain] = {
        name: whole(value) for name, value in {**parameters, **more}.items() if value is not None
    }
    short = kind.removeprefix("expect_")
    label = options.get("name") or (f"{short}({', '.join(map(str, columns))})" if columns else short)
    for name in columns:
        if not isinstance(name, str):
            raise InvalidCheck(label, f"names the column {name!r}; give it the name of a column.")
    if len(set(columns)) < len(columns):
        raise InvalidCheck(label, "names a column twice.")
    bounded = kind.endswith("_to_be_between") and "quantile" not in kind
    if strange := [name for name in more if not bounded or name not in _BOUNDS]:
        known = [*parameters, *(_BOUNDS if bounded else ()), *OPTIONS]
        raise InvalidCheck(label, f"has no argument '{strange[0]}'.{near_miss(strange[0], known)}")
    if bounded:
        _require_bounds(label, told.get("min_value"), told.get("max_value"))
    severity: Severity = options.get("severity", "error")
    condition: RowCondition | None = row_condition(options.get("row_condition"))
    return Check(
        name=label,
        kind=kind,
        columns=columns,
        parameters=tuple(told.items()),
        severity=severity,
        mostly=options.get("mostly", 1.0),
        row_condition=condition,
    )


def _require_bounds(label: str, low: Any, high: Any) -> None:
    if low is None and high is None:
        raise InvalidCheck(label, _UNBOUNDED)
    try:
        wrong = low is not None and high is not None and low > high
    except TypeError:
        raise InvalidCheck(label, f"has bounds of two kinds, {low!r} and {high!r}.") from None
    if wrong:
        raise InvalidCheck(label, f"lets nothing pass: its min_value is {low}, its max_value {high}.")


def as_values(values: Collection[Any]) -> tuple[Any, ...]:
    """Some values, each once, in the same order however they came."""
    if isinstance(values, str | bytes) or not values:
        raise InvalidCheck("expectation", f"has the values {values!r}; give it a list of at least one.")
    known = {to_json(whole(value)): value for value in values}
    return tuple(known[text] for text in sorted(known))


def as_regex(regex: str) -> str:
    """A regular expression that RE2 knows.

    Raises:
        InvalidCheck: it is none.
    """
    return str(matches("text", regex)["regex"])
