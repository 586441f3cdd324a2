"""Which versions an asset's partition reads: one answer for the plan, for the step and for the loading of values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from graph.asset_graph import Asset, AssetGraph, Upstream
from graph.fingerprint import digest, set_digest
from graph.partitions import UNPARTITIONED
from graph.state import Version

Published = Callable[[str], Mapping[int, Version]]
"""Answers the visible version of each partition of an asset."""


def visible(graph: AssetGraph, published: Published) -> Published:
    """What is published of the partitions that the graph still declares: others are history, and nobody reads them."""

    def of(key: str) -> Mapping[int, Version]:
        versions, partitions = published(key), graph.assets[key].partitions
        if partitions is None:
            return {UNPARTITIONED: versions[UNPARTITIONED]} if UNPARTITIONED in versions else {}
        return {ordinal: version for ordinal, version in versions.items() if partitions.spans(ordinal)}

    return of


PROVENANCE = "(provenance)"
"""The name under which everything upstream counts as an input; no parameter can bear it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one partition of an asset reads.

    Args:
        inputs: by parameter, the data version or set digest; without those that are missing.
        missing: upstream keys that have nothing to read.
    """

    inputs: Mapping[str, str]
    missing: tuple[str, ...]


def reading(asset: Asset, ordinal: int, graph: AssetGraph, published: Published) -> Reading:
    """What ``asset`` reads for the partition ``ordinal``, as things stand."""
    published = visible(graph, published)
    inputs: dict[str, str] = {}
    missing: list[str] = []
    for given in asset.inputs:
        if not isinstance(given, Upstream):
            continue
        versions = published(given.key)
        whole = graph.assets[given.key].partitions is not None and asset.partitions is None
        if whole and versions:
            inputs[given.parameter] = set_digest(
                (at, version.data_version) for at, version in versions.items()
            )
        elif not whole and (version := versions.get(source_ordinal(asset, graph.assets[given.key], ordinal))):
            inputs[given.parameter] = version.data_version
        else:
            missing.append(given.key)
    if asset.reads_provenance:
        inputs[PROVENANCE] = _provenance(asset, graph, published)
    return Reading(inputs=inputs, missing=tuple(missing))


def source_ordinal(asset: Asset, upstream: Asset, ordinal: int) -> int:
    """The upstream partition that a partition reads: the same day, or the only one there is."""
    return ordinal if upstream.partitions is not None and asset.partitions is not None else UNPARTITIONED


def _provenance(asset: Asset, graph: AssetGraph, published: Published) -> str:
    above = graph.ancestors([asset.key]) - {asset.key}
    return digest(
        *(
            f"{key}@{at}:{version.data_version}:{version.verdicts}"
            for key in sorted(above)
            for at, version in sorted(published(key).items())
        )
    )
