"""The sentence that says what a check promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

_UNSAID = frozenset({"needs", "(module)"})
"""What is given of a check and is no part of its promise."""


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
    own = _about_a_table(kind, columns, parameters) or _about_history(kind, columns, parameters)
    if own is not None:
        return own
    words = kind.removeprefix("expect_").replace("_", " ")
    left = {name: value for name, value in parameters.items() if value is not False and name not in _UNSAID}
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


def _about_a_table(kind: str, columns: Sequence[str], parameters: Mapping[str, Any]) -> str | None:
    """The promise of one of the project's own checks of one table."""
    who = columns[0] if columns else ""
    by = f" for each {_listed(columns[1:])}" if columns[1:] else ""
    match kind:
        case "recent":
            return f"the newest {who} is at most {parameters['within']} old"
        case "time_zone":
            return f"{who} is a timestamp in the time zone {parameters['zone']}"
        case "local_time":
            days = f", on {_listed(parameters['weekdays'], last='or')}" if parameters["weekdays"] else ""
            return f"{who} lies from {parameters['low']} to {parameters['high']} in {parameters['timezone']}{days}"
        case "complete":
            calendar = {"weekday": "day from Monday to Friday"}.get(
                parameters["calendar"], parameters["calendar"]
            )
            what = calendar if calendar.islower() or " " in calendar else f"session of {calendar}"
            match parameters["through"]:
                case None:
                    until = "to the last"
                case timedelta() as age:
                    until = f"until {age} ago" if age else "until now"
                case through:
                    until = f"until {through}"
            return f"{who} has every {what} from the first {until}{by}"
        case "point_in_time":
            return f"{who} is not later than {columns[1]}"
        case "unit":
            bounds = f"{parameters['low']} to {parameters['high']}"
            return f"{who} is in the unit {parameters['unit']}: its typical size is {bounds}"
        case "not_all_zero":
            return f"{who} is not all zero{by}"
    return None


def _about_history(kind: str, columns: Sequence[str], parameters: Mapping[str, Any]) -> str | None:
    """The promise of a check against the asset's own history."""
    match kind:
        case "same_schema":
            more = ", but for new ones" if parameters["allow_new"] else ""
            return f"the columns and their types are those of the last value{more}"
        case "not_fewer_rows":
            off = f", give or take {parameters['tolerance']:.3%} of them" if parameters["tolerance"] else ""
            return f"there are no fewer rows than before{off}"
        case "same_size":
            return f"{_listed(columns)} is about as large as before, within a factor {parameters['within']:g}"
        case "usual_row_count":
            what = "the number of rows"
        case "usual":
            what = _FIGURES[parameters["figure"]].format(_listed(columns))
        case "usual_distribution":
            what = f"the distribution of {_listed(columns)}"
        case _:
            return None
    side = {"both": "", "low": " or more", "high": " or less"}[parameters.get("side", "both")]
    season = " for this weekday" if parameters.get("season") else ""
    rate = f"{parameters['false_alarms']:.15g}"
    return f"{what} is as usual{side}{season} (false alarms {rate}, after {parameters['warm_up']} values)"


_FIGURES = {
    "mean": "the mean of {}",
    "median": "the median of {}",
    "std": "the standard deviation of {}",
    "null_share": "the share of nulls in {}",
    "distinct": "the number of distinct values of {}",
    "min": "the smallest {}",
    "max": "the largest {}",
    "sum": "the sum of {}",
}
