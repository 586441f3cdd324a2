from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.partition_text import batches, chosen, described
from graph.partitions import (
    ONLY,
    BadPartition,
    Cron,
    Daily,
    Dynamic,
    Horizon,
    Hourly,
    Monthly,
    Partition,
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
    now=datetime(2024, 3, 20, 12, tzinfo=UTC), sessions=weekdays, dynamic=lambda _: ["MSFT", "AAPL", "all"]
)
DAILY = Daily(start="2024-01-01")
SESSIONS = Daily(start="2024-01-01", calendar="XNYS")
HOURLY = Hourly(start="2024-03-01")
WEEKLY = Weekly(start="2024-01-01")
MONTHLY = Monthly(start="2023-01-01")
STATIC = Static("AAPL", "MSFT", "latest")
BOTH = Product(day=SESSIONS, symbol=Static("AAPL", "MSFT", "NVDA"))
AUTUMN = Hourly(start="2023-11-05", end="2023-11-05", timezone="America/New_York")


@pytest.mark.parametrize(
    ("partitions", "text", "expected"),
    [
        pytest.param(DAILY, "2024-03-01", "2024-03-01", id="a key"),
        pytest.param(DAILY, "2024-03-01,2024-03-05", "2024-03-01, 2024-03-05", id="a list"),
        pytest.param(
            DAILY, "2024-03-01..2024-03-03", "2024-03-01..2024-03-03 (3)", id="a range, both ends included"
        ),
        pytest.param(DAILY, "2024-03-18..", "2024-03-18..2024-03-19 (2)", id="without an end"),
        pytest.param(
            DAILY, "..2024-01", "2024-01-01..2024-01-31 (31)", id="without a start, to the end of a month"
        ),
        pytest.param(
            DAILY, "2020..2024-01-02", "2024-01-01..2024-01-02 (2)", id="from before there were any"
        ),
        pytest.param(DAILY, "2024-02", "2024-02-01..2024-02-29 (29)", id="a month of days"),
        pytest.param(DAILY, "2024", "2024-01-01..2024-03-19 (79)", id="a year of days, as far as they exist"),
        pytest.param(DAILY, "latest", "2024-03-19", id="the latest"),
        pytest.param(DAILY, "all", "2024-01-01..2024-03-19 (79)", id="all"),
        pytest.param(DAILY, "2024-01-01, latest", "2024-01-01, 2024-03-19", id="words in a list"),
        pytest.param(SESSIONS, "2024-03-08..2024-03-11", "2024-03-08..2024-03-11 (2)", id="sessions only"),
        pytest.param(HOURLY, "2024-03-01", "2024-03-01-00:00..2024-03-01-23:00 (24)", id="a day of hours"),
        pytest.param(HOURLY, "2024-03-01-07", "2024-03-01-07:00", id="an hour"),
        pytest.param(
            HOURLY, "2024-03-01-23:00..2024-03-02-01:00", "2024-03-01-23:00..2024-03-02-01:00 (3)", id="hours"
        ),
        pytest.param(AUTUMN, "2023-11-05-01:00", "2023-11-05-01:00", id="the first pass of an hour"),
        pytest.param(AUTUMN, "2023-11-05-01:00-0500", "2023-11-05-01:00-0500", id="the second pass"),
        pytest.param(AUTUMN, "2023-11-05", "2023-11-05-00:00..2023-11-05-23:00 (25)", id="a day of 25 hours"),
        pytest.param(
            WEEKLY, "2024-02", "2024-02-04..2024-02-25 (4)", id="a month of weeks: those that begin in it"
        ),
        pytest.param(MONTHLY, "2023-11..", "2023-11-01..2024-02-01 (4)", id="months"),
        pytest.param(MONTHLY, "2023-11", "2023-11-01", id="a month of months"),
        pytest.param(
            Cron(cron="30 1 * * 1", start="2024-01-01"),
            "2024-01",
            "2024-01-01..2024-01-29 (5)",
            id="ticks",
        ),
        pytest.param(STATIC, "AAPL,MSFT", "AAPL, MSFT", id="keys"),
        pytest.param(STATIC, "latest", "latest", id="a key that is a word of the language"),
        pytest.param(STATIC, "all", "AAPL, MSFT, latest", id="all keys"),
        pytest.param(Dynamic("symbols"), "all", "all", id="also where it is all"),
        pytest.param(BOTH, "2024-03-01|AAPL", "AAPL: 2024-03-01", id="a key of a product"),
        pytest.param(
            BOTH, "2024-03-01|AAPL,2024-03-04|MSFT", "AAPL: 2024-03-01; MSFT: 2024-03-04", id="several"
        ),
        pytest.param(
            BOTH,
            "day=2024-03-01..2024-03-04,symbol=AAPL",
            "AAPL: 2024-03-01..2024-03-04 (2)",
            id="dimensions",
        ),
        pytest.param(
            BOTH, "symbol=AAPL|MSFT,day=latest", "AAPL, MSFT: 2024-03-19", id="several values of a dimension"
        ),
        pytest.param(BOTH, "symbol=AAPL,MSFT,day=latest", "AAPL, MSFT: 2024-03-19", id="also with commas"),
        pytest.param(
            BOTH, "symbol=NVDA", "NVDA: 2024-01-01..2024-03-19 (57)", id="a dimension that is not named"
        ),
        pytest.param(BOTH, "latest", "AAPL, MSFT, NVDA: 2024-03-19", id="the latest of a product"),
        pytest.param(
            BOTH, "all", "AAPL, MSFT, NVDA: 2024-01-01..2024-03-19 (57 each)", id="all of a product"
        ),
        pytest.param(None, "all", "everything", id="an asset without partitions"),
    ],
)
def test_a_choice_names(partitions: Partitions | None, text: str, expected: str) -> None:
    existing = HORIZON.existing(partitions)
    found = chosen(text, partitions, existing)
    assert found <= existing
    assert described(found, partitions, existing) == expected


