"""How the strategy did, and equal weights beside it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from assets.analytics.measures import DEFINITIONS, Measures, measure
from checks import check
from graph import AssetGraphError, Code, asset

if TYPE_CHECKING:
    import pyarrow as pa


class NothingSimulated(AssetGraphError):
    """A backtest without a single session."""


class Side(BaseModel):
    """One of the two: its measures, what it paid (US dollars) and how much it traded (fraction of equity a year)."""

    model_config = ConfigDict(frozen=True)

    measures: Measures
    final_equity: Decimal
    costs: Decimal
    turnover_a_year: float


class Performance(BaseModel):
    """Strategy and benchmark over the same sessions, with the definition of every measure."""

    model_config = ConfigDict(frozen=True)

    strategy: Side
    benchmark: Side
    definitions: dict[str, str] = DEFINITIONS


@check
def measures_are_possible(performance: Performance) -> bool:
    """Returns are above -100 %, drawdowns and tails between -100 % and 0, and no number is NaN or infinite."""
    given: Any = performance
    found = given if isinstance(given, dict) else given.model_dump(mode="json")
    for side in (found["strategy"]["measures"], found["benchmark"]["measures"]):
        numbers = [side[name] for name in DEFINITIONS if side[name] is not None]
        drawdown, total = side["max_drawdown"], side["total_return"]
        if not all(math.isfinite(number) for number in numbers):
            return False
        if not (drawdown is None or -1 <= drawdown <= 0) or not (total is None or total > -1):
            return False
    return True


@check
def both_over_the_same_sessions(performance: Performance) -> bool:
    """Strategy and benchmark cover the same sessions."""
    given: Any = performance
    found = given if isinstance(given, dict) else given.model_dump(mode="json")
    one, other = found["strategy"]["measures"], found["benchmark"]["measures"]
    return all(one[name] == other[name] for name in ("first", "last", "sessions"))


@asset(
    checks=[measures_are_possible, both_over_the_same_sessions],
    stored_as="json",
    code=Code(libraries=("empyrical-reloaded",)),
    unchecked="no freshness of its own: it is as fresh as market/prices",
)
def performance(portfolio_backtest: pa.Table, equal_weight_backtest: pa.Table) -> Performance:
    """Return, risk and cost of the strategy and of equal weights; a measure that is not defined says why.

    Raises:
        NothingSimulated: a backtest has no session.
    """
    return Performance(strategy=_side(portfolio_backtest), benchmark=_side(equal_weight_backtest))


def _side(curve: pa.Table) -> Side:
    import pyarrow as pa
    import pyarrow.compute as pc

    if curve.num_rows == 0:
        raise NothingSimulated(
            "the backtest has no session: materialize allocation/target_weights with more history"
        )
    equity = curve["equity"].cast(pa.float64()).to_numpy()
    years = curve.num_rows / 252
    return Side(
        measures=measure(curve["session"].to_pylist(), equity),
        final_equity=curve["equity"][-1].as_py(),
        costs=pc.sum(curve["cost"]).as_py(),
        turnover_a_year=round(float(pc.sum(curve["turnover"]).as_py()) / years, 12),
    )
