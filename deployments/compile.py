"""From a plan to a Prefect flow: a task for each step that may change something, run when what it needs has ended.

What a task does is `materializers.step.perform`, as in the local engine: the step loads and stores its values, decides
from the ledger whether it can run, counts its attempts and minds its time-out. So Prefect keeps no results, retries
nothing, and lets a step run after a failed one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, assert_never, cast

from deployments.asset_events import MOST_CHARACTERS, announce
from graph import AssetGraphError
from graph.plan import Hold, Plan, Step, step_id
from materializers.ordering import Ended, in_order
from materializers.runner import Listener, RunResult, Silent, advance_kept, new_run_id, run_result, running
from materializers.step import Result, RunScope, perform
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
) -> Flow[[], State[None]]:
    """A flow that carries out ``plan``, once; its flow run and the run in the ledger bear the same name.

    Args:
        ended: is told how a run ended, before its flow run ends.
        jobs: how many steps run side by side; as many as there are processors, at most 8.
        fail_fast: start nothing new after the first failure or rejection.
    """
    from prefect import Flow
    from prefect.task_runners import ThreadPoolTaskRunner

    watched, run_id = listener or Silent(), new_run_id(workspace.clock())
    threads: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(jobs or min(8, os.cpu_count() or 1))

    def carry_out() -> State[None]:
        with running(workspace, plan, engine="prefect", listener=watched, run_id=run_id) as (scope, results):
            results.extend(_Tasks(plan, workspace, scope, watched).carry_out(fail_fast=fail_fast))
            advance_kept(plan, results, workspace, scope.run_id)
        run = run_result(plan, results, workspace, scope.run_id)
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


def task_of(step: Step, workspace: Workspace, carry_out: Callable[[Step], Result]) -> Task[[], State[None]]:
    """The task of one step, named as the plan names it: ``market/prices``, ``market/bars@2024-01-02``.

    Its only tags are the asset's concurrency limits: for every tag Prefect asks the server for a slot before the task
    may begin, which takes longer than many a step.
    """
    from prefect import Task
    from prefect.cache_policies import NO_CACHE

    asset, name = workspace.graph[step.key], step_id(step.key, step.partition)

    def perform_step() -> State[None]:
        result = carry_out(step)
        announce(result, workspace)
        return task_state(result)

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


def task_state(result: Result) -> State[None]:
    """How a task run ends in Prefect's eyes; never in a state that keeps what comes after it from running."""
    from prefect.states import Cancelled, Completed, Failed, Pending

    reason = result.reason[:MOST_CHARACTERS]
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

    message = ", ".join(f"{count} {outcome}" for outcome, count in run.counts().items()) or "nothing to do"
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


class _Tasks:
    """The tasks of one flow run. Each is submitted when its needs have ended, so that no thread waits for another."""

    def __init__(self, plan: Plan, workspace: Workspace, scope: RunScope, listener: Listener) -> None:
        self.plan = plan
        self.workspace = workspace
        self.scope = scope
        self.listener = listener
        self.ended: Ended = SimpleQueue()
        self.outcomes: dict[str, Result | BaseException] = {}
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

        name = step_id(step.key, step.partition)
        before = [allow_failure(self.futures[need]) for need in needs if need in self.futures]
        task = task_of(step, self.workspace, self._perform)
        self.futures[name] = task.submit(return_state=False, wait_for=before)
        self.futures[name].add_done_callback(lambda _: self.ended.put(self._outcome(name)))

    def _perform(self, step: Step) -> Result:
        """In a thread of the task runner."""
        name = step_id(step.key, step.partition)
        self.listener.step_started(step)
        try:
            result = perform(step, self.workspace, self.scope)
        except BaseException as error:  # the flow's thread raises it: a fault of ours, or a full disk
            self.outcomes[name] = error
            raise
        self.outcomes[name] = result
        return result

    def _without_task(self, step: Step) -> Result:
        from prefect.logging import get_run_logger

        if isinstance(step, Hold):
            get_run_logger().warning("%s is held: %s", step_id(step.key, step.partition), step.reason.text)
        return perform(step, self.workspace, self.scope)

    def _outcome(self, name: str) -> Result | BaseException:
        """What came of a task that has ended."""
        if name in self.outcomes:
            return self.outcomes[name]
        state = self.futures[name].state
        return TaskLost(f"the task of '{name}' ended as {state.name} before its step began: {state.message}")


def _literal(name: str) -> str:
    """A name that Prefect's templates leave as it is."""
    return name.replace("{", "{{").replace("}", "}}")
