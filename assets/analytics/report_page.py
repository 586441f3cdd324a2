"""The report as one page: what happened, what is held, what to trade, and what all of it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from assets.analytics.measures import Measures
from assets.analytics.performance import Performance
from assets.analytics.report_html import dollars, figure, number, percent, points
from assets.analytics.report_lineage import Box, lineage_svg
from assets.trading.order_proposals import OrderSummary
from checks.markup import Column, Markup, escaped, table
from graph import Ancestor, Provenance
from graph.handed import Verdict

STYLE = Path(__file__).with_name("report.css")
OWN_KEY = "analytics/portfolio_report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """A calendar year's returns, as fractions; ``part`` says which part of it is covered, if not all."""

    year: int
    part: str
    strategy: float
    benchmark: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A symbol's weight in the simulated portfolio and in the target, as fractions."""

    symbol: str
    weight: float
    target: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A proposed order, or one that was left out with the reason."""

    side: str
    symbol: str
    quantity: Decimal | None
    limit_price: Decimal | None
    value: Decimal
    omitted: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A plot: its caption, a sentence that says what is to be seen, and the SVG."""

    caption: str
    explanation: str
    svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that is on the page."""

    title: str
    as_of: date
    performance: Performance
    years: Sequence[Year]
    holdings: Sequence[Holding]
    lines: Sequence[Line]
    summary: OrderSummary
    history: Sequence[Picture]
    weights: Picture
    indicators: Picture | None
    provenance: Provenance


def page(report: Report) -> str:
    """The whole page; it needs nothing from anywhere else."""
    sections = [
        ("result", "Result", _result(report)),
        ("years", "Year by year", _years(report)),
        ("holdings", "Holdings and target", _holdings(report)),
        ("orders", "Proposed orders", _orders(report)),
        ("indicators", "Indicators", _indicators(report)),
        ("lineage", "Lineage", _lineage(report)),
        ("checks", "Checks", _checks(report)),
        ("versions", "Versions", _versions(report)),
        ("reading", "How to read this", _reading(report)),
    ]
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title, _ in sections)
    bodies = "".join(
        f'<section id="{name}" aria-labelledby="{name}-heading"><h2 id="{name}-heading">{title}</h2>{body}</section>'
        for name, title, body in sections
    )
    # nothing may be loaded and nothing may run, whatever got into the data
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(report.title)}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body>"
        f"<header><h1>{escaped(report.title)}</h1>{_status(report)}"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header><main>{bodies}</main></body></html>\n'
    )


def day(of: date) -> str:
    """A date as people write it.

    >>> day(date(2022, 12, 1))
    '1 December 2022'
    """
    return f"{of.day} {of:%B %Y}"


def _status(report: Report) -> str:
    verdicts = [verdict for ancestor in report.provenance.ancestors for verdict in ancestor.verdicts]
    errors = sum(not verdict.passed and verdict.severity == "error" for verdict in verdicts)
    warnings = sum(not verdict.passed and verdict.severity != "error" for verdict in verdicts)
    if errors:
        said = f'<strong class="alarm">{errors} of {_count(len(verdicts), "check")} failed</strong>'
    elif warnings:
        said = f'<strong class="warning">{_count(warnings, "warning")}</strong> among {_count(len(verdicts), "check")}'
    elif verdicts:
        said = f'<strong class="good">every check holds</strong> ({len(verdicts)})'
    else:
        said = "nothing was checked"
    return (
        f'<p class="status">Prices through {day(report.as_of)}, '
        f"target of {day(report.summary.decided)}; {said}.</p>"
    )


def _result(report: Report) -> str:
    ours, theirs = report.performance.strategy, report.performance.benchmark
    one, other = ours.measures, theirs.measures
    tiles = [
        ("Final equity", dollars(ours.final_equity, cents=False), dollars(theirs.final_equity, cents=False)),
        ("Return a year", percent(one.cagr), percent(other.cagr)),
        ("Volatility a year", percent(one.volatility), percent(other.volatility)),
        ("Sharpe ratio", number(one.sharpe), number(other.sharpe)),
        ("Deepest drawdown", percent(one.max_drawdown), percent(other.max_drawdown)),
        ("Worst day in 20 (VaR)", percent(one.value_at_risk), percent(other.value_at_risk)),
        ("Turnover a year", percent(ours.turnover_a_year, 0), percent(theirs.turnover_a_year, 0)),
        ("Costs paid", dollars(ours.costs, cents=False), dollars(theirs.costs, cents=False)),
    ]
    shown = "".join(
        f"<div><dt>{label}</dt><dd>{escaped(mine)}</dd><dd>equal weight {escaped(its)}</dd></div>"
        for label, mine, its in tiles
    )
    pictures = "".join(
        figure(picture.caption, picture.explanation, picture.svg) for picture in report.history
    )
    return f'<p class="lead">{escaped(_sentence(one, other))}</p><dl class="tiles">{shown}</dl>{pictures}'


def _sentence(one: Measures, other: Measures) -> str:
    """The result in a sentence, whichever way it went."""
    span = f"From {day(one.first)} to {day(one.last)}, after costs,"
    if one.cagr is None or other.cagr is None:
        return f"{span} there is too little history for a return a year."
    ahead = one.cagr - other.cagr
    than = f"{abs(ahead) * 100:.1f} percentage points {'more' if ahead >= 0 else 'less'} than equal weights"
    said = f"{span} the strategy returned {percent(one.cagr)} a year, {than}"
    if one.volatility is not None and other.volatility is not None:
        said += f", at a volatility of {percent(one.volatility)} against {percent(other.volatility)}"
    if one.max_drawdown is not None and other.max_drawdown is not None:
        said += (
            f"; its deepest drawdown was {percent(one.max_drawdown)} against {percent(other.max_drawdown)}"
        )
    return f"{said}."


def _years(report: Report) -> str:
    columns = [
        Column("Year"),
        Column("Strategy", number=True),
        Column("Equal weight", number=True),
        Column("Difference, points", number=True),
    ]
    rows = [
        [
            f"{year.year} {year.part}".strip(),
            percent(year.strategy),
            percent(year.benchmark),
            points(year.strategy - year.benchmark),
        ]
        for year in reversed(report.years)
    ]
    half = (len(rows) + 1) // 2
    better = sum(year.strategy > year.benchmark for year in report.years)
    caption = f"Returns, newest first; the strategy was ahead in {better} of {_count(len(rows), 'year')}"
    parts = [table(caption, columns, rows[:half])]
    if rows[half:]:
        parts.append(table("Earlier years", columns, rows[half:]))
    return f'<div class="years">{"".join(parts)}</div>'


def _holdings(report: Report) -> str:
    columns = [
        Column("Symbol"),
        Column("Weight now", number=True),
        Column("Target", number=True),
        Column("Difference, points", number=True),
    ]
    rows = [
        [
            holding.symbol,
            percent(holding.weight),
            percent(holding.target),
            points(holding.weight - holding.target),
        ]
        for holding in report.holdings
    ]
    caption = (
        f"Simulated portfolio on {day(report.as_of)}, largest first, against the target of "
        f"{day(report.summary.decided)}; weights drift between decisions"
    )
    picture = report.weights
    return f"{table(caption, columns, rows)}{figure(picture.caption, picture.explanation, picture.svg)}"


def _orders(report: Report) -> str:
    summary = report.summary
    trades = [
        f"{_count(how_many, side)} for {dollars(amount)}"
        for how_many, side, amount in (
            (summary.sells, "sell", summary.sold),
            (summary.buys, "buy", summary.bought),
        )
        if how_many
    ]
    lead = (
        f"Account \u201c{summary.account}\u201d is worth {dollars(summary.net_value)}, "
        f"{dollars(summary.cash_before)} of it in cash."
    )
    if trades:
        lead += (
            f" It takes {' and '.join(trades)} to bring it to the target, a turnover of "
            f"{number(summary.turnover_percent, 1)} %. "
            f"Filled at their limits, they leave {dollars(summary.cash_after)}."
        )
    if summary.omitted:
        lead += f" The rules leave out {_count(summary.omitted, 'trade')}."
    columns = [
        Column("Symbol"),
        Column("Side"),
        Column("Shares", number=True),
        Column("Limit", number=True),
        Column("Value at close", number=True),
        Column("Left out because"),
    ][: 6 if summary.omitted else 5]
    rows = [
        [
            line.symbol,
            line.side.lower(),
            "" if line.quantity is None else f"{line.quantity:,.4f}",
            _limit(line),
            dollars(line.value),
            line.omitted or "",
        ][: len(columns)]
        for line in report.lines
    ]
    caption = f"At the closes of {day(summary.session)}; sells are submitted first"
    shown = (
        table(caption, columns, rows)
        if rows
        else "<p>The account is on target: there is nothing to trade.</p>"
    )
    return f"<p>{escaped(lead)}</p>{shown}"


def _limit(line: Line) -> str:
    if line.omitted is not None:
        return ""
    return "market" if line.limit_price is None else dollars(line.limit_price)


def _indicators(report: Report) -> str:
    if report.indicators is None:
        return "<p>No symbol is held, so there is none to show.</p>"
    picture = report.indicators
    return figure(picture.caption, picture.explanation, picture.svg)


def _anchor(key: str) -> str:
    return f"asset-{key.replace('/', '-')}"


def _state(ancestor: Ancestor) -> tuple[Literal["good", "warning", "alarm"], str]:
    """How an asset's checks stand, and that in words."""
    failing = [verdict for verdict in ancestor.verdicts if not verdict.passed]
    errors = sum(verdict.severity == "error" for verdict in failing)
    if errors:
        return "alarm", f"{errors} of {len(ancestor.verdicts)} failed"
    if failing:
        return "warning", _count(len(failing), "warning")
    return "good", f"{len(ancestor.verdicts)} hold"


