"""Price services that speak the documented formats of Alpaca, Massive and Yahoo on this machine."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from werkzeug import Request, Response

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

NEW_YORK = ZoneInfo("America/New_York")
DATA = Path(__file__).parents[4] / "shared" / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar that a service holds."""

    session: date
    open: float
    high: float
    low: float
    close: float
    volume: int

    @property
    def midnight(self) -> datetime:
        return datetime.combine(self.session, time(), NEW_YORK)


@dataclass(slots=True, kw_only=True)
class Service:
    """A service's bars, what it was asked, and what it answers instead first."""

    url: str
    bars: dict[str, list[Bar]]
    page: int = 1000
    faults: deque[Response] = field(default_factory=deque)
    asked: list[str] = field(default_factory=list)

    def first_answer(self, answer: object, status: int = 200, *, times: int = 1) -> None:
        """Give ``answer`` to the next requests."""
        self.faults.extend(answering(answer, status) for _ in range(times))

    def within(self, symbol: str, start: date, end: date) -> list[Bar]:
        return [bar for bar in self.bars.get(symbol, ()) if start <= bar.session <= end]


def january(first_close: float) -> list[Bar]:
    """Bars of the sessions of January 2024."""
    from assets.market.exchange_sessions import sessions_between

    days = sessions_between(date(2024, 1, 1), date(2024, 1, 31)).tolist()
    closes = [first_close * (1 + 0.01 * (n % 3)) for n in range(len(days))]
    return [
        Bar(session=day, open=close - 0.5, high=close + 1, low=close - 1, close=close, volume=1000 + n)
        for n, (day, close) in enumerate(zip(days, closes, strict=True))
    ]


def answering(answer: object, status: int = 200) -> Response:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return Response(text, status, content_type="application/json")


def _serving(server: HTTPServer, real: Callable[[Service, Request], Response]) -> Service:
    service = Service(url=server.url_for("").rstrip("/"), bars={"AAPL": january(185), "MSFT": january(370)})

    def handle(request: Request) -> Response:
        service.asked.append(request.full_path.rstrip("?"))
        return service.faults.popleft() if service.faults else real(service, request)

    server.expect_request(re.compile(r"/v(2|8|10)/.*")).respond_with_handler(handle)
    return service


@pytest.fixture
def alpaca_service(httpserver: HTTPServer) -> Service:
    return _serving(httpserver, _alpaca)


@pytest.fixture
def massive_service(httpserver: HTTPServer) -> Service:
    return _serving(httpserver, _massive)


@pytest.fixture
def yahoo_service(httpserver: HTTPServer, tmp_path: Path) -> Iterator[Service]:
    import yfinance
    from yfinance.data import YfData

    yfinance.set_tz_cache_location(str(tmp_path))
    httpserver.expect_request("/").respond_with_data("")
    httpserver.expect_request("/v1/test/getcrumb").respond_with_data("crumb")
    httpserver.expect_request("/consent").respond_with_data("<html></html>")
    yield _serving(httpserver, _yahoo)
    YfData().__init__()  # the one session of the process, with its crumb, is forgotten


def _alpaca(service: Service, request: Request) -> Response:
    """GET /v2/stocks/bars; https://docs.alpaca.markets/reference/stockbars."""
    if (
        request.headers.get("APCA-API-KEY-ID") != "key"
        or request.headers.get("APCA-API-SECRET-KEY") != "secret"
    ):
        return answering({"message": "unauthorized."}, 401)
    start, end = (datetime.fromisoformat(request.args[name]).date() for name in ("start", "end"))
    rows = [
        (symbol, bar)
        for symbol in sorted(request.args["symbols"].split(","))
        for bar in service.within(symbol, start, end)
    ]
    first = int(request.args.get("page_token") or 0)
    shown: dict[str, list[dict[str, object]]] = {}
    for symbol, bar in rows[first : first + service.page]:
        stamp = bar.midnight.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        prices = {
            "o": bar.open,
            "h": bar.high,
            "l": bar.low,
            "c": bar.close,
            "v": bar.volume,
            "vw": bar.close,
        }
        shown.setdefault(symbol, []).append({"t": stamp, "n": 7, **prices})
    more = first + service.page < len(rows)
    return answering({"bars": shown, "next_page_token": str(first + service.page) if more else None})


def _massive(service: Service, request: Request) -> Response:
    """GET /v2/aggs/ticker/{ticker}/range/1/day/{from}/{to}; https://massive.com/docs/rest/stocks/aggregates."""
    if request.headers.get("Authorization") != "Bearer key":
        return answering({"status": "ERROR", "request_id": "1", "error": "Unknown API Key"}, 401)
    *_, symbol, _range, _one, _day, start, end = request.path.split("/")
    bars = service.within(symbol, date.fromisoformat(start), date.fromisoformat(end))
    first = int(request.args.get("cursor") or 0)
    results = [
        {
            "t": int(bar.midnight.timestamp() * 1000),
            "o": bar.open,
            "h": bar.high,
            "l": bar.low,
            "c": bar.close,
            "v": float(bar.volume),
            "vw": bar.close,
            "n": 7,
        }
        for bar in bars[first : first + service.page]
    ]
    answer = {
        "ticker": symbol,
        "status": "OK",
        "request_id": "1",
        "adjusted": request.args["adjusted"] == "true" if not first else True,
        "queryCount": len(results),
        "resultsCount": len(results),
        "count": len(results),
    }
    if results:
        answer["results"] = results
    if first + service.page < len(bars):
        answer["next_url"] = f"https://api.massive.com{request.path}?cursor={first + service.page}"
    return answering(answer)


def _yahoo(service: Service, request: Request) -> Response:
    """GET /v8/finance/chart/{symbol}, as Yahoo's own pages ask it."""
    symbol = request.path.rsplit("/", 1)[-1]
    if "quoteSummary" in request.path:
        error = {"code": "Not Found", "description": f"Quote not found for symbol: {symbol}"}
        return answering({"quoteSummary": {"result": None, "error": error}}, 404)
    if symbol not in service.bars:
        error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
        return answering({"chart": {"result": None, "error": error}}, 404)
    start, end = date.min, date.max
    if "period1" in request.args:
        start, end = (
            datetime.fromtimestamp(int(request.args[name]), NEW_YORK).date()
            for name in ("period1", "period2")
        )
    bars = [bar for bar in service.bars[symbol] if start <= bar.session < end]
    quote = {
        name: [getattr(bar, name) for bar in bars] for name in ("open", "high", "low", "close", "volume")
    }
    meta = {
        "currency": "USD",
        "symbol": symbol,
        "exchangeName": "NMS",
        "fullExchangeName": "NasdaqGS",
        "instrumentType": "EQUITY",
        "gmtoffset": -18000,
        "timezone": "EST",
        "exchangeTimezoneName": "America/New_York",
        "priceHint": 2,
        "dataGranularity": "1d",
        "range": "",
        "validRanges": ["1d", "5d", "1mo", "max"],
    }
    result: dict[str, object] = {"meta": meta, "indicators": {"quote": [quote if bars else {}]}}
    if bars:
        result["timestamp"] = [
            int(datetime.combine(bar.session, time(9, 30), NEW_YORK).timestamp()) for bar in bars
        ]
        adjusted = [{"adjclose": [bar.close / 2 for bar in bars]}]
        result["indicators"] = {"quote": [quote], "adjclose": adjusted}
    return answering({"chart": {"result": [result], "error": None}})
