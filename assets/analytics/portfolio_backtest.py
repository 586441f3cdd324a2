"""The strategy carried through history, and equal weights beside it under the same conditions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import Field

from assets.allocation.caps import CASH
from assets.allocation.panel import Panel, panel
from assets.analytics.simulation import Day, Simulation, Terms, simulate
from assets.trading.sizing import Rules
from checks import Finding, between, check, expression, monotonic, not_null, one_of, row_count, unique
from graph import Config, Out, multi_asset

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


class BacktestConfig(Config):
    """The conditions of the backtest; see `Terms` and `Rules` for what each of them does.

    ``opening_cash`` and ``minimum_value`` are US dollars, ``cost_bps`` basis points of the value traded,
    ``weight_band`` and ``delisting_loss`` fractions, ``delisted_after`` sessions.
    """

    opening_cash: Decimal = Field(default=Decimal("100000.00"), gt=0, decimal_places=2)
    cost_bps: Decimal = Field(default=Decimal(10), ge=0)
    weight_band: Decimal = Field(default=Decimal("0.01"), ge=0, lt=1)
    minimum_value: Decimal = Field(default=Decimal(10), ge=0)
    delisted_after: int = Field(default=10, ge=1)
    delisting_loss: Decimal = Field(default=Decimal(0), ge=0, le=1)

    def terms(self) -> Terms:
        """The part that `simulate` reads."""
        return Terms(
            opening_cash=self.opening_cash,
            cost_bps=self.cost_bps,
            rules=Rules(weight_band=self.weight_band, minimum_value=self.minimum_value, limit_offset=None),
            delisted_after=self.delisted_after,
            delisting_loss=self.delisting_loss,
        )


@check
def cash_is_conserved(curve: pa.Table) -> Finding:
    """Cash changes by what was sold less what was bought less what it cost, to the cent."""
    import pyarrow.compute as pc

    cash, sold, bought, cost = (curve[name].to_pylist() for name in ("cash", "sold", "bought", "cost"))
    wrong = [
        row for row in range(1, len(cash)) if cash[row] != cash[row - 1] + sold[row] - bought[row] - cost[row]
    ]
    sample = curve.take(wrong[:5]).to_pylist() if wrong else []
    return Finding(
        passed=not wrong, failing=len(wrong), observed=pc.sum(curve["cost"]).as_py(), sample=sample
    )


CURVE_CHECKS = (
    row_count(1, None),
    not_null("session", "equity", "cash", "invested", "drawdown"),
    unique("session"),
    monotonic("session", strict=True),
    between("cash", 0, None),
    between("drawdown", -1, 0),
    expression("equity = cash + invested", name="equity is cash and what is invested"),
    cash_is_conserved,
)
"""The promises of an equity curve."""

AS_FRESH = "no freshness of its own: it is as fresh as market/prices"


@multi_asset(
    Out(
        name="portfolio_backtest",
        checks=CURVE_CHECKS,
        unchecked=AS_FRESH,
        description="Equity, cash, costs, turnover and drawdown of the strategy, session by session.",
    ),
    Out(
        name="portfolio_trades",
        checks=[
            not_null("decided", "session", "symbol", "side", "quantity", "price", "value", "cost", "outcome"),
            one_of("side", ["BUY", "SELL"]),
            between("quantity", 0, None),
            between("cost", 0, None),
            expression("session > decided or outcome = 'delisted'", name="filled after it was decided"),
        ],
        unchecked=AS_FRESH,
        description="What became of every order of the strategy.",
    ),
    Out(
        name="portfolio_positions",
        checks=[
            not_null("session", "symbol", "quantity", "value", "weight"),
            unique("session", "symbol"),
            between("weight", 0, 1),
            between("quantity", 0, None, strict_low=True),
        ],
        unchecked=AS_FRESH,
        description="Positions and their drifting weights at the end of every session.",
    ),
    Out(
        name="equal_weight_backtest",
        checks=CURVE_CHECKS,
        unchecked=AS_FRESH,
        description="The benchmark: equal weights of every symbol with a close, under the strategy's conditions.",
    ),
)
def backtest(target_weights: pa.Table, prices: pa.Table, config: BacktestConfig) -> dict[str, pa.Table]:
    """The strategy's history, and the benchmark's: decided at a session's close, filled at the next one's, with costs.

    Prices are adjusted closes, which stand for total returns. See `assets.analytics.simulation` for every rule:
    fills, cuts, missing prices, delisting. The benchmark is decided on the same days and filled under the same rules
    and costs; it has equal weights of every symbol with a close, without cap and cash floor.

    Returns:
        ``portfolio_backtest`` and ``equal_weight_backtest``, see `curve_table`; ``portfolio_trades`` and
        ``portfolio_positions``, see `fill_table` and `position_table`. All start with the first decision.
    """
    closes, targets, terms = panel(prices, "close"), targets_of(target_weights), config.terms()
    done = simulate(closes, targets, terms)
    return {
        "portfolio_backtest": curve_table(done),
        "portfolio_trades": fill_table(done),
        "portfolio_positions": position_table(done),
        "equal_weight_backtest": curve_table(simulate(closes, equal_targets(closes, sorted(targets)), terms)),
    }


def targets_of(target_weights: pa.Table) -> dict[date, dict[str, float]]:
    """Weights without cash, by session."""
    targets: dict[date, dict[str, float]] = {}
    columns = (target_weights[name].to_pylist() for name in ("session", "symbol", "weight"))
    for session, symbol, weight in zip(*columns, strict=True):
        if symbol != CASH:
            targets.setdefault(session, {})[symbol] = weight
    return targets


def equal_targets(closes: Panel, sessions: list[date]) -> dict[date, Mapping[str, float]]:
    """Equal weights of the symbols that have a close, on each of ``sessions``."""
    targets: dict[date, Mapping[str, float]] = {}
    for session in sessions:
        row = closes.values[closes.sessions.index(session)].tolist()
        traded = [symbol for symbol, close in zip(closes.symbols, row, strict=True) if close > 0]
        targets[session] = dict.fromkeys(traded, 1 / len(traded)) if traded else {}
    return targets


def curve_table(done: Simulation) -> pa.Table:
    """The equity curve.

    One row per session: ``session`` (date32); ``equity``, ``cash``, ``invested``, ``bought``, ``sold``, ``cost``
    (decimal, US dollars); ``turnover`` (fraction, half of what was bought and sold against the equity before costs);
    ``drawdown`` (fraction below the highest equity so far, 0 or negative); ``stale`` (positions without a close).
    """
    import pyarrow as pa

    money = ("equity", "cash", "invested", "bought", "sold", "cost")
    columns: dict[str, Any] = {"session": pa.array([day.session for day in done.days], pa.date32())}
    for name in money:
        columns[name] = pa.array([getattr(day, name) for day in done.days], pa.decimal128(18, 2))
    columns["turnover"] = pa.array([_turnover(day) for day in done.days], pa.float64())
    columns["drawdown"] = pa.array(_drawdown(done), pa.float64())
    columns["stale"] = pa.array([day.stale for day in done.days], pa.int32())
    return pa.table(columns)


def fill_table(done: Simulation) -> pa.Table:
    """What became of every order.

    ``decided`` and ``session`` (date32, the day of the decision and of the fill), ``symbol``, ``side``, ``quantity``
    (shares, 4 decimals), ``price`` (float64, the close), ``value`` and ``cost`` (US dollars), ``outcome``: ``filled``,
    ``cut to the cash``, ``no price`` (nothing was traded) or ``delisted`` (paid out).
    """
    import pyarrow as pa

    fills = done.fills
    return pa.table(
        {
            "decided": pa.array([fill.decided for fill in fills], pa.date32()),
            "session": pa.array([fill.session for fill in fills], pa.date32()),
            "symbol": pa.array([fill.symbol for fill in fills], pa.string()),
            "side": pa.array([fill.side for fill in fills], pa.string()),
            "quantity": pa.array([fill.quantity for fill in fills], pa.decimal128(18, 4)),
            "price": pa.array([float(fill.price) for fill in fills], pa.float64()),
            "value": pa.array([fill.value for fill in fills], pa.decimal128(18, 2)),
            "cost": pa.array([fill.cost for fill in fills], pa.decimal128(18, 2)),
            "outcome": pa.array([fill.outcome for fill in fills], pa.string()),
        }
    )


def position_table(done: Simulation) -> pa.Table:
    """Positions at the end of every session.

    ``session`` (date32), ``symbol``, ``quantity`` (shares, 4 decimals), ``price`` (float64, the last close), ``value``
    (US dollars), ``weight`` (fraction of that session's equity).
    """
    import pyarrow as pa

    positions = done.positions
    equity = {day.session: day.equity for day in done.days}
    weights = [
        float(position.value / equity[position.session]) if equity[position.session] else 0.0
        for position in positions
    ]
    return pa.table(
        {
            "session": pa.array([position.session for position in positions], pa.date32()),
            "symbol": pa.array([position.symbol for position in positions], pa.string()),
            "quantity": pa.array([position.quantity for position in positions], pa.decimal128(18, 4)),
            "price": pa.array([float(position.price) for position in positions], pa.float64()),
            "value": pa.array([position.value for position in positions], pa.decimal128(18, 2)),
            "weight": pa.array(weights, pa.float64()),
        }
    )


def _turnover(day: Day) -> float:
    before_costs = day.equity + day.cost
    return float((day.bought + day.sold) / 2 / before_costs) if before_costs else 0.0


def _drawdown(done: Simulation) -> NDArray[np.float64]:
    import numpy as np

    equity = np.array([float(day.equity) for day in done.days])
    return equity / np.maximum.accumulate(equity) - 1 if equity.size else equity
