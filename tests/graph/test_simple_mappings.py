from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from graph.mappings import All, Dimensions, Identity, Last, Overlap, PartitionMapping, Specific, Table
from graph.partition_text import chosen, described
from graph.partitions import (
    ONLY,
    Cron,
    Daily,
    Dynamic,
    Horizon,
    Hourly,
    Monthly,
    Partitions,
    PartitionSet,
    Product,
    Static,
    Weekly,
)


def weekdays(calendar: str, first: date, last: date) -> Sequence[date]:
    del calendar
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5]


HORIZON = Horizon(
    now=datetime(2024, 3, 20, 12, tzinfo=UTC), sessions=weekdays, dynamic=lambda _: ["MSFT", "AAPL"]
)
DAILY, LATER = Daily(start="2024-03-01"), Daily(start="2024-03-11")
SESSIONS = Daily(start="2024-03-01", calendar="XNYS")
HOURLY = Hourly(start="2024-03-01")
WEEKLY, MONTHLY = Weekly(start="2024-02-25"), Monthly(start="2024-01-01")
REGIONS, COUNTRIES = Static("eu", "us"), Static("de", "fr", "us")
SYMBOLS = Dynamic("symbols")
BOTH = Product(day=DAILY, region=REGIONS)


def told(found: PartitionSet, partitions: Partitions | None) -> str:
    return described(found, partitions, HORIZON.existing(partitions))


@pytest.mark.parametrize(
    ("mapping", "down", "key", "up", "read", "absent"),
    [
        pytest.param(
            All(), None, "all", DAILY, "2024-03-01..2024-03-19 (19)", "none", id="all, of no partitions"
        ),
        pytest.param(All(), DAILY, "latest", None, "everything", "none", id="what has no partitions"),
        pytest.param(All(), REGIONS, "eu", COUNTRIES, "de, fr, us", "none", id="all keys"),
        pytest.param(Identity(), DAILY, "2024-03-12", LATER, "2024-03-12", "none", id="the same day"),
        pytest.param(
            Identity(), DAILY, "2024-03-02", LATER, "none", "2024-03-02", id="which does not exist upstream"
        ),
        pytest.param(
            Identity(), DAILY, "2024-03-02", SESSIONS, "none", "2024-03-02", id="or is no session there"
        ),
        pytest.param(Identity(), REGIONS, "us", Static("eu", "uk", "us"), "us", "none", id="the same key"),
        pytest.param(Identity(), SYMBOLS, "AAPL", SYMBOLS, "AAPL", "none", id="the same dynamic key"),
        pytest.param(
            Identity(), WEEKLY, "2024-03-10", DAILY, "2024-03-10", "none", id="a week by its first day"
        ),
        pytest.param(
            Identity(),
            BOTH,
            "2024-03-12|eu",
            Product(day=LATER, region=REGIONS),
            "eu: 2024-03-12",
            "none",
            id="products",
        ),
        pytest.param(
            Identity(),
            Product(week=WEEKLY, region=REGIONS),
            "2024-03-10|eu",
            Product(week=DAILY, region=REGIONS),
            "eu: 2024-03-10",
            "none",
            id="products of other windows, by keys",
        ),
        pytest.param(
            Overlap(),
            DAILY,
            "2024-03-12",
            HOURLY,
            "2024-03-12-00:00..2024-03-12-23:00 (24)",
            "none",
            id="a day of hours",
        ),
        pytest.param(
            Overlap(), HOURLY, "2024-03-12-05:00", DAILY, "2024-03-12", "none", id="the day of an hour"
        ),
        pytest.param(
            Overlap(), HOURLY, "2024-03-20-05:00", DAILY, "none", "2024-03-20", id="a day that has not ended"
        ),
        pytest.param(
            Overlap(start_offset=-2),
            DAILY,
            "2024-03-12",
            DAILY,
            "2024-03-10..2024-03-12 (3)",
            "none",
            id="a rolling window",
        ),
        pytest.param(
            Overlap(start_offset=-2),
            DAILY,
            "2024-03-02",
            DAILY,
            "2024-03-01..2024-03-02 (2)",
            "none",
            id="shorter at the start",
        ),
        pytest.param(
            Overlap(start_offset=-1, end_offset=-1),
            DAILY,
            "2024-03-01",
            DAILY,
            "none",
            "none",
            id="nothing before the first",
        ),
        pytest.param(
            Overlap(start_offset=-2),
            SESSIONS,
            "2024-03-12",
            SESSIONS,
            "2024-03-08..2024-03-12 (3)",
            "none",
            id="rolling over a weekend",
        ),
        pytest.param(
            Overlap(start_offset=-1, end_offset=-1),
            SESSIONS,
            "2024-03-11",
            SESSIONS,
            "2024-03-08",
            "none",
            id="the session before",
        ),
        pytest.param(
            Overlap(start_offset=-1),
            SESSIONS,
            "2024-03-11",
            DAILY,
            "2024-03-08..2024-03-11 (4)",
            "none",
            id="sessions over days",
        ),
        pytest.param(
            Overlap(), DAILY, "2024-03-10", SESSIONS, "none", "none", id="a Sunday needs no session"
        ),
        pytest.param(
            Overlap(),
            WEEKLY,
            "2024-03-10",
            SESSIONS,
            "2024-03-11..2024-03-15 (5)",
            "none",
            id="a week of sessions",
        ),
        pytest.param(
            Overlap(start_offset=-1_000_000),
            DAILY,
            "2024-03-04",
            DAILY,
            "2024-03-01..2024-03-04 (4)",
            "none",
            id="all of the past",
        ),
        pytest.param(Last(), REGIONS, "eu", DAILY, "2024-03-19", "none", id="the newest day"),
        pytest.param(Last(), DAILY, "2024-03-01", COUNTRIES, "us", "none", id="the last key"),
        pytest.param(Last(), None, "all", SYMBOLS, "AAPL", "none", id="the key that was added last"),
        pytest.param(Last(), None, "all", BOTH, "us: 2024-03-19", "none", id="the last of a product"),
        pytest.param(Last(), None, "all", Daily(start="2031-01-01"), "none", "none", id="the newest of none"),
        pytest.param(
            Specific("de", "fr"), DAILY, "2024-03-01", COUNTRIES, "de, fr", "none", id="certain keys"
        ),
        pytest.param(
            Specific("2024-03-31"), REGIONS, "eu", DAILY, "none", "2024-03-31", id="a day that is to come"
        ),
        pytest.param(
            Table({"eu": ["de", "fr"], "us": "us"}), REGIONS, "eu", COUNTRIES, "de, fr", "none", id="a table"
        ),
        pytest.param(
            Table({"us": "us"}), REGIONS, "eu", COUNTRIES, "none", "none", id="a key that no table names"
        ),
    ],
)
def test_what_a_partition_reads(
    mapping: PartitionMapping,
    down: Partitions | None,
    key: str,
    up: Partitions | None,
    read: str,
    absent: str,
) -> None:
    assert mapping.problems(down, up) == []
    of = chosen(key, down, HORIZON.existing(down))
    mapped = mapping.upstream(of, down, up, HORIZON)
    assert (told(mapped.read, up), told(mapped.absent, up)) == (read, absent)
    if mapped.read:
        assert of <= mapping.downstream(mapped.read, down, up, HORIZON)


