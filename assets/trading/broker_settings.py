"""The settings of the broker, from the environment: ``TRADING_BROKER``, ``TRADING_ACCOUNTS`` and so on."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from assets.trading.exact import Money
from graph import AssetGraphError, near_miss

if TYPE_CHECKING:
    from collections.abc import Callable

BrokerName = Literal["simulated", "alpaca"]
_ACCOUNT = re.compile(r"[A-Za-z0-9_-]+")
_LOCAL = ("localhost", "127.0.0.1", "::1")
_EXAMPLE = '{"ppo": {"key": "...", "secret": "..."}, "hrp": {"key": "...", "secret": "...", "paper": true}}'


class BrokerSettingError(AssetGraphError):
    """A setting whose value cannot be used; of what may hold a secret, the value is never repeated."""

    def __init__(self, variable: str, message: str) -> None:
        self.variable = variable
        super().__init__(f"{variable} {message}")


class AccountSettings(BaseModel):
    """One account of ``TRADING_ACCOUNTS``.

    Args:
        key: Alpaca's; with ``secret``, which paper accounts have as well.
        paper: false for an account with real money, which then must be named in ``TRADING_REAL_MONEY`` too.
        opening_cash: of a simulated account, in USD; otherwise ``TRADING_OPENING_CASH``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    key: SecretStr | None = None
    secret: SecretStr | None = None
    paper: bool = True
    opening_cash: Money | None = None


class BrokerSettings(BaseSettings):
    """Who carries out orders, and for which accounts.

    Args:
        broker: ``simulated`` (a file on this machine) or ``alpaca``.
        account: the one account there is, without ``accounts``; its keys are ``APCA_API_KEY_ID`` and
            ``APCA_API_SECRET_KEY``.
        accounts: several accounts by name, as a JSON object; see `AccountSettings`.
        real_money: the accounts, separated by commas, that may trade with real money.
        url: another address of the trading service.
        timeout_s: how long one answer is waited for, in seconds.
        attempts: how often a request that changes nothing is made before it counts as failed.
        opening_cash: of a simulated account, in USD.
        participation: the fraction of a session's volume that simulated orders get; 0 for as much as they want.
        sells_fund_buys: whether what open sells will bring counts as a simulated account's buying power.
        clock: a time at which the simulated market's clock stands still; otherwise it is this machine's.
        file: of the simulated broker; otherwise ``broker.sqlite`` in the home.
    """

    model_config = SettingsConfigDict(
        env_prefix="TRADING_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    broker: BrokerName = "simulated"
    account: str = "paper"
    accounts: Annotated[dict[str, AccountSettings], NoDecode] = {}
    real_money: Annotated[frozenset[str], NoDecode] = frozenset()
    url: str | None = None
    timeout_s: float = Field(default=20.0, gt=0)
    attempts: int = Field(default=6, ge=1)
    opening_cash: Money = Decimal("100000.00")
    participation: Decimal = Field(default=Decimal("0.1"), ge=0, le=1)
    sells_fund_buys: bool = True
    clock: AwareDatetime | None = None
    file: Path | None = None
    alpaca_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("APCA_API_KEY_ID", "ALPACA_API_KEY")
    )
    alpaca_secret: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("APCA_API_SECRET_KEY", "ALPACA_SECRET_KEY")
    )

    @field_validator("accounts", mode="before")
    @classmethod
    def _object(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        try:
            return json.loads(given)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise BrokerSettingError(
                "TRADING_ACCOUNTS", f"is not JSON ({error.msg}, {place}); write it as {_EXAMPLE}."
            ) from None

    @field_validator("real_money", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        return frozenset(part.strip() for part in given.split(",") if part.strip())

    @model_validator(mode="wrap")
    @classmethod
    def _explained(cls, given: Any, validate: Callable[[Any], BrokerSettings]) -> BrokerSettings:
        try:
            settings = validate(given)
        except ValidationError as error:
            raise _explain(error) from None
        _check_together(settings)
        return settings

    @property
    def by_name(self) -> dict[str, AccountSettings]:
        """The accounts; without ``accounts``, the one called ``account``."""
        if self.accounts:
            return self.accounts
        return {self.account: AccountSettings(key=self.alpaca_key, secret=self.alpaca_secret)}


def _check_together(settings: BrokerSettings) -> None:
    """Refuse what is well formed, but cannot be meant."""
    for name in settings.by_name:
        if not _ACCOUNT.fullmatch(name):
            raise BrokerSettingError(
                "TRADING_ACCOUNTS" if settings.accounts else "TRADING_ACCOUNT",
                f"names '{name}', and a name has letters, digits, - and _ only.",
            )
    for name in sorted(settings.real_money):
        if name not in settings.by_name:
            raise BrokerSettingError(
                "TRADING_REAL_MONEY",
                f"names '{name}', which is no account.{near_miss(name, settings.by_name)}",
            )
    if settings.url is not None:
        _check_address(settings.url)


def _check_address(url: str) -> None:
    found = urlsplit(url)
    if found.scheme == "https" or (found.scheme == "http" and found.hostname in _LOCAL):
        return
    raise BrokerSettingError(
        "TRADING_URL", "is no address that keys may be sent to: it must begin with https://."
    )


def _explain(error: ValidationError) -> BrokerSettingError:
    """The first thing wrong, by the variable's name, without its value, which may hold a secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    name, *inside = map(str, first["loc"]) if first["loc"] else ("?",)
    variable = f"TRADING_{name.upper()}" if name in BrokerSettings.model_fields else name
    if name == "broker":
        choices = ", ".join(get_args(BrokerName))
        return BrokerSettingError(variable, f"must be one of {choices}.")
    place = f" in {'.'.join(inside)}" if inside else ""
    hint = near_miss(inside[-1], AccountSettings.model_fields) if inside else ""
    return BrokerSettingError(variable, f"does not do{place}: {first['msg']}.{hint}")
