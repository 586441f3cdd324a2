"""Checks that need the calendar or a history: of made-up bars, and of all the real ones there are."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from assets.market.exchange_sessions import sessions_between
from assets.market.file_prices import FilePrices
from assets.market.price_checks import (
    every_session,
    moving_closes,
    no_leaps,
    only_closed_sessions,
    only_first_is_null,
    only_sessions,
)
from assets.market.price_source import SAMPLE
from assets.market.sample_prices import SamplePrices
from assets.market.sources import Terms

if TYPE_CHECKING:
    from collections.abc import Sequence

REAL = Path(__file__).parents[4] / "shared" / "data"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real prices in {REAL}")
JANUARY = sessions_between(date(2024, 1, 1), date(2024, 1, 31)).tolist()
EVER = (date(1980, 1, 1), date(2030, 1, 1))


def bars(symbol: str, days: Sequence[date | None], closes: Sequence[float] | None = None) -> pa.Table:
    return pa.table(
        {
            "symbol": pa.array([symbol] * len(days), pa.string()),
            "session": pa.array(days, pa.date32()),
            "close": pa.array(closes or range(1, len(days) + 1), pa.float64()),
        }
    )


def test_a_whole_history_passes_every_check() -> None:
    both = pa.concat_tables([bars("A", JANUARY), bars("B", JANUARY[3:9])])
    assert all(check(both).passed for check in (every_session, only_sessions, moving_closes))


def test_no_bars_pass_every_check() -> None:
    nothing = bars("A", [])
    assert all(check(nothing).passed for check in (every_session, only_sessions, moving_closes))
    assert only_closed_sessions(nothing, datetime(2024, 1, 1, tzinfo=UTC)).passed


def test_missing_sessions_are_named() -> None:
    gaps = pa.concat_tables([bars("A", JANUARY[:4] + JANUARY[6:]), bars("B", JANUARY[:1] + JANUARY[2:])])
    found = every_session(gaps)
    assert (found.passed, found.failing) == (False, 3)
    assert found.observed == "A lacks 2 sessions from 2024-01-08 to 2024-01-09; B lacks session 2024-01-03"
    assert found.sample == [
        {"symbol": "A", "missing": date(2024, 1, 8)},
        {"symbol": "A", "missing": date(2024, 1, 9)},
        {"symbol": "B", "missing": date(2024, 1, 3)},
    ]


@pytest.mark.parametrize(
    "days",
    [
        pytest.param([*JANUARY, *JANUARY], id="repeated sessions"),
        pytest.param(JANUARY[::-1], id="another order"),
        pytest.param([None, *JANUARY], id="a session that is missing altogether"),
        pytest.param([date(2024, 1, 6), *JANUARY], id="a Saturday"),
    ],
)
def test_what_other_checks_tell_is_no_gap(days: list[date | None]) -> None:
    assert every_session(bars("A", days)).passed


def test_days_without_trading_are_named() -> None:
    found = only_sessions(bars("A", [*JANUARY, date(2024, 1, 6), date(2024, 1, 15)]))
    assert (found.passed, found.failing) == (False, 2)
    assert found.sample == [
        {"symbol": "A", "session": date(2024, 1, 6)},
        {"symbol": "A", "session": date(2024, 1, 15)},
    ]


def test_years_that_no_calendar_knows_have_no_sessions() -> None:
    assert only_sessions(bars("A", [date(9999, 1, 4), date(1, 1, 1)])).failing == 2


@pytest.mark.parametrize(
    ("now", "failing"),
    [
        pytest.param(datetime(2024, 1, 31, 21, tzinfo=UTC), 0, id="closed at this moment"),
        pytest.param(datetime(2024, 1, 31, 20, 59, tzinfo=UTC), 1, id="open for another minute"),
        pytest.param(datetime(2024, 1, 29, 22, tzinfo=UTC), 2, id="days ahead"),
    ],
)
def test_sessions_to_come_are_named(now: datetime, failing: int) -> None:
    assert only_closed_sessions(bars("A", JANUARY), now).failing == failing


def test_a_close_that_never_moves_is_doubted() -> None:
    days = sessions_between(date(2024, 1, 2), date(2024, 3, 28)).tolist()
    stuck = [1.0] * 20 + [2.0] * 21 + [3.0] * (len(days) - 41)
    found = moving_closes(
        pa.concat_tables([bars("A", days, stuck), bars("B", days[:30], [3.0] * 20 + [4.0] * 10)])
    )
    assert [(row["symbol"], row["from"], row["sessions"]) for row in found.sample] == [("A", days[20], 21)]


@pytest.mark.parametrize(
    ("values", "failing"),
    [
        pytest.param([None, 0.1, 0.2], 0, id="the first of a symbol is null"),
        pytest.param([0.1, 0.1, 0.2], 1, id="or that is an error"),
        pytest.param([None, None, 0.2], 1, id="and so is another null"),
    ],
)
def test_only_the_first_return_is_null(values: list[float | None], failing: int) -> None:
    table = bars("A", JANUARY[:3]).append_column("return", pa.array(values, pa.float64()))
    assert only_first_is_null(table).failing == failing


def test_the_sample_lacks_no_session() -> None:
    """33 years of 20 stocks; what is found is real: one stock, thinly traded before 1993."""
    prices = SamplePrices(terms=Terms(provider="sample")).bars(list(SAMPLE), *EVER)
    assert every_session(prices).passed
    assert only_sessions(prices).passed
    stuck = moving_closes(prices)
    assert {row["symbol"] for row in stuck.sample} == {"RRC"}
    assert all(row["from"].year < 1993 for row in stuck.sample)
    assert stuck.failing == 402


@needs_real
def test_real_bars_have_the_gaps_that_their_histories_have() -> None:
    """A ticker renamed and renamed back, two tickers that once were somebody else's: these gaps are real."""
    source = FilePrices(terms=Terms(provider="files", adjustment="raw"), path=str(REAL / "market"))
    prices = source.bars(source.symbols(), *EVER)
    assert only_sessions(prices).passed
    assert every_session(prices).observed == (
        "EEM lacks 602 sessions from 1998-01-07 to 2003-08-15; "
        "QQQ lacks 1588 sessions from 2004-12-01 to 2011-03-22; "
        "WM lacks 214 sessions from 2008-09-29 to 2009-08-04"
    )
    since = source.bars(source.symbols(), date(2011, 3, 23), EVER[1])
    assert every_session(since).passed


@needs_real
def test_real_closes_with_late_listings_have_no_gaps() -> None:
    source = FilePrices(terms=Terms(provider="files"), path=str(REAL / "portfolio" / "stock_prices.csv"))
    prices = source.bars(source.symbols(), *EVER)
    assert every_session(prices).passed
    assert only_sessions(prices).passed


@pytest.mark.parametrize(
    ("closes", "leaps"),
    [
        pytest.param([10.0, 11.0, 10.5], 0, id="ordinary days"),
        pytest.param([1.16, 23.2], 0, id="a reverse split of twenty for one, not adjusted"),
        pytest.param([60.0, 6000.0, 60.1], 2, id="dollars, cents, dollars"),
        pytest.param([60.0, 1e300], 1, id="nonsense"),
    ],
)
def test_a_slip_of_unit_is_a_leap(closes: list[float], leaps: int) -> None:
    days = [date(2024, 1, 2 + number) for number in range(len(closes))]
    table = pa.table(
        {
            "symbol": ["KO"] * len(closes),
            "session": pa.array(days, pa.date32()),
            "close": closes,
        }
    )
    found = no_leaps(table)
    assert (found.passed, found.failing) == (leaps == 0, leaps)
