"""What there is: `assets list`."""

from __future__ import annotations

from typing import Any

from deployments.amounts import first_line
from deployments.answers import Answer
from deployments.freshness_text import policy_text
from deployments.text_table import aligned, bounded
from graph import Asset, AssetGraph, UnknownAsset
from graph.partition_text import in_words
from graph.selection import parse


def selected(graph: AssetGraph, selection: str) -> tuple[str, ...]:
    """The keys that a selection names, sources included, upstream first; nothing named is an error."""
    keys = parse(selection).resolve(graph, sources=True)
    if not keys:
        raise UnknownAsset(selection, graph.assets)
    return tuple(key for key in graph.assets if key in keys)


def list_assets(graph: AssetGraph, selection: str, *, limit: int, colours: bool = False) -> Answer:
    """The selected assets with their kind and the first line of their description."""
    assets = [graph[key] for key in selected(graph, selection)]
    rows = [[asset.key, kind_text(asset), first_line(asset.description, 80)] for asset in assets]

    def text() -> str:
        head, *lines = aligned(rows, heads=["asset", "kind", "what it is"], colours=colours).splitlines()
        return "\n".join([head, *bounded(lines, limit, "; see --limit")])

    return Answer(text=text, document=lambda: [declared_document(asset, graph) for asset in assets])


def kind_text(asset: Asset) -> str:
    """What sort of asset it is, in a word or a few."""
    natures = {"source": asset.is_source, "effect": asset.is_effect, "volatile": asset.volatile}
    words = [word for word, holds in natures.items() if holds]
    words += ["partitioned"] if asset.partitions else []
    return ", ".join([*words, *asset.labels.kinds]) or "asset"


def partitions_text(asset: Asset) -> str | None:
    """How an asset is partitioned, in words."""
    return None if asset.partitions is None else in_words(asset.partitions)


def declared_document(asset: Asset, graph: AssetGraph) -> dict[str, Any]:
    """What a declaration says, for machines."""
    return {
        "key": asset.key,
        "group": asset.group,
        "description": asset.description,
        "file": asset.where.file,
        "line": asset.where.line,
        "source": asset.is_source,
        "volatile": asset.volatile,
        "effect": asset.is_effect,
        "partitions": partitions_text(asset),
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
