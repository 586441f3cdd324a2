"""The portfolio report: one self-contained HTML file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from pydantic import Field

from assets.allocation.caps import CASH
from assets.allocation.panel import Panel, panel
from assets.analytics.performance import Performance
from assets.analytics.report_page import Holding, Line, Picture, Report, Year, page
from assets.analytics.report_plots import Curve, drawdown_plot, equity_plot, indicator_plot, weights_plot
from assets.trading.order_proposals import OrderSummary, newest
from checks import Finding, check
from graph import Code, Config, Provenance, asset

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

LARGEST = 8
"""How many symbols the plot of weights names; the others are one layer."""

PANEL = {
    "close": "close",
    "bb_upper": "upper band",
    "bb_middle": "mean of 20",
    "bb_lower": "lower band",
    "rsi_14": "RSI",
    "macd": "MACD",
    "macd_signal": "signal",
    "macd_histogram": "difference",
}
"""The series of the indicator panel and what they are called there."""


class ReportConfig(Config):
    """``symbol`` is the one of the indicator panel, otherwise the largest position; over ``panel_sessions``."""

    title: str = "Portfolio report"
    symbol: str | None = None
    panel_sessions: int = Field(default=252, ge=20)


@check
def is_self_contained(report: bytes) -> Finding:
    """The page loads nothing: no script, no style sheet, no picture from elsewhere."""
    text = bytes(report).decode("utf-8")
    found = re.findall(
        r"<(?:script|link|img|iframe|object)\b|(?:src|href)=\"(?!#)[^\"]*\"|@import|url\((?!#)", text
    )
    return Finding(passed=not found, failing=len(found), observed=", ".join(found[:5]) or None)


@check
def has_every_section(report: bytes) -> Finding:
    """Result, years, holdings, orders, indicators, lineage, checks, versions: none is missing, and no number is NaN."""
    text = bytes(report).decode("utf-8")
    names = (
        "result",
        "years",
        "holdings",
        "orders",
        "indicators",
        "lineage",
        "checks",
        "versions",
        "reading",
    )
    missing = [name for name in names if f'<section id="{name}"' not in text]
    broken = re.findall(r">[^<]*\b(?:nan|inf) ?%?[^<]*<", text)
    return Finding(
        passed=not missing and not broken, failing=len(missing) + len(broken), observed=missing + broken
    )


@asset(
    checks=[is_self_contained, has_every_section],
    stored_as="file",
    code=Code(files=("report.css",), libraries=("matplotlib",)),
    unchecked="no freshness of its own: it is as fresh as market/prices and trading/holdings",
)
def portfolio_report(  # noqa: PLR0917  # an asset takes its upstream as parameters
    portfolio_backtest: pa.Table,
    equal_weight_backtest: pa.Table,
    portfolio_positions: pa.Table,
    target_weights: pa.Table,
    order_proposals: pa.Table,
    order_summary: OrderSummary,
    performance: Performance,
    prices: pa.Table,
    indicators: pa.Table,
    provenance: Provenance,
    config: ReportConfig,
) -> bytes:
    """Result, risk, holdings, proposed orders, indicators, lineage, checks and versions on one page (HTML, UTF-8).

    It loads nothing from elsewhere, reads well on a phone and on paper, in light and dark, and says nothing of when
    it was made: the same inputs give the same bytes.
    """
    weights = panel(portfolio_positions, "weight")
    as_of = portfolio_backtest["session"][-1].as_py()
    holdings = holdings_now(weights, target_weights, as_of)
    largest = next((holding.symbol for holding in holdings if holding.symbol != CASH), None)
    symbol = config.symbol or largest
    report = Report(
        title=config.title,
        as_of=as_of,
        performance=performance,
        years=years(portfolio_backtest, equal_weight_backtest),
        holdings=holdings,
        lines=[Line(**{name: row[name] for name in Line.__slots__}) for row in order_proposals.to_pylist()],
        summary=order_summary,
        history=_history(portfolio_backtest, equal_weight_backtest),
        weights=_weights(weights, as_of),
        indicators=None if symbol is None else _panel(prices, indicators, symbol, config.panel_sessions),
        provenance=provenance,
    )
    return page(report).encode("utf-8")


def years(strategy: pa.Table, benchmark: pa.Table) -> list[Year]:
    """Returns by calendar year, ascending, over the sessions of the strategy."""
    sessions = strategy["session"].to_pylist()
    ours, theirs = _numbers(strategy, "equity"), _numbers(benchmark, "equity")
    last = [at for at in range(len(sessions)) if _ends(sessions, at, lambda day: day.year)]
    found: list[Year] = []
    before = 0
    for at in last:
        session = sessions[at]
        started = f"from {sessions[0].day} {sessions[0]:%b}" if before == 0 and not found else ""
        ended = (
            f"to {session.day} {session:%b}"
            if at == last[-1] and session < date(session.year, 12, 29)
            else ""
        )
        found.append(
            Year(
                year=session.year,
                part=" ".join(part for part in (started, ended) if part),
                strategy=float(ours[at] / ours[before] - 1),
                benchmark=float(theirs[at] / theirs[before] - 1),
            )
        )
        before = at
    return found


def holdings_now(weights: Panel, target_weights: pa.Table, as_of: date) -> list[Holding]:
    """What the simulated portfolio holds on the last session, cash too, largest first, with the newest target."""
    _, target = newest(target_weights, "weight")
    held: dict[str, float] = {}
    if weights.sessions and weights.sessions[-1] == as_of:
        row = zip(weights.symbols, weights.values[-1].tolist(), strict=True)
        held = {symbol: weight for symbol, weight in row if weight > 0}
    held[CASH] = max(0.0, 1 - sum(held.values()))
    found = [
        Holding(symbol=symbol, weight=held.get(symbol, 0.0), target=target.get(symbol, 0.0))
        for symbol in held.keys() | {symbol for symbol, weight in target.items() if weight > 0}
    ]
    return sorted(found, key=lambda holding: (-holding.weight, holding.symbol))


def _history(strategy: pa.Table, benchmark: pa.Table) -> list[Picture]:
    """Equity and drawdown, against equal weights."""
    sessions = strategy["session"].to_pylist()
    weeks = [at for at in range(len(sessions)) if _ends(sessions, at, lambda day: day.isocalendar()[:2])]
    named = (("strategy", strategy), ("equal weight", benchmark))
    equity = [
        Curve(name=name, sessions=[sessions[at] for at in weeks], values=_numbers(curve, "equity")[weeks])
        for name, curve in named
    ]
    drawdowns = [_monthly_lows(name, sessions, curve) for name, curve in named]
    ours, theirs = (curve.values[-1] for curve in equity)
    said = f"From the same start, the strategy ends at ${ours:,.0f}, equal weights at ${theirs:,.0f}."
    deepest = " and ".join(f"{lows.name} {-lows.values.min() * 100:.1f} %" for lows in drawdowns)
    return [
        Picture(
            caption="Equity after costs.",
            explanation="Logarithmic scale: equal heights are equal percentages. Weekly.",
            svg=equity_plot(
                equity, prefix="equity", description=f"Equity of strategy and equal weights. {said}"
            ),
        ),
        Picture(
            caption="Drawdown.",
            explanation="How far below its own peak; the lowest point of each month. Equal weights are dashed.",
            svg=drawdown_plot(
                drawdowns,
                prefix="drawdown",
                description=f"Drawdown over time; at the lowest {deepest} below the peak.",
            ),
        ),
    ]


def _monthly_lows(name: str, sessions: Sequence[date], curve: pa.Table) -> Curve:
    import numpy as np

    drawdown = _numbers(curve, "drawdown")
    ends = [at for at in range(len(sessions)) if _ends(sessions, at, lambda day: (day.year, day.month))]
    lows = [float(part.min()) for part in np.split(drawdown, [end + 1 for end in ends[:-1]])]
    return Curve(name=name, sessions=[sessions[end] for end in ends], values=np.array(lows))


def _weights(weights: Panel, as_of: date) -> Picture:
    """The drifting weights at each month's end, the largest symbols apart."""
    import numpy as np

    sessions = weights.sessions
    values = np.nan_to_num(weights.values)
    ends = [at for at in range(len(sessions)) if _ends(sessions, at, lambda day: (day.year, day.month))]
    dates = [sessions[at] for at in ends]
    monthly = values[ends]
    order = np.argsort(-monthly.mean(axis=0), kind="stable") if ends else np.arange(0)
    layers = [
        Curve(name=weights.symbols[column], sessions=dates, values=monthly[:, column])
        for column in order[:LARGEST].tolist()
    ]
    others = order[LARGEST:]
    if others.size:
        name = f"{others.size} others" if others.size > 1 else weights.symbols[int(others[0])]
        layers.append(Curve(name=name, sessions=dates, values=monthly[:, others].sum(axis=1)))
    cash = np.clip(1 - monthly.sum(axis=1), 0, 1) if ends else np.ones(1)
    layers.append(Curve(name="cash", sessions=dates or [as_of], values=cash))
    newest_weights = ", ".join(f"{layer.name} {layer.values[-1] * 100:.1f} %" for layer in layers)
    return Picture(
        caption="Weights over time.",
        explanation=f"At each month's end; the {LARGEST} symbols that were largest on average, and the rest together.",
        svg=weights_plot(layers, prefix="weights", description=f"Weights over time. Now: {newest_weights}."),
    )


