"""How old data are: a version's ``as_of`` follows from what it was made of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from graph.asset_graph import Asset, AssetGraph
from graph.reading import Published, source_ordinal, visible
from graph.state import Version


def inherited_as_of(
    asset: Asset, ordinal: int, graph: AssetGraph, published: Published
) -> tuple[datetime | None, bool]:
    """The oldest ``as_of`` of what a deterministic asset reads, and whether nothing newer will ever come.

    An upstream that has a freshness policy of its own answers for its age itself and does not count. Without any
    dated upstream the data are timeless: None. Of a partitioned upstream that is read whole, the newest partition
    counts.
    """
    read: list[Version] = []
    seen = visible(graph, published)
    for key in asset.upstream:
        above = graph.assets[key]
        versions = seen(key)
        if versions and above.partitions is not None and asset.partitions is None:
            read.append(versions[max(versions)])
        elif version := versions.get(source_ordinal(asset, above, ordinal)):
            read.append(version)
    dated = [version.as_of for version in _without_policy(read, graph) if version.as_of is not None]
    return min(dated, default=None), bool(read) and all(version.ends for version in read)


def _without_policy(read: Iterable[Version], graph: AssetGraph) -> Iterable[Version]:
    return (version for version in read if graph.assets[version.key].freshness is None)
