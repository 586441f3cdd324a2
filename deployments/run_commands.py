"""The commands of `assets runs`: options and help, nothing more."""

from __future__ import annotations

import click

from deployments.answers import Answer
from deployments.command_options import as_json, colours, complete_keys, examples, limit


@click.group(epilog=examples("assets runs list", "assets runs show last", "assets runs logs last prices"))
def runs() -> None:
    """Look at runs, and stop them. RUN is an id, the beginning of one, or `last`."""


@runs.command("list", epilog=examples("assets runs list", "assets runs list --limit 100 --json"))
@limit(20)
@as_json
def list_runs(limit: int) -> Answer:
    """List the runs, newest first."""
    from deployments import run_views
    from deployments.opening import project_ledger

    return run_views.list_runs(project_ledger(), limit=limit, colours=colours())


@runs.command("show", epilog=examples("assets runs show last", "assets runs show 20261122-0545"))
@click.argument("run")
@limit(200)
@as_json
def show_run(run: str, limit: int) -> Answer:
    """Tell what a run worked with and what it did."""
    from deployments import run_views
    from deployments.opening import project_ledger

    return run_views.show_run(project_ledger(), run, limit=limit, colours=colours())


@runs.command("cancel", epilog=examples("assets runs cancel last", "assets runs cancel 20261122-0545 --yes"))
@click.argument("run")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def cancel(run: str, yes: bool) -> Answer:
    """Ask a run to stop.

    What it has published stays.
    """
    from deployments import run_views
    from deployments.opening import project_ledger

    ledger = project_ledger()
    found = run_views.running_run(ledger, run)
    if not yes:
        click.confirm(f"Stop run {found.id} ({found.selection})?", abort=True, err=True)
    return run_views.cancel_run(ledger, found)


@runs.command("logs", epilog=examples("assets runs logs last", "assets runs logs last market/prices"))
@click.argument("run")
@click.argument("key", required=False, shell_complete=complete_keys)
@as_json
def logs(run: str, key: str | None) -> Answer:
    """Print what a run's steps said.

    What they printed and logged, and the errors that they ended with.
    """
    from deployments import run_views
    from deployments.opening import project_ledger

    return run_views.show_logs(project_ledger(), run, key)
