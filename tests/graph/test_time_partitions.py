from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.partitions import (
    BadPartition,
    Cron,
    Daily,
    Horizon,
    Hourly,
    Monthly,
    Partition,
    TimePartitions,
    Weekly,
)
from graph.time_partitions import stretch

NEW_YORK, BERLIN, LORD_HOWE = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"
HOLIDAYS = {date(2024, 3, 29), date(2024, 7, 4)}


def weekdays(calendar: str, first: date, last: date) -> Sequence[date]:
    """The sessions of an exchange that closes on weekends, on Good Friday and on the Fourth of July."""
    del calendar
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5 and day not in HOLIDAYS]


def at(now: str) -> Horizon:
    moment = datetime.fromisoformat(now)
    return Horizon(now=moment if moment.tzinfo else moment.replace(tzinfo=UTC), sessions=weekdays)


def keys(partitions: TimePartitions, now: str) -> list[str]:
    return [partitions.key(each) for each in at(now).existing(partitions)]


zones = st.sampled_from([NEW_YORK, BERLIN, LORD_HOWE, "Asia/Kolkata", "UTC"])
changes = st.sampled_from(
    [date(2024, 3, 10), date(2024, 3, 31), date(2024, 11, 3), date(2024, 10, 6), date(2024, 4, 7)]
)
clocks = {"hour_offset": st.integers(0, 23), "minute_offset": st.sampled_from([0, 30])}
crons = ["0 11 * * *", "*/20 * * * *", "30 1,2 * * *", "0 0 1,15 * *", "0 */6 * * 0,6"]


@st.composite
def cases(draw: st.DrawFn) -> tuple[TimePartitions, Horizon]:
    """Partitions that start, and a moment that lies, around a change of the clocks."""
    change = draw(changes)
    start = change - draw(st.timedeltas(timedelta(days=-2), timedelta(days=9)))
    shared = {
        "start": st.just(str(start)),
        "timezone": zones,
        "calendar": st.sampled_from([None, None, "XNYS"]),
        "end_offset": st.sampled_from([0, 0, 1, 2, -1]),
    }
    each: TimePartitions = draw(
        st.one_of(
            st.builds(Hourly, minute_offset=st.sampled_from([0, 0, 30, 59]), **shared),
            st.builds(Daily, **shared, **clocks),
            st.builds(Weekly, day_offset=st.integers(0, 6), **shared, **clocks),
            st.builds(Monthly, day_offset=st.integers(1, 28), **shared, **clocks),
            st.builds(Cron, cron=st.sampled_from(crons), **shared),
        )
    )
    long = timedelta(days=70 if isinstance(each, Weekly | Monthly) else 5)
    return each, at(f"{change + draw(st.timedeltas(timedelta(0), long))}T{draw(st.integers(0, 23)):02}:30")


@given(cases())
def test_a_key_is_the_inverse_of_its_partition(case: tuple[TimePartitions, Horizon]) -> None:
    each, horizon = case
    existing = list(horizon.existing(each))
    words = [each.key(partition) for partition in existing]
    assert [each.partition(word) for word in words] == existing
    assert len(set(words)) == len(words)
    assert all(each.declares(partition) for partition in existing)


@given(cases())
def test_windows_follow_each_other_and_have_ended(case: tuple[TimePartitions, Horizon]) -> None:
    each, horizon = case
    windows = [each.window(partition) for partition in horizon.existing(each)]
    for before, after in pairwise(windows):
        assert before.start.astimezone(UTC) < before.end.astimezone(UTC) <= after.start.astimezone(UTC)
        assert each.calendar or before.end == after.start
    not_ended = [window for window in windows if window.end > horizon.now]
    assert len(not_ended) <= max(0, each.end_offset)
    assert all(window.start.tzinfo is each.ticks.zone for window in windows)


@given(cases(), st.timedeltas(timedelta(0), timedelta(days=40)))
def test_what_exists_goes_on_existing(case: tuple[TimePartitions, Horizon], later: timedelta) -> None:
    each, horizon = case
    after = Horizon(now=horizon.now + later, sessions=weekdays)
    assert horizon.existing(each) <= after.existing(each)


