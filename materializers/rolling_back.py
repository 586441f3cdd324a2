"""What people make visible by hand: an earlier version, until code or inputs move, or a rejected one that is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graph.asset_graph import key_of
from graph.partition_set import Partition, PartitionSet
from graph.state import Version
from graph.steps import step_name
from materializers.comparing import chain_of
from materializers.ledger import Busy, Ledger, LedgerError, Materialization, Publication
from materializers.workspace import Workspace

_ALL = 1_000_000_000


def earlier_versions(
    ledger: Ledger, environment: str, key: str, shown: Mapping[Partition, Version]
) -> Mapping[Partition, str]:
    """Of each partition, the version that was visible before the one that is; those without any are left out.

    A rollback undoes what came after the version that it went back to.
    """
    stacks: dict[Partition, list[str]] = {}
    for event in _events(ledger, environment, key):
        if event.partition in shown and event.version_id is not None:
            stack = stacks.setdefault(event.partition, [])
            if event.kind == "rollback" and event.version_id in stack:
                while stack[-1] != event.version_id:
                    stack.pop()
            elif stack[-1:] != [event.version_id]:
                stack.append(event.version_id)
    return {at: stack[-2] for at, stack in stacks.items() if len(stack) > 1}


def _wiped(
    ledger: Ledger, environment: str, key: str, partitions: PartitionSet | None
) -> Mapping[Partition, str]:
    """Of each partition that was wiped and not made anew since, the version that was visible until then."""
    last: dict[Partition, str] = {}
    gone: set[Partition] = set()
    for event in _events(ledger, environment, key):
        if event.version_id is None:
            gone.add(event.partition)
        else:
            gone.discard(event.partition)
            last[event.partition] = event.version_id
    return {at: last[at] for at in gone & last.keys() if partitions is None or at in partitions}


def _events(ledger: Ledger, environment: str, key: str) -> Sequence[Publication]:
    """What became visible of an asset in an environment, oldest first: a parent's until it had its own."""
    found: list[Publication] = []
    first: dict[Partition, int] = {}
    for name in chain_of(ledger, environment):
        events = [
            event
            for event in ledger.publications(key, environment=name, limit=_ALL)
            if event.sequence < first.get(event.partition, event.sequence + 1)
        ]
        found += events
        for event in events:
            first[event.partition] = min(event.sequence, first.get(event.partition, event.sequence))
    return sorted(found, key=lambda event: event.sequence)


def rollback(
    workspace: Workspace,
    key: str,
    *,
    partitions: PartitionSet | None = None,
    to: str | None = None,
    name: str,
    reason: str,
) -> Mapping[Partition, str]:
    """Make earlier versions visible again, and pin them; answers which.

    Args:
        partitions: of these alone; otherwise of all that are visible, or were wiped where none is.
        to: a version; otherwise, of each partition, the one that was visible before, or until it was wiped.

    Raises:
        LedgerError: there is nothing to go back to, or a run is making it.
    """
    ledger, environment, asset = workspace.ledger, workspace.environment, workspace.graph[key]
    with ledger.state(environment, [key]) as state:
        shown = dict(state.published(key, partitions))
    wiped = _wiped(ledger, environment, key, partitions) if partitions is not None or not shown else {}
    if not shown and not wiped:
        raise LedgerError(f"asset '{key}' has no published version in '{environment}' to roll back")
    if to is not None:
        found = {ledger.materialization(to).version.partition: to}
    else:
        found = {**earlier_versions(ledger, environment, key, shown), **wiped}
        lacking = [at for at in shown if at not in found]
        if lacking:
            named = step_name(key, key_of(asset, min(lacking)) or "")
            raise LedgerError(f"nothing was rolled back: no version of {named} was visible before this one")
    _not_busy(ledger.point_each(environment, key, found, kind="rollback", name=name, reason=reason), key)
    return found


def release(workspace: Workspace, key: str, version_id: str, *, name: str, reason: str) -> Materialization:
    """Publish a rejected version by hand; it stays marked failing.

    Raises:
        LedgerError: it was not rejected, or a run is making the asset.
    """
    found = workspace.ledger.materialization(version_id)
    if found.version.key != key:
        raise LedgerError(f"version '{version_id}' is one of asset '{found.version.key}', not of '{key}'")
    if found.judgement is None or not found.judgement.failing:
        raise LedgerError(
            f"version '{version_id}' of asset '{key}' was not rejected; to go back to it:"
            f" assets env rollback {key} --to {version_id}"
        )
    busy = workspace.ledger.point(
        workspace.environment,
        key,
        found.version.partition,
        version_id,
        kind="release",
        name=name,
        reason=reason,
    )
    _not_busy(busy, key)
    return found


def _not_busy(busy: Busy | None, key: str) -> None:
    if busy is not None:
        raise LedgerError(
            f"the run '{busy.run_id}' is making asset '{key}'; wait, or cancel it: assets runs cancel {busy.run_id}"
        )
