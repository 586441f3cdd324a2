"""What the portfolio should hold: risk parity within the limits, and the cash that is left."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING

from pydantic import Field

from assets.allocation.caps import CASH, target, turnover
from checks import between, expression, not_null, row_count, sums_to, unique
from graph import Config, asset

if TYPE_CHECKING:
    import pyarrow as pa


class TargetConfig(Config):
    """The limits, as fractions of the portfolio. Looser ones than the house's are rejected by the checks."""

    cap: float = Field(default=0.20, gt=0, le=1)
    cash_floor: float = Field(default=0.02, ge=0, lt=1)


WITHIN_THE_HOUSE_LIMITS = (
    expression("symbol = 'CASH' or weight <= 0.20", name="no stock above 20 %"),
    expression("symbol <> 'CASH' or weight >= 0.02", name="cash at least 2 %"),
)
"""Whatever the configuration says."""


@asset(
    checks=[
        row_count(1, None),
        not_null("session", "symbol", "weight", "change", "turnover"),
        unique("session", "symbol"),
        between("weight", 0, 1),
        between("turnover", 0, 1),
        sums_to("weight", 1.0, by=("session",), tolerance=1e-8),
        *WITHIN_THE_HOUSE_LIMITS,
    ],
    unchecked="no freshness of its own: it is as fresh as market/prices",
)
def target_weights(hrp_weights: pa.Table, config: TargetConfig) -> pa.Table:
    """Target weights of each decision, with a row for CASH.

    No stock above ``cap`` (what exceeds it is cash), cash at least ``cash_floor`` (stocks are scaled down together).

    Returns:
        Sorted by session and symbol: ``session`` (date32, the day of the decision), ``symbol`` (string, CASH among
        them), ``weight`` (float64, fraction; a session's weights sum to 1), ``change`` (fraction, against the target
        before it, the first against all cash), ``turnover`` (fraction, half the sum of absolute changes; of the
        whole session, the same on each of its rows).
    """
    import pyarrow as pa

    rows: list[tuple[date, str, float, float, float]] = []
    before = {CASH: 1.0}
    decided = zip(
        hrp_weights["session"].to_pylist(),
        hrp_weights["symbol"].to_pylist(),
        hrp_weights["weight"].to_pylist(),
        strict=True,
    )
    for session, members in groupby(sorted(decided), key=lambda row: row[0]):
        weights = {symbol: weight for _, symbol, weight in members}
        after = target(weights, cap=config.cap, cash_floor=config.cash_floor)
        moved = turnover(before, after)
        for symbol in sorted(before.keys() | after.keys()):
            weight = after.get(symbol, 0.0)
            rows.append((session, symbol, weight, round(weight - before.get(symbol, 0.0), 10), moved))
        before = after
    return pa.table([list(column) for column in zip(*rows, strict=True)] or [[]] * 5, schema=_schema())


def _schema() -> pa.Schema:
    import pyarrow as pa

    fraction = {"unit": "fraction of the portfolio"}
    return pa.schema(
        [
            pa.field("session", pa.date32()),
            pa.field("symbol", pa.string()),
            pa.field("weight", pa.float64(), metadata=fraction),
            pa.field("change", pa.float64(), metadata=fraction),
            pa.field("turnover", pa.float64(), metadata=fraction),
        ]
    )
