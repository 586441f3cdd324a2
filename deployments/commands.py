"""The command line: `materialize`, the main job, and `assets`, everything else. Options and help, nothing more.

Written on click itself: typer's own import and its pydantic parsing cost 0.1 s more at every start. What a command
does is imported when it is run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

import click

from deployments import check_commands, data_commands, environment_commands, reading_commands, sweep_commands
from deployments.answers import Answer, run_command
from deployments.command_options import (
    EXIT_CODES,
    SETTINGS,
    as_json,
    as_of,
    colours,
    config,
    engine,
    env,
    examples,
    force,
    limit,
    one_key,
    only,
    partitions,
    selection,
    take_over,
)
from deployments.effect_commands import effects
from deployments.key_commands import keys
from deployments.run_commands import runs

if TYPE_CHECKING:
    from deployments.materializing import Engine
    from materializers.workspace import Workspace


def materialize_main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The command `materialize`; ends the process with its exit code."""
    sys.exit(run_command(materialize, "materialize", arguments))


def assets_main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The command `assets`; ends the process with its exit code."""
    sys.exit(run_command(assets, "assets", arguments))


def _workspace(env: str | None, as_of: datetime | None = None) -> Workspace:
    from deployments.opening import workspace_for

    return workspace_for(env, as_of=as_of)


# --- materialize --------------------------------------------------------------------------------------------


@click.command(
    context_settings=SETTINGS,
    epilog=examples(
        "materialize portfolio_report            what it needs, and nothing that is up to date",
        "materialize group:market --plan         say what would be done, and why",
        "materialize 'prices or returns' --force",
        "materialize +order_proposals --config allocation/hrp_weights.lookback=120",
        "materialize '*' --engine prefect --jobs 4 --json",
        "materialize bars --partitions 2020-01-01..2024-12-31       a backfill; run it again to go on",
        "materialize bars --partitions 'missing in 2024'            what is not there; or: outdated",
        "materialize bars --plan --out plan.json                    look at it, then:",
        "materialize --apply plan.json                              exactly that, or a refusal",
        "materialize prices --as-of 2024-03-01 --to then",
        closing=EXIT_CODES,
    ),
)
@selection(needed=False)
@click.option("--plan", "plan_only", is_flag=True, help="Say what would be done, and do nothing.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="With --plan: save it in a file.",
)
@click.option(
    "--apply",
    "saved",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Carry out a saved plan, unless something moved.",
)
@click.option("--explain", is_flag=True, help="Say every step's reason first, also of what is kept.")
@partitions
@force
@only
@engine
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Steps side by side; else one a processor."
)
@click.option("--fail-fast", is_flag=True, help="Begin nothing new after the first failure.")
@click.option("--rehearse", is_flag=True, help="Perform no effect: say what would be done.")
@config
@env
@take_over
@as_of
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="With --as-of: where the values go.",
)
@as_json
def materialize(
    *,
    selection: str,
    plan_only: bool,
    out: Path | None,
    saved: Path | None,
    explain: bool,
    partitions: str | None,
    force: bool,
    only: bool,
    engine: Engine,
    jobs: int | None,
    fail_fast: bool,
    rehearse: bool,
    config: tuple[str, ...],
    env: str | None,
    take_over: bool,
    as_of: datetime | None,
    folder: Path | None,
) -> Answer:
    """Build the selected assets, and upstream of them whatever has to be built.

    SELECTION is a key (market/prices), its last part (prices), or any selection: +prices+1, group:market,
    tag:tier=gold, with and, or, not. With --as-of, they are computed again from what was published then, and
    nothing becomes visible.
    """
    from deployments import materializing

    if saved is not None:
        _refuse_beside_apply(
            bool(selection), plan_only, partitions is not None, force, only, as_of is not None
        )
        return materializing.apply_plan(
            saved,
            explained=explain,
            engine=engine,
            jobs=jobs,
            fail_fast=fail_fast,
            rehearse=rehearse,
            environment=env,
            settings=config,
            take_over=take_over,
        )
    _refuse_half(selection, plan_only, out)
    if as_of is not None:
        from deployments.replaying import replay

        if take_over or plan_only or engine != "local":
            raise click.UsageError("--as-of goes with neither --plan, --take-over nor --engine prefect")
        return replay(
            selection,
            as_of,
            partitions=partitions,
            folder=folder,
            environment=env,
            settings=config,
            jobs=jobs,
        )
    if folder is not None:
        raise click.UsageError("--to goes with --as-of; to copy what is published: assets export")
    if plan_only:
        return materializing.plan_selection(
            selection,
            partitions=partitions,
            force=force,
            only=only,
            every=explain,
            jobs=jobs,
            out=out,
            environment=env,
            settings=config,
        )
    return materializing.materialize(
        selection,
        partitions=partitions,
        force=force,
        only=only,
        explained=explain,
        engine=engine,
        jobs=jobs,
        fail_fast=fail_fast,
        rehearse=rehearse,
        environment=env,
        settings=config,
        take_over=take_over,
    )


def _refuse_beside_apply(*given: bool) -> None:
    if any(given):
        raise click.UsageError(
            "--apply carries out what was planned: it takes no SELECTION, --plan, --partitions, --force, --only"
            " or --as-of"
        )


def _refuse_half(selection: str, plan_only: bool, out: Path | None) -> None:
    if not selection:
        raise click.UsageError("say what to build: materialize SELECTION, or --apply FILE")
    if out is not None and not plan_only:
        raise click.UsageError("--out saves what --plan says: give both")


# --- assets -------------------------------------------------------------------------------------------------


@click.group(
    context_settings=SETTINGS,
    epilog=examples(
        "assets list group:market",
        "assets show prices",
        "assets lineage portfolio_report --svg lineage.svg",
        'assets sql "select symbol, count(*) from market.prices group by all"',
        "assets COMMAND --help                   examples of each",
        closing="To build assets: materialize SELECTION.",
    ),
)
def assets() -> None:
    """Look at assets: what there is, how it is doing, what happened, and the data themselves."""


@assets.command(
    "list", epilog=examples("assets list", "assets list +order_proposals", "assets list group:market --json")
)
@selection(otherwise="*")
@limit(200)
@as_json
def list_(selection: str, limit: int) -> Answer:
    """Say what assets there are."""
    from deployments.asset_list import list_assets
    from deployments.opening import project_graph

    _, graph = project_graph()
    return list_assets(graph, selection, limit=limit, colours=colours())


@assets.command(epilog=examples("assets show prices", "assets show market/prices --json"))
@one_key
@env
@as_json
def show(key: str, env: str | None) -> Answer:
    """Tell all that is known of one asset.

    Its place, what goes in, what its code reaches, its checks and their verdicts, and what is published.
    """
    from deployments.asset_report import show_asset

    return show_asset(_workspace(env), key, now=datetime.now(UTC), colours=colours())


@assets.command(epilog=examples("assets plan portfolio_report", "assets plan '*' --all --json"))
@selection()
@partitions
@force
@only
@click.option("--all", "every", is_flag=True, help="Also what is kept.")
@config
@env
@as_json
def plan(
    *,
    selection: str,
    partitions: str | None,
    force: bool,
    only: bool,
    every: bool,
    config: tuple[str, ...],
    env: str | None,
) -> Answer:
    """Say what `materialize` would do, and why."""
    from deployments.materializing import plan_selection

    return plan_selection(
        selection,
        partitions=partitions,
        force=force,
        only=only,
        every=every,
        environment=env,
        settings=config,
    )


@assets.command(
    epilog=examples(
        "assets lineage prices                   what it is made from, and what is made from it",
        "assets lineage prices --depth 1",
        "assets lineage --svg all.svg            a picture of everything",
        "assets lineage group:market --mermaid   a diagram for a README",
    )
)
@selection(otherwise="*")
@click.option(
    "--depth", type=click.IntRange(min=0), metavar="N", help="So many steps up and down from one asset."
)
@click.option("--mermaid", is_flag=True, help="A mermaid flowchart instead of a tree.")
@click.option(
    "--svg", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write a picture."
)
@as_json
def lineage(selection: str, depth: int | None, mermaid: bool, svg: Path | None) -> Answer:
    """Draw what is made from what.

    Around one asset, or among those selected.
    """
    from deployments.lineage_views import show_lineage
    from deployments.opening import project_graph

    _, graph = project_graph()
    return show_lineage(graph, selection, depth=depth, form="mermaid" if mermaid else "tree", svg=svg)


@assets.command(
    epilog=examples(
        "assets status",
        "assets status group:market --json",
        "assets status bars --partitions             each partition, in a calendar",
        "assets status bars --outdated               also what a plan would build anew",
        "assets status bars --svg bars.svg",
    )
)
@selection(otherwise="*")
@click.option("--partitions", is_flag=True, help="Each partition of those that have some.")
@click.option("--outdated", is_flag=True, help="The same, and which are outdated; it costs a plan.")
@click.option(
    "--svg",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the partitions as a picture.",
)
@limit(200)
@env
@as_json
def status(
    *, selection: str, partitions: bool, outdated: bool, svg: Path | None, limit: int, env: str | None
) -> Answer:
    """Say how fresh and how sound the data are.

    By what the ledger knows; no source is looked at, but for --outdated.
    """
    if partitions or outdated or svg is not None:
        from deployments.partition_matrix import show_matrices

        return show_matrices(
            _workspace(env), selection, limit=limit, colours=colours(), outdated=outdated, svg=svg
        )
    from deployments.status_view import show_status

    return show_status(_workspace(env), selection, now=datetime.now(UTC), limit=limit, colours=colours())


@assets.command(epilog=examples("assets history prices", "assets history prices --limit 3 --json"))
@one_key
@limit(20)
@env
@as_json
def history(key: str, limit: int, env: str | None) -> Answer:
    """List the attempts to make an asset."""
    from deployments.run_views import show_history

    return show_history(_workspace(env), key, limit=limit, colours=colours())


@assets.command(epilog=examples("assets new weather", "assets new ~/projects/weather"))
@click.argument("place", metavar="NAME", type=click.Path(path_type=Path))
@as_json
def new(place: Path) -> Answer:
    """Make a new project to grow from.

    A package with two assets, their checks and a test, that works at once.
    """
    from deployments.new_project import new_project

    return new_project(place.expanduser())


@assets.command(
    "check-definitions", epilog=examples("assets check-definitions", "assets check-definitions --json")
)
@config
@as_json
def check_definitions(config: tuple[str, ...]) -> Answer:
    """Say everything that is wrong.

    Loads every declaration, config and code digest; for CI and before a commit.
    """
    from deployments.definitions_check import check_definitions as check
    from deployments.opening import workspace_for

    return check(workspace_for(None, config))


@assets.command(
    epilog=examples(
        'eval "$(assets completion bash)"        in ~/.bashrc',
        'eval "$(assets completion zsh)"         in ~/.zshrc',
        "assets completion fish | source         in config.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: Literal["bash", "zsh", "fish"]) -> None:
    """Print a shell's completion script.

    It completes both commands, their options and the keys of assets.
    """
    from click.shell_completion import get_completion_class

    scripts = get_completion_class(shell)
    if scripts is not None:
        for name, command in (("materialize", materialize), ("assets", assets)):
            click.echo(scripts(command, {}, name, f"_{name.upper()}_COMPLETE").source())


assets.add_command(effects)
assets.add_command(keys)
assets.add_command(runs)
for _module in (check_commands, reading_commands, environment_commands, data_commands, sweep_commands):
    for _command in _module.COMMANDS:
        assets.add_command(_command)
