"""What is wanted: the partitions that somebody asks for, and what those read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graph.asset_graph import Asset
from graph.catch_up import caught_up, newest
from graph.partition_set import EMPTY, PartitionSet
from graph.reading import Reader
from graph.steps import LeftOut


def asked_for(
    targets: Sequence[str], chosen: Mapping[str, PartitionSet], reader: Reader
) -> tuple[Mapping[str, PartitionSet], tuple[LeftOut, ...]]:
    """By key, the partitions of targets that are wanted, and what their catch-up policies leave out.

    What was chosen by hand is wanted whatever a policy says.
    """
    asked: dict[str, PartitionSet] = {}
    left_out: list[LeftOut] = []
    for key in targets:
        existing, policy = reader.existing(key), reader.graph.assets[key].catch_up
        if key in chosen:
            asked[key] = chosen[key] & existing
            continue
        asked[key] = existing
        if policy is not None:
            latest = newest(existing, 1)
            caught = caught_up(
                existing, policy, visible=reader.visible(key), latest=latest, existing=existing
            )
            asked[key] = caught.taken
            if caught.left_out:
                left_out.append(LeftOut(key=key, partitions=caught.left_out, text=str(policy)))
    return asked, tuple(left_out)


def demanded(
    asked: Mapping[str, PartitionSet], scope: frozenset[str], reader: Reader, *, only: bool
) -> Mapping[str, PartitionSet]:
    """By key, for every asset in scope, the partitions that have to be up to date: what is asked for and what it reads.

    What one function makes together is wanted together; what reads its own earlier partitions wants those too.

    Args:
        only: nothing is wanted of upstream.
    """
    graph = reader.graph
    wanted = dict(asked)
    for key in reversed(list(graph.assets)):
        if key not in scope:
            continue
        asset = graph.assets[key]
        siblings = graph.siblings(key)
        mine = PartitionSet.union(wanted.get(sibling, EMPTY) for sibling in siblings)
        if not only and asset.depends_on_itself:
            mine = _with_own(asset, mine, reader)
        wanted.update(dict.fromkeys(siblings, mine))
        for given in () if only else (*asset.edges, *asset.order):
            if given.key != key:
                read = reader.above(asset, given, mine).read
                wanted[given.key] = wanted.get(given.key, EMPTY) | read
    return wanted


def _with_own(asset: Asset, wanted: PartitionSet, reader: Reader) -> PartitionSet:
    """Some partitions of an asset that reads itself, with those of its own that they read, and so on."""
    own = [given for given in asset.edges if given.key == asset.key]

    def read(partitions: PartitionSet) -> PartitionSet:
        return PartitionSet.union(
            given.mapping.upstream(partitions, asset.partitions, asset.partitions, reader.horizon).read
            for given in own
        )

    before = _up_to(wanted, reader.existing(asset.key))
    if before - wanted <= read(before | wanted):  # each is read by a later one, and the latest are wanted
        return wanted | before
    edge = wanted
    while edge:
        edge = read(edge) - wanted
        wanted |= edge
    return wanted


def _up_to(wanted: PartitionSet, existing: PartitionSet) -> PartitionSet:
    """All that exists in each slice before the last that is wanted of it."""
    lasts = {name: spans[-1][1] for name, spans in wanted.spans.items()}
    return existing & PartitionSet.ranged(
        (name, existing.spans[name][0][0], last) for name, last in lasts.items() if name in existing.spans
    )
