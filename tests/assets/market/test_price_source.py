"""Which source and which symbols the settings choose."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from assets.market.alpaca_prices import AlpacaPrices
from assets.market.file_prices import FilePrices
from assets.market.massive_prices import MassivePrices
from assets.market.price_source import SAMPLE, price_source, symbol_list
from assets.market.sample_prices import SamplePrices
from assets.market.settings import MarketSettings
from assets.market.yahoo_prices import YahooPrices

NOW = datetime(2024, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("settings", "kind", "feed", "adjustment", "remote"),
    [
        ({"source": "sample"}, SamplePrices, "", "split_dividend", False),
        ({"source": "files", "path": "x"}, FilePrices, "", "split_dividend", False),
        ({"source": "yahoo"}, YahooPrices, "", "split_dividend", True),
        ({"source": "alpaca"}, AlpacaPrices, "sip", "split_dividend", True),
        ({"source": "alpaca", "feed": "iex", "adjustment": "raw"}, AlpacaPrices, "iex", "raw", True),
        ({"source": "massive"}, MassivePrices, "", "split", True),
    ],
)
def test_the_source_is_the_one_that_is_named(
    settings: dict[str, str], kind: type, feed: str, adjustment: str, remote: bool
) -> None:
    source = price_source(MarketSettings(**settings))
    assert type(source) is kind
    assert (source.terms.feed, source.terms.adjustment, source.terms.remote) == (feed, adjustment, remote)
    assert source.identity()["provider"] == settings["source"]


def test_every_setting_that_changes_the_data_changes_the_identity() -> None:
    variants = [
        MarketSettings(source="alpaca"),
        MarketSettings(source="yahoo"),
        MarketSettings(source="alpaca", feed="iex"),
        MarketSettings(source="alpaca", adjustment="raw"),
        MarketSettings(source="alpaca", start=date(2020, 1, 2)),
        MarketSettings(source="files", path="x"),
        MarketSettings(source="files", path="y"),
    ]
    assert len({tuple(sorted(price_source(settings).identity().items())) for settings in variants}) == len(
        variants
    )


def test_no_other_setting_does() -> None:
    plain = MarketSettings(source="alpaca")
    other = MarketSettings(
        source="alpaca", url="http://proxy", timeout_s=1, attempts=1, APCA_API_KEY_ID="hush"
    )
    assert price_source(other).identity() == price_source(plain).identity()
    assert "hush" not in repr(price_source(other))


def test_without_symbols_they_are_those_of_the_sample() -> None:
    assert symbol_list(MarketSettings()).symbols() == tuple(SAMPLE)
    assert symbol_list(MarketSettings(source="yahoo")).symbols() == tuple(SAMPLE)


def test_or_those_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("date,B,A\n2024-01-02,1,2\n")
    listed = symbol_list(MarketSettings(source="files", path=str(tmp_path)))
    assert listed.symbols() == ("A", "B")
    before = listed.observe(NOW).version
    (tmp_path / "y.csv").write_text("date,C\n2024-01-02,3\n")
    assert listed.symbols() == ("A", "B", "C")
    assert listed.observe(NOW).version != before


def test_the_source_does_not_move_configured_symbols(tmp_path: Path) -> None:
    sample = symbol_list(MarketSettings(symbols="AAPL,XOM"))
    files = symbol_list(MarketSettings(symbols="AAPL,XOM", source="files", path=str(tmp_path)))
    assert sample.symbols() == files.symbols() == ("AAPL", "XOM")
    assert sample.identity() == files.identity()
    assert sample.observe(NOW) == files.observe(NOW)
    assert sample.identity() != symbol_list(MarketSettings(symbols="AAPL")).identity()
