"""Daily prices of the universe, grown by what is missing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from assets.market.exchange_sessions import exchange_day, last_closed_session
from assets.market.price_checks import (
    every_session,
    moving_closes,
    no_leaps,
    no_repeated_session,
    no_unadjusted_splits,
    only_closed_sessions,
    only_sessions,
    opens_follow_closes,
)
from assets.market.price_history import grown, in_order, usable
from assets.market.sources import PRICE_COLUMNS, TIMEZONE, PriceSource
from checks import (
    between,
    check,
    covers,
    expression,
    monotonic,
    not_fewer_rows,
    not_null,
    references,
    row_count,
    same_size,
    schema,
    unique,
)
from graph import Execution, Previous, Run, asset, fresh_by

if TYPE_CHECKING:
    import pyarrow as pa

_FAR = date(9998, 12, 31)
_ROUNDED = 1e-6
"""How far a high may lie below, relatively, what it should cover: services compute with single precision."""


@asset(
    volatile=True,
    checks=[
        schema(
            {
                "symbol": "string",
                "session": "date32[day]",
                "open": "double",
                "high": "double",
                "low": "double",
                "close": "double",
                "volume": "int64",
            }
        ),
        row_count(minimum=1),
        not_null("symbol", "session", "close"),
        unique("symbol", "session"),
        *(
            between(price, 0, float("inf"), strict_low=True, strict_high=True, name=f"positive_{price}")
            for price in PRICE_COLUMNS
        ),
        between("volume", 0, None),
        expression(f"high >= greatest(open, low, close) * (1 - {_ROUNDED})", name="high_is_highest"),
        expression(f"low <= least(open, high, close) * (1 + {_ROUNDED})", name="low_is_lowest"),
        check(no_leaps),
        check(only_sessions),
        check(only_closed_sessions),
        check(every_session),
        monotonic("session", by="symbol", strict=True),
        references("symbol", "universe"),
        covers("symbol", "universe", severity="warn"),
        not_fewer_rows(tolerance=0.01, severity="warn"),
        same_size("close", severity="warn"),
        same_size("volume", within=10, severity="warn"),
        expression("high <= 5 * low", name="plausible_range", severity="warn"),
        expression("volume > 0", name="traded", severity="warn"),
        check(no_repeated_session, severity="warn"),
        check(no_unadjusted_splits, severity="warn"),
        check(opens_follow_closes, severity="warn"),
        check(moving_closes, severity="warn"),
    ],
    freshness=fresh_by("0 18 * * 1-5", timezone=TIMEZONE, not_before=timedelta(hours=2)),
    run=Execution(timeout=timedelta(minutes=30)),  # a service is asked again by the source itself
)
def prices(universe: pa.Table, source: PriceSource, previous: Previous, run: Run) -> pa.Table:
    """Daily bars of every symbol of the universe, to the last session that has closed.

    Columns: ``symbol``; ``session``, the exchange's trading day; ``open, high, low, close`` in USD a share and
    ``volume`` in shares, null where the source does not know them. Sorted by symbol and session. The schema's
    metadata say the adjustment, the time zone, the calendar and the source.

    From a remote source only missing sessions are asked for. What is on this machine is read anew each time. A bar of
    the session that is still open is left out; one further in the future is not, so that the checks refuse it.
    """
    symbols = universe["symbol"].to_pylist()
    last = last_closed_session(run.now)
    if source.terms.remote:
        return grown(
            usable(previous.value, source), symbols, last, source, log=run.log, progress=run.progress
        )
    bars = source.bars(symbols, source.terms.start, _FAR)
    return in_order(_without_open_sessions(bars, last, exchange_day(run.now)))


def _without_open_sessions(bars: pa.Table, last: date, today: date) -> pa.Table:
    """Without the bars after ``last``, up to ``today``: of a session that has not closed."""
    import pyarrow as pa
    import pyarrow.compute as pc

    days = bars["session"]
    still_open = pc.and_(pc.greater(days, pa.scalar(last)), pc.less_equal(days, pa.scalar(today)))
    return bars.filter(pc.invert(pc.fill_null(still_open, False)))
