"""Expectations: Great Expectations' words for promises, each with its arguments as there.

>>> from checks import expect
>>> expect.column_values_to_be_between("close", min_value=0, mostly=0.95).describe()
'close: column values to be between (min_value 0), in at least 0.95 of the cases'

All take ``name=`` and ``severity=``; those about rows and figures ``row_condition=`` (SQL, or `checks.column`), which
rows are looked at; those about rows ``mostly=``, the part of them that has to be good.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, Unpack

from checks.custom_expectation import custom as _custom
from checks.declaration import Check
from checks.expectation import (
    BoundedFigures,
    BoundedRows,
    FigureOptions,
    IgnoredPairs,
    IgnoredRows,
    Options,
    RowOptions,
)
from checks.expectation import as_regex as _regex
from checks.expectation import as_values as _values
from checks.expectation import expectation as _expect
from checks.vocabulary import Number

custom = _custom
"""An expectation of one's own."""


def column_values_to_not_be_null(column: str, **options: Unpack[RowOptions]) -> Check:
    """No value is missing."""
    return _expect("expect_column_values_to_not_be_null", (column,), {}, options)


def column_values_to_be_null(column: str, **options: Unpack[RowOptions]) -> Check:
    """Every value is missing."""
    return _expect("expect_column_values_to_be_null", (column,), {}, options)


def column_values_to_be_between(column: str, **options: Unpack[BoundedRows]) -> Check:
    """Each value lies between two bounds, of which one may be left out."""
    return _expect("expect_column_values_to_be_between", (column,), {}, options)


def column_values_to_be_in_set(
    column: str, value_set: Collection[Any], **options: Unpack[RowOptions]
) -> Check:
    """Each value is one of these."""
    return _expect("expect_column_values_to_be_in_set", (column,), {"value_set": _values(value_set)}, options)


def column_values_to_not_be_in_set(
    column: str, value_set: Collection[Any], **options: Unpack[RowOptions]
) -> Check:
    """No value is one of these."""
    return _expect(
        "expect_column_values_to_not_be_in_set", (column,), {"value_set": _values(value_set)}, options
    )


def column_values_to_be_unique(column: str, **options: Unpack[RowOptions]) -> Check:
    """No two values are equal; all that are count as failing."""
    return _expect("expect_column_values_to_be_unique", (column,), {}, options)


def column_values_to_be_increasing(
    column: str, *, strictly: bool = False, **options: Unpack[RowOptions]
) -> Check:
    """No value is smaller than the one before it (strictly: nor equal), in the order of the rows."""
    return _expect("expect_column_values_to_be_increasing", (column,), {"strictly": strictly}, options)


def column_values_to_be_decreasing(
    column: str, *, strictly: bool = False, **options: Unpack[RowOptions]
) -> Check:
    """No value is larger than the one before it (strictly: nor equal), in the order of the rows."""
    return _expect("expect_column_values_to_be_decreasing", (column,), {"strictly": strictly}, options)


def column_values_to_be_of_type(column: str, type_: str, **options: Unpack[RowOptions]) -> Check:
    """The column's type has this name: Arrow's, that of pandas, or Python's."""
    return _expect("expect_column_values_to_be_of_type", (column,), {"type_": type_}, options)


def column_values_to_be_in_type_list(
    column: str, type_list: Sequence[str], **options: Unpack[RowOptions]
) -> Check:
    """The column's type has one of these names."""
    return _expect(
        "expect_column_values_to_be_in_type_list", (column,), {"type_list": tuple(type_list)}, options
    )


def column_values_to_match_regex(column: str, regex: str, **options: Unpack[RowOptions]) -> Check:
    """A regular expression is found in each text."""
    return _expect("expect_column_values_to_match_regex", (column,), {"regex": _regex(regex)}, options)


def column_values_to_not_match_regex(column: str, regex: str, **options: Unpack[RowOptions]) -> Check:
    """A regular expression is found in no text."""
    return _expect("expect_column_values_to_not_match_regex", (column,), {"regex": _regex(regex)}, options)


def column_values_to_match_regex_list(
    column: str,
    regex_list: Sequence[str],
    *,
    match_on: Literal["any", "all"] = "any",
    **options: Unpack[RowOptions],
) -> Check:
    """Any (or all) of some regular expressions are found in each text."""
    return _expect(
        "expect_column_values_to_match_regex_list",
        (column,),
        {"regex_list": tuple(map(_regex, regex_list)), "match_on": match_on},
        options,
    )


def column_values_to_not_match_regex_list(
    column: str, regex_list: Sequence[str], **options: Unpack[RowOptions]
) -> Check:
    """None of some regular expressions is found in any text."""
    return _expect(
        "expect_column_values_to_not_match_regex_list",
        (column,),
        {"regex_list": tuple(map(_regex, regex_list))},
        options,
    )


