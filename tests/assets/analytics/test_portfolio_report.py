"""The report from end to end on a small market: complete, self-contained, the same bytes each time."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.allocation.hrp_weights import HrpConfig, hrp_weights
from assets.allocation.target_weights import TargetConfig, target_weights
from assets.analytics.performance import performance
from assets.analytics.portfolio_backtest import BacktestConfig, backtest
from assets.analytics.portfolio_report import ReportConfig, holdings_now, portfolio_report, years
from assets.market.indicators import indicators
from assets.trading.holdings import Holdings
from assets.trading.order_proposals import OrderConfig, propose_orders
from checks import Verdict, evaluate
from graph import Ancestor, Provenance
from graph.declare import declaration_of

D = Decimal
SYMBOLS = ("AAA", "BBB", "CCC", "D&D")
SESSIONS = [day for day in (date(2021, 11, 1) + timedelta(days=n) for n in range(280)) if day.weekday() < 5]


def market() -> tuple[pa.Table, pa.Table]:
    """Prices and returns of a few symbols over nine months."""
    steps = np.random.default_rng(3).normal(0.001, 0.02, (len(SESSIONS), len(SYMBOLS)))
    closes = np.round(100 * np.cumprod(1 + steps, axis=0), 3)
    returns = np.full(closes.shape, np.nan)
    returns[1:] = closes[1:] / closes[:-1] - 1
    keys = {
        "symbol": pa.array([symbol for symbol in SYMBOLS for _ in SESSIONS], pa.string()),
        "session": pa.array(SESSIONS * len(SYMBOLS), pa.date32()),
    }
    nothing = pa.nulls(closes.size, pa.float64())
    prices = {"open": nothing, "high": nothing, "low": nothing, "close": pa.array(closes.T.ravel())}
    volume = pa.nulls(closes.size, pa.int64())
    return (
        pa.table({**keys, **prices, "volume": volume}),
        pa.table({**keys, "return": pa.array(returns.T.ravel(), from_pandas=True)}),
    )


def verdict(check: str, *, passed: bool = True, severity: Any = "error", failing: int = 0) -> Verdict:
    return Verdict(check=check, kind="check", digest="", severity=severity, passed=passed, failing=failing)


def provenance(*verdicts: Verdict) -> Provenance:
    def ancestor(key: str, upstream: tuple[str, ...] = (), said: tuple[Verdict, ...] = ()) -> Ancestor:
        return Ancestor(
            key=key,
            upstream=upstream,
            is_source=not upstream,
            data_version=f"version-of-{key}",
            rows=1_234,
            verdicts=said,
        )

    return Provenance(
        ancestors=(
            ancestor("market/prices", said=verdicts or (verdict("unique(symbol, session)"),)),
            ancestor("market/returns", ("market/prices",)),
            ancestor("analytics/performance", ("market/returns", "market/prices")),
        )
    )


def inputs() -> dict[str, Any]:
    prices, returns = market()
    targets = target_weights(
        hrp_weights(returns, HrpConfig(lookback=60, minimum_sessions=20)), TargetConfig(cap=0.2)
    )
    simulated = backtest(targets, prices, BacktestConfig())
    benchmark = simulated["equal_weight_backtest"]
    held = Holdings(account="paper", cash=D("5000.00"), positions={"D&D": D(20)})
    return {
        "portfolio_backtest": simulated["portfolio_backtest"],
        "portfolio_positions": simulated["portfolio_positions"],
        "equal_weight_backtest": benchmark,
        "target_weights": targets,
        **propose_orders(targets, prices, held, OrderConfig()),
        "performance": performance(simulated["portfolio_backtest"], benchmark),
        "prices": prices,
        "indicators": indicators(prices),
        "provenance": provenance(),
        "config": ReportConfig(),
    }


@pytest.fixture(scope="module")
def given() -> dict[str, Any]:
    """Everything that the report is made from."""
    return inputs()


@pytest.fixture(scope="module")
def report(given: dict[str, Any]) -> str:
    """The report as text."""
    return portfolio_report(**given).decode("utf-8")


class Reader(HTMLParser):
    """Notes the tags that are not closed, the anchors, and where links go."""

    VOID = frozenset({"meta", "br", "rect", "path", "use", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value is not None]
        self.links += [value[1:] for name, value in attrs if name == "href" and value]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def text_of(html: str) -> str:
    """What is to be read on the page."""
    bare = re.sub(r"</?(?:strong|span)\b[^>]*>", "", html)
    bare = re.sub(r"<style>.*?</style>|<title.*?</title>|<[^>]+>", " ", bare, flags=re.DOTALL)
    return re.sub(r"\s+", " ", bare)


def test_is_well_formed_and_every_link_leads_somewhere(report: str) -> None:
    reader = Reader()
    reader.feed(report)
    assert (reader.open, reader.wrong) == ([], [])
    assert len(reader.ids) == len(set(reader.ids))
    assert set(reader.links) <= set(reader.ids)


def test_keeps_its_promises(report: str) -> None:
    declaration = declaration_of(portfolio_report)
    assert declaration is not None
    verdicts = evaluate(report.encode(), declaration.outputs[0].checks, now=datetime(2024, 1, 1, tzinfo=UTC))
    assert [verdict for verdict in verdicts if not verdict.passed] == []


@pytest.mark.parametrize(
    "intruder",
    [
        '<script src="https://example.org/x.js"></script>',
        '<img src="x.png">',
        '<a href="https://example.org">',
        "<style>@import 'x.css'</style>",
        '<p style="background: url(x.png)">',
    ],
)
def test_a_page_that_loads_something_is_refused(report: str, intruder: str) -> None:
    declaration = declaration_of(portfolio_report)
    assert declaration is not None
    page = report.replace("</main>", f"{intruder}</main>").encode()
    verdicts = evaluate(page, declaration.outputs[0].checks, now=datetime(2024, 1, 1, tzinfo=UTC))
    assert [verdict.check for verdict in verdicts if not verdict.passed] == ["is_self_contained"]


def test_is_the_same_each_time(report: str) -> None:
    assert portfolio_report(**inputs()).decode() == report


def test_begins_with_what_one_asks_first(report: str) -> None:
    said = text_of(report)
    assert "Prices through 5 August 2022, target of 1 August 2022; every check holds (1)." in said
    assert re.search(
        r"after costs, the strategy returned .*? a year, .*? percentage points (more|less)", said
    )
    for label in (
        "Final equity",
        "Return a year",
        "Sharpe ratio",
        "Deepest drawdown",
        "Worst day in 20",
        "Costs paid",
    ):
        assert label in said


def test_names_are_escaped(report: str) -> None:
    assert "D&amp;D" in report
    assert "D&D" not in report


def test_shows_the_orders_with_their_reasons(report: str) -> None:
    said = text_of(report)
    assert "Account \u201cpaper\u201d is worth" in said
    assert "It takes" in said
    assert "sells are submitted first" in said


def test_shows_the_version_of_everything_it_was_made_from(report: str, given: dict[str, Any]) -> None:
    for ancestor in given["provenance"].ancestors:
        assert f"<code>version-of-{ancestor.key}</code>" in report


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        pytest.param((verdict("a"), verdict("b")), "every check holds (2)", id="all hold"),
        pytest.param(
            (verdict("a"), verdict("b", passed=False, severity="warn", failing=3)),
            "1 warning among 2 checks",
            id="a warning",
        ),
        pytest.param((verdict("a", passed=False), verdict("b")), "1 of 2 checks failed", id="a failure"),
    ],
)
def test_says_how_the_checks_stand(given: dict[str, Any], verdicts: tuple[Verdict, ...], said: str) -> None:
    made = portfolio_report(**{**given, "provenance": provenance(*verdicts)}).decode()
    assert said in text_of(made)


def test_another_version_above_makes_another_page(given: dict[str, Any], report: str) -> None:
    one, *others = given["provenance"].ancestors
    moved = Provenance(ancestors=(replace(one, data_version="moved"), *others))
    assert portfolio_report(**{**given, "provenance": moved}).decode() != report


def test_the_panel_shows_the_symbol_that_is_asked_for(given: dict[str, Any]) -> None:
    made = portfolio_report(**{**given, "config": ReportConfig(symbol="BBB", panel_sessions=50)}).decode()
    assert "BBB, the last 50 sessions." in text_of(made)


def test_a_symbol_without_prices_has_no_panel(given: dict[str, Any]) -> None:
    made = portfolio_report(**{**given, "config": ReportConfig(symbol="ZZZ")}).decode()
    assert "there is none to show" in text_of(made)


def test_a_history_of_two_sessions_is_reported_too(given: dict[str, Any]) -> None:
    short = {name: given[name].slice(0, 2) for name in ("portfolio_backtest", "equal_weight_backtest")}
    positions = given["portfolio_positions"]
    last = short["portfolio_backtest"]["session"][-1]
    made = portfolio_report(
        **{
            **given,
            **short,
            "portfolio_positions": positions.filter(pa.compute.less_equal(positions["session"], last)),
            "performance": performance(short["portfolio_backtest"], short["equal_weight_backtest"]),
        }
    ).decode()
    said = text_of(made)
    assert "not defined" in said
    assert "returns have no 5th percentile" in said


def test_years_begin_and_end_where_the_history_does() -> None:
    def curve(equity: list[float]) -> pa.Table:
        days = [date(2020, 6, 1), date(2020, 12, 31), date(2021, 12, 31), date(2022, 3, 15)]
        return pa.table({"session": pa.array(days, pa.date32()), "equity": pa.array(equity, pa.float64())})

    found = years(curve([100, 110, 99, 99]), curve([100, 100, 200, 100]))
    assert [(year.year, year.part, round(year.strategy, 6), round(year.benchmark, 6)) for year in found] == [
        (2020, "from 1 Jun", 0.1, 0.0),
        (2021, "", -0.1, 1.0),
        (2022, "to 15 Mar", 0.0, -0.5),
    ]


def test_holdings_are_what_is_held_and_what_is_wanted(given: dict[str, Any]) -> None:
    from assets.allocation.panel import panel

    weights = panel(given["portfolio_positions"], "weight")
    found = holdings_now(weights, given["target_weights"], SESSIONS[-1])
    assert sum(holding.weight for holding in found) == pytest.approx(1)
    assert sum(holding.target for holding in found) == pytest.approx(1)
    assert [holding.weight for holding in found] == sorted(
        (holding.weight for holding in found), reverse=True
    )
