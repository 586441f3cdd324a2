"""What the account holds: declared opening cash, or a file that somebody else keeps."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from assets.allocation.caps import CASH
from assets.trading.exact import Money, Quantity
from checks import check
from graph import AssetGraphError, Observation, fresh_within, resource, source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assets.trading.broker import Broker


class HoldingsUnreadable(AssetGraphError):
    """A holdings file that cannot be taken at its word; ``path`` and ``line`` say where."""

    def __init__(self, path: Path, line: int | None, problem: str) -> None:
        self.path, self.line = path, line
        place = f"{path}" if line is None else f"{path}, line {line},"
        super().__init__(f"holdings file {place} {problem}")


class TradingSettings(BaseSettings):
    """``TRADING_HOLDINGS`` (a JSON or CSV file, or ``broker``), ``TRADING_OPENING_CASH`` and ``TRADING_ACCOUNT``."""

    model_config = SettingsConfigDict(
        env_prefix="TRADING_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    holdings: Path | None = None
    opening_cash: Money = Decimal("100000.00")
    account: str = Field(default="paper", pattern=r"^[A-Za-z0-9_-]+$")


class Holdings(BaseModel):
    """An account's cash and positions, at one moment.

    ``cash`` is in US dollars; ``positions`` maps a symbol to its quantity in shares.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: str
    cash: Money
    positions: dict[str, Quantity] = {}
    as_of: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingsBook:
    """Where the holdings are written: at the broker, in a file, or nowhere, and then they are the opening cash."""

    account: str
    opening_cash: Decimal
    path: Path | None = None
    broker: Broker | None = None

    @property
    def stands_still(self) -> bool:
        """Nobody changes what is written."""
        return self.path is None and self.broker is None

    def identity(self) -> Mapping[str, str]:
        """The settings that change the data."""
        if self.broker is not None:
            return {"account": self.account, **self.broker.identity()}
        if self.path is not None:
            return {"account": self.account, "path": str(self.path)}
        return {"account": self.account, "opening_cash": str(self.opening_cash)}

    def read(self) -> Holdings:
        """What is held.

        Raises:
            HoldingsUnreadable: the file is missing, or something in it is not a quantity.
            BrokerError: the broker does not answer.
        """
        if self.broker is not None:
            return _from_broker(self.broker, self.account)
        if self.path is None:
            return Holdings(account=self.account, cash=self.opening_cash)
        try:
            text = self.path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise HoldingsUnreadable(
                self.path, None, f"cannot be read ({error}): mend it or unset TRADING_HOLDINGS"
            ) from error
        if self.path.suffix == ".csv":
            return _from_csv(self.path, text, self.account)
        return _from_json(self.path, text, self.account)


@resource
def holdings_book(settings: TradingSettings) -> HoldingsBook:
    """The file that ``TRADING_HOLDINGS`` names, the broker, or the declared opening cash."""
    if settings.holdings == Path("broker"):
        from assets.trading.broker_choice import broker
        from assets.trading.broker_settings import BrokerSettings

        chosen = broker(BrokerSettings())
        return HoldingsBook(account=settings.account, opening_cash=settings.opening_cash, broker=chosen)
    return HoldingsBook(account=settings.account, opening_cash=settings.opening_cash, path=settings.holdings)


@check
def cash_is_not_negative(holdings: Holdings) -> bool:
    """The account owes nothing."""
    return Decimal(str(_plain(holdings)["cash"])) >= 0


@check
def positions_are_long(holdings: Holdings) -> bool:
    """Every position is more than zero, and none is called CASH."""
    positions = _plain(holdings)["positions"]
    return CASH not in positions and all(Decimal(str(quantity)) > 0 for quantity in positions.values())


@source(
    checks=[cash_is_not_negative, positions_are_long],
    freshness=fresh_within(timedelta(hours=26)),
    stored_as="json",
)
def holdings(book: HoldingsBook) -> Observation:
    """What the account holds: the file ``TRADING_HOLDINGS``, or 100,000 USD in cash and nothing else.

    With ``TRADING_HOLDINGS=broker`` it is what the broker says.

    JSON is ``{"account": "paper", "cash": "100000.00", "positions": {"AAPL": "12.5"}, "as_of": "..."}``, all but
    ``cash`` optional; CSV has the columns ``symbol`` and ``quantity``, cash being the row CASH. The declared opening
    cash never changes, so it is never overdue.
    """
    held = book.read()
    return Observation(value=held, as_of=held.as_of, ends=book.stands_still)


def _plain(holdings: Holdings) -> Mapping[str, Any]:
    """The holdings as plain values, whether they come as the model or as what was stored."""
    return holdings.model_dump() if isinstance(holdings, BaseModel) else holdings


def _from_broker(broker: Broker, account: str) -> Holdings:
    cents = Decimal("0.01")
    return Holdings(
        account=account,
        cash=broker.account(account).cash.quantize(cents, ROUND_DOWN),
        positions={one.symbol: one.quantity for one in broker.positions(account)},
    )


def _from_json(path: Path, text: str, account: str) -> Holdings:
    try:
        given = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise HoldingsUnreadable(path, error.lineno, f"is not JSON: {error.msg}") from None
    if not isinstance(given, dict):
        raise HoldingsUnreadable(
            path, None, 'is not an object: write {"cash": "0.00", "positions": {"AAPL": "1"}}'
        )
    named = given.setdefault("account", account)
    if named != account:
        raise HoldingsUnreadable(path, None, f"is of account '{named}', but TRADING_ACCOUNT is '{account}'")
    return _validated(path, given)


def _from_csv(path: Path, text: str, account: str) -> Holdings:
    quantities: dict[str, Decimal] = {}
    for line, symbol, quantity in _csv_rows(path, text):
        if symbol in quantities:
            raise HoldingsUnreadable(path, line, f"names '{symbol}' a second time")
        try:
            quantities[symbol] = Decimal(quantity)
        except InvalidOperation:
            raise HoldingsUnreadable(
                path, line, f"gives '{symbol}' the quantity '{quantity}': write a number"
            ) from None
    if CASH not in quantities:
        raise HoldingsUnreadable(path, None, "has no row CASH: say how much there is, 0 if there is none")
    cash = quantities.pop(CASH)
    return _validated(path, {"account": account, "cash": cash, "positions": quantities})


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, str, str]]:
    """Line, symbol and quantity of each row."""
    reader = csv.DictReader(text.splitlines())
    lacking = {"symbol", "quantity"} - set(reader.fieldnames or ())
    if lacking:
        raise HoldingsUnreadable(path, 1, f"has no column '{min(lacking)}': write a header symbol,quantity")
    for row in reader:
        yield reader.line_num, (row["symbol"] or "").strip(), (row["quantity"] or "").strip()


def _validated(path: Path, given: Mapping[str, object]) -> Holdings:
    try:
        return Holdings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise HoldingsUnreadable(path, None, f"has an unusable '{where}': {first['msg']}") from None
