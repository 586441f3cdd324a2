"""Damage to real market data: which checks of the catalogue see it, and that the clean data raise no alarm.

The table in ``docs/seeded-faults.md`` is what these tests hold: each damage with the checks that catch it. A check that
catches one more, or one less, is news for the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import numpy as np
import pyarrow as pa
import pytest

from assets.market.prices import prices as prices_asset
from assets.market.returns import returns as returns_asset
from assets.market.sources import Terms
from assets.market.zipped_prices import read_zipped_prices
from checks import Beside, Check, Earlier, Verdict, blocking, evaluate, local_time, time_zone
from graph.declare import declaration_of

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).resolve().parents[3]
REAL = ROOT.parent / "shared" / "data" / "market"
PAGE = ROOT / "docs" / "seeded-faults.md"
SYMBOLS = ["AAPL", "AIG", "BAC", "IBM", "SPY"]
FIRST, LAST = date(2012, 1, 3), date(2020, 12, 31)
NOW = datetime(2021, 1, 4, 12, tzinfo=UTC)
VERSIONS = 20

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real bars in {REAL}")


def declared(function: object) -> list[Check]:
    found = declaration_of(function)
    assert found is not None
    return [one for one in found.outputs[0].checks if isinstance(one, Check)]


PRICES, RETURNS = declared(prices_asset), declared(returns_asset)
HOURS = [
    time_zone("at", "America/New_York"),
    local_time(
        "at", time(9, 30), time(16), timezone="America/New_York", weekdays=["mon", "tue", "wed", "thu", "fri"]
    ),
]
"""What one promises of hourly bars, stamped with their ends."""


@cache
def clean() -> pa.Table:
    """Nine years of adjusted daily bars of five symbols."""
    terms = Terms(provider="files", adjustment="split_dividend")
    tables = [read_zipped_prices(REAL / f"daily_{symbol.lower()}.zip", symbol, terms) for symbol in SYMBOLS]
    table = pa.concat_tables(tables)
    days = table["session"].to_numpy().astype("datetime64[D]")
    return table.filter(pa.array((days >= np.datetime64(FIRST)) & (days <= np.datetime64(LAST))))


@cache
def hours() -> pa.Table:
    """Hourly bars of SPY, each with the time of its end."""
    with ZipFile(REAL / "hour_spy.zip") as archive:
        text = archive.read(archive.namelist()[0]).decode()
    starts = [datetime.strptime(line[:14], "%Y%m%d %H:%M") for line in text.splitlines()[-4000:]]  # noqa: DTZ007  # local times of New York
    ends = [start + timedelta(hours=1) for start in starts]
    local = pa.array(ends, pa.timestamp("us"))
    import pyarrow.compute as pc

    return pa.table({"at": pc.assume_timezone(local, "America/New_York")})


@cache
def history() -> Mapping[str, Sequence[Earlier]]:
    """What the checks observed of the versions of the twenty days before, each a session shorter."""
    sessions = sorted(set(clean()["session"].to_pylist()))
    found: dict[str, list[Earlier]] = {}
    comparing = [check for check in PRICES if check.compares]
    for back in range(VERSIONS, 0, -1):
        days = clean()["session"].to_numpy().astype("datetime64[D]")
        table = clean().filter(pa.array(days <= np.datetime64(sessions[-1 - back])))
        at = NOW - timedelta(days=back)
        for verdict in evaluate(
            table, comparing, now=at, beside=Beside(earlier=lambda name: found.get(name, ()))
        ):
            found.setdefault(verdict.check, []).append(Earlier(at=at, observed=verdict.observed))
    return found


def said_of_prices(table: pa.Table) -> tuple[Verdict, ...]:
    universe = pa.table({"symbol": SYMBOLS})
    beside = Beside(upstream={"universe": lambda: universe}, earlier=lambda name: history().get(name, ()))
    return evaluate(table, PRICES, now=NOW, beside=beside)


def said_of_returns(
    prices: pa.Table, made: Callable[[pa.Table], pa.Table] = returns_asset
) -> tuple[Verdict, ...]:
    beside = Beside(
        upstream={"prices": lambda: prices}, remake=lambda changed: made(changed.get("prices", prices))
    )
    return evaluate(made(prices), RETURNS, now=NOW, beside=beside)


def alarms(verdicts: Sequence[Verdict]) -> list[str]:
    return [verdict.check for verdict in verdicts if not verdict.passed]


# The damages. Each takes the clean bars, as a data frame sorted by symbol and session, and spoils them.

Damage = Callable[["pd.DataFrame"], "pd.DataFrame"]


def rows_of(frame: pd.DataFrame, symbol: str) -> pd.Series[bool]:
    return frame["symbol"] == symbol


def changed(frame: pd.DataFrame, where: Any, **values: Any) -> pd.DataFrame:
    """The frame with other values in some rows: constants, or functions of the old ones."""
    frame = frame.copy()
    for column, value in values.items():
        new = value(frame.loc[where, column]) if callable(value) else value
        frame.loc[where, column] = new
    return frame


def scaled(
    frame: pd.DataFrame, where: Any, factor: float, columns: Sequence[str] = ("open", "high", "low", "close")
) -> pd.DataFrame:
    return changed(frame, where, **{column: lambda old: old * factor for column in columns})


def one(frame: pd.DataFrame, symbol: str = "IBM", place: int = 1000) -> Any:
    """One bar."""
    return frame.index == frame.index[rows_of(frame, symbol)][place]


def twins(frame: pd.DataFrame) -> pd.DataFrame:
    late = frame["session"] > date(2018, 6, 1)
    swapped = frame["symbol"].where(~late, frame["symbol"].replace({"AAPL": "SPY", "SPY": "AAPL"}))
    return sorted_bars(frame.assign(symbol=swapped))


def sorted_bars(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["symbol", "session"], ignore_index=True)


def stuck_feed(frame: pd.DataFrame) -> pd.DataFrame:
    """The last session repeats the bars of the one before."""
    last, before = sorted(set(frame["session"]))[:-3:-1]
    again = frame[frame["session"] == before].assign(session=last)
    import pandas as pd

    return sorted_bars(pd.concat([frame[frame["session"] != last], again]))


def stuck_symbol(frame: pd.DataFrame) -> pd.DataFrame:
    late = rows_of(frame, "BAC") & (frame["session"] > date(2020, 10, 1))
    bar = frame[late].iloc[0]
    return changed(frame, late, open=bar["open"], high=bar["high"], low=bar["low"], close=bar["close"])


def doubled(frame: pd.DataFrame, where: Any) -> pd.DataFrame:
    import pandas as pd

    return sorted_bars(pd.concat([frame, frame[where]]))


def shifted(frame: pd.DataFrame, days: int) -> pd.DataFrame:
    return frame.assign(session=[day + timedelta(days=days) for day in frame["session"]])


def others(f: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """The same columns, with the values of others."""
    return f.rename(columns=columns)[list(f.columns)]


def swapped_once(f: pd.DataFrame) -> pd.DataFrame:
    return changed(f, one(f), high=f.loc[one(f), "low"].item(), low=f.loc[one(f), "high"].item())


def before(f: pd.DataFrame, symbol: str, day: date) -> Any:
    return rows_of(f, symbol) & (f["session"] < day)


DAY = date(2019, 5, 6)
FAULTS: dict[str, Damage] = {
    "a day is there twice": lambda f: doubled(f, f["session"] == DAY),
    "one bar is there twice": lambda f: doubled(f, one(f)),
    "a day is missing": lambda f: f[f["session"] != DAY],
    "a day is missing for one symbol": lambda f: f[~one(f)],
    "a symbol is missing": lambda f: f[~rows_of(f, "BAC")],
    "only the last year was delivered": lambda f: f[f["session"] > date(2019, 12, 31)],
    "the file is empty": lambda f: f[:0],
    "a symbol is renamed on the way": lambda f: changed(
        f, ~before(f, "AIG", DAY) & rows_of(f, "AIG"), symbol="AIGX"
    ),
    "a symbol is written in small letters": lambda f: changed(f, rows_of(f, "IBM"), symbol="ibm"),
    "a symbol has a blank at its end": lambda f: changed(f, rows_of(f, "IBM"), symbol="IBM "),
    "a symbol is null": lambda f: changed(f, one(f), symbol=None),
    "two symbols are exchanged from a day on": twins,
    "high and low are swapped in one bar": swapped_once,
    "the columns high and low are swapped": lambda f: others(f, {"high": "low", "low": "high"}),
    "the columns open and close are swapped": lambda f: others(f, {"open": "close", "close": "open"}),
    "a price is negative": lambda f: changed(f, one(f), low=-1.0),
    "a price is zero": lambda f: changed(f, one(f), close=0.0, low=0.0),
    "a close is null": lambda f: changed(f, one(f), close=None),
    "a close is infinite": lambda f: changed(f, one(f), close=float("inf"), high=float("inf")),
    "one bar is in cents": lambda f: scaled(f, one(f), 100),
    "a symbol is in cents from a day on": lambda f: scaled(
        f, ~before(f, "IBM", DAY) & rows_of(f, "IBM"), 100
    ),
    "all prices are in cents": lambda f: scaled(f, f["close"] > 0, 100),
    "a split of 2 is not adjusted": lambda f: scaled(f, before(f, "IBM", DAY), 2),
    "a split of 4 is not adjusted": lambda f: scaled(f, before(f, "AAPL", date(2020, 8, 31)), 4),
    "a reverse split of 20 is not adjusted": lambda f: scaled(f, before(f, "AIG", DAY), 1 / 20),
    "a high is 1,000 times too large": lambda f: changed(f, one(f), high=lambda old: old * 1000),
    "a close is off by 5 % for a day": lambda f: changed(
        f, one(f), close=lambda x: x * 1.05, high=lambda x: x * 1.06
    ),
    "the feed stands still: the last day repeats the one before": stuck_feed,
    "one symbol stands still for three months": stuck_symbol,
    "all dates are a day late, as by a time zone": lambda f: shifted(f, 1),
    "all dates are a day early, as by a time zone": lambda f: shifted(f, -1),
    "a bar of a holiday": lambda f: sorted_bars(changed(f, one(f, place=-1), session=date(2020, 12, 25))),
    "a bar of the day after tomorrow": lambda f: changed(f, one(f, place=-1), session=date(2021, 1, 6)),
    "dates are texts": lambda f: f.assign(session=[day.isoformat() for day in f["session"]]),
    "volumes are fractions": lambda f: f.assign(volume=f["volume"].astype(float)),
    "close is called adj_close": lambda f: f.rename(columns={"close": "adj_close"}),
    "there is one more column": lambda f: f.assign(vwap=f["close"]),
    "a volume is negative": lambda f: changed(f, one(f), volume=-1),
    "a volume is zero": lambda f: changed(f, one(f), volume=0),
    "volumes are in lots of 100": lambda f: f.assign(volume=f["volume"] // 100),
    "rows are shuffled": lambda f: f.sample(frac=1, random_state=1),
}


def spoilt(damage: Damage) -> pa.Table:
    """The damaged bars, with the types of the clean ones where they still have them."""
    made = pa.Table.from_pandas(damage(clean().to_pandas()), preserve_index=False)
    kept = {name for name in clean().schema.names if name in made.schema.names and not _is_other(made, name)}
    fields = [(clean() if name in kept else made).schema.field(name) for name in made.schema.names]
    return made.cast(pa.schema(fields))


def _is_other(made: pa.Table, name: str) -> bool:
    """Whether the damage is to the type itself."""
    kind, was = made.schema.field(name).type, clean().schema.field(name).type
    as_text = pa.types.is_large_string(kind) and not pa.types.is_string(was)
    return as_text or (pa.types.is_floating(kind) and pa.types.is_integer(was))


def of_returns() -> dict[str, list[str]]:
    """Damage to what is made of prices, not to them."""

    def percent(prices: pa.Table) -> pa.Table:
        import pyarrow.compute as pc

        made = returns_asset(prices)
        return made.set_column(2, made.schema.field("return"), pc.multiply(made["return"], 100.0))

    def of_tomorrow(prices: pa.Table) -> pa.Table:
        made = returns_asset(prices).to_pandas()
        made["return"] = made.groupby("symbol")["return"].shift(-1)
        return pa.Table.from_pandas(made, preserve_index=False).cast(returns_asset(prices).schema)

    def without_a_symbol(prices: pa.Table) -> pa.Table:
        import pyarrow.compute as pc

        return returns_asset(prices.filter(pc.not_equal(prices["symbol"], "BAC")))

    return {
        "returns are percents, not fractions": alarms(said_of_returns(clean(), percent)),
        "returns are those of the next day": alarms(said_of_returns(clean(), of_tomorrow)),
        "returns lack a symbol": alarms(said_of_returns(clean(), without_a_symbol)),
    }


def of_hours() -> dict[str, list[str]]:
    """Damage to the times of hourly bars."""
    import pyarrow.compute as pc

    def judged(times: pa.ChunkedArray) -> list[str]:
        return alarms(evaluate(pa.table({"at": times}), HOURS, now=NOW))

    at = hours()["at"]
    utc = at.cast(pa.timestamp("us", "UTC"))
    naive = pc.local_timestamp(at)
    return {
        "hourly bars: New York's times are taken for UTC": judged(
            pc.assume_timezone(naive, "UTC").cast(pa.timestamp("us", "America/New_York"))
        ),
        "hourly bars: right times, in another zone": judged(utc),
        "hourly bars: times without a zone": judged(naive),
    }


@cache
def caught() -> dict[str, list[str]]:
    """Each damage with the checks that see it."""
    found = {}
    for name, damage in FAULTS.items():
        table = spoilt(damage)
        verdicts = said_of_prices(table)
        found[name] = alarms(verdicts)
        if not blocking(verdicts):  # otherwise nobody makes returns of them
            found[name] += [f"returns: {check}" for check in alarms(said_of_returns(table))]
    return {**found, **of_returns(), **of_hours()}


def test_the_clean_data_raise_no_alarm() -> None:
    assert alarms(said_of_prices(clean())) == []
    assert alarms(said_of_returns(clean())) == []
    assert alarms(evaluate(hours(), HOURS, now=NOW)) == []


def test_the_page_tells_what_is_caught() -> None:
    told = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", PAGE.read_text(), re.MULTILINE)[1:])
    assert told == {name: ", ".join(seen) or "nothing" for name, seen in caught().items()}
    assert len(told) >= 30


def test_nearly_all_is_caught() -> None:
    assert [name for name, seen in caught().items() if not seen] == ["a close is off by 5 % for a day"]
