"""Splitting what one call made for several partitions into the value of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from graph import Asset, Window
from graph.asset_graph import key_of
from graph.partition_set import Partition, PartitionSet
from materializers.call import NotDone

if TYPE_CHECKING:
    import pyarrow as pa


def split(value: object, asset: Asset, partitions: PartitionSet) -> Mapping[Partition, object]:
    """The value of each partition; without ``batch=``, the value is that of the only one.

    Raises:
        NotDone: a partition has no value, or a row lies in none of them.
    """
    if asset.batch is None:
        (partition,) = partitions
        return {partition: value}
    if asset.batch.by is None:
        return _by_keys(value, asset, partitions)
    return _by_column(value, asset.batch.by, asset, partitions)


def _by_keys(value: object, asset: Asset, partitions: PartitionSet) -> Mapping[Partition, object]:
    keys = {key_of(asset, partition): partition for partition in partitions}
    if not isinstance(value, Mapping) or set(value) != set(keys):
        got = f"{sorted(map(str, value))[:5]}" if isinstance(value, Mapping) else type(value).__name__
        raise NotDone(
            f"a batch must return a mapping with a value for each of its {len(keys)} partitions"
            f" ({', '.join(map(str, list(keys)[:3]))}, ...), and gave {got}; or say which column of a table has the"
            " time: batch=Batch(by=...)"
        )
    return {partition: value[key] for key, partition in keys.items()}


def _by_column(
    value: object, column: str, asset: Asset, partitions: PartitionSet
) -> Mapping[Partition, object]:
    """The rows of a table in the windows that their time lies in, in the table's order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from materializers.table_format import arrow_of

    made = arrow_of(value)
    if made is None:
        raise NotDone(
            f"its batch is split by the column '{column}', and it gave no table, but {type(value).__name__}"
        )
    table = made if isinstance(made, pa.Table) else made.read_all()
    if column not in table.column_names:
        raise NotDone(f"its batch is split by the column '{column}', and the table has {table.column_names}")
    times = table[column]
    found: dict[Partition, object] = {}
    rows = 0
    for partition in partitions:
        window = asset.partitions.window(partition) if asset.partitions else None
        if window is None:
            raise NotDone("its partitions have no time by which a batch could be split")
        if _told_twice(window) and not getattr(times.type, "tz", None):
            raise NotDone(
                f"'{column}' has no time zone, and the clocks show the times of {key_of(asset, partition)} twice;"
                " give times with a time zone"
            )
        start, end = (_bound(at, times.type) for at in (window.start, window.end))
        inside = pc.and_(pc.greater_equal(times, start), pc.less(times, end))
        mine = table.filter(inside)
        rows += mine.num_rows
        found[partition] = mine
    if rows != table.num_rows:
        raise NotDone(
            f"{table.num_rows - rows:,} of its {table.num_rows:,} rows have a '{column}' in none of the"
            f" {len(found):,} partitions that were asked for"
        )
    return found


def _told_twice(window: Window) -> bool:
    """Whether local times do not tell a window from its neighbour: the clocks are put back in it, or at its end."""
    return window.end.replace(tzinfo=None) <= window.start.replace(tzinfo=None)


def _bound(at: datetime, kind: pa.DataType) -> Any:
    """The edge of a window as a value of a column's type: dates and naive times are local to the window."""
    import pyarrow as pa

    if pa.types.is_date(kind):
        return pa.scalar(at.date(), kind)
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            return pa.scalar(at.replace(tzinfo=None), kind)
        return pa.scalar(at.astimezone(UTC), pa.timestamp("us", "UTC")).cast(kind)
    raise NotDone(f"its batch is split by a column of type {kind}, which is neither a date nor a timestamp")
