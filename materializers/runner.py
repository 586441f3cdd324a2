"""Carrying a plan out in this process: independent steps side by side, the others after what they need."""

from __future__ import annotations

import os
import platform
import queue
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

from graph import Asset
from graph.ages import inherited_as_of
from graph.partitions import partition_ordinal
from graph.plan import Keep, Plan, Step, step_id
from graph.plan_text import to_json
from graph.reading import Published
from graph.state import Version
from materializers.ledger import AttemptRecord, LedgerError, RunRecord
from materializers.ordering import Ended, in_order
from materializers.output import captured
from materializers.step import Result, RunScope, perform
from materializers.workspace import Workspace

HEARTBEAT_S = 1.0
RENEW_EVERY = 15  # heartbeats; well within a lease
NAMED_LIBRARIES = ("prefect-asset-graph", "pyarrow", "duckdb", "pydantic", "pandas", "numpy")

RunOutcome = Literal["succeeded", "failed", "rejected", "interrupted", "cancelled"]


class Listener(Protocol):
    """Somebody who watches a run; called from several threads."""

    def run_started(self, run_id: str, plan: Plan, found: tuple[AttemptRecord, ...]) -> None:
        """The run begins; ``found`` are attempts that killed runs left open."""

    def step_started(self, step: Step) -> None:
        """A step that may change something begins."""

    def step_progressed(self, step: Step, done: float, total: float) -> None:
        """The asset's function told how far it is."""

    def step_ended(self, result: Result) -> None:
        """A step has ended."""


class Silent:
    """Nobody watches."""

    def run_started(self, run_id: str, plan: Plan, found: tuple[AttemptRecord, ...]) -> None:
        """See `Listener`."""

    def step_started(self, step: Step) -> None:
        """See `Listener`."""

    def step_progressed(self, step: Step, done: float, total: float) -> None:
        """See `Listener`."""

    def step_ended(self, result: Result) -> None:
        """See `Listener`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended, with each step's result in the plan's order."""

    run_id: str
    plan: Plan
    results: tuple[Result, ...]
    outcome: RunOutcome

    def counts(self) -> dict[str, int]:
        """How many steps had which outcome."""
        found: dict[str, int] = {}
        for result in self.results:
            found[result.outcome] = found.get(result.outcome, 0) + 1
        return found

    @property
    def exit_code(self) -> int:
        """0, or 1 when something failed or was not reached, or 3 when checks held something back."""
        return {"succeeded": 0, "rejected": 3, "interrupted": 130}.get(self.outcome, 1)


@contextmanager
def running(
    workspace: Workspace, plan: Plan, *, engine: str, listener: Listener, run_id: str | None = None
) -> Iterator[tuple[RunScope, list[Result]]]:
    """A run that is on record and shows signs of life, on either engine; put the results into the list."""
    scope = RunScope(run_id=run_id or new_run_id(workspace.clock()), progressed=listener.step_progressed)
    record = RunRecord(
        id=scope.run_id,
        environment=plan.environment,
        selection=plan.selection,
        engine=engine,
        started_at=workspace.clock(),
        context=run_context(workspace) if plan.work() else {},
        plan=to_json(plan) if plan.work() else "",
    )
    found = workspace.ledger.begin_run(record)
    listener.run_started(scope.run_id, plan, found)
    results: list[Result] = []
    ended = threading.Event()
    cancelled = threading.Event()
    heart = threading.Thread(target=_beat, args=(workspace, scope, ended, cancelled), daemon=True)
    heart.start()
    outcome: RunOutcome = "interrupted"
    try:
        with captured():
            yield scope, results
        outcome = "cancelled" if cancelled.is_set() else _outcome(results)
    finally:
        scope.stop.set()
        ended.set()
        heart.join()
        workspace.ledger.end_run(scope.run_id, outcome)


def _beat(workspace: Workspace, scope: RunScope, ended: threading.Event, cancelled: threading.Event) -> None:
    beats = 0
    while not ended.wait(HEARTBEAT_S):
        beats += 1
        try:
            if beats % RENEW_EVERY == 0:
                workspace.ledger.renew(scope.run_id)
            if not scope.stop.is_set() and workspace.ledger.cancelled(scope.run_id):
                cancelled.set()
                scope.stop.set()
        except LedgerError:  # busy for now: the next beat tries again, long before the lease ends
            beats = RENEW_EVERY - 1


def _outcome(results: list[Result]) -> RunOutcome:
    outcomes = {result.outcome for result in results}
    held = {result.because or result.step.reason.kind for result in results if result.outcome == "held"}
    failing = any(result.step.reason.kind == "failing" for result in results)
    if "failed" in outcomes or "not observed" in held:
        return "failed"
    if "interrupted" in outcomes or "cancelled" in outcomes:
        return "cancelled"
    if failing or "rejected" in outcomes or "rejected before" in held:
        return "rejected"
    return "failed" if "waits" in held else "succeeded"


