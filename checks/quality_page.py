"""A quality report as one HTML page that needs nothing from anywhere else: to be searched, sorted, printed and sent.

It reads without its script, which sorts, searches and opens; the policy in its head lets nothing else run or load,
whatever got into the data.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from checks.markup import Column, Markup, escaped, table
from checks.quality_report import (
    STANDINGS,
    AssetQuality,
    CheckQuality,
    Point,
    QualityReport,
    Rejected,
    Said,
    Standing,
    Status,
)
from checks.quality_trend import trend_svg
from checks.quality_words import (
    counted,
    finding,
    moment,
    of_partition,
    served_text,
    summary,
    troubles,
    value_text,
    where_failing,
)
from checks.verdict import ROW_NUMBER

STYLE = Path(__file__).with_name("quality_page.css")
SCRIPT = Path(__file__).with_name("quality_page.js")

_POINTS = 200_000
"""So many points of trends are drawn in one page, the newest of each check."""
_LINES = 25_000
"""So many lines of histories are written out in one page, first of all of checks that did not always pass."""
_MOST_LINES, _FEWEST_LINES = 30, 5
_ATTENTION = 50
"""So many assets are told of before the table; it has all of them."""
_REJECTED = 10
"""So many rejected partitions of one asset are told one by one."""

_TONES: dict[str, str] = {
    "passed": "good",
    "sound": "good",
    "failed": "bad",
    "rejected": "bad",
    "failing": "bad",
    "cannot be judged": "odd",
    "warning": "warn",
    "overdue": "bad",
    "due soon": "warn",
    "fresh": "good",
}
_MEANINGS: dict[Standing, str] = {
    "rejected": "the newest version was held back",
    "failing": "published, and an error check fails",
    "cannot be judged": "a check could not be carried out",
    "warning": "a check that only warns fails",
    "nothing published": "there is no visible version",
    "not judged": "a check was not asked yet, or changed since",
    "unchecked": "no check is declared",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """How much of a check's history there is room for: points that are drawn, lines that are written.

    Args:
        quiet: lines of a check that always passed; no fewer than tell something, or none.
    """

    drawn: int
    lines: int
    quiet: int

    def lines_of(self, check: CheckQuality) -> int:
        return self.lines if _is_eventful(check) else self.quiet


def _room_for(report: QualityReport) -> _Room:
    eventful = [_is_eventful(check) for check in report.checks]
    loud, quiet = eventful.count(True), eventful.count(False)
    lines = _lines_each(_LINES, loud)
    return _Room(
        drawn=max(20, _POINTS // max(1, len(eventful))),
        lines=lines,
        quiet=_lines_each(_LINES - lines * loud, quiet),
    )


def _lines_each(lines: int, checks: int) -> int:
    each = min(_MOST_LINES, lines // max(1, checks))
    return each if each >= _FEWEST_LINES else 0


def _is_eventful(check: CheckQuality) -> bool:
    return any(point.status != "passed" for point in check.trend)


def quality_page(report: QualityReport) -> str:
    """The whole page."""
    room = _room_for(report)
    style, script = (path.read_text(encoding="utf-8") for path in (STYLE, SCRIPT))
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    title = f"Data quality of {report.project}" if report.project else "Data quality"
    ordered = sorted(report.assets, key=lambda asset: (STANDINGS.index(asset.standing), asset.key))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escaped(title)}</title><style>{style}</style></head><body>"
        '<a class="skip" href="#assets">Skip to the assets</a>'
        f'<header><h1>{escaped(title)}</h1><p class="status">{_status(report)}</p></header>'
        f"<main>{_overview(report)}{_attention(ordered)}{_assets(ordered)}{_details(ordered, room)}</main>"
        f"<footer>{_footer(report, room)}</footer><script>{script}</script></body></html>\n"
    )


def _digest(text: str) -> str:
    """How a policy names a text that may stand in the page."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _status(report: QualityReport) -> str:
    what = "all assets" if report.selection == "*" else report.selection
    return (
        f"Environment <strong>{escaped(report.environment)}</strong>, {escaped(what)}, as of "
        f'<time datetime="{report.made_at.isoformat()}">{moment(report.made_at)}</time>'
    )


def _badge(word: str, text: str = "") -> Markup:
    """A state in a word; the style puts a sign before it, so that it does not live by its colour."""
    return Markup(f'<span class="badge {_TONES.get(word, "none")}">{escaped(text or word)}</span>')


# --- at a glance -------------------------------------------------------------------------------------------


