"""Growing a history of bars: asking only for what is missing, and all of it again where the past was re-adjusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from math import isclose
from typing import TYPE_CHECKING

from assets.market.exchange_sessions import session_before
from assets.market.sources import PRICE_COLUMNS, PriceSource, bar_schema

if TYPE_CHECKING:
    import pyarrow as pa

OVERLAP = 5
"""How many known sessions are asked for again: a dividend or split that came since changes them all, and one whose
adjustment the source was up to a week late with changes those before it."""
ROUNDING = 1e-6
"""The relative difference that is not a change: single precision has 1e-7, the smallest dividends make about 1e-5.
A doubtful case costs one more request, never a wrong history."""
_ORDER = [("symbol", "ascending"), ("session", "ascending")]
Bar = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Bars to ask for; ``overlaps`` if the first `OVERLAP` sessions of it are known already."""

    symbols: tuple[str, ...]
    start: date
    end: date
    overlaps: bool


def usable(previous: pa.Table | None, source: PriceSource) -> pa.Table:
    """What of the last published history can be grown: all of it, if the same source made it on the same terms."""
    schema = bar_schema(source.terms)
    if previous is None or not previous.schema.equals(schema):
        return schema.empty_table()
    stated = previous.schema.metadata or {}
    same = all(stated.get(name) == value for name, value in (schema.metadata or {}).items())
    return previous.cast(schema) if same else schema.empty_table()


def missing(known: pa.Table, symbols: Sequence[str], start: date, end: date) -> list[Request]:
    """What has to be asked for, so that every symbol reaches from ``start`` to ``end``; nothing twice.

    Symbols that lack the same sessions share a request; a symbol that is known up to ``end`` needs none.
    """
    last: dict[str, date] = {}
    if len(known):
        ends = known.group_by("symbol").aggregate([("session", "max")])
        last = dict(zip(ends["symbol"].to_pylist(), ends["session_max"].to_pylist(), strict=True))
    asked = {
        symbol: session_before(last[symbol], OVERLAP - 1) if symbol in last else start
        for symbol in dict.fromkeys(symbols)
        if symbol not in last or last[symbol] < end
    }
    by_start = sorted(asked, key=lambda symbol: (symbol in last, asked[symbol], symbol))
    return [
        Request(symbols=tuple(group), start=max(first, start), end=end, overlaps=overlaps)
        for (overlaps, first), group in groupby(by_start, key=lambda symbol: (symbol in last, asked[symbol]))
    ]


def grown(
    known: pa.Table,
    symbols: Sequence[str],
    end: date,
    source: PriceSource,
    *,
    log: Callable[[str], None] = lambda message: None,
    progress: Callable[[float, float], None] = lambda done, total: None,
) -> pa.Table:
    """The history of ``symbols`` to ``end``: ``known`` with what ``source`` has beyond it.

    A symbol whose overlap came back different is asked for from the beginning: an adjusted history must be of one
    piece. A symbol that is no longer wanted is left out.
    """
    import pyarrow as pa

    kept = _of(known, symbols)
    answers = []
    requests = missing(known, symbols, source.terms.start, end)
    for done, request in enumerate(requests):
        progress(done, len(requests))
        answer = source.bars(request.symbols, request.start, end)
        changed = changed_symbols(kept, answer, request) if request.overlaps else []
        if changed:
            log(f"re-adjusted, so all of it is asked for again: {', '.join(changed)}")
            answers.append(source.bars(changed, source.terms.start, end))
        kept = pa.concat_tables(
            [_of(kept, request.symbols, but=True), _before(_of(kept, request.symbols), request.start)]
        )
        kept = _of(kept, changed, but=True)
        answers.append(_of(answer, changed, but=True))
    progress(len(requests), len(requests))
    return in_order(pa.concat_tables([kept, *answers]))


def in_order(bars: pa.Table) -> pa.Table:
    """Sorted by symbol and session; rows that are equal in both keep their order."""
    return bars.sort_by(_ORDER)


def changed_symbols(known: pa.Table, answer: pa.Table, request: Request) -> list[str]:
    """The symbols whose known bars since ``request.start`` came back otherwise, or not at all.

    Volumes are left out: exchanges report late trades for days.
    """
    before = _prices_since(known, request)
    after = _prices_since(answer, request)
    return [
        symbol
        for symbol in request.symbols
        if not all(_same(bar, after[symbol].get(session)) for session, bar in before[symbol].items())
    ]


def _prices_since(bars: pa.Table, request: Request) -> Mapping[str, dict[date, Bar]]:
    """The prices by symbol and session, of the sessions that are asked for."""
    found: dict[str, dict[date, Bar]] = {symbol: {} for symbol in request.symbols}
    for row in _before(_of(bars, request.symbols), request.start, but=True).to_pylist():
        found[row["symbol"]][row["session"]] = tuple(row[name] for name in PRICE_COLUMNS)
    return found


def _same(before: Bar, after: Bar | None) -> bool:
    if after is None:
        return False
    return all(
        (a is None and b is None) or (a is not None and b is not None and isclose(a, b, rel_tol=ROUNDING))
        for a, b in zip(before, after, strict=True)
    )


def _of(bars: pa.Table, symbols: Sequence[str], *, but: bool = False) -> pa.Table:
    """The bars of ``symbols``, or all but those."""
    import pyarrow as pa
    import pyarrow.compute as pc

    named = pc.is_in(bars["symbol"], pa.array(symbols, pa.string()))
    return bars.filter(pc.invert(named) if but else named)


def _before(bars: pa.Table, session: date, *, but: bool = False) -> pa.Table:
    """The bars before ``session``, or all but those."""
    import pyarrow as pa
    import pyarrow.compute as pc

    early = pc.less(bars["session"], pa.scalar(session))
    return bars.filter(pc.invert(early) if but else early)
