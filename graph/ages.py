"""How old data are: a version's ``as_of`` follows from what it was made of."""

from __future__ import annotations

from datetime import datetime

from graph.asset_graph import Asset, Upstream
from graph.partition_set import Partition, PartitionSet
from graph.reading import Reader
from graph.state import Version


def inherited_as_of(asset: Asset, partition: Partition, reader: Reader) -> tuple[datetime | None, bool]:
    """The oldest ``as_of`` of what a deterministic asset reads, and whether nothing newer will ever come.

    An upstream that has a freshness policy of its own answers for its age itself and does not count. Without any
    dated upstream the data are timeless: None. Of an upstream that is read in several partitions, its watermark
    counts.
    """
    read = [
        version
        for given in asset.edges
        if given.key != asset.key and (version := _read(asset, given, partition, reader)) is not None
    ]
    dated = [
        version.as_of
        for version in read
        if reader.graph.assets[version.key].freshness is None and version.as_of
    ]
    return min(dated, default=None), bool(read) and all(version.ends for version in read)


def _read(asset: Asset, given: Upstream, partition: Partition, reader: Reader) -> Version | None:
    """The version of one upstream whose age counts."""
    read = reader.above(asset, given, PartitionSet.of([partition])).read
    found = watermark(read, reader.among(given.key, read))
    return None if found is None else reader.version(given.key, found)


def watermark(existing: PartitionSet, published: PartitionSet) -> Partition | None:
    """The partition as of which a set is whole: the newest up to which nothing is missing, the oldest over all slices.

    None when the first partition of a slice is missing.

    >>> watermark(PartitionSet.span(1, 9), PartitionSet.span(1, 4) | PartitionSet.span(6, 9))
    Partition(slice='', ordinal=4)
    """
    found: list[Partition] = []
    missing = existing - published
    for name, spans in existing.spans.items():
        last = spans[-1][1]
        if name in missing.spans:
            before = [span for span in spans if span[0] < missing.spans[name][0][0]]
            if not before:
                return None
            last = min(before[-1][1], missing.spans[name][0][0] - 1)
        found.append(Partition(name, last))
    return min(found, key=lambda partition: partition.ordinal, default=None)
