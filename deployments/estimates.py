"""What a plan will take, as people and programs read it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from deployments.amounts import counted, size_text, span_text
from graph.estimate import Cost, Estimate, estimate
from graph.steps import Materialize, Plan
from materializers.workspace import Workspace

_FAST = timedelta(seconds=1)


def estimated(plan: Plan, workspace: Workspace, *, jobs: int) -> Estimate:
    """What a plan will take by what the ledger has measured."""
    keys = {key for step in plan.steps if isinstance(step, Materialize) for key in step.outputs}
    return estimate(
        plan,
        workspace.ledger.measured(keys) if keys else {},
        graph=workspace.graph,
        code={key: workspace.basis(workspace.graph[key].producer).code for key in keys},
        jobs=jobs,
    )


def notes(found: Estimate) -> Mapping[str, str]:
    """By the names of steps, what each is expected to take; without those of which nothing is known."""
    return {name: _note(cost) for name, cost in found.costs.items()}


def _note(cost: Cost) -> str:
    other = "" if cost.same_code else ", as its former code did"
    return f"{_span('about', cost.duration)}, {size_text(cost.size)}{other}"


def total_text(found: Estimate) -> str:
    """The whole in one line; empty when there is nothing to build.

    >>> total_text(Estimate(unknown=("a/x", "a/y")))
    'how long this takes is not known: none of it was ever built'
    """
    if not found.costs:
        return "how long this takes is not known: none of it was ever built" if found.unknown else ""
    unsure = sum((cost.duration for cost in found.costs.values() if not cost.certain), timedelta(0))
    shared = found.elapsed < found.work and found.elapsed >= _FAST
    side = f", {span_text(found.elapsed)} with {found.jobs} side by side" if shared else ""
    first = (
        f"; besides {counted(len(found.unknown), 'step')} that {'were' if len(found.unknown) > 1 else 'was'}"
        " never built, of which nothing is known"
        if found.unknown
        else ""
    )
    work = _span("at most" if unsure else "about", found.work)
    return f"{work} of work{side}, {size_text(found.size)}{first}"


def _span(word: str, span: timedelta) -> str:
    return "less than 1 s" if span < _FAST else f"{word} {span_text(span)}"


def estimate_document(found: Estimate) -> dict[str, Any]:
    """The same for programs."""
    return {
        "work_s": round(found.work.total_seconds(), 3),
        "elapsed_s": round(found.elapsed.total_seconds(), 3),
        "jobs": found.jobs,
        "bytes": found.size,
        "unknown": list(found.unknown),
        "steps": {
            name: {
                "duration_s": round(cost.duration.total_seconds(), 3),
                "bytes": cost.size,
                "measured_versions": cost.versions,
                "same_code": cost.same_code,
                "certain": cost.certain,
            }
            for name, cost in found.costs.items()
        },
    }
