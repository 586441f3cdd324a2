"""What the clock makes due: the sources and volatile assets whose age makes something older than it promises."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from graph.asset_graph import Asset, AssetGraph
from graph.catch_up import catch_up_all, caught_up, newest
from graph.freshness import Freshness as Policy
from graph.freshness_states import Freshness, StateName, age_of
from graph.partition_set import PartitionSet
from graph.reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """A source or volatile asset that has to be looked at again.

    Args:
        needed_by: by key, the assets whose promise its age breaks, or soon will, with their states.
    """

    partitions: PartitionSet
    needed_by: Mapping[str, StateName]

    def __str__(self) -> str:
        first, *others = self.needed_by
        more = f", and {len(others)} more" if others else ""
        return f"{first} is {self.needed_by[first]}{more}"


def what_to_refresh(
    graph: AssetGraph,
    states: Mapping[str, Freshness],
    reader: Reader,
    now: datetime,
    keys: Collection[str],
) -> Mapping[str, Refresh]:
    """By key, what is to be looked at again, of some assets.

    From when data should be renewed (`Freshness.due_at`), so that a promise can be kept and is not first broken. What
    is deterministic gets no newer by being made again: it is never among these.
    """
    found: dict[str, dict[str, StateName]] = {}
    for key, own in states.items():
        policy = graph.assets[key].freshness
        if policy is None or own.due_at is None or own.due_at > now:
            continue
        for up in _to_blame(graph.assets[key], policy, graph, reader, now):
            if up in keys:
                for sibling in graph.siblings(up):
                    found.setdefault(sibling, {})[key] = own.state
    return {
        key: Refresh(partitions=_to_make(graph.assets[key], reader), needed_by=found[key])
        for key in graph.assets
        if key in found
    }


def _to_blame(
    asset: Asset, policy: Policy, graph: AssetGraph, reader: Reader, now: datetime
) -> Iterator[str]:
    """The sources and volatile assets, it or upstream of it, whose own age is what makes it due.

    An upstream with a promise of its own answers for its age itself.
    """
    seen: set[str] = set()
    waiting = [asset.key]
    while waiting:
        key = waiting.pop()
        one = graph.assets[key]
        if key in seen or (key != asset.key and one.freshness is not None):
            continue
        seen.add(key)
        if one.cadence is not None:  # a loop of its own keeps it fresh, or nothing does
            continue
        if one.is_source or one.volatile:
            _, as_of, ends = age_of(one, reader)
            if as_of is not None and not ends and policy.due_at(as_of) <= now:
                yield key
        else:
            waiting.extend(one.upstream)


def _to_make(asset: Asset, reader: Reader) -> PartitionSet:
    """The partitions that are missing, or the newest ones where none is: those before do not change with time."""
    existing, visible = reader.existing(asset.key), reader.visible(asset.key)
    latest = newest(existing, 1)
    missing = caught_up(
        existing - visible,
        asset.catch_up or catch_up_all(),
        visible=visible,
        latest=latest,
        existing=existing,
    ).taken
    return missing or latest
