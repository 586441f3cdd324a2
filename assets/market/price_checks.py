"""Promises about daily bars that need the exchange's calendar or a symbol's history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

from assets.market.exchange_sessions import last_closed_session, sessions_between
from checks import Finding

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_SHOWN = 20
LEAP = 60
"""How many times the close before it a close may be: more than any split, less than a slip from dollars to cents."""
SPLITS = (2, 3, 4, 5, 7, 10, 15, 20)
"""The usual ratios of splits; 3 for 2 and less are too near to what prices do by themselves."""
SPLIT_WITHIN = 0.03
"""How far, relatively, the close after a split may lie from its ratio: about what a price moves in a day."""
FEW, NEARLY_ALL = 4, 0.9
"""So many symbols, and such a part of them, have to stand still before one doubts the feed and not the market."""
STUCK_AFTER = 20
"""Sessions with one and the same close, after which one doubts that it is a price."""


def every_session(prices: pa.Table) -> Finding:
    """Each symbol has a bar for every session of the exchange between its first and its last one."""
    import numpy as np

    symbols, codes, days = _rows(_complete(prices))
    if not len(days):
        return Finding(passed=True, failing=0)
    sessions = sessions_between(_date(days.min()), _date(days.max()))
    order = np.lexsort((days, codes))
    codes, days = codes[order], days[order]
    missing: dict[str, NDArray[np.datetime64]] = {}
    for own, code in zip(np.split(days, _begins(codes)[1:]), codes[_begins(codes)], strict=True):
        expected = sessions[
            np.searchsorted(sessions, own[0]) : np.searchsorted(sessions, own[-1], side="right")
        ]
        absent = np.setdiff1d(expected, own)
        if len(absent):
            missing[symbols[code]] = absent
    each = max(1, _SHOWN // len(missing)) if missing else 0
    named = [
        {"symbol": symbol, "missing": _date(day)}
        for symbol, absent in missing.items()
        for day in absent[:each]
    ]
    return Finding(
        passed=not missing,
        observed="; ".join(f"{symbol} lacks {_span(absent)}" for symbol, absent in missing.items()) or None,
        failing=sum(len(absent) for absent in missing.values()),
        sample=named[:_SHOWN],
    )


def no_leaps(prices: pa.Table) -> Finding:
    """No close is more than 60 times, or less than a sixtieth of, the one before it."""
    import numpy as np

    complete = _complete(prices)
    symbols, codes, days = _rows(complete)
    closes = complete.column("close").to_numpy()
    order = np.lexsort((days, codes))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        leaps = np.abs(np.diff(np.log(closes[order]))) > np.log(LEAP)
    near = np.diff(days[order]) <= np.timedelta64(10, "D")  # across a gap it may be another company's ticker
    leaps &= near & (codes[order][1:] == codes[order][:-1])
    found = order[1:][leaps]
    return Finding(
        passed=not len(found),
        failing=len(found),
        sample=[
            {"symbol": symbols[codes[row]], "session": _date(days[row]), "close": float(closes[row])}
            for row in found[:_SHOWN]
        ],
    )


def only_sessions(prices: pa.Table) -> Finding:
    """Every bar is of a day on which the exchange was open."""
    import numpy as np

    symbols, codes, days = _rows(_complete(prices))
    if not len(days):
        return Finding(passed=True, failing=0)
    closed = ~np.isin(days, sessions_between(_date(days.min()), _date(days.max())))
    return _named(closed, symbols, codes, days)


def only_closed_sessions(prices: pa.Table, now: datetime) -> Finding:
    """No bar is of a session that has not closed yet."""
    import numpy as np

    symbols, codes, days = _rows(_complete(prices))
    return _named(days > np.datetime64(last_closed_session(now), "D"), symbols, codes, days)


def moving_closes(prices: pa.Table) -> Finding:
    """No symbol closes at one and the same price for more than 20 sessions: such a price is often none."""
    import numpy as np

    complete = _complete(prices)
    symbols, codes, days = _rows(complete)
    order = np.lexsort((days, codes))
    codes, days, closes = codes[order], days[order], complete["close"].to_numpy()[order]
    begins = _begins(codes, closes)
    lengths = np.diff(np.r_[begins, len(codes)])
    stuck = lengths > STUCK_AFTER
    found = sorted(zip(lengths[stuck], begins[stuck], strict=True), reverse=True)
    return Finding(
        passed=not found,
        observed=f"up to {found[0][0]} sessions" if found else None,
        failing=int(lengths[stuck].sum()),
        sample=[
            {
                "symbol": symbols[codes[row]],
                "from": _date(days[row]),
                "sessions": int(length),
                "close": float(closes[row]),
            }
            for length, row in found[:_SHOWN]
        ],
    )


def no_unadjusted_splits(prices: pa.Table) -> Finding:
    """No close lies at a split's ratio of the one before it: such a leap is often a split that nobody adjusted for."""
    import numpy as np

    complete = _complete(prices)
    symbols, codes, days = _rows(complete)
    closes = complete.column("close").to_numpy()
    order = np.lexsort((days, codes))
    codes, days, closes = codes[order], days[order], closes[order]
    ratios = np.array([1 / n for n in SPLITS] + [float(n) for n in SPLITS])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        off = np.abs(closes[1:, None] / closes[:-1, None] / ratios - 1)
    found = (off < SPLIT_WITHIN).any(axis=1) & (codes[1:] == codes[:-1])
    return _named(np.r_[False, found] if len(codes) else found, symbols, codes, days)


