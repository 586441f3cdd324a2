"""Carrying a plan out as a Prefect flow run: the second engine, which writes the same ledger rows as the first."""

from __future__ import annotations

from graph import AssetGraphError
from graph.plan import Plan
from materializers.runner import Listener, RunResult, Silent, advance_kept, running
from materializers.workspace import Workspace

REMEDY = "or use --engine local; no server is ever started for you"


class NoPrefect(AssetGraphError):
    """Prefect is not installed, or there is no server that answers."""


def run_with_prefect(
    plan: Plan,
    workspace: Workspace,
    *,
    jobs: int | None = None,
    fail_fast: bool = False,
    listener: Listener | None = None,
) -> RunResult:
    """Carry out a plan in this process as a run of the flow that is compiled from it; see `run_plan`.

    Raises:
        NoPrefect: there is no Prefect, or no server at ``PREFECT_API_URL``.
    """
    require_server()
    from deployments.compile import compile_plan

    watched = listener or Silent()
    with running(workspace, plan, engine="prefect", listener=watched) as (scope, results):
        flow = compile_plan(
            plan, workspace, scope, results, jobs=jobs, listener=watched, fail_fast=fail_fast
        )
        state = flow(return_state=True)
        if len(results) < len(plan.steps):
            state.result()  # raises what ended the flow before all steps had ended
        advance_kept(plan, results, workspace, scope.run_id)
    return RunResult.of(...)


def require_server() -> str:
    """The address of the Prefect server that flows run against, which is known to answer.

    Raises:
        NoPrefect: with the remedy.
    """
    try:
        from prefect.client.orchestration import SyncPrefectClient
        from prefect.settings import get_current_settings
    except ModuleNotFoundError as error:
        raise NoPrefect(
            f"--engine prefect needs the package '{error.name}', which is not installed: install prefect, {REMEDY}"
        ) from error
