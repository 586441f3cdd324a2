"""How fresh an asset's visible data are: against its own promise, and with what its upstream promises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from graph.ages import watermark
from graph.asset_graph import Asset
from graph.catch_up import caught_up, newest
from graph.partition_set import Partition, PartitionSet
from graph.reading import Reader
from graph.settling import is_final_skip
from graph.state import Version

StateName = Literal["fresh", "due soon", "overdue", "unknown", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """One asset's state: ``unknown`` without a visible version, ``none`` without a promise.

    Args:
        as_of: the data's own time; of a partitioned asset, that of its watermark. None for timeless data.
        due_at: from when on they should be renewed.
        overdue_at: from when on the promise is broken.
        ends: nothing newer will ever come.
        culprit: an upstream that breaks its own promise, which makes this one overdue too.
        watermark: the newest partition up to which nothing is missing.
    """

    state: StateName
    as_of: datetime | None = None
    due_at: datetime | None = None
    overdue_at: datetime | None = None
    ends: bool = False
    culprit: str | None = None
    watermark: Partition | None = None

    def slack(self, now: datetime) -> timedelta | None:
        """How long the promise still holds, negative when it is broken; None where time does not matter."""
        return None if self.overdue_at is None else self.overdue_at - now


_SILENT = Freshness(state="none")


def freshness_states(
    reader: Reader, now: datetime, keys: Iterable[str] | None = None, *, promises_only: bool = False
) -> Mapping[str, Freshness]:
    """The state of every asset, or of ``keys`` with all upstream.

    What is overdue above makes what promises something below it overdue.

    Args:
        promises_only: nobody asks how old what promises nothing is.
    """
    found: dict[str, Freshness] = {}
    culprits: dict[str, str] = {}
    graph = reader.graph
    scope = graph.assets.keys() if keys is None else graph.ancestors(keys)
    for key, asset in graph.assets.items():
        if key not in scope:
            continue
        silent = promises_only and asset.freshness is None
        own = _SILENT if silent else _own(asset, reader, now)
        above = next((culprits[up] for up in graph.upstream_of[key] if up in culprits), None)
        if above is not None and own.state in ("fresh", "due soon") and not own.ends:
            own = replace(own, state="overdue", culprit=above)
        found[key] = own
        if own.state == "overdue":
            culprits[key] = own.culprit or key
        elif above is not None and own.state == "none":
            culprits[key] = above
    return found


def _own(asset: Asset, reader: Reader, now: datetime) -> Freshness:
    """An asset's state by its own promise alone."""
    policy = asset.freshness
    whole_to, as_of, ends = age_of(asset, reader)
    if policy is None:
        return Freshness(state="none", as_of=as_of, watermark=whole_to)
    if whole_to is None:
        return Freshness(state="unknown")
    if ends or as_of is None:
        return Freshness(state="fresh", as_of=as_of, ends=ends, watermark=whole_to)
    due_at, overdue_at = policy.due_at(as_of), policy.overdue_at(as_of)
    state: StateName = "overdue" if overdue_at <= now else "due soon" if due_at <= now else "fresh"
    return Freshness(state=state, as_of=as_of, due_at=due_at, overdue_at=overdue_at, watermark=whole_to)


def age_of(asset: Asset, reader: Reader) -> tuple[Partition | None, datetime | None, bool]:
    """The watermark of an asset, the time of its data, and whether nothing newer will come.

    The data of a partition of time are never newer than the end of its window.
    """
    whole_to = watermark(reader.existing(asset.key), _there_or_filled(asset, reader))
    version = None if whole_to is None else _nearest(asset, whole_to, reader)
    if whole_to is None or version is None:
        return None, None, False
    as_of = version.as_of
    window = asset.partitions.window(whole_to) if asset.partitions is not None else None
    if window is not None:
        as_of = min(as_of, window.end) if as_of is not None else window.end
    return whole_to, as_of, version.ends


def _there_or_filled(asset: Asset, reader: Reader) -> PartitionSet:
    """The partitions that are published, those that a final skip fills, and those that nobody wants any more."""
    existing, there = reader.existing(asset.key), reader.visible(asset.key)
    missing = existing - there
    if not missing or not there:
        return there
    if asset.catch_up is not None:
        latest = newest(existing, 1)
        there |= caught_up(missing, asset.catch_up, visible=there, latest=latest, existing=existing).left_out
        missing = existing - there
    filled = (
        partition
        for partition, attempt in reader.state.attempts(asset.producer, missing).items()
        if is_final_skip(attempt)
    )
    return there | PartitionSet.of(filled)


def _nearest(asset: Asset, whole_to: Partition, reader: Reader) -> Version | None:
    """The version of the watermark, or of the last partition before it that has one."""
    before = reader.visible(asset.key) & PartitionSet.span(-(1 << 62), whole_to.ordinal, whole_to.slice)
    spans = before.spans.get(whole_to.slice)
    return reader.version(asset.key, Partition(whole_to.slice, spans[-1][1])) if spans else None
