"""The twenty promises about trades, each as a check of ours and as an expectation of Great Expectations.

Plain data, so that no side imports what another needs; `pandera_process` makes one schema of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 1, 2, tzinfo=UTC)
"""The time of judging."""
VENUES = ("XNAS", "XNYS", "ARCX", "BATS")
SIDES = ("buy", "sell")
SYMBOL, ISIN = "^[A-Z]{3}$", "^US[0-9]{10}$"
TYPES = {
    "trade_id": "int64",
    "symbol": "string",
    "isin": "string",
    "venue": "string",
    "side": "string",
    "traded_at": "timestamp[us, tz=UTC]",
    "open": "double",
    "high": "double",
    "low": "double",
    "close": "double",
    "volume": "int64",
    "weight": "double",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One promise in both languages: a constructor of `checks`, and an expectation, by name with their arguments.

    Args:
        counted: both say how many rows fail.
    """

    check: str
    columns: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    expectation: str
    expected: dict[str, Any] = field(default_factory=dict)
    counted: bool = True

    def __str__(self) -> str:
        given = [*map(repr, self.columns), *(f"{name}={value!r}" for name, value in self.options.items())]
        return f"{self.check}({', '.join(given)})"


def _not_null(column: str) -> Promise:
    return Promise(
        check="not_null",
        columns=(column,),
        expectation="ExpectColumnValuesToNotBeNull",
        expected={"column": column},
    )


def _between(column: str, low: float | None, high: float | None) -> Promise:
    return Promise(
        check="between",
        columns=(column,),
        options={"low": low, "high": high},
        expectation="ExpectColumnValuesToBeBetween",
        expected={"column": column, "min_value": low, "max_value": high},
    )


def _one_of(column: str, values: tuple[str, ...]) -> Promise:
    return Promise(
        check="one_of",
        columns=(column,),
        options={"values": values},
        expectation="ExpectColumnValuesToBeInSet",
        expected={"column": column, "value_set": list(values)},
    )


def _matches(column: str, regex: str) -> Promise:
    return Promise(
        check="matches",
        columns=(column,),
        options={"regex": regex},
        expectation="ExpectColumnValuesToMatchRegex",
        expected={"column": column, "regex": regex},
    )


def promises(rows: int) -> list[Promise]:
    """The twenty, for a table of so many rows whose weights sum to 1."""
    return [
        *map(_not_null, ("trade_id", "symbol", "traded_at", "close", "volume")),
        Promise(
            check="unique",
            columns=("trade_id",),
            expectation="ExpectColumnValuesToBeUnique",
            expected={"column": "trade_id"},
        ),
        Promise(
            check="unique",
            columns=("symbol", "traded_at"),
            expectation="ExpectCompoundColumnsToBeUnique",
            expected={"column_list": ["symbol", "traded_at"]},
        ),
        *(_between(column, 0.01, 10_000) for column in ("open", "high", "low", "close")),
        _between("volume", 1, None),
        _one_of("venue", VENUES),
        _one_of("side", SIDES),
        _matches("symbol", SYMBOL),
        _matches("isin", ISIN),
        Promise(
            check="row_count",
            columns=(),
            options={"minimum": 1, "maximum": 2 * rows},
            expectation="ExpectTableRowCountToBeBetween",
            expected={"min_value": 1, "max_value": 2 * rows},
            counted=False,
        ),
        Promise(
            check="schema",
            columns=(),
            options={"types": TYPES},
            expectation="ExpectTableColumnsToMatchSet",
            expected={"column_set": list(TYPES), "exact_match": True},
            counted=False,
        ),
        Promise(
            check="no_future_timestamps",
            columns=("traded_at",),
            expectation="ExpectColumnValuesToBeBetween",
            expected={"column": "traded_at", "max_value": NOW},
        ),
        Promise(
            check="sums_to",
            columns=("weight",),
            options={"total": 1, "tolerance": 1e-6},
            expectation="ExpectColumnSumToBeBetween",
            expected={"column": "weight", "min_value": 1 - 1e-6, "max_value": 1 + 1e-6},
            counted=False,
        ),
    ]
