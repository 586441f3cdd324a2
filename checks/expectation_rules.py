"""What an expectation asks of the columns that are really there, in the meaning that Great Expectations gives it.

Differences, each on purpose: a NaN is a broken number and not a null, so that it counts and fails; two NaN are equal;
a boolean is no number; regular expressions are RE2's, and are asked of texts only. See ``docs/expectations.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from itertools import combinations
from typing import Any

from checks.columns import CannotJudge, Column, comparable, find, interval, literal
from checks.declaration import Check
from checks.rules import Among, Distinct, Figure, Matching, NoneMissing, Ordered, Rows, Rule, Within
from checks.vocabulary import family_of

_Rule = Callable[["_Asked"], Rule]


class _Asked:
    """An expectation with the columns that it names, as they are in the table."""

    def __init__(self, check: Check, columns: Mapping[str, Column | None]) -> None:
        self.check = check
        self.given: Mapping[str, Any] = dict(check.parameters)
        self.columns = tuple(find(columns, name) for name in check.columns)

    @property
    def column(self) -> Column:
        """The only column."""
        return self.columns[0]

    def number(self) -> Column:
        """The only column, if it holds numbers."""
        return self._of("number", "numbers")

    def text(self) -> Column:
        """The only column, if it holds texts."""
        return self._of("text", "texts")

    def _of(self, family: str, words: str) -> Column:
        if self.column.family not in (family, "null"):
            raise CannotJudge(
                f"column '{self.column.name}' is of type {self.column.type_name}; this is about {words}."
            )
        return self.column

    def bound(self, name: str) -> Any:
        """A bound, as the column's values are: suites write times as texts."""
        return _as(self.column, self.given.get(name))

    def within(self, test: Callable[[Any], bool] | None = None) -> Callable[[Any], bool]:
        """Whether a figure lies between ``min_value`` and ``max_value``; one that is not there does not."""
        if test is None:
            low, high = self.given.get("min_value"), self.given.get("max_value")

            def test(figure: Any) -> bool:
                above = low is None or (figure > low if self.given.get("strict_min") else figure >= low)
                below = high is None or (figure < high if self.given.get("strict_max") else figure <= high)
                return bool(above and below)

        return lambda figure: figure is not None and figure == figure and test(figure)

    def known(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """The places of those values that a value of the column can equal."""
        column = self.column
        alike = [
            found
            for value in values
            if family_of(found := _as(column, value)) in (column.family, "null") and found == found
        ]
        return tuple(dict.fromkeys(column.exactly(alike)))

    def counts(self, names: tuple[str, str]) -> str:
        """SQL: which rows count, by ``ignore_row_if``; ``names`` are its words for all and for any value missing."""
        every, some = names
        there = [f"{column.sql} IS NOT NULL" for column in self.columns]
        ignored = self.given.get("ignore_row_if", every)
        return {every: f"({' OR '.join(there)})", some: f"({' AND '.join(there)})"}.get(ignored, "true")


def rule_of_expectation(check: Check, columns: Mapping[str, Column | None]) -> Rule | None:
    """What an expectation asks of these columns; None of one that Great Expectations itself has to judge.

    Raises:
        CannotJudge: a column is missing, or of a type that the expectation knows nothing of.
    """
    found = _RULES.get(check.kind)
    return None if found is None else found(_Asked(check, columns))


def is_expectation(kind: str) -> bool:
    """Whether a kind is an expectation, of Great Expectations or of somebody's own."""
    return kind.startswith("expect_") or kind in _RULES


def is_translated(kind: str) -> bool:
    """Whether an expectation is judged in SQL."""
    return kind in _RULES


def _as(column: Column, value: Any) -> Any:
    """A value as the column's are: of a column of times, a text is one in ISO 8601."""
    if column.family != "moment" or not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value) if len(value) > len("2024-01-01") else date.fromisoformat(value)
    except ValueError:
        raise CannotJudge(
            f"'{value}' is no time, which column '{column.name}' could be compared with."
        ) from None