def no_repeated_session(prices: pa.Table) -> Finding:
    """No session repeats the one before it for nearly all symbols: so does a feed that stands still."""
    import numpy as np

    complete = _complete(prices)
    _, codes, days = _rows(complete)
    order = np.lexsort((days, codes))
    codes, days = codes[order], days[order]
    closes = complete["close"].to_numpy()[order]
    same = np.r_[False, (closes[1:] == closes[:-1]) & (codes[1:] == codes[:-1])] if len(codes) else codes > 0
    sessions, which = np.unique(days, return_inverse=True)
    bars, repeated = np.bincount(which), np.bincount(which, weights=same)
    stale = sessions[(bars >= FEW) & (repeated >= NEARLY_ALL * bars)]
    return Finding(
        passed=not len(stale),
        failing=len(stale),
        sample=[{"session": _date(day)} for day in stale[:_SHOWN]],
    )


def opens_follow_closes(prices: pa.Table) -> Finding:
    """A session opens nearer to the close before it than it closes to the open before it: or the two are swapped."""
    import numpy as np

    complete = _complete(prices)
    _, codes, days = _rows(complete)
    order = np.lexsort((days, codes))
    codes = codes[order]
    opens, closes = (complete.column(name).to_numpy()[order] for name in ("open", "close"))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        night = np.abs(opens[1:] / closes[:-1] - 1)[codes[1:] == codes[:-1]]
        both = np.abs(closes[1:] / opens[:-1] - 1)[codes[1:] == codes[:-1]]
    known = np.isfinite(night) & np.isfinite(both)
    if not known.any():
        return Finding(passed=True)
    medians = float(np.median(night[known])), float(np.median(both[known]))
    told = f"{medians[0]:.3%} from close to open, {medians[1]:.3%} from open to the next close"
    return Finding(passed=medians[0] <= medians[1], observed=told)


def only_first_is_null(returns: pa.Table) -> Finding:
    """A return is null for a symbol's first session, and for no other."""
    import numpy as np

    complete = _complete(returns)
    symbols, codes, days = _rows(complete)
    null = complete["return"].is_null().to_numpy()
    first = np.full(len(symbols), np.datetime64("9999-12-31", "D"))
    np.minimum.at(first, codes, days)
    return _named(null != (days == first[codes]), symbols, codes, days)


def _complete(table: pa.Table) -> pa.Table:
    """The rows that have a symbol and a session; that all have them is another check's business."""
    import pyarrow.compute as pc

    return table.filter(pc.and_(table["symbol"].is_valid(), table["session"].is_valid()))


def _rows(table: pa.Table) -> tuple[list[str], NDArray[np.int64], NDArray[np.datetime64]]:
    """The distinct symbols; each row's symbol as a number; each row's session."""
    import numpy as np

    encoded = table["symbol"].combine_chunks().dictionary_encode()
    return (
        encoded.dictionary.to_pylist(),
        encoded.indices.to_numpy().astype(np.int64),
        table["session"].to_numpy().astype("datetime64[D]"),
    )


def _begins(*columns: NDArray[np.generic]) -> NDArray[np.int64]:
    """The rows at which any of the columns differs from the row before; the first is one."""
    import numpy as np

    differs = np.ones(len(columns[0]), dtype=bool)
    differs[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return np.flatnonzero(differs)


def _named(
    bad: NDArray[np.bool_], symbols: list[str], codes: NDArray[np.int64], days: NDArray[np.datetime64]
) -> Finding:
    """The finding that the rows where ``bad`` is true fail."""

    def rows() -> Iterator[Mapping[str, object]]:
        for row in bad.nonzero()[0][:_SHOWN]:
            yield {"symbol": symbols[codes[row]], "session": _date(days[row])}

    count = int(bad.sum())
    return Finding(passed=count == 0, failing=count, sample=list(rows()))


def _span(absent: NDArray[np.datetime64]) -> str:
    days = "session" if len(absent) == 1 else "sessions"
    return (
        f"{len(absent)} {days} from {absent[0]} to {absent[-1]}" if len(absent) > 1 else f"{days} {absent[0]}"
    )


def _date(day: np.datetime64) -> date:
    found: date = day.astype("datetime64[D]").item()
    return found