@pytest.mark.parametrize(
    ("mapping", "down", "up", "problem"),
    [
        pytest.param(
            Identity(), DAILY, None, "pairs equal keys, but one of both has no partitions", id="no partitions"
        ),
        pytest.param(
            Identity(),
            COUNTRIES,
            REGIONS,
            "pairs equal keys, but upstream has no 'de', 'fr'",
            id="keys that are not there",
        ),
        pytest.param(
            Identity(),
            REGIONS,
            DAILY,
            "pairs equal keys, not static keys with daily windows",
            id="static over daily",
        ),
        pytest.param(
            Identity(),
            DAILY,
            HOURLY,
            "pairs equal keys, but those of days are not those of times",
            id="days over hours",
        ),
        pytest.param(
            Identity(),
            DAILY,
            WEEKLY,
            "pairs equal keys, but upstream can have no '2024-03-01'",
            id="days over weeks",
        ),
        pytest.param(
            Identity(),
            DAILY,
            Daily(start="2024-01-01", timezone="Asia/Tokyo"),
            "pairs equal keys of different time zones (UTC and Asia/Tokyo)",
            id="time zones",
        ),
        pytest.param(
            Identity(),
            BOTH,
            Product(day=DAILY, country=REGIONS),
            "pairs equal keys of products with different dimensions (day, region and day, country); "
            "say which by Dimensions(...)",
            id="other dimensions",
        ),
        pytest.param(
            Identity(),
            BOTH,
            Product(day=DAILY, region=Static("us")),
            "in 'region' pairs equal keys, but upstream has no 'eu'",
            id="in a dimension",
        ),
        pytest.param(Overlap(), REGIONS, DAILY, "pairs windows of time, not static keys", id="no time"),
        pytest.param(
            Overlap(),
            BOTH,
            DAILY,
            "pairs windows of time, not a product; say which by Dimensions(...)",
            id="a product",
        ),
        pytest.param(
            Overlap(start_offset=1),
            DAILY,
            DAILY,
            "ends before it starts, with start_offset=1 and end_offset=0",
            id="offsets",
        ),
        pytest.param(
            Overlap(),
            Daily(start="2024-01-01", timezone="America/New_York"),
            Daily(start="2024-01-01", timezone="Europe/Berlin"),
            "pairs windows of time that never begin together, in America/New_York and Europe/Berlin",
            id="days of other zones",
        ),
        pytest.param(
            Last(), DAILY, None, "reads the last partition of an asset that has none", id="the last of none"
        ),
        pytest.param(
            Specific("de"),
            DAILY,
            None,
            "reads certain partitions of an asset that has none",
            id="certain of none",
        ),
        pytest.param(
            Specific("it"),
            DAILY,
            COUNTRIES,
            "reads 'it', but there is no partition 'it'. There are de, fr, us.",
            id="no such key",
        ),
        pytest.param(
            Table({"eu": "de"}),
            None,
            COUNTRIES,
            "pairs keys by a table, but one of both has no partitions",
            id="table",
        ),
        pytest.param(
            Table({"eu": "de", "uk": "fr"}),
            REGIONS,
            COUNTRIES,
            "pairs 'uk', but there is no partition 'uk'. There are eu, us.",
            id="row",
        ),
        pytest.param(
            Table({"eu": ["dd"]}),
            REGIONS,
            COUNTRIES,
            "reads 'dd', but there is no partition 'dd'. There are de, fr, us.",
            id="read",
        ),
    ],
)
def test_a_mapping_that_cannot_work_says_why(
    mapping: PartitionMapping, down: Partitions | None, up: Partitions | None, problem: str
) -> None:
    assert mapping.problems(down, up) == [problem]


