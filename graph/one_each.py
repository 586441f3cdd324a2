"""Whether an upstream is read partition by partition, so that a function gets a value as it is, or several as one."""

from __future__ import annotations

from graph.dimension_mapping import Along, Dimensions
from graph.mappings import All, Identity, Last, Overlap, PartitionMapping, Specific
from graph.partitions import Daily, Hourly, Monthly, Partitions, Product, Weekly, is_timed

_FINER = ((Hourly, Daily), (Hourly, Weekly), (Hourly, Monthly), (Daily, Weekly), (Daily, Monthly))
"""Each window of the first kind lies in one of the second."""


def reads_one(mapping: PartitionMapping, down: Partitions | None, up: Partitions | None) -> bool:
    """Whether every partition reads at most one of an upstream, whatever exists.

    >>> reads_one(Overlap(), Hourly(start="2024-01-01"), Daily(start="2024-01-01"))
    True
    >>> reads_one(Overlap(start_offset=-1), Daily(start="2024-01-01"), Daily(start="2024-01-01"))
    False
    """
    if up is None:
        return True
    match mapping:
        case Identity() | Last():
            return True
        case Specific(keys=keys):
            return len(keys) == 1
        case Overlap(start_offset=0, end_offset=0):
            return _same_windows(down, up)
        case Overlap(start_offset=start, end_offset=end):
            return start == end and down == up
        case Dimensions(by_name=by_name):
            return _by_dimensions(dict(by_name), down, up)
        case _:
            return False


def _same_windows(down: Partitions | None, up: Partitions | None) -> bool:
    if not is_timed(down) or not is_timed(up) or down.timezone != up.timezone:
        return False
    offsets = {getattr(each, name, 0) for each in (down, up) for name in ("minute_offset", "hour_offset")}
    finer = any(isinstance(down, fine) and isinstance(up, coarse) for fine, coarse in _FINER)
    return down.ticks == up.ticks or (finer and offsets <= {0})


def _by_dimensions(
    by_name: dict[str, PartitionMapping | Along], down: Partitions | None, up: Partitions | None
) -> bool:
    """Every dimension of upstream is named, and read one by one."""
    ups, downs = _dimensions(up), _dimensions(down)
    read = {}
    for name, each in by_name.items():
        inner, other = (each.mapping, each.dimension) if isinstance(each, Along) else (each, name)
        there = ups.get(other) if isinstance(up, Product) else up
        here = downs.get(name) if isinstance(down, Product) else down
        read[other if isinstance(up, Product) else ""] = reads_one(inner, here, there)
    return all(read.get(name, False) for name in ups)


def _dimensions(partitions: Partitions | None) -> dict[str, Partitions]:
    return dict(partitions.dimensions) if partitions is not None else {}


def takes_what_is_there(mapping: PartitionMapping) -> bool:
    """Whether a partition is made from what is published of all that it reads; otherwise it waits for the rest."""
    return isinstance(mapping, All | Last)
