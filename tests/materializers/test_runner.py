"""A plan is carried out: order, side by side, fail-fast, stop, cancel."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from graph import Execution, asset
from graph.partition_set import WHOLE
from graph.steps import Plan, Step
from materializers import Workspace, building, in_memory, run_plan
from materializers.ledger import AttemptRecord, RunRecord, Wanted
from materializers.result import RunScope
from materializers.runner import RunResult
from materializers.step import Result

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parents[2]


class Witness:
    """A listener that remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def run_started(self, run_id: str, plan: Plan, found: tuple[AttemptRecord, ...]) -> None:
        self.heard.append(f"run of {plan.selection}")

    def step_started(self, step: Step) -> None:
        self.heard.append(f"start {step.key.rpartition('/')[2]}")

    def step_waits(self, key: str, run_id: str) -> None: ...

    def step_progressed(self, step: Step, done: float, total: float) -> None:
        self.heard.append(f"{done:g} of {total:g}")

    def step_ended(self, result: Result) -> None:
        self.heard.append(f"{result.outcome} {result.name.rpartition('/')[2]}")


def carry_out(workspace: Workspace, *, jobs: int = 1, fail_fast: bool = False) -> RunResult:
    return run_plan(workspace.plan("*"), workspace, jobs=jobs, fail_fast=fail_fast)


def test_independent_steps_run_side_by_side() -> None:
    meeting = threading.Barrier(2, timeout=10)

    @asset
    def left() -> int:
        meeting.wait()
        return 1

    @asset
    def right() -> int:
        meeting.wait()
        return 1

    assert carry_out(in_memory([left, right]), jobs=2).outcome == "succeeded"


def test_a_listener_hears_what_happens_in_order() -> None:
    from graph import Run

    @asset
    def a(run: Run) -> int:
        run.progress(1, 2)
        return 1

    @asset
    def b(a: int) -> int:
        return a

    workspace, witness = in_memory([a, b]), Witness()
    run_plan(workspace.plan("*"), workspace, jobs=1, listener=witness)
    assert witness.heard == ["run of *", "start a", "1 of 2", "published a", "start b", "published b"]


def test_fail_fast_starts_nothing_after_a_failure() -> None:
    @asset
    def bad() -> int:
        raise ValueError("no")

    @asset(after=["bad"])
    def later() -> int:
        return 1

    workspace = in_memory([bad, later])
    assert [one.outcome for one in carry_out(workspace, fail_fast=True).results] == ["failed", "cancelled"]
    assert [one.outcome for one in carry_out(workspace).results] == ["failed", "published"]


def test_a_cancelled_run_stops_and_says_so() -> None:
    entered = threading.Event()
    never = threading.Event()

    @asset
    def slow() -> int:
        entered.set()
        return 1

    @asset(after=["slow"], run=Execution(retries=1_000_000))
    def retried() -> int:
        never.wait(0.01)
        raise OSError("again")

    workspace = in_memory([slow, retried])
    plan = workspace.plan("*")
    results: list[RunResult] = []
    thread = threading.Thread(target=lambda: results.append(run_plan(plan, workspace, jobs=1)))
    thread.start()
    entered.wait(10)
    (running,) = workspace.ledger.runs()
    assert workspace.ledger.cancel_run(running.id)
    thread.join(20)
    assert (results[0].outcome, results[0].exit_code) == ("cancelled", 1)
    assert workspace.ledger.run(running.id).outcome == "cancelled"


SLEEPER = """
import sys, threading
sys.path[:0] = {paths!r}
from graph import asset
from materializers import find_project, open_workspace, run_plan
from pathlib import Path
workspace = open_workspace(find_project(Path({folder!r}), environ={{}}))
print("planned", flush=True)
try:
    run_plan(workspace.plan("*"), workspace, jobs=2)
except KeyboardInterrupt:
    print("stopped", flush=True)
    sys.exit(130)
"""


def test_ctrl_c_leaves_nothing_half_and_does_not_wait(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["sleepers"]\n')
    (tmp_path / "sleepers.py").write_text(
        "import pathlib, threading\nfrom graph import asset\n\n"
        "@asset\ndef sleeper() -> int:\n"
        f"    pathlib.Path({str(tmp_path / 'entered')!r}).touch()\n"
        "    threading.Event().wait(60)\n    return 1\n"
    )
    code = SLEEPER.format(paths=[str(ROOT), str(tmp_path)], folder=str(tmp_path))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    deadline = time.monotonic() + 30
    while not (tmp_path / "entered").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=20)
    assert (out.split(), child.returncode) == (["planned", "stopped"], 130)
    assert time.monotonic() - began < 15
    from materializers.sql_ledger import open_sqlite_ledger

    ledger = open_sqlite_ledger(tmp_path / ".assets" / "ledger.sqlite")
    (run,) = ledger.runs()
    assert run.outcome == "interrupted"
    assert [one.outcome for one in ledger.attempts_of(run.id)] == ["interrupted"]
    ledger.close()


def test_who_waits_for_another_run_is_told_for_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    @asset(name="g/a")
    def a() -> int:
        return 1

    monkeypatch.setattr(building, "TOLD_AFTER_POLLS", 1)
    workspace = in_memory([a])
    ledger = workspace.ledger
    told: list[tuple[str, str]] = []
    for name in ("theirs", "mine"):
        record = RunRecord(
            id=name, environment="main", selection="*", engine="local", started_at=workspace.clock()
        )
        ledger.begin_run(record)
    wanted = {WHOLE: Wanted(fingerprint="f", was=None)}
    ledger.begin("main", "g/a", wanted, run_id="theirs", number=1)

    def waits(key: str, run_id: str) -> None:
        told.append((key, run_id))
        ledger.end_run("theirs", "interrupted")

    scope = RunScope(run_id="mine", horizon=workspace.horizon(), sequence=0, waits=waits)
    assert isinstance(building.claim(workspace, scope, "g/a", wanted, number=1), tuple)
    assert told == [("g/a", "theirs")]
