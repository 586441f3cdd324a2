"""The flow of a check job: published data judged again on a schedule, without building.

A worker, or `serve`, loads it by its module: ``deployments.check_flow.check_published``. It plans when it runs.
"""

from __future__ import annotations

from prefect import flow
from prefect.logging import get_run_logger

from deployments.checking import checked
from deployments.compile import compile_plan, flow_state
from deployments.opening import workspace_for
from materializers.checking import plan_checks
from materializers.runner import RunResult


@flow(name="check-published", persist_result=False)
def check_published(
    selection: str = "*", partitions: str | None = None, environment: str | None = None
) -> object:
    """Ask the checks of a selection about what is published; the flow run fails where an error check does.

    Args:
        selection: which assets; all of them otherwise.
        partitions: of those that have partitions, only these, such as ``latest``.
        environment: otherwise the project's.
    """
    workspace = workspace_for(environment)
    runs: list[RunResult] = []
    plan = plan_checks(workspace, selection, partitions=partitions)
    state = compile_plan(plan, workspace, runs.append)(return_state=True)
    if not runs:  # something ended it before its steps had ended
        return state
    (run,) = runs
    get_run_logger().info(checked(workspace, run))
    return flow_state(run)
