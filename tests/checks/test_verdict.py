"""Verdicts: what holds a version back, how they are written down, how they read."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import Verdict, blocking


def verdict(**changes: Any) -> Verdict:
    return replace(Verdict(check="c", kind="between", digest="d", severity="error", passed=False), **changes)


@pytest.mark.parametrize(
    ("passed", "severity", "blocks"),
    [
        pytest.param(False, "error", True, id="a failed error blocks"),
        pytest.param(False, "warn", False, id="a failed warning only tells"),
        pytest.param(True, "error", False, id="what holds does not block"),
    ],
)
def test_blocks(passed: bool, severity: str, blocks: bool) -> None:
    one = verdict(passed=passed, severity=severity)
    assert one.blocks is blocks
    assert blocking([one]) == ((one,) if blocks else ())


def _unfolded(moment: Any) -> Any:
    """JSON text says nothing of the second of two equal hours; a time in UTC or without zone has none."""
    return moment.replace(fold=0)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(UTC)).map(_unfolded)
    | st.times().map(_unfolded)
    | st.timedeltas()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
verdicts = st.builds(
    Verdict,
    check=st.text(),
    kind=st.text(),
    digest=st.text(),
    severity=st.sampled_from(["error", "warn"]),
    passed=st.booleans(),
    failing=st.none() | st.integers(),
    rows=st.none() | st.integers(),
    observed=values,
    expected=values,
    sample=st.lists(st.dictionaries(st.text(), values)).map(tuple),
    error=st.none() | st.text(),
)


@given(verdicts)
def test_reading_is_the_inverse_of_writing(one: Verdict) -> None:
    read = Verdict.from_json(one.to_json())
    assert read == one
    assert repr(read) == repr(one)  # the types come back too


def test_nan_and_infinities_survive() -> None:
    one = Verdict.from_json(verdict(observed=math.nan, sample=({"x": math.inf, "y": -math.inf},)).to_json())
    assert isinstance(one.observed, float)
    assert math.isnan(one.observed)
    assert one.sample == ({"x": math.inf, "y": -math.inf},)


def test_a_verdict_from_before_anything_was_expected_can_be_read() -> None:
    text = verdict(observed=1).to_json().replace('"expected": null, ', "")
    assert "expected" not in text
    assert Verdict.from_json(text) == verdict(observed=1)


def test_verdicts_are_hashable() -> None:
    assert len({verdict(sample=({"a": 1},)), verdict(sample=({"a": 1},))}) == 1


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (verdict(passed=True), "c holds"),
        (verdict(error="column 'x' is missing."), "c cannot be judged: column 'x' is missing."),
        (verdict(failing=1, rows=9, observed=-1.5), "c fails for 1 of 9 rows (observed -1.5)"),
        (verdict(kind="sums_to", failing=1, rows=9), "c fails for 1 group"),
        (verdict(kind="complete", failing=2), "c fails for 2 missing times"),
        (verdict(passed=True, expected="3 of 14"), "c holds (3 of 14)"),
        (
            verdict(observed=1, expected={"low": 2.0, "high": 3.25}),
            "c fails (observed 1, expected 2 to 3.25)",
        ),
        (
            verdict(observed=1, expected={"low": 2.0, "high": None}),
            "c fails (observed 1, expected at least 2)",
        ),
        (verdict(observed=1, expected={"low": None, "high": 0}), "c fails (observed 1, expected at most 0)"),
        (
            verdict(kind="schema", failing=2, observed="'x' is missing"),
            "c fails for 2 columns (observed 'x' is missing)",
        ),
        (
            verdict(
                failing=2,
                rows=2,
                sample=(
                    {"#": 0, "close": Decimal("1.50"), "day": date(2020, 1, 2), "symbol": "A"},
                    {"#": 1, "close": None, "day": datetime(2020, 1, 2, 3, tzinfo=UTC), "symbol": "é"},
                ),
            ),
            """c fails for 2 of 2 rows
  row 0: close 1.50, day 2020-01-02, symbol 'A'
  row 1: close None, day 2020-01-02 03:00:00+00:00, symbol 'é'""",
        ),
    ],
    ids=[
        "holds",
        "error",
        "one row",
        "a group",
        "missing times",
        "too little history",
        "a range",
        "from below",
        "from above",
        "columns",
        "rows",
    ],
)
def test_a_verdict_reads_as_a_sentence(one: Verdict, text: str) -> None:
    assert one.describe() == text


def test_a_time_in_a_sample_reads_plainly() -> None:
    assert "at 09:30:00" in verdict(failing=1, sample=({"at": time(9, 30), "for": timedelta(1)},)).describe()
