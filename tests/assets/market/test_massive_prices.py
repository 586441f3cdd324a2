"""Massive's bars, by its own client against a local service."""

from __future__ import annotations

import socket
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from assets.market.http_retries import Patience
from assets.market.massive_prices import MassivePrices
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

TERMS = Terms(provider="massive", adjustment="split", start=date(2024, 1, 2), remote=True)
START, END = date(2024, 1, 2), date(2024, 1, 31)
HASTE = Patience(timeout_s=0.5, attempts=3, first_wait_s=0.0)


def massive(url: str, **changed: Any) -> MassivePrices:
    return MassivePrices(
        **{"terms": TERMS, "key": SecretStr("key"), "url": url, "patience": HASTE, **changed}
    )


def test_all_pages_of_all_symbols_become_bars(massive_service: Service) -> None:
    massive_service.page = 8

    bars = massive(massive_service.url).bars(["MSFT", "AAPL"], START, END)

    assert bars.schema.equals(bar_schema(TERMS), check_metadata=True)
    assert len(bars) == 2 * 21
    assert len(massive_service.asked) == 6
    expected = massive_service.bars["AAPL"]
    apple = bars.slice(21)
    assert apple["session"].to_pylist() == [bar.session for bar in expected]
    assert apple["close"].to_pylist() == [bar.close for bar in expected]
    assert apple["volume"].to_pylist() == [bar.volume for bar in expected]


def test_start_and_end_are_both_included(massive_service: Service) -> None:
    bars = massive(massive_service.url).bars(["AAPL"], date(2024, 1, 3), date(2024, 1, 5))
    assert bars["session"].to_pylist() == [date(2024, 1, day) for day in (3, 4, 5)]


@pytest.mark.parametrize(("adjustment", "asked"), [("split", "adjusted=true"), ("raw", "adjusted=false")])
def test_the_adjustment_is_asked_for(massive_service: Service, adjustment: Any, asked: str) -> None:
    massive(massive_service.url, terms=Terms(provider="massive", adjustment=adjustment)).bars(
        ["AAPL"], START, END
    )
    assert asked in massive_service.asked[0]


def test_too_many_requests_are_waited_out(massive_service: Service) -> None:
    massive_service.first_answer({"status": "ERROR", "error": "You've exceeded the maximum requests"}, 429)
    massive_service.first_answer("", 502)
    assert len(massive(massive_service.url).bars(["AAPL"], START, END)) == 21
    assert len(massive_service.asked) == 3


def test_what_stays_refused_says_so_after_the_last_attempt(massive_service: Service) -> None:
    massive_service.first_answer({"status": "ERROR", "error": "You've exceeded"}, 429, times=9)
    with pytest.raises(
        SourceUnavailable, match=r"gave no answer in 3 attempts: too many 429 error responses"
    ):
        massive(massive_service.url).bars(["AAPL"], START, END)
    assert len(massive_service.asked) == 3


def test_a_refused_key_names_the_variable_and_never_the_key(massive_service: Service) -> None:
    source = massive(massive_service.url, key=SecretStr("hush"))
    with pytest.raises(RefusedKey, match="the key in MASSIVE_API_KEY: Unknown API Key") as caught:
        source.bars(["AAPL"], START, END)
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(source)


def test_a_missing_key_is_told_when_bars_are_asked_for(massive_service: Service) -> None:
    source = massive(massive_service.url, key=None)
    assert source.identity()["provider"] == "massive"
    with pytest.raises(MissingKey, match="set MASSIVE_API_KEY in the environment"):
        source.bars(["AAPL"], START, END)


def test_a_symbol_without_any_bar_is_unknown(massive_service: Service) -> None:
    with pytest.raises(UnknownSymbol, match="no prices for 'AAPLE'"):
        massive(massive_service.url).bars(["AAPL", "AAPLE"], START, END)


@pytest.mark.parametrize(
    ("answer", "status", "error", "said"),
    [
        pytest.param(
            {"status": "NOT_AUTHORIZED", "message": "Your plan doesn't include this data timeframe."},
            403,
            RefusedKey,
            "timeframe",
            id="a plan that lacks the data",
        ),
        pytest.param(
            {"status": "NOT_FOUND", "message": "Ticker not found."}, 404, UnknownSymbol, "Ticker", id="404"
        ),
        pytest.param(
            {"status": "ERROR", "error": "bad from"}, 400, UnreadableAnswer, "bad from", id="bad parameter"
        ),
        pytest.param("<html>", 404, UnreadableAnswer, "html", id="a page instead of a refusal"),
        pytest.param("<html>", 200, UnreadableAnswer, "no JSON", id="a page where JSON was promised"),
        pytest.param([1], 200, UnreadableAnswer, "without an object", id="JSON of another kind"),
        pytest.param(
            {"status": "OK", "results": [{"o": 1}]}, 200, UnreadableAnswer, "no time", id="half a bar"
        ),
    ],
)
def test_other_answers_are_told(
    massive_service: Service, answer: object, status: int, error: type[Exception], said: str
) -> None:
    massive_service.first_answer(answer, status)
    with pytest.raises(error, match=said):
        massive(massive_service.url).bars(["AAPL"], START, END)


def test_silence_ends_after_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SourceUnavailable, match="timed out"):
            massive(url, patience=Patience(timeout_s=0.1, attempts=2, first_wait_s=0.0)).bars(
                ["AAPL"], START, END
            )