@pytest.mark.parametrize(
    ("partitions", "now", "expected"),
    [
        pytest.param(
            Daily(start="2024-03-01"), "2024-03-03", ["2024-03-01", "2024-03-02"], id="a day that has ended"
        ),
        pytest.param(
            Daily(start="2024-03-01"), "2024-03-02T23:59:59", ["2024-03-01"], id="not one that has not"
        ),
        pytest.param(Daily(start="2024-03-01"), "2024-03-01", [], id="nothing has ended yet"),
        pytest.param(
            Daily(start="2024-03-01", end="2024-03-02"),
            "2024-06-01",
            ["2024-03-01", "2024-03-02"],
            id="the end included",
        ),
        pytest.param(
            Daily(start="2024-03-09", timezone=NEW_YORK),
            "2024-03-11T03:59",
            ["2024-03-09"],
            id="midnight elsewhere",
        ),
        pytest.param(
            Daily(start="2024-03-27", calendar="XNYS"),
            "2024-04-02",
            ["2024-03-27", "2024-03-28", "2024-04-01"],
            id="only sessions",
        ),
        pytest.param(
            Daily(start="2024-03-27", calendar="XNYS", end_offset=1),
            "2024-03-29",
            ["2024-03-27", "2024-03-28", "2024-04-01"],
            id="the next one that has not ended is a session too",
        ),
        pytest.param(
            Daily(start="2024-03-27", calendar="XNYS", end_offset=-2),
            "2024-04-02",
            ["2024-03-27"],
            id="the last two not",
        ),
        pytest.param(
            Daily(start="2024-03-01", end_offset=1, hour_offset=6),
            "2024-03-03T05:00",
            ["2024-03-01", "2024-03-02"],
            id="a day from six to six, and the one that runs",
        ),
        pytest.param(
            Hourly(start="2024-03-01-22:00"),
            "2024-03-02T00:30",
            ["2024-03-01-22:00", "2024-03-01-23:00"],
            id="hours",
        ),
        pytest.param(
            Hourly(start="2024-03-29", calendar="XNYS", end="2024-03-31"),
            "2024-04-02",
            [],
            id="no hours of closed days",
        ),
        pytest.param(
            Weekly(start="2024-03-01"), "2024-03-17", ["2024-03-03", "2024-03-10"], id="weeks from Sundays"
        ),
        pytest.param(
            Weekly(start="2024-03-01", day_offset=1), "2024-03-16", ["2024-03-04"], id="weeks from Mondays"
        ),
        pytest.param(Monthly(start="2024-01-15"), "2024-04-01", ["2024-02-01", "2024-03-01"], id="months"),
        pytest.param(
            Cron(cron="0 0 * * 0,6", start="2024-03-01", calendar="XNYS"),
            "2024-03-17",
            ["2024-03-03", "2024-03-10"],
            id="windows without a session are none: Saturdays to Sundays",
        ),
        pytest.param(
            Cron(cron="0 11 * * *", start="2024-03-01"),
            "2024-03-03T11:00",
            ["2024-03-01", "2024-03-02"],
            id="once a day",
        ),
        pytest.param(
            Cron(cron="0 8,20 * * *", start="2024-03-01-12:00"),
            "2024-03-02T20:00",
            ["2024-03-01-20:00", "2024-03-02-08:00"],
            id="twice a day: with the time",
        ),
        pytest.param(
            Hourly(start="2024-11-03-00:00", end="2024-11-03-02:00", timezone=NEW_YORK),
            "2024-11-04",
            ["2024-11-03-00:00", "2024-11-03-01:00", "2024-11-03-01:00-0500", "2024-11-03-02:00"],
            id="an hour that passes twice has two keys",
        ),
        pytest.param(
            Hourly(start="2024-03-10-01:00", end="2024-03-10-03:00", timezone=NEW_YORK),
            "2024-03-11",
            ["2024-03-10-01:00", "2024-03-10-03:00"],
            id="one that is skipped has none",
        ),
    ],
)
def test_which_partitions_exist(partitions: TimePartitions, now: str, expected: list[str]) -> None:
    assert partitions.problems() == []
    assert keys(partitions, now) == expected


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        pytest.param("2024-03-10", NEW_YORK, 23, id="the clocks are put forward"),
        pytest.param("2024-11-03", NEW_YORK, 25, id="and back"),
        pytest.param("2024-10-06", LORD_HOWE, 23.5, id="by half an hour"),
        pytest.param("2024-03-10", "Asia/Kolkata", 24, id="or never"),
    ],
)
def test_a_day_is_as_long_as_it_is(day: str, zone: str, hours: float) -> None:
    daily = Daily(start="2024-01-01", timezone=zone)
    window = daily.window(daily.partition(day))
    assert window.end.astimezone(UTC) - window.start.astimezone(UTC) == timedelta(hours=hours)
    assert str(window.day) == day


