"""How long a plan will take and how much it will store, by what was measured before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median

from graph.asset_graph import AssetGraph
from graph.steps import Materialize, Plan, name_of

ZERO = timedelta(0)
OVERHEAD = timedelta(milliseconds=1)
"""What a partition takes besides its function: to be looked at, claimed and recorded, one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one partition of an asset took once, to be computed, stored and checked, and the bytes that it gave.

    Args:
        code: the code digest that it was made with.
        duration: its share of the time of the call that made it.
    """

    code: str
    duration: timedelta
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a step is expected to take, one partition after the other.

    Args:
        versions: so many earlier ones it is the median of.
        same_code: they were made by the code that will run.
        certain: the step is carried out whatever upstream gives.
    """

    duration: timedelta
    size: int
    versions: int
    same_code: bool
    certain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a plan is expected to take.

    Args:
        costs: by the names of steps.
        unknown: the names of the steps of which nothing was ever made, so that nothing is known.
        work: the sum of all costs, one after the other.
        elapsed: the least that passes with ``jobs`` partitions side by side, as far as the steps wait for each other.
    """

    costs: Mapping[str, Cost] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    work: timedelta = ZERO
    elapsed: timedelta = ZERO
    size: int = 0
    jobs: int = 1


def estimate(
    plan: Plan,
    measured: Mapping[str, Sequence[Measured]],
    *,
    graph: AssetGraph,
    code: Mapping[str, str],
    jobs: int,
    overhead: timedelta = OVERHEAD,
) -> Estimate:
    """What a plan is expected to take: of each step the median of what was measured, times its partitions.

    Only what is built costs anything; what is kept, adopted or held does not.

    Args:
        measured: by key, some earlier versions; of other code than today's they count where there are no others.
        code: by key, today's code digest.
        jobs: how many partitions are made side by side.
        overhead: what each partition takes besides what was measured, which is not shared.
    """
    costs: dict[str, Cost] = {}
    unknown: list[str] = []
    for step in plan.steps:
        if not isinstance(step, Materialize):
            continue
        cost = _cost(step, measured, code, overhead)
        if cost is None:
            unknown.append(name_of(step))
        else:
            costs[name_of(step)] = cost
    work = sum((cost.duration for cost in costs.values()), ZERO)
    counted = sum(len(step.partitions) for step in plan.steps if name_of(step) in costs)
    return Estimate(
        costs=costs,
        unknown=tuple(unknown),
        work=work,
        elapsed=max(work / jobs, _longest_way(plan, costs, graph, jobs), overhead * counted),
        size=sum(cost.size for cost in costs.values()),
        jobs=jobs,
    )


def _cost(
    step: Materialize,
    measured: Mapping[str, Sequence[Measured]],
    code: Mapping[str, str],
    overhead: timedelta,
) -> Cost | None:
    """What one step is expected to take; outputs of one function share one call."""
    usable = [_usable(measured.get(key, ()), code.get(key, "")) for key in step.outputs]
    timed = usable[0]
    if not timed:
        return None
    count = len(step.partitions)
    each = median(one.duration / timedelta(microseconds=1) for one in timed)
    return Cost(
        duration=(timedelta(microseconds=each) + overhead) * count,
        size=round(sum(median(one.size for one in known) for known in usable if known) * count),
        versions=len(timed),
        same_code=timed[0].code == code.get(step.outputs[0], ""),
        certain=step.when == "always",
    )


def _usable(measured: Iterable[Measured], code: str) -> list[Measured]:
    """Those made by today's code, or all where none was."""
    found = list(measured)
    return [one for one in found if one.code == code] or found


def _longest_way(plan: Plan, costs: Mapping[str, Cost], graph: AssetGraph, jobs: int) -> timedelta:
    """How long the longest chain of steps takes that wait for each other."""
    ends: dict[str, timedelta] = {}
    for step in plan.steps:
        name = name_of(step)
        cost = costs.get(name)
        own = ZERO
        if cost is not None:
            hands = 1 if graph.assets[step.key].depends_on_itself else min(jobs, _calls(step, graph))
            own = cost.duration / hands
        ends[name] = own + max((ends.get(need, ZERO) for need in step.needs), default=ZERO)
    return max(ends.values(), default=ZERO)


def _calls(step: object, graph: AssetGraph) -> int:
    """In how many calls a step can be carried out side by side."""
    if not isinstance(step, Materialize):
        return 1
    batch, count = graph.assets[step.key].batch, len(step.partitions)
    if batch is None:
        return count
    slices = len(step.partitions.spans)
    return slices if batch.size is None else max(slices, -(-count // batch.size))
