"""The prices that come with skfolio, read without importing it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime

import pytest

from assets.market.price_source import SAMPLE
from assets.market.sample_prices import SamplePrices
from assets.market.sources import Terms, UnknownSymbol, bar_schema

TERMS = Terms(provider="sample")
SOURCE = SamplePrices(terms=TERMS)
WHOLE = (date(1990, 1, 1), date(2030, 1, 1))


def test_all_of_it_has_the_one_schema() -> None:
    bars = SOURCE.bars(list(SAMPLE), *WHOLE)
    assert bars.schema.equals(bar_schema(TERMS), check_metadata=True)
    assert len(bars) == 20 * 8313
    assert {name: bars[name].null_count for name in ("close", "open", "volume")} == {
        "close": 0,
        "open": 20 * 8313,
        "volume": 20 * 8313,
    }


def test_it_is_what_the_library_itself_loads() -> None:
    from skfolio.datasets import load_sp500_dataset

    loaded = load_sp500_dataset()
    bars = SOURCE.bars(["MSFT"], *WHOLE)
    assert bars["close"].to_pylist() == loaded["MSFT"].to_list()
    assert bars["session"].to_pylist() == [stamp.date() for stamp in loaded.index]
    assert sorted(SAMPLE) == sorted(loaded.columns)


def test_only_the_span_and_the_symbols_are_given() -> None:
    bars = SOURCE.bars(["XOM", "AAPL"], date(2022, 12, 24), date(2022, 12, 27))
    assert [(row["symbol"], row["session"]) for row in bars.to_pylist()] == [
        ("XOM", date(2022, 12, 27)),
        ("AAPL", date(2022, 12, 27)),
    ]


def test_another_symbol_is_told_with_the_near_miss() -> None:
    with pytest.raises(UnknownSymbol, match=r"'sample' has no prices for 'APPL' .*Did you mean 'AAPL'\?"):
        SOURCE.bars(["APPL", "XOM"], *WHOLE)


def test_it_was_observed_once_and_for_all() -> None:
    seen = SOURCE.observe(datetime(2026, 1, 2, tzinfo=UTC))
    assert seen == SOURCE.observe(datetime(2027, 1, 2, tzinfo=UTC))
    assert seen.as_of == datetime(2022, 12, 28, 21, tzinfo=UTC)
    assert seen.ends


def test_the_library_is_not_imported() -> None:
    code = (
        "import sys, datetime as d;"
        "from assets.market.sample_prices import SamplePrices;"
        "from assets.market.sources import Terms;"
        "source = SamplePrices(terms=Terms(provider='sample'));"
        "source.observe(d.datetime.now(d.UTC));"
        "assert 'pyarrow' not in sys.modules;"
        "source.bars(['AAPL'], d.date(2022, 1, 1), d.date(2022, 2, 1));"
        "assert not {'skfolio', 'sklearn', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
