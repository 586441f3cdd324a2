"""One measurement of ours in a process of its own: ``in_process.py build|decide FOLDER`` prints figures as JSON."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

from materializers import Project, Workspace, find_project, open_workspace, run_plan


def build(project: Project) -> None:
    """Materialize everything, then die by SIGKILL: what was published has to be there all the same."""
    started = time.perf_counter()
    workspace = open_workspace(project)
    loaded = time.perf_counter()
    before = time.process_time()
    result = run_plan(workspace.plan("*"), workspace)
    ended = time.perf_counter()
    report(
        counts=result.counts(),
        load_s=loaded - started,
        wall_s=ended - loaded,
        cpu_s=time.process_time() - before,
    )
    os.kill(os.getpid(), signal.SIGKILL)


def decide(project: Project) -> None:
    """Plan everything, and say how long each part took and how much memory was needed."""
    started = time.perf_counter()
    workspace = open_workspace(project)
    loaded, loaded_mb = time.perf_counter(), peak_mb()
    plan = workspace.plan("*")
    planned, planned_mb = time.perf_counter(), peak_mb()
    kinds: dict[str, int] = {}
    for step in plan.steps:
        kinds[type(step).__name__] = kinds.get(type(step).__name__, 0) + 1
    report(
        counts=kinds,
        load_s=loaded - started,
        plan_s=planned - loaded,
        peak_mb=planned_mb,
        plan_mb=planned_mb - loaded_mb,
        codes_s=time_of_codes(project),
    )


def time_of_codes(project: Project) -> float:
    """What the code digests take of a plan, measured apart on a workspace that has none yet."""
    workspace: Workspace = open_workspace(project)
    started = time.perf_counter()
    for key in workspace.graph.assets:
        workspace.basis(key)
    return time.perf_counter() - started


def peak_mb() -> float:
    """The most memory that this process has had so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def report(**figures: object) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    {"build": build, "decide": decide}[sys.argv[1]](find_project(Path(sys.argv[2])))