def _lineage(report: Report) -> str:
    ancestors = report.provenance.ancestors
    read = {key for ancestor in ancestors for key in ancestor.upstream}
    boxes = []
    for ancestor in ancestors:
        state, words = _state(ancestor)
        remark = words if state != "good" else "" if ancestor.rows is None else f"{ancestor.rows:,} rows"
        boxes.append(Box(key=ancestor.key, link=_anchor(ancestor.key), remark=remark, state=state))
    boxes.append(Box(key=OWN_KEY, link="result", remark="this page"))
    upstream = {ancestor.key: ancestor.upstream for ancestor in ancestors}
    upstream[OWN_KEY] = tuple(ancestor.key for ancestor in ancestors if ancestor.key not in read)
    description = "Lineage: " + "; ".join(
        f"{ancestor.key} from {', '.join(ancestor.upstream) or 'outside'}" for ancestor in ancestors
    )
    explanation = (
        "Data flow downwards. Arrows that a longer way implies are left out; the table of versions has them."
    )
    return figure(
        "What this report was made from.", explanation, lineage_svg(boxes, upstream, description=description)
    )


def _checks(report: Report) -> str:
    columns = [Column("Asset"), Column("Result"), Column("Checks")]
    rows = [
        [ancestor.key, _stands(ancestor), Markup(f"<ul>{''.join(map(_said, ancestor.verdicts))}</ul>")]
        for ancestor in report.provenance.ancestors
        if ancestor.verdicts
    ]
    if not rows:
        return "<p>Nothing above this report has a check.</p>"
    return table("Every promise about the data above, and whether it held", columns, rows)


