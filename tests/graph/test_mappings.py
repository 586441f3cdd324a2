from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.mappings import (
    All,
    Dimensions,
    Identity,
    Last,
    Overlap,
    PartitionMapping,
    Specific,
    Table,
    default_mapping,
)
from graph.partitions import (
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
    TimePartitions,
    Weekly,
    is_timed,
)
from graph.time_partitions import between

HOLIDAYS = {date(2024, 3, 29), date(2024, 11, 5)}


def weekdays(calendar: str, first: date, last: date) -> Sequence[date]:
    del calendar
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5 and day not in HOLIDAYS]


class Case(NamedTuple):
    """Two assets, the mapping between them, and a moment."""

    mapping: PartitionMapping
    down: Partitions | None
    up: Partitions | None
    horizon: Horizon


CHANGES = [date(2024, 3, 10), date(2024, 3, 31), date(2024, 11, 3), date(2024, 10, 6), date(2024, 4, 7)]
ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"]
CRONS = ["0 11 * * *", "0 */6 * * *", "30 1,2 * * *", "0 0 * * 1,4", "*/40 * * * *"]


@st.composite
def windows(draw: st.DrawFn, change: date, zone: str) -> TimePartitions:
    """Windows of a zone that begin about a week before the clocks change."""
    start = change - draw(st.timedeltas(timedelta(days=-1), timedelta(days=8)))
    shared = {
        "start": st.just(str(start)),
        "timezone": st.just(zone),
        "calendar": st.sampled_from([None, None, "XNYS"]),
        "end_offset": st.sampled_from([0, 0, 1]),
    }
    clocks = {"hour_offset": st.sampled_from([0, 0, 2, 17]), "minute_offset": st.sampled_from([0, 0, 30])}
    long = shared | {"start": st.just(str(start - timedelta(days=60)))}
    return draw(
        st.one_of(
            st.builds(Hourly, minute_offset=st.sampled_from([0, 30]), **shared),
            st.builds(Daily, **shared, **clocks),
            st.builds(Weekly, day_offset=st.integers(0, 6), **long, **clocks),
            st.builds(Monthly, day_offset=st.integers(1, 28), **long, **clocks),
            st.builds(Cron, cron=st.sampled_from(CRONS), **shared),
        )
    )


@st.composite
def overlaps(draw: st.DrawFn) -> Case:
    """Windows over windows of the same zone, around a change of the clocks."""
    change, zone = draw(st.sampled_from(CHANGES)), draw(st.sampled_from(ZONES))
    down = draw(windows(change, zone))
    up = draw(st.one_of(windows(change, zone), st.just(down), st.just(replace(down, end_offset=2))))
    start = draw(st.integers(-3, 2))
    now = datetime(change.year, change.month, change.day, 5, 30, tzinfo=UTC)
    now += draw(st.timedeltas(timedelta(days=-2), timedelta(days=4)))
    return Case(
        Overlap(start_offset=start, end_offset=start + draw(st.integers(0, 4))),
        down,
        up,
        Horizon(now=now, sessions=weekdays),
    )


DAYS, WEEKS = Daily(start="2024-03-25", calendar="XNYS"), Weekly(start="2024-02-01")
LETTERS, MORE = Static("a", "b"), Static("a", "b", "c")
GRID, GRID_OF_WEEKS = Product(day=DAYS, key=LETTERS), Product(week=WEEKS, key=MORE)
EARLIER = Overlap(start_offset=-1, end_offset=-1)
others = st.sampled_from(
    [
        (All(), DAYS, WEEKS),
        (All(), None, DAYS),
        (All(), DAYS, None),
        (Last(), DAYS, WEEKS),
        (Last(), GRID, GRID),
        (Specific("a", "c"), DAYS, MORE),
        (Specific("2024-04-02", "2031-01-01"), LETTERS, DAYS),
        (Identity(), LETTERS, MORE),
        (Identity(), Dynamic("keys"), MORE),
        (Identity(), WEEKS, Daily(start="2024-03-01")),
        (Identity(), GRID, Product(day=Daily(start="2024-03-28"), key=MORE)),
        (Identity(), Product(day=WEEKS, key=LETTERS), Product(day=Daily(start="2024-03-01"), key=MORE)),
        (Table({"a": ["c", "b"], "b": "b"}), LETTERS, MORE),
        (Dimensions(day=EARLIER, key=Identity()), GRID, GRID),
        (Dimensions(day=EARLIER), GRID, GRID),
        (Dimensions(key=Table({"a": "c"})), GRID, GRID_OF_WEEKS),
        (Dimensions(day=Overlap(start_offset=-2)), GRID, DAYS),
        (Dimensions(week=Overlap()), DAYS, GRID_OF_WEEKS),
        (Dimensions(key=Identity()), LETTERS, GRID),
        (Dimensions(a=Identity(), b=Last()), Product(a=LETTERS, b=DAYS), Product(b=WEEKS, a=MORE)),
        (Dimensions(b=EARLIER), Product(a=WEEKS, b=DAYS), Product(b=DAYS, a=LETTERS)),
    ]
)
cases = st.one_of(
    overlaps(),
    st.builds(
        lambda case, day: Case(
            *case,
            Horizon(
                now=datetime(2024, 4, day, 12, tzinfo=UTC),
                sessions=weekdays,
                dynamic=lambda _: ["c", "x", "a"],
            ),
        ),
        others,
        st.integers(1, 8),
    ),
)


