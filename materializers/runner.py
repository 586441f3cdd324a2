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
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from graph import AssetGraphError
from graph.partition_set import PartitionSet
from graph.plan_text import to_json
from graph.steps import Plan, Step, name_of
from materializers.concluding import conclude
from materializers.ledger import AttemptRecord, Definition, LedgerError, RunRecord
from materializers.ordering import Ended, StepDone, in_order
from materializers.output import captured
from materializers.serving import GivenUp, ServedOtherwise, keys_of_work, served_otherwise
from materializers.step import Result, RunScope, perform, units
from materializers.telling import subscribe, tell_outside
from materializers.workspace import Workspace

HEARTBEAT_S = 1.0
RENEWALS = 4  # in the time of one lease
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

    def step_waits(self, key: str, run_id: str) -> None:
        """Another run holds what a step is about to make, and has held it for a while."""

    def step_ended(self, result: Result) -> None:
        """Some partitions of a step have ended."""


class Silent:
    """Nobody watches."""

    def run_started(self, run_id: str, plan: Plan, found: tuple[AttemptRecord, ...]) -> None:
        """See `Listener`."""

    def step_started(self, step: Step) -> None:
        """See `Listener`."""

    def step_progressed(self, step: Step, done: float, total: float) -> None:
        """See `Listener`."""

    def step_waits(self, key: str, run_id: str) -> None:
        """See `Listener`."""

    def step_ended(self, result: Result) -> None:
        """See `Listener`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended, with each step's result in the plan's order.

    ``told`` are lines of what the world outside was told: copies that were made, events that were delivered.
    """

    run_id: str
    plan: Plan
    results: tuple[Result, ...]
    outcome: RunOutcome
    told: tuple[str, ...] = ()

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
    workspace: Workspace,
    plan: Plan,
    *,
    engine: str,
    listener: Listener,
    run_id: str | None = None,
    rehearse: bool = False,
) -> Iterator[tuple[RunScope, list[Result]]]:
    """A run that is on record and shows signs of life, on either engine; put the results into the list.

    Raises:
        ServedOtherwise: another checkout serves the environment with other definitions of what would be built.
    """
    definitions = require_served(workspace, plan)
    scope = RunScope(
        run_id=run_id or new_run_id(workspace.clock()),
        horizon=workspace.horizon(plan.made_at),
        sequence=plan.sequence,
        automatic=plan.automatic,
        rehearse=rehearse,
        progressed=listener.step_progressed,
        waits=listener.step_waits,
    )
    record = RunRecord(
        id=scope.run_id,
        environment=plan.environment,
        selection=plan.selection,
        engine=engine,
        started_at=workspace.clock(),
        context=run_context(workspace) if plan.work() else {},
        plan=to_json(plan) if plan.work() else "",
    )
    subscribe(workspace)
    found = workspace.ledger.begin_run(record)
    try:
        _serve(workspace, plan.environment, definitions, scope.run_id)
    except AssetGraphError:
        workspace.ledger.end_run(scope.run_id, "cancelled")
        raise
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


def require_served(workspace: Workspace, plan: Plan) -> Mapping[str, Definition]:
    """The definitions of what a plan would build, where this checkout may serve the environment with them.

    Raises:
        ServedOtherwise: another checkout serves it with others.
        GivenUp: an asset has another key now.
    """
    keys = keys_of_work(plan)
    if not keys:
        return {}
    definitions = {key: workspace.definition(key) for key in keys}
    if not workspace.take_over:
        on_record = workspace.ledger.definitions(plan.environment, keys)
        otherwise = served_otherwise(definitions, on_record, workspace.checkout)
        if otherwise:
            raise ServedOtherwise(plan.environment, workspace.checkout, otherwise)
        for old, new in workspace.ledger.aliases().items():
            if old in definitions and old not in on_record:
                raise GivenUp(old, new)
    return definitions


def _serve(
    workspace: Workspace, environment: str, definitions: Mapping[str, Definition], run_id: str
) -> None:
    """Put on record with what the environment is served; somebody may have been faster."""
    otherwise = workspace.ledger.record_definitions(
        environment,
        definitions,
        checkout=workspace.checkout,
        run_id=run_id,
        take_over=workspace.take_over,
    )
    if otherwise:
        found = {key: (definitions[key], theirs) for key, theirs in otherwise.items()}
        raise ServedOtherwise(environment, workspace.checkout, found)


def _beat(workspace: Workspace, scope: RunScope, ended: threading.Event, cancelled: threading.Event) -> None:
    beats = 0
    lease_s = workspace.ledger.lease.total_seconds()
    beat_s = min(HEARTBEAT_S, lease_s / (2 * RENEWALS))
    renew_every = max(1, int(lease_s / RENEWALS / beat_s))  # beats
    while not ended.wait(beat_s):
        beats += 1
        try:
            if beats % renew_every == 0:
                workspace.ledger.renew(scope.run_id)
            if not scope.stop.is_set() and workspace.ledger.cancelled(scope.run_id):
                cancelled.set()
                scope.stop.set()
        except LedgerError:  # busy for now: the next beat tries again, long before the lease ends
            beats = renew_every - 1


