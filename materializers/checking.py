"""Judging again what is published: the plan for it, from a selection."""

from __future__ import annotations

from graph.check_plan import make_check_plan
from graph.steps import Plan
from materializers.workspace import Workspace


def plan_checks(workspace: Workspace, selection: str, *, partitions: str | None = None) -> Plan:
    """Judge what is published of a selection, whatever was said of it before; nothing is built or looked at outside.

    Args:
        partitions: of the selected assets that have partitions, only these: ``2024-01``, ``latest``.

    Raises:
        BadPartition: that names none, or no selected asset has partitions.
    """
    targets = workspace.keys(selection)
    horizon = workspace.horizon()
    chosen = workspace.chosen(targets, partitions, horizon)
    if chosen:  # what has no partitions was not meant
        targets = frozenset(chosen)
    with workspace.ledger.state(workspace.environment, targets) as state:
        return make_check_plan(
            workspace.graph,
            selection=selection,
            targets=targets,
            state=state,
            horizon=horizon,
            partitions=chosen,
        )
