"""Which versions an asset's partitions read: one answer for the plan, for the step and for the loading of values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from graph.asset_graph import Asset, AssetGraph, Upstream
from graph.effects import Trouble
from graph.errors import AssetGraphError
from graph.fingerprint import digest, set_digest
from graph.mappings import Mapped, PartitionMapping
from graph.one_each import reads_one
from graph.partition_set import EMPTY, ONLY, WHOLE, Partition, PartitionSet
from graph.partitions import BadPartition, Horizon, Partitions
from graph.state import State, Version

PROVENANCE = "(provenance)"
"""The name under which everything upstream counts as an input; no parameter can bear it."""
TROUBLES = "(troubles)"
"""The name under which what is wrong upstream counts as an input of who is told of it."""
_FEW_SLICES = 16
"""Of so many named slices it is asked what is published of them; of more, what is published of the asset."""

_Kind = tuple[Partitions | None, Partitions | None, PartitionMapping]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one partition of an asset reads.

    Args:
        inputs: by parameter, the data version or set digest; without those that are missing.
        missing: upstream keys that have nothing to read.
        gaps: by upstream key, what it would read as well, and of which nothing is published.
        absent: by upstream key, what it would need and what does not exist.
    """

    inputs: Mapping[str, str]
    missing: tuple[str, ...] = ()
    gaps: Mapping[str, PartitionSet] = field(default_factory=dict)
    absent: Mapping[str, PartitionSet] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Reader:
    """Answers what partitions read, as a state shows it at a horizon. Versions are fetched in bulk, and kept.

    Args:
        state: a view of one moment.
        horizon: what decides which partitions exist.
    """

    graph: AssetGraph
    state: State
    horizon: Horizon
    _visible: dict[str, PartitionSet] = field(default_factory=dict)
    _versions: dict[str, dict[Partition, Version]] = field(default_factory=dict)
    _fetched: dict[str, PartitionSet] = field(default_factory=dict)
    _existing: dict[str, PartitionSet] = field(default_factory=dict)
    _kinds: dict[_Kind, int] = field(default_factory=dict)
    _kind_of: dict[int, int] = field(default_factory=dict)
    _above: dict[tuple[int, PartitionSet], Mapped] = field(default_factory=dict)
    _below: dict[tuple[int, PartitionSet], PartitionSet] = field(default_factory=dict)

    def existing(self, key: str) -> PartitionSet:
        """The partitions of an asset that exist."""
        found = self._existing.get(key)
        if found is None:
            try:
                found = self._existing[key] = self.horizon.existing(self.graph.assets[key].partitions)
            except AssetGraphError as error:
                raise BadPartition(key, f"the partitions of asset '{key}' cannot be told: {error}") from error
        return found

    def visible(self, key: str) -> PartitionSet:
        """The published partitions among those that exist: others are history, and nobody reads them."""
        if key not in self._visible:
            self._visible[key] = self.state.summary(key).partitions & self.existing(key)
        return self._visible[key]

    def among(self, key: str, partitions: PartitionSet) -> PartitionSet:
        """Those of some partitions that are published and exist. Of a few slices, only these are looked up."""
        if key not in self._visible and len(partitions.spans) <= _FEW_SLICES and "" not in partitions.spans:
            return self.state.shown(key, partitions) & self.existing(key)
        return partitions & self.visible(key)

    def versions(self, key: str, partitions: PartitionSet) -> Mapping[Partition, Version]:
        """The visible versions of some partitions; those that are not published are left out."""
        wanted = self.among(key, partitions)
        known = self._versions.setdefault(key, {})
        new = wanted - self._fetched.get(key, EMPTY)
        if new:
            known.update(self.state.published(key, new))
            self._fetched[key] = self._fetched.get(key, EMPTY) | new
        return {partition: known[partition] for partition in wanted if partition in known}

    def version(self, key: str, partition: Partition) -> Version | None:
        """The visible version of one partition."""
        found = self._versions.get(key, {}).get(partition)
        if found is None and key in self._visible and partition not in self._visible[key]:
            return None
        return found or self.versions(key, PartitionSet.of([partition])).get(partition)

    def replace(self, version: Version) -> None:
        """From now on, answer this version of its partition."""
        self._versions.setdefault(version.key, {})[version.partition] = version

    # Along the edges

    def above(self, asset: Asset, given: Upstream, partitions: PartitionSet) -> Mapped:
        """The partitions of an upstream that some partitions of an asset read."""
        above = self.graph.assets[given.key]
        if asset.partitions is None and above.partitions is None:
            return Mapped(read=ONLY, absent=EMPTY)
        place = self._kind(asset, given, above), partitions
        found = self._above.get(place)
        if found is None:
            found = self._above[place] = given.mapping.upstream(
                partitions, asset.partitions, above.partitions, self.horizon
            )
        return found

    def _kind(self, asset: Asset, given: Upstream, above: Asset) -> int:
        """A number for what an edge maps and how. Most edges are of a few kinds, which have the same answers."""
        number = self._kind_of.get(id(given))
        if number is None:
            kind = asset.partitions, above.partitions, given.mapping
            number = self._kind_of[id(given)] = self._kinds.setdefault(kind, len(self._kinds))
        return number

    def below(self, asset: Asset, given: Upstream, partitions: PartitionSet) -> PartitionSet:
        """The partitions of an asset that read some of an upstream's."""
        above = self.graph.assets[given.key]
        if not partitions or (asset.partitions is None and above.partitions is None):
            return partitions
        place = self._kind(asset, given, above), partitions
        found = self._below.get(place)
        if found is None:
            found = self._below[place] = given.mapping.downstream(
                partitions, asset.partitions, above.partitions, self.horizon
            )
        return found

    def one_each(self, asset: Asset, given: Upstream) -> bool:
        """Whether every partition of an asset reads one partition of an upstream, so that it gets its very value."""
        return reads_one(given.mapping, asset.partitions, self.graph.assets[given.key].partitions)

    def fetch(self, asset: Asset, partitions: PartitionSet) -> None:
        """Get all that `reading` will need for some partitions at once."""
        self.versions(asset.key, partitions)
        for given in asset.edges:
            read = self.above(asset, given, partitions).read
            if asset.partitions is not None or self.one_each(asset, given):
                self.versions(given.key, read)

    def reading(self, asset: Asset, partition: Partition, troubles: Iterable[Trouble] = ()) -> Reading:
        """What one partition reads, as things stand.

        Args:
            troubles: what is wrong upstream, for who is told of it.
        """
        inputs: dict[str, str] = {}
        missing: list[str] = []
        gaps: dict[str, PartitionSet] = {}
        absent: dict[str, PartitionSet] = {}
        for given in asset.edges:
            mapped = self.above(asset, given, PartitionSet.of([partition]))
            found = self.among(given.key, mapped.read)
            if mapped.absent:
                absent[given.key] = mapped.absent
            if found:
                inputs[given.parameter] = self._input(asset, given, found)
            elif mapped.read or not _may_read_nothing(asset, given):
                missing.append(given.key)
            else:
                inputs[given.parameter] = set_digest([])
            if found and (gap := mapped.read - found):
                gaps[given.key] = gap
        if asset.reads_provenance:
            inputs[PROVENANCE] = self._provenance(asset)
        if asset.told_of_troubles:
            inputs[TROUBLES] = digest(*sorted(f"{one.key}: {one.kind}" for one in troubles))
        return Reading(inputs=inputs, missing=tuple(dict.fromkeys(missing)), gaps=gaps, absent=absent)

    def _input(self, asset: Asset, given: Upstream, found: PartitionSet) -> str:
        """What stands in the fingerprint for what is read of one upstream."""
        if self.one_each(asset, given):
            (version,) = self.versions(given.key, found).values()
            return version.data_version
        if given.key in self._visible and found == self.state.summary(given.key).partitions:
            return self.state.summary(given.key).digest
        if found <= self._fetched.get(given.key, EMPTY):
            versions = self.versions(given.key, found)
            return set_digest((partition, version.data_version) for partition, version in versions.items())
        return self.state.digest(given.key, found)

    def _provenance(self, asset: Asset) -> str:
        above = self.graph.ancestors([asset.key]) - {asset.key}
        return digest(
            *(
                f"{key}@{partition.slice}:{partition.ordinal}:{version.data_version}:{version.verdicts}"
                for key in sorted(above)
                for partition, version in sorted(self.versions(key, self.visible(key)).items())
            )
        )


def _may_read_nothing(asset: Asset, given: Upstream) -> bool:
    """Whether there may be nothing to read without anything being wrong: the first partition has none before it."""
    return given.key == asset.key


def inputs_of(asset: Asset, keys: Iterable[str]) -> list[str]:
    """The upstream keys behind some names of inputs."""
    named = {given.parameter: given.key for given in asset.edges}
    return [named.get(name, name) for name in keys]


__all__ = ["PROVENANCE", "TROUBLES", "WHOLE", "Reader", "Reading", "inputs_of"]
