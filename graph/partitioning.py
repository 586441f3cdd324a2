"""Which partitions of assets there are at a time, and who reads which: what automation asks of definitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from graph.asset_graph import Upstream
from graph.partition_set import EMPTY, ONLY, Partition, PartitionSet
from graph.partition_text import described
from graph.partitions import Horizon, Partitions
from graph.reading import Reader


@dataclass(slots=True, kw_only=True)
class GraphPartitioning:
    """See `graph.facts.Partitioning`.

    Args:
        reader: answers as of now.
        horizon_at: what decided which partitions existed at another time.
    """

    reader: Reader
    horizon_at: Callable[[datetime], Horizon]
    _horizons: dict[datetime, Horizon] = field(default_factory=dict)
    _latest: dict[tuple[Partitions, datetime, timedelta | None], PartitionSet] = field(default_factory=dict)

    def existing(self, key: str, at: datetime) -> PartitionSet:
        """See `graph.facts.Partitioning`."""
        partitions = self.reader.graph.assets[key].partitions
        return ONLY if partitions is None else self._horizon(at).existing(partitions)

    def _horizon(self, at: datetime) -> Horizon:
        if at == self.reader.horizon.now:
            return self.reader.horizon
        if at not in self._horizons:
            self._horizons[at] = self.horizon_at(at)
        return self._horizons[at]

    def latest(self, key: str, at: datetime, lookback: timedelta | None) -> PartitionSet:
        """See `graph.facts.Partitioning`."""
        partitions = self.reader.graph.assets[key].partitions
        if partitions is None:
            return ONLY
        place = partitions, at, lookback
        if place not in self._latest:
            self._latest[place] = _latest(partitions, self._horizon(at).existing(partitions), lookback)
        return self._latest[place]

    def upstream(self, of: PartitionSet, down: str, up: str) -> PartitionSet:
        """See `graph.facts.Partitioning`."""
        if not of:
            return EMPTY
        asset = self.reader.graph.assets[down]
        return PartitionSet.union(self.reader.above(asset, given, of).read for given in self._edges(down, up))

    def downstream(self, of: PartitionSet, down: str, up: str) -> PartitionSet:
        """See `graph.facts.Partitioning`."""
        if not of:
            return EMPTY
        asset = self.reader.graph.assets[down]
        return PartitionSet.union(self.reader.below(asset, given, of) for given in self._edges(down, up))

    def _edges(self, down: str, up: str) -> list[Upstream]:
        asset = self.reader.graph.assets[down]
        return [given for given in (*asset.edges, *asset.order) if given.key == up]

    def names(self, key: str, partitions: PartitionSet) -> str:
        """See `graph.facts.Partitioning`."""
        declared = self.reader.graph.assets[key].partitions
        if declared is None or not partitions:
            return ""
        return described(partitions, declared, self.reader.existing(key))


def _latest(partitions: Partitions, existing: PartitionSet, lookback: timedelta | None) -> PartitionSet:
    """The partitions of the newest window, or of those that began at most ``lookback`` before its end."""
    ends = [(spans[-1][1], name) for name, spans in existing.spans.items()]
    if not ends:
        return EMPTY
    last, name = max(ends)
    window = partitions.window(Partition(name, last))
    if window is None:
        return existing
    first = last
    if lookback is not None:
        since = window.end - lookback
        for _, low, high in reversed(list(PartitionSet({name: existing.spans[name]}).ranges())):
            for ordinal in range(high, low - 1, -1):
                earlier = partitions.window(Partition(name, ordinal))
                if earlier is None or earlier.start < since:
                    break
                first = ordinal
            else:
                continue
            break
    return existing & PartitionSet.ranged((each, first, last) for each in existing.spans)
