"""Long tables of (symbol, session, value) as matrices, and the sessions on which one decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

Cadence = Literal["week", "month", "quarter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """``values[i, j]`` belongs to ``sessions[i]`` and ``symbols[j]``, both ascending; NaN where there is none."""

    sessions: tuple[date, ...]
    symbols: tuple[str, ...]
    values: NDArray[np.float64]


def panel(table: pa.Table, column: str) -> Panel:
    """One column of a long table, with every session and symbol that occurs in it."""
    import numpy as np
    import pyarrow as pa

    days, row = np.unique(table["session"].cast(pa.int32()).to_numpy(), return_inverse=True)
    names = table["symbol"].combine_chunks().dictionary_encode()
    symbols = sorted(names.dictionary.to_pylist())
    place = np.array([symbols.index(name) for name in names.dictionary.to_pylist()], dtype=np.int64)
    values = np.full((days.size, len(symbols)), np.nan)
    if table.num_rows:
        values[row, place[names.indices.to_numpy()]] = table[column].cast(pa.float64()).to_numpy()
    values[~np.isfinite(values)] = np.nan
    sessions = pa.array(days, pa.int32()).cast(pa.date32()).to_pylist()
    return Panel(sessions=tuple(sessions), symbols=tuple(symbols), values=values)


def openings(sessions: tuple[date, ...], cadence: Cadence) -> list[int]:
    """Where a new week, month or quarter begins: the sessions whose predecessor lies in another one.

    The first session of a period can be known on that day; the last one cannot without a look at the next.

    >>> from datetime import date
    >>> openings((date(2024, 1, 30), date(2024, 1, 31), date(2024, 2, 1), date(2024, 2, 2)), "month")
    [2]
    """

    def period(day: date) -> tuple[int, int]:
        match cadence:
            case "week":
                year, week, _ = day.isocalendar()
                return year, week
            case "month":
                return day.year, day.month
            case "quarter":
                return day.year, (day.month - 1) // 3

    return [at for at in range(1, len(sessions)) if period(sessions[at]) != period(sessions[at - 1])]