@pytest.mark.parametrize(
    ("partitions", "key", "message"),
    [
        pytest.param(
            Daily(start="2024-01-01"),
            "2024-3-1",
            "'2024-3-1' is no partition: write YYYY-MM-DD, such as 2024-01-01.",
            id="form",
        ),
        pytest.param(
            Daily(start="2024-01-01", end="2024-06-30"),
            "2024-07-01",
            "there is no partition '2024-07-01': they start with 2024-01-01 and end with 2024-06-30.",
            id="outside",
        ),
        pytest.param(
            Weekly(start="2024-01-01"),
            "2024-03-05",
            "no partition begins at '2024-03-05': it lies in 2024-03-03.",
            id="within a week",
        ),
        pytest.param(
            Hourly(start="2024-01-01"),
            "2024-03-05",
            "'2024-03-05' is no partition: write YYYY-MM-DD-HH:MM, such as 2024-01-01-00:00.",
            id="a day of hours",
        ),
        pytest.param(
            Hourly(start="2024-01-01"),
            "2024-03-05-10:30",
            "no partition begins at '2024-03-05-10:30': it lies in 2024-03-05-10:00.",
            id="within an hour",
        ),
        pytest.param(
            Daily(start="2024-01-01"),
            "2024-02-30",
            "'2024-02-30' is no partition: write YYYY-MM-DD, such as 2024-01-01.",
            id="no such day",
        ),
    ],
)
def test_a_key_that_is_none_is_explained(partitions: TimePartitions, key: str, message: str) -> None:
    with pytest.raises(BadPartition) as refused:
        partitions.partition(key)
    assert str(refused.value) == message
    assert refused.value.text == key


@pytest.mark.parametrize("key", ["2024-03-01-11:00", "2024-03-01 11:00", "2024-03-01T11:00", "2024-03-01"])
def test_a_time_may_be_written_in_several_ways(key: str) -> None:
    cron = Cron(cron="0 11 * * *", start="2024-01-01")
    assert cron.key(cron.partition(key)) == "2024-03-01"


def test_a_time_that_passes_twice_names_the_tick_of_its_day() -> None:
    cron = Cron(cron="0 1 * * *", start="2024-01-01", timezone=NEW_YORK)
    assert cron.partition("2024-11-03-01:00") == cron.partition("2024-11-03")


@pytest.mark.parametrize(
    ("partitions", "problem"),
    [
        pytest.param(
            Daily(start="yesterday"),
            "has a partition start 'yesterday' that is not a day written YYYY-MM-DD",
            id="start",
        ),
        pytest.param(
            Hourly(start="2024-01-01", end="2024-13-01"),
            "has a partition end '2024-13-01' that is not a time written YYYY-MM-DD-HH:MM",
            id="end",
        ),
        pytest.param(
            Daily(start="2024-01-01", timezone="Mars/Olympus"),
            "names a time zone that does not exist: 'Mars/Olympus'",
            id="zone",
        ),
        pytest.param(
            Daily(start="2024-01-02", end="2024-01-01"),
            "has partitions that end (2024-01-01) before they start (2024-01-02)",
            id="order",
        ),
        pytest.param(
            Monthly(start="2024-01-01", day_offset=31),
            "has partitions with day_offset=31, which must lie between 1 and 28",
            id="offset",
        ),
        pytest.param(
            Weekly(start="2024-01-01", hour_offset=24),
            "has partitions with hour_offset=24, which must lie between 0 and 23",
            id="hour",
        ),
        pytest.param(
            Cron(cron="0 25 * * *", start="2024-01-01"),
            "has partitions by '0 25 * * *', which is not a cron expression: Bad hour",
            id="cron",
        ),
    ],
)
def test_a_definition_is_judged(partitions: TimePartitions, problem: str) -> None:
    assert partitions.problems() == [problem]


@pytest.mark.parametrize(
    ("text", "covers"),
    [
        pytest.param("2024", ("2024-01-01 00:00:00", "2025-01-01 00:00:00"), id="a year"),
        pytest.param("2024-12", ("2024-12-01 00:00:00", "2025-01-01 00:00:00"), id="a month"),
        pytest.param("2024-02-29", ("2024-02-29 00:00:00", "2024-03-01 00:00:00"), id="a day"),
        pytest.param("2024-02-29-23", ("2024-02-29 23:00:00", "2024-03-01 00:00:00"), id="an hour"),
        pytest.param("2024-02-29-23:59", ("2024-02-29 23:59:00", "2024-03-01 00:00:00"), id="a minute"),
        pytest.param("2023-02-29", None, id="a day that does not exist"),
        pytest.param("24-02", None, id="no year"),
    ],
)
def test_a_written_time_covers_what_it_leaves_out(text: str, covers: tuple[str, str] | None) -> None:
    found = stretch(text)
    assert (None if found is None else tuple(map(str, found))) == covers


def test_partitions_are_declared_whatever_the_time_is() -> None:
    daily = Daily(start="2024-01-01", end="2024-12-31")
    declared = [
        daily.declares(Partition(ordinal=date.fromisoformat(day).toordinal()))
        for day in ("2023-12-31", "2024-01-01", "2024-12-31", "2025-01-01")
    ]
    assert declared == [False, True, True, False]
    assert not daily.declares(Partition("AAPL", date(2024, 1, 1).toordinal()))
    assert daily.dimensions == (("", daily),)
