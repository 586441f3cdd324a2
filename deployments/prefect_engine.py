"""Carrying a plan out as a Prefect flow run: the second engine, which writes the same ledger rows as the first."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from graph import AssetGraphError
from graph.steps import Plan
from materializers.runner import Listener, RunResult
from materializers.workspace import Workspace

START = "run 'prefect server start' and set PREFECT_API_URL=http://127.0.0.1:4200/api"
OTHERWISE = "or use --engine local (no server is ever started for you)"


class NoPrefect(AssetGraphError):
    """Prefect is not installed, or there is no server that answers."""


def run_with_prefect(
    plan: Plan,
    workspace: Workspace,
    *,
    jobs: int | None = None,
    fail_fast: bool = False,
    listener: Listener | None = None,
    rehearse: bool = False,
) -> RunResult:
    """Carry out a plan in this process, as a run of the flow that is compiled from it; see `run_plan`.

    On Ctrl-C the run ends at once as in `run_plan`, but Prefect waits for the functions that are still running, until
    a second Ctrl-C. A server that goes away when the run has begun does not stop it.

    Raises:
        NoPrefect: there is no Prefect, or no server at ``PREFECT_API_URL``.
    """
    require_server()
    import httpx

    from deployments.compile import compile_plan

    runs: list[RunResult] = []
    flow = compile_plan(
        plan, workspace, runs.append, jobs=jobs, fail_fast=fail_fast, listener=listener, rehearse=rehearse
    )
    try:
        with _told_by_listener(listener):
            state = flow(return_state=True)
        if not runs:
            state.result()  # raises what ended the flow before its steps had ended
    except httpx.HTTPError as error:
        if not runs:
            raise NoPrefect(f"the Prefect server went away ({error}): start it again, {OTHERWISE}") from error
        lost = (
            "the Prefect server went away (%s): run %s is whole in the ledger, but its flow run shows no end"
        )
        logging.getLogger(__name__).warning(lost, error, runs[0].run_id)
    (run,) = runs
    return run


def require_server() -> str:
    """The address of the Prefect server that flows run against, after asking whether it answers.

    Raises:
        NoPrefect: with the remedies.
    """
    try:
        from prefect.client.orchestration import get_client
        from prefect.settings import get_current_settings
    except ModuleNotFoundError as error:
        missing = (
            f"the Prefect engine needs the package '{error.name}', which is not installed: install 'prefect'"
        )
        raise NoPrefect(f"{missing}, {OTHERWISE}") from error
    import httpx

    url = get_current_settings().api.url
    if not url:
        raise NoPrefect(
            f"the Prefect engine needs a server, and PREFECT_API_URL is not set: {START}, {OTHERWISE}"
        )
    try:
        with get_client(sync_client=True) as client:
            client.hello()
    except (httpx.HTTPError, RuntimeError) as error:  # RuntimeError: the server is of another major version
        shown = httpx.URL(url).copy_with(userinfo=b"")
        raise NoPrefect(f"no Prefect server answers at {shown} ({error}): {START}, {OTHERWISE}") from error
    return url


@contextmanager
def _told_by_listener(listener: Listener | None) -> Iterator[None]:
    """Somebody who listens tells of the steps: then Prefect tells its server of the task runs, not the terminal too."""
    from prefect.logging.handlers import PrefectConsoleHandler

    handlers = logging.getLogger().handlers if listener is not None else ()
    consoles = [handler for handler in handlers if isinstance(handler, PrefectConsoleHandler)]
    for console in consoles:
        console.addFilter(_is_not_of_a_task)
    try:
        yield
    finally:
        for console in consoles:
            console.removeFilter(_is_not_of_a_task)


def _is_not_of_a_task(record: logging.LogRecord) -> bool:
    return not record.name.startswith("prefect.task_runs")