# Rows


def _between(asked: _Asked) -> Rule:
    low, high = asked.bound("min_value"), asked.bound("max_value")
    column = comparable(asked.column, low if low is not None else high)
    strict = {
        "strict_low": bool(asked.given.get("strict_min")),
        "strict_high": bool(asked.given.get("strict_max")),
    }
    return Within(column=column, bounds=interval(column, low, high, **strict))


def _in_set(asked: _Asked) -> Rule:
    return Among(column=asked.column, known=asked.known(asked.given["value_set"]))


def _not_in_set(asked: _Asked) -> Rule:
    known = ", ".join(map(literal, asked.known(asked.given["value_set"])))
    holds = f"{asked.column.place} NOT IN ({known})" if known else "true"
    return Rows(holds=f"{holds}{_no_nan(asked.column)}", counts=f"{asked.column.sql} IS NOT NULL")


def _matching(asked: _Asked) -> Rule:
    return Matching(column=asked.text(), regex=asked.given["regex"])


def _texts(condition: Callable[[_Asked, str], str]) -> _Rule:
    """A condition on the texts of the only column."""

    def rule(asked: _Asked) -> Rule:
        name = asked.text().sql
        text = f"CAST({name} AS VARCHAR)"
        return Rows(holds=condition(asked, text), counts=f"{name} IS NOT NULL")

    return rule


def _regexes(asked: _Asked, text: str) -> str:
    word = " AND " if asked.given.get("match_on") == "all" else " OR "
    return word.join(f"regexp_matches({text}, {literal(regex)})" for regex in asked.given["regex_list"])


def _likes(asked: _Asked, text: str) -> str:
    patterns = asked.given.get("like_pattern_list") or (asked.given["like_pattern"],)
    escape = f" ESCAPE {literal(asked.given['escape'])}" if asked.given.get("escape") else ""
    word = " AND " if asked.given.get("match_on") == "all" else " OR "
    return word.join(f"({text} LIKE {literal(pattern)}{escape})" for pattern in patterns)


def _lengths(asked: _Asked, text: str) -> str:
    length = f"length({text})"
    if "value" in asked.given:
        return f"{length} = {literal(asked.given['value'])}"
    low, high = asked.given.get("min_value"), asked.given.get("max_value")
    tests = []
    if low is not None:
        tests.append(f"{length} {'>' if asked.given.get('strict_min') else '>='} {literal(low)}")
    if high is not None:
        tests.append(f"{length} {'<' if asked.given.get('strict_max') else '<='} {literal(high)}")
    return " AND ".join(tests)


def _ordered(*, decreasing: bool) -> _Rule:
    def rule(asked: _Asked) -> Rule:
        if asked.column.family in {"boolean", "bytes", "other"}:
            raise CannotJudge(
                f"column '{asked.column.name}' is of type {asked.column.type_name}, which has no order."
            )
        strict = bool(asked.given.get("strictly"))
        return Ordered(column=asked.column, by=(), strict=strict, decreasing=decreasing)

    return rule


def _z_scores(asked: _Asked) -> Rule:
    column, threshold = asked.number(), asked.given["threshold"]
    name = f"CAST({column.place} AS DOUBLE)"
    mean, deviation = (f"(SELECT {figure}({name}) FROM $rows)" for figure in ("avg", "stddev_samp"))
    score = f"({name} - {mean}) / nullif({deviation}, 0)"
    sided = f"abs({score})" if asked.given.get("double_sided") else score
    limit = abs(threshold) if asked.given.get("double_sided") else threshold
    return Rows(
        holds=f"coalesce({sided} < {literal(float(limit))}, true){_no_nan(column)}",
        counts=f"{column.sql} IS NOT NULL",
    )