def _overview(report: QualityReport) -> str:
    statuses = [check.status for check in report.checks]
    passed = statuses.count("passed")
    tiles = [
        _tile("all", "Assets", len(report.assets), f"{report.count('sound'):,} sound", "none"),
        _tile("all", "Checks", len(statuses), f"{passed:,} passed", "none"),
    ]
    names: dict[Standing, str] = {
        "rejected": "Rejected",
        "failing": "Failing",
        "cannot be judged": "Cannot be judged",
        "warning": "Warnings",
        "unchecked": "Unchecked",
    }
    for standing, name in names.items():
        count = report.count(standing)
        tone = _TONES.get(standing, "none") if count else "none"
        tiles.append(_tile(standing, name, count, _MEANINGS[standing], tone))
    return (
        '<section aria-labelledby="overview"><h2 id="overview" class="hidden">At a glance</h2>'
        f'<p class="lead">{escaped(summary(report))}</p><ul class="tiles">{"".join(tiles)}</ul></section>'
    )


def _tile(standing: str, name: str, number: int, explanation: str, tone: str) -> str:
    return (
        f'<li><a class="tile {tone}" href="#assets" data-standing="{escaped(standing)}"><strong>{number:,}</strong>'
        f"<span>{escaped(name)}</span><small>{escaped(explanation)}</small></a></li>"
    )


def _attention(ordered: Sequence[AssetQuality]) -> str:
    told = [(asset, sentences) for asset in ordered if (sentences := list(troubles(asset)))]
    if not told:
        return ""
    items = "".join(
        f"<li>{_badge(asset.standing)}<div>{_link(asset)}<ul>"
        f"{''.join(f'<li>{escaped(_sentence(said))}</li>' for said in sentences)}</ul></div></li>"
        for asset, sentences in told[:_ATTENTION]
    )
    more = len(told) - _ATTENTION
    rest = f"<p>{counted(more, 'asset')} more: see the table.</p>" if more > 0 else ""
    return (
        '<section aria-labelledby="attention"><h2 id="attention">What needs attention</h2>'
        f'<ul class="attention">{items}</ul>{rest}</section>'
    )


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}."


# --- the table ---------------------------------------------------------------------------------------------


_HEADS = (
    ("Asset", False),
    ("Standing", True),
    ("Freshness", False),
    ("Checks", True),
    ("Failing", True),
    ("Not judged", True),
    ("Rejected", True),
    ("Published, UTC", False),
)
"""The columns, and whether the largest comes first when one sorts by it."""


def _assets(ordered: Sequence[AssetQuality]) -> str:
    heads = "".join(
        f'<th scope="col" role="columnheader"{" data-down" if down else ""}'
        f"{' class=number' if name in ('Checks', 'Failing', 'Not judged', 'Rejected') else ''}"
        f"{' aria-sort=descending' if name == 'Standing' else ''}>{name}</th>"
        for name, down in _HEADS
    )
    there = {standing for asset in ordered for standing in asset.standings}
    options = "".join(f"<option>{standing}</option>" for standing in STANDINGS if standing in there)
    sorts = "".join(f'<option value="{at}">{name}</option>' for at, (name, _) in enumerate(_HEADS))
    rows = "".join(map(_row, ordered))
    return (
        '<section id="assets" aria-labelledby="assets-heading" tabindex="-1"><h2 id="assets-heading">Assets</h2>'
        '<form class="tools" role="search" hidden><label>Search'
        '<input type="search" id="search" autocomplete="off" spellcheck="false"'
        ' placeholder="asset, check or column"></label>'
        f'<label>Standing<select id="standing"><option value="all">all</option>{options}</select></label>'
        f'<label class="sorts">Sort by<select id="sort">{sorts}</select></label>'
        '<output id="shown" aria-live="polite"></output></form>'
        '<table class="assets" role="table"><caption class="hidden">Every asset and how it stands</caption>'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead><tbody role="rowgroup">{rows}</tbody></table>'
        '<p id="nothing" hidden>No asset is like that.</p></section>'
    )


def _row(asset: AssetQuality) -> str:
    statuses = [check.status for check in asset.checks]
    unjudged = statuses.count("cannot be judged") + statuses.count("not judged")
    made = asset.published.made_at if asset.published else None
    description = asset.description.strip().partition("\n")[0]
    cells = [
        _cell("Standing", _badge(asset.standing), len(STANDINGS) - STANDINGS.index(asset.standing)),
        _cell(
            "Freshness",
            Markup(
                f'<span class="{_TONES.get(asset.freshness, "none")}">{escaped(asset.freshness_text)}</span>'
            ),
            asset.freshness_text,
        ),
        _cell("Checks", f"{len(statuses):,}", len(statuses), number=True),
        _cell("Failing", _zero(statuses.count("failed")), statuses.count("failed"), number=True),
        _cell("Not judged", _zero(unjudged), unjudged, number=True),
        _cell("Rejected", _zero(len(asset.rejected)), len(asset.rejected), number=True),
        _cell(
            "Published, UTC",
            moment(made).removesuffix(" UTC") if made else "never",
            made.isoformat() if made else "",
        ),
    ]
    return (
        f'<tr role="row" data-standings="{"|".join(asset.standings)}">'
        f'<th scope="row" role="rowheader" data-sort="{escaped(asset.key)}">{_link(asset)}'
        f"<small>{escaped(description)}</small></th>{''.join(cells)}</tr>"
    )


