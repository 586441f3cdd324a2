"""The sentence that says what a check promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any


def sentence(kind: str, columns: Sequence[str], parameters: Mapping[str, Any]) -> str:
    """The promise of a check of this kind, without a full stop."""
    who = _listed(columns)
    match kind:
        case "not_null":
            return f"{who} {'are' if len(columns) > 1 else 'is'} never null"
        case "unique":
            return f"{who} {'together are' if len(columns) > 1 else 'is'} unique"
        case "between":
            return f"{who} is {_bounds(**parameters)}"
        case "one_of":
            return f"{who} is one of {_listed([shown(value) for value in parameters['values']], last='or')}"
        case "matches":
            return f"{who} contains a match of /{parameters['regex']}/"
        case "row_count":
            return f"the number of rows is {_bounds(parameters['minimum'], parameters['maximum'])}"
        case "schema":
            types = ", ".join(f"{name} {type_name}" for name, type_name in parameters["types"])
            return f"the columns are {'exactly' if parameters['exact'] else 'at least'} {types}"
        case "no_future_timestamps":
            late = f" by more than {parameters['tolerance']}" if parameters["tolerance"] else ""
            return f"{who} is not in the future{late}"
        case "sums_to":
            by = f" for each {_listed(columns[1:])}" if columns[1:] else ""
            return f"{columns[0]} sums to {parameters['total']}{by}, give or take {parameters['tolerance']}"
        case "monotonic":
            by = f" within each {_listed(columns[1:])}" if columns[1:] else ""
            never = "increases" if parameters["decreasing"] else "decreases"
            return f"{columns[0]} never {never}{' or repeats' if parameters['strict'] else ''} from row to row{by}"
        case "no_look_ahead":
            others = _listed([parameter for parameter, _ in parameters["needs"]])
            return f"the past of it, by {who}, does not depend on the future of {others}"
        case "references" | "covers" | "same_row_count" | "same_sum" | "needs" | "sql":
            return _compared(kind, columns, parameters)
        case "expression":
            return f"every row holds {parameters['sql']}"
    words = kind.removeprefix("expect_").replace("_", " ")
    left = {name: value for name, value in parameters.items() if value is not False and name != "needs"}
    given = ", ".join(f"{name} {shown(value)}" for name, value in left.items())
    return f"{who}: {words}" * bool(columns) + words * (not columns) + (f" ({given})" if given else "")


def _compared(kind: str, columns: Sequence[str], parameters: Mapping[str, Any]) -> str:
    """The promise of a check that looks at an upstream as well."""
    if kind == "sql":
        return f"no row is found by {parameters['query']}"
    ((upstream, others),) = parameters["needs"]
    who, theirs = _listed(columns), _listed(others)
    match kind:
        case "needs":
            return f"{upstream} has {'the columns' if len(others) > 1 else 'the column'} {theirs}"
        case "references":
            return f"{who} {'are' if len(columns) > 1 else 'is'} among {theirs} of {upstream}"
        case "covers":
            return f"every {theirs} of {upstream} is among {who}"
        case "same_row_count":
            off = f", give or take {parameters['tolerance']:.3%} of them" if parameters["tolerance"] else ""
            return f"it has as many rows as {upstream}{off}"
    by = f" for each {_listed(columns[1:])}" if columns[1:] else ""
    return f"{columns[0]} sums to what {others[0]} of {upstream} does{by}, give or take {parameters['tolerance']}"


def _bounds(low: object, high: object, strict_low: bool = False, strict_high: bool = False) -> str:
    words = []
    if low is not None:
        words.append(f"{'more than' if strict_low else 'at least'} {shown(low)}")
    if high is not None:
        words.append(f"{'less than' if strict_high else 'at most'} {shown(high)}")
    return " and ".join(words)


def shown(value: object) -> str:
    """A value as people write it: texts in quotes, dates and decimals without their types."""
    return str(value) if isinstance(value, date | datetime | time | Decimal) else repr(value)


def _listed(words: Sequence[str], last: str = "and") -> str:
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)
