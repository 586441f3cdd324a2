"""`assets why`: why an asset will be made by the next sweep, or the first thing that holds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from deployments.amounts import moment_text
from deployments.answers import Answer
from deployments.freshness_text import slack_text, state_text
from graph import Asset
from graph.evaluation import Due, Tree, due
from graph.freshness_states import Freshness
from graph.partition_set import ONLY, PartitionSet
from graph.partition_text import described
from graph.refreshing import Refresh, what_to_refresh
from graph.state import Attempt
from graph.steps import Plan, Step
from graph.why import to_json, tree_text, why
from materializers.sweeping import View, conditions_of, planned, unfinished_of, view
from materializers.workspace import Workspace

_ATTEMPTS = 3
_WIDTH = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """All that can be said of why an asset is made or is not.

    Args:
        automation: one sentence; None for an asset without automation.
        by_clock: the clock can make it due: it is a source, or volatile.
        tree: the answer of its condition, as lines and as JSON.
        refresh: what makes it due by the clock.
        unfinished: it is an effect that the next sweep goes on with.
        steps: what the plan of a sweep would do with it, were it due.
        attempts: the last ones, by the partition's name, newest first.
    """

    key: str
    automation: str | None
    by_clock: bool
    tree: tuple[str, str] | None
    freshness: Freshness
    refresh: Refresh | None
    unfinished: bool
    steps: tuple[Step, ...]
    attempts: tuple[tuple[str, Attempt], ...]
    busy: str


def why_asset(
    workspace: Workspace, key: str, *, partition: str | None = None, with_tree: bool = False
) -> Answer:
    """Why the next sweep makes an asset, or what holds it."""
    graph = workspace.graph
    (name,) = _one(workspace, key)
    asset = graph[name]
    horizon = workspace.horizon()
    chosen = workspace.chosen([name], partition, horizon).get(name)
    above = graph.ancestors([name])
    with view(workspace, above) as seen:
        found = _due(workspace, seen, above)
        answers = _answers(workspace, asset, seen, found, chosen)
    return Answer(
        text=lambda: _text(answers, seen.now, with_tree=with_tree),
        document=lambda: _document(answers, seen.now),
    )


def _one(workspace: Workspace, key: str) -> tuple[str]:
    from graph import UnknownAsset

    keys = workspace.keys(key)
    if len(keys) != 1:
        raise UnknownAsset(key, workspace.graph.assets)
    (name,) = keys
    return (name,)


def _due(workspace: Workspace, seen: View, keys: frozenset[str]) -> Due:
    """What the automation of an asset and of all upstream says: whether that will be made is part of the answer."""
    graph = workspace.graph
    refresh = what_to_refresh(graph, seen.facts.states(), seen.reader, seen.now, keys)
    return due(
        graph,
        conditions_of(graph, keys),
        seen.facts,
        seen.partitioning,
        seen.now,
        catch_up={key: one.catch_up for key, one in graph.assets.items() if one.catch_up is not None},
        also={key: one.partitions for key, one in refresh.items()} | unfinished_of(workspace, keys, seen),
        thorough=True,
    )


def _answers(
    workspace: Workspace, asset: Asset, seen: View, found: Due, chosen: PartitionSet | None
) -> Answers:
    graph, key = workspace.graph, asset.key
    tree = found.trees.get(key)
    if tree is not None and chosen is not None:
        tree = _narrowed(tree, chosen)
    told = None
    if asset.automation is not None:
        off = "waits: its automation is switched off; assets automation on switches it on"
        told = why(tree, seen.partitioning, seen.now) if tree is not None else off
    refresh = what_to_refresh(graph, seen.facts.states(), seen.reader, seen.now, [key]).get(key)
    wanted = chosen if chosen is not None else seen.partitioning.latest(key, seen.now, None)
    plan: Plan = planned(workspace, key, {key: wanted}, {key: ""}, seen.reader.horizon)
    attempts = seen.reader.state.attempts(asset.producer, wanted if asset.partitions is not None else ONLY)
    busy = seen.facts.status("in progress", key, seen.partitioning.existing(key, seen.now))
    return Answers(
        key=key,
        automation=told,
        by_clock=asset.is_source or asset.volatile,
        tree=None
        if tree is None
        else (
            tree_text(tree, seen.partitioning, seen.now),
            to_json(tree, seen.partitioning, seen.now),
        ),
        freshness=seen.facts.states()[key],
        refresh=refresh,
        unfinished=key in unfinished_of(workspace, [key], seen),
        steps=plan.steps,
        attempts=tuple(
            (asset.partitions.key(at) if asset.partitions is not None else "", attempts[at])
            for at in sorted(attempts, key=lambda at: attempts[at].ended_at, reverse=True)[:_ATTEMPTS]
        ),
        busy=described(busy, asset.partitions) if busy else "",
    )


def _narrowed(tree: Tree, chosen: PartitionSet) -> Tree:
    """The answer for some of the partitions that were asked about."""
    return Tree(tree.condition, tree.key, tree.within & chosen, tree.true & chosen, tree.parts, tree.moment)


# --- as text and as JSON -----------------------------------------------------------------------------------


def _text(found: Answers, now: datetime, *, with_tree: bool) -> str:
    lines = [found.key]
    lines += [f"  {name:<{_WIDTH}}{text}" for name, text in _rows(found, now)]
    if with_tree and found.tree is not None:
        lines += ["", found.tree[0]]
    return "\n".join(lines)


def _rows(found: Answers, now: datetime) -> Iterator[tuple[str, str]]:
    none = "a sweep makes it only if the clock makes it due" if found.by_clock else "no sweep makes it"
    yield "automation", found.automation or f"none: {none}"
    slack = slack_text(found.freshness, now)
    yield "freshness", state_text(found.freshness, now) + (f", {slack}" if slack != "-" else "")
    if found.refresh is not None:
        yield "clock", f"looked at again by the next sweep: {found.refresh}"
    if found.unfinished:
        yield "effect", "the next sweep goes on with what is not finished"
    if found.busy:
        made = "" if found.busy == "everything" else f" {found.busy}"
        yield "running", f"another run is making it{made}"
    for step in found.steps:
        label = f"{step.label}: " if step.label else ""
        yield "when due", f"{_verb(step)}{label}{step.reason.text}"
    for name, attempt in found.attempts:
        reason = f": {attempt.reason}" if attempt.reason else ""
        yield (
            "attempt",
            f"{f'{name} ' if name else ''}{attempt.outcome} {moment_text(attempt.ended_at)}{reason}",
        )


def _verb(step: Step) -> str:
    return {"Materialize": "build ", "Adopt": "adopt ", "Check": "check ", "Observe": "look "}.get(
        type(step).__name__, f"{type(step).__name__.lower()} "
    )


def _document(found: Answers, now: datetime) -> object:
    return {
        "key": found.key,
        "automation": found.automation,
        "tree": json.loads(found.tree[1]) if found.tree is not None else None,
        "freshness": {
            "state": found.freshness.state,
            "as_of": found.freshness.as_of,
            "overdue_at": found.freshness.overdue_at,
            "because_of": found.freshness.culprit,
        },
        "clock": dict(found.refresh.needed_by) if found.refresh is not None else None,
        "unfinished": found.unfinished,
        "running": found.busy or None,
        "when_due": [
            {
                "step": type(step).__name__.lower(),
                "label": step.label,
                "reason": step.reason.text,
                "kind": step.reason.kind,
            }
            for step in found.steps
        ],
        "attempts": [
            {
                "partition": name or None,
                "outcome": one.outcome,
                "ended_at": one.ended_at,
                "reason": one.reason,
            }
            for name, one in found.attempts
        ],
    }
