"""What there is, and all that is known of one asset: `assets list` and `assets show`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployments.age_of_data import Freshness, freshness_of, policy_text
from deployments.amounts import counted, first_line, moment_text, size_text, span_text
from deployments.answers import Answer
from deployments.run_summary import verdict_document
from deployments.text_table import aligned, bounded, painted
from graph import Asset, AssetGraph, AssetGraphError
from graph.asset_graph import Upstream, UnknownAsset
from graph.digest import CodeDigest
from graph.partitions import UNPARTITIONED, partition_key, ranges
from graph.plan import checks_digest
from graph.selection import parse
from graph.state import State
from materializers.ledger import AttemptRecord, Materialization
from materializers.workspace import Workspace

_REACHED_SHOWN = 12
_RANGES_SHOWN = 4


def selected(graph: AssetGraph, selection: str) -> tuple[str, ...]:
    """The keys that a selection names, sources included, upstream first."""
    keys = parse(selection).resolve(graph, sources=True)
    if not keys:
        raise UnknownAsset(selection, graph.assets)
    return tuple(key for key in graph.assets if key in keys)


def list_assets(graph: AssetGraph, selection: str, *, limit: int, colours: bool = False) -> Answer:
    """The selected assets with their kind and the first line of their description."""
    assets = [graph[key] for key in selected(graph, selection)]
    return Answer(
        text=lambda: "\n".join(
            bounded(
                aligned(
                    ([asset.key, _kind(asset), first_line(asset.description, 80)] for asset in assets),
                    heads=["asset", "kind", "what it is"],
                    colours=colours,
                ).splitlines(),
                limit + 1 if limit else 0,
                "; see --limit",
            )
        ),
        document=lambda: [_declared(asset, graph) for asset in assets],
    )


def _kind(asset: Asset) -> str:
    words = ["source"] if asset.is_source else ["volatile"] if asset.volatile else []
    words += ["partitioned"] if asset.partitions else []
    return ", ".join([*words, *asset.labels.kinds]) or "asset"


def _declared(asset: Asset, graph: AssetGraph) -> dict[str, Any]:
    """What a declaration says, for machines."""
    return {
        "key": asset.key,
        "group": asset.group,
        "description": asset.description,
        "file": asset.where.file,
        "line": asset.where.line,
        "source": asset.is_source,
        "volatile": asset.volatile,
        "partitions": _partitions_text(asset),
        "stored_as": asset.stored_as,
        "tags": dict(asset.labels.tags),
        "owners": list(asset.labels.owners),
        "kinds": list(asset.labels.kinds),
        "upstream": list(graph.upstream_of[asset.key]),
        "downstream": list(graph.downstream_of[asset.key]),
        "resources": list(asset.resources),
        "checks": [check.name for check in asset.checks],
        "freshness": policy_text(asset.freshness) if asset.freshness else None,
    }


# --- one asset ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetReport:
    """All that is known of one asset: what it is, what goes in, and what is visible of it.

    Args:
        published: the visible version; of a partitioned asset, that of its newest partition.
        partitions: the ordinals that are visible, ascending.
        last: the last attempt, with the verdicts of a version that it rejected.
        troubles: by what was asked (resources, config, code), why it cannot be told.
    """

    asset: Asset
    state: Freshness
    config: Mapping[str, tuple[object, bool]]
    resources: Mapping[str, Mapping[str, Any]]
    code: CodeDigest | None
    published: Materialization | None
    partitions: tuple[int, ...]
    last: AttemptRecord | None
    rejected: Materialization | None
    troubles: Mapping[str, str]

    @property
    def verdicts(self) -> tuple[Any, ...]:
        """What the checks said of the visible version."""
        return _verdicts(self.published)


def show_asset(workspace: Workspace, name: str, *, now: datetime, colours: bool = False) -> Answer:
    """All that is known of one asset."""
    keys = selected(workspace.graph, name)
    if len(keys) != 1:
        raise UnknownAsset(name, keys)
    report = _report(workspace, keys[0], now)
    return Answer(
        text=lambda: _report_text(report, workspace.graph, now, colours=colours),
        document=lambda: _report_document(report, workspace.graph),
    )


def _report(workspace: Workspace, key: str, now: datetime) -> AssetReport:
    asset, graph = workspace.graph[key], workspace.graph
    state = workspace.ledger.state(workspace.environment, graph.ancestors([key]))
    versions = state.published(key)
    newest = versions[max(versions)] if versions else None
    attempts = workspace.ledger.history(asset.producer, environment=workspace.environment, limit=1)
    last = attempts[0] if attempts else None
    rejected = None
    if last is not None and last.outcome == "rejected" and last.version_id is not None:
        rejected = workspace.ledger.materialization(last.version_id)
    troubles: dict[str, str] = {}
    return AssetReport(
        asset=asset,
        state=freshness_of(graph, key, state, now),
        config=_told_or("config", troubles, lambda: _config(workspace, asset), {}),
        resources=_told_or("resources", troubles, lambda: _resources(workspace, asset), {}),
        code=None if asset.is_source else _told_or("code", troubles, lambda: workspace.code(asset), None),
        published=workspace.ledger.materialization(newest.id) if newest else None,
        partitions=tuple(sorted(versions)) if asset.partitions else (),
        last=last,
        rejected=rejected,
        troubles=troubles,
    )


def _told_or[T](what: str, troubles: dict[str, str], ask: Callable[[], T], otherwise: T) -> T:
    try:
        return ask()
    except AssetGraphError as error:
        troubles[what] = str(error)
        return otherwise