@given(cases)
def test_the_two_directions_are_inverse_and_distribute(case: Case) -> None:
    mapping, down, up, horizon = case
    assert mapping.problems(down, up) == []
    ours, theirs = horizon.existing(down), horizon.existing(up)
    reads = {each: mapping.upstream(PartitionSet.of([each]), down, up, horizon) for each in ours}
    for each in theirs:
        readers = PartitionSet.of(one for one, mapped in reads.items() if each in mapped.read)
        assert mapping.downstream(PartitionSet.of([each]), down, up, horizon) == readers
    whole = mapping.upstream(ours, down, up, horizon)
    assert whole.read == PartitionSet.union(mapped.read for mapped in reads.values())
    assert whole.absent == PartitionSet.union(mapped.absent for mapped in reads.values())
    assert whole.read <= theirs
    readers = PartitionSet.of(one for one, mapped in reads.items() if mapped.read)
    assert mapping.downstream(theirs, down, up, horizon) == readers


@given(cases, st.data())
def test_unions_of_some_are_some_of_unions(case: Case, data: st.DataObject) -> None:
    mapping, down, up, horizon = case
    ours, theirs = list(horizon.existing(down)), list(horizon.existing(up))
    one, other = (PartitionSet.of(each for each in ours if data.draw(st.booleans())) for _ in range(2))
    left, right, both = (mapping.upstream(each, down, up, horizon) for each in (one, other, one | other))
    assert both == (left.read | right.read, left.absent | right.absent)
    one, other = (PartitionSet.of(each for each in theirs[:40] if data.draw(st.booleans())) for _ in range(2))
    found = [mapping.downstream(each, down, up, horizon) for each in (one, other, one | other)]
    assert found[2] == found[0] | found[1]


@given(overlaps())
def test_what_overlaps_is_what_overlaps(case: Case) -> None:
    mapping, down, up, horizon = case
    assert isinstance(mapping, Overlap)
    assert is_timed(down)
    assert is_timed(up)
    ours = horizon.existing(down)
    if not ours:
        return
    edges = [ordinal for _, *span in ours.ranges() for ordinal in span]
    row = list(between(down, min(edges) - 100, max(edges) + 100, horizon))
    for each in ours:
        begin = down.window(row[row.index(each) + mapping.start_offset]).start.timestamp()
        end = down.window(row[row.index(each) + mapping.end_offset]).end.timestamp()
        overlapping = [
            other
            for other in horizon.existing(up)
            if up.window(other).start.timestamp() < end and begin < up.window(other).end.timestamp()
        ]
        assert list(mapping.upstream(PartitionSet.of([each]), down, up, horizon).read) == overlapping


@pytest.mark.parametrize(
    ("down", "up", "mapping"),
    [
        pytest.param(None, None, All(), id="no partitions"),
        pytest.param(None, DAYS, All(), id="over partitions"),
        pytest.param(LETTERS, None, All(), id="over none"),
        pytest.param(DAYS, DAYS, Overlap(), id="the same windows"),
        pytest.param(DAYS, WEEKS, Overlap(), id="other windows"),
        pytest.param(LETTERS, LETTERS, Identity(), id="keys"),
        pytest.param(Dynamic("a"), Dynamic("a"), Identity(), id="dynamic keys"),
        pytest.param(GRID, GRID, Identity(), id="products"),
        pytest.param(GRID, DAYS, Dimensions(day=Identity()), id="the dimension that is the same"),
        pytest.param(LETTERS, GRID, Dimensions(key=Identity()), id="in the other direction"),
        pytest.param(GRID, WEEKS, Dimensions(day=Overlap()), id="the dimension that is time as well"),
        pytest.param(WEEKS, GRID, Dimensions(day=Overlap()), id="also in the other direction"),
        pytest.param(GRID, MORE, Identity(), id="none that is the same, which cannot work"),
        pytest.param(Product(a=LETTERS, b=LETTERS), LETTERS, Identity(), id="two that are the same, neither"),
    ],
)
def test_defaults_are_those_of_dagster(
    down: Partitions | None, up: Partitions | None, mapping: PartitionMapping
) -> None:
    assert default_mapping(down, up) == mapping


def test_ten_thousand_mappings_of_a_thousand_days_enumerate_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def enumerated(self: PartitionSet) -> None:
        raise AssertionError(f"{self} was enumerated")

    monkeypatch.setattr(PartitionSet, "__iter__", enumerated)
    daily, hourly = Daily(start="2021-06-25"), Hourly(start="2021-06-25", timezone="America/New_York")
    horizon = Horizon(now=datetime(2024, 3, 20, tzinfo=UTC), sessions=weekdays)
    of = horizon.existing(daily)
    assert len(of) == 999
    for mapping in (Identity(), Overlap(), Overlap(start_offset=-19), All(), Last()):
        for _ in range(100):
            assert mapping.upstream(of, daily, daily, horizon).absent == PartitionSet({})
    days = replace(daily, timezone="America/New_York")
    assert len(Overlap().upstream(horizon.existing(days), days, hourly, horizon).read) == 998 * 24