def _outcome(results: list[Result]) -> RunOutcome:
    outcomes = {result.outcome for result in results}
    held = {result.kind for result in results if result.outcome == "held"}
    failing = any(result.step.reason.kind == "failing" for result in results)
    if "failed" in outcomes or "not observed" in held:
        return "failed"
    if "interrupted" in outcomes or "cancelled" in outcomes:
        return "cancelled"
    if failing or "rejected" in outcomes or held & {"rejected before", "in trouble"}:
        return "rejected"
    if "failed before" in held:
        return "failed"
    return "failed" if "waits" in held and "rehearsed" not in held else "succeeded"


def run_plan(
    plan: Plan,
    workspace: Workspace,
    *,
    jobs: int | None = None,
    fail_fast: bool = False,
    listener: Listener | None = None,
    rehearse: bool = False,
) -> RunResult:
    """Carry out a plan.

    What does not depend on a failed or rejected step still runs; with ``fail_fast`` nothing new starts after the
    first failure. On Ctrl-C, running attempts are recorded as interrupted and their results discarded.

    Args:
        jobs: how many partitions are made side by side; as many as there are processors, at most 8.
        rehearse: record effects as they would be; nothing of that becomes visible.
    """
    watched = listener or Silent()
    with running(workspace, plan, engine="local", listener=watched, rehearse=rehearse) as (scope, results):
        workers = _Workers(workspace, scope, watched)
        most = min(sum(len(step.partitions) for step in plan.work()), max(1, jobs or default_jobs()))
        workers.start(most)
        try:
            found = in_order(
                plan,
                scope,
                workers.begin,
                lambda step: perform(step, step.partitions, workspace, scope),
                workers.ended,
                listener=watched,
                fail_fast=fail_fast,
            )
        finally:
            workers.dismiss()
        results.extend(found)
        conclude(plan, results, workspace, scope)
        told = tell_outside(results, workspace)
    return run_result(plan, results, workspace, scope.run_id, told=told)


def default_jobs() -> int:
    """How much is made side by side when nobody says it."""
    return min(8, os.cpu_count() or 1)


def run_result(
    plan: Plan, results: list[Result], workspace: Workspace, run_id: str, *, told: tuple[str, ...] = ()
) -> RunResult:
    """How a run ended that is not running any more, on either engine."""
    order = {name_of(step): index for index, step in enumerate(plan.steps)}
    ordered = sorted(
        results, key=lambda result: (order[name_of(result.step)], next(result.partitions.ranges(), None))
    )
    ended: RunOutcome = workspace.ledger.run(run_id).outcome or "interrupted"  # type: ignore[assignment]  # what `running` wrote
    return RunResult(run_id=run_id, plan=plan, results=tuple(ordered), outcome=ended, told=told)


class _Workers:
    """Threads that make the partitions they are given. Daemon threads: a stopped run does not wait for them."""

    def __init__(self, workspace: Workspace, scope: RunScope, listener: Listener) -> None:
        self._workspace, self._scope, self._listener = workspace, scope, listener
        self._given: queue.SimpleQueue[_Share | None] = queue.SimpleQueue()
        self._threads = 0
        self.ended: Ended = queue.SimpleQueue()

    def start(self, count: int) -> None:
        """Have ``count`` threads ready."""
        self._threads = count
        for number in range(count):
            threading.Thread(target=self._work, name=f"step-{number}", daemon=True).start()

    def begin(self, step: Step, _: list[str]) -> None:
        """Share a step among the threads, unless its partitions depend on each other."""
        portions = units(step, self._workspace, self._scope)
        share = _Share(step, portions)
        alone = self._workspace.graph[step.key].depends_on_itself
        share.hands = 1 if alone else min(self._threads, len(step.partitions))
        for _hand in range(share.hands):
            self._given.put(share)

    def dismiss(self) -> None:
        """Nothing more will be given."""
        for _ in range(self._threads):
            self._given.put(None)

    def _work(self) -> None:
        while (share := self._given.get()) is not None:
            try:
                self._take_part(share)
            except BaseException as error:  # noqa: BLE001  # the main thread raises it: a fault of ours, or a full disk
                self.ended.put(error)

    def _take_part(self, share: _Share) -> None:
        while (unit := share.next()) is not None:
            if share.first():
                self._listener.step_started(share.step)
            for result in perform(share.step, unit, self._workspace, self._scope):
                self.ended.put(result)
        if share.last():
            self.ended.put(StepDone(name_of(share.step)))


class _Share:
    """A step that several threads carry out: each takes the next portion until there is none."""

    def __init__(self, step: Step, portions: Iterator[PartitionSet]) -> None:
        self.step = step
        self.hands = 0
        self._portions = portions
        self._begun = False
        self._lock = threading.Lock()

    def next(self) -> PartitionSet | None:
        """The next portion; None when there is no more."""
        with self._lock:
            return next(self._portions, None)

    def first(self) -> bool:
        """True once: for whoever begins the step."""
        with self._lock:
            begun, self._begun = self._begun, True
            return not begun

    def last(self) -> bool:
        """A thread leaves; True for the last one."""
        with self._lock:
            self.hands -= 1
            return self.hands == 0


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
    "default_jobs",
    "new_run_id",
    "require_served",
    "run_plan",
    "run_result",
    "running",
]
