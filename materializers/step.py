"""The one function that carries out one step, whichever engine calls it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_never

from graph.asset_graph import key_of
from graph.known import checks_digest
from graph.partition_set import ONLY, WHOLE, PartitionSet
from graph.partition_text import batches
from graph.state import Observed, Outcome
from graph.steps import Adopt, Check, Hold, Keep, Materialize, Observe, Step
from materializers.beside import beside_of
from materializers.building import Building, claim
from materializers.formats import decode
from materializers.judging import judge_again, judged, why_rejected
from materializers.ledger import Content, Judgement, LedgerError, Made, Moved, Product, Wanted
from materializers.performing import Performing
from materializers.result import Result, RunScope
from materializers.workspace import Workspace

if TYPE_CHECKING:
    from checks import Verdict


def units(step: Step, workspace: Workspace, scope: RunScope) -> Iterator[PartitionSet]:
    """The partitions of a step in portions that can be carried out side by side, unless they depend on each other."""
    asset = workspace.graph[step.key]
    if not isinstance(step, Materialize | Adopt) or asset.partitions is None:
        return iter([step.partitions])
    size = asset.batch.size if asset.batch else 1
    return batches(step.partitions, scope.horizon.existing(asset.partitions), size)


def perform(step: Step, unit: PartitionSet, workspace: Workspace, scope: RunScope) -> list[Result]:
    """Carry out some partitions of a step.

    What goes wrong with one asset is in the results; only a ledger that fails is raised.
    """
    started = time.monotonic()
    try:
        results = _performed(step, unit, workspace, scope)
    except LedgerError:
        raise
    except Exception as error:  # noqa: BLE001  # one asset's trouble stays its own
        details = workspace.hidden(traceback.format_exc())
        reason = workspace.hidden(str(error) or type(error).__name__)
        results = [_result(step, unit, workspace, "failed", reason=reason, error=details)]
    took = timedelta(seconds=time.monotonic() - started) / max(1, len(results))
    for result in results:
        scope.learn(result)
    return [replace(result, duration=took) for result in results]


def _performed(step: Step, unit: PartitionSet, workspace: Workspace, scope: RunScope) -> list[Result]:
    match step:
        case Keep():
            return [_result(step, unit, workspace, "kept", reason=step.reason.text)]
        case Hold():
            return [_result(step, unit, workspace, "held", reason=step.reason.text)]
        case Observe():
            return [_observe(step, workspace, scope)]
        case Materialize() if workspace.graph[step.key].is_effect:
            return Performing(step, unit, workspace, scope).run()
        case Adopt() | Materialize():
            return Building(step, unit, workspace, scope).run()
        case Check():
            return _check(step, unit, workspace, scope)
        case _:
            assert_never(step)


def _observe(step: Observe, workspace: Workspace, scope: RunScope) -> Result:
    """Note what a source showed; publish it when it moved and its checks allow it."""
    asset, seen = workspace.graph[step.key], step.observed
    with workspace.ledger.state(workspace.environment, [step.key]) as state:
        visible = state.published(step.key, ONLY).get(WHOLE)
        sequence = state.sequence
    if not step.changed and visible is not None:
        workspace.ledger.verify(workspace.environment, [(visible, seen.as_of, seen.ends)], scope.run_id)
        return _result(step, ONLY, workspace, "kept", reason=step.reason.text, read_at=sequence)
    wanted = Wanted(fingerprint=seen.data_version or "", was=visible.id if visible else None)
    begun = claim(workspace, scope, step.key, {WHOLE: wanted}, number=1, seen=sequence)
    if begun is None:
        return _result(step, ONLY, workspace, "cancelled", reason="the run was stopped")
    if isinstance(begun, Moved):
        return _result(step, ONLY, workspace, "kept", reason="another run was first")
    if seen.address is not None and not _kept(workspace, seen.address):
        reason = "what was observed was removed from the store meanwhile; run again"
        workspace.ledger.finish(begun[0], "failed", reason=reason)
        return _result(step, ONLY, workspace, "failed", reason=reason)
    judgement = Judgement(checks=checks_digest(workspace.checks(step.key)))
    verdicts: tuple[Verdict, ...] = ()
    if seen.address is not None:
        value = decode(_content_of(seen), workspace.store, key=step.key)
        judgement, verdicts = judged(asset, value, workspace, beside_of(asset, WHOLE, {}, workspace))
    made = Made(
        content=_content_of(seen),
        basis=workspace.basis(step.key),
        inputs={},
        as_of=seen.as_of,
        ends=seen.ends,
    )
    refused = {step.key: why_rejected(verdicts)} if judgement.failing else {}
    product = Product(attempt=begun[0], made={step.key: made}, judged={step.key: judgement}, refused=refused)
    (ids,) = workspace.ledger.publish([product], kind="observe")
    return _result(
        step,
        ONLY,
        workspace,
        "rejected" if refused else "published",
        reason=refused.get(step.key, step.reason.text),
        rows=seen.rows,
        size=seen.size,
        versions=ids,
        verdicts={step.key: verdicts},
    )


def _content_of(observed: Observed) -> Content:
    """What a source showed, as content of a version."""
    return Content(
        data_version=observed.data_version or "",
        format=observed.format or "external",
        address=observed.address,
        size=observed.size,
        rows=observed.rows,
    )


def _kept(workspace: Workspace, address: str) -> bool:
    """Whether content that was stored before the run began is there, and stays."""
    return workspace.ledger.garbage.keep(address) and workspace.store.exists(address)


def _check(step: Check, unit: PartitionSet, workspace: Workspace, scope: RunScope) -> list[Result]:
    """Ask the changed checks about what is published; it stays visible, marked failing if they say so."""
    asset = workspace.graph[step.key]
    with workspace.ledger.state(workspace.environment, [step.key]) as state:
        versions = state.published(step.key, unit)
        sequence = state.sequence
    results = []
    said = judge_again(asset, versions, workspace, scope.run_id)
    for partition in sorted(versions):
        judgement, verdicts = said[partition]
        failing = f"published, and its checks fail: {why_rejected(verdicts)}"
        results.append(
            _result(
                step,
                PartitionSet.of([partition]),
                workspace,
                "rejected" if judgement.failing else "kept",
                reason=failing if judgement.failing else step.reason.text,
                verdicts={step.key: verdicts},
                read_at=sequence,
            )
        )
    return results


def _result(
    step: Step, partitions: PartitionSet, workspace: Workspace, outcome: Outcome, **details: Any
) -> Result:
    label = step.label
    if len(partitions) == 1 and partitions != step.partitions:
        label = key_of(workspace.graph[step.key], next(iter(partitions))) or ""
    return Result(step=step, partitions=partitions, label=label, outcome=outcome, **details)


__all__ = ["Result", "RunScope", "perform", "units"]