def _no_outliers(asked: _Asked) -> Rule:
    column, times = asked.number(), literal(float(asked.given.get("multiplier", 1.5)))
    name = f"CAST({column.place} AS DOUBLE)"
    if asked.given.get("method", "iqr") == "iqr":
        low, high = (f"(SELECT quantile_cont({name}, {part}) FROM $rows)" for part in (0.25, 0.75))
        reach = f"{times} * ({high} - {low})"
        holds = f"{name} >= {low} - {reach} AND {name} <= {high} + {reach}"
    else:
        mean, deviation = (f"(SELECT {figure}({name}) FROM $rows)" for figure in ("avg", "stddev_samp"))
        holds = (
            f"CASE WHEN {times} * {deviation} <= 0 THEN {name} = {mean}"
            f" ELSE abs({name} - {mean}) < {times} * {deviation} END"
        )
    return Rows(holds=f"coalesce({holds}, true){_no_nan(column)}", counts=f"{column.sql} IS NOT NULL")


def _no_nan(*columns: Column) -> str:
    """SQL, to be added to a condition: none of these is NaN."""
    return "".join(
        f" AND NOT coalesce(isnan({column.place}), false)" for column in columns if column.float_bits
    )


_PAIR = ("both_values_are_missing", "either_value_is_missing")
_SEVERAL = ("all_values_are_missing", "any_value_is_missing")


def _pair_equal(asked: _Asked) -> Rule:
    one, other = asked.columns
    return Rows(holds=f"{one.sql} = {other.sql}{_no_nan(one, other)}", counts=asked.counts(_PAIR))


def _pair_greater(asked: _Asked) -> Rule:
    one, other = asked.columns
    sign = ">=" if asked.given.get("or_equal") else ">"
    return Rows(holds=f"{one.sql} {sign} {other.sql}{_no_nan(one, other)}", counts=asked.counts(_PAIR))


def _pair_in_set(asked: _Asked) -> Rule:
    tests = []
    for pair in asked.given["value_pairs_set"]:
        parts = []
        for column, given in zip(asked.columns, pair, strict=True):
            value = _as(column, given)
            places = () if value is None or family_of(value) != column.family else column.exactly([value])
            same = f"{column.place} = {literal(places[0])}" if places else "false"
            parts.append(f"{column.sql} IS NULL" if value is None else same)
        tests.append(f"({' AND '.join(parts)})")
    return Rows(holds=" OR ".join(tests) or "false", counts=asked.counts(_PAIR))


def _several_equal(asked: _Asked) -> Rule:
    first, *others = asked.columns
    holds = " AND ".join(f"{first.sql} IS NOT DISTINCT FROM {other.sql}" for other in others) or "true"
    return Rows(holds=holds, counts=asked.counts(_SEVERAL))


def _several_different(asked: _Asked) -> Rule:
    pairs = combinations(asked.columns, 2)
    holds = " AND ".join(f"{one.sql} IS DISTINCT FROM {other.sql}" for one, other in pairs) or "true"
    return Rows(holds=holds, counts=asked.counts(_SEVERAL))


def _several_sum(asked: _Asked) -> Rule:
    for column in asked.columns:
        if column.family not in ("number", "null"):
            raise CannotJudge(f"column '{column.name}' is of type {column.type_name}, which has no sum.")
    wide = "DOUBLE" if any(column.float_bits for column in asked.columns) else "HUGEINT"
    exact = any(column.scale for column in asked.columns) and wide != "DOUBLE"
    terms = [column.place if exact else f"CAST({column.place} AS {wide})" for column in asked.columns]
    return Rows(
        holds=f"{' + '.join(terms)} = {literal(asked.given['sum_total'])}", counts=asked.counts(_SEVERAL)
    )


def _compound(asked: _Asked) -> Rule:
    return Distinct(key=asked.columns, counts=asked.counts(_SEVERAL))


# Figures


def _extreme(function: str) -> _Rule:
    def rule(asked: _Asked) -> Rule:
        low, high = asked.bound("min_value"), asked.bound("max_value")
        column = comparable(asked.column, low if low is not None else high)
        strict = {
            "strict_low": bool(asked.given.get("strict_min")),
            "strict_high": bool(asked.given.get("strict_max")),
        }
        test = interval(column, low, high, **strict).test()
        return Figure(value=f"{function}({column.place})", passes=asked.within(test), column=column)

    return rule


