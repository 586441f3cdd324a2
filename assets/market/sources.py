"""What a price source is, the one schema of its bars, and everything that may go wrong with one.

PriceSourceError                 (an AssetGraphError)
├── MissingKey                   no key for a service that wants one
├── RefusedKey                   the service knows the key and says no, or does not know it
├── UnknownSymbol                the source has no bars for a symbol
├── SourceUnavailable            no answer in time, or "too many requests", after every attempt
├── UnreadableAnswer             an answer that is not what the service documents
└── PriceFileError               a file that cannot be read as prices, with line and column
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal, Protocol

from graph import AssetGraphError, near_miss

if TYPE_CHECKING:
    import pyarrow as pa

Adjustment = Literal["split_dividend", "split", "raw"]
CALENDAR = "XNYS"
TIMEZONE = "America/New_York"
PRICE_COLUMNS = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the bars of a source are.

    Args:
        provider: who they come from, such as ``alpaca``.
        feed: which of the provider's feeds; empty where it has only one.
        adjustment: ``split_dividend``: for splits and cash dividends; ``split``: for splits; ``raw``: as traded.
        start: the first day that is asked for.
        remote: asking costs a request, so only what is missing is asked for; otherwise all is read each time.
    """

    provider: str
    feed: str = ""
    adjustment: Adjustment = "split_dividend"
    start: date = date(1990, 1, 1)
    remote: bool = False

    def identity(self) -> dict[str, str]:
        """The settings that change the data."""
        return {
            "provider": self.provider,
            "feed": self.feed,
            "adjustment": self.adjustment,
            "start": self.start.isoformat(),
        }


class PriceSource(Protocol):
    """Where daily bars come from.

    Laws:
        - `bars` has the schema of `bar_schema(terms)`, in any order of rows.
        - It gives what the source has for ``start <= session <= end``, changed in nothing but the units: a
          duplicated, missing or impossible bar is given as it is found, for the checks to refuse.
        - Asking for a longer span changes no bar of a shorter one.
        - A symbol of which the source knows nothing at all is an error, never an empty history.
        - `identity` names every setting that changes the data, no secret and no host.

    A source that can cheaply tell whether it changed also has ``observe(now) -> Observation``.
    """

    @property
    def terms(self) -> Terms:
        """What its bars are."""

    def identity(self) -> Mapping[str, str]:
        """The settings that change the data."""

    def bars(self, symbols: Sequence[str], start: date, end: date) -> pa.Table:
        """The bars of ``symbols`` from ``start`` to ``end``, both included."""


def bar_schema(terms: Terms) -> pa.Schema:
    """The one schema of daily bars: prices in USD a share, volume in shares, days of the exchange.

    ``session`` is the exchange's trading day in its own time zone. Where a source has only closes, ``open``,
    ``high``, ``low`` and ``volume`` are null.
    """
    import pyarrow as pa

    dollars = {"unit": "USD"}
    return pa.schema(
        [
            pa.field("symbol", pa.string()),
            pa.field("session", pa.date32(), metadata={"timezone": TIMEZONE, "calendar": CALENDAR}),
            *(pa.field(name, pa.float64(), metadata=dollars) for name in PRICE_COLUMNS),
            pa.field("volume", pa.int64(), metadata={"unit": "shares"}),
        ],
        metadata={
            "unit": "USD",
            "adjustment": terms.adjustment,
            "timezone": TIMEZONE,
            "calendar": CALENDAR,
            "source": f"{terms.provider}/{terms.feed}" if terms.feed else terms.provider,
            "start": terms.start.isoformat(),
        },
    )


def bar_table(columns: Mapping[str, object], terms: Terms) -> pa.Table:
    """Bars from columns by name (arrays or lists); what is not given, or is NaN, is null."""
    import pyarrow as pa

    schema = bar_schema(terms)
    given = {name: _array(column, schema.field(name).type) for name, column in columns.items()}
    rows = len(next(iter(given.values()))) if given else 0
    filled = [given.get(field.name, pa.nulls(rows, field.type)) for field in schema]
    return pa.table(filled, schema=schema)


def _array(column: object, wanted: pa.DataType) -> pa.Array | pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    given = column if isinstance(column, pa.Array | pa.ChunkedArray) else pa.array(column)
    if pa.types.is_floating(given.type):
        given = pc.if_else(pc.is_nan(given), pa.scalar(None, given.type), given)
    return given.cast(wanted)


class PriceSourceError(AssetGraphError):
    """Anything that keeps a source from giving bars."""


class MissingKey(PriceSourceError):
    """No key for a service that wants one."""

    def __init__(self, provider: str, variables: Sequence[str]) -> None:
        self.provider, self.variables = provider, tuple(variables)
        missing = " and ".join(variables)
        super().__init__(f"price source '{provider}' needs a key: set {missing} in the environment.")


class RefusedKey(PriceSourceError):
    """The service refuses the key; the key itself is never shown."""

    def __init__(self, provider: str, variables: Sequence[str], said: str) -> None:
        self.provider, self.variables, self.said = provider, tuple(variables), said
        held = " and ".join(variables)
        super().__init__(
            f"price source '{provider}' refuses the key in {held}: {said}. Check it, and what it may read."
        )


class UnknownSymbol(PriceSourceError):
    """The source has no bars for a symbol."""

    def __init__(
        self, provider: str, symbols: Sequence[str], *, known: Sequence[str] = (), said: str = ""
    ) -> None:
        self.provider, self.symbols = provider, tuple(symbols)
        named = ", ".join(f"'{symbol}'" for symbol in self.symbols)
        why = f" ({said})" if said else ""
        hint = near_miss(self.symbols[0], known) if known else ""
        super().__init__(
            f"price source '{provider}' has no prices for {named}{why}; "
            f"correct MARKET_SYMBOLS or choose another MARKET_SOURCE.{hint}"
        )


class SourceUnavailable(PriceSourceError):
    """No answer in time, or only refusals to answer, after every attempt."""

    def __init__(self, provider: str, attempts: int, said: str) -> None:
        self.provider, self.attempts, self.said = provider, attempts, said
        super().__init__(
            f"price source '{provider}' gave no answer in {attempts} attempts: {said}. Try again later."
        )


class UnreadableAnswer(PriceSourceError):
    """An answer that is not what the service documents."""

    def __init__(self, provider: str, said: str) -> None:
        self.provider, self.said = provider, said
        super().__init__(
            f"price source '{provider}' answered with something that cannot be read: {said}. "
            "If it lasts, the service or its client library has changed."
        )


class PriceFileError(PriceSourceError):
    """A file that cannot be read as prices."""

    def __init__(
        self, file: str, message: str, *, line: int | None = None, column: str | None = None
    ) -> None:
        self.file, self.line, self.column = file, line, column
        place = f"{file}:{line}" if line else file
        super().__init__(f"{place}: {message}")
