from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.cron_ticks import cron_ticks
from graph.ticks import (
    DailyTicks,
    HourlyTicks,
    MonthlyTicks,
    Ticks,
    WeeklyTicks,
    before,
    beginning,
    changes,
    earliest,
    empty_windows,
    local,
    settled,
)

ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "America/Havana"]
NEW_YORK, LORD_HOWE = ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")

zones = st.sampled_from(ZONES)
clocks = st.builds(time, st.integers(0, 23), st.integers(0, 59))
ticks = st.one_of(
    st.builds(
        lambda zone, minute: HourlyTicks(zone=ZoneInfo(zone), minute=minute), zones, st.integers(0, 59)
    ),
    st.builds(lambda zone, clock: DailyTicks(zone=ZoneInfo(zone), clock=clock), zones, clocks),
    st.builds(
        lambda zone, clock, day: WeeklyTicks(zone=ZoneInfo(zone), clock=clock, day=day),
        zones,
        clocks,
        st.integers(0, 6),
    ),
    st.builds(
        lambda zone, clock, day: MonthlyTicks(zone=ZoneInfo(zone), clock=clock, day=day),
        zones,
        clocks,
        st.integers(1, 28),
    ),
    st.builds(
        cron_ticks,
        st.sampled_from(
            ["*/15 * * * *", "0,40 * * * *", "30 2 * * *", "0 1-3 * * 0", "0 0 L * *", "7 */6 1-9 * *"]
        ),
        zones,
    ),
)


@st.composite
def instants(draw: st.DrawFn) -> int:
    """An instant of 1971 to 2037, every second one close to a change of some zone's clocks."""
    anywhere = draw(st.integers(31_536_000, 2_114_380_800))
    near = changes(ZoneInfo(draw(zones)), local(anywhere, UTC).year)
    return (
        draw(st.sampled_from(near)) + draw(st.integers(-9000, 9000))
        if near and draw(st.booleans())
        else anywhere
    )


@given(ticks, instants())
def test_an_instant_lies_in_exactly_one_window(each: Ticks, instant: int) -> None:
    ordinal = each.containing(instant)
    assert each.at(ordinal) <= instant < each.at(ordinal + 1)
    assert each.at(before(each, instant)) < instant <= each.at(before(each, instant) + 1)
    assert each.at(beginning(each, instant)) == each.at(before(each, instant) + 1)
    assert each.at(beginning(each, instant)) < each.at(beginning(each, instant) + 1)


@given(ticks, instants())
def test_windows_that_are_empty_are_known(each: Ticks, instant: int) -> None:
    first = each.containing(instant) - 40
    moments = [each.at(first + step) for step in range(82)]
    assert moments == sorted(moments)
    empty = [first + step for step in range(81) if moments[step] == moments[step + 1]]
    assert empty_windows(each, first, first + 80) == empty


@given(zones, instants())
def test_a_local_time_comes_back(zone: str, instant: int) -> None:
    moment = local(instant, ZoneInfo(zone))
    assert earliest(moment.replace(tzinfo=None), ZoneInfo(zone)) == (
        instant if not moment.fold else int(moment.replace(fold=0).timestamp())
    )


@pytest.mark.parametrize(
    ("moment", "settles"),
    [
        pytest.param("2024-03-10 01:59", "2024-03-10 01:59:00-05:00", id="an ordinary time is itself"),
        pytest.param(
            "2024-03-10 02:00", "2024-03-10 03:00:00-04:00", id="a skipped time is when clocks are changed"
        ),
        pytest.param(
            "2024-03-10 02:30", "2024-03-10 03:00:00-04:00", id="also in the middle of what is skipped"
        ),
        pytest.param("2024-11-03 01:30", "2024-11-03 01:30:00-05:00", id="of two the later"),
    ],
)
def test_a_time_that_clocks_skip_or_repeat_is_settled(moment: str, settles: str) -> None:
    instant = settled(datetime.fromisoformat(moment), NEW_YORK)
    assert str(local(instant, NEW_YORK)) == settles


def test_a_day_that_clocks_begin_twice_begins_at_the_first() -> None:
    havana = ZoneInfo("America/Havana")
    instant = DailyTicks(zone=havana).at(datetime(2024, 11, 3, tzinfo=UTC).toordinal())
    assert str(local(instant, havana)) == "2024-11-03 00:00:00-04:00"


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        pytest.param("2024-10-05", [1.0] * 24, id="an ordinary day"),
        pytest.param("2024-10-06", [1, 1, 0.5] + [1] * 21, id="half an hour skipped: one hour is half"),
        pytest.param("2024-04-07", [1, 1.5] + [1] * 22, id="half an hour twice: one hour is longer"),
    ],
)
def test_hours_of_a_zone_that_moves_by_half_an_hour(day: str, hours: list[float]) -> None:
    each = HourlyTicks(zone=LORD_HOWE)
    midnight = datetime.fromisoformat(day)
    first, last = (beginning(each, earliest(midnight + timedelta(days=days), LORD_HOWE)) for days in (0, 1))
    assert [(each.at(hour + 1) - each.at(hour)) / 3600 for hour in range(first, last)] == hours


def test_a_day_that_an_island_skipped_is_empty() -> None:
    apia = DailyTicks(zone=ZoneInfo("Pacific/Apia"))
    skipped = datetime(2011, 12, 30, tzinfo=UTC).toordinal()
    assert empty_windows(apia, skipped - 400, skipped + 400) == [skipped]


PACES = {
    "hours": [HourlyTicks(zone=NEW_YORK, minute=minute) for minute in (0, 1, 59)],
    "weeks": [WeeklyTicks(zone=NEW_YORK, day=day) for day in (0, 1, 6)],
    "months": [MonthlyTicks(zone=NEW_YORK, day=day) for day in (1, 2, 28)],
    "crons": [
        cron_ticks(cron, "America/New_York")
        for cron in ("* * * * *", "*/15 * * * *", "0 9 * * *", "0 10 * * *", "0 9 * * 1", "0 9 * * 1-5")
    ],
}


@pytest.mark.parametrize("kind", PACES)
def test_windows_that_are_counted_otherwise_have_other_ordinals(kind: str) -> None:
    begin, end = (int(datetime(year, 7, 1, tzinfo=UTC).timestamp()) for year in (2, 9998))
    spans = sorted((each.containing(begin), each.containing(end)) for each in PACES[kind])
    assert all(one[1] < two[0] for one, two in pairwise(spans))
    assert spans[-1][1] < 1 << 53, "a number that every reader of JSON reads exactly"


def test_expressions_that_say_the_same_count_alike() -> None:
    assert cron_ticks("0 9 * * 1", "UTC").containing(0) == cron_ticks("00 9 * * MON", "UTC").containing(0)
