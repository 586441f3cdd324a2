"""The plan of a check: what is published is judged again, and nothing is built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graph.asset_graph import AssetGraph
from graph.partition_set import PartitionSet
from graph.partition_text import span_label
from graph.partitions import Horizon
from graph.reading import Reader
from graph.reasons import Reason
from graph.state import State
from graph.steps import Check, Plan, Step


def make_check_plan(
    graph: AssetGraph,
    *,
    selection: str,
    targets: Iterable[str],
    state: State,
    horizon: Horizon,
    partitions: Mapping[str, PartitionSet] | None = None,
) -> Plan:
    """Judge again what is published of ``targets``; what has no checks, or was never published, is left out.

    Args:
        partitions: by key, the partitions of targets that are judged; of the others, all.
    """
    named = frozenset(targets)
    wanted = tuple(key for key in graph.assets if key in named)
    reader = Reader(graph=graph, state=state, horizon=horizon)
    steps: list[Step] = []
    for key in wanted:
        asset = graph[key]
        there = reader.visible(key)
        if partitions and key in partitions:
            there &= partitions[key]
        if asset.checks and there:
            label = "" if asset.partitions is None else span_label(asset.partitions, there)
            steps.append(Check(key=key, reason=Reason.asked(), partitions=there, label=label))
    return Plan(
        selection=selection,
        targets=wanted,
        environment=state.environment,
        made_at=horizon.now,
        sequence=state.sequence,
        steps=tuple(steps),
    )
