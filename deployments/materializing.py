"""The main job: plan a selection, say the plan or carry it out on an engine, and tell what came of it."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Literal

from deployments.answers import INTERRUPTED, Answer, note
from deployments.opening import workspace_for
from deployments.progress import watching
from deployments.run_summary import readable_files, summary_document, summary_text
from deployments.text_table import shows_colours
from graph.plan_text import explain, to_json
from materializers.runner import RunResult, run_plan
from materializers.workspace import Workspace

Engine = Literal["local", "prefect"]


def plan_selection(
    selection: str,
    *,
    partitions: str | None = None,
    force: bool = False,
    only: bool = False,
    every: bool = False,
    environment: str | None = None,
    settings: Sequence[str] = (),
) -> Answer:
    """Say what would be done for a selection, and why; with ``every``, also what is kept."""
    plan = workspace_for(environment, settings).plan(selection, partitions=partitions, force=force, only=only)
    return Answer(text=lambda: explain(plan, every=every), document=lambda: json.loads(to_json(plan)))


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
) -> Answer:
    """Build what a selection needs; ``explained`` says the plan first, with every step's reason."""
    carry_out = _engine(engine)
    workspace = workspace_for(environment, settings)
    plan = workspace.plan(selection, partitions=partitions, force=force, only=only)
    if explained:
        note(explain(plan, every=True))
    started = time.monotonic()
    with watching(plan) as listener:
        try:
            result = carry_out(
                plan, workspace, jobs=jobs, listener=listener, fail_fast=fail_fast, rehearse=rehearse
            )
        except KeyboardInterrupt:
            return _interrupted(listener.run_id)
    elapsed = timedelta(seconds=time.monotonic() - started)
    return _answer(result, workspace, elapsed, engine)


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


def _engine(name: Engine) -> Callable[..., RunResult]:
    if name == "local":
        return run_plan
    from deployments.prefect_engine import run_with_prefect

    return run_with_prefect
