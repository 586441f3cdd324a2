"""What a plan becomes in Prefect: a flow, its tasks and their states. Nothing here needs a server."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

from deployments.asset_events import asset_uri
from deployments.compile import compile_plan, flow_state, task_of, task_state
from graph import Daily, Execution, Labels, Out, asset, multi_asset
from graph.partition_set import EMPTY, ONLY
from graph.reasons import Reason
from graph.state import Outcome
from graph.steps import Materialize, Step, name_of
from materializers import in_memory
from materializers.runner import RunOutcome, RunResult
from materializers.step import Result

if TYPE_CHECKING:
    from prefect import Flow, Task
    from prefect.states import State

STEP = Materialize(key="a/b", reason=Reason.never_built(), when="always", outputs=("a/b",), served=EMPTY)


def tasks_of(*declared: Callable[..., Any]) -> dict[str, Task[[], State[None]]]:
    """By the name of the step, the task of each step of a plan for everything."""
    workspace = in_memory(declared)

    def refuse(step: Step) -> list[Result]:
        raise AssertionError(f"nobody asked for {step.key}")

    return {name_of(step): task_of(step, workspace, refuse) for step in workspace.plan("*").steps}


def flow_of(*declared: Callable[..., Any], jobs: int | None = None) -> Flow[[], State[None]]:
    workspace = in_memory(declared)
    return compile_plan(workspace.plan("*"), workspace, jobs=jobs)


@asset(name="market/prices", run=Execution(retries=3, timeout=timedelta(seconds=5), concurrency=("vendor",)))
def prices() -> int:
    """Daily bars."""
    return 1


@asset(name="market/returns", labels=Labels(tags={"tier": "gold"}, owners=("team:quant",)))
def returns(prices: int) -> int:
    return prices


@asset(name="market/bars", partitions=Daily(start="2024-01-02", end="2024-01-03"))
def bars() -> int:
    return 1


@multi_asset(Out(name="market/high"), Out(name="market/low"))
def extremes(prices: int) -> dict[str, int]:
    return {"market/high": prices, "market/low": prices}


def test_a_task_a_step_in_topological_order_named_as_in_the_plan() -> None:
    tasks = tasks_of(returns, prices, bars, extremes)
    assert list(tasks).index("market/prices") < list(tasks).index("market/returns")
    assert set(tasks) == {
        "market/prices",
        "market/returns",
        "market/bars@2024-01-02..2024-01-03",
        "market/high",
    }
    assert all(task.name == task.task_run_name == name for name, task in tasks.items())


def test_the_step_counts_attempts_and_minds_the_time_out_so_prefect_does_not() -> None:
    task = tasks_of(prices)["market/prices"]
    assert (task.retries, task.timeout_seconds) == (0, None)


def test_values_travel_through_storage_and_never_through_prefect_results() -> None:
    task = tasks_of(prices)["market/prices"]
    assert task.cache_policy == NO_CACHE
    assert task.persist_result is False
    assert flow_of(prices).persist_result is False


def test_the_only_tags_are_concurrency_limits_because_each_tag_costs_a_request() -> None:
    tasks = tasks_of(prices, returns)
    assert tasks["market/prices"].tags == {"vendor"}
    assert tasks["market/returns"].tags == set()


def test_a_task_is_described_as_its_asset_is() -> None:
    tasks = tasks_of(prices, returns)
    assert tasks["market/prices"].description == "Daily bars."
    assert tasks["market/returns"].description == "Asset market/returns."


@pytest.mark.parametrize(
    ("jobs", "workers"),
    [pytest.param(3, 3, id="as many as asked for"), pytest.param(None, 8, id="at most 8")],
)
def test_the_flow_runs_so_many_steps_side_by_side(jobs: int | None, workers: int) -> None:
    runner = flow_of(prices, jobs=jobs).task_runner
    assert isinstance(runner, ThreadPoolTaskRunner)
    assert 1 <= runner._max_workers <= workers


def test_a_flow_run_is_named_by_its_selection_and_run() -> None:
    flow = flow_of(prices)
    assert (flow.name, flow.retries) == ("materialize", 0)
    assert re.fullmatch(r"\* \d{8}-\d{6}-[0-9a-f]{6}", str(flow.flow_run_name))


@pytest.mark.parametrize(
    ("outcome", "kind", "name"),
    [
        pytest.param("published", "COMPLETED", "Completed", id="published completes"),
        pytest.param("kept", "COMPLETED", "Kept", id="kept by early cutoff completes"),
        pytest.param("adopted", "COMPLETED", "Adopted", id="an adopted version completes"),
        pytest.param("skipped", "COMPLETED", "Skipped", id="a skip is no failure"),
        pytest.param("rejected", "FAILED", "Rejected", id="held back by a check fails"),
        pytest.param("failed", "FAILED", "Failed", id="failed fails"),
        pytest.param("interrupted", "FAILED", "Interrupted", id="a lost claim fails"),
        pytest.param("held", "PENDING", "NotReady", id="what waits for upstream is not ready"),
        pytest.param("cancelled", "CANCELLED", "Cancelled", id="stopped is cancelled"),
    ],
)
def test_the_state_of_a_task_run_says_how_its_step_ended(outcome: Outcome, kind: str, name: str) -> None:
    state = task_state([Result(step=STEP, partitions=ONLY, outcome=outcome, reason="because")])
    assert (state.type.value, state.name, state.message) == (kind, name, "because")


@pytest.mark.parametrize(
    ("outcome", "kind", "name"),
    [
        pytest.param("succeeded", "COMPLETED", "Completed", id="succeeded"),
        pytest.param("failed", "FAILED", "Failed", id="failed"),
        pytest.param("rejected", "FAILED", "Rejected", id="rejected"),
        pytest.param("cancelled", "CANCELLED", "Cancelled", id="cancelled"),
        pytest.param("interrupted", "CANCELLED", "Cancelled", id="interrupted"),
    ],
)
def test_the_state_of_a_flow_run_counts_its_steps(outcome: RunOutcome, kind: str, name: str) -> None:
    ended: tuple[Outcome, ...] = ("published", "kept", "published")
    results = tuple(Result(step=STEP, partitions=ONLY, outcome=one) for one in ended)
    plan = in_memory([prices]).plan("*")
    state = flow_state(RunResult(run_id="run-1", plan=plan, results=results, outcome=outcome))
    assert (state.type.value, state.name, state.message) == (kind, name, "2 published, 1 kept")


def test_an_asset_is_one_resource_whatever_its_partitions() -> None:
    assert asset_uri("market/bars") == "assets://market/bars"


def test_prefect_is_imported_only_when_something_is_compiled() -> None:
    code = "import sys, deployments.compile, deployments.prefect_engine; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