def _number(value: str) -> _Rule:
    """A figure of a column of numbers; ``{x}`` is its value, as a double."""

    def rule(asked: _Asked) -> Rule:
        column = asked.number()
        return Figure(value=value.replace("{x}", f"CAST({column.place} AS DOUBLE)"), passes=asked.within())

    return rule


def _any(value: str) -> _Rule:
    """A figure of a column of any type; ``{x}`` is its value."""
    return lambda asked: Figure(value=value.replace("{x}", asked.column.sql), passes=asked.within())


def _distinct_known(asked: _Asked) -> Rule:
    return Figure(value=_count_unknown(asked), passes=lambda unknown: unknown == 0)


def _distinct_contain(asked: _Asked) -> Rule:
    wanted = len(set(asked.given["value_set"]))
    return Figure(value=_count_known(asked), passes=lambda known: known == wanted)


def _distinct_equal(asked: _Asked) -> Rule:
    wanted = len(set(asked.given["value_set"]))
    value = f"[{_count_unknown(asked)}, {_count_known(asked)}]"
    return Figure(value=value, passes=lambda found: found == [0, wanted])


def _count_known(asked: _Asked) -> str:
    known = ", ".join(map(literal, asked.known(asked.given["value_set"])))
    return f"count(DISTINCT {asked.column.place}) FILTER (WHERE {asked.column.place} IN ({known or 'NULL'}))"


def _count_unknown(asked: _Asked) -> str:
    known = ", ".join(map(literal, asked.known(asked.given["value_set"])))
    test = f"{asked.column.place} NOT IN ({known})" if known else "true"
    return f"count(DISTINCT {asked.column.place}) FILTER (WHERE {test})"


def _most_common(asked: _Asked) -> Rule:
    place, known = asked.column.place, frozenset(asked.known(asked.given["value_set"]))
    counted = f"(SELECT {place} AS place, count(*) AS times FROM $rows WHERE {place} IS NOT NULL GROUP BY 1)"
    first = f"(SELECT place, max(times) OVER () AS most, times FROM {counted})"

    def passes(found: Any) -> bool:
        there = found or []
        few = asked.given.get("ties_okay") or len(there) == 1
        return bool(few and known.intersection(there))

    return Figure(value=f"(SELECT list(place ORDER BY place) FROM {first} WHERE times = most)", passes=passes)


def _quantiles(asked: _Asked) -> Rule:
    column, told = asked.number(), asked.given["quantile_ranges"]
    how = asked.given.get("allow_relative_error") or "nearest"
    name = f"CAST({column.place} AS DOUBLE)"

    def at(position: str) -> str:
        place = f"(SELECT CAST({position} AS BIGINT) FROM (SELECT count({name}) - 1 AS last FROM $rows))"
        ordered = f"SELECT {name} FROM $rows WHERE {column.sql} IS NOT NULL ORDER BY 1"
        return f"({ordered} LIMIT 1 OFFSET greatest({place}, 0))"

    def value(part: float) -> str:
        low, high = at(f"floor({part} * last)"), at(f"ceil({part} * last)")
        match how:
            case "linear":
                return f"(SELECT quantile_cont({name}, {part}) FROM $rows)"
            case "lower":
                return low
            case "higher":
                return high
            case "midpoint":
                return f"({low} + {high}) / 2"
        return at(f"round_even({part} * last, 0)")

    def passes(found: Any) -> bool:
        ranges = zip(found, told["value_ranges"], strict=True)
        return all(
            figure is not None and (low is None or low <= figure) and (high is None or figure <= high)
            for figure, (low, high) in ranges
        )

    return Figure(value=f"[{', '.join(map(value, told['quantiles']))}]", passes=passes)


def _row_count(asked: _Asked) -> Rule:
    if "value" in asked.given:
        wanted = asked.given["value"]
        return Figure(value="count(*)", passes=lambda rows: bool(rows == wanted))
    return Figure(value="count(*)", passes=asked.within())


