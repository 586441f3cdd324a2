"""From a plan to a Prefect flow: a task for each step that may change something, run when what it needs has ended.

What a task does is `materializers.step.perform`, as in the local engine: the step loads and stores its values, decides
from the ledger whether it can run, counts its attempts and minds its time-out. So Prefect keeps no results, retries
nothing, and lets a step run after a failed one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, assert_never, cast

from deployments.asset_events import MOST_CHARACTERS, announce
from graph import AssetGraphError
from graph.partition_set import PartitionSet
from graph.state import Outcome
from graph.steps import Hold, Plan, Step, name_of
from materializers.concluding import conclude
from materializers.ordering import Ended, StepDone, in_order
from materializers.runner import (
    Listener,
    RunResult,
    Silent,
    default_jobs,
    new_run_id,
    run_result,
    running,
)
from materializers.step import Result, RunScope, perform, units
from materializers.telling import tell_outside
from materializers.workspace import Workspace

if TYPE_CHECKING:
    from prefect import Flow, Task
    from prefect.client.schemas import State
    from prefect.futures import PrefectFuture
    from prefect.task_runners import TaskRunner

FLOW_NAME = "materialize"


class TaskLost(AssetGraphError):
    """Prefect ended a task before its step could run."""


def compile_plan(
    plan: Plan,
    workspace: Workspace,
    ended: Callable[[RunResult], None] | None = None,
    *,
    jobs: int | None = None,
    fail_fast: bool = False,
    listener: Listener | None = None,
    rehearse: bool = False,
) -> Flow[[], State[None]]:
    """A flow that carries out ``plan``, once; its flow run and the run in the ledger bear the same name.

    Args:
        ended: is told how a run ended, before its flow run ends.
        jobs: how many partitions are made side by side; as many as there are processors, at most 8.
        fail_fast: start nothing new after the first failure or rejection.
        rehearse: record effects as they would be.
    """
    from prefect import Flow
    from prefect.task_runners import ThreadPoolTaskRunner

    watched, run_id = listener or Silent(), new_run_id(workspace.clock())
    threads: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(jobs or default_jobs())

    def carry_out() -> State[None]:
        began = running(workspace, plan, engine="prefect", listener=watched, run_id=run_id, rehearse=rehearse)
        with began as (scope, results):
            tasks = _Tasks(plan, workspace, scope, watched, jobs=jobs or default_jobs())
            results.extend(tasks.carry_out(fail_fast=fail_fast))
            conclude(plan, results, workspace, scope)
            told = tell_outside(results, workspace)
        run = run_result(plan, results, workspace, scope.run_id, told=told)
        if ended is not None:
            ended(run)
        return flow_state(run)

    return Flow(
        carry_out,
        name=FLOW_NAME,
        flow_run_name=_literal(f"{plan.selection[:200]} {run_id}"),
        description="Materializes a selection of assets: one task run a step, in the order of the plan.",
        task_runner=cast("TaskRunner[PrefectFuture[Any]]", threads),
        retries=0,
        persist_result=False,
        log_prints=False,
    )


def task_of(
    step: Step, workspace: Workspace, carry_out: Callable[[Step], list[Result]]
) -> Task[[], State[None]]:
    """The task of one step, named as the plan names it: ``market/prices``, ``market/bars@2024-01-02``.

    Its only tags are the asset's concurrency limits: for every tag Prefect asks the server for a slot before the task
    may begin, which takes longer than many a step.
    """
    from prefect import Task
    from prefect.cache_policies import NO_CACHE

    asset, name = workspace.graph[step.key], name_of(step)

    def perform_step() -> State[None]:
        results = carry_out(step)
        for result in results:
            announce(result, workspace)
        return task_state(results)

    return Task(
        perform_step,
        name=name,
        task_run_name=_literal(name),
        description=asset.description or f"Asset {asset.key}.",
        tags=asset.execution.concurrency,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=0,
        log_prints=False,
    )


_GRAVEST: tuple[Outcome, ...] = (
    "failed",
    "rejected",
    "interrupted",
    "cancelled",
    "held",
    "skipped",
    "published",
    "adopted",
    "kept",
)


def task_state(results: Sequence[Result]) -> State[None]:
    """How a task run ends in Prefect's eyes: as the gravest of its partitions.

    Never in a state that keeps what comes after it from running.
    """
    from prefect.states import Cancelled, Completed, Failed, Pending

    result = min(results, key=lambda one: _GRAVEST.index(one.outcome))
    reason = result.reason[:MOST_CHARACTERS]
    if len(results) > 1:
        reason = f"{counts_of(results)}; {result.name}: {reason}"
    match result.outcome:
        case "published":
            return Completed(message=reason)
        case "adopted" | "kept" | "skipped":
            return Completed(name=result.outcome.capitalize(), message=reason)
        case "rejected" | "interrupted":
            return Failed(name=result.outcome.capitalize(), message=reason)
        case "failed":
            return Failed(message=reason)
        case "held":  # Prefect's own word for a task whose upstream is not there
            return Pending(name="NotReady", message=reason)
        case "cancelled":
            return Cancelled(message=reason)
        case _:
            assert_never(result.outcome)


def flow_state(run: RunResult) -> State[None]:
    """How a flow run ends in Prefect's eyes, with the number of steps by outcome."""
    from prefect.states import Cancelled, Completed, Failed

    message = counts_of(run.results) or "nothing to do"
    match run.outcome:
        case "succeeded":
            return Completed(message=message)
        case "rejected":
            return Failed(name="Rejected", message=message)
        case "failed":
            return Failed(message=message)
        case "cancelled" | "interrupted":
            return Cancelled(message=message)
        case _:
            assert_never(run.outcome)


