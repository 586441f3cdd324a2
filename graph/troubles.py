"""What is wrong upstream of an asset: the one answer for the plan, and for the run that asks again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from graph.asset_graph import Asset
from graph.demand import demanded
from graph.effects import LASTING, Trouble, TroubleKind
from graph.freshness_states import freshness_states
from graph.partition_set import EMPTY, Partition, PartitionSet
from graph.reading import Reader
from graph.reasons import Kind
from graph.state import Outcome

_OF_REASON: Mapping[Kind, TroubleKind] = {
    "rejected before": "rejected",
    "skipped before": "skipped",
    "upstream skipped": "skipped",
    "not observed": "failed",
    "waits": "held",
    "in trouble": "held",
}
_OF_OUTCOME: Mapping[Outcome, TroubleKind] = {
    "failed": "failed",
    "rejected": "rejected",
    "skipped": "skipped",
    "interrupted": "failed",
    "cancelled": "failed",
}


class Wrong(NamedTuple):
    """What went wrong with some partitions of an asset in this plan or run."""

    kind: TroubleKind
    partitions: PartitionSet
    why: str


Ended = Mapping[str, Sequence[Wrong]]
"""By key, what is wrong with what this plan or run has dealt with; an asset that it did not is not in it."""


def kind_of(outcome: Outcome, reason: Kind) -> TroubleKind | None:
    """What kind of trouble the end of a step is; None where it is none."""
    return _OF_REASON.get(reason) if outcome == "held" else _OF_OUTCOME.get(outcome)


def troubles_above(
    asset: Asset, partition: Partition, reader: Reader, now: datetime, ended: Ended, in_doubt: Iterable[str]
) -> tuple[Trouble, ...]:
    """All that is wrong upstream of a partition, however far, upstream first.

    Args:
        in_doubt: the effects of which an item is in doubt.
    """
    graph = reader.graph
    above = graph.ancestors([asset.key]) - {asset.key}
    read = demanded({asset.key: PartitionSet.of([partition])}, above | {asset.key}, reader, only=False)
    states = freshness_states(reader, now, above)
    doubtful = frozenset(in_doubt)
    found: list[Trouble] = []
    for key in graph.assets:
        if key not in above:
            continue
        partitions = read.get(key, EMPTY)
        found.extend(_own(graph.assets[key], partitions, reader, ended.get(key)))
        state = states[key]
        if state.state == "overdue" and state.culprit is None:
            found.append(Trouble(key=key, kind="overdue", why=f"as of {state.as_of:%Y-%m-%d %H:%M %Z}"))
        if key in doubtful:
            found.append(Trouble(key=key, kind="in doubt", why=f"see: assets effects list {key}"))
    return tuple(found)


def _own(
    asset: Asset, partitions: PartitionSet, reader: Reader, ended: Sequence[Wrong] | None
) -> Iterable[Trouble]:
    """What is wrong with some partitions of one asset: as this run has found it, or else as the last one left it."""
    by_kind: dict[TroubleKind, str] = {}
    for wrong in ended or ():
        if wrong.partitions & partitions:
            by_kind.setdefault(wrong.kind, wrong.why)
    if ended is None and not asset.is_source:
        versions = reader.versions(asset.key, partitions)
        for partition, attempt in reader.state.attempts(asset.producer, partitions).items():
            kind = _OF_OUTCOME.get(attempt.outcome)
            version = versions.get(partition)
            if kind is not None and (version is None or version.made_at < attempt.ended_at):
                by_kind.setdefault(kind, attempt.reason)
    if asset.checks and "rejected" not in by_kind:
        failing = [one for one in reader.versions(asset.key, partitions).values() if one.failing]
        if failing:
            by_kind["rejected"] = "what is published fails its checks"
    return [Trouble(key=asset.key, kind=kind, why=why) for kind, why in by_kind.items()]


def holding(asset: Asset, troubles: Iterable[Trouble]) -> tuple[Trouble, ...]:
    """Of what is wrong upstream, what holds an effect."""
    return tuple(one for one in troubles if one.kind in LASTING and one.kind not in asset.accepts)


def accepted(asset: Asset, troubles: Iterable[Trouble]) -> tuple[Trouble, ...]:
    """Of what is wrong upstream, what an asset is told of."""
    return tuple(one for one in troubles if one.kind in asset.accepts)


def goes_without(asset: Asset, key: str, troubles: Iterable[Trouble]) -> bool:
    """Whether an asset takes what there is of an upstream that it reads, because it accepts what is wrong with it."""
    return any(one.key == key for one in accepted(asset, troubles))
