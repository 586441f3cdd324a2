"""The contract of price sources, kept by every one of them; and the words of what goes wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import SecretStr

from assets.market.alpaca_prices import AlpacaPrices
from assets.market.file_prices import FilePrices
from assets.market.http_retries import Patience
from assets.market.massive_prices import MassivePrices
from assets.market.sample_prices import SamplePrices
from assets.market.sources import (
    MissingKey,
    PriceSource,
    PriceSourceError,
    Terms,
    UnknownSymbol,
    bar_schema,
    bar_table,
)
from assets.market.table_prices import TablePrices
from assets.market.yahoo_prices import YahooPrices

HASTE = Patience(timeout_s=2.0, attempts=2, first_wait_s=0.0)
SECRET = SecretStr("key")


@pytest.fixture(params=["table", "sample", "files", "yahoo", "alpaca", "massive"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> PriceSource:
    """Each source in turn, holding bars of AAPL and MSFT in some January."""
    name = request.param
    terms = Terms(
        provider=name, adjustment="split" if name == "massive" else "split_dividend", start=date(2022, 1, 3)
    )
    sample = SamplePrices(terms=terms)
    match name:
        case "table":
            return TablePrices(
                terms=terms, table=sample.bars(["AAPL", "MSFT"], date(2022, 1, 3), date(2022, 1, 31))
            )
        case "sample":
            return sample
        case "files":
            closes = sample.bars(["AAPL", "MSFT"], date(2022, 1, 3), date(2022, 1, 31)).to_pylist()
            rows = "".join(f"{bar['session']},{bar['symbol']},{bar['close']}\n" for bar in closes)
            (tmp_path / "bars.csv").write_text(f"date,symbol,close\n{rows}")
            return FilePrices(terms=terms, path=str(tmp_path))
    service: Any = request.getfixturevalue(f"{name}_service")
    service.page = 5
    match name:
        case "yahoo":
            return YahooPrices(terms=terms, url=service.url, patience=HASTE)
        case "alpaca":
            feed = Terms(provider=name, feed="sip")
            return AlpacaPrices(
                terms=feed, key=SECRET, secret=SecretStr("secret"), url=service.url, patience=HASTE
            )
        case _:
            return MassivePrices(terms=terms, key=SECRET, url=service.url, patience=HASTE)


def january(source: PriceSource) -> tuple[date, date]:
    """The span in which the source of the test has bars."""
    year = 2024 if type(source) in (YahooPrices, AlpacaPrices, MassivePrices) else 2022
    return date(year, 1, 1), date(year, 1, 31)


def test_bars_have_the_one_schema(source: PriceSource) -> None:
    bars = source.bars(["MSFT", "AAPL"], *january(source))
    assert bars.schema.equals(bar_schema(source.terms), check_metadata=True)
    assert set(bars["symbol"].to_pylist()) == {"AAPL", "MSFT"}
    assert bars["close"].null_count == 0


def test_bars_lie_within_the_span_with_both_its_ends(source: PriceSource) -> None:
    start, end = january(source)
    days = sorted(source.bars(["AAPL"], start, end)["session"].to_pylist())
    inner = source.bars(["AAPL"], days[3], days[6])
    assert sorted(inner["session"].to_pylist()) == days[3:7]


def test_a_longer_span_changes_no_bar_of_a_shorter_one(source: PriceSource) -> None:
    start, end = january(source)
    longer = {row["session"]: row for row in source.bars(["AAPL"], start, end).to_pylist()}
    shorter = source.bars(["AAPL"], start, sorted(longer)[4]).to_pylist()
    assert len(shorter) == 5
    assert all(row == longer[row["session"]] for row in shorter)


def test_a_symbol_without_any_bar_is_an_error(source: PriceSource) -> None:
    with pytest.raises(UnknownSymbol, match=r"no prices for 'AAPX'"):
        source.bars(["AAPL", "AAPX"], *january(source))


def test_the_identity_names_settings_but_no_secret_and_no_host(source: PriceSource) -> None:
    said = str(dict(source.identity()))
    assert {"provider", "adjustment", "start"} <= source.identity().keys()
    assert "localhost" not in said
    assert "secret" not in said


def test_the_schema_says_what_the_numbers_are() -> None:
    schema = bar_schema(Terms(provider="alpaca", feed="iex", adjustment="split", start=date(2020, 1, 2)))
    assert schema.metadata == {
        b"unit": b"USD",
        b"adjustment": b"split",
        b"timezone": b"America/New_York",
        b"calendar": b"XNYS",
        b"source": b"alpaca/iex",
        b"start": b"2020-01-02",
    }
    assert schema.field("close").metadata == {b"unit": b"USD"}
    assert schema.field("volume").metadata == {b"unit": b"shares"}
    assert schema.field("session").type == pa.date32()


def test_what_is_not_given_or_not_a_number_is_null() -> None:
    (bar,) = bar_table({"symbol": ["A"], "close": [float("nan")]}, Terms(provider="x")).to_pylist()
    assert bar == {
        "symbol": "A",
        "session": None,
        "open": None,
        "high": None,
        "low": None,
        "close": None,
        "volume": None,
    }
    assert bar_table({}, Terms(provider="x")).num_rows == 0


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            MissingKey("alpaca", ["A", "B"]),
            "price source 'alpaca' needs a key: set A and B in the environment.",
        ),
        (
            UnknownSymbol("sample", ["APPL"], known=["AAPL"], said="it has AAPL"),
            (
                "price source 'sample' has no prices for 'APPL' (it has AAPL); "
                "correct MARKET_SYMBOLS or choose another MARKET_SOURCE. Did you mean 'AAPL'?"
            ),
        ),
    ],
)
def test_errors_say_what_to_do(error: PriceSourceError, text: str) -> None:
    assert str(error) == text
