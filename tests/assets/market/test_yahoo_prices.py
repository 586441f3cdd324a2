"""Yahoo's bars, by yfinance against a local service: cookie, crumb, time zone and chart as yfinance asks for them."""

from __future__ import annotations

import socket
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from assets.market.http_retries import Patience
from assets.market.sources import SourceUnavailable, Terms, UnknownSymbol, UnreadableAnswer, bar_schema
from assets.market.yahoo_prices import YahooPrices

if TYPE_CHECKING:
    from conftest import Service

TERMS = Terms(provider="yahoo", start=date(2024, 1, 2), remote=True)
START, END = date(2024, 1, 2), date(2024, 1, 31)
HASTE = Patience(timeout_s=2.0, attempts=3, first_wait_s=0.0)


def yahoo(url: str, **changed: Any) -> YahooPrices:
    return YahooPrices(**{"terms": TERMS, "url": url, "patience": HASTE, **changed})


def test_every_symbol_becomes_bars_adjusted_for_dividends(yahoo_service: Service) -> None:
    bars = yahoo(yahoo_service.url).bars(["MSFT", "AAPL"], START, END)

    assert bars.schema.equals(bar_schema(TERMS), check_metadata=True)
    assert len(bars) == 2 * 21
    expected = yahoo_service.bars["AAPL"]
    apple = bars.slice(21)
    assert apple["session"].to_pylist() == [bar.session for bar in expected]
    assert apple["close"].to_pylist() == pytest.approx(
        [bar.close / 2 for bar in expected]
    )  # the service's adjclose
    assert apple["high"].to_pylist() == pytest.approx([bar.high / 2 for bar in expected])
    assert apple["volume"].to_pylist() == [bar.volume for bar in expected]


def test_one_symbol_alone_is_no_special_case(yahoo_service: Service) -> None:
    assert len(yahoo(yahoo_service.url).bars(["AAPL"], START, END)) == 21


def test_for_splits_alone_the_closes_are_as_shown(yahoo_service: Service) -> None:
    terms = Terms(provider="yahoo", adjustment="split")
    bars = yahoo(yahoo_service.url, terms=terms).bars(["AAPL"], START, END)
    assert bars["close"].to_pylist() == pytest.approx([bar.close for bar in yahoo_service.bars["AAPL"]])


def test_start_and_end_are_both_included(yahoo_service: Service) -> None:
    bars = yahoo(yahoo_service.url).bars(["AAPL"], date(2024, 1, 3), date(2024, 1, 5))
    assert bars["session"].to_pylist() == [date(2024, 1, day) for day in (3, 4, 5)]


def test_an_answer_is_not_remembered(yahoo_service: Service) -> None:
    before = yahoo(yahoo_service.url).bars(["AAPL"], START, END)
    yahoo_service.bars["AAPL"] = yahoo_service.bars["MSFT"]
    assert yahoo(yahoo_service.url).bars(["AAPL"], START, END)["close"] != before["close"]


def test_too_many_requests_are_waited_out(yahoo_service: Service) -> None:
    waits: list[float] = []
    yahoo_service.first_answer("Too Many Requests", 429)
    yahoo_service.faults[0].headers["Retry-After"] = "7"
    yahoo_service.first_answer("", 503)
    patience = Patience(attempts=3, first_wait_s=2.0)

    bars = yahoo(yahoo_service.url, patience=patience, sleep=waits.append).bars(["AAPL"], START, END)

    assert len(bars) == 21
    assert waits == [7.0, 2.0]


def test_what_stays_refused_says_so_after_the_last_attempt(yahoo_service: Service) -> None:
    yahoo_service.first_answer("Too Many Requests", 429, times=99)
    with pytest.raises(SourceUnavailable, match=r"'yahoo' gave no answer in 3 attempts: HTTP 429"):
        yahoo(yahoo_service.url).bars(["AAPL"], START, END)
    assert len(yahoo_service.asked) == 3


@pytest.mark.parametrize("symbols", [["AAPLE"], ["AAPL", "AAPLE"]])
def test_a_symbol_that_yahoo_does_not_know_is_named(yahoo_service: Service, symbols: list[str]) -> None:
    with pytest.raises(UnknownSymbol, match=r"no prices for 'AAPLE'"):
        yahoo(yahoo_service.url).bars(symbols, START, END)


def test_a_symbol_without_bars_in_the_span_is_named(yahoo_service: Service) -> None:
    with pytest.raises(UnknownSymbol, match=r"no prices for 'AAPL'"):
        yahoo(yahoo_service.url).bars(["AAPL"], date(2023, 1, 3), date(2023, 1, 31))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("<html>", id="a page where JSON was promised"),
        pytest.param({"chart": {"result": [{"meta": {}}], "error": None}}, id="no bars"),
    ],
)
def test_what_is_no_chart_is_told(yahoo_service: Service, answer: object) -> None:
    yahoo(yahoo_service.url).bars(["AAPL"], START, END)  # the time zone is known from now on
    yahoo_service.first_answer(answer)
    with pytest.raises(UnreadableAnswer, match="'yahoo' answered with something that cannot be read"):
        yahoo(yahoo_service.url).bars(["AAPL"], START, END)


def test_silence_ends_after_the_time_out(yahoo_service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        patience = Patience(timeout_s=0.1, attempts=2, first_wait_s=0.0)
        with pytest.raises(SourceUnavailable, match="gave no answer in 2 attempts"):
            yahoo(url, patience=patience).bars(["AAPL"], START, END)
