"""Every translated expectation says of random tables what Great Expectations itself says of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from checks import Check, Verdict, column, evaluate, expect
from checks.columns import CannotJudge
from checks.expectation_rules import _RULES
from checks.great_expectations_bridge import judged_by_great_expectations
from checks.verdict import Finding

pytestmark = pytest.mark.filterwarnings("ignore")
NOW = datetime(2024, 1, 2, tzinfo=UTC)
TEXTS = ["a", "b", "ab", "", " ", "é", "日本", "it's", "A%", "a_b", "12", None]
DAYS = [date(2024, 1, 1) + timedelta(days=day) for day in range(4)]
TIMES = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=7 * hour) for hour in range(4)]


def a_table(chance: random.Random) -> pa.Table:
    """A table of all kinds of columns: empty, with many nulls, with few values or many."""
    rows = chance.choice([0, 1, 2, 7, 40])
    nulls = chance.choice([0, 0.3, 1])

    def some(value: Callable[[], Any]) -> list[Any]:
        return [None if chance.random() < nulls else value() for _ in range(rows)]

    infinite = chance.random() < 0.1
    floats = [0.5, -1.0, 2.25, 3.0, 1e12, -0.0, *([float("inf")] if infinite else [])]
    columns = {
        "n": pa.array(some(lambda: chance.randint(-3, 3)), pa.int64()),
        "m": pa.array(some(lambda: chance.randint(-3, 3)), pa.int64()),
        "f": pa.array(some(lambda: chance.choice(floats)), pa.float64()),
        "g": pa.array(some(lambda: chance.gauss(0, 1)), pa.float64()),
        "s": pa.array(some(lambda: chance.choice(TEXTS)), pa.string()),
        "t": pa.array(some(lambda: chance.choice(TEXTS)), pa.string()),
        "d": pa.array(some(lambda: chance.choice(DAYS)), pa.date32()),
        "at": pa.array(some(lambda: chance.choice(TIMES)), pa.timestamp("us", "UTC")),
        "c": pa.array(some(lambda: Decimal(chance.randint(-300, 300)).scaleb(-2)), pa.decimal128(9, 2)),
    }
    return pa.table(columns)


def the_checks(chance: random.Random) -> list[Check]:
    """All expectations that are translated, with arguments of all kinds."""
    strict = {"strict_min": chance.random() < 0.5, "strict_max": chance.random() < 0.5}
    part = {"mostly": chance.choice([1, 0.9, 0.75, 0.5, 0.3, 0])}
    where: dict[str, Any] = {}
    if chance.random() < 0.3:
        where["row_condition"] = chance.choice(
            [column("m") > 0, column("s") == "a", column("f").is_null(), column("n").is_in([1, 2])]
        )
    rows = part | where
    low, high = sorted(chance.choices([-2, -1, 0, 0.5, 1, 2.25, 3], k=2))
    numbers = [chance.choice(["n", "f", "g", "c"]) for _ in range(4)]
    texts = chance.choice(["s", "t"])
    pairs = chance.choice([("n", "m"), ("f", "g"), ("s", "t")])
    missing = {
        "ignore_row_if": chance.choice(["both_values_are_missing", "either_value_is_missing", "neither"])
    }
    several = {"ignore_row_if": chance.choice(["all_values_are_missing", "any_value_is_missing", "never"])}
    bounds = {"min_value": low, "max_value": high} | (strict if low < high else {})
    x = numbers[0]
    made = [
        expect.column_values_to_not_be_null(x, **rows),
        expect.column_values_to_be_null(x, **rows),
        expect.column_values_to_be_between(x, **bounds, **rows),
        expect.column_values_to_be_between("at", min_value=TIMES[1], **rows),
        expect.column_values_to_be_between("at", max_value=TIMES[2].isoformat(), **rows),
        expect.column_values_to_be_in_set(numbers[1], [0, 1, 2.25], **rows),
        expect.column_values_to_be_in_set(texts, ["a", "it's", "é"], **rows),
        expect.column_values_to_not_be_in_set(numbers[1], [0, 1, 2.25], **rows),
        expect.column_values_to_not_be_in_set(texts, ["a", "it's", "é"], **rows),
        expect.column_values_to_be_unique(chance.choice(["n", "f", "s", "d", "at", "c"]), **rows),
        expect.column_values_to_be_increasing(numbers[2], strictly=chance.random() < 0.5, **rows),
        expect.column_values_to_be_decreasing(numbers[2], strictly=chance.random() < 0.5, **rows),
        expect.column_values_to_be_increasing("at", **rows),
        expect.column_values_to_match_regex(texts, "^[a-c]", **rows),
        expect.column_values_to_not_match_regex(texts, "^[a-c]", **rows),
        expect.column_values_to_match_regex_list(
            texts, ["^a", "b$"], match_on=chance.choice(["any", "all"]), **rows
        ),
        expect.column_values_to_not_match_regex_list(texts, ["^a", "b$"], **rows),
        expect.column_value_lengths_to_be_between(texts, min_value=1, max_value=2, **rows),
        expect.column_value_lengths_to_equal(texts, 2, **rows),
        expect.column_value_z_scores_to_be_less_than(
            "g", chance.choice([0.5, 1, 2]), double_sided=chance.random() < 0.5, **rows
        ),
        expect.column_values_to_not_be_outliers(
            "g", method=chance.choice(["iqr", "std"]), multiplier=chance.choice([0.7, 1.5]), **rows
        ),
        expect.column_pair_values_to_be_equal(*pairs, **missing, **rows),
        expect.column_pair_values_a_to_be_greater_than_b(
            *chance.choice([("n", "m"), ("f", "g")]), or_equal=chance.random() < 0.5, **missing, **rows
        ),
        expect.column_pair_values_to_be_in_set(
            "n", "s", [(0, "a"), (1, None), (None, "b")], **missing, **part
        ),
        expect.compound_columns_to_be_unique(["n", "s"], **several, **rows),
        expect.select_column_values_to_be_unique_within_record(["n", "m"], **several, **rows),
        expect.multicolumn_sum_to_equal(["n", "m"], 0, **several, **rows),
        expect.multicolumn_values_to_be_equal(["n", "m"], **several, **rows),
        expect.column_max_to_be_between(x, **bounds, **where),
        expect.column_min_to_be_between(x, **bounds, **where),
        expect.column_mean_to_be_between(x, **bounds, **where),
        expect.column_median_to_be_between("g", **bounds, **where),
        expect.column_stdev_to_be_between("g", **bounds, **where),
        expect.column_sum_to_be_between(x, **bounds, **where),
        expect.column_unique_value_count_to_be_between(
            chance.choice(["n", "s", "d", "at"]), min_value=1, max_value=3, **where
        ),
        expect.column_proportion_of_unique_values_to_be_between("s", min_value=0.5, **where),
        expect.column_proportion_of_non_null_values_to_be_between("s", min_value=0.5, **strict, **where),
        expect.column_distinct_values_to_be_in_set("s", TEXTS[:6], **where),
        expect.column_distinct_values_to_contain_set("s", ["a", "b"], **where),
        expect.column_distinct_values_to_equal_set("n", [-3, -2, -1, 0, 1, 2, 3], **where),
        expect.column_most_common_value_to_be_in_set("n", [0, 1], ties_okay=chance.random() < 0.5, **where),
        expect.column_quantile_values_to_be_between(
            "g",
            {"quantiles": [0.1, 0.5, 0.9], "value_ranges": [[None, 0], [-0.5, 0.5], [0, None]]},
            allow_relative_error=chance.choice(["nearest", "linear", "lower", "higher", "midpoint"]),
            **where,
        ),
        expect.table_row_count_to_be_between(min_value=1, max_value=10, **where),
        expect.table_row_count_to_equal(7, **where),
        expect.column_to_exist(chance.choice(["n", "no such"]), chance.choice([None, 0, 1])),
        expect.table_column_count_to_be_between(5, 9),
        expect.table_column_count_to_equal(8),
        expect.table_columns_to_match_ordered_list(["n", "m", "f", "g", "s", "t", "d", "at", "c"]),
        expect.table_columns_to_match_set(["n", "m"], exact_match=chance.random() < 0.5),
    ]
    return [_named(one, f"{number} {one.name}") for number, one in enumerate(made)]


def _named(check: Check, name: str) -> Check:
    from dataclasses import replace

    return replace(check, name=name)


def differs(ours: Verdict, theirs: Finding | CannotJudge) -> str:
    """In what two answers differ; empty when they do not."""
    if isinstance(theirs, CannotJudge):
        explained = next((name for name, known in THEY_CANNOT.items() if known(ours, theirs)), None)
        return "" if ours.error or explained else f"they cannot judge it: {theirs}"
    if ours.passed != theirs.passed:
        return f"ours {ours.passed}, theirs {theirs.passed}"
    if theirs.failing is not None and ours.kind not in FIGURES and ours.failing != theirs.failing:
        return f"ours fails for {ours.failing}, theirs for {theirs.failing}"
    if theirs.counted is not None and ours.counted is not None and ours.counted != theirs.counted:
        return f"ours counts {ours.counted}, theirs {theirs.counted}"
    numbers = [row["#"] for row in theirs.sample if row["#"] is not None]
    if numbers and sorted(row["#"] for row in ours.sample) != sorted(numbers):
        return f"ours are the rows {[row['#'] for row in ours.sample]}, theirs {numbers}"
    return ""


THEY_CANNOT: dict[str, Callable[[Verdict, CannotJudge], bool]] = {
    "a decimal with nulls is an object to pandas": lambda ours, theirs: (
        "(c)" in ours.check and ("NoneType" in str(theirs) or "decimal" in str(theirs))
    )
}
"""Where Great Expectations has no answer, and ours is the one that one expects."""
FIGURES = {"expect_column_distinct_values_to_be_in_set", "expect_column_distinct_values_to_equal_set"}


@pytest.mark.faults(small=4, full=300)
def test_it_says_what_great_expectations_says(fault_seed: int) -> None:
    chance = random.Random(fault_seed)
    table, checks = a_table(chance), the_checks(chance)
    ours = evaluate(table, checks, now=NOW, sample_rows=1000, small_rows=chance.choice([0, 2000]))
    theirs = judged_by_great_expectations(table, checks, 1000)
    found = {
        one.check: (told, one, theirs[one.check]) for one in ours if (told := differs(one, theirs[one.check]))
    }
    assert not found, "\n".join(
        f"{name}: {told}\n  {one}\n  {other}" for name, (told, one, other) in found.items()
    )


def test_every_translated_expectation_is_compared() -> None:
    compared = {one.kind for seed in range(20) for one in the_checks(random.Random(seed))}
    only_in_sql = {kind for kind in _RULES if "like_pattern" in kind} | {"unexpected_rows_expectation"}
    assert set(_RULES) - compared == only_in_sql
