"""How every asset is doing: `assets status`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployments.amounts import counted, moment_text
from deployments.answers import Answer
from deployments.asset_list import selected
from deployments.asset_report import verdicts_of
from deployments.freshness_text import slack_text
from deployments.partition_matrix import matrix_text, partition_states
from deployments.text_table import aligned, bounded
from graph import Asset
from graph.freshness_states import Freshness, freshness_states
from graph.partition_set import ONLY, WHOLE
from graph.reading import Reader
from graph.reasons import age
from materializers.workspace import Workspace

_MATRIX_ROWS = 24
"""So many rows of partitions stand below the line of an asset that is asked for alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetStatus:
    """One asset's line.

    Args:
        made_at: when the visible version was made; of a partitioned asset, that of its newest partition.
        partitions: how many are visible, and ``missing`` how many exist and are not.
        outcome: how the last attempt ended, and when; None where nobody has tried.
        failing: the checks that the visible version fails, those that only warn marked so.
    """

    key: str
    freshness: Freshness
    made_at: datetime | None
    partitions: int | None
    missing: int
    outcome: str | None
    ended_at: datetime | None
    failing: tuple[str, ...]


def show_status(
    workspace: Workspace, selection: str, *, now: datetime, limit: int, colours: bool = False
) -> Answer:
    """The state, age and last outcome of the selected assets, as the ledger knows them; no source is looked at."""
    graph = workspace.graph
    keys = selected(graph, selection)
    with workspace.ledger.state(workspace.environment, graph.ancestors(keys)) as state:
        reader = Reader(graph=graph, state=state, horizon=workspace.horizon(now))
        fresh = freshness_states(reader, now, keys)
        found = [_status(workspace, graph[key], reader, fresh[key]) for key in keys]
    asset = graph[keys[0]]

    def text() -> str:
        lines = _text(found, now, limit=limit, colours=colours)
        if len(keys) > 1 or asset.partitions is None:
            return lines
        states = partition_states(workspace, asset)
        return f"{lines}\n\n{matrix_text(asset, states, limit=_MATRIX_ROWS, colours=colours)}"

    return Answer(
        text=text,
        document=lambda: [_document(status) for status in found],
    )


def _status(workspace: Workspace, asset: Asset, reader: Reader, freshness: Freshness) -> AssetStatus:
    visible, existing = reader.visible(asset.key), reader.existing(asset.key)
    last = max(visible, key=lambda partition: partition.ordinal, default=None)
    newest = None if last is None else reader.version(asset.key, last)
    outcome, ended_at = _last(workspace, asset, reader)
    failing: tuple[str, ...] = ()
    if newest is not None and asset.checks:
        said = verdicts_of(workspace.ledger.materialization(newest.id, environment=workspace.environment))
        failing = tuple(one.check if one.blocks else f"{one.check} (warn)" for one in said if not one.passed)
    return AssetStatus(
        key=asset.key,
        freshness=freshness,
        made_at=newest.made_at if newest else None,
        partitions=len(visible) if asset.partitions else None,
        missing=len(existing - visible) if asset.partitions else 0,
        outcome=outcome,
        ended_at=ended_at,
        failing=failing,
    )


def _last(workspace: Workspace, asset: Asset, reader: Reader) -> tuple[str | None, datetime | None]:
    if asset.partitions is None:
        attempt = reader.state.attempts(asset.producer, ONLY).get(WHOLE)
        return (attempt.outcome, attempt.ended_at) if attempt else (None, None)
    records = workspace.ledger.history(asset.producer, environment=workspace.environment, limit=1)
    return (records[0].outcome, records[0].ended_at) if records else (None, None)


def _text(found: list[AssetStatus], now: datetime, *, limit: int, colours: bool) -> str:
    heads = ["asset", "state", "age", "slack", "published", "last outcome", "what fails"]
    head, *lines = aligned((_row(status, now) for status in found), heads=heads, colours=colours).splitlines()
    states = [status.freshness.state for status in found]
    count = ", ".join(f"{states.count(name)} {name}" for name in dict.fromkeys(states))
    return "\n".join(
        [head, *bounded(lines, limit, "; see --limit"), "", f"{counted(len(found), 'asset')}: {count}"]
    )


def _row(status: AssetStatus, now: datetime) -> list[str]:
    as_of = status.freshness.as_of
    made = moment_text(status.made_at)
    if status.partitions is not None and status.made_at is not None:
        lacks = f", {status.missing:,} missing" if status.missing else ""
        made = f"{made}, {counted(status.partitions, 'partition')}{lacks}"
    above = [f"{status.freshness.culprit} is overdue"] if status.freshness.culprit else []
    return [
        status.key,
        status.freshness.state,
        age(now - as_of) if as_of else "-",
        slack_text(status.freshness, now),
        made,
        status.outcome or "-",
        ", ".join([*status.failing, *above]),
    ]


def _document(status: AssetStatus) -> dict[str, Any]:
    return {
        "key": status.key,
        "state": status.freshness.state,
        "because_of": status.freshness.culprit,
        "as_of": status.freshness.as_of,
        "due_at": status.freshness.due_at,
        "overdue_at": status.freshness.overdue_at,
        "published_at": status.made_at,
        "partitions": status.partitions,
        "partitions_missing": status.missing,
        "last_outcome": status.outcome,
        "last_ended_at": status.ended_at,
        "failing_checks": list(status.failing),
    }