def _stands(ancestor: Ancestor) -> Markup:
    state, words = _state(ancestor)
    return Markup(f'<span class="{state}">{words}</span>')


def _said(verdict: Verdict) -> str:
    if verdict.passed:
        return f"<li>\u2713 {escaped(verdict.check)}</li>"
    said = f"{verdict.check} fails"
    if verdict.failing:
        said += f", {verdict.failing:,} {'time' if verdict.failing == 1 else 'times'}"
    if verdict.observed not in (None, ()):
        said += f"; observed {verdict.observed}"
    state = "alarm" if verdict.severity == "error" else "warning"
    return f'<li class="{state}">\u2717 {escaped(said)}</li>'


def _versions(report: Report) -> str:
    columns = [Column("Asset"), Column("Made from"), Column("Rows", number=True), Column("Data version")]
    ancestors = report.provenance.ancestors
    rows = [
        [
            ancestor.key,
            ", ".join(ancestor.upstream) or ("observed" if ancestor.is_source else "outside"),
            "" if ancestor.rows is None else f"{ancestor.rows:,}",
            Markup(f"<code>{escaped(ancestor.data_version)}</code>"),
        ]
        for ancestor in ancestors
    ]
    caption = "The exact versions; the same versions make the same page, byte for byte"
    return table(caption, columns, rows, ids=[_anchor(ancestor.key) for ancestor in ancestors])


def _reading(report: Report) -> str:
    terms = "".join(
        f"<dt>{escaped(name.replace('_', ' '))}</dt><dd>{escaped(meaning)}{_why_undefined(report, name)}</dd>"
        for name, meaning in report.performance.definitions.items()
    )
    limits = (
        "Decisions use closes up to their own day and are filled at the next session's close, with costs. Closes are "
        "adjusted, so they stand for returns with dividends; shares are fractional; taxes, borrowing and the price "
        "impact of trading are left out. The universe was chosen with today's knowledge: companies that failed before "
        "are not in it, which flatters both curves."
    )
    return f'<p>{escaped(limits)}</p><dl class="terms">{terms}</dl>'


def _why_undefined(report: Report, name: str) -> str:
    sides = (("strategy", report.performance.strategy), ("equal weight", report.performance.benchmark))
    reasons = [
        f"{side} not defined: {measured.measures.undefined[name]}"
        for side, measured in sides
        if name in measured.measures.undefined
    ]
    return escaped(f" ({'; '.join(reasons)})") if reasons else ""


def _count(how_many: int, thing: str) -> str:
    """A number of things.

    >>> _count(1, "check"), _count(0, "check")
    ('1 check', 'no checks')
    """
    return f"{how_many or 'no'} {thing}{'' if how_many == 1 else 's'}"
