"""The constructors: names, sentences, and declarations that are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum

import pytest

from checks import (
    Check,
    InvalidCheck,
    between,
    check,
    expression,
    matches,
    monotonic,
    no_future_timestamps,
    not_null,
    one_of,
    row_count,
    schema,
    sums_to,
    unique,
)


class Side(str, Enum):  # noqa: UP042  # the older kind, whose text is not its value
    """An enumeration of texts, as one has them in a model."""

    BUY = "buy"
    SELL = "sell"


def full(table: object) -> bool:
    """The portfolio is fully invested."""
    return bool(table)


def silent(table: object) -> bool:
    return bool(table)


@pytest.mark.parametrize(
    ("declared", "name", "sentence"),
    [
        (not_null("symbol"), "not_null(symbol)", "symbol is never null"),
        (not_null("a", "b", "c"), "not_null(a, b, c)", "a, b and c are never null"),
        (unique("symbol", "session"), "unique(symbol, session)", "symbol and session together are unique"),
        (between("close", 0, None), "between(close)", "close is at least 0"),
        (
            between("x", 0, 1, strict_low=True, strict_high=True),
            "between(x)",
            "x is more than 0 and less than 1",
        ),
        (between("day", date(2020, 1, 1), None), "between(day)", "day is at least 2020-01-01"),
        (one_of("side", ["sell", "buy"]), "one_of(side)", "side is one of 'buy' or 'sell'"),
        (matches("symbol", "^[A-Z]+$"), "matches(symbol)", "symbol contains a match of /^[A-Z]+$/"),
        (row_count(1, 9), "row_count", "the number of rows is at least 1 and at most 9"),
        (schema({"a": "int64"}), "schema", "the columns are exactly a int64"),
        (schema({"a": "int64"}, exact=False), "schema", "the columns are at least a int64"),
        (no_future_timestamps("at"), "no_future_timestamps(at)", "at is not in the future"),
        (
            no_future_timestamps("at", timedelta(hours=1)),
            "no_future_timestamps(at)",
            "at is not in the future by more than 1:00:00",
        ),
        (
            sums_to("weight", 1, by="session"),
            "sums_to(weight by session)",
            "weight sums to 1 for each session, give or take 1e-09",
        ),
        (monotonic("at"), "monotonic(at)", "at never decreases from row to row"),
        (
            monotonic("at", by=["symbol"], strict=True, decreasing=True),
            "monotonic(at by symbol)",
            "at never increases or repeats from row to row within each symbol",
        ),
        (expression("high >= low"), "expression(high >= low)", "every row holds high >= low"),
        (check(full), "full", "The portfolio is fully invested"),
        (check(silent), "silent", "silent holds"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_check_is_named_and_described_by_what_it_promises(
    declared: Check, name: str, sentence: str
) -> None:
    assert (declared.name, declared.describe()) == (name, sentence)
    assert declared.severity == "error"


def test_two_between_on_different_columns_have_different_names() -> None:
    assert between("open", 0, None).name != between("close", 0, None).name


def test_name_and_severity_can_be_given() -> None:
    declared = unique("id", name="one line per order", severity="warn")
    assert (declared.name, declared.severity) == ("one line per order", "warn")


def test_check_is_a_decorator_too() -> None:
    @check(name="named", severity="warn")
    def holds(value: dict[str, int]) -> bool:
        return bool(value)

    assert (holds.name, holds.severity, holds.kind) == ("named", "warn", "check")
    assert holds.function is not None
    assert holds.function({"a": 1})


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        pytest.param(not_null, "names no column", id="no column"),
        pytest.param(unique, "names no column", id="no key"),
        pytest.param(lambda: unique("a", "a"), "twice", id="a column twice"),
        pytest.param(lambda: sums_to("a", 1, by="a"), "twice", id="summed by itself"),
        pytest.param(lambda: not_null(3), "column 3", id="a column that is no text"),
        pytest.param(lambda: not_null("a", severity="wran"), "Did you mean 'warn'?", id="unknown severity"),
        pytest.param(lambda: not_null("a", name=" "), "name ' '", id="empty name"),
        pytest.param(lambda: between("a", 2, 1), "lets nothing pass", id="low above high"),
        pytest.param(lambda: between("a", 1, 1, strict_low=True), "lets nothing pass", id="nothing between"),
        pytest.param(lambda: between("a", None, None), "no bound", id="no bound"),
        pytest.param(lambda: between("a", 0, "z"), "two kinds", id="a number and a text"),
        pytest.param(lambda: between("a", float("nan"), None), "bound nan", id="NaN as bound"),
        pytest.param(lambda: between("a", True, None), "bound True", id="a boolean as bound"),
        pytest.param(lambda: between("a", [1], None), "bound", id="a list as bound"),
        pytest.param(
            lambda: between("a", date(2020, 1, 2), datetime(2020, 1, 1, tzinfo=UTC)),
            "nothing",
            id="days and moments",
        ),
        pytest.param(lambda: one_of("a", []), "at least one", id="no values"),
        pytest.param(lambda: one_of("a", "abc"), "list", id="a text instead of a list"),
        pytest.param(lambda: one_of("a", [1, "x"]), "one kind", id="values of two kinds"),
        pytest.param(lambda: one_of("a", ["x", None]), "one kind", id="None as a value"),
        pytest.param(lambda: matches("a", "(", name="b"), "invalid regular expression", id="invalid regex"),
        pytest.param(lambda: matches("a", ""), "regular expression ''", id="empty regex"),
        pytest.param(lambda: matches("a", "(?<=x)y"), "RE2", id="look-around"),
        pytest.param(lambda: matches("a", r"(x)\1"), "RE2", id="a reference back"),
        pytest.param(row_count, "no bound", id="row_count without bounds"),
        pytest.param(lambda: row_count(-1), "bound -1", id="a negative count"),
        pytest.param(lambda: row_count(2, 1), "lets nothing pass", id="minimum above maximum"),
        pytest.param(lambda: schema({}), "names no column", id="empty schema"),
        pytest.param(
            lambda: schema({"a": "strng"}), "Did you mean 'string'?", id="a type that Arrow has not"
        ),
        pytest.param(lambda: no_future_timestamps("a", timedelta(-1)), "tolerance", id="negative duration"),
        pytest.param(lambda: sums_to("a", float("inf")), "finite", id="an infinite total"),
        pytest.param(lambda: sums_to("a", 1, tolerance=-1), "negative", id="negative tolerance"),
        pytest.param(lambda: expression("  "), "give it SQL", id="empty expression"),
        pytest.param(lambda: check(lambda value: True, name=""), "name ''", id="a function without a name"),
        pytest.param(lambda: check(lambda: True, name="f"), "takes no value", id="a function of nothing"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(declare: Callable[[], Check], said: str) -> None:
    with pytest.raises(InvalidCheck, match=re.escape(said)):
        declare()


def test_a_coroutine_is_no_check() -> None:
    async def late(value: object) -> bool:
        return bool(value)

    with pytest.raises(InvalidCheck, match="ordinary function"):
        check(late)


def test_values_are_a_set_whose_order_does_not_count() -> None:
    assert one_of("a", ["x", "y", "x"]) == one_of("a", {"y", "x"}) == one_of("a", ("y", "x"))


def test_members_of_an_enumeration_are_their_values() -> None:
    assert one_of("side", Side)["values"] == ("buy", "sell")


@pytest.mark.parametrize(
    "bound", [1, 1.5, Decimal("1.5"), "a", date(2020, 1, 1), time(9), timedelta(1)], ids=repr
)
def test_bounds_may_be_of_every_ordered_kind(bound: object) -> None:
    assert between("a", bound, None)["low"] == bound
