"""What a run notes at its end: that what was kept was found current, and which partitions are settled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from graph import Asset
from graph.ages import inherited_as_of
from graph.known import checks_digest
from graph.partition_set import EMPTY, Partition, PartitionSet
from graph.reading import Reader
from graph.settling import standing
from graph.state import Settlement
from graph.steps import Keep, Plan
from materializers.ledger import LedgerState, Seen
from materializers.result import Result, RunScope
from materializers.workspace import Workspace

MANY_SLICES = 256
"""The newest partitions of more slices are looked at only where their age may have changed."""


def conclude(plan: Plan, results: Iterable[Result], workspace: Workspace, scope: RunScope) -> None:
    """Note what the next plan need not look at again. Nothing is made visible here."""
    found = list(results)
    keys = {step.key for step in plan.steps}
    if not keys:
        return
    kept = [result for result in found if isinstance(result.step, Keep)]
    with workspace.ledger.state(plan.environment) as state:
        seen = _found_current(
            kept, workspace, Reader(graph=workspace.graph, state=state, horizon=scope.horizon)
        )
        settlements = _settlements(plan, found, workspace, scope, state)
    workspace.ledger.verify(plan.environment, seen, scope.run_id)
    if settlements:
        workspace.ledger.settle(plan.environment, settlements)


def _found_current(kept: list[Result], workspace: Workspace, reader: Reader) -> list[Seen]:
    """What was kept advances with its upstream, without work; of many partitions the newest, which tells the age."""
    seen: list[Seen] = []
    order = {key: position for position, key in enumerate(workspace.graph.assets)}
    for result in sorted(kept, key=lambda result: order[result.step.key]):
        asset = workspace.graph[result.step.key]
        if not asset.volatile and not asset.upstream:
            continue
        if len(result.partitions.spans) > MANY_SLICES and not _may_have_aged(
            asset, result.partitions, reader
        ):
            continue
        newest = _last_of(result.partitions)
        reader.fetch(asset, PartitionSet.of(newest))
        for partition in newest:
            version = reader.version(asset.key, partition)
            found = _current(asset, partition, workspace, reader)
            if version is not None and found is not None and (version.as_of, version.ends) != found:
                as_of, ends = found
                seen.append((version, as_of, ends))
                reader.replace(replace(version, as_of=as_of, ends=ends))
    return seen


def _may_have_aged(asset: Asset, partitions: PartitionSet, reader: Reader) -> bool:
    """Whether some partitions may inherit another age than when they were settled.

    Not where nothing above looks at the world outside, and nothing above was published since.
    """
    above = reader.graph.ancestors([asset.key])
    settled = reader.state.settlement(asset.key)
    if settled is None or not partitions <= settled.partitions:
        return True
    return any(
        reader.graph.assets[key].volatile or reader.state.summary(key).sequence > settled.sequence
        for key in above
    )


def _last_of(partitions: PartitionSet) -> list[Partition]:
    return [Partition(name, spans[-1][1]) for name, spans in partitions.spans.items()]


def _current(
    asset: Asset, partition: Partition, workspace: Workspace, reader: Reader
) -> tuple[datetime | None, bool] | None:
    """As of when a kept asset was found current, and whether it ends; None where nobody looked."""
    if asset.cadence is not None:  # whose age is that of its last call
        return None
    if asset.volatile:
        return workspace.seen_by(asset)
    return inherited_as_of(asset, partition, reader) if asset.upstream else None


def _settlements(
    plan: Plan, results: list[Result], workspace: Workspace, scope: RunScope, state: LedgerState
) -> dict[str, Settlement]:
    """By key, the partitions that are up to date as of now: those of the plan, and those that the run dealt with.

    Not those that read something which has moved since it was decided what goes in.
    """
    reader = Reader(graph=workspace.graph, state=state, horizon=scope.horizon)
    found: dict[str, Settlement] = {}
    for key, (dealt_with, read_at) in _dealt_with(results, workspace).items():
        asset = workspace.graph[key]
        planned = plan.settled.get(key, EMPTY)
        settled = (planned - _touched(asset, plan.sequence, reader)) | (
            dealt_with - _touched(asset, read_at, reader, but=scope.run_id)
        )
        settled -= state.changed(key, plan.sequence, but=scope.run_id)
        before = state.settlement(key)
        basis = workspace.basis(key)
        checks = standing(asset, workspace.graph, checks_digest(workspace.checks(key)), scope.horizon)
        same = before is not None and (before.basis, before.checks, before.partitions) == (
            basis,
            checks,
            settled,
        )
        unmoved = same and before is not None and not _anything_since(asset, before.sequence, state)
        if unmoved and asset.automation is None:  # which asks when it was looked at last
            continue
        found[key] = Settlement(
            sequence=state.sequence, basis=basis, checks=checks, partitions=settled, at=plan.made_at
        )
    return found


def _dealt_with(results: list[Result], workspace: Workspace) -> dict[str, tuple[PartitionSet, int]]:
    """By key, the partitions that a run left up to date, with the oldest publication that their inputs were seen at."""
    found: dict[str, tuple[list[PartitionSet], int]] = {}
    for result in results:
        for key in getattr(result.step, "outputs", (result.step.key,)):
            asset = workspace.graph[key]
            if asset.partitions is None and asset.automation is None:
                continue
            sets, oldest = found.setdefault(key, ([], 1 << 62))
            if result.outcome in ("published", "kept", "adopted") and result.read_at is not None:
                sets.append(result.partitions)
                found[key] = (sets, min(oldest, result.read_at))
    return {key: (PartitionSet.union(sets), oldest) for key, (sets, oldest) in found.items()}


def _touched(asset: Asset, since: int, reader: Reader, *, but: str | None = None) -> PartitionSet:
    """The partitions that read something which moved after a publication.

    Args:
        but: a run that made its own partitions in order, so that what reads earlier ones has read what it made.
    """
    touched = EMPTY
    for given in asset.edges:
        if reader.state.summary(given.key).sequence > since:
            own = but if given.key == asset.key else None
            touched |= reader.below(asset, given, reader.state.changed(given.key, since, but=own))
    return touched


def _anything_since(asset: Asset, since: int, state: LedgerState) -> bool:
    return any(state.summary(key).sequence > since for key in (asset.key, *asset.upstream))