def _panel(prices: pa.Table, indicators: pa.Table, symbol: str, sessions: int) -> Picture | None:
    """Close, bands, RSI and MACD of one symbol over its last sessions; None if it has no prices."""
    import pyarrow.compute as pc

    own = [
        table.filter(pc.equal(table["symbol"], symbol)).sort_by("session") for table in (prices, indicators)
    ]
    closes, series = (table.slice(max(0, table.num_rows - sessions)) for table in own)
    if closes.num_rows == 0 or not closes["session"].equals(series["session"]):
        return None
    days = closes["session"].to_pylist()
    curves = {
        column: Curve(
            name=name, sessions=days, values=_numbers(closes if column == "close" else series, column)
        )
        for column, name in PANEL.items()
    }
    last = {column: curve.values[-1] for column, curve in curves.items()}
    said = (
        f"{symbol} over {len(days)} sessions. Last close {last['close']:.2f}, between the bands "
        f"{last['bb_lower']:.2f} and {last['bb_upper']:.2f}; RSI {last['rsi_14']:.0f}; "
        f"MACD {last['macd']:.2f}, signal {last['macd_signal']:.2f}."
    ).replace("nan", "none")
    return Picture(
        caption=f"{symbol}, the last {len(days)} sessions.",
        explanation="Close with Bollinger bands of 2 population deviations around the mean of 20; RSI 14 by Wilder; "
        "MACD 12/26/9 with its signal, bars their difference.",
        svg=indicator_plot(curves, prefix="panel", description=said),
    )


def _numbers(table: pa.Table, column: str) -> NDArray[np.float64]:
    """A column as float64; null is NaN."""
    import pyarrow as pa

    values: NDArray[np.float64] = table[column].cast(pa.float64()).to_numpy()
    return values


def _ends(sessions: Sequence[date], at: int, period: Callable[[date], object]) -> bool:
    """Whether the session is the last of its period, as far as there are sessions."""
    return at + 1 == len(sessions) or period(sessions[at + 1]) != period(sessions[at])
