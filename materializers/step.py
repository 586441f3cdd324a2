"""The one function that carries out one step, whichever engine calls it."""

from __future__ import annotations

import time
import traceback
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from graph.partitions import UNPARTITIONED, partition_ordinal
from graph.plan import Adopt, Check, Hold, Keep, Materialize, Observe, Step, checks_digest
from materializers.building import Building, claim
from materializers.formats import decode
from materializers.judging import judge_again, judged, why_rejected
from materializers.ledger import Judgement, LedgerError, Made, Moved
from materializers.result import Result, RunScope
from materializers.workspace import Workspace, content_of

if TYPE_CHECKING:
    from checks import Verdict


def perform(step: Step, workspace: Workspace, scope: RunScope) -> Result:
    """Carry out one step. What goes wrong with one asset is in the result; only a ledger that fails is raised."""
    started = time.monotonic()
    try:
        result = _performed(step, workspace, scope)
    except LedgerError:
        raise
    except Exception as error:  # noqa: BLE001  # one asset's trouble stays its own
        details = workspace.hidden(traceback.format_exc())
        reason = workspace.hidden(str(error) or type(error).__name__)
        result = Result(step=step, outcome="failed", reason=reason, error=details)
    scope.learn(result)
    return replace(result, duration=timedelta(seconds=time.monotonic() - started))


def _performed(step: Step, workspace: Workspace, scope: RunScope) -> Result:
    match step:
        case Keep():
            return Result(step=step, outcome="kept", reason=step.reason.text)
        case Hold():
            return Result(step=step, outcome="held", reason=step.reason.text)
        case Observe():
            return _observe(step, workspace, scope)
        case Adopt() | Materialize():
            return Building(step, workspace, scope).run()
        case Check():
            return _check(step, workspace, scope)
        case _:
            assert_never(step)


def _observe(step: Observe, workspace: Workspace, scope: RunScope) -> Result:
    """Note what a source showed; publish it when it moved and its checks allow it."""
    asset, seen = workspace.graph[step.key], step.observed
    visible = workspace.ledger.state(workspace.environment, [step.key]).published(step.key).get(UNPARTITIONED)
    if not step.changed and visible is not None:
        workspace.ledger.verify(workspace.environment, [(visible, seen.as_of, seen.ends)], scope.run_id)
        return Result(step=step, outcome="kept", reason=step.reason.text)
    was = visible.id if visible else None
    attempt = claim(
        workspace, scope, step.key, UNPARTITIONED, mark=seen.data_version or "", number=1, was=was
    )
    if attempt is None:
        return Result(step=step, outcome="cancelled", reason="the run was stopped")
    if isinstance(attempt, Moved):
        return Result(step=step, outcome="kept", reason="another run was first")
    judgement = Judgement(checks=checks_digest(workspace.checks(step.key)))
    verdicts: tuple[Verdict, ...] = ()
    if seen.address is not None:
        value = decode(content_of(seen), workspace.store, key=step.key)
        judgement, verdicts = judged(asset, value, workspace)
    made = Made(
        content=content_of(seen), basis=workspace.basis(step.key), inputs={}, as_of=seen.as_of, ends=seen.ends
    )
    refused = {step.key: why_rejected(verdicts)} if judgement.failing else {}
    ids = workspace.ledger.publish(
        attempt, {step.key: made}, {step.key: judgement}, kind="observe", reject=refused
    )
    return Result(
        step=step,
        outcome="rejected" if refused else "published",
        reason=refused.get(step.key, step.reason.text),
        rows=seen.rows,
        size=seen.size,
        versions=ids,
        verdicts={step.key: verdicts},
    )


def _check(step: Check, workspace: Workspace, scope: RunScope) -> Result:
    """Ask the changed checks about what is published; it stays visible, marked failing if they say so."""
    asset = workspace.graph[step.key]
    versions = workspace.ledger.state(workspace.environment, [step.key]).published(step.key)
    judgement, verdicts = judge_again(
        asset, versions[partition_ordinal(step.partition)], workspace, scope.run_id
    )
    failing = f"published, and its checks fail: {why_rejected(verdicts)}"
    return Result(
        step=step,
        outcome="rejected" if judgement.failing else "kept",
        reason=failing if judgement.failing else step.reason.text,
        verdicts={step.key: verdicts},
    )


__all__ = ["Result", "RunScope", "perform"]