def column_values_to_match_like_pattern(
    column: str, like_pattern: str, *, escape: str | None = None, **options: Unpack[RowOptions]
) -> Check:
    """Each text is as an SQL pattern says: ``%`` is anything, ``_`` one character."""
    return _expect(
        "expect_column_values_to_match_like_pattern",
        (column,),
        {"like_pattern": like_pattern, "escape": escape},
        options,
    )


def column_values_to_not_match_like_pattern(
    column: str, like_pattern: str, *, escape: str | None = None, **options: Unpack[RowOptions]
) -> Check:
    """No text is as an SQL pattern says."""
    return _expect(
        "expect_column_values_to_not_match_like_pattern",
        (column,),
        {"like_pattern": like_pattern, "escape": escape},
        options,
    )


def column_values_to_match_like_pattern_list(
    column: str,
    like_pattern_list: Sequence[str],
    *,
    match_on: Literal["any", "all"] = "any",
    escape: str | None = None,
    **options: Unpack[RowOptions],
) -> Check:
    """Each text is as any (or all) of some SQL patterns say."""
    return _expect(
        "expect_column_values_to_match_like_pattern_list",
        (column,),
        {"like_pattern_list": tuple(like_pattern_list), "match_on": match_on, "escape": escape},
        options,
    )


def column_values_to_not_match_like_pattern_list(
    column: str, like_pattern_list: Sequence[str], *, escape: str | None = None, **options: Unpack[RowOptions]
) -> Check:
    """No text is as any of some SQL patterns says."""
    return _expect(
        "expect_column_values_to_not_match_like_pattern_list",
        (column,),
        {"like_pattern_list": tuple(like_pattern_list), "escape": escape},
        options,
    )


def column_values_to_match_strftime_format(
    column: str, strftime_format: str, **options: Unpack[RowOptions]
) -> Check:
    """Each text is a time in this format of ``strptime``."""
    return _expect(
        "expect_column_values_to_match_strftime_format",
        (column,),
        {"strftime_format": strftime_format},
        options,
    )


def column_values_to_be_dateutil_parseable(column: str, **options: Unpack[RowOptions]) -> Check:
    """Each text is a time that dateutil reads."""
    return _expect("expect_column_values_to_be_dateutil_parseable", (column,), {}, options)


def column_values_to_be_json_parseable(column: str, **options: Unpack[RowOptions]) -> Check:
    """Each text is JSON."""
    return _expect("expect_column_values_to_be_json_parseable", (column,), {}, options)


def column_values_to_match_json_schema(
    column: str, json_schema: Mapping[str, Any], **options: Unpack[RowOptions]
) -> Check:
    """Each text is JSON of this schema."""
    return _expect(
        "expect_column_values_to_match_json_schema", (column,), {"json_schema": json_schema}, options
    )


def column_value_lengths_to_be_between(column: str, **options: Unpack[BoundedRows]) -> Check:
    """Each text has a number of characters between two bounds."""
    return _expect("expect_column_value_lengths_to_be_between", (column,), {}, options)


def column_value_lengths_to_equal(column: str, value: int, **options: Unpack[RowOptions]) -> Check:
    """Each text has so many characters."""
    return _expect("expect_column_value_lengths_to_equal", (column,), {"value": value}, options)


def column_value_z_scores_to_be_less_than(
    column: str, threshold: float, *, double_sided: bool = True, **options: Unpack[RowOptions]
) -> Check:
    """Each value is fewer sample standard deviations away from the mean than a threshold."""
    return _expect(
        "expect_column_value_z_scores_to_be_less_than",
        (column,),
        {"threshold": threshold, "double_sided": double_sided},
        options,
    )


def column_values_to_not_be_outliers(
    column: str,
    *,
    method: Literal["iqr", "std"] = "iqr",
    multiplier: float = 1.5,
    **options: Unpack[RowOptions],
) -> Check:
    """Each value lies within Tukey's fences, or within so many standard deviations of the mean."""
    return _expect(
        "expect_column_values_to_not_be_outliers",
        (column,),
        {"method": method, "multiplier": multiplier},
        options,
    )


def column_pair_values_to_be_equal(
    column_A: str,
    column_B: str,
    *,
    ignore_row_if: IgnoredPairs = "both_values_are_missing",
    **options: Unpack[RowOptions],
) -> Check:
    """The values of two columns are equal in each row."""
    return _expect(
        "expect_column_pair_values_to_be_equal",
        (column_A, column_B),
        {"ignore_row_if": ignore_row_if},
        options,
    )


