"""The commands about checks: `assets check` and `profile`, and `suite` and `data-docs` for Great Expectations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from deployments.answers import Answer
from deployments.command_options import (
    EXIT_CODES,
    as_json,
    engine,
    env,
    examples,
    one_key,
    partitions,
    selection,
    to_folder,
)

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
@engine
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


@click.command(
    epilog=examples(
        "assets suite market/prices > prices.json",
        "assets suite prices --out suites/prices.json",
        closing='In code, `checks=[*suite("prices.json")]` attaches one.',
    )
)
@one_key
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it into a file."
)
@as_json
def suite(key: str, out: Path | None) -> Answer:
    """An asset's checks as a suite of Great Expectations; what has no words there is named on stderr."""
    from deployments.expectation_files import export_suite

    return export_suite(key, out)


@click.command(
    epilog=examples(
        "assets profile market/prices",
        "assets profile bars --partitions 2024-01 > proposed.py",
        "assets profile prices --json | jq '.proposals[].code'",
        closing="What is proposed holds for what was looked at. Keep what is meant, and leave the rest out.",
    )
)
@one_key
@partitions
@env
@as_json
def profile(key: str, partitions: str | None, env: str | None) -> Answer:
    """Propose checks from what is published of an asset, as code to paste."""
    from deployments.profiling import profile as look

    return look(key, partitions=partitions, environment=env)


@click.command(
    "data-docs",
    epilog=examples("assets data-docs --to docs/data", "assets data-docs group:market --to pages --env dev"),
)
@selection(otherwise="*")
@to_folder
@env
@as_json
def data_docs(selection: str, folder: Path, env: str | None) -> Answer:
    """Great Expectations' own pages of what is published, and of what the checks said of it last."""
    from deployments.expectation_files import data_docs as write

    return write(selection, folder, environment=env)


COMMANDS: tuple[click.Command, ...] = (check, profile, suite, data_docs)
"""What is added to `assets`."""
