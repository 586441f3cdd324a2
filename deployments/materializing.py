"""The main job: plan a selection, say the plan or carry it out on an engine, and tell what came of it."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from deployments.answers import INTERRUPTED, Answer, note
from deployments.estimates import estimate_document, estimated, notes, total_text
from deployments.opening import workspace_for
from deployments.progress import watching
from deployments.run_summary import nothing_to_do, readable_files, summary_document, summary_text
from deployments.saved_plans import save, saved_plan
from deployments.text_table import shows_colours
from graph.plan_text import explain, to_json
from graph.steps import Plan
from materializers.runner import RunResult, default_jobs, require_served, run_plan
from materializers.serving import GivenUp, ServedOtherwise
from materializers.workspace import Workspace

Engine = Literal["local", "prefect"]


def plan_selection(
    selection: str,
    *,
    partitions: str | None = None,
    force: bool = False,
    only: bool = False,
    every: bool = False,
    jobs: int | None = None,
    out: Path | None = None,
    environment: str | None = None,
    settings: Sequence[str] = (),
) -> Answer:
    """Say what would be done for a selection, why, and what it will take; with ``every``, also what is kept.

    Args:
        out: a file to save the plan in.
    """
    workspace = workspace_for(environment, settings)
    plan = workspace.plan(selection, partitions=partitions, force=force, only=only, to_save=out is not None)
    refused = _refused(plan, workspace)
    takes = estimated(plan, workspace, jobs=jobs or default_jobs())
    saved = "" if out is None else save(plan, out)
    return Answer(
        text=lambda: "\n".join(
            filter(
                None,
                [
                    explain(plan, every=every, notes=notes(takes)) or nothing_to_do(plan),
                    total_text(takes),
                    f"a run of this would be refused: {refused}" if refused else "",
                    saved,
                ],
            )
        ),
        document=lambda: {
            **json.loads(to_json(plan)),
            "estimate": estimate_document(takes),
            "refused": refused or None,
        },
    )


def _refused(plan: Plan, workspace: Workspace) -> str:
    """Why this checkout could not carry a plan out; empty when it can."""
    try:
        require_served(workspace, plan)
    except (ServedOtherwise, GivenUp) as error:
        return str(error)
    return ""


def apply_plan(
    file: Path,
    *,
    explained: bool = False,
    engine: Engine = "local",
    jobs: int | None = None,
    fail_fast: bool = False,
    rehearse: bool = False,
    environment: str | None = None,
    settings: Sequence[str] = (),
    take_over: bool = False,
) -> Answer:
    """Carry out a saved plan, if everything that it was decided from is as it was.

    Raises:
        PlanRefused: something has moved; it is named.
    """
    plan = saved_plan(file)
    workspace = workspace_for(environment or plan.environment, settings, take_over=take_over)
    workspace.require_valid(plan)
    how = _How(engine=engine, jobs=jobs, fail_fast=fail_fast, rehearse=rehearse, explained=explained)
    return _carried_out(plan, workspace, how)


def materialize(
    selection: str,
    *,
    partitions: str | None = None,
    force: bool = False,
    only: bool = False,
    explained: bool = False,
    engine: Engine = "local",
    jobs: int | None = None,
    fail_fast: bool = False,
    rehearse: bool = False,
    environment: str | None = None,
    settings: Sequence[str] = (),
    take_over: bool = False,
) -> Answer:
    """Build what a selection needs; ``explained`` says the plan first, with every step's reason."""
    workspace = workspace_for(environment, settings, take_over=take_over)
    plan = workspace.plan(selection, partitions=partitions, force=force, only=only)
    how = _How(engine=engine, jobs=jobs, fail_fast=fail_fast, rehearse=rehearse, explained=explained)
    return _carried_out(plan, workspace, how)


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    """How a plan is carried out."""

    engine: Engine
    jobs: int | None
    fail_fast: bool
    rehearse: bool
    explained: bool


def _carried_out(plan: Plan, workspace: Workspace, how: _How) -> Answer:
    carry_out = engine_of(how.engine)
    if how.explained:
        note(explain(plan, every=True))
    started = time.monotonic()
    with watching(plan) as listener:
        try:
            result = carry_out(
                plan,
                workspace,
                jobs=how.jobs,
                listener=listener,
                fail_fast=how.fail_fast,
                rehearse=how.rehearse,
            )
        except KeyboardInterrupt:
            return _interrupted(listener.run_id)
    elapsed = timedelta(seconds=time.monotonic() - started)
    return _answer(result, workspace, elapsed, how.engine)


def _answer(result: RunResult, workspace: Workspace, elapsed: timedelta, engine: str) -> Answer:
    files = readable_files(result, workspace)
    return Answer(
        text=lambda: summary_text(
            result,
            list(files.values()),
            elapsed,
            colours=shows_colours(sys.stdout),
            width=max(40, shutil.get_terminal_size().columns - 40) if sys.stdout.isatty() else 200,
        ),
        document=lambda: summary_document(result, files, elapsed, engine),
        exit_code=result.exit_code,
    )


def _interrupted(run_id: str) -> Answer:
    message = f"interrupted; what was published stays, and the next run goes on from there (run {run_id})"
    return Answer(
        text=lambda: message,
        document=lambda: {"run": run_id, "outcome": "interrupted", "exit_code": INTERRUPTED},
        exit_code=INTERRUPTED,
    )


def engine_of(name: Engine) -> Callable[..., RunResult]:
    """What carries a plan out."""
    if name == "local":
        return run_plan
    from deployments.prefect_engine import run_with_prefect

    return run_with_prefect
