"""The commands about what is made by itself: `assets sweep`, `why`, `automation` and `run-continuous`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deployments.answers import Answer
from deployments.command_options import (
    EXIT_CODES,
    as_json,
    colours,
    config,
    engine,
    env,
    examples,
    one_key,
    selection,
)

if TYPE_CHECKING:
    from deployments.materializing import Engine


@click.command(
    epilog=examples(
        "assets sweep                            make what is due now, and nothing else",
        "assets sweep --dry-run                  say it, with the reasons",
        "assets sweep group:market --env dev --json",
        closing=EXIT_CODES,
    )
)
@selection(otherwise="*")
@click.option("--dry-run", is_flag=True, help="Say what is due and why, and do nothing.")
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Steps side by side; else one a processor."
)
@engine
@env
@as_json
def sweep(*, selection: str, dry_run: bool, jobs: int | None, engine: Engine, env: str | None) -> Answer:
    """Make what is due now.

    The assets whose automation holds, and the sources and volatile assets that make something too old.
    """
    from deployments.opening import workspace_for
    from deployments.sweep_view import sweep_assets

    return sweep_assets(workspace_for(env), selection, dry_run=dry_run, engine=engine, jobs=jobs)


@click.command(
    epilog=examples("assets why returns --tree", "assets why market/returns --partition 2024-01-05 --json")
)
@one_key
@click.option("--partition", metavar="TEXT", help="Only of these partitions; otherwise of the latest.")
@click.option("--tree", is_flag=True, help="Every part of its condition, with its answer.")
@env
@as_json
def why(*, key: str, partition: str | None, tree: bool, env: str | None) -> Answer:
    """Say why the next sweep makes an asset, or the first thing that holds it.

    With its freshness, what would be done with it when it is due, and its last attempts.
    """
    from deployments.opening import workspace_for
    from deployments.why_view import why_asset

    return why_asset(workspace_for(env), key, partition=partition, with_tree=tree)


@click.command(
    "run-continuous",
    epilog=examples(
        "assets run-continuous eta/predictions               until Ctrl-C or SIGTERM",
        "assets run-continuous eta/predictions --intervals 3",
    ),
)
@one_key
@click.option("--intervals", type=click.IntRange(min=1), metavar="N", help="End after so many.")
@config
@env
@as_json
def run_continuous(*, key: str, intervals: int | None, config: tuple[str, ...], env: str | None) -> Answer:
    """Call a continuous asset at its cadence, and publish a summary for each interval.

    What was counted survives a kill; one process at a time can run an asset.
    """
    from deployments.opening import workspace_for
    from deployments.run_continuously import run_continuously

    return run_continuously(workspace_for(env, config), key, intervals=intervals)


@click.group()
def automation() -> None:
    """Which assets are made by themselves. A sweep switches on what it is the first to see."""


@automation.command("list", epilog=examples("assets automation list"))
@selection(otherwise="*")
@env
@as_json
def automation_list(selection: str, env: str | None) -> Answer:
    """List the assets that have automation, and since when it is on."""
    from deployments.opening import workspace_for
    from deployments.sweep_view import list_automation

    return list_automation(workspace_for(env), selection, colours=colours())


@automation.command("on", epilog=examples("assets automation on group:market"))
@selection()
@env
@as_json
def automation_on(selection: str, env: str | None) -> Answer:
    """Switch automation on: nothing that happened before makes anything due."""
    from deployments.opening import workspace_for
    from deployments.sweep_view import switch_automation

    return switch_automation(workspace_for(env), selection, on=True)


@automation.command("off", epilog=examples("assets automation off market/prices"))
@selection()
@env
@as_json
def automation_off(selection: str, env: str | None) -> Answer:
    """Switch automation off, until somebody switches it on."""
    from deployments.opening import workspace_for
    from deployments.sweep_view import switch_automation

    return switch_automation(workspace_for(env), selection, on=False)


COMMANDS = (sweep, why, run_continuous, automation)
