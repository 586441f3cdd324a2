"""How an equity curve did, in the usual measures; what is not defined is None with the reason.

All from simple daily returns of the curve, 252 sessions a year, no risk-free rate. Figures are fractions: 0.1 is
10 percent. empyrical-reloaded computes them; the definitions below are its own.
"""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEFINITIONS = {
    "total_return": "last equity / first equity - 1",
    "cagr": "(1 + total return) ^ (252 / sessions) - 1",
    "volatility": "sample deviation of daily returns x sqrt(252)",
    "sharpe": "mean / sample deviation of daily returns x sqrt(252), risk-free rate 0",
    "sortino": "mean daily return / root mean square of min(return, 0) x sqrt(252)",
    "max_drawdown": "lowest equity / highest equity before it - 1",
    "calmar": "cagr / -max_drawdown",
    "value_at_risk": "historical: 5th percentile of daily returns, interpolated linearly",
    "conditional_value_at_risk": "historical: mean of the lowest 5 percent of daily returns",
}
"""What each measure is."""

_RETURNS_FOR_A_TAIL = 20
"""A 5th percentile of fewer returns is their minimum, or no percentile at all."""


class Measures(BaseModel):
    """The measures of one curve; ``undefined`` has the reason for each that is None."""

    model_config = ConfigDict(frozen=True)

    first: date
    last: date
    sessions: int
    total_return: float | None
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    max_drawdown: float | None
    calmar: float | None
    value_at_risk: float | None
    conditional_value_at_risk: float | None
    undefined: dict[str, str]


def measure(sessions: list[date], equity: NDArray[np.float64]) -> Measures:
    """The measures of an equity curve.

    Args:
        sessions: one or more, ascending.
        equity: what the account was worth at each.
    """
    undefined = _undefined(equity)
    values = _computed(equity) if len(equity) > 1 and (equity > 0).all() else {}
    for name, value in values.items():
        if not math.isfinite(value):
            undefined.setdefault(name, "it is beyond all numbers over so short a span")
    defined = {name: None if name in undefined else round(values[name], 12) for name in DEFINITIONS}
    return Measures(
        first=sessions[0], last=sessions[-1], sessions=len(sessions), undefined=undefined, **defined
    )


def _computed(equity: NDArray[np.float64]) -> dict[str, float]:
    """empyrical's answers, meaningful or not."""
    import empyrical
    import numpy as np

    returns = equity[1:] / equity[:-1] - 1
    with np.errstate(all="ignore"):
        values = {
            "total_return": equity[-1] / equity[0] - 1,
            "cagr": empyrical.annual_return(returns),
            "volatility": empyrical.annual_volatility(returns),
            "sharpe": empyrical.sharpe_ratio(returns),
            "sortino": empyrical.sortino_ratio(returns),
            "max_drawdown": empyrical.max_drawdown(returns),
            "calmar": empyrical.calmar_ratio(returns),
            "value_at_risk": empyrical.value_at_risk(returns, cutoff=0.05),
            "conditional_value_at_risk": empyrical.conditional_value_at_risk(returns, cutoff=0.05),
        }
    return {name: float(value) for name, value in values.items()}


def _undefined(equity: NDArray[np.float64]) -> dict[str, str]:
    """The measures that this curve does not have, and why."""
    import numpy as np

    if len(equity) < 2:
        return dict.fromkeys(DEFINITIONS, "one session has no return")
    if not (equity > 0).all():
        return dict.fromkeys(DEFINITIONS, "the equity is not positive throughout")
    returns = equity[1:] / equity[:-1] - 1
    reasons: dict[str, str] = {}
    if returns.size < 2:
        reasons |= dict.fromkeys(("volatility", "sharpe", "sortino"), "a deviation needs two returns")
    elif np.ptp(returns) < 1e-15:
        reasons["sharpe"] = "the returns do not vary"
    if not (returns < 0).any():
        reasons.setdefault("sortino", "no return is below zero")
        reasons["calmar"] = "there is no drawdown"
    if returns.size < _RETURNS_FOR_A_TAIL:
        few = f"{returns.size} returns have no 5th percentile"
        reasons |= dict.fromkeys(("value_at_risk", "conditional_value_at_risk"), few)
    return reasons
