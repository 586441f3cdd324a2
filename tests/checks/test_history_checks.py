"""The project's own checks against an asset's history: what is usual, what is not, and what is said before that."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks import (
    Beside,
    Check,
    Earlier,
    InvalidCheck,
    ParquetFiles,
    Verdict,
    evaluate,
    not_fewer_rows,
    same_schema,
    same_size,
    usual,
    usual_distribution,
    usual_row_count,
)
from checks.plain_values import Plain

Judge: TypeAlias = Callable[..., Verdict]

NOW = datetime(2024, 5, 17, 12, tzinfo=UTC)  # a Friday
DAY = timedelta(days=1)
NAN = math.nan
AROUND_TEN = [9.0, 10.0, 11.0, 10.5, 9.5, 10.0, 9.8, 10.2, 9.9, 10.1, 10.4, 9.6, 10.3, 9.7]
FOURTEEN_TENS = [10.0] * 14


def beside(observed: Sequence[Plain], at: datetime = NOW) -> Beside:
    """So many values were observed before, a day each."""
    first = at - len(observed) * DAY
    seen = [Earlier(at=first + n * DAY, observed=one) for n, one in enumerate(observed)]
    return Beside(at=at, earlier=lambda check: seen)


@pytest.fixture(params=["python", "sql", "parquet"])
def judge(request: pytest.FixtureRequest, tmp_path: Path) -> Judge:
    """Judges one check on a column ``x``, given what it observed before, in one of the three ways."""

    def judged(x: Any, declared: Check, observed: Sequence[Plain] = ()) -> Verdict:
        data: Any = pa.table({"x": x})
        if request.param == "parquet":
            path = tmp_path / "data.parquet"
            pq.write_table(data, path)
            data = ParquetFiles(paths=(str(path),))
        small_rows = 10**9 if request.param == "python" else -1
        (verdict,) = evaluate(data, [declared], now=NOW, beside=beside(observed), small_rows=small_rows)
        return verdict

    return judged


@pytest.mark.parametrize(
    ("x", "figure", "observed"),
    [
        pytest.param([1.0, None, 3.0], "mean", 2.0, id="mean"),
        pytest.param([1, 2, 9], "median", 2.0, id="median"),
        pytest.param([1.0, 3.0], "std", math.sqrt(2), id="standard deviation"),
        pytest.param([1.0, None, NAN, 3.0], "null_share", 0.5, id="a NaN is a null"),
        pytest.param(["a", None], "null_share", 0.5, id="nulls among texts"),
        pytest.param(pa.array([], pa.string()), "null_share", 0.0, id="nulls among nothing"),
        pytest.param(["a", "b", "a", None], "distinct", 2, id="distinct texts"),
        pytest.param([3, 1, None], "min", 1.0, id="smallest"),
        pytest.param([3, 1, None], "max", 3.0, id="largest"),
        pytest.param([3, 1, None], "sum", 4.0, id="sum"),
        pytest.param(pa.nulls(1), "sum", 0.0, id="sum of nothing"),
        pytest.param(pa.array([], pa.float64()), "mean", None, id="mean of nothing"),
    ],
)
def test_figures_are_observed(judge: Judge, x: Any, figure: Any, observed: object) -> None:
    verdict = judge(x, usual("x", figure))
    assert verdict.error is None
    assert verdict.observed == observed
    assert verdict.passed


@pytest.mark.parametrize(
    ("x", "declared", "before", "passed"),
    [
        pytest.param([10.5], usual("x", "mean"), AROUND_TEN, True, id="near the others"),
        pytest.param([20.0], usual("x", "mean"), AROUND_TEN, False, id="far above"),
        pytest.param([0.0], usual("x", "mean"), AROUND_TEN, False, id="far below"),
        pytest.param([0.0], usual("x", "mean", side="high"), AROUND_TEN, True, id="below, and nobody asked"),
        pytest.param([20.0], usual("x", "mean", side="high"), AROUND_TEN, False, id="above, and somebody asked"),
        pytest.param([20.0], usual("x", "mean", side="low"), AROUND_TEN, True, id="above, and nobody asked"),
        pytest.param([20.0], usual("x", "mean", tolerance=10), AROUND_TEN, True, id="tolerated"),
        pytest.param([20.0], usual("x", "mean", tolerance=9.9), AROUND_TEN, False, id="tolerated no longer"),
        pytest.param([20.0], usual("x", "mean"), AROUND_TEN[1:], True, id="one value short of the warm-up"),
        pytest.param([20.0], usual("x", "mean"), [*AROUND_TEN, 1e9], False, id="an outlier does no harm"),
        pytest.param(
            [20.0], usual("x", "mean"), [*AROUND_TEN, None, NAN, math.inf, "text", True], False,
            id="what is no figure does not count",
        ),
        pytest.param(
            [20.0], usual("x", "mean"), [*AROUND_TEN[1:], None, NAN, math.inf, "text", True], True,
            id="not for the warm-up either",
        ),
        pytest.param([20.0], usual("x", "mean", history=14), [*AROUND_TEN, *[20.0] * 14], True, id="only the last"),
        pytest.param([10.0], usual("x", "mean"), FOURTEEN_TENS, True, id="what never moved"),
        pytest.param([10.0 + 1e-10], usual("x", "mean"), FOURTEEN_TENS, True, id="but for the last digits"),
        pytest.param([10.1], usual("x", "mean"), FOURTEEN_TENS, False, id="moved"),
        pytest.param([10.1], usual("x", "mean", tolerance=0.2), FOURTEEN_TENS, True, id="a move that is tolerated"),
        pytest.param([12.0], usual("x", "mean"), [*FOURTEEN_TENS, 14.0], True, id="what moved once may move"),
        pytest.param([30.0], usual("x", "mean"), [*FOURTEEN_TENS, 14.0], False, id="but not so far"),
        pytest.param([NAN, 10.0], usual("x", "mean"), AROUND_TEN, False, id="a NaN fails"),
        pytest.param([NAN, 10.0], usual("x", "max"), [], False, id="a NaN fails from the first"),
        pytest.param([math.inf], usual("x", "std"), [], False, id="so does an infinity"),
        pytest.param([None], usual("x", "mean"), AROUND_TEN, True, id="no column of numbers"),
        pytest.param(pa.array([None], pa.float64()), usual("x", "mean"), AROUND_TEN, False, id="no mean"),
        pytest.param([0.0], usual("x", "sum", scale="log"), AROUND_TEN, False, id="zero has no logarithm"),
        pytest.param([0.0], usual("x", "sum", scale="log", side="high"), AROUND_TEN, True, id="and is not high"),
        pytest.param(
            [20.0], usual("x", "mean", row_condition="x > 15"), AROUND_TEN, False, id="of some rows"
        ),
    ],
)  # fmt: skip
def test_what_is_usual_passes(
    judge: Judge, x: Any, declared: Check, before: Sequence[Plain], passed: bool, request: Any
) -> None:
    if "no column of numbers" in request.node.callspec.id:
        x, passed = pa.nulls(1), False  # the mean of nulls is not there
    verdict = judge(x, declared, before)
    assert (verdict.passed, verdict.error) == (passed, None)


def test_the_range_is_told(judge: Judge) -> None:
    verdict = judge([20.0], usual("x", "mean"), AROUND_TEN)
    assert isinstance(verdict.expected, dict)
    low, high = verdict.expected["low"], verdict.expected["high"]
    assert 0 < 10 - low == pytest.approx(high - 10)
    assert verdict.describe() == (f"usual(mean of x) fails (observed 20.0, expected {low:.6g} to {high:.6g})")
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_the_range_of_one_side_has_one_end(judge: Judge) -> None:
    verdict = judge([0.0], usual("x", "mean", side="low"), AROUND_TEN)
    assert isinstance(verdict.expected, dict)
    assert verdict.expected["high"] is None
    assert f"expected at least {verdict.expected['low']:.6g}" in verdict.describe()


def test_a_warm_up_is_never_silent(judge: Judge) -> None:
    verdict = judge([20.0], usual("x", "mean"), AROUND_TEN[:3])
    assert verdict.describe() == (
        "usual(mean of x) holds (3 of the 14 earlier values that it takes to tell what is usual)"
    )


def test_logarithms_compare_by_factors(judge: Judge) -> None:
    before = [2.0 ** (n % 5) for n in range(28)]  # 1 to 16
    above, below = (judge([x], usual("x", "sum", scale="log"), before) for x in (4 * 2.0**20, 4 / 2.0**20))
    assert not above.passed
    assert not below.passed
    assert isinstance(above.expected, dict)
    assert above.expected["low"] * above.expected["high"] == pytest.approx(16)


WEEKS = [
    (1.0 if (NOW - (70 - n) * DAY).weekday() >= 5 else 10.0) + 0.1 * (n % 3) for n in range(70)
]  # weekends have a tenth


@pytest.mark.parametrize(
    ("x", "at", "weeks", "passed"),
    [
        pytest.param(10.0, NOW, 10, True, id="a Friday like Fridays"),
        pytest.param(1.0, NOW, 10, False, id="a Friday like Sundays"),
        pytest.param(1.0, NOW + 2 * DAY, 10, True, id="a Sunday like Sundays"),
        pytest.param(10.0, NOW + 2 * DAY, 10, False, id="a Sunday like Fridays"),
        pytest.param(1.0, NOW, 3, False, id="three weeks are enough"),
        pytest.param(1.0, NOW, 1, True, id="one is not"),
    ],
)
def test_a_weekday_is_compared_with_its_like(x: float, at: datetime, weeks: int, passed: bool) -> None:
    seen = [Earlier(at=NOW - (70 - n) * DAY, observed=one) for n, one in enumerate(WEEKS)][-7 * weeks :]
    (verdict,) = evaluate(
        pa.table({"x": [x]}),
        [usual("x", "mean", season="week")],
        now=NOW,
        beside=Beside(at=at, earlier=lambda check: seen),
    )
    assert verdict.passed is passed


def test_many_weeks_tell_of_a_weekday_alone() -> None:
    """Fridays stand still; the other days do not, and say nothing of them once there are enough Fridays."""
    seen = [
        Earlier(at=NOW - (210 - n) * DAY, observed=10.0 + (n * 7919 % 13) * ((NOW - (210 - n) * DAY).weekday() != 4))
        for n in range(210)
    ]  # fmt: skip
    declared = usual("x", "mean", season="week", history=210)
    for few, passed in ((seen, False), (seen[-90:], True)):
        (verdict,) = evaluate(
            pa.table({"x": [12.0]}), [declared], now=NOW, beside=Beside(at=NOW, earlier=lambda _, s=few: s)
        )
        assert verdict.passed is passed


@pytest.mark.parametrize(
    ("rows", "passed"),
    [
        pytest.param(100, True, id="as ever"),
        pytest.param(50, False, id="half"),
        pytest.param(200, False, id="twice"),
        pytest.param(0, False, id="none"),
    ],
)
def test_the_number_of_rows_is_usual(judge: Judge, rows: int, passed: bool) -> None:
    before = [100 + n % 5 for n in range(20)]
    verdict = judge(pa.array(range(rows), pa.int64()), usual_row_count(), before)
    assert (verdict.passed, verdict.observed, verdict.error) == (passed, rows, None)


def test_the_items_of_a_list_are_counted() -> None:
    (verdict,) = evaluate([1], [usual_row_count()], now=NOW, beside=beside([100 + n % 5 for n in range(20)]))
    assert (verdict.passed, verdict.observed) == (False, 1)
    (verdict,) = evaluate(3, [usual_row_count()], now=NOW)
    assert "counts rows or items" in str(verdict.error)


def ramp(shift: float = 0.0, scale: float = 1.0, wobble: int = 0) -> list[float]:
    return [shift + scale * (n + (n * 31 + wobble * 17) % 7 / 3) for n in range(200)]


def quantiles(x: list[float]) -> Plain:
    (verdict,) = evaluate(pa.table({"x": x}), [usual_distribution("x")], now=NOW)
    return verdict.observed


PAST = [quantiles(ramp(wobble=n, shift=n * 37 % 11 / 20)) for n in range(30)]


@pytest.mark.parametrize(
    ("x", "passed"),
    [
        pytest.param(ramp(wobble=3), True, id="one more of them"),
        pytest.param(ramp(shift=50), False, id="shifted"),
        pytest.param(ramp(scale=1.5), False, id="wider"),
        pytest.param([100.0] * 200, False, id="collapsed"),
        pytest.param(ramp()[:190] + [500.0] * 10, False, id="with another tail"),
        pytest.param([*ramp(), NAN], False, id="a NaN fails"),
        pytest.param([*ramp(), math.inf], False, id="an infinity fails"),
        pytest.param(pa.array([], pa.float64()), False, id="nothing"),
    ],
)
def test_a_distribution_stays(judge: Judge, x: Any, passed: bool) -> None:
    verdict = judge(x, usual_distribution("x"), PAST)
    assert (verdict.passed, verdict.error) == (passed, None)
    assert isinstance(verdict.expected, dict)
    assert repr(Verdict.from_json(verdict.to_json())) == repr(verdict)


def test_a_distribution_warms_up(judge: Judge) -> None:
    verdict = judge(ramp(shift=1e6), usual_distribution("x"), PAST[:27])
    assert verdict.passed
    assert verdict.expected == "27 of the 28 earlier values that it takes to tell what is usual"
    assert len(verdict.observed) == 11
    assert not judge([*ramp(), NAN], usual_distribution("x"), ()).passed


def test_a_distribution_that_stands_still_expects_itself(judge: Judge) -> None:
    still = [quantiles([1.0, 2.0, 3.0])] * 30
    assert judge([1.0, 2.0, 3.0], usual_distribution("x"), still).passed
    assert not judge([1.0, 2.0, 3.1], usual_distribution("x"), still).passed


OLD: Plain = {"x": "int64", "s": "string"}


@pytest.mark.parametrize(
    ("columns", "declared", "differences"),
    [
        pytest.param({"x": [1], "s": ["a"]}, same_schema(), [], id="the same"),
        pytest.param({"s": ["a"], "x": [1]}, same_schema(), [], id="in another order"),
        pytest.param({"x": [1], "s": pa.array(["a"], pa.large_string())}, same_schema(), [], id="another layout"),
        pytest.param({"x": [1.0], "s": ["a"]}, same_schema(), [("x", "int64", "double")], id="another type"),
        pytest.param({"x": [1]}, same_schema(), [("s", "string", "missing")], id="one fewer"),
        pytest.param({"x": [1]}, same_schema(allow_new=True), [("s", "string", "missing")], id="one fewer still"),
        pytest.param(
            {"x": [1], "s": ["a"], "y": [1]}, same_schema(), [("y", "missing", "int64")], id="one more"
        ),
        pytest.param({"x": [1], "s": ["a"], "y": [1]}, same_schema(allow_new=True), [], id="one more is allowed"),
        pytest.param({}, same_schema(), [("x", "int64", "missing"), ("s", "string", "missing")], id="none"),
    ],
)  # fmt: skip
def test_a_schema_is_compared_with_the_last(
    columns: dict[str, Any], declared: Check, differences: list[tuple[str, str, str]]
) -> None:
    before: list[Plain] = [{"other": "int64"}, OLD, None]
    (verdict,) = evaluate(pa.table(columns), [declared], now=NOW, beside=beside(before))
    assert (verdict.passed, verdict.failing) == (not differences, len(differences))
    assert [tuple(row.values()) for row in verdict.sample] == differences
    assert verdict.expected == OLD
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_the_first_schema_is_kept_whole_and_passes() -> None:
    wide = pa.table({f"column_{n}": pa.array([], pa.float64()) for n in range(100)})
    (first,) = evaluate(wide, [same_schema()], now=NOW)
    assert first.describe() == "same_schema holds (the first schema that was seen)"
    (second,) = evaluate(
        wide.rename_columns([*wide.column_names[:-1], "z"]),
        [same_schema()],
        now=NOW,
        beside=beside([Verdict.from_json(first.to_json()).observed]),
    )
    assert second.describe() == (
        "same_schema fails for 2 columns\n"
        "  column 'column_99', was 'double', is 'missing'\n"
        "  column 'z', was 'missing', is 'double'"
    )


def test_the_schema_of_every_file_counts(tmp_path: Path) -> None:
    paths = tuple(str(tmp_path / f"{n}.parquet") for n in range(2))
    for path, value in zip(paths, (1, 1.0), strict=True):
        pq.write_table(pa.table({"x": [value]}), path)
    (verdict,) = evaluate(ParquetFiles(paths=paths), [same_schema()], now=NOW)
    assert verdict.failing == 1


def test_a_column_that_is_there_twice_is_told() -> None:
    table = pa.Table.from_arrays([pa.array([1])] * 2, names=["x", "x"])
    (verdict,) = evaluate(table, [same_schema()], now=NOW)
    assert verdict.sample == ({"column": "x", "was": "there once", "is": "there twice"},)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        pytest.param(usual("x", "mean"), "about numbers", id="the mean of texts"),
        pytest.param(usual_distribution("x"), "about numbers", id="the distribution of texts"),
        pytest.param(usual("z", "mean"), "column 'z' is missing", id="no column"),
        pytest.param(usual_distribution("z"), "column 'z' is missing", id="no column to drift"),
    ],
)
def test_what_cannot_be_judged_says_why(judge: Judge, declared: Check, said: str) -> None:
    verdict = judge(["a"], declared)
    assert not verdict.passed
    assert said in str(verdict.error)


@pytest.mark.parametrize(
    "declared", [same_schema(), usual("x", "mean"), usual_distribution("x")], ids=lambda c: c.kind
)
def test_what_is_no_table_has_none_of_it(declared: Check) -> None:
    (verdict,) = evaluate(3, [declared], now=NOW)
    assert "about a table" in str(verdict.error)


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        pytest.param(lambda: usual("x", "men"), "Did you mean 'mean'?", id="an unknown figure"),
        pytest.param(lambda: usual("x", "mean", false_alarms=0), "a rate", id="no false alarms ever"),
        pytest.param(lambda: usual("x", "mean", false_alarms=0.5), "a rate", id="nothing but"),
        pytest.param(lambda: usual("x", "mean", side="up"), "side 'up'", id="an unknown side"),
        pytest.param(lambda: usual("x", "mean", warm_up=6), "7 or more", id="too short a warm-up"),
        pytest.param(lambda: usual_distribution("x", warm_up=13), "14 or more", id="too short for vectors"),
        pytest.param(lambda: usual("x", "mean", history=10), "never warms up", id="no end of the warm-up"),
        pytest.param(lambda: usual_row_count(season="month"), "only 'week'", id="an unknown season"),
        pytest.param(lambda: usual_row_count(scale="logs"), "Did you mean 'log'?", id="an unknown scale"),
        pytest.param(lambda: usual_row_count(tolerance=-1), "tolerance", id="a negative tolerance"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(declare: Callable[[], Check], said: str) -> None:
    with pytest.raises(InvalidCheck, match=re.escape(said)):
        declare()


@pytest.mark.parametrize(
    ("declared", "name", "sentence"),
    [
        (same_schema(), "same_schema", "the columns and their types are those of the last value"),
        (
            same_schema(allow_new=True),
            "same_schema",
            "the columns and their types are those of the last value, but for new ones",
        ),
        (
            usual_row_count(season="week"),
            "usual_row_count",
            "the number of rows is as usual for this weekday (false alarms 0.001, after 14 values)",
        ),
        (
            usual("x", "null_share", side="high"),
            "usual(null_share of x)",
            "the share of nulls in x is as usual or less (false alarms 0.001, after 14 values)",
        ),
        (
            usual_distribution("x", false_alarms=0.01),
            "usual_distribution(x)",
            "the distribution of x is as usual (false alarms 0.01, after 28 values)",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_check_is_named_and_described_by_what_it_promises(
    declared: Check, name: str, sentence: str
) -> None:
    assert (declared.name, declared.describe()) == (name, sentence)


@pytest.mark.parametrize(
    ("rows", "before", "tolerance", "passed"),
    [
        pytest.param(3, [], 0, True, id="the first of all"),
        pytest.param(3, [2, 3], 0, True, id="as many"),
        pytest.param(3, [3, 2], 0, True, id="more than the last, whatever was before"),
        pytest.param(3, [4], 0, False, id="one is gone"),
        pytest.param(3, [4], 0.25, True, id="within the tolerance"),
        pytest.param(0, [0], 0, True, id="none of none"),
    ],
)
def test_what_grows_does_not_shrink(
    judge: Judge, rows: int, before: list[Plain], tolerance: float, passed: bool
) -> None:
    verdict = judge([1.0] * rows, not_fewer_rows(tolerance=tolerance), before)
    assert (verdict.passed, verdict.observed) == (passed, rows)


@pytest.mark.parametrize(
    ("x", "before", "passed"),
    [
        pytest.param([1.0, -2.0, 3.0, 0.0, None], [], True, id="the first of all"),
        pytest.param([1.0, -2.0, 3.0, 0.0, None], [6.0], True, id="a third of what it was"),
        pytest.param([1.0, -2.0, 3.0], [6.1], False, id="less than a third"),
        pytest.param([1, 2, 3], [0.5], False, id="more than three times"),
        pytest.param([0.0, None], [2.0], False, id="no number any more"),
        pytest.param([NAN, 2.0], [2.0], False, id="NaN"),
        pytest.param(["a"], [2.0], None, id="no numbers"),
    ],
)
def test_numbers_keep_their_size(
    judge: Judge, x: list[Any], before: list[Plain], passed: bool | None
) -> None:
    verdict = judge(x, same_size("x"), before)
    assert (None if verdict.error else verdict.passed) is passed


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: not_fewer_rows(tolerance=1), "from 0 to below 1"),
        (lambda: same_size("x", within=1), "above 1"),
        (lambda: same_size("x", within=100), "below 100"),
    ],
)
def test_comparisons_that_mean_nothing_are_refused(declare: Callable[[], Check], said: str) -> None:
    with pytest.raises(InvalidCheck, match=said):
        declare()
