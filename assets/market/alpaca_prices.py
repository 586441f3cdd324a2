"""Daily bars from Alpaca's market data API, by its own client (alpaca-py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from assets.market.http_retries import Patience
from assets.market.sources import (
    TIMEZONE,
    MissingKey,
    PriceSourceError,
    RefusedKey,
    SourceUnavailable,
    Terms,
    UnknownSymbol,
    UnreadableAnswer,
    bar_table,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from alpaca.common.exceptions import APIError
    from alpaca.data.historical.stock import StockHistoricalDataClient
    from alpaca.data.requests import StockBarsRequest
    from pydantic import SecretStr

_VARIABLES = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY")
_ADJUSTMENTS = {"split_dividend": "all", "split": "split", "raw": "raw"}
_BATCH = 100  # symbols a request; they travel in its address, whose length is limited
_COLUMNS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaPrices:
    """Bars of a feed of Alpaca: ``sip``, all exchanges, whose past is free of charge; ``iex``, one small exchange.

    Only closed sessions are asked for, so that ``sip`` works without a subscription, which the last 15 minutes need.
    """

    terms: Terms
    key: SecretStr | None = field(repr=False)
    secret: SecretStr | None = field(repr=False)
    url: str | None = None
    patience: Patience = Patience()

    def identity(self) -> Mapping[str, str]:
        """The settings that change the data."""
        return self.terms.identity()

    def bars(self, symbols: Sequence[str], start: date, end: date) -> pa.Table:
        """The bars of ``symbols`` from ``start`` to ``end``, page after page."""
        client = self._client()
        answer: dict[str, list[dict[str, Any]]] = {}
        for first in range(0, len(symbols), _BATCH):
            answer |= self._ask(client, list(symbols[first : first + _BATCH]), start, end)
        unknown = [symbol for symbol in symbols if not answer.get(symbol)]
        if unknown:
            raise UnknownSymbol("alpaca", unknown, said=f"feed {self.terms.feed}, {start} to {end}")
        try:
            return self._table(symbols, answer)
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableAnswer("alpaca", f"a bar without what bars have ({error!r})") from None

    def _client(self) -> StockHistoricalDataClient:
        from alpaca.data.historical.stock import StockHistoricalDataClient
        from requests.adapters import HTTPAdapter

        if self.key is None or self.secret is None:
            absent = [
                name for name, value in zip(_VARIABLES, (self.key, self.secret), strict=True) if value is None
            ]
            raise MissingKey("alpaca", absent)
        client = StockHistoricalDataClient(
            self.key.get_secret_value(), self.secret.get_secret_value(), raw_data=True, url_override=self.url
        )
        # The client waits for ever, and repeats without regard to Retry-After; its session lets itself be told better.
        session = client._session  # noqa: SLF001  # there is no public way to it
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=self.patience.policy()))
        session.request = partial(session.request, timeout=self.patience.timeout_s)  # type: ignore[method-assign]  # the client offers no time-out of its own
        return client

    def _request(self, symbols: list[str], start: date, end: date) -> StockBarsRequest:
        from alpaca.data.enums import Adjustment, DataFeed
        from alpaca.data.requests import StockBarsRequest
        from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

        return StockBarsRequest(
            symbol_or_symbols=symbols,
            timeframe=TimeFrame(1, TimeFrameUnit.Day),
            start=_midnight(start),
            end=_midnight(
                end
            ),  # a daily bar is stamped with the midnight that it begins at, and the end is included
            adjustment=Adjustment(_ADJUSTMENTS[self.terms.adjustment]),
            feed=DataFeed(self.terms.feed),
        )

    def _ask(
        self, client: StockHistoricalDataClient, symbols: list[str], start: date, end: date
    ) -> dict[str, list[dict[str, Any]]]:
        from alpaca.common.exceptions import APIError
        from requests.exceptions import JSONDecodeError, RequestException

        try:
            return dict(client.get_stock_bars(self._request(symbols, start, end)))
        except APIError as error:
            raise _explained(error, symbols) from None
        except JSONDecodeError:
            raise UnreadableAnswer("alpaca", "no JSON") from None
        except RequestException as error:
            raise SourceUnavailable("alpaca", self.patience.attempts, _reason(error)) from None
        except (AttributeError, TypeError, ValueError) as error:
            raise UnreadableAnswer("alpaca", str(error)) from None

    def _table(self, symbols: Sequence[str], answer: Mapping[str, list[dict[str, Any]]]) -> pa.Table:
        rows = [(symbol, bar) for symbol in symbols for bar in answer[symbol]]
        columns: dict[str, object] = {
            name: [bar[short] for _, bar in rows] for name, short in _COLUMNS.items()
        }
        columns["symbol"] = [symbol for symbol, _ in rows]
        columns["session"] = [_session(bar["t"]) for _, bar in rows]
        columns["volume"] = [round(bar["v"]) for _, bar in rows]
        return bar_table(columns, self.terms)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(TIMEZONE))


def _session(stamp: str) -> date:
    """The day in New York of a time such as ``2024-01-02T05:00:00Z``."""
    return datetime.fromisoformat(stamp).astimezone(ZoneInfo(TIMEZONE)).date()


def _explained(error: APIError, symbols: list[str]) -> PriceSourceError:
    """What a refusal means."""
    status, said = error.status_code, str(error)[:200]
    if status in (401, 403):
        return RefusedKey("alpaca", _VARIABLES, f"HTTP {status}, {said}")
    if status == 404 or "invalid symbol" in said:
        named = [symbol for symbol in symbols if symbol in said] or symbols
        return UnknownSymbol("alpaca", named, said=f"HTTP {status}")
    return UnreadableAnswer("alpaca", f"HTTP {status}, {said}")


def _reason(error: Exception) -> str:
    """The innermost reason of a failed request, without the address, which need not be repeated."""
    inner: object = error.args[0] if error.args else error
    return str(getattr(inner, "reason", None) or inner)
