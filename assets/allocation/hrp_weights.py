"""Hierarchical risk parity, decided anew at each opening of a month with what was known by then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.allocation.hrp import LeafOrdering, Linkage, Risk, TwoAssets, Variant, exclusions, hrp
from assets.allocation.panel import Cadence, openings, panel
from checks import between, not_null, row_count, sums_to, unique
from graph import Code, Config, asset

if TYPE_CHECKING:
    import pyarrow as pa


class HrpConfig(Config):
    """Which hierarchical risk parity, over which window, how often.

    ``lookback`` and ``minimum_sessions`` count sessions with a return; ``lookback`` of None is the whole history.
    The other fields are those of `Variant`.
    """

    lookback: int | None = 252
    minimum_sessions: int = 60
    rebalance: Cadence = "month"
    linkage: Linkage = "single"
    leaf_ordering: LeafOrdering = "tree"
    risk: Risk = "variance"
    two_assets: TwoAssets = "inverse_variance"

    def variant(self) -> Variant:
        """The part that `hrp` reads."""
        return Variant(
            linkage=self.linkage,
            leaf_ordering=self.leaf_ordering,
            risk=self.risk,
            two_assets=self.two_assets,
        )


@asset(
    checks=[
        row_count(1, None),
        not_null("session", "symbol", "weight"),
        unique("session", "symbol"),
        between("weight", 0, 1),
        sums_to("weight", 1.0, by=("session",), tolerance=1e-8),
    ],
    code=Code(libraries=("skfolio",)),
    unchecked="no freshness of its own: it is as fresh as market/prices",
)
def hrp_weights(returns: pa.Table, config: HrpConfig) -> pa.Table:
    """Weights by hierarchical risk parity on the first session of each month.

    The weights of a session use returns up to and including that session, nothing later (walk-forward). A symbol
    without enough history, return or variance on that day gets weight 0 and the reason; the others keep their whole
    histories.

    Returns:
        One row per decision and symbol, sorted: ``session`` (date32), ``symbol`` (string), ``weight`` (float64, a
        fraction; the weights of a session sum to 1), ``sessions`` (int32, returns in the window), ``excluded``
        (string, why the weight is 0, or null). Sessions on which no symbol can be weighted have no rows.
    """
    import numpy as np
    import pyarrow as pa

    table = panel(returns, "return")
    variant = config.variant()
    rows: list[tuple[int, int, float, int, str | None]] = []
    for at in openings(table.sessions, config.rebalance):
        start = 0 if config.lookback is None else max(0, at + 1 - config.lookback)
        window = table.values[start : at + 1]
        reasons = exclusions(window, table.symbols, config.minimum_sessions)
        eligible = [column for column, symbol in enumerate(table.symbols) if symbol not in reasons]
        if not eligible:
            continue
        weights = np.zeros(len(table.symbols))
        weights[eligible] = hrp(window[:, eligible], variant)
        counts = np.isfinite(window).sum(axis=0)
        for column, symbol in enumerate(table.symbols):
            rows.append((at, column, float(weights[column]), int(counts[column]), reasons.get(symbol)))
    return pa.table(
        {
            "session": pa.array([table.sessions[row[0]] for row in rows], pa.date32()),
            "symbol": pa.array([table.symbols[row[1]] for row in rows], pa.string()),
            "weight": pa.array([row[2] for row in rows], pa.float64()),
            "sessions": pa.array([row[3] for row in rows], pa.int32()),
            "excluded": pa.array([row[4] for row in rows], pa.string()),
        },
        schema=_schema(),
    )


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("session", pa.date32()),
            pa.field("symbol", pa.string()),
            pa.field("weight", pa.float64(), metadata={"unit": "fraction of the portfolio, 0 to 1"}),
            pa.field("sessions", pa.int32(), metadata={"unit": "returns in the window"}),
            pa.field("excluded", pa.string(), metadata={"meaning": "why the weight is 0"}),
        ]
    )