def column_pair_values_a_to_be_greater_than_b(
    column_A: str,
    column_B: str,
    *,
    or_equal: bool = False,
    ignore_row_if: IgnoredPairs = "both_values_are_missing",
    **options: Unpack[RowOptions],
) -> Check:
    """The value of the first column is larger than that of the second, in each row."""
    return _expect(
        "expect_column_pair_values_a_to_be_greater_than_b",
        (column_A, column_B),
        {"or_equal": or_equal, "ignore_row_if": ignore_row_if},
        options,
    )


def column_pair_values_to_be_in_set(
    column_A: str,
    column_B: str,
    value_pairs_set: Collection[tuple[Any, Any]],
    *,
    ignore_row_if: IgnoredPairs = "both_values_are_missing",
    **options: Unpack[RowOptions],
) -> Check:
    """The values of two columns are one of some pairs, in each row."""
    return _expect(
        "expect_column_pair_values_to_be_in_set",
        (column_A, column_B),
        {"value_pairs_set": tuple(map(tuple, value_pairs_set)), "ignore_row_if": ignore_row_if},
        options,
    )


def compound_columns_to_be_unique(
    column_list: Sequence[str],
    *,
    ignore_row_if: IgnoredRows = "all_values_are_missing",
    **options: Unpack[RowOptions],
) -> Check:
    """No two rows are equal in all of some columns; a null equals a null."""
    return _expect(
        "expect_compound_columns_to_be_unique", tuple(column_list), {"ignore_row_if": ignore_row_if}, options
    )


def select_column_values_to_be_unique_within_record(
    column_list: Sequence[str],
    *,
    ignore_row_if: IgnoredRows = "all_values_are_missing",
    **options: Unpack[RowOptions],
) -> Check:
    """No two of some columns have the same value, in each row."""
    return _expect(
        "expect_select_column_values_to_be_unique_within_record",
        tuple(column_list),
        {"ignore_row_if": ignore_row_if},
        options,
    )


def multicolumn_sum_to_equal(
    column_list: Sequence[str],
    sum_total: Number,
    *,
    ignore_row_if: IgnoredRows = "all_values_are_missing",
    **options: Unpack[RowOptions],
) -> Check:
    """Some columns add up to a total, in each row."""
    return _expect(
        "expect_multicolumn_sum_to_equal",
        tuple(column_list),
        {"sum_total": sum_total, "ignore_row_if": ignore_row_if},
        options,
    )


def multicolumn_values_to_be_equal(
    column_list: Sequence[str],
    *,
    ignore_row_if: IgnoredRows = "all_values_are_missing",
    **options: Unpack[RowOptions],
) -> Check:
    """Some columns have the same value, in each row; a null equals a null."""
    return _expect(
        "expect_multicolumn_values_to_be_equal", tuple(column_list), {"ignore_row_if": ignore_row_if}, options
    )


def column_max_to_be_between(column: str, **options: Unpack[BoundedFigures]) -> Check:
    """The largest value lies between two bounds."""
    return _expect("expect_column_max_to_be_between", (column,), {}, options)


def column_min_to_be_between(column: str, **options: Unpack[BoundedFigures]) -> Check:
    """The smallest value lies between two bounds."""
    return _expect("expect_column_min_to_be_between", (column,), {}, options)


def column_mean_to_be_between(column: str, **options: Unpack[BoundedFigures]) -> Check:
    """The mean lies between two bounds."""
    return _expect("expect_column_mean_to_be_between", (column,), {}, options)


def column_median_to_be_between(column: str, **options: Unpack[BoundedFigures]) -> Check:
    """The median lies between two bounds."""
    return _expect("expect_column_median_to_be_between", (column,), {}, options)


def column_stdev_to_be_between(column: str, **options: Unpack[BoundedFigures]) -> Check:
    """The sample standard deviation lies between two bounds."""
    return _expect("expect_column_stdev_to_be_between", (column,), {}, options)


def column_sum_to_be_between(column: str, **options: Unpack[BoundedFigures]) -> Check:
    """The sum lies between two bounds."""
    return _expect("expect_column_sum_to_be_between", (column,), {}, options)


def column_unique_value_count_to_be_between(column: str, **options: Unpack[BoundedFigures]) -> Check:
    """The number of different values lies between two bounds."""
    return _expect("expect_column_unique_value_count_to_be_between", (column,), {}, options)


def column_proportion_of_unique_values_to_be_between(column: str, **options: Unpack[BoundedFigures]) -> Check:
    """Different values by values that are there, a part of one, lies between two bounds."""
    return _expect("expect_column_proportion_of_unique_values_to_be_between", (column,), {}, options)


def column_proportion_of_non_null_values_to_be_between(
    column: str, **options: Unpack[BoundedFigures]
) -> Check:
    """Values that are there by rows, a part of one, lies between two bounds."""
    return _expect("expect_column_proportion_of_non_null_values_to_be_between", (column,), {}, options)


