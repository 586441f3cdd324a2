"""The sweep: what is due now is made, and nothing else.

Due are the assets whose automation holds, the sources and volatile assets that make something too old, and effects that
automation began and that are not finished. What follows from the record alone is found again by whoever looks next, so
that two sweeps at once, or none for a week, do no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from graph import AssetGraph
from graph.conditions import Condition
from graph.evaluation import Due, Tree, due
from graph.facts import Moment
from graph.partition_set import EMPTY, ONLY, PartitionSet
from graph.partitioning import GraphPartitioning
from graph.partitions import Horizon
from graph.plan import make_plan, scope_of
from graph.reading import Reader
from graph.refreshing import Refresh, what_to_refresh
from graph.settling import AGAIN
from graph.state import Attempt
from graph.steps import Hold, Keep, LeftOut, Materialize, Plan
from graph.why import because
from materializers.concluding import conclude
from materializers.ledger_facts import LedgerFacts
from materializers.patience import uncollected
from materializers.result import Result, RunScope
from materializers.runner import Listener, RunResult, run_plan
from materializers.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What a sweep found, and the plan that it made of it.

    Args:
        due: the answers of automation.
        refresh: by key, the sources and volatile assets that make something too old.
        unfinished: by key, what effects have begun and not finished.
        busy: by key, what is due as well, and a living run is making.
        new: the assets whose automation this sweep is the first to see: it is switched on, as of now.
    """

    plan: Plan
    due: Due
    refresh: Mapping[str, Refresh] = field(default_factory=dict)
    unfinished: Mapping[str, PartitionSet] = field(default_factory=dict)
    busy: Mapping[str, PartitionSet] = field(default_factory=dict)
    new: tuple[str, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Whether a run would do nothing and have nothing to note."""
        return all(isinstance(step, Hold) for step in self.plan.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What automation is asked of, at one moment: the record, the definitions and the time."""

    facts: LedgerFacts
    partitioning: GraphPartitioning
    now: datetime
    new: tuple[str, ...]

    @property
    def reader(self) -> Reader:
        """What is visible."""
        return self.facts.reader


def sweep(workspace: Workspace, selection: str = "*") -> Sweep:
    """Find out what is due of a selection, and plan it; nothing is recorded."""
    graph, keys = workspace.graph, workspace.keys(selection)
    with view(workspace, keys) as seen, uncollected():
        refresh = what_to_refresh(graph, seen.facts.states(), seen.reader, seen.now, keys)
        unfinished = unfinished_of(workspace, keys, seen)
        wanted = {key: one.partitions for key, one in refresh.items()} | unfinished
        found = due(
            graph,
            conditions_of(graph, keys),
            seen.facts,
            seen.partitioning,
            seen.now,
            catch_up={key: one.catch_up for key, one in graph.assets.items() if one.catch_up is not None},
            also=wanted,
        )
        for key, partitions in found.partitions.items():
            wanted[key] = wanted.get(key, EMPTY) | partitions
        busy = {key: seen.facts.status("in progress", key, partitions) for key, partitions in wanted.items()}
        wanted = {key: partitions - busy[key] for key, partitions in wanted.items()}
        why = _why(graph, found, refresh, seen)
        horizon = seen.reader.horizon
    plan = planned(workspace, selection, {key: one for key, one in wanted.items() if one}, why, horizon)
    left_out = tuple(
        LeftOut(key=key, partitions=partitions, text=str(graph[key].catch_up))
        for key, partitions in found.left_out.items()
    )
    return Sweep(
        plan=replace(plan, left_out=left_out),
        due=found,
        refresh=refresh,
        unfinished=unfinished,
        busy={key: partitions for key, partitions in busy.items() if partitions},
        new=seen.new,
    )


def unfinished_of(workspace: Workspace, keys: Iterable[str], seen: View) -> dict[str, PartitionSet]:
    """By key, what automated effects have begun and not finished; what has just failed is left alone for a while."""
    graph, found = workspace.graph, {}
    automated = [key for key in conditions_of(graph, keys) if graph[key].is_effect]
    on = [key for key in automated if seen.facts.switched_on(key) is not None]
    for key, facts in workspace.effect_facts(on).items():
        asset = graph[key]
        begun = ONLY if facts.unfinished else EMPTY
        if asset.partitions is not None:
            begun = PartitionSet.of(map(asset.partitions.partition, facts.unfinished))
            begun &= seen.reader.existing(key)
        attempts = seen.reader.state.attempts(asset.producer, begun)
        patience = asset.execution.retry_after or AGAIN
        resting = (at for at, one in attempts.items() if _has_just_failed(one, seen.now - patience))
        if left := begun - PartitionSet.of(resting):
            found[key] = left
    return found


def _has_just_failed(attempt: Attempt, since: datetime) -> bool:
    return attempt.outcome == "failed" and attempt.ended_at > since


def carry_out(
    found: Sweep,
    workspace: Workspace,
    *,
    jobs: int | None = None,
    listener: Listener | None = None,
    run: Callable[..., RunResult] = run_plan,
) -> RunResult | None:
    """Make what a sweep found due, and note what it is the first to see; None where there is nothing to do."""
    if found.new:
        workspace.ledger.switch_automation(workspace.environment, found.new, on=True)
    if found.is_idle:
        return None
    result = run(found.plan, workspace, jobs=jobs, listener=listener)
    advance(found, workspace, result.run_id)
    return result


def advance(found: Sweep, workspace: Workspace, run_id: str) -> None:
    """What reads something that was looked at again and turned out to be current is as new as that, without work."""
    graph = workspace.graph
    below = graph.descendants(found.refresh) & graph.ancestors(
        key for one in found.refresh.values() for key in one.needed_by
    )
    keys = [key for key in graph.assets if key in below and key not in found.plan.targets]
    if not keys:
        return
    plan = planned(workspace, found.plan.selection, dict.fromkeys(keys), {}, None)
    kept = [step for step in plan.steps if isinstance(step, Keep)]
    results = [Result(step=step, partitions=step.partitions, outcome="kept") for step in kept]
    scope = RunScope(run_id=run_id, horizon=workspace.horizon(plan.made_at), sequence=plan.sequence)
    conclude(replace(plan, steps=tuple(kept)), results, workspace, scope)


@contextmanager
def view(workspace: Workspace, keys: Iterable[str]) -> Iterator[View]:
    """What automation of some assets is asked of. An asset that no sweep has seen yet is switched on, as of now."""
    graph, horizon, chosen = workspace.graph, workspace.horizon(), frozenset(keys)
    with workspace.ledger.journal(workspace.environment) as journal:
        state = journal.state
        reader = Reader(graph=graph, state=state, horizon=horizon)
        on = dict(journal.switched_on())
        automated = conditions_of(graph, chosen)
        new = tuple(key for key in automated if key not in on)
        now = Moment(horizon.now, state.sequence)
        facts = LedgerFacts(
            journal=journal,
            reader=reader,
            now=horizon.now,
            on={**on, **dict.fromkeys(new, now)},
            code=lambda key: workspace.basis(key).code,
            outdated=partial(outdated, workspace),
        )
        at = partial(horizon_at, workspace)
        partitioning = GraphPartitioning(reader=reader, horizon_at=at)
        yield View(facts=facts, partitioning=partitioning, now=horizon.now, new=new)


def conditions_of(graph: AssetGraph, keys: Iterable[str]) -> Mapping[str, Condition]:
    """The automation of those of some assets that have one."""
    chosen = frozenset(keys)
    return {
        key: one.automation
        for key, one in graph.assets.items()
        if key in chosen and one.automation is not None
    }


def horizon_at(workspace: Workspace, at: datetime) -> Horizon:
    """What decided which partitions existed at a time."""
    dynamic = partial(workspace.ledger.dynamic_keys, as_of=at)
    return replace(workspace.horizon(at), dynamic=dynamic)


def outdated(workspace: Workspace, key: str) -> PartitionSet:
    """The visible partitions of which other things would go in today than went in."""
    steps = workspace.plan(key, only=True).steps
    return PartitionSet.union(
        step.served for step in steps if isinstance(step, Materialize) and key in step.outputs
    )


def planned(
    workspace: Workspace,
    selection: str,
    wanted: Mapping[str, PartitionSet | None],
    why: Mapping[str, str],
    horizon: Horizon | None,
) -> Plan:
    """The plan that makes these partitions, in their order, and leaves all others as they are.

    Args:
        wanted: by key; None for all partitions that exist.
    """
    graph = workspace.graph
    scope = scope_of(graph, wanted, only=True)
    known = workspace.known(scope)
    with workspace.ledger.state(workspace.environment, graph.ancestors(scope)) as state, uncollected():
        return make_plan(
            graph,
            selection=selection,
            targets=wanted,
            state=state,
            known=known,
            horizon=horizon or workspace.horizon(),
            partitions={key: partitions for key, partitions in wanted.items() if partitions is not None},
            only=True,
            due=why,
        )


def _why(graph: AssetGraph, found: Due, refresh: Mapping[str, Refresh], seen: View) -> Mapping[str, str]:
    """By key, why a sweep looks at an asset."""
    told = {key: str(one) for key, one in refresh.items()}
    for key in found.partitions:
        tree = next((found.trees[one] for one in graph.siblings(key) if one in found.trees), None)
        if tree is not None:
            told[key] = automation_text(tree, seen)
    return told


def automation_text(tree: Tree, seen: View) -> str:
    """The condition that holds, and why it does."""
    name = tree.condition.label or "its automation"
    return f"{name}: {because(tree, seen.partitioning, seen.now)}"