@pytest.mark.parametrize(
    ("partitions", "text", "message"),
    [
        pytest.param(
            DAILY,
            "2024-03-20",
            "there is no partition '2024-03-20'; what exists is 2024-01-01..2024-03-19 (79).",
            id="not yet",
        ),
        pytest.param(
            SESSIONS,
            "2024-03-09",
            "there is no partition '2024-03-09'; what exists is 2024-01-01..2024-03-19 (57).",
            id="closed",
        ),
        pytest.param(
            DAILY,
            "2025..2026",
            "there is no partition '2025..2026'; what exists is 2024-01-01..2024-03-19 (79).",
            id="later",
        ),
        pytest.param(
            DAILY, "2024-03-02..2024-03-01", "'2024-03-02..2024-03-01' ends before it starts.", id="backwards"
        ),
        pytest.param(
            DAILY,
            "march",
            "'march' is no time: write it like 2024-01-01, or shorter, or a range.",
            id="no time",
        ),
        pytest.param(
            WEEKLY,
            "2024-03-05",
            "no partition begins at '2024-03-05': it lies in 2024-03-03.",
            id="within a week",
        ),
        pytest.param(STATIC, "APPL", "there is no partition 'APPL'. Did you mean 'AAPL'?", id="a near miss"),
        pytest.param(
            Dynamic("symbols"),
            "MSTF",
            "there is no partition 'MSTF'; what exists is AAPL, MSFT, all. Did you mean 'MSFT'?",
            id="not added",
        ),
        pytest.param(
            Dynamic("symbols"),
            "latest",
            "'latest' is of partitions of time, and these are keys.",
            id="no time in keys",
        ),
        pytest.param(
            BOTH,
            "symbl=AAPL",
            "'symbl=AAPL' names a dimension that does not exist. Did you mean 'symbol'?",
            id="dimension",
        ),
        pytest.param(
            BOTH, "symbol=APPL", "there is no partition 'APPL'. Did you mean 'AAPL'?", id="in a dimension"
        ),
        pytest.param(BOTH, "AAPL", "'AAPL' is no partition: write day|symbol.", id="no key of a product"),
        pytest.param(
            BOTH,
            "2024-03-09|AAPL",
            "there is no partition '2024-03-09|AAPL'; what exists is AAPL, MSFT, NVDA: "
            "2024-01-01..2024-03-19 (57 each).",
            id="closed for a product",
        ),
        pytest.param(None, "2024", "'2024' names partitions of an asset that has none.", id="no partitions"),
    ],
)
def test_a_choice_of_nothing_says_what_there_is(
    partitions: Partitions | None, text: str, message: str
) -> None:
    with pytest.raises(BadPartition) as refused:
        chosen(text, partitions, HORIZON.existing(partitions))
    assert str(refused.value) == message