def _cell(head: str, content: object, sort: object, *, number: bool = False) -> str:
    return (
        f'<td role="cell" data-head="{head}" data-sort="{escaped(sort)}"'
        f"{' class=number' if number else ''}>{escaped(content)}</td>"
    )


def _zero(number: int) -> Markup:
    return Markup(f"{number:,}" if number else '<span class="none">0</span>')


def _link(asset: AssetQuality) -> Markup:
    group, slash, name = asset.key.rpartition("/")
    return Markup(
        f'<a class="key" href="#{escaped(_anchor(asset))}"><span>{escaped(group + slash)}</span>'
        f"<wbr>{escaped(name)}</a>"
    )


def _anchor(asset: AssetQuality) -> str:
    return f"asset/{asset.key}"


# --- one asset ---------------------------------------------------------------------------------------------


def _details(ordered: Sequence[AssetQuality], room: _Room) -> str:
    return (
        '<section aria-labelledby="details"><div class="heading"><h2 id="details">Details</h2>'
        '<button type="button" id="open" hidden>Open all</button></div>'
        f'<div id="all">{"".join(_detail(asset, room) for asset in ordered)}</div></section>'
    )


def _detail(asset: AssetQuality, room: _Room) -> str:
    passed = sum(check.status == "passed" for check in asset.checks)
    count = f"{passed:,} of {counted(len(asset.checks), 'check')} passed" if asset.checks else "no checks"
    checks = "".join(_check(check, room) for check in asset.checks)
    listed = f'<ul class="checks">{checks}</ul>' if checks else ""
    return (
        f'<details class="asset"><summary><h3>{escaped(asset.key)}</h3>{_badge(asset.standing)}'
        f'<span class="count">{count}</span></summary><div class="body" id="{escaped(_anchor(asset))}">'
        f"{_facts(asset)}{_rejections(asset)}{listed}</div></details>"
    )


def _facts(asset: AssetQuality) -> str:
    facts = [("Freshness", asset.freshness_text), ("Published", _published(asset))]
    if not asset.checks:
        facts.append(("Unchecked", asset.unchecked or "no check is declared"))
    elif asset.unchecked:
        facts.append(("Unchecked in part", asset.unchecked))
    listed = "".join(f"<div><dt>{name}</dt><dd>{escaped(text)}</dd></div>" for name, text in facts if text)
    description = "".join(
        f"<p>{escaped(part)}</p>" for part in asset.description.strip().split("\n\n") if part
    )
    return f'{description}<dl class="facts">{listed}</dl>'


def _published(asset: AssetQuality) -> str:
    found = asset.published
    if found is None:
        return "nothing" if asset.built else "nothing: it was never built"
    number = f"; {counted(asset.partitions, 'partition')} visible" if asset.partitions is not None else ""
    newest = f", the newest partition {found.partition}" if found.partition else ""
    return f"{found.version}{newest}, made {moment(found.made_at)}{number}"


def _rejections(asset: AssetQuality) -> str:
    if not asset.rejected:
        return ""
    items = "".join(f"<li>{escaped(_rejection(one))}</li>" for one in asset.rejected[:_REJECTED])
    more = len(asset.rejected) - _REJECTED
    rest = f"<li>and {counted(more, 'version')} more</li>" if more > 0 else ""
    return f'<div class="rejected"><h4>Rejected</h4><ul>{items}{rest}</ul></div>'


def _rejection(one: Rejected) -> str:
    whose = f" of {one.partition}" if one.partition else ""
    return (
        f"Version {one.version}{whose}, made {moment(one.made_at)}, was held back: {one.reason}. "
        f"{_sentence(served_text(one))}"
    )


