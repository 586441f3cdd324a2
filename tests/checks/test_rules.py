"""Laws: each rule against a plain reading of it, row by row; Python, SQL and Parquet files tell the same."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import (
    Check,
    ParquetFiles,
    Verdict,
    between,
    evaluate,
    matches,
    monotonic,
    not_null,
    one_of,
    sums_to,
    unique,
)

Values: TypeAlias = list[Any]

NOW = datetime(2024, 1, 1, tzinfo=UTC)
MIDNIGHT = NOW.replace(tzinfo=None)

# Numbers from a small stock, so that they repeat, fall and hit the bounds; multiples of 1/4 so that sums are exact.
floats = st.sampled_from([0.0, -0.0, 0.25, 1.0, -2.5, 1e300, math.inf, -math.inf, math.nan])
quarters = st.integers(-8, 8).map(lambda n: n / 4)
integers = st.integers(-3, 3) | st.sampled_from([2**53 + 1, 2**63 - 1, -(2**63)])
decimals = st.integers(-300, 300).map(lambda n: Decimal(n) / 100)
texts = st.sampled_from(["", "a", "A", "b", "é", "日本", "a'b", 'a"b', "\x00", "a\nb"])
instants = st.integers(-2, 2).map(lambda n: NOW + timedelta(microseconds=n))
dates = st.integers(-2, 2).map(lambda n: date(2024, 1, 1) + timedelta(days=n))

KINDS: dict[str, tuple[st.SearchStrategy[Any], pa.DataType]] = {
    "floats": (floats, pa.float64()),
    "integers": (integers, pa.int64()),
    "decimals": (decimals, pa.decimal128(20, 2)),
    "texts": (texts, pa.string()),
    "instants": (instants, pa.timestamp("us", "UTC")),
    "dates": (dates, pa.date32()),
}


def columns(kind: str) -> st.SearchStrategy[Values]:
    return st.lists(st.none() | KINDS[kind][0], max_size=12)


@st.composite
def two_columns(
    draw: st.DrawFn, first: st.SearchStrategy[Any], second: st.SearchStrategy[Any]
) -> tuple[Values, Values]:
    rows = draw(st.lists(st.tuples(st.none() | first, st.none() | second), max_size=12))
    return [row[0] for row in rows], [row[1] for row in rows]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("laws")


def told(table: pa.Table, declared: Check, folder: Path) -> Verdict:
    """The verdict, which must be the same however the table is read."""
    (verdict,) = all_told(table, [declared], folder)
    assert verdict.error is None
    return verdict


def all_told(table: pa.Table, declared: list[Check], folder: Path) -> tuple[Verdict, ...]:
    path = folder / "table.parquet"
    pq.write_table(table, path)
    by_row, by_sql, by_file = (
        evaluate(data, declared, now=NOW, sample_rows=100, small_rows=small_rows)
        for data, small_rows in ((table, 10**9), (table, -1), (ParquetFiles(paths=(str(path),)), -1))
    )
    assert repr(by_sql) == repr(by_row)
    assert repr(by_file) == repr(by_row)
    return by_row


def rows_of(verdict: Verdict) -> list[Any]:
    assert verdict.failing == len(verdict.sample)
    return [row["#"] for row in verdict.sample]


def is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_not_null(kind: str, folder: Path, data: st.DataObject) -> None:
    values = data.draw(columns(kind))
    verdict = told(pa.table({"a": pa.array(values, KINDS[kind][1])}), not_null("a"), folder)
    assert rows_of(verdict) == [n for n, value in enumerate(values) if value is None or is_nan(value)]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_between(kind: str, folder: Path, data: st.DataObject) -> None:
    values = data.draw(columns(kind))
    low, high = sorted(
        data.draw(st.lists(KINDS[kind][0].filter(lambda x: not is_nan(x)), min_size=2, max_size=2))
    )
    strict_low, strict_high = (
        (data.draw(st.booleans()), data.draw(st.booleans())) if low < high else (False, False)
    )
    low = data.draw(st.sampled_from([low, None]))
    declared = between("a", low, high, strict_low=strict_low, strict_high=strict_high)

    def holds(value: Any) -> bool:
        above = low is None or (value > low if strict_low else value >= low)
        return value is None or (above and (value < high if strict_high else value <= high))

    verdict = told(pa.table({"a": pa.array(values, KINDS[kind][1])}), declared, folder)
    assert rows_of(verdict) == [n for n, value in enumerate(values) if value is not None and not holds(value)]


@given(
    values=st.lists(st.none() | integers, max_size=12),
    bound=st.fractions(-4, 4, max_denominator=8).map(float),
)
def test_integers_between_fractions(folder: Path, values: Values, bound: float) -> None:
    verdict = told(
        pa.table({"a": pa.array(values, pa.int64())}), between("a", bound, None, strict_low=True), folder
    )
    assert rows_of(verdict) == [
        n for n, value in enumerate(values) if value is not None and not value > bound
    ]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), many=st.booleans())
def test_one_of(kind: str, folder: Path, data: st.DataObject, many: bool) -> None:
    values = data.draw(columns(kind))
    strategy = KINDS[kind][0].filter(lambda x: not is_nan(x))
    known = data.draw(st.lists(strategy, min_size=1, max_size=4))
    others: dict[str, Callable[[int], Any]] = {
        "floats": float,
        "integers": int,
        "decimals": Decimal,
        "texts": str,
        "instants": lambda n: NOW + timedelta(days=n),
        "dates": lambda n: date(2024, 1, 1) + timedelta(days=n),
    }
    known += [others[kind](n) for n in range(100, 140)] if many else []
    verdict = told(pa.table({"a": pa.array(values, KINDS[kind][1])}), one_of("a", known), folder)
    assert rows_of(verdict) == [
        n for n, value in enumerate(values) if value is not None and value not in known
    ]


@pytest.mark.parametrize(
    ("first", "second"), [("floats", "texts"), ("integers", "dates"), ("instants", "decimals")]
)
@given(data=st.data())
def test_unique(first: str, second: str, folder: Path, data: st.DataObject) -> None:
    a, b = data.draw(two_columns(KINDS[first][0], KINDS[second][0]))
    if data.draw(st.booleans()):  # sorted tables are proved to be unique in another way
        rows: list[Any] = sorted((row for row in zip(a, b, strict=True) if None not in row), key=repr)
        a, b = [row[0] for row in rows], [row[1] for row in rows]
    table = pa.table({"a": pa.array(a, KINDS[first][1]), "b": pa.array(b, KINDS[second][1])})
    keys = [
        None if None in row else tuple("nan" if is_nan(x) else x for x in row)
        for row in zip(a, b, strict=True)
    ]
    times = Counter(key for key in keys if key is not None)
    verdict = told(table, unique("a", "b"), folder)
    assert sorted(rows_of(verdict)) == [n for n, key in enumerate(keys) if key is not None and times[key] > 1]
    assert verdict.observed == sum(count > 1 for count in times.values())


def falling(values: Sequence[Any], *, strict: bool, decreasing: bool) -> list[int]:
    """The positions of values that break the order, by comparing each with the last that is not null."""
    bad, previous = [], None
    for n, value in enumerate(values):
        if value is None:
            continue
        if is_nan(value):
            bad.append(n)
        elif previous is not None and not is_nan(previous):
            wrong = value > previous if decreasing else value < previous
            bad += [n] if wrong or (strict and value == previous) else []
        previous = value
    return bad


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), strict=st.booleans(), decreasing=st.booleans(), already=st.booleans())
def test_monotonic(
    kind: str, folder: Path, data: st.DataObject, strict: bool, decreasing: bool, already: bool
) -> None:
    values: Any = data.draw(columns(kind))
    if already:
        values = sorted((v for v in values if v is not None and not is_nan(v)), reverse=decreasing)
    table = pa.table({"a": pa.array(values, KINDS[kind][1])})
    verdict = told(table, monotonic("a", strict=strict, decreasing=decreasing), folder)
    assert rows_of(verdict) == falling(values, strict=strict, decreasing=decreasing)


@given(
    both=two_columns(floats | st.integers(0, 5).map(float), texts),
    strict=st.booleans(),
    decreasing=st.booleans(),
    layout=st.sampled_from(["as it is", "by group", "by value"]),
)
def test_monotonic_in_groups(
    folder: Path, both: tuple[Values, Values], strict: bool, decreasing: bool, layout: str
) -> None:
    rows = list(zip(*both, strict=True))
    if layout != "as it is":  # layouts that are proved to be in order in another way
        rows = [row for row in rows if row[0] is not None]
        rows.sort(key=lambda row: (not is_nan(row[0]), 0 if is_nan(row[0]) else row[0]), reverse=decreasing)
    if layout == "by group":
        rows.sort(key=lambda row: row[1] or "")
    groups: dict[Any, list[tuple[int, Any]]] = defaultdict(list)
    for n, (value, group) in enumerate(rows):
        groups[group].append((n, value))
    bad = sorted(
        members[position][0]
        for members in groups.values()
        for position in falling([value for _, value in members], strict=strict, decreasing=decreasing)
    )
    table = pa.table(
        {"a": pa.array([r[0] for r in rows], pa.float64()), "b": pa.array([r[1] for r in rows], pa.string())}
    )
    assert rows_of(told(table, monotonic("a", by="b", strict=strict, decreasing=decreasing), folder)) == bad


@pytest.mark.parametrize(
    ("numbers", "arrow_type"),
    [(quarters, pa.float64()), (integers, pa.int64()), (decimals, pa.decimal128(20, 2))],
    ids=["floats", "integers", "decimals"],
)
@given(data=st.data(), total=st.integers(-3, 3), tolerance=st.sampled_from([0, 1, 0.5]))
def test_sums_to(
    numbers: st.SearchStrategy[Any],
    arrow_type: pa.DataType,
    folder: Path,
    data: st.DataObject,
    total: int,
    tolerance: float,
) -> None:
    values, groups = data.draw(two_columns(numbers, texts))
    table = pa.table({"n": pa.array(values, arrow_type), "g": pa.array(groups, pa.string())})
    sums: dict[Any, Any] = {}
    for value, group in zip(values, groups, strict=True):
        sums[group] = sums.get(group, 0) + (value or 0)
    bad = [group for group, found in sums.items() if abs(found - total) > tolerance]
    verdict = told(table, sums_to("n", total, by="g", tolerance=tolerance), folder)
    assert [row["g"] for row in verdict.sample] == bad
    assert [row["sum(n)"] for row in verdict.sample] == [sums[group] for group in bad]
    whole = told(table, sums_to("n", total, tolerance=tolerance), folder)
    assert whole.passed is (abs(sum(value or 0 for value in values) - total) <= tolerance)
    assert whole.observed == sum(value or 0 for value in values)


@given(
    values=st.lists(st.none() | texts, max_size=12),
    regex=st.sampled_from(["a", "^a", "a$", "a.b", "(?i)a", r"^\w+$", "'"]),
)
def test_regular_expressions_mean_the_same_in_python_and_sql(
    folder: Path, values: Values, regex: str
) -> None:
    told(pa.table({"a": pa.array(values, pa.string())}), matches("a", regex), folder)


@given(values=st.lists(st.none() | floats, max_size=8))
def test_single_precision(folder: Path, values: Values) -> None:
    column = pa.array([None if v is None or abs(v) == 1e300 else v for v in values], pa.float32())
    table = pa.table({"a": column})
    all_told(
        table, [between("a", 0.1, 1e300), one_of("a", [0.25, 0.1]), unique("a"), sums_to("a", 1)], folder
    )


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@given(
    places=st.lists(st.none() | st.integers(-(10**9), 10**9), max_size=8), bound=st.integers(-(10**9), 10**9)
)
def test_units_of_time(unit: str, folder: Path, places: Values, bound: int) -> None:
    nanoseconds = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    limit = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=bound)
    table = pa.table({"a": pa.array(places, pa.int64()).cast(pa.timestamp(unit))})
    verdict = told(table, between("a", limit, None), folder)
    assert rows_of(verdict) == [
        n for n, place in enumerate(places) if place is not None and place * nanoseconds < bound * 1000
    ]
