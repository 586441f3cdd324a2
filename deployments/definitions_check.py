"""Are the declarations right? `assets check-definitions`."""

from __future__ import annotations

from deployments.amounts import counted
from deployments.answers import Answer
from graph import AssetGraph
from materializers.workspace import Workspace


def check_definitions(workspace: Workspace) -> Answer:
    """Say what was found; the errors themselves were raised, all together, when the workspace was opened.

    Every config is made with its values, and every code digest taken, so that a missing file or library shows here
    and not in a run. Resources are not made: they may need secrets that only a run has.
    """
    graph = workspace.graph
    unresolved = {}
    for asset in graph.assets.values():
        workspace.config_of(asset)
        if not asset.is_source and (found := workspace.code(asset).unresolved):
            unresolved[asset.key] = found
    return Answer(
        text=lambda: _text(graph, unresolved),
        document=lambda: {
            "assets": len(graph),
            "resources": sorted(graph.providers),
            "unresolved_code": {key: list(found) for key, found in unresolved.items()},
        },
    )


def _text(graph: AssetGraph, unresolved: dict[str, tuple[str, ...]]) -> str:
    sources = sum(asset.is_source for asset in graph.assets.values())
    resources = counted(len(graph.providers), "resource")
    lines = [f"{counted(len(graph), 'asset')} ({counted(sources, 'source')}), {resources}: no errors"]
    for key, found in unresolved.items():
        lines.append(f"{key}: a change of this code would not be seen; name it with code=Code(...)")
        lines.extend(f"  {one}" for one in found)
    return "\n".join(lines)
