"""Alpaca's bars, by alpaca-py against a local service."""

from __future__ import annotations

import socket
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from assets.market.alpaca_prices import AlpacaPrices
from assets.market.http_retries import Patience
from assets.market.sources import (
    MissingKey,
    RefusedKey,
    SourceUnavailable,
    Terms,
    UnknownSymbol,
    UnreadableAnswer,
    bar_schema,
)

if TYPE_CHECKING:
    from conftest import Service

TERMS = Terms(provider="alpaca", feed="sip", start=date(2024, 1, 2), remote=True)
START, END = date(2024, 1, 2), date(2024, 1, 31)
HASTE = Patience(timeout_s=0.5, attempts=3, first_wait_s=0.0)


def alpaca(url: str, **changed: Any) -> AlpacaPrices:
    given = {
        "terms": TERMS,
        "key": SecretStr("key"),
        "secret": SecretStr("secret"),
        "url": url,
        "patience": HASTE,
    }
    return AlpacaPrices(**{**given, **changed})


def test_all_pages_of_all_symbols_become_bars(alpaca_service: Service) -> None:
    alpaca_service.page = 8

    bars = alpaca(alpaca_service.url).bars(["MSFT", "AAPL"], START, END)

    assert bars.schema.equals(bar_schema(TERMS), check_metadata=True)
    assert len(bars) == 2 * 21
    assert len(alpaca_service.asked) == 6
    first = alpaca_service.bars["MSFT"][0]
    assert bars.slice(0, 1).to_pylist() == [
        {
            "symbol": "MSFT",
            "session": date(2024, 1, 2),
            "open": first.open,
            "high": first.high,
            "low": first.low,
            "close": first.close,
            "volume": 1000,
        }
    ]


def test_start_and_end_are_both_included(alpaca_service: Service) -> None:
    bars = alpaca(alpaca_service.url).bars(["AAPL"], date(2024, 1, 3), date(2024, 1, 5))
    assert bars["session"].to_pylist() == [date(2024, 1, day) for day in (3, 4, 5)]


@pytest.mark.parametrize(
    ("adjustment", "asked"), [("split_dividend", "all"), ("split", "split"), ("raw", "raw")]
)
def test_the_adjustment_and_the_feed_are_asked_for(
    alpaca_service: Service, adjustment: Any, asked: str
) -> None:
    terms = Terms(provider="alpaca", feed="iex", adjustment=adjustment)
    alpaca(alpaca_service.url, terms=terms).bars(["AAPL"], START, END)
    assert f"adjustment={asked}" in alpaca_service.asked[0]
    assert "feed=iex" in alpaca_service.asked[0]


def test_too_many_requests_are_waited_out(alpaca_service: Service) -> None:
    alpaca_service.first_answer({"message": "too many requests."}, 429)
    alpaca_service.first_answer("", 503)
    assert len(alpaca(alpaca_service.url).bars(["AAPL"], START, END)) == 21
    assert len(alpaca_service.asked) == 3


def test_what_stays_refused_says_so_after_the_last_attempt(alpaca_service: Service) -> None:
    alpaca_service.first_answer({"message": "too many requests."}, 429, times=9)
    with pytest.raises(
        SourceUnavailable, match=r"gave no answer in 3 attempts: too many 429 error responses"
    ):
        alpaca(alpaca_service.url).bars(["AAPL"], START, END)
    assert len(alpaca_service.asked) == 3


def test_a_refused_key_names_the_variables_and_never_the_key(alpaca_service: Service) -> None:
    with pytest.raises(
        RefusedKey, match=r"APCA_API_KEY_ID and APCA_API_SECRET_KEY: HTTP 401.*unauthorized"
    ) as caught:
        alpaca(alpaca_service.url, secret=SecretStr("hush")).bars(["AAPL"], START, END)
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(alpaca(alpaca_service.url, secret=SecretStr("hush")))


def test_a_missing_key_is_told_when_bars_are_asked_for(alpaca_service: Service) -> None:
    source = alpaca(alpaca_service.url, secret=None)
    assert source.identity()["feed"] == "sip"
    with pytest.raises(MissingKey, match="set APCA_API_SECRET_KEY in the environment"):
        source.bars(["AAPL"], START, END)


def test_a_symbol_without_any_bar_is_unknown(alpaca_service: Service) -> None:
    with pytest.raises(UnknownSymbol, match="no prices for 'AAPLE'"):
        alpaca(alpaca_service.url).bars(["AAPL", "AAPLE"], START, END)


@pytest.mark.parametrize(
    ("text", "status", "error", "said"),
    [
        pytest.param(
            {"message": "invalid symbol: AA PL"}, 400, UnknownSymbol, "HTTP 400", id="an invalid symbol"
        ),
        pytest.param({"message": "not found"}, 404, UnknownSymbol, "HTTP 404", id="not found"),
        pytest.param({"message": "start: bad"}, 422, UnreadableAnswer, "HTTP 422", id="a refused parameter"),
        pytest.param(
            {"message": "subscription does not permit"}, 403, RefusedKey, "permit", id="no subscription"
        ),
        pytest.param("<html>", 200, UnreadableAnswer, "no JSON", id="a page where JSON was promised"),
        pytest.param({"surprise": {}}, 200, UnreadableAnswer, "cannot be read", id="JSON of another kind"),
        pytest.param({"bars": None}, 200, UnreadableAnswer, "cannot be read", id="no bars at all"),
        pytest.param({"bars": {"AAPL": [{"t": "x"}]}}, 200, UnreadableAnswer, "KeyError", id="half a bar"),
    ],
)
def test_other_answers_are_told(
    alpaca_service: Service, text: object, status: int, error: type[Exception], said: str
) -> None:
    alpaca_service.first_answer(text, status)
    with pytest.raises(error, match=said):
        alpaca(alpaca_service.url).bars(["AAPL"], START, END)


def test_silence_ends_after_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SourceUnavailable, match="timed out"):
            alpaca(url, patience=Patience(timeout_s=0.1, attempts=2, first_wait_s=0.0)).bars(
                ["AAPL"], START, END
            )