@pytest.mark.parametrize(
    ("down", "up"),
    [
        pytest.param(
            Daily(start="2024-01-01", timezone="America/New_York"), HOURLY, id="days elsewhere over hours"
        ),
        pytest.param(
            Hourly(start="2024-01-01", timezone="America/New_York"),
            Hourly(start="2024-01-01"),
            id="hours elsewhere",
        ),
        pytest.param(
            Daily(start="2024-01-01", timezone="America/New_York"),
            Daily(start="2024-01-01", timezone="America/Toronto"),
            id="zones of the same time",
        ),
        pytest.param(Cron(cron="0 0 * * 1-5", start="2024-01-01"), DAILY, id="some days over days"),
    ],
)
def test_windows_that_begin_together_may_be_of_two_zones(down: Partitions, up: Partitions) -> None:
    assert Overlap().problems(down, up) == []


@pytest.mark.parametrize(
    ("mapping", "back"),
    [
        pytest.param(Overlap(start_offset=-2, end_offset=-1), True, id="earlier windows"),
        pytest.param(Overlap(start_offset=-2), False, id="earlier windows and its own"),
        pytest.param(
            Dimensions(day=Overlap(start_offset=-1, end_offset=-1)), True, id="earlier, of all keys"
        ),
        pytest.param(Dimensions(day=Overlap(), region=Identity()), False, id="its own"),
        *[
            pytest.param(each, False, id=str(each))
            for each in (All(), Identity(), Last(), Specific(), Table({}))
        ],
    ],
)
def test_which_mappings_go_back(mapping: PartitionMapping, back: bool) -> None:
    assert mapping.goes_back == back


def test_nothing_reads_nothing() -> None:
    nothing = PartitionSet({})
    for mapping in (All(), Last(), Specific("de"), Identity(), Table({"eu": "de"})):
        assert mapping.upstream(nothing, REGIONS, COUNTRIES, HORIZON) == (nothing, nothing)
        assert mapping.downstream(nothing, REGIONS, COUNTRIES, HORIZON) == nothing
    assert All().downstream(ONLY, DAILY, None, HORIZON) == HORIZON.existing(DAILY)
