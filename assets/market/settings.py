"""The settings of the market data, from the environment: ``MARKET_SOURCE``, ``MARKET_SYMBOLS`` and so on."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from assets.market.sources import Adjustment
from graph import AssetGraphError, near_miss

if TYPE_CHECKING:
    from collections.abc import Callable

SourceName = Literal["sample", "files", "yahoo", "alpaca", "massive"]
Feed = Literal["iex", "sip", "delayed_sip", "otc"]
ADJUSTMENTS: dict[SourceName, tuple[Adjustment, ...]] = {
    "sample": ("split_dividend",),
    "files": ("split_dividend", "split", "raw"),
    "yahoo": ("split_dividend", "split"),
    "alpaca": ("split_dividend", "split", "raw"),
    "massive": ("split", "raw"),
}
"""What each source can give; the first is what it gives unless told otherwise."""
_CHOICES = {"source": get_args(SourceName), "feed": get_args(Feed), "adjustment": get_args(Adjustment)}
_SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.=^-]*")


class SettingError(AssetGraphError):
    """A setting whose value cannot be used."""

    def __init__(self, variable: str, message: str) -> None:
        self.variable = variable
        super().__init__(f"{variable} {message}")


class MarketSettings(BaseSettings):
    """Which prices, and from where.

    Args:
        source: ``sample`` (in the library skfolio, no network), ``files``, ``yahoo``, ``alpaca`` or ``massive``.
        path: for ``files``: a file, a folder or a pattern such as ``prices/*.csv``.
        symbols: the universe, separated by commas. Without it: the 20 symbols of the sample, or all that the
            files hold.
        start: the first day that is wanted.
        adjustment: ``split_dividend``, ``split`` or ``raw``; otherwise the first that the source offers. CSV and
            Parquet files are taken at this word.
        ends: for ``files``: nothing will ever be added to them, so that they are never overdue.
        feed: Alpaca's feed: ``sip`` is all exchanges, ``iex`` one small one.
        url: another address of the web service, such as a proxy's.
        timeout_s: how long one answer is waited for, in seconds.
        attempts: how often a request is made before it counts as failed.
    """

    model_config = SettingsConfigDict(
        env_prefix="MARKET_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    source: SourceName = "sample"
    path: str | None = None
    symbols: Annotated[tuple[str, ...], NoDecode] = ()
    start: date = date(1990, 1, 1)
    adjustment: Adjustment | None = None
    ends: bool = False
    feed: Feed = "sip"
    url: str | None = None
    timeout_s: float = Field(default=20.0, gt=0)
    attempts: int = Field(default=6, ge=1)
    alpaca_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("APCA_API_KEY_ID", "ALPACA_API_KEY")
    )
    alpaca_secret: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("APCA_API_SECRET_KEY", "ALPACA_SECRET_KEY")
    )
    massive_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("MASSIVE_API_KEY", "POLYGON_API_KEY")
    )

    @field_validator("symbols", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        symbols = tuple(dict.fromkeys(part.strip().upper() for part in given.split(",") if part.strip()))
        for symbol in symbols:
            if not _SYMBOL.fullmatch(symbol):
                raise SettingError(
                    "MARKET_SYMBOLS", f"names '{symbol}', which is no symbol; write them as AAPL,BRK.B,SPY."
                )
        return symbols

    @model_validator(mode="wrap")
    @classmethod
    def _explained(cls, given: Any, validate: Callable[[Any], MarketSettings]) -> MarketSettings:
        try:
            settings = validate(given)
        except ValidationError as error:
            raise _explain(error) from None
        _check_together(settings)
        return settings

    @property
    def adjusted(self) -> Adjustment:
        """The adjustment that the chosen source gives under these settings."""
        return self.adjustment or ADJUSTMENTS[self.source][0]


def _check_together(settings: MarketSettings) -> None:
    """Refuse settings that are good each by itself, but not together."""
    source, wanted = settings.source, settings.adjustment
    if wanted is not None and wanted not in ADJUSTMENTS[source]:
        offered = ", ".join(ADJUSTMENTS[source])
        raise SettingError(
            "MARKET_ADJUSTMENT",
            f"is '{wanted}', which source '{source}' does not offer; it offers {offered}.",
        )
    if source == "files" and settings.path is None:
        raise SettingError(
            "MARKET_PATH", "is not set, and source 'files' needs it: a file, folder or pattern."
        )


def _explain(error: ValidationError) -> SettingError:
    """The first thing wrong, by the variable's name; a secret's value is never repeated."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "?"
    variable = f"MARKET_{name.upper()}" if name in MarketSettings.model_fields else name
    value = first["input"]
    if name in _CHOICES:
        choices = _CHOICES[name]
        return SettingError(
            variable,
            f"is '{value}'; it must be one of {', '.join(choices)}.{near_miss(str(value).lower(), choices)}",
        )
    if "key" in name.lower() or "secret" in name.lower():
        return SettingError(variable, "cannot be read as text.")
    return SettingError(variable, f"is '{value}', which does not do: {first['msg']}.")
