"""Asking the checks: what they say of a value, and of a version that is published already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from graph import Asset
from graph.known import checks_digest
from graph.state import Version
from materializers.ledger import Judgement
from materializers.workspace import Workspace

if TYPE_CHECKING:
    from checks import Check, Verdict


def judged(asset: Asset, value: object, workspace: Workspace) -> tuple[Judgement, tuple[Verdict, ...]]:
    """What an asset's checks say of a value."""
    checks = workspace.checks(asset.key)
    if not checks:
        return Judgement(checks=""), ()
    from checks import evaluate

    asked = cast("Sequence[Check]", checks)  # the graph knows them by their Protocol only
    verdicts = evaluate(value, asked, now=workspace.clock())
    judgement = Judgement(
        checks=checks_digest(checks),
        verdicts=tuple(verdict.to_json() for verdict in verdicts),
        failing=any(verdict.blocks for verdict in verdicts),
    )
    return judgement, verdicts


def judge_again(
    asset: Asset, version: Version, workspace: Workspace, run_id: str
) -> tuple[Judgement, tuple[Verdict, ...]]:
    """Ask today's checks about a published version, and record what they say; it stays visible."""
    judgement = Judgement(checks=checks_digest(workspace.checks(asset.key)))
    verdicts: tuple[Verdict, ...] = ()
    if workspace.ledger.content(version.id).address is not None:
        value = workspace.value(asset, {version.partition: version}, None)
        judgement, verdicts = judged(asset, value, workspace)
    workspace.ledger.judge(workspace.environment, version, judgement, run_id)
    return judgement, verdicts


def why_rejected(verdicts: Sequence[Verdict]) -> str:
    """The error checks that failed, with how many rows."""
    return ", ".join(
        verdict.check
        + (f": {verdict.failing} {'row' if verdict.failing == 1 else 'rows'}" if verdict.failing else "")
        for verdict in verdicts
        if verdict.blocks
    )
