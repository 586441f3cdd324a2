"""Taking away what is published, by hand: it is invisible from then on, on record, and can be taken back."""

from __future__ import annotations

from graph.partition_set import ONLY, PartitionSet
from materializers.copying import copy_published
from materializers.records import Busy, LedgerError
from materializers.workspace import SettingsError, Workspace


def wipe(workspace: Workspace, key: str, partitions: str | None, *, name: str, reason: str) -> PartitionSet:
    """Make what is published of an asset invisible in the workspace's environment; answers what was visible.

    The versions stay until they are collected as garbage, and a rollback shows them again; nothing else does.

    Args:
        partitions: which, as `graph.partition_text.chosen` reads them; ``all`` has to be said.

    Raises:
        LedgerError: a run is making one of them, or none is published.
    """
    there = wiped_by(workspace, key, partitions)
    if not there:
        raise LedgerError(f"nothing of asset '{key}' is published that could be wiped")
    found = workspace.ledger.withdraw(workspace.environment, key, there, name=name, reason=reason)
    if isinstance(found, Busy):
        raise LedgerError(
            f"run {found.run_id} is making '{key}'; wait for it, or stop it: assets runs cancel {found.run_id}"
        )
    copy_published(workspace, [key])
    return found


def wiped_by(workspace: Workspace, key: str, partitions: str | None) -> PartitionSet:
    """What a text would wipe: the published ones of the partitions that it names, also those that exist no more."""
    asset = workspace.graph[key]
    with workspace.ledger.state(workspace.environment, [key]) as state:
        visible = state.summary(key).partitions
    if asset.partitions is None:
        if partitions is not None:
            raise SettingsError(f"asset '{key}' has no partitions, so '{partitions}' names none")
        return visible & ONLY
    if partitions is None:
        raise SettingsError(f"say which partitions of '{key}': --partitions 2024-01-02, or --partitions all")
    if partitions.strip() == "all":
        return visible
    return workspace.chosen([key], partitions, workspace.horizon())[key] & visible