def column_distinct_values_to_be_in_set(
    column: str, value_set: Collection[Any], **options: Unpack[FigureOptions]
) -> Check:
    """No value is there that is not one of these."""
    return _expect(
        "expect_column_distinct_values_to_be_in_set", (column,), {"value_set": _values(value_set)}, options
    )


def column_distinct_values_to_contain_set(
    column: str, value_set: Collection[Any], **options: Unpack[FigureOptions]
) -> Check:
    """All of these values are there."""
    return _expect(
        "expect_column_distinct_values_to_contain_set", (column,), {"value_set": _values(value_set)}, options
    )


def column_distinct_values_to_equal_set(
    column: str, value_set: Collection[Any], **options: Unpack[FigureOptions]
) -> Check:
    """All of these values are there, and no others."""
    return _expect(
        "expect_column_distinct_values_to_equal_set", (column,), {"value_set": _values(value_set)}, options
    )


def column_most_common_value_to_be_in_set(
    column: str, value_set: Collection[Any], *, ties_okay: bool = False, **options: Unpack[FigureOptions]
) -> Check:
    """The most common value is one of these; of several as common, one may be enough."""
    return _expect(
        "expect_column_most_common_value_to_be_in_set",
        (column,),
        {"value_set": _values(value_set), "ties_okay": ties_okay},
        options,
    )


def column_quantile_values_to_be_between(
    column: str,
    quantile_ranges: Mapping[str, Any],
    *,
    allow_relative_error: str | bool = False,
    **options: Unpack[FigureOptions],
) -> Check:
    """Each quantile lies in its range: ``{"quantiles": [0.5], "value_ranges": [[0, 1]]}``, None for no bound."""
    return _expect(
        "expect_column_quantile_values_to_be_between",
        (column,),
        {"quantile_ranges": quantile_ranges, "allow_relative_error": allow_relative_error},
        options,
    )


def column_kl_divergence_to_be_less_than(
    column: str, partition_object: Mapping[str, Any], threshold: float, **options: Unpack[FigureOptions]
) -> Check:
    """The Kullback-Leibler divergence from a distribution is below a threshold."""
    return _expect(
        "expect_column_kl_divergence_to_be_less_than",
        (column,),
        {"partition_object": partition_object, "threshold": threshold},
        options,
    )


def column_to_exist(column: str, column_index: int | None = None, **options: Unpack[Options]) -> Check:
    """There is a column of this name, and at this place."""
    return _expect("expect_column_to_exist", (column,), {"column_index": column_index}, options)


def column_type_to_be(column: str, type_: str, **options: Unpack[Options]) -> Check:
    """The column's type has this name: Arrow's, that of pandas, or Python's."""
    return _expect("expect_column_type_to_be", (column,), {"type_": type_}, options)


def table_column_count_to_be_between(
    min_value: int | None = None, max_value: int | None = None, **options: Unpack[Options]
) -> Check:
    """The number of columns lies between two bounds, both included."""
    return _expect(
        "expect_table_column_count_to_be_between",
        (),
        {"min_value": min_value, "max_value": max_value},
        options,
    )


def table_column_count_to_equal(value: int, **options: Unpack[Options]) -> Check:
    """There are so many columns."""
    return _expect("expect_table_column_count_to_equal", (), {"value": value}, options)


def table_columns_to_match_ordered_list(column_list: Sequence[str], **options: Unpack[Options]) -> Check:
    """The columns are these, in this order."""
    return _expect(
        "expect_table_columns_to_match_ordered_list", (), {"column_list": tuple(column_list)}, options
    )


def table_columns_to_match_set(
    column_set: Collection[str], *, exact_match: bool = True, **options: Unpack[Options]
) -> Check:
    """The columns are these, in any order; or these and others."""
    return _expect(
        "expect_table_columns_to_match_set",
        (),
        {"column_set": _values(column_set), "exact_match": exact_match},
        options,
    )


def table_row_count_to_be_between(**options: Unpack[BoundedFigures]) -> Check:
    """The number of rows lies between two bounds."""
    return _expect("expect_table_row_count_to_be_between", (), {}, options)


def table_row_count_to_equal(value: int, **options: Unpack[FigureOptions]) -> Check:
    """There are so many rows."""
    return _expect("expect_table_row_count_to_equal", (), {"value": value}, options)


def unexpected_rows(unexpected_rows_query: str, **options: Unpack[FigureOptions]) -> Check:
    """A query finds no row; ``{batch}`` in it is the table."""
    return _expect(
        "unexpected_rows_expectation", (), {"unexpected_rows_query": unexpected_rows_query}, options
    )