MONDAY = date(2024, 3, 4).toordinal()


@pytest.mark.parametrize(
    ("partitions", "found", "expected"),
    [
        pytest.param(DAILY, PartitionSet({}), "none", id="nothing"),
        pytest.param(None, ONLY, "everything", id="an asset without partitions"),
        pytest.param(DAILY, PartitionSet.span(MONDAY, MONDAY), "2024-03-04", id="one"),
        pytest.param(
            DAILY, PartitionSet.span(MONDAY, MONDAY + 6), "2024-03-04..2024-03-10 (7)", id="a range"
        ),
        pytest.param(
            DAILY,
            PartitionSet.ranged([("", MONDAY, MONDAY + 1), ("", MONDAY + 4, MONDAY + 4)]),
            "2024-03-04..2024-03-05, 2024-03-08 (3)",
            id="few ranges",
        ),
        pytest.param(
            DAILY,
            PartitionSet.ranged(("", MONDAY + day, MONDAY + day) for day in (0, 2, 4, 6)),
            "2024-03-04..2024-03-10 (4)",
            id="many ranges",
        ),
        pytest.param(
            SESSIONS,
            PartitionSet.ranged(("", MONDAY + 7 * week, MONDAY + 7 * week + 4) for week in (-2, -1, 0)),
            "2024-02-19..2024-03-08 (15)",
            id="over weekends",
        ),
        pytest.param(
            Static(*"abcdefgh"),
            PartitionSet.of(map(Partition, "abcdefgh")),
            "a, b, c and 5 more",
            id="many keys",
        ),
        pytest.param(
            BOTH,
            PartitionSet.ranged([("AAPL", MONDAY, MONDAY + 4), ("MSFT", MONDAY, MONDAY)]),
            "AAPL: 2024-03-04..2024-03-08 (5); MSFT: 2024-03-04",
            id="slices that differ",
        ),
        pytest.param(
            BOTH,
            PartitionSet.ranged((name, MONDAY, MONDAY + number) for number, name in enumerate("abcd")),
            "4 keys: 2024-03-04..2024-03-07 (10)",
            id="many slices that differ",
        ),
    ],
)
def test_a_set_is_described(partitions: Partitions | None, found: PartitionSet, expected: str) -> None:
    assert described(found, partitions, HORIZON.existing(partitions)) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        pytest.param(None, ["2024-02-26..2024-03-08 (10)", "2024-03-12"], id="as long as they are"),
        pytest.param(
            4,
            [
                "2024-02-26..2024-02-29 (4)",
                "2024-03-01..2024-03-06 (4)",
                "2024-03-07..2024-03-08 (2)",
                "2024-03-12",
            ],
            id="at most four, over the weekend",
        ),
        pytest.param(
            1,
            [
                f"2024-{day}"
                for day in "02-26 02-27 02-28 02-29 03-01 03-04 03-05 03-06 03-07 03-08 03-12".split()
            ],
            id="one by one",
        ),
    ],
)
def test_batches_are_stretches_of_what_exists(size: int | None, expected: list[str]) -> None:
    existing = HORIZON.existing(SESSIONS)
    found = chosen("2024-02-26..2024-03-08,2024-03-12", SESSIONS, existing)
    assert [described(each, SESSIONS, existing) for each in batches(found, existing, size)] == expected


@given(
    st.sets(st.tuples(st.sampled_from("ab"), st.integers(0, 30))),
    st.sets(st.tuples(st.sampled_from("ab"), st.integers(0, 30))),
    st.integers(1, 5),
)
def test_batches_lose_and_add_nothing(
    some: set[tuple[str, int]], more: set[tuple[str, int]], size: int
) -> None:
    found = PartitionSet.of(Partition(*each) for each in some)
    existing = PartitionSet.of(Partition(*each) for each in some | more)
    parts = list(batches(found, existing, size))
    assert PartitionSet.union(parts) == found
    assert sum(map(len, parts)) == len(found)
    assert all(len(part) <= size and len(part.spans) == 1 for part in parts)
    for part in parts:
        (name,) = part.spans
        assert (PartitionSet.span(min(part).ordinal, max(part).ordinal, name) & existing) == part
