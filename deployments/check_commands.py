"""The command that judges what is published: `assets check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deployments.answers import Answer
from deployments.command_options import EXIT_CODES, as_json, env, examples, partitions, selection

if TYPE_CHECKING:
    from deployments.materializing import Engine


@click.command(
    epilog=examples(
        "assets check                                    everything that is published",
        "assets check group:market                       one group",
        "assets check bars --partitions 2024-01          some partitions",
        "assets check --json | jq '.judged[] | select(.failing)'",
        closing=f"What fails stays visible, marked as failing. {EXIT_CODES}",
    )
)
@selection(otherwise="*")
@partitions
@click.option(
    "--engine",
    type=click.Choice(["local", "prefect"]),
    default="local",
    show_default=True,
    help="In this process, or as a Prefect flow.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Assets side by side; else one a processor."
)
@env
@as_json
def check(
    selection: str, partitions: str | None, engine: Engine, jobs: int | None, env: str | None
) -> Answer:
    """Judge what is published now, without building anything."""
    from deployments.checking import check as judge

    return judge(selection, partitions=partitions, engine=engine, jobs=jobs, environment=env)


COMMANDS: tuple[click.Command, ...] = (check,)
"""What is added to `assets`."""
