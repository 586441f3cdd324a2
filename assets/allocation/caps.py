"""The limits of a target: no stock above its cap, never less cash than the floor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal

from graph import AssetGraphError

CASH = "CASH"
"""The row of a target that is not a stock. No symbol may be called this."""

_STEP = Decimal("1e-10")


class WeightsRefused(AssetGraphError):
    """Weights from which no target can be made; ``symbol`` says whose."""

    def __init__(self, message: str, symbol: str) -> None:
        self.symbol = symbol
        super().__init__(message)


def target(weights: Mapping[str, float], *, cap: float, cash_floor: float) -> dict[str, float]:
    """The target with its `CASH`, by symbol: fractions that sum to 1.

    Each stock is cut to ``cap``; what that frees is cash. Where cash is then below ``cash_floor``, all stocks are
    scaled down together. Stocks are rounded down to 1e-10 and cash takes the rest, so the limits hold exactly.

    Raises:
        WeightsRefused: a weight is not a number, negative, or they sum to more than 1; or a stock is called CASH.

    >>> target({"A": 0.5, "B": 0.1, "C": 0.4}, cap=0.2, cash_floor=0.02)
    {'A': 0.2, 'B': 0.1, 'C': 0.2, 'CASH': 0.5}
    """
    for symbol, weight in sorted(weights.items()):
        if symbol == CASH:
            raise WeightsRefused(
                "the symbol 'CASH' means cash here: rename that stock in the universe", symbol
            )
        if not math.isfinite(weight) or weight < 0:
            raise WeightsRefused(f"the weight of '{symbol}' is {weight}: give a fraction from 0 to 1", symbol)
    total = math.fsum(weights.values())
    if total > 1 + 1e-6:
        largest = max(sorted(weights), key=weights.__getitem__)
        raise WeightsRefused(
            f"weights sum to {total:.6g}, most of it '{largest}': give fractions that sum to at most 1, not percent",
            largest,
        )
    limit = Decimal(str(cap))
    stocks = {symbol: min(Decimal(repr(weights[symbol])), limit) for symbol in sorted(weights)}
    invested, most = sum(stocks.values(), Decimal(0)), 1 - Decimal(str(cash_floor))
    if invested > most:
        stocks = {symbol: weight * most / invested for symbol, weight in stocks.items()}
    stocks = {symbol: weight.quantize(_STEP, ROUND_DOWN) for symbol, weight in stocks.items()}
    cash = 1 - sum(stocks.values(), Decimal(0))
    return {symbol: float(weight) for symbol, weight in stocks.items()} | {CASH: float(cash)}


def turnover(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Half the sum of all absolute changes, cash among them: 1 is a portfolio wholly exchanged.

    >>> turnover({"CASH": 1.0}, {"A": 0.25, "CASH": 0.75})
    0.25
    """
    symbols = sorted(before.keys() | after.keys())
    moved = math.fsum(abs(after.get(symbol, 0.0) - before.get(symbol, 0.0)) for symbol in symbols)
    return round(moved / 2, 10)
