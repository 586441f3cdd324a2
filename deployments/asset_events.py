"""Prefect's own asset events: which asset became visible or failed, made from what, by which task run.

Written out here and not left to ``@materialize``, which tells of a success whenever a task completes and of a failure
for every asset of a failed one: a kept or skipped asset was not materialized, and of several assets from one function
some may be published and others rejected.
"""

from __future__ import annotations

import json
from typing import assert_never

from graph import Asset
from graph.steps import Adopt, Check, Hold, Keep, Materialize, Observe, Step
from materializers.step import Result
from materializers.workspace import Workspace

SCHEME = "assets://"
MOST_UPSTREAM = 90
"""Prefect takes at most 100 related resources an event, the run's own among them; the ledger has them all."""
MOST_CHARACTERS = 2000

SUCCEEDED = "prefect.asset.materialization.succeeded"
FAILED = "prefect.asset.materialization.failed"
REFERENCED = "prefect.asset.referenced"


def asset_uri(key: str) -> str:
    """The name of an asset in Prefect; its partitions are one asset there, told apart by the event's payload.

    >>> asset_uri("market/prices")
    'assets://market/prices'
    """
    return f"{SCHEME}{key}"


def announce(result: Result, workspace: Workspace) -> None:
    """Tell Prefect what a step made visible and what failed; call it inside the step's task run.

    A built asset tells of itself; a source, which nobody builds, is told of by what reads it.
    """
    outputs = _outputs(result.step)
    told = dict.fromkeys(outputs, FAILED) if result.outcome == "failed" else {}
    payloads: dict[str, dict[str, object]] = {key: {} for key in told}
    for key, version_id in result.versions.items():
        made = workspace.ledger.materialization(version_id)
        told[key] = SUCCEEDED if made.published else FAILED
        payloads[key] = {
            "data_version": made.version.data_version,
            "version": version_id,
            "rows": made.content.rows,
            "bytes": made.content.size,
        }
    if not told or not outputs:
        return
    upstream = [workspace.graph[key] for key in workspace.graph[result.step.key].upstream]
    _emit_references(upstream)
    for key, event in told.items():
        _emit(event, workspace.graph[key], upstream, _described(result) | payloads[key])


def _outputs(step: Step) -> tuple[str, ...]:
    """The assets that a step may materialize."""
    match step:
        case Materialize():
            return step.outputs
        case Adopt():
            return (step.key,)
        case Observe() | Check() | Keep() | Hold():
            return ()
        case _:
            assert_never(step)


def _described(result: Result) -> dict[str, object]:
    return {
        "outcome": result.outcome,
        "reason": result.reason[:MOST_CHARACTERS],
        "partition": result.label or None,
        "attempts": result.attempts,
    }


def _emit_references(upstream: list[Asset]) -> None:
    from prefect.events import emit_event

    for source in upstream:
        if source.is_source:
            emit_event(REFERENCED, resource=_resource(source))


def _emit(event: str, asset: Asset, upstream: list[Asset], payload: dict[str, object]) -> None:
    from prefect.events import emit_event

    related = [
        {"prefect.resource.id": asset_uri(above.key), "prefect.resource.role": "asset"}
        for above in upstream[:MOST_UPSTREAM]
    ]
    known = {name: value for name, value in payload.items() if value is not None}
    emit_event(event, resource=_resource(asset), related=related, payload=known)


def _resource(asset: Asset) -> dict[str, str]:
    """An asset as the resource of an event."""
    resource = {"prefect.resource.id": asset_uri(asset.key), "prefect.resource.name": asset.key}
    if asset.description:
        resource["prefect.asset.description"] = asset.description[:MOST_CHARACTERS]
    if asset.labels.owners:
        resource["prefect.asset.owners"] = json.dumps(asset.labels.owners)
    return resource
