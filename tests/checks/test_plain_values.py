"""Plain values: what any value is reduced to, and how long it may be."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from checks.plain_values import Plain, from_json, plain, to_json

NAIVE = datetime(2020, 1, 1, tzinfo=UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(1.5), 1.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (pa.scalar(7), 7),
        (pa.scalar(None), None),
        (
            pd.Timestamp("2020-01-02T03:04:05.123456789", tz="Asia/Tokyo"),
            datetime(2020, 1, 1, 18, 4, 5, 123456, UTC),
        ),
        (pd.NaT, None),
        (pd.Timedelta("1 day"), timedelta(days=1)),
        (datetime(2020, 1, 1, 9, tzinfo=timezone(timedelta(hours=9))), datetime(2020, 1, 1, tzinfo=UTC)),
        (NAIVE, NAIVE),
        (date(2020, 1, 1), date(2020, 1, 1)),
        (time(9, 30), time(9, 30)),
        (Decimal("1.10"), Decimal("1.10")),
        ([1, [2]], (1, (2,))),
        ({"a": {1: 2}}, {"a": {"1": 2}}),
        (Fraction(1, 3), "1/3"),
        (b"ab", b"ab"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_any_value_becomes_a_plain_one(value: object, expected: Plain) -> None:
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)


@pytest.mark.parametrize(
    "value", ["x" * 1000, b"x" * 1000, ["x" * 50] * 50, {"k": list(range(1000))}], ids=type
)
def test_what_is_long_is_cut(value: object) -> None:
    short = plain(value)
    assert isinstance(short, str)
    assert len(short) <= 200
    assert "…" in short


def test_json_is_strict() -> None:
    assert json.loads(to_json((float("nan"), 1))) == [{"float": "nan"}, 1]


def test_a_tag_that_nobody_wrote_is_refused() -> None:
    with pytest.raises(ValueError, match="'pickle' is not a tag"):
        from_json('{"pickle": "x"}')
