"""Daily bars from Massive (until 2025 Polygon), by its own client."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import SimpleNamespace
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
    from massive import RESTClient
    from massive.rest.models import Agg
    from pydantic import SecretStr

_VARIABLE = ("MASSIVE_API_KEY",)
_PAGE = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MassivePrices:
    """Bars of all US exchanges; adjusted for splits or as traded, never for dividends."""

    terms: Terms
    key: SecretStr | None = field(repr=False)
    url: str | None = None
    patience: Patience = Patience()

    def identity(self) -> Mapping[str, str]:
        """The settings that change the data."""
        return self.terms.identity()

    def bars(self, symbols: Sequence[str], start: date, end: date) -> pa.Table:
        """The bars of ``symbols`` from ``start`` to ``end``; one request a symbol and page."""
        client = self._client()
        answer = {symbol: self._ask(client, symbol, start, end) for symbol in symbols}
        unknown = [symbol for symbol in symbols if not answer[symbol]]
        if unknown:
            raise UnknownSymbol("massive", unknown, said=f"{start} to {end}")
        rows = [(symbol, bar) for symbol in symbols for bar in answer[symbol]]
        columns: dict[str, object] = {
            "symbol": [symbol for symbol, _ in rows],
            "open": [bar.open for _, bar in rows],
            "high": [bar.high for _, bar in rows],
            "low": [bar.low for _, bar in rows],
            "close": [bar.close for _, bar in rows],
        }
        try:
            columns["session"] = [_session(bar.timestamp) for _, bar in rows]
            columns["volume"] = [None if bar.volume is None else round(bar.volume) for _, bar in rows]
            return bar_table(columns, self.terms)
        except (TypeError, ValueError) as error:
            raise UnreadableAnswer("massive", f"a bar without what bars have ({error})") from None

    def _client(self) -> RESTClient:
        from massive import RESTClient

        if self.key is None:
            raise MissingKey("massive", _VARIABLE)
        address = {} if self.url is None else {"base": self.url}
        return RESTClient(
            api_key=self.key.get_secret_value(),
            connect_timeout=self.patience.timeout_s,
            read_timeout=self.patience.timeout_s,
            custom_json=SimpleNamespace(loads=_loads),
            connection_pool_kw={"retries": self.patience.policy()},
            **address,
        )

    def _ask(self, client: RESTClient, symbol: str, start: date, end: date) -> list[Agg]:
        from massive.exceptions import BadResponse
        from urllib3.exceptions import HTTPError, MaxRetryError

        try:
            pages = client.list_aggs(
                symbol, 1, "day", start, end, adjusted=self.terms.adjustment != "raw", sort="asc", limit=_PAGE
            )
            return list(pages)
        except BadResponse as error:
            raise _explained(error, symbol) from None
        except MaxRetryError as error:
            raise SourceUnavailable("massive", self.patience.attempts, str(error.reason)) from None
        except HTTPError as error:
            raise SourceUnavailable("massive", self.patience.attempts, str(error)) from None


def _loads(text: str) -> Any:
    """The answer as JSON. Of one that is none the client would make no bars and go on; here it is an error."""
    try:
        answer = json.loads(text)
    except ValueError:
        raise UnreadableAnswer("massive", "no JSON") from None
    if not isinstance(answer, dict):
        raise UnreadableAnswer("massive", "JSON without an object")
    return answer


def _session(stamp_ms: int | None) -> date:
    """The day in New York of the beginning of a bar, in milliseconds since 1970 UTC."""
    if stamp_ms is None:
        raise ValueError("no time")
    return datetime.fromtimestamp(stamp_ms / 1000, UTC).astimezone(ZoneInfo(TIMEZONE)).date()


def _explained(error: Exception, symbol: str) -> PriceSourceError:
    """What a refusal means, told by its words: the client does not pass the status on."""
    text = str(error)
    try:
        answer = json.loads(text)
        said = str(answer.get("error") or answer.get("message") or text)
        status = str(answer.get("status", ""))
    except (ValueError, AttributeError):
        return UnreadableAnswer("massive", text[:200] or "an empty refusal")
    if status in ("NOT_AUTHORIZED", "AUTH_FAILED") or "API Key" in said:
        return RefusedKey("massive", _VARIABLE, said)
    if status == "NOT_FOUND" or "not found" in said.lower():
        return UnknownSymbol("massive", [symbol], said=said)
    return UnreadableAnswer("massive", said)