def run_plan(
    plan: Plan,
    workspace: Workspace,
    *,
    jobs: int | None = None,
    fail_fast: bool = False,
    listener: Listener | None = None,
) -> RunResult:
    """Carry out a plan.

    What does not depend on a failed or rejected step still runs; with ``fail_fast`` nothing new starts after the
    first failure. On Ctrl-C, running attempts are recorded as interrupted and their results discarded.

    Args:
        jobs: how many steps run side by side; as many as there are processors, at most 8.
    """
    watched = listener or Silent()
    with running(workspace, plan, engine="local", listener=watched) as (scope, results):
        workers = _Workers(workspace, scope, watched)
        workers.start(min(max(1, jobs or min(8, os.cpu_count() or 1)), len(plan.work())))
        try:
            found = in_order(
                plan,
                scope,
                workers.begin,
                lambda step: perform(step, workspace, scope),
                workers.ended,
                listener=watched,
                fail_fast=fail_fast,
            )
        finally:
            workers.dismiss()
        results.extend(found)
        advance_kept(plan, results, workspace, scope.run_id)
    return run_result(plan, results, workspace, scope.run_id)


def run_result(plan: Plan, results: list[Result], workspace: Workspace, run_id: str) -> RunResult:
    """How a run ended that is not running any more, on either engine."""
    order = {step_id(step.key, step.partition): index for index, step in enumerate(plan.steps)}
    ordered = tuple(sorted(results, key=lambda result: order[result.id]))
    ended = workspace.ledger.run(run_id).outcome
    return RunResult(run_id=run_id, plan=plan, results=ordered, outcome=ended or "interrupted")  # type: ignore[arg-type]  # what `running` wrote


def advance_kept(plan: Plan, results: list[Result], workspace: Workspace, run_id: str) -> None:
    """A kept step verifies: what it was found current as of advances with its upstream, without work."""
    kept = [result.step for result in results if isinstance(result.step, Keep)]
    if not kept:
        return
    state = workspace.ledger.state(plan.environment)
    renewed: dict[str, dict[int, Version]] = {}

    def published(key: str) -> Mapping[int, Version]:
        return renewed.get(key) or state.published(key)

    seen = []
    order = {step_id(step.key, step.partition): position for position, step in enumerate(plan.steps)}
    for step in sorted(kept, key=lambda step: order[step_id(step.key, step.partition)]):
        asset, ordinal = workspace.graph[step.key], partition_ordinal(step.partition)
        version = published(asset.key).get(ordinal)
        found = _found_current(asset, ordinal, workspace, published)
        if version is not None and found is not None and (version.as_of, version.ends) != found:
            as_of, ends = found
            seen.append((version, as_of, ends))
            renewed[asset.key] = {
                **published(asset.key),
                ordinal: replace(version, as_of=as_of, ends=ends),
            }
    workspace.ledger.verify(plan.environment, seen, run_id)


def _found_current(
    asset: Asset, ordinal: int, workspace: Workspace, published: Published
) -> tuple[datetime | None, bool] | None:
    """As of when a kept asset was found current, and whether it ends; None where nobody looked."""
    if asset.volatile:
        return workspace.seen_by(asset)
    return inherited_as_of(asset, ordinal, workspace.graph, published) if asset.upstream else None


class _Workers:
    """Threads that carry out the steps they are given. Daemon threads: a stopped run does not wait for them."""

    def __init__(self, workspace: Workspace, scope: RunScope, listener: Listener) -> None:
        self._workspace, self._scope, self._listener = workspace, scope, listener
        self._given: queue.SimpleQueue[Step | None] = queue.SimpleQueue()
        self._threads = 0
        self.ended: Ended = queue.SimpleQueue()

    def start(self, count: int) -> None:
        """Have ``count`` threads ready."""
        self._threads = count
        for number in range(count):
            threading.Thread(target=self._work, name=f"step-{number}", daemon=True).start()

    def begin(self, step: Step, _: list[str]) -> None:
        """Give a step to the next thread that is free."""
        self._given.put(step)

    def dismiss(self) -> None:
        """Nothing more will be given."""
        for _ in range(self._threads):
            self._given.put(None)

    def _work(self) -> None:
        while (step := self._given.get()) is not None:
            try:
                self._listener.step_started(step)
                self.ended.put(perform(step, self._workspace, self._scope))
            except BaseException as error:  # noqa: BLE001  # the main thread raises it: a fault of ours, or a full disk
                self.ended.put(error)


def new_run_id(now: datetime) -> str:
    """A name that sorts by time and that people can say: ``20261122-054512-3f9a1c``."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def run_context(workspace: Workspace) -> Mapping[str, str]:
    """What a run works with: recorded once with the run, for each of its materializations."""
    from importlib import metadata

    context = {
        "python": platform.python_version(),
        "host": platform.node(),
        "platform": sys.platform,
        "commit": _git(workspace, "rev-parse", "HEAD"),
    }
    if context["commit"]:
        changed = _git(workspace, "status", "--porcelain", "--untracked-files=no")
        context["commit"] += " with changes" if changed else ""
    for name in NAMED_LIBRARIES:
        try:
            context[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {name: value for name, value in context.items() if value}


def _git(workspace: Workspace, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=workspace.root, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


__all__ = [
    "Listener",
    "RunOutcome",
    "RunResult",
    "Silent",
    "advance_kept",
    "new_run_id",
    "run_plan",
    "run_result",
    "running",
]
