"""Replay: `materialize SELECTION --as-of TIME`, which computes again what was to be computed then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from deployments.amounts import counted, first_line
from deployments.answers import Answer
from deployments.exporting import export
from deployments.opening import workspace_for
from deployments.text_table import aligned
from graph.steps import step_name
from materializers.replay import Replay, replaying
from materializers.result import Result
from materializers.runner import RunResult, run_plan


def replay(
    selection: str,
    at: datetime,
    *,
    partitions: str | None,
    folder: Path | None,
    environment: str | None,
    settings: Sequence[str],
    jobs: int | None,
) -> Answer:
    """Compute a selection from what was published at a time, and say whether the same came out as then.

    Nothing becomes visible. Values go to ``folder``, where one is given.
    """
    workspace = workspace_for(environment, settings)
    with replaying(workspace, selection, at) as found:
        chosen = " or ".join(sorted(found.selected))
        plan = found.workspace.plan(chosen, partitions=partitions, force=True, only=True)
        result = run_plan(plan, found.workspace, jobs=jobs)
        rows = [_row(one, found) for one in result.results]
        written = None if folder is None else export(found.workspace, chosen, folder)
    files = "" if written is None else f"\n{written.text()}"
    document = None if written is None else written.document()
    return Answer(
        text=lambda: _text(rows, result, at) + files,
        document=lambda: {
            "as_of": at,
            "outcome": result.outcome,
            "results": [
                {"name": name, "outcome": outcome, "compared": compared, "reason": reason}
                for name, outcome, compared, reason in rows
            ],
            "export": document,
        },
        exit_code=result.exit_code,
    )


def _row(result: Result, found: Replay) -> list[str]:
    """What came of some partitions, and how that compares with what was visible then."""
    key = result.step.key
    name = step_name(key, result.label)
    if result.outcome != "published":
        return [name, result.outcome, "", first_line(result.reason)]
    told = []
    for made, version_id in result.versions.items():
        then = found.then.get(made, {}).get(next(iter(result.partitions)))
        now = found.workspace.ledger.content(version_id).data_version
        told.append(
            "nothing was published then"
            if then is None
            else "the same as then"
            if then.data_version == now
            else f"differs from version {then.id}"
        )
    return [name, "computed", "; ".join(dict.fromkeys(told)), ""]


def _text(rows: Sequence[Sequence[str]], result: RunResult, at: datetime) -> str:
    head = (
        f"as of {at.isoformat()}; nothing became visible ({counted(len(rows), 'result')}, {result.outcome})"
    )
    return f"{aligned(rows, heads=['asset', 'outcome', 'compared', 'why'])}\n{head}"


__all__ = ["replay"]
