"""Partitions in rows and columns: days by months, hours by days, slices by time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Literal

from graph.horizon import Partitions
from graph.key_partitions import Product
from graph.partition_set import Partition, PartitionSet
from graph.time_partitions import Daily, Hourly, Monthly, TimePartitions, Weekly, is_timed

State = Literal["published", "outdated", "skipped", "missing", "failing", "rejected", "failed"]
STATES: tuple[State, ...] = ("published", "outdated", "skipped", "missing", "failing", "rejected", "failed")
"""From the best to the worst; a cell of several partitions shows the worst."""

Unit = Literal["hour", "day", "week", "month", "year"]
_WIDEST = 90
"""So many characters the keys of a dimension may take above their columns."""
MOST_COLUMNS = 60
"""So many partitions of a slice are shown one by one; more are put together by months or years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One place: its worst state, and for people what lies there."""

    state: State
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Rows of cells, None where no partition exists.

    Args:
        marks: what stands above some columns, by their number.
        width: how many characters a column needs, so that its mark stands above it.
    """

    columns: int
    marks: tuple[tuple[int, str], ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]
    width: int = 1


def grid_of(partitions: Partitions, states: Mapping[Partition, State]) -> Grid:
    """The states of some partitions in rows and columns that suit them."""
    if is_timed(partitions):
        return _calendar(partitions, states)
    if isinstance(partitions, Product) and partitions.clock is not None:
        clock = partitions.dimensions[partitions.clock][1]
        if is_timed(clock):
            return _by_slices(clock, states)
    return _by_keys(partitions, states)


# Time alone


def _calendar(partitions: TimePartitions, states: Mapping[Partition, State]) -> Grid:
    begins = {at: _begin(partitions, at) for at in states}
    unit = _unit(partitions, begins.values())
    place = _PLACES[unit]
    found = [(*place(begin), Cell(state=states[at], name=partitions.key(at))) for at, begin in begins.items()]
    first, columns, marks = _COLUMNS[unit]
    grid = _filled(((row, column - first, cell) for row, column, cell in found), columns, marks)
    return replace(grid, width=max(len(mark) for _, mark in marks)) if len(marks) == columns else grid


def _begin(partitions: TimePartitions, at: Partition) -> datetime:
    window = partitions.window(at)
    assert window is not None  # noqa: S101  # they are of time
    return window.start


def _unit(partitions: TimePartitions, begins: Iterable[datetime]) -> Unit:
    """By what the columns of a calendar go on."""
    match partitions:
        case Hourly():
            return "hour"
        case Daily():
            return "day"
        case Weekly():
            return "week"
        case Monthly():
            return "month"
        case _:
            ordered = sorted(begins)
            pairs = pairwise(ordered)
            gaps_h = [(later - one) / timedelta(hours=1) for one, later in pairs]
            usual_h = median(gaps_h) if gaps_h else 24
            longest_h: tuple[tuple[int, Unit], ...] = ((20, "hour"), (6 * 24, "day"), (27 * 24, "week"))
            return next((unit for most, unit in longest_h if usual_h < most), "month")


def _week(begin: datetime) -> tuple[str, int]:
    year, week, _ = begin.isocalendar()
    return f"{year}", week


_PLACES: Mapping[Unit, Callable[[datetime], tuple[str, int]]] = {
    "hour": lambda begin: (f"{begin:%Y-%m-%d}", begin.hour),
    "day": lambda begin: (f"{begin:%Y-%m}", begin.day),
    "week": _week,
    "month": lambda begin: (f"{begin:%Y}", begin.month),
}
"""The row and the column of a moment."""

_COLUMNS: Mapping[Unit, tuple[int, int, tuple[tuple[int, str], ...]]] = {
    "hour": (0, 24, tuple((hour, f"{hour:02}") for hour in range(0, 24, 3))),
    "day": (1, 31, tuple((day - 1, f"{day}") for day in (1, 5, 10, 15, 20, 25, 30))),
    "week": (1, 53, tuple((week - 1, f"{week}") for week in (1, 10, 20, 30, 40, 50))),
    "month": (1, 12, tuple((month - 1, f"{month}") for month in range(1, 13))),
}
"""The first column's number, how many there are, and their marks."""


# Slices by time, and keys


def _by_slices(clock: TimePartitions, states: Mapping[Partition, State]) -> Grid:
    """A row a slice; the columns are partitions, or months or years where those are too many."""
    names = {
        ordinal: clock.key(Partition(ordinal=ordinal)) for ordinal in sorted({at.ordinal for at in states})
    }
    for length in (None, 7, 4):
        columns = list(dict.fromkeys(name[:length] for name in names.values()))
        if len(columns) <= MOST_COLUMNS or length == 4:  # "2024-01" of a key, then "2024"
            break
    number = {name: place for place, name in enumerate(columns)}
    cells = (
        (
            at.slice.replace("|", " "),
            number[names[at.ordinal][:length]],
            Cell(state=state, name=f"{at.slice} {names[at.ordinal][:length]}"),
        )
        for at, state in states.items()
    )
    return _filled(cells, len(columns), _ends(columns))


def _by_keys(partitions: Partitions, states: Mapping[Partition, State]) -> Grid:
    """Keys one below the other; of products, the last dimension goes to the right."""
    split = [(*at.slice.rpartition("|"), state) for at, state in states.items()]
    if not isinstance(partitions, Product):
        return _filled(((at.slice, 0, Cell(state=one, name=at.slice)) for at, one in states.items()), 1, ())
    columns = list(dict.fromkeys(last for _, _, last, _ in split))
    number = {name: place for place, name in enumerate(columns)}
    cells = (
        (head.replace("|", " "), number[last], Cell(state=state, name=f"{head}|{last}"))
        for head, _, last, state in split
    )
    widest = max(map(len, columns))
    if widest * len(columns) > _WIDEST:
        return _filled(cells, len(columns), _ends(columns))
    return replace(_filled(cells, len(columns), tuple(enumerate(columns))), width=widest)


def _ends(columns: Sequence[str]) -> tuple[tuple[int, str], ...]:
    """The first and the last column, and some in between as far as there is room."""
    if not columns:
        return ()
    widest = max(map(len, columns)) + 2
    every = max(1, widest // 2)
    return tuple((place, columns[place]) for place in range(0, len(columns), every))


def _filled(cells: Iterable[tuple[str, int, Cell]], columns: int, marks: tuple[tuple[int, str], ...]) -> Grid:
    rows: dict[str, list[Cell | None]] = {}
    for row, column, cell in cells:
        places = rows.setdefault(row, [None] * columns)
        before = places[column]
        if before is None or STATES.index(cell.state) > STATES.index(before.state):
            places[column] = cell
    return Grid(
        columns=columns, marks=marks, rows=tuple((row, tuple(places)) for row, places in rows.items())
    )


def stretches(partitions: Partitions, states: Mapping[Partition, State]) -> list[tuple[State, str, str, int]]:
    """The partitions in their order, those in one state after each other as (state, first key, last key, number)."""
    found: list[tuple[State, str, str, int]] = []
    last_slice = None
    for at in sorted(states):
        key, state = partitions.key(at), states[at]
        if found and found[-1][0] == state and last_slice == at.slice:
            found[-1] = (state, found[-1][1], key, found[-1][3] + 1)
        else:
            found.append((state, key, key, 1))
        last_slice = at.slice
    return found


def in_state(states: Mapping[Partition, State], state: State) -> PartitionSet:
    """The partitions that are in a state."""
    return PartitionSet.of(at for at, one in states.items() if one == state)
