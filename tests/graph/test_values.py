"""Live values are told by what they are: the same in every process, and never by an address."""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
import operator
import re
import threading
from collections import OrderedDict, defaultdict, deque
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from graph.modules import Modules
from graph.reach import Reach
from graph.values import Values


class Nothing:
    """The sources of a project without modules."""

    def text(self, module: str) -> None:
        return None


def values() -> Values:
    return Values(Reach(Modules(Nothing())))


def told(value: object) -> str:
    teller = values()
    text = teller.told(value)
    assert not teller.unresolved
    assert not re.search(r"(?<!i)(?<!i-)0x", text)
    return text


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Pair(NamedTuple):
    one: object
    other: object


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: object
    y: object = 0


class Settings(BaseModel):
    name: str = "a"
    key: SecretStr = SecretStr("hush")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, id="the order of a dict"),
        pytest.param({"b", "a", "c"}, {"c", "a", "b"}, id="the order of a set"),
        pytest.param(frozenset("abc"), frozenset("cba"), id="the order of a frozenset"),
        pytest.param({(1, "a"): {2}}, {(1, "a"): {2}}, id="equal values in different places"),
        pytest.param(MappingProxyType({"a": 1}), {"a": 1}, id="a view of a dict"),
        pytest.param(Path("a") / "b", Path("a/b"), id="ways of writing a path"),
        pytest.param(Settings(), Settings(name="a"), id="a field left out and one given its default"),
        pytest.param(Settings(), Settings(key="other"), id="secrets"),
        pytest.param(object(), object(), id="objects without a state"),
        pytest.param(re.compile("a"), re.compile("a"), id="patterns"),
        pytest.param(math.nan, float("nan"), id="numbers that are not"),
    ],
)
def test_what_means_the_same_is_told_the_same(one: object, other: object) -> None:
    assert told(one) == told(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(1, 1.0, id="an integer and a float"),
        pytest.param(1, True, id="an integer and a boolean"),
        pytest.param(0.0, -0.0, id="the two zeros"),
        pytest.param("1", 1, id="a text and a number"),
        pytest.param("a", b"a", id="a text and bytes"),
        pytest.param("None", None, id="a text that reads like a constant"),
        pytest.param(["a, b"], ["a", "b"], id="a text that reads like two"),
        pytest.param([1, 2], [2, 1], id="the order of a list"),
        pytest.param([1], (1,), id="a list and a tuple"),
        pytest.param({1}, frozenset({1}), id="a set and a frozenset"),
        pytest.param([[1], 2], [[1, 2]], id="what is nested"),
        pytest.param({"a": "b"}, {"b": "a"}, id="key and value"),
        pytest.param(OrderedDict(a=1, b=2), OrderedDict(a=1, b=3), id="an ordered dict"),
        pytest.param(defaultdict(int, a=1), defaultdict(list, a=1), id="a defaultdict's default"),
        pytest.param(deque([1], maxlen=2), deque([1], maxlen=3), id="the bounds of a deque"),
        pytest.param(10**5000, 10**5000 + 1, id="numbers of five thousand digits"),
        pytest.param(Decimal("1.0"), Decimal("1.00"), id="decimals of different precision"),
        pytest.param(Decimal(1), 1, id="a decimal and an integer"),
        pytest.param(date(2024, 1, 2), datetime(2024, 1, 2, tzinfo=UTC), id="a day and a moment"),
        pytest.param(
            datetime(2024, 1, 2, tzinfo=UTC),
            datetime(2024, 1, 2, tzinfo=ZoneInfo("Asia/Tokyo")),
            id="time zones",
        ),
        pytest.param(
            time(1, 2), time(1, 2, tzinfo=timezone(timedelta(hours=1))), id="a time with and without zone"
        ),
        pytest.param(timedelta(days=1), timedelta(days=1, microseconds=1), id="spans of time"),
        pytest.param(Path("a"), "a", id="a path and a text"),
        pytest.param(Colour.RED, Colour.BLUE, id="members of an enum"),
        pytest.param(Pair(1, 2), Pair(1, 3), id="named tuples"),
        pytest.param(Pair(1, 2), (1, 2), id="a named tuple and a tuple"),
        pytest.param(Point(1), Point(2), id="dataclasses with slots"),
        pytest.param(Point([1]), Point((1,)), id="what a dataclass holds"),
        pytest.param(Settings(), Settings(name="b"), id="pydantic models"),
        pytest.param(re.compile("a"), re.compile("a", re.IGNORECASE), id="the flags of a pattern"),
        pytest.param(range(3), range(4), id="ranges"),
        pytest.param(slice(1), slice(2), id="slices"),
        pytest.param(len, max, id="built-in functions"),
        pytest.param([1].append, [2].append, id="what a built-in method belongs to"),
        pytest.param(str.upper, str.lower, id="methods of built-in classes"),
        pytest.param(operator.itemgetter("a"), operator.itemgetter("b"), id="getters"),
        pytest.param(functools.partial(max, 1), functools.partial(max, 2), id="partials"),
        pytest.param(math, re, id="modules"),
        pytest.param(int, float, id="classes"),
        pytest.param(list[int], list[str], id="generic classes"),
        pytest.param(np.array([1, 2]), np.array([1, 3]), id="arrays"),
        pytest.param(np.array([1]), np.array([1.0]), id="arrays of different type"),
        pytest.param(np.float64(1), 1.0, id="a numpy number"),
        pytest.param(np.log, np.exp, id="numpy functions"),
        pytest.param(pa.schema({"a": pa.int64()}), pa.schema({"a": pa.int32()}), id="schemas"),
    ],
)
def test_what_means_something_else_is_told_differently(one: object, other: object) -> None:
    assert told(one) != told(other)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def exact(value: object) -> object:
    """A value that equals another only if the types are equal as well."""
    match value:
        case list() | tuple():
            return type(value), [exact(each) for each in value]
        case dict():
            return dict, {key: exact(each) for key, each in value.items()}
    return type(value), repr(value)


@given(PLAIN, PLAIN)
def test_plain_values_are_told_the_same_exactly_if_they_are_equal(one: object, other: object) -> None:
    assert (told(one) == told(other)) is (exact(one) == exact(other))


def holding_itself() -> list[Any]:
    value: list[Any] = [1]
    value.append(value)
    return value


def test_a_value_that_holds_itself_is_told() -> None:
    assert told(holding_itself()) == told(holding_itself()) == "list[i0x1, ^1]"


@pytest.mark.parametrize(
    ("value", "line"),
    [
        pytest.param(threading.Lock(), "a _thread.lock cannot be digested", id="a lock"),
        pytest.param([threading.Lock()], "a _thread.lock cannot be digested", id="inside something"),
        pytest.param((n for n in ()), "a builtins.generator cannot be digested", id="a generator"),
        pytest.param(
            functools.reduce(lambda inner, _: [inner], range(99), 0),
            "values too deep or too many to digest",
            id="too deep",
        ),
        pytest.param([[]] * 200_000, "values too deep or too many to digest", id="too many"),
    ],
)
def test_what_cannot_be_told_is_said(value: object, line: str) -> None:
    teller = values()

    assert not re.search(r"(?<!i)(?<!i-)0x", teller.told(value))
    assert teller.unresolved == {line}
