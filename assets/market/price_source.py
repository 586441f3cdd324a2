"""Which price source and which symbols the settings choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from assets.market.file_prices import FilePrices
from assets.market.http_retries import Patience
from assets.market.settings import MarketSettings
from assets.market.sources import PriceSource, Terms
from graph import Observation, resource

SAMPLE = {
    "AAPL": ("Apple", "Information Technology"),
    "AMD": ("Advanced Micro Devices", "Information Technology"),
    "BAC": ("Bank of America", "Financials"),
    "BBY": ("Best Buy", "Consumer Discretionary"),
    "CVX": ("Chevron", "Energy"),
    "GE": ("General Electric", "Industrials"),
    "HD": ("Home Depot", "Consumer Discretionary"),
    "JNJ": ("Johnson & Johnson", "Health Care"),
    "JPM": ("JPMorgan Chase", "Financials"),
    "KO": ("Coca-Cola", "Consumer Staples"),
    "LLY": ("Eli Lilly", "Health Care"),
    "MRK": ("Merck", "Health Care"),
    "MSFT": ("Microsoft", "Information Technology"),
    "PEP": ("PepsiCo", "Consumer Staples"),
    "PFE": ("Pfizer", "Health Care"),
    "PG": ("Procter & Gamble", "Consumer Staples"),
    "RRC": ("Range Resources", "Energy"),
    "UNH": ("UnitedHealth Group", "Health Care"),
    "WMT": ("Walmart", "Consumer Staples"),
    "XOM": ("Exxon Mobil", "Energy"),
}
"""The symbols of the sample: company, and sector by the Global Industry Classification Standard (2022)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolList:
    """The symbols of the universe: those that are configured, otherwise all that the files hold."""

    configured: tuple[str, ...]
    files: FilePrices | None = None

    def identity(self) -> Mapping[str, str]:
        """The symbols, or where they are read; another price source with the same symbols changes nothing."""
        return {"path": self.files.path} if self.files else {"symbols": ",".join(self.configured)}

    def observe(self, now: datetime) -> Observation:
        """What the files say; what is configured moves only with the identity."""
        return self.files.observe(now) if self.files else Observation(version="configured", ends=True)

    def symbols(self) -> tuple[str, ...]:
        """The symbols, in the order in which they are configured."""
        return self.files.symbols() if self.files else self.configured


@resource
def symbol_list(settings: MarketSettings) -> SymbolList:
    """``MARKET_SYMBOLS``; without it what the files hold, or the sample's twenty."""
    if settings.source == "files" and not settings.symbols:
        return SymbolList(configured=(), files=_files(settings))
    return SymbolList(configured=settings.symbols or tuple(SAMPLE))


@resource
def price_source(settings: MarketSettings) -> PriceSource:
    """The source that ``MARKET_SOURCE`` names; a missing key is told when bars are asked for."""
    patience = Patience(timeout_s=settings.timeout_s, attempts=settings.attempts)
    match settings.source:
        case "sample":
            from assets.market.sample_prices import SamplePrices

            return SamplePrices(terms=_terms(settings))
        case "files":
            return _files(settings)
        case "yahoo":
            from assets.market.yahoo_prices import YahooPrices

            return YahooPrices(terms=_terms(settings), url=settings.url, patience=patience)
        case "alpaca":
            from assets.market.alpaca_prices import AlpacaPrices

            return AlpacaPrices(
                terms=_terms(settings),
                key=settings.alpaca_key,
                secret=settings.alpaca_secret,
                url=settings.url,
                patience=patience,
            )
        case "massive":
            from assets.market.massive_prices import MassivePrices

            return MassivePrices(
                terms=_terms(settings), key=settings.massive_key, url=settings.url, patience=patience
            )


def _files(settings: MarketSettings) -> FilePrices:
    return FilePrices(terms=_terms(settings), path=settings.path or "", ends=settings.ends)


def _terms(settings: MarketSettings) -> Terms:
    return Terms(
        provider=settings.source,
        feed=settings.feed if settings.source == "alpaca" else "",
        adjustment=settings.adjusted,
        start=settings.start,
        remote=settings.source not in ("sample", "files"),
    )
