from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from deployments.amounts import counted, first_line, moment_text, size_text, span_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        pytest.param(0, "0 B", id="nothing"),
        pytest.param(999, "999 B", id="below the first unit"),
        pytest.param(1000, "1 kB", id="exactly a unit"),
        pytest.param(1250, "1.25 kB", id="three digits"),
        pytest.param(999_499, "999 kB", id="just below the next unit"),
        pytest.param(999_500, "1 MB", id="rounds up into the next unit"),
        pytest.param(4_200_000_000_000, "4.2 TB", id="the largest unit"),
        pytest.param(9_900_000_000_000_000, "9.9e+03 TB", id="beyond it"),
    ],
)
def test_a_size_reads_in_the_unit_that_people_would_use(size: int, text: str):
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(0, "0.00 s", id="nothing"),
        pytest.param(0.994, "0.99 s", id="below a second, in hundredths"),
        pytest.param(59.94, "59.9 s", id="below a minute, in tenths"),
        pytest.param(59.96, "60 s", id="never 60.0"),
        pytest.param(61, "1 min 1 s", id="minutes"),
        pytest.param(3_600, "1 h", id="exactly an hour"),
        pytest.param(86_400, "1 day", id="exactly a day"),
        pytest.param(86_400 * 30, "30 days", id="days"),
    ],
)
def test_a_span_reads_as_exactly_as_it_matters(seconds: float, text: str):
    assert span_text(timedelta(seconds=seconds)) == text


def test_a_moment_is_told_in_the_local_time_zone_with_its_name(monkeypatch: pytest.MonkeyPatch):
    moment = datetime(2026, 7, 1, 12, 30, 5, tzinfo=UTC)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert moment_text(moment) == "2026-07-01 14:30 CEST"
        assert moment_text(moment, seconds=True) == "2026-07-01 14:30:05 CEST"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_no_moment_is_a_dash():
    assert moment_text(None) == "-"


def test_one_thing_is_singular():
    assert [counted(number, "asset") for number in (0, 1, 2, 1000)] == [
        "0 assets",
        "1 asset",
        "2 assets",
        "1,000 assets",
    ]


def test_a_long_first_line_is_cut_and_says_so():
    assert first_line("a" * 20 + "\nsecond", 10) == "a" * 9 + "…"
    assert first_line("  short\nsecond", 10) == "short"