def _unexpected_rows(asked: _Asked) -> Rule:
    query = asked.given["unexpected_rows_query"].replace("{batch}", "$rows")
    return Figure(value=f"(SELECT count(*) FROM (\n{query}\n))", passes=lambda rows: rows == 0)


_UNIQUE_PART = "CASE WHEN count({x}) = 0 THEN 0 ELSE count(DISTINCT {x}) / count({x}) END"
_THERE_PART = "CASE WHEN count(*) = 0 THEN 0 ELSE count({x}) / count(*) END"

_RULES: Mapping[str, _Rule] = {
    "expect_column_values_to_not_be_null": lambda asked: NoneMissing(columns=asked.columns),
    "expect_column_values_to_be_null": lambda asked: Rows(holds=f"{asked.column.sql} IS NULL"),
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_values_to_be_unique": lambda asked: Distinct(key=asked.columns),
    "expect_column_values_to_be_increasing": _ordered(decreasing=False),
    "expect_column_values_to_be_decreasing": _ordered(decreasing=True),
    "expect_column_values_to_match_regex": _matching,
    "expect_column_values_to_not_match_regex": _texts(
        lambda asked, text: f"NOT regexp_matches({text}, {literal(asked.given['regex'])})"
    ),
    "expect_column_values_to_match_regex_list": _texts(_regexes),
    "expect_column_values_to_not_match_regex_list": _texts(
        lambda asked, text: f"NOT ({_regexes(asked, text)})"
    ),
    "expect_column_values_to_match_like_pattern": _texts(_likes),
    "expect_column_values_to_not_match_like_pattern": _texts(
        lambda asked, text: f"NOT ({_likes(asked, text)})"
    ),
    "expect_column_values_to_match_like_pattern_list": _texts(_likes),
    "expect_column_values_to_not_match_like_pattern_list": _texts(
        lambda asked, text: f"NOT ({_likes(asked, text)})"
    ),
    "expect_column_value_lengths_to_be_between": _texts(_lengths),
    "expect_column_value_lengths_to_equal": _texts(_lengths),
    "expect_column_value_z_scores_to_be_less_than": _z_scores,
    "expect_column_values_to_not_be_outliers": _no_outliers,
    "expect_column_pair_values_to_be_equal": _pair_equal,
    "expect_column_pair_values_a_to_be_greater_than_b": _pair_greater,
    "expect_column_pair_values_to_be_in_set": _pair_in_set,
    "expect_compound_columns_to_be_unique": _compound,
    "expect_select_column_values_to_be_unique_within_record": _several_different,
    "expect_multicolumn_sum_to_equal": _several_sum,
    "expect_multicolumn_values_to_be_equal": _several_equal,
    "expect_column_max_to_be_between": _extreme("max"),
    "expect_column_min_to_be_between": _extreme("min"),
    "expect_column_mean_to_be_between": _number("avg({x})"),
    "expect_column_median_to_be_between": _number("quantile_cont({x}, 0.5)"),
    "expect_column_stdev_to_be_between": _number("stddev_samp({x})"),
    "expect_column_sum_to_be_between": _number("coalesce(fsum({x}), 0)"),
    "expect_column_unique_value_count_to_be_between": _any("count(DISTINCT {x})"),
    "expect_column_proportion_of_unique_values_to_be_between": _any(_UNIQUE_PART),
    "expect_column_proportion_of_non_null_values_to_be_between": _any(_THERE_PART),
    "expect_column_distinct_values_to_be_in_set": _distinct_known,
    "expect_column_distinct_values_to_contain_set": _distinct_contain,
    "expect_column_distinct_values_to_equal_set": _distinct_equal,
    "expect_column_most_common_value_to_be_in_set": _most_common,
    "expect_column_quantile_values_to_be_between": _quantiles,
    "expect_table_row_count_to_be_between": _row_count,
    "expect_table_row_count_to_equal": _row_count,
    "unexpected_rows_expectation": _unexpected_rows,
}
