"""The project's own checks of one table: age, clock, gaps, units, what was known when; in all three ways of reading."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks import (
    Check,
    InvalidCheck,
    ParquetFiles,
    Verdict,
    column,
    complete,
    evaluate,
    local_time,
    not_all_zero,
    point_in_time,
    recent,
    time_zone,
    unit,
)

Judge: TypeAlias = Callable[..., Verdict]

NOW = datetime(2024, 5, 17, 12, tzinfo=UTC)
NAN = math.nan
HOUR = timedelta(hours=1)
NEW_YORK = "America/New_York"


@pytest.fixture(params=["python", "sql", "parquet"])
def judge(request: pytest.FixtureRequest, tmp_path: Path) -> Judge:
    """Judges one check on a table given by its columns, in one of the three ways."""

    def judged(columns: dict[str, Any], declared: Check) -> Verdict:
        table = pa.table(columns)
        data: Any = table
        if request.param == "parquet":
            path = tmp_path / "data.parquet"
            pq.write_table(table, path)
            data = ParquetFiles(paths=(str(path),))
        (verdict,) = evaluate(
            data, [declared], now=NOW, small_rows=10**9 if request.param == "python" else -1
        )
        return verdict

    return judged


def utc(*values: datetime | None, unit: str = "us", zone: str | None = "UTC") -> pa.Array:
    return pa.array(values, pa.timestamp(unit, zone))


def days(*texts: str | None) -> pa.Array:
    return pa.array([None if text is None else date.fromisoformat(text) for text in texts], pa.date32())


def at(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


office = local_time("at", time(9, 30), time(16), timezone=NEW_YORK)
night = local_time("at", time(22), time(4), timezone="UTC")
workdays = local_time(
    "at", time(0), time(23), timezone="Asia/Tokyo", weekdays=["mon", "tue", "wed", "thu", "fri"]
)
returns = unit("x", 0.001, 0.05)


@pytest.mark.parametrize(
    ("columns", "declared", "failing"),
    [
        pytest.param({"at": utc(at("2024-01-03 14:30"))}, office, 0, id="the opening in winter"),
        pytest.param({"at": utc(at("2024-07-03 13:30"))}, office, 0, id="the opening in summer"),
        pytest.param({"at": utc(at("2024-07-03 13:29:59.999999"))}, office, 1, id="just before it"),
        pytest.param({"at": utc(at("2024-01-03 13:30"))}, office, 1, id="an hour off in winter"),
        pytest.param({"at": utc(at("2024-01-03 21:00"))}, office, 0, id="the close is included"),
        pytest.param({"at": utc(at("2024-01-03 21:00:00.000001"))}, office, 1, id="just after it"),
        pytest.param(
            {"at": pa.array([1704315600000000001], pa.timestamp("ns", "UTC"))},
            office,
            1,
            id="a nanosecond after it",
        ),
        pytest.param({"at": utc(at("2024-01-03 15:00"), unit="s")}, office, 0, id="in seconds"),
        pytest.param({"at": utc(at("1901-01-03 15:00"))}, office, 0, id="long before 1970"),
        pytest.param(
            {"at": utc(at("2024-01-03 15:00"), zone="Asia/Tokyo")}, office, 0, id="stored in another zone"
        ),
        pytest.param(
            {"at": utc(datetime(2024, 1, 3, 15), zone=None)},  # noqa: DTZ001  # a naive one is UTC
            office,
            0,
            id="a naive time is UTC",
        ),
        pytest.param({"at": utc(None, at("2024-01-03 03:00"))}, office, 1, id="nulls pass"),
        pytest.param({"at": utc()}, office, 0, id="no times"),
        pytest.param({"at": pa.nulls(2)}, office, 0, id="nothing but nulls"),
        pytest.param(
            {"at": utc(*(at(f"2024-01-03 {clock}") for clock in ("22:00", "01:00", "04:00", "12:00")))},
            night,
            1,
            id="a span past midnight",
        ),
        pytest.param({"at": utc(at("2024-01-07 16:00"))}, workdays, 0, id="Monday in Tokyo, Sunday in UTC"),
        pytest.param({"at": utc(at("2024-01-05 16:00"))}, workdays, 1, id="Saturday in Tokyo, Friday in UTC"),
        pytest.param(
            {"known": utc(NOW, NOW + HOUR), "decided": utc(NOW, NOW)},
            point_in_time("known", "decided"),
            1,
            id="known at the decision, and after it",
        ),
        pytest.param(
            {"known": utc(None, NOW), "decided": utc(NOW, None)},
            point_in_time("known", "decided"),
            1,
            id="never known fails, never decided passes",
        ),
        pytest.param(
            {"known": days("2024-05-17", "2024-05-18"), "decided": utc(NOW, NOW)},
            point_in_time("known", "decided"),
            1,
            id="a date is its midnight",
        ),
        pytest.param(
            {
                "known": pa.array([1_000_000_001, 1_000_000_000], pa.timestamp("ns")),
                "decided": pa.array([1, 1], pa.timestamp("s", "UTC")),
            },
            point_in_time("known", "decided"),
            1,
            id="units and zones may differ",
        ),
        pytest.param(
            {"known": utc(), "decided": utc()}, point_in_time("known", "decided"), 0, id="no decisions"
        ),
        pytest.param({"x": [0, None, 2]}, not_all_zero("x"), 0, id="one number is enough"),
        pytest.param({"x": [0, None, 0]}, not_all_zero("x"), 1, id="zeros and nulls"),
        pytest.param({"x": [0.0, -0.0, NAN]}, not_all_zero("x"), 1, id="a NaN is no number"),
        pytest.param(
            {"x": pa.array([], pa.int64())}, not_all_zero("x"), 1, id="nothing is different from zero"
        ),
        pytest.param({"x": [Decimal("0.00"), Decimal("0.01")]}, not_all_zero("x"), 0, id="a cent"),
        pytest.param({"x": pa.nulls(2)}, not_all_zero("x"), 1, id="an empty column"),
        pytest.param(
            {"x": [0, 1, 0, 0], "g": ["a", "a", "b", None]}, not_all_zero("x", by="g"), 2, id="each group"
        ),
        pytest.param(
            {"x": pa.array([], pa.int64()), "g": pa.array([], pa.string())},
            not_all_zero("x", by="g"),
            0,
            id="no groups",
        ),
        pytest.param(
            {"x": [0, 1], "g": ["a", "b"]},
            not_all_zero("x", row_condition=column("g") == "a"),
            1,
            id="among some rows",
        ),
    ],
)
def test_what_fails_is_counted(judge: Judge, columns: dict[str, Any], declared: Check, failing: int) -> None:
    verdict = judge(columns, declared)
    assert verdict.error is None
    assert (verdict.passed, verdict.failing) == (failing == 0, failing)


@pytest.mark.parametrize(
    ("columns", "declared", "passed", "observed"),
    [
        pytest.param(
            {"at": utc(NOW - HOUR, NOW - 5 * HOUR, None)}, recent("at", HOUR), True, "2024-05-17T11:00:00+00:00",
            id="exactly so old",
        ),
        pytest.param(
            {"at": utc(NOW - HOUR - timedelta(microseconds=1))}, recent("at", HOUR), False,
            "2024-05-17T10:59:59.999999+00:00", id="a microsecond older",
        ),
        pytest.param({"at": days("2024-05-17")}, recent("at", 12 * HOUR), True, "2024-05-17", id="midnight"),
        pytest.param({"at": days("2024-05-16")}, recent("at", 12 * HOUR), False, "2024-05-16", id="yesterday"),
        pytest.param({"at": utc(None)}, recent("at", HOUR), False, None, id="nothing is not recent"),
        pytest.param({"at": utc()}, recent("at", HOUR), False, None, id="no rows are not recent"),
        pytest.param({"at": pa.nulls(1)}, recent("at", HOUR), False, None, id="only nulls"),
        pytest.param({"at": utc(NOW + HOUR)}, recent("at", HOUR), True, "2024-05-17T13:00:00+00:00", id="ahead"),
        pytest.param({"x": [0.01, -0.02, 0.0, None, 0.03]}, returns, True, 0.02, id="fractions"),
        pytest.param({"x": [1.0, -2.0, 0.0, 3.0]}, returns, False, 2.0, id="percentages"),
        pytest.param({"x": [0.001]}, returns, True, 0.001, id="the low bound is included"),
        pytest.param({"x": [0.05]}, returns, True, 0.05, id="and so is the high one"),
        pytest.param({"x": [0.0, None]}, returns, True, None, id="zeros have no size"),
        pytest.param({"x": pa.array([], pa.float64())}, returns, True, None, id="no numbers"),
        pytest.param({"x": [Decimal("0.01")]}, returns, True, 0.01, id="decimals"),
        pytest.param({"x": [2, -3, 4]}, unit("x", 0.5, 20, unit="percent"), True, 3.0, id="whole percentages"),
    ],
)  # fmt: skip
def test_what_decides_is_observed(
    judge: Judge, columns: dict[str, Any], declared: Check, passed: bool, observed: object
) -> None:
    verdict = judge(columns, declared)
    assert verdict.error is None
    assert (verdict.passed, verdict.observed) == (passed, observed)


def test_a_nan_has_no_unit(judge: Judge) -> None:
    assert not judge({"x": [0.01, 0.02, NAN]}, returns).passed


@pytest.mark.parametrize(
    ("kind", "passed", "observed"),
    [
        pytest.param(pa.timestamp("us", NEW_YORK), True, NEW_YORK, id="the zone"),
        pytest.param(pa.timestamp("us", "UTC"), False, "UTC", id="another"),
        pytest.param(pa.timestamp("ns"), False, "no time zone", id="none"),
    ],
)
def test_the_schema_tells_the_time_zone(judge: Judge, kind: pa.DataType, passed: bool, observed: str) -> None:
    verdict = judge({"at": pa.array([], kind)}, time_zone("at", NEW_YORK))
    assert (verdict.passed, verdict.observed, verdict.error) == (passed, observed, None)


friday = days("2024-01-05", "2024-01-08", None)
hours = utc(*(at(f"2024-01-05 {hour:02}:15") for hour in (0, 1, 1, 4)))


@pytest.mark.parametrize(
    ("columns", "declared", "missing"),
    [
        pytest.param({"d": friday}, complete("d", calendar="day"), ["2024-01-06", "2024-01-07"], id="days"),
        pytest.param({"d": friday}, complete("d", calendar="weekday"), [], id="a weekend"),
        pytest.param({"d": friday}, complete("d", calendar="XNYS"), [], id="an exchange rests on weekends"),
        pytest.param(
            {"d": days("2024-01-12", "2024-01-17")}, complete("d", calendar="XNYS"), ["2024-01-16"],
            id="and on holidays",
        ),
        pytest.param(
            {"d": days("2024-01-12", "2024-01-17")}, complete("d", calendar="weekday"),
            ["2024-01-15", "2024-01-16"], id="which weekdays know nothing of",
        ),
        pytest.param({"d": days("2024-01-06")}, complete("d", calendar="XNYS"), [], id="only a Saturday"),
        pytest.param(
            {"d": days("2024-01-06", "2024-01-09")}, complete("d", calendar="XNYS"), ["2024-01-08"],
            id="the first one need not be a session",
        ),
        pytest.param({"d": days()}, complete("d", calendar="XNYS"), [], id="no rows"),
        pytest.param({"d": days(None)}, complete("d", calendar="day"), [], id="only nulls"),
        pytest.param({"d": pa.nulls(2)}, complete("d", calendar="day"), [], id="an empty column"),
        pytest.param(
            {"d": days("1969-12-30", "1970-01-02")}, complete("d", calendar="day"), ["1969-12-31", "1970-01-01"],
            id="around 1970",
        ),
        pytest.param(
            {"d": hours}, complete("d", calendar="hour"),
            ["2024-01-05T02:00:00+00:00", "2024-01-05T03:00:00+00:00"], id="hours",
        ),
        pytest.param(
            {"d": utc(at("2024-01-05 02:00"), at("2024-01-07 02:00"))},
            complete("d", calendar="day", timezone=NEW_YORK), ["2024-01-05"], id="days in New York",
        ),
        pytest.param(
            {"d": days("2024-05-13")}, complete("d", calendar="day", through=date(2024, 5, 15)),
            ["2024-05-14", "2024-05-15"], id="through a date",
        ),
        pytest.param(
            {"d": days("2024-05-15")}, complete("d", calendar="day", through=timedelta(days=1)),
            ["2024-05-16"], id="until a day ago",
        ),
        pytest.param(
            {"d": utc(NOW - 2 * HOUR)}, complete("d", calendar="hour", through=timedelta(0)),
            ["2024-05-17T11:00:00+00:00", "2024-05-17T12:00:00+00:00"], id="until now",
        ),
        pytest.param(
            {"d": days("2024-01-03", "2024-01-05")},
            complete("d", calendar="day", row_condition="d < DATE '2024-01-04'"), [], id="among some rows",
        ),
    ],
)  # fmt: skip
def test_missing_dates_are_named(
    judge: Judge, columns: dict[str, Any], declared: Check, missing: list[str]
) -> None:
    verdict = judge(columns, declared)
    assert verdict.error is None
    assert (verdict.passed, verdict.failing) == (not missing, len(missing))
    assert [row["missing"] for row in verdict.sample] == missing


def test_each_group_has_its_own_span(judge: Judge) -> None:
    columns = {
        "d": days("2024-01-01", "2024-01-03", "2024-01-10", "2024-01-12", "2024-01-12", "2024-01-05"),
        "g": ["a", "a", None, None, None, "b"],
        "n": [1, 1, 2, 2, 2, 2],
    }
    verdict = judge(columns, complete("d", calendar="day", by=["g", "n"]))
    assert verdict.sample == (
        {"g": "a", "n": 1, "missing": "2024-01-02"},
        {"g": None, "n": 2, "missing": "2024-01-11"},
    )
    assert (verdict.counted, verdict.failing, verdict.rows) == (7, 2, 6)
    assert verdict.describe().startswith("complete(d by g, n) fails for 2 missing times")


def test_many_groups_over_many_years_are_judged_at_once() -> None:
    from checks.completeness import _dates

    sessions = _dates("XNYS", 7305, 19_000)  # 1990 to 2022
    count = len(sessions)
    table = pa.table(
        {
            "d": pa.concat_arrays([pa.array(sessions).cast(pa.date32())] * 100),
            "g": pa.array([group for group in range(100) for _ in range(count)], pa.int16()),
        }
    )
    every_tenth_gone = table.filter(
        pa.array([n % 10 != 5 or n % count in (0, count - 1) for n in range(table.num_rows)])
    )
    verdicts = [
        evaluate(data, [complete("d", calendar="XNYS", by="g")], now=NOW)[0]
        for data in (table, every_tenth_gone)
    ]
    assert [verdict.failing for verdict in verdicts] == [0, table.num_rows - every_tenth_gone.num_rows]


TEXT = {"x": ["a"], "y": ["b"]}


@pytest.mark.parametrize(
    ("columns", "declared", "said"),
    [
        pytest.param(TEXT, recent("x", HOUR), "type string", id="recent texts"),
        pytest.param(TEXT, time_zone("x", "UTC"), "no time zone", id="texts in a time zone"),
        pytest.param({"x": days("2024-01-01")}, time_zone("x", "UTC"), "no time zone", id="dates in one"),
        pytest.param(
            TEXT, local_time("x", time(1), time(2), timezone="UTC"), "type string", id="local texts"
        ),
        pytest.param(
            {"x": days("2024-01-01")},
            local_time("x", time(1), time(2), timezone="UTC"),
            "no time of day",
            id="local dates",
        ),
        pytest.param(TEXT, complete("x", calendar="day"), "type string", id="complete texts"),
        pytest.param(
            {"x": days("2024-01-01")}, complete("x", calendar="hour"), "no time of day", id="hours of days"
        ),
        pytest.param(
            {"x": days("2024-01-01")},
            complete("x", calendar="XNYSE"),
            "Did you mean 'XNYS'?",
            id="no exchange",
        ),
        pytest.param(
            {"x": days("0001-01-01", "2024-01-01")},
            complete("x", calendar="XNYS"),
            "does not know",
            id="year 1",
        ),
        pytest.param(
            {"x": utc(at("2024-01-01"), at("9999-01-01"))},
            complete("x", calendar="hour"),
            "one must be wrong",
            id="hours until the year 9999",
        ),
        pytest.param(TEXT, point_in_time("x", "y"), "type string", id="texts in time"),
        pytest.param(TEXT, unit("x", 1, 2), "about numbers", id="texts with a unit"),
        pytest.param(TEXT, not_all_zero("x"), "about numbers", id="texts that are zero"),
        *(
            pytest.param(TEXT, declared, "column 'z' is missing", id=f"no column: {declared.kind}")
            for declared in (
                recent("z", HOUR),
                time_zone("z", "UTC"),
                local_time("z", time(1), time(2), timezone="UTC"),
                complete("z", calendar="day"),
                point_in_time("z", "x"),
                unit("z", 1, 2),
                not_all_zero("z"),
            )
        ),
    ],
)
def test_what_cannot_be_judged_says_why(
    judge: Judge, columns: dict[str, Any], declared: Check, said: str
) -> None:
    verdict = judge(columns, declared)
    assert not verdict.passed
    assert said in str(verdict.error)


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        pytest.param(lambda: recent("a", timedelta(0)), "a duration", id="no age"),
        pytest.param(
            lambda: time_zone("a", "America/NewYork"), "Did you mean 'America/New_York'?", id="zone"
        ),
        pytest.param(lambda: time_zone("a", ""), "there is not", id="an empty zone"),
        pytest.param(lambda: time_zone("a", 3), "there is not", id="a number as zone"),
        pytest.param(
            lambda: local_time("a", time(1, tzinfo=UTC), time(2), timezone="UTC"),
            "without",
            id="an aware bound",
        ),
        pytest.param(
            lambda: local_time("a", time.min, time.max, timezone="UTC"), "everything", id="the whole day"
        ),
        pytest.param(
            lambda: local_time("a", time(1), time(2), timezone="UTC", weekdays=["mo"]),
            "Did you mean 'mon'?",
            id="a weekday",
        ),
        pytest.param(
            lambda: local_time("a", time(1), time(2), timezone="UTC", weekdays=[]), "no weekday", id="no day"
        ),
        pytest.param(lambda: complete("a", calendar=""), "calendar ''", id="no calendar"),
        pytest.param(lambda: complete("a", calendar="day", by="a"), "twice", id="grouped by itself"),
        pytest.param(lambda: complete("a", calendar="day", through=-HOUR), "not come", id="through tomorrow"),
        pytest.param(lambda: complete("a", calendar="day", through=3), "a date", id="through 3"),
        pytest.param(
            lambda: complete("a", calendar="hour", timezone=NEW_YORK), "every time zone", id="hours"
        ),
        pytest.param(lambda: point_in_time("a", "a"), "twice", id="available when decided"),
        pytest.param(lambda: unit("a", 0.001, 0.1), "slip by a factor of 100", id="bounds a slip apart"),
        pytest.param(lambda: unit("a", 0, 1), "above zero", id="a bound of zero"),
        pytest.param(lambda: unit("a", 2, 1), "nothing pass", id="low above high"),
        pytest.param(
            lambda: unit("a", 1, 2, unit="percentage"), "Did you mean 'percent'?", id="unknown unit"
        ),
        pytest.param(lambda: not_all_zero(3), "column 3", id="a column that is no text"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(declare: Callable[[], Check], said: str) -> None:
    with pytest.raises(InvalidCheck, match=re.escape(said)):
        declare()


def test_bounds_just_below_a_slip_apart_tell_it() -> None:
    assert unit("a", 0.001, 0.0999).kind == "unit"


@pytest.mark.parametrize(
    ("declared", "name", "sentence"),
    [
        (recent("at", HOUR), "recent(at)", "the newest at is at most 1:00:00 old"),
        (time_zone("at", "UTC"), "time_zone(at)", "at is a timestamp in the time zone UTC"),
        (office, "local_time(at)", "at lies from 09:30:00 to 16:00:00 in America/New_York"),
        (
            workdays,
            "local_time(at)",
            "at lies from 00:00:00 to 23:00:00 in Asia/Tokyo, on mon, tue, wed, thu or fri",
        ),
        (
            complete("session", calendar="XNYS", by="symbol"),
            "complete(session by symbol)",
            "session has every session of XNYS from the first to the last for each symbol",
        ),
        (
            complete("d", calendar="weekday", through=timedelta(0)),
            "complete(d)",
            "d has every day from Monday to Friday from the first until now",
        ),
        (
            point_in_time("known", "decided"),
            "point_in_time(known, decided)",
            "known is not later than decided",
        ),
        (returns, "unit(x)", "x is in the unit fraction: its typical size is 0.001 to 0.05"),
        (not_all_zero("x", by=["g"]), "not_all_zero(x by g)", "x is not all zero for each g"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_check_is_named_and_described_by_what_it_promises(
    declared: Check, name: str, sentence: str
) -> None:
    assert (declared.name, declared.describe()) == (name, sentence)
    assert declared.severity == "error"


def test_some_rows_may_be_off() -> None:
    table = pa.table({"at": utc(at("2024-01-03 15:00"), at("2024-01-03 03:00"))})
    half = local_time("at", time(9, 30), time(16), timezone=NEW_YORK, mostly=0.5)
    (verdict,) = evaluate(table, [half], now=NOW)
    assert (verdict.passed, verdict.failing, verdict.counted) == (True, 1, 2)


def test_the_zone_of_every_file_counts(tmp_path: Path) -> None:
    paths = []
    for zone in ("UTC", NEW_YORK):
        paths.append(str(tmp_path / f"{zone[:3]}.parquet"))
        pq.write_table(pa.table({"at": pa.array([], pa.timestamp("us", zone))}), paths[-1])
    (verdict,) = evaluate(ParquetFiles(paths=tuple(paths)), [time_zone("at", "UTC")], now=NOW)
    assert verdict.observed == f"{NEW_YORK} in {paths[1]}"
