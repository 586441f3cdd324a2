from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import islice

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from graph.cron_ticks import cron_ticks, days_of, problems_of
from graph.ticks import beginning, local

CRONS = [
    "0 11 * * *",
    "*/15 * * * *",
    "5,35 9-17 * * 1-5",
    "0 0 1,15 * *",
    "0 0 13 * 5",
    "0 0 L * *",
    "0 0 LW * *",
    "30 6 * * 5L",
    "0 12 * 2 MON#5",
    "0 0 29 2 *",
    "0 * 1-7 * *",
    "0 0 */2 * 1",
]


@given(st.sampled_from(CRONS), st.integers(-600_000_000, 3_700_000_000))
def test_ticks_are_those_of_cronsim(cron: str, since: int) -> None:
    ticks = cron_ticks(cron, "UTC")
    first = beginning(ticks, since + 1)
    moments = [local(ticks.at(first + step), UTC) for step in range(60)]
    assert moments == list(islice(CronSim(cron, local(since, UTC)), 60))


@given(st.sampled_from(CRONS), st.dates(date(1900, 1, 1), date(2300, 1, 1)))
def test_days_are_numbered_in_order(cron: str, day: date) -> None:
    days = days_of(cron)
    number = days.number(day)
    assert days.day(number - 1) < day <= days.day(number)
    assert days.number(days.day(number)) == number
    assert days.match(day) == (days.day(number) == day)


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        pytest.param("0 11 * * *", None, id="a time of day"),
        pytest.param("0 11 * *", "not a cron expression of five fields", id="a field is missing"),
        pytest.param("0 0 11 * * *", "not a cron expression of five fields", id="seconds are refused"),
        pytest.param("0 25 * * *", "not a cron expression: Bad hour", id="an hour that does not exist"),
        pytest.param("0 0 31 2 *", "not a cron expression: Bad day-of-month", id="a day that never comes"),
    ],
)
def test_an_expression_is_judged(cron: str, problem: str | None) -> None:
    found = problems_of(cron)
    assert [problem in each for each in found if problem] == ([True] if problem else [])
    assert bool(found) == bool(problem)


@pytest.mark.parametrize(
    ("cron", "day", "ticks"),
    [
        pytest.param("30 2 * * *", "2024-03-10", ["03:00-0400"], id="skipped: once, when the clocks change"),
        pytest.param("30 1 * * *", "2024-11-03", ["01:30-0500"], id="twice: once, at the later"),
        pytest.param("0 1-3 * * *", "2024-03-10", ["01:00-0500", "03:00-0400"], id="fallen together: one"),
        pytest.param(
            "30 * * * *",
            "2024-11-03",
            ["00:30-0400", "01:30-0400", "01:30-0500", "02:30-0500"],
            id="every hour: each hour that passes",
        ),
        pytest.param(
            "30 * * * *", "2024-03-10", ["00:30-0500", "01:30-0500", "03:30-0400"], id="and no other"
        ),
    ],
)
def test_ticks_when_the_clocks_change(cron: str, day: str, ticks: list[str]) -> None:
    each = cron_ticks(cron, "America/New_York")
    midnight = int(datetime.fromisoformat(day).replace(tzinfo=each.zone).timestamp())
    first = beginning(each, midnight)
    moments = sorted({each.at(first + step) for step in range(40)})
    assert [f"{local(moment, each.zone):%H:%M%z}" for moment in moments][: len(ticks)] == ticks
