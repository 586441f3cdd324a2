"""Daily bars from Yahoo Finance, by yfinance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from time import sleep
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from assets.market.http_retries import RETRIED, Patience
from assets.market.sources import (
    PRICE_COLUMNS,
    PriceSourceError,
    SourceUnavailable,
    Terms,
    UnknownSymbol,
    UnreadableAnswer,
    bar_table,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from curl_cffi.requests import Response, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class YahooPrices:
    """Bars as Yahoo shows them: always adjusted for splits, for dividends unless ``terms.adjustment`` is ``split``.

    No key; Yahoo limits requests by address. ``url`` replaces every host of Yahoo's.
    """

    terms: Terms
    url: str | None = None
    patience: Patience = Patience()
    sleep: Callable[[float], None] = sleep

    def identity(self) -> Mapping[str, str]:
        """The settings that change the data."""
        return self.terms.identity()

    def bars(self, symbols: Sequence[str], start: date, end: date) -> pa.Table:
        """The bars of ``symbols`` from ``start`` to ``end``, one symbol after the other."""
        import pyarrow as pa

        session = self._session()
        return pa.concat_tables([self._bars(session, symbol, start, end) for symbol in symbols])

    def _bars(self, session: Session[Response], symbol: str, start: date, end: date) -> pa.Table:
        frame = self._history(session, symbol, start, end)
        if frame.empty:
            raise UnknownSymbol("yahoo", [symbol], said=f"nothing from {start} to {end}")
        columns: dict[str, object] = {name: frame[name.capitalize()].to_list() for name in PRICE_COLUMNS}
        columns["symbol"] = [symbol] * len(frame)
        columns["session"] = [stamp.date() for stamp in frame.index]  # in the exchange's own zone
        columns["volume"] = [int(shares) for shares in frame["Volume"]]
        return bar_table(columns, self.terms)

    def _history(self, session: Session[Response], symbol: str, start: date, end: date) -> pd.DataFrame:
        import yfinance
        from curl_cffi.requests.exceptions import HTTPError, RequestException
        from yfinance.exceptions import YFException, YFPricesMissingError, YFRateLimitError, YFTzMissingError

        yfinance.config.debug.hide_exceptions = (
            False  # otherwise it logs what went wrong and gives an empty table
        )
        try:
            return yfinance.Ticker(symbol, session=session).history(
                start=start,
                end=end + timedelta(days=1),  # Yahoo leaves the end out
                auto_adjust=self.terms.adjustment == "split_dividend",
                actions=False,
                timeout=self.patience.timeout_s,
            )
        except (YFPricesMissingError, YFTzMissingError) as error:
            raise UnknownSymbol("yahoo", [symbol], said=str(error)) from None
        except HTTPError as error:  # of a page that yfinance asks for where the chart has no time zone
            if error.response is not None and error.response.status_code == 404:
                raise UnknownSymbol("yahoo", [symbol], said=str(error)) from None
            raise UnreadableAnswer("yahoo", str(error)) from None
        except (YFRateLimitError, RequestException) as error:
            raise SourceUnavailable("yahoo", self.patience.attempts, str(error)) from None
        except PriceSourceError:
            raise
        except (YFException, KeyError, IndexError, TypeError, ValueError) as error:
            raise UnreadableAnswer("yahoo", f"{type(error).__name__} {error}") from None

    def _session(self) -> Session[Response]:
        """A session that looks like a browser, as Yahoo wants, and that waits and asks again."""
        from curl_cffi.requests import Session
        from yfinance.data import YfData

        YfData.cache_get.cache_clear()  # it remembers answers, errors too, as long as the process lives
        session: Session[Response] = Session(impersonate="chrome")
        session.request = partial(self._ask, session.request)  # type: ignore[method-assign]  # every request of the library goes this way
        return session

    def _ask(self, request: Callable[..., Response], method: str, url: str, **options: Any) -> Response:
        """One request of yfinance's, made up to ``patience.attempts`` times."""
        from curl_cffi.requests.exceptions import RequestException

        if self.url is not None:
            asked = urlsplit(url)
            url = self.url.rstrip("/") + asked.path + (f"?{asked.query}" if asked.query else "")
        options["timeout"] = self.patience.timeout_s
        said = ""
        for attempt in range(1, self.patience.attempts + 1):
            retry_after = None
            try:
                response = request(method, url, **options)
            except RequestException as error:
                said = str(error)
            else:
                if response.status_code not in RETRIED:
                    return response
                said, retry_after = f"HTTP {response.status_code}", response.headers.get("Retry-After")
            if attempt < self.patience.attempts:
                self.sleep(self.patience.wait_s(attempt, retry_after, datetime.now(UTC)))
        raise SourceUnavailable("yahoo", self.patience.attempts, said)