def _check(check: CheckQuality, room: _Room) -> str:
    worst, status = check.worst, check.status
    warns = check.is_mild
    moved = worst is not None and worst.verdict.aside is not None
    mild = "fails, rows moved aside" if moved else "fails, warns only"
    badge = _badge("warning", mild) if warns else _badge(status)
    severity = (
        "" if check.severity == "error" or warns else f' <span class="tag">{escaped(check.severity)}</span>'
    )
    name = "" if check.name == check.promise else f" <code>{escaped(check.name)}</code>"
    return (
        f'<li class="{_tone(status, warns=warns)}"><div class="verdict">{badge}</div>'
        f'<div class="promise">{escaped(check.promise)}{severity}{name}{_found(check, worst)}</div>'
        f'<div class="trend">{_trend(check, room)}</div>{_sample(check)}{_history(check, room)}</li>'
    )


def _tone(status: Status, *, warns: bool) -> str:
    return "warn" if warns else _TONES.get(status, "none")


def _found(check: CheckQuality, worst: Said | None) -> str:
    if worst is None:
        told = "It was changed since it was judged last; the next run asks it again." if check.changed else ""
        return f'<p class="found">{told}</p>' if told else ""
    held = "" if worst.published else f"this is the rejected version{of_partition(worst)}"
    parts = [finding(worst.verdict), where_failing(check), held]
    text = "; ".join(filter(None, parts))
    return f'<p class="found">{escaped(text)}</p>' if text else ""


def _trend(check: CheckQuality, room: _Room) -> str:
    svg = trend_svg(check.trend, drawn=room.drawn)
    if svg is not None:
        last = check.trend[-1]
        return f"{svg}<small>{escaped(value_text(last.observed))}</small>" if _numeric(last) else str(svg)
    if len(check.trend) > 1:
        return f"<small>passed all {len(check.trend):,} times</small>"
    return ""


def _numeric(point: Point) -> bool:
    return isinstance(point.observed, int | float) and not isinstance(point.observed, bool)


def _sample(check: CheckQuality) -> str:
    worst = check.worst
    if worst is None or worst.status == "passed" or not worst.verdict.sample:
        return ""
    sample = worst.verdict.sample
    names = list(dict.fromkeys(name for row in sample for name in row))
    columns = [
        Column("row" if name == ROW_NUMBER else name, number=all(_is_number(row.get(name)) for row in sample))
        for name in names
    ]
    rows = [[value_text(row[name]) if name in row else "" for name in names] for row in sample]
    failing = worst.verdict.failing
    of = f" of {failing:,}" if failing is not None and failing > len(sample) else ""
    caption = f"{counted(len(sample), 'row') if not of else f'{len(sample):,}'}{of}{' rows' if of else ''} that failed"
    return f'<div class="more">{table(f"{caption}{of_partition(worst)}", columns, rows)}</div>'


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _history(check: CheckQuality, room: _Room) -> str:
    """The trend as a table; without one where it has nothing to tell but that all passed."""
    points, lines = check.trend, room.lines_of(check)
    if lines == 0 or len(points) < 2 or trend_svg(points, drawn=len(points)) is None:
        return ""
    shown = points[: -lines - 1 : -1]
    partitioned = any(point.partition for point in shown)
    columns = [
        Column("Judged"),
        *([Column("Partition")] if partitioned else []),
        Column("Verdict"),
        Column("Observed", number=True),
        Column("Failing", number=True),
    ]
    left = len(points) - len(shown)
    caption = f"{check.name}, the newest first" + (f"; {left:,} earlier ones are left out" if left else "")
    listed = table(caption, columns, (_line(point, partitioned=partitioned) for point in shown))
    return (
        f'<details class="more history"><summary>History<span class="hidden"> of {escaped(check.name)}</span>'
        f"</summary>{listed}</details>"
    )


def _line(point: Point, *, partitioned: bool) -> list[object]:
    verdict = f"{point.status}, version rejected" if point.rejected else point.status
    tone = _TONES.get(point.status, "none")
    return [
        moment(point.at),
        *([point.partition] if partitioned else []),
        Markup(f'<span class="{tone}">{escaped(verdict)}</span>') if point.status != "passed" else verdict,
        "" if point.observed is None else value_text(point.observed),
        "" if point.failing is None else f"{point.failing:,}",
    ]


# --- at the end --------------------------------------------------------------------------------------------


def _footer(report: QualityReport, room: _Room) -> str:
    return f"<p>{' '.join(_notes(report, room))}</p>"


def _notes(report: QualityReport, room: _Room) -> Iterator[str]:
    yield (
        f"Times are in UTC. Verdicts are those of the newest {counted(report.history, 'version')} of each asset"
        " and of what is visible."
    )
    if any(len(check.trend) > room.drawn for check in report.checks):
        yield f"Of each trend the newest {room.drawn:,} points are drawn."
    if any(len(check.trend) > room.lines_of(check) for check in report.checks):
        yield "Histories are written out as far as there is room; the JSON report has all of them."