def counts_of(results: Iterable[Result]) -> str:
    """How many results had which outcome: ``3 published, 1 rejected``."""
    found: dict[str, int] = {}
    for result in results:
        found[result.outcome] = found.get(result.outcome, 0) + 1
    return ", ".join(f"{count} {outcome}" for outcome, count in found.items())


class _Tasks:
    """The tasks of one flow run. Each is submitted when its needs have ended, so that no thread waits for another."""

    def __init__(
        self, plan: Plan, workspace: Workspace, scope: RunScope, listener: Listener, *, jobs: int
    ) -> None:
        self.plan = plan
        self.jobs = jobs
        self.slots = threading.BoundedSemaphore(jobs)
        self.workspace = workspace
        self.scope = scope
        self.listener = listener
        self.ended: Ended = SimpleQueue()
        self.broken: dict[str, BaseException] = {}
        self.done: set[str] = set()
        self.futures: dict[str, PrefectFuture[Any]] = {}

    def carry_out(self, *, fail_fast: bool) -> list[Result]:
        """Every step's result; call it in the flow's own thread."""
        return in_order(
            self.plan,
            self.scope,
            self._begin,
            self._without_task,
            self.ended,
            listener=self.listener,
            fail_fast=fail_fast,
        )

    def _begin(self, step: Step, needs: list[str]) -> None:
        from prefect import allow_failure

        name = name_of(step)
        before = [allow_failure(self.futures[need]) for need in needs if need in self.futures]
        task = task_of(step, self.workspace, self._perform)
        self.futures[name] = task.submit(return_state=False, wait_for=before)
        self.futures[name].add_done_callback(lambda _: self.ended.put(self._end(name)))

    def _perform(self, step: Step) -> list[Result]:
        """In a thread of the task runner."""
        name = name_of(step)
        self.listener.step_started(step)
        portions = units(step, self.workspace, self.scope)
        alone = len(step.partitions) == 1 or self.workspace.graph[step.key].depends_on_itself
        try:
            if alone:
                results = [result for unit in portions for result in self._unit(step, unit)]
            else:
                results = self._side_by_side(step, portions)
        except BaseException as error:  # the flow's thread raises it: a fault of ours, or a full disk
            self.broken[name] = error
            raise
        self.done.add(name)
        return results

    def _side_by_side(self, step: Step, portions: Iterable[PartitionSet]) -> list[Result]:
        """The partitions of one step in threads of its own; all steps together have no more than ``jobs`` at work."""
        with ThreadPoolExecutor(self.jobs, thread_name_prefix=step.key) as pool:
            begun = [pool.submit(copy_context().run, self._unit, step, unit) for unit in portions]
            try:
                return [result for future in begun for result in future.result()]
            except BaseException:
                self.scope.stop.set()
                raise

    def _unit(self, step: Step, unit: PartitionSet) -> list[Result]:
        with self.slots:
            results = perform(step, unit, self.workspace, self.scope)
        for result in results:
            self.ended.put(result)
        return results

    def _without_task(self, step: Step) -> list[Result]:
        from prefect.logging import get_run_logger

        if isinstance(step, Hold):
            get_run_logger().warning("%s is held: %s", name_of(step), step.reason.text)
        return perform(step, step.partitions, self.workspace, self.scope)

    def _end(self, name: str) -> StepDone | BaseException:
        """How a task has ended: all its results were told, or something went wrong."""
        if name in self.done:
            return StepDone(name)
        if name in self.broken:
            return self.broken[name]
        state = self.futures[name].state
        return TaskLost(f"the task of '{name}' ended as {state.name} before its step began: {state.message}")


def _literal(name: str) -> str:
    """A name that Prefect's templates leave as it is."""
    return name.replace("{", "{{").replace("}", "}}")
