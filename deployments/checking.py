"""`assets check`: what the checks say now of what is published, told by asset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deployments.amounts import counted
from deployments.answers import INTERRUPTED, Answer
from deployments.materializing import Engine, engine_of
from deployments.opening import workspace_for
from deployments.progress import watching
from deployments.run_summary import verdict_document
from graph.asset_graph import AssetGraph
from graph.steps import Plan, step_name
from materializers.checking import plan_checks
from materializers.runner import RunResult
from materializers.step import Result
from materializers.workspace import Workspace

if TYPE_CHECKING:
    from checks import Verdict

_PARTITIONS_TOLD = 5
"""So many partitions of an asset that fail are told one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the checks said of one published version; ``label`` is its partition for people."""

    key: str
    label: str
    verdicts: tuple[Verdict, ...]

    def failing(self) -> tuple[Verdict, ...]:
        """Those that do not hold."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)


def check(
    selection: str,
    *,
    partitions: str | None = None,
    engine: Engine = "local",
    jobs: int | None = None,
    environment: str | None = None,
) -> Answer:
    """Judge what is published of a selection, and tell what the checks say."""
    workspace = workspace_for(environment)
    plan = plan_checks(workspace, selection, partitions=partitions)
    carry_out = engine_of(engine)
    with watching(plan) as listener:
        try:
            run = carry_out(plan, workspace, jobs=jobs, listener=listener)
        except KeyboardInterrupt:
            return Answer(
                text=lambda: "interrupted; what was judged stays on record",
                document=lambda: {"outcome": "interrupted", "exit_code": INTERRUPTED},
                exit_code=INTERRUPTED,
            )
    said = list(_said(run))
    return Answer(
        text=lambda: _text(plan, run, said, workspace.graph),
        document=lambda: _document(plan, run, said, workspace.graph),
        exit_code=run.exit_code,
    )


def _said(run: RunResult) -> Iterator[Said]:
    for result in run.results:
        for key, verdicts in result.verdicts.items():
            yield Said(key=key, label=result.label, verdicts=verdicts)


def _text(plan: Plan, run: RunResult, said: Sequence[Said], graph: AssetGraph) -> str:
    lines = [line for key in dict.fromkeys(one.key for one in said) for line in _of_asset(key, said)]
    lines += [f"{result.name}: {result.reason}" for result in run.results if _went_wrong(result)]
    lines += _left_out(plan, graph)
    every = [verdict for one in said for verdict in one.verdicts]
    hold = sum(verdict.passed for verdict in every)
    parts = [f"{hold:,} hold"]
    for words, chosen in (
        ("fail", [one for one in every if one.blocks and one.error is None]),
        ("cannot be judged", [one for one in every if one.error is not None]),
        ("warn", [one for one in every if not one.passed and not one.blocks and one.error is None]),
    ):
        parts += [f"{len(chosen):,} {words}"] if chosen else []
    assets = counted(len({one.key for one in said}), "asset")
    if not said:
        return "\n".join([*lines, "there is nothing published that has checks"])
    closing = f"{assets}, {counted(len(every), 'verdict')}: {', '.join(parts)}; run {run.run_id}"
    return "\n".join([*lines, "", closing])


def _of_asset(key: str, said: Sequence[Said]) -> Iterator[str]:
    """One line for an asset, and below it what does not hold."""
    mine = [one for one in said if one.key == key]
    bad = [one for one in mine if one.failing()]
    names = len({verdict.check for one in mine for verdict in one.verdicts})
    of = f" in {counted(len(mine), 'partition')}" if mine[0].label else ""
    if not bad:
        yield f"{key}: {counted(names, 'check')} {'hold' if names > 1 else 'holds'}{of}"
        return
    worst = max(len(one.failing()) for one in bad)
    where = f" in {len(bad):,} of {counted(len(mine), 'partition')}" if mine[0].label else ""
    up_to = "up to " if len({len(one.failing()) for one in bad}) > 1 else ""
    yield f"{key}: {up_to}{worst} of {counted(names, 'check')} {'do' if worst > 1 else 'does'} not hold{where}"
    for one in bad[:_PARTITIONS_TOLD]:
        for verdict in one.failing():
            mild = "" if verdict.blocks or verdict.aside is not None else f" ({verdict.severity} only)"
            place = f"{one.label}: " if one.label else ""
            yield "\n".join(f"  {line}" for line in f"{place}{verdict.describe()}{mild}".splitlines())
    if len(bad) > _PARTITIONS_TOLD:
        yield f"  and {len(bad) - _PARTITIONS_TOLD:,} more partitions"


def _went_wrong(result: Result) -> bool:
    return result.outcome in ("failed", "cancelled", "interrupted")


def _left_out(plan: Plan, graph: AssetGraph) -> list[str]:
    judged = {step.key for step in plan.steps}
    without = [key for key in plan.targets if key not in judged and graph[key].checks]
    return [f"{key}: nothing is published" for key in without]


def _document(plan: Plan, run: RunResult, said: Sequence[Said], graph: AssetGraph) -> dict[str, Any]:
    return {
        "run": run.run_id,
        "outcome": run.outcome,
        "exit_code": run.exit_code,
        "environment": plan.environment,
        "judged": [
            {
                "key": one.key,
                "partition": one.label or None,
                "failing": any(verdict.blocks for verdict in one.verdicts),
                "verdicts": [verdict_document(verdict) for verdict in one.verdicts],
            }
            for one in said
        ],
        "went_wrong": [
            {"name": one.name, "outcome": one.outcome, "reason": one.reason}
            for one in run.results
            if _went_wrong(one)
        ],
        "unchecked": {key: graph[key].unchecked for key in plan.targets if not graph[key].checks},
    }


def checked(workspace: Workspace, run: RunResult) -> str:
    """One line about a run of checks, for logs."""
    said = list(_said(run))
    failing = [step_name(one.key, one.label) for one in said if any(v.blocks for v in one.verdicts)]
    told = f"; failing: {', '.join(failing[:10])}" if failing else ""
    return f"judged {counted(len(said), 'version')} in {workspace.environment}{told}"
